"""`aws-sdk:sfn:*`: the daemon's operations as Tasks, through a real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowd import names
from flowd.errors import SerializationException
from flowd.integrations import answers
from flowd.integrations.ports import TaskCall
from flowd.integrations.sdk_own import OwnSdk
from flowd.payload import Payload
from tests.integrations.nested import CHILD, WAIT, Nest, task


@pytest.fixture
async def nest(tmp_path: Path) -> AsyncIterator[Nest]:
    async with Nest(tmp_path) as made:
        yield made


def call(action: str, parameters: Any, **facts: Any) -> TaskCall:
    return TaskCall(
        key="1:0:1",
        execution_arn="arn:e",
        machine_arn="arn:m",
        state="T",
        resource=f"arn:aws:states:::aws-sdk:sfn:{action}",
        service="aws-sdk:sfn",
        action=action,
        pattern="",
        parameters=Payload.of(parameters),
        token="t",
        **facts,
    )


async def test_a_result_is_in_pascal_case_with_dates_as_text(nest: Nest) -> None:
    arn = await nest.begin(task("aws-sdk:sfn:startExecution", {"StateMachineArn": CHILD, "Input": {"key": "value"}}))
    output = await nest.output(arn)
    [child] = await nest.children()
    row = await nest.execution(child)
    assert output == {"ExecutionArn": child, "StartDate": answers.instant(row.started_ms / 1000)}
    body = await nest.local.invoke("DescribeExecution", {"executionArn": child}, "0:0:0")
    assert body["input"] == '{"key":"value"}'


async def test_lists_and_structures_are_converted_deep(nest: Nest) -> None:
    await nest.machine(WAIT, "child")
    arn = await nest.start(await nest.machine(task("aws-sdk:sfn:listStateMachines", {"MaxResults": 5}), "parent"))
    machines = (await nest.output(arn))["StateMachines"]
    assert {machine["Name"] for machine in machines} == {"child", "parent"}
    assert sorted(machines[0]) == ["CreationDate", "Name", "StateMachineArn", "Type"]


async def test_an_operation_without_an_answer_gives_an_empty_object(nest: Nest) -> None:
    arn = await nest.begin(task("aws-sdk:sfn:deleteActivity", {"ActivityArn": names.activity_arn("q")}))
    assert await nest.output(arn) == {}


async def test_a_worker_may_be_a_state_machine(nest: Nest) -> None:
    queue = names.activity_arn("q")
    await nest.machines.activities.create("q")
    ask = {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": queue, "End": True}}}
    asking = await nest.start(await nest.machine(ask, "ask"), {"n": 1})
    take = {
        **task("aws-sdk:sfn:getActivityTask", {"ActivityArn": queue, "WorkerName": "w"})["States"]["T"],
        "Next": "S",
    }
    del take["End"]
    parameters = {"Output.$": "$.Input", "TaskToken.$": "$.TaskToken"}
    send = task("aws-sdk:sfn:sendTaskSuccess", parameters)["States"]["T"]
    working = await nest.start(await nest.machine({"StartAt": "T", "States": {"T": take, "S": send}}, "work"))
    assert await nest.output(asking) == {"n": 1}
    assert await nest.output(working) == {}


async def test_errors_have_the_names_and_texts_of_the_second_sdk(nest: Nest) -> None:
    parameters = {"TaskToken": "NoSuchTaskToken", "Output": "no json"}
    arn = await nest.begin(task("aws-sdk:sfn:sendTaskSuccess", parameters))
    row = await nest.execution(arn)
    assert row.error == "Sfn.InvalidTokenException"
    assert (row.cause or "").startswith("Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ")
    assert (row.cause or "").endswith(") (SDK Attempt Count: 1)")


def test_an_error_outside_of_the_model_is_the_services() -> None:
    failed = answers.sdk_error(call("listActivities", {}), "Sfn", SerializationException("bad"), modelled=False)
    assert failed.error == "Sfn.SfnException"


@pytest.mark.parametrize(
    ("action", "parameters", "reason"),
    [
        ("startExecution", {}, "The field 'StateMachineArn' is required but was missing"),
        ("listActivities", {"maxResults": 1}, 'The field "maxResults" is not supported by Step Functions'),
        ("listActivities", {"MaxResults": "1"}, "The value of the field 'MaxResults' has an invalid format"),
        ("listActivities", {"MaxResults": 1.5}, "The value of the field 'MaxResults' has an invalid format"),
        ("stopExecution", {"ExecutionArn": 7}, "The value for the field 'ExecutionArn' must be a STRING"),
        ("tagResource", {"ResourceArn": "a", "Tags": {}}, "The value of the field 'Tags' has an invalid format"),
    ],
)
async def test_parameters_that_cannot_be_used_say_which(nest: Nest, action: str, parameters: Any, reason: str) -> None:
    arn = await nest.begin(task(f"aws-sdk:sfn:{action}", parameters))
    row = await nest.execution(arn)
    assert row.error == "States.Runtime"
    assert (row.cause or "").endswith(f"could not be used to start the Task: [{reason}]")


@pytest.mark.parametrize(
    ("action", "pattern", "part"),
    [
        ("noSuchThing", "", "no operation noSuchThing"),
        ("StartExecution", "", "in camelCase"),
        ("startExecution", "sync", "no .sync"),
        ("createStateMachineAlias", "", None),
        ("startExecution", "waitForTaskToken", None),
        ("getActivityTask", "", None),
    ],
)
async def test_what_cannot_run_is_refused_at_load(nest: Nest, action: str, pattern: Any, part: str | None) -> None:
    said = OwnSdk(nest.local).refuse("aws-sdk:sfn", action, pattern)
    if part is not None:
        assert part in (said or "")
    else:
        offered = nest.local.offers(action[0].upper() + action[1:])
        assert said is None if offered else "is not built in flowd yet" in (said or "")


async def test_a_lost_start_is_found_again_and_a_lost_synchronous_one_never_repeated(nest: Nest) -> None:
    await nest.machine(WAIT, "child")
    integration = OwnSdk(nest.local)
    parameters = {"StateMachineArn": CHILD}
    first = await integration.call(call("startExecution", parameters))
    again = await integration.call(call("startExecution", parameters, recovered=True))
    assert first == again
    assert len(await nest.children()) == 1
    lost = await integration.call(call("startSyncExecution", parameters, recovered=True))
    assert "nobody can tell" in (getattr(lost, "cause", None) or "")


async def test_a_start_under_a_given_name_is_found_again_after_the_child_has_ended(nest: Nest) -> None:
    await nest.machine({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "child")
    integration = OwnSdk(nest.local)
    parameters = {"StateMachineArn": CHILD, "Name": "n"}
    first = await integration.call(call("startExecution", parameters))
    await nest.settle()
    assert await integration.call(call("startExecution", parameters, recovered=True)) == first
    other = await nest.start(await nest.machine(task("aws-sdk:sfn:startExecution", parameters), "parent"))
    assert (await nest.execution(other)).error == "Sfn.ExecutionAlreadyExistsException"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1970-01-01T00:00:00Z"), (1762431601.123, "2025-11-06T12:20:01.123Z"), (1.05, "1970-01-01T00:00:01.050Z")],
)
def test_dates_are_written_as_the_second_sdk_does(seconds: float, text: str) -> None:
    assert answers.instant(seconds) == text
