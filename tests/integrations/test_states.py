"""Nested executions in AWS's four patterns, through a real engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowd.payload import Payload
from tests.engine.world import function
from tests.integrations.nested import CHILD, FAIL, PASS, WAIT, Nest, nested, task


@pytest.fixture
async def nest(tmp_path: Path) -> AsyncIterator[Nest]:
    async with Nest(tmp_path) as made:
        yield made


async def status(nest: Nest, arn: str) -> str:
    return (await nest.execution(arn)).status


async def test_a_request_response_start_answers_at_once(nest: Nest) -> None:
    arn = await nest.begin(nested(), WAIT)
    [child] = await nest.children()
    output = await nest.output(arn)
    assert sorted(output) == ["ExecutionArn", "SdkHttpMetadata", "SdkResponseMetadata", "StartDate"]
    assert output["ExecutionArn"] == child
    assert output["StartDate"] == (await nest.execution(child)).started_ms
    assert output["SdkHttpMetadata"]["HttpStatusCode"] == 200
    assert await status(nest, child) == "RUNNING"


@pytest.mark.parametrize(
    ("pattern", "given", "output"), [("sync", '{"k":1}', '{"Arg1":"argument1"}'), ("sync:2", {"k": 1}, PASS)]
)
async def test_a_sync_start_waits_for_the_child(nest: Nest, pattern: str, given: Any, output: Any) -> None:
    arn = await nest.begin(nested(f".{pattern}"))
    result = await nest.output(arn)
    [child] = await nest.children()
    row = await nest.execution(child)
    assert result == {
        "ExecutionArn": child,
        "Input": given,
        "InputDetails": {"Included": True},
        "Name": row.name,
        "Output": {"Arg1": "argument1"} if output is PASS else output,
        "OutputDetails": {"Included": True},
        "RedriveCount": 0,
        "RedriveStatus": "NOT_REDRIVABLE",
        "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
        "StartDate": row.started_ms,
        "StateMachineArn": CHILD,
        "Status": "SUCCEEDED",
        "StopDate": row.stopped_ms,
    }
    assert list(result) == sorted(result)
    assert (await nest.types(arn))[2:7] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
    ]
    assert (await nest.details(arn, "TaskSubmitted"))["output"]["ExecutionArn"] == child


@pytest.mark.parametrize("pattern", [".sync", ".sync:2"])
async def test_a_child_that_fails_fails_the_task_with_its_description(nest: Nest, pattern: str) -> None:
    arn = await nest.begin(nested(pattern), FAIL)
    row = await nest.execution(arn)
    assert (row.status, row.error) == ("FAILED", "States.TaskFailed")
    cause = await nest.cause(arn)
    assert list(cause) == [
        *("Cause", "Error", "ExecutionArn", "Input", "InputDetails", "Name", "RedriveCount", "RedriveStatus"),
        *("StartDate", "StateMachineArn", "Status", "StopDate"),
    ]
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("Boom", "why", "FAILED")
    assert cause["Input"] == '{"k":1}'


async def test_the_parent_hears_of_a_close_without_asking(nest: Nest) -> None:
    arn = await nest.begin(nested(".sync"), WAIT)
    assert (await status(nest, arn), nest.core.closings.waiting) == ("RUNNING", 1)
    await nest.pass_time(61)
    assert (await status(nest, arn), nest.core.closings.waiting) == ("SUCCEEDED", 0)


async def test_a_child_that_is_stopped_is_told_with_its_error(nest: Nest) -> None:
    arn = await nest.begin(nested(".sync"), WAIT)
    [child] = await nest.children()
    await nest.core.executions.stop(child, "Stopped", "by hand")
    await nest.settle()
    cause = await nest.cause(arn)
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("ABORTED", "Stopped", "by hand")


@pytest.mark.parametrize(("pattern", "expected"), [(".sync", "ABORTED"), (".sync:2", "ABORTED")])
async def test_a_stopped_parent_stops_the_child_it_waits_for(nest: Nest, pattern: str, expected: str) -> None:
    arn = await nest.begin(nested(pattern), WAIT)
    await nest.core.executions.stop(arn, None, None)
    await nest.settle()
    [child] = await nest.children()
    assert await status(nest, child) == expected
    assert nest.core.closings.waiting == 0


async def test_a_child_that_was_only_started_outlives_its_parent(nest: Nest) -> None:
    parameters = {"StateMachineArn": CHILD, "Input": {"token.$": "$$.Task.Token"}}
    arn = await nest.begin(task("states:startExecution.waitForTaskToken", parameters), WAIT)
    await nest.core.executions.stop(arn, None, None)
    await nest.settle()
    [child] = await nest.children()
    assert await status(nest, child) == "RUNNING"


async def test_a_failed_sibling_stops_the_child(nest: Nest) -> None:
    await nest.machine(WAIT, "child")
    boom = {"StartAt": "Go", "States": {"Go": {"Type": "Wait", "Seconds": 5, "Next": "F"}, **FAIL["States"]}}
    both = {"Type": "Parallel", "Branches": [nested(".sync"), boom], "End": True}
    arn = await nest.start(await nest.machine({"StartAt": "P", "States": {"P": both}}, "parent"))
    await nest.pass_time(6)
    [child] = await nest.children()
    assert (await status(nest, arn), await status(nest, child)) == ("FAILED", "ABORTED")


async def test_a_callback_is_answered_by_the_token_in_the_childs_input(nest: Nest) -> None:
    parameters = {"StateMachineArn": CHILD, "Input": {"token.$": "$$.Task.Token"}}
    arn = await nest.begin(task("states:startExecution.waitForTaskToken", parameters))
    assert await status(nest, arn) == "RUNNING"
    submitted = await nest.details(arn, "TaskSubmitted")
    body = await nest.local.invoke("DescribeExecution", {"executionArn": submitted["output"]["ExecutionArn"]}, "0:0:0")
    await nest.core.tasks.succeed(json.loads(body["input"])["token"], Payload.of("done"))
    await nest.settle()
    assert await nest.output(arn) == "done"


async def test_an_answer_by_token_ends_a_sync_task_and_leaves_the_child_alone(nest: Nest) -> None:
    parameters = {"StateMachineArn": CHILD, "Input": {"token.$": "$$.Task.Token"}}
    arn = await nest.begin(task("states:startExecution.sync", parameters), WAIT)
    [child] = await nest.children()
    body = await nest.local.invoke("DescribeExecution", {"executionArn": child}, "0:0:0")
    await nest.core.tasks.succeed(json.loads(body["input"])["token"], Payload.of("early"))
    await nest.settle()
    assert (await nest.output(arn), await status(nest, child)) == ("early", "RUNNING")
    await nest.pass_time(61)
    assert await status(nest, child) == "SUCCEEDED"
    assert (await nest.types(arn)).count("TaskSucceeded") == 1


async def test_errors_have_the_names_and_texts_of_the_first_sdk(nest: Nest) -> None:
    arn = await nest.start(await nest.machine(nested(), "parent"))
    row = await nest.execution(arn)
    assert row.error == "StepFunctions.StateMachineDoesNotExistException"
    assert (row.cause or "").startswith(
        f"State Machine Does Not Exist: '{CHILD}' "
        "(Service: AWSStepFunctions; Status Code: 400; Error Code: StateMachineDoesNotExist; Request ID: "
    )
    assert "TaskFailed" in await nest.types(arn)


async def test_a_name_in_use_is_told_and_a_refused_submission_is_one(nest: Nest) -> None:
    machine = await nest.machine(WAIT, "child")
    await nest.start(machine, {"other": 1}, "taken")
    parent = task("states:startExecution.sync", {"StateMachineArn": CHILD, "Name": "taken", "Input": {}})
    arn = await nest.start(await nest.machine(parent, "parent"))
    assert (await nest.execution(arn)).error == "StepFunctions.ExecutionAlreadyExistsException"
    assert "TaskSubmitFailed" in await nest.types(arn)


@pytest.mark.parametrize(
    ("given", "expected"), [(None, "{}"), ({"a": 1}, '{"a":1}'), ([1], "[1]"), ('"text"', '"text"'), ("7", "7")]
)
async def test_input_is_json_text_or_a_value_that_becomes_it(nest: Nest, given: Any, expected: str) -> None:
    parameters = {"StateMachineArn": CHILD, "Input": given}
    arn = await nest.begin(task("states:startExecution.sync", parameters))
    assert (await nest.output(arn))["Input"] == expected


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"Input": {}}, "The field 'StateMachineArn' is required but was missing"),
        ({"StateMachineArn": CHILD, "Color": 1}, 'The field "Color" is not supported by Step Functions'),
        ({"StateMachineArn": CHILD, "Input": 7}, "The value for the field 'Input' must be a STRING"),
    ],
)
async def test_parameters_that_cannot_be_used_say_which(nest: Nest, parameters: Any, reason: str) -> None:
    arn = await nest.begin(task("states:startExecution", parameters))
    row = await nest.execution(arn)
    assert row.error == "States.Runtime"
    assert f"could not be used to start the Task: [{reason}]" in (row.cause or "")
    assert await nest.children() == []


async def test_a_restarted_daemon_waits_for_the_same_child(nest: Nest) -> None:
    arn = await nest.begin(nested(".sync"), WAIT)
    await nest.reboot()
    assert (await status(nest, arn), nest.core.closings.waiting) == ("RUNNING", 1)
    await nest.pass_time(61)
    assert await status(nest, arn) == "SUCCEEDED"
    assert len(await nest.children()) == 1
    assert (await nest.types(arn)).count("TaskSubmitted") == 1


async def test_a_child_whose_stop_was_lost_is_stopped_by_the_next_daemon(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = await nest.begin(nested(".sync"), WAIT)
    monkeypatch.setattr(nest.core.dispatch, "cancel", lambda task: None)  # it died right after the commit
    await nest.core.executions.stop(arn, None, None)
    [child] = await nest.children()
    assert await status(nest, child) == "RUNNING"
    await nest.reboot()
    assert await status(nest, child) == "ABORTED"


async def test_each_attempt_of_a_retry_starts_a_child_of_its_own(nest: Nest) -> None:
    retry = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    arn = await nest.begin(nested(".sync", Retry=retry), FAIL)
    await nest.pass_time(10)
    assert await status(nest, arn) == "FAILED"
    assert len(set(await nest.children())) == 3


async def test_many_parents_wait_at_once(nest: Nest) -> None:
    await nest.machine(WAIT, "child")
    parent = await nest.machine(nested(".sync"), "parent")
    arns = [(await nest.core.executions.start(parent, None, Payload.of({}))).arn for _ in range(200)]
    await nest.settle()
    assert nest.core.closings.waiting == 200
    await nest.pass_time(61)
    assert {await status(nest, arn) for arn in arns} == {"SUCCEEDED"}


async def test_a_function_that_answers_its_own_callback_is_not_cancelled(nest: Nest) -> None:
    async def work(call: Any) -> Any:
        await nest.core.tasks.succeed(call.token, Payload.of("early"))
        return "late"

    nest.functions.handlers["invoke.waitForTaskToken"] = work
    parameters = {"FunctionName": function("f"), "Payload": {"token.$": "$$.Task.Token"}}
    arn = await nest.start(await nest.machine(task("lambda:invoke.waitForTaskToken", parameters), "parent"))
    assert await nest.output(arn) == "early"
    assert nest.functions.cancelled == []
    assert len(nest.functions.acknowledged) == 1


async def test_an_express_child_cannot_be_waited_for_and_the_way_out_is_told(nest: Nest) -> None:
    members = {"name": "child", "definition": json.dumps(PASS), "roleArn": "arn:aws:iam::000000000000:role/r"}
    await nest.local.invoke("CreateStateMachine", {**members, "type": "EXPRESS"}, "0:0:0")
    arn = await nest.start(await nest.machine(nested(".sync"), "parent"))
    row = await nest.execution(arn)
    assert (row.status, row.error) == ("FAILED", "States.TaskFailed")
    assert "use aws-sdk:sfn:startSyncExecution" in (row.cause or "")
