"""The Context object: which members it has, where."""

from __future__ import annotations

from typing import Any

from tests.driver import Story

SQS = "arn:aws:states:::sqs:sendMessage"
EXECUTION = {
    "Id": "arn:aws:states:us-east-1:000000000000:execution:machine:run",
    "Input": {"a": 1},
    "StartTime": "2023-11-14T22:13:20.000Z",
    "Name": "run",
    "RoleArn": "arn:aws:iam::000000000000:role/flowd",
    "RedriveCount": 0,
}
MACHINE = {"Id": "arn:aws:states:us-east-1:000000000000:stateMachine:machine", "Name": "machine"}


def seen(state: dict[str, Any], **facts: Any) -> Any:
    machine = {"StartAt": "S", "States": {"S": {"End": True, "Parameters": {"c.$": "$$"}, **state}}}
    story = Story(machine, {"a": 1}, **facts).run()
    return story.output["c"]


def test_a_pass_sees_execution_machine_and_state() -> None:
    found = seen({"Type": "Pass"})
    state = {"Name": "S", "EnteredTime": "2023-11-14T22:13:20.000Z"}
    assert found == {"Execution": EXECUTION, "StateMachine": MACHINE, "State": state}
    assert list(found) == ["Execution", "StateMachine", "State"]
    assert list(found["Execution"]) == list(EXECUTION)


def test_a_task_has_a_retry_count_and_only_a_callback_a_token() -> None:
    assert seen({"Type": "Task", "Resource": SQS})["State"]["RetryCount"] == 0
    assert "Task" not in seen({"Type": "Task", "Resource": SQS})
    for pattern in ("waitForTaskToken",):
        assert set(seen({"Type": "Task", "Resource": f"{SQS}.{pattern}"})["Task"]) == {"Token"}
    job = "arn:aws:states:::states:startExecution.sync"
    assert set(seen({"Type": "Task", "Resource": job})["Task"]) == {"Token"}


def test_express_executions_know_nothing_of_redrives() -> None:
    assert "RedriveCount" not in seen({"Type": "Pass"}, type="EXPRESS")["Execution"]


def test_an_iteration_sees_its_item() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Parameters": {"m.$": "$$.Map"}, "End": True}}}
    machine = {"StartAt": "S", "States": {"S": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    story = Story(machine, ["x"]).run()
    assert story.output == [{"m": {"Item": {"Index": 0, "Value": "x", "Source": "STATE_DATA"}}}]


def test_jsonata_sees_the_same_object() -> None:
    state = {"Type": "Pass", "Output": "{% $states.context.Execution.Name & $states.context.State.Name %}", "End": True}
    story = Story({"StartAt": "S", "QueryLanguage": "JSONata", "States": {"S": state}}).run()
    assert story.output == "runS"


def test_a_wait_and_a_time_out_may_come_from_the_context_object() -> None:
    states = {
        "W": {"Type": "Wait", "SecondsPath": "$$.Execution.Input.n", "Next": "T"},
        "T": {"Type": "Wait", "TimestampPath": "$$.Execution.StartTime", "End": True},
    }
    story = Story({"StartAt": "W", "States": states}, {"n": 30})
    began = story.clock.now_ms()
    assert story.run().output == {"n": 30}
    assert story.clock.now_ms() == began + 30_000
