"""RedriveExecution: what failed goes on, what succeeded is kept."""

from __future__ import annotations

from typing import Any

from flowd.history import News
from flowd.payload import Payload
from tests.driver import Silence, Story, TaskError

SQS = "arn:aws:states:::sqs:sendMessage"
TASK = {"Type": "Task", "Resource": SQS, "End": True}


def fails(parameters: Any) -> Any:
    raise TaskError("E")


def redriven(story: Story) -> Story:
    assert story.redrive(story.clock.now_ms())
    story.handlers = {}
    return story


def test_a_failed_task_is_scheduled_again_without_being_entered_again() -> None:
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 1}]
    machine = {"StartAt": "S", "States": {"S": {**TASK, "Retry": retry}}}
    story = Story(machine, 7, {"S": fails}).run()
    assert story.types[-1] == "9<8 ExecutionFailed"
    redriven(story)
    assert story.types[9:] == ["10<9 ExecutionRedriven", "11<10 TaskScheduled", "12<11 TaskStarted"]
    assert story.details("ExecutionRedriven") == [{"redriveCount": 1}]
    assert story.frames["0"].retries == ()
    assert story.go_on().output == 7


def test_only_unfinished_iterations_run_again() -> None:
    inner = {"StartAt": "I", "States": {"I": TASK}}
    machine = {"StartAt": "S", "States": {"S": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    story = Story(machine, [1, 2, 3]).begin()
    story.news(News.TASK_SUCCEEDED, "0/1.0", output=Payload.of("kept"))
    story.news(News.TASK_FAILED, "0/1.1", error="E")
    assert story.status == "FAILED"
    redriven(story)
    assert sorted(story.tasks) == [("0/1.1", 2), ("0/1.2", 2)]
    assert story.go_on().output == ["kept", 2, 3]


def test_a_stopped_wait_keeps_its_point_in_time() -> None:
    story = Story({"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 60, "End": True}}}).begin()
    story.wait(20)
    story.news(News.STOPPED)
    redriven(story)
    assert [alarm.due_ms - story.clock.now_ms() for alarm in story.alarms.values()] == [40_000]


def test_the_context_tells_of_the_redrive_and_the_timeout_counts_anew() -> None:
    states = {"S": {**TASK, "Parameters": {"e.$": "$$.Execution"}}}
    story = Story({"StartAt": "S", "States": states, "TimeoutSeconds": 10}).begin()
    assert "RedriveTime" not in story.tasks["0", 1].parameters.value["e"]
    story.wait(10)
    assert story.status == "TIMED_OUT"
    redriven(story)
    seen = story.tasks["0", 2].parameters.value["e"]
    assert (seen["RedriveCount"], seen["RedriveTime"]) == (1, "2023-11-14T22:13:30.000Z")
    story.wait(9)
    assert story.status == "RUNNING"


def test_a_result_that_was_too_large_runs_all_branches_again() -> None:
    branches = [{"StartAt": f"B{n}", "States": {f"B{n}": TASK}} for n in range(2)]
    machine = {"StartAt": "S", "States": {"S": {"Type": "Parallel", "Branches": branches, "End": True}}}
    large = {f"B{n}": lambda parameters: "x" * 200_000 for n in range(2)}
    story = Story(machine, 1, large).run()
    assert story.error[0] == "States.DataLimitExceeded"
    redriven(story)
    assert len(story.tasks) == 2
    assert story.go_on().output == [1, 1]


def test_a_failure_deep_inside_goes_on_there() -> None:
    inner = {"StartAt": "I", "States": {"I": TASK}}
    middle = {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
    machine = {"StartAt": "S", "States": {"S": {"Type": "Parallel", "Branches": [middle], "End": True}}}

    def second_fails(parameters: Any) -> Any:
        if parameters == 2:
            raise TaskError("E")
        return parameters

    story = Story(machine, [1, 2], {"I": second_fails}).run()
    assert story.status == "FAILED"
    redriven(story)
    assert list(story.tasks) == [("0/1.0/1.1", 2)]
    assert story.go_on().output == [[1, 2]]


def test_an_output_that_could_not_be_worked_out_is_tried_again_without_the_work() -> None:
    branches = [{"StartAt": "B", "States": {"B": TASK}}]
    state = {"Type": "Parallel", "Branches": branches, "Output": "{% $nothing %}", "End": True}
    story = Story({"StartAt": "S", "QueryLanguage": "JSONata", "States": {"S": state}}).run()
    assert story.error[0] == "States.QueryEvaluationError"
    redriven(story)
    assert story.calls == story.calls[:1]
    assert story.error[0] == "States.QueryEvaluationError"


def test_what_succeeded_or_runs_cannot_be_redriven() -> None:
    done = Story({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}).run()
    assert not done.redrive(done.clock.now_ms())

    def silent(parameters: Any) -> Any:
        raise Silence

    running = Story({"StartAt": "S", "States": {"S": TASK}}, {}, {"S": silent}).run()
    assert not running.redrive(running.clock.now_ms())
    assert not running.news(News.REDRIVEN, frames=[])
