"""Executions of a test case: what a mock answers stands in the history as the real answer would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowd import names
from flowd.integrations.mocks import Mocked, Mocks
from flowd.payload import Payload
from tests.engine.world import World, function
from tests.integrations.test_mocks import mocks

RESPONSES = {
    "Told": {"0": {"Return": {"MessageId": "m"}}},
    "Yes": {"0": {"Return": {"approved": True}}},
    "No": {"0": {"Throw": {"Error": "Declined", "Cause": "no"}}},
    "Flaky": {"0-1": {"Throw": {"Error": "Busy"}}, "2": {"Return": 3}},
}


async def run(tmp_path: Path, state: dict[str, Any], response: str) -> tuple[World, str]:
    cases = {"machine": {"TestCases": {"Case": {"T": response}}}}
    found: Mocks = mocks(tmp_path, {"StateMachines": cases, "MockedResponses": RESPONSES})
    world = World(tmp_path, mocked=found.covers)
    world.rows = {service: Mocked(service, None, found) for service in ("activity", "glue", "sqs")}
    world.rows["lambda"] = Mocked("lambda", world.functions, found)
    await world.boot()
    machine = await world.machine({"StartAt": "T", "States": {"T": {"Type": "Task", "End": True, **state}}})
    started = await world.core.executions.start(machine, None, Payload.of({"n": 1}), trigger="test:Case")
    await world.settle()
    return world, started.arn


SQS = {"Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "q", "MessageBody": "b"}}
ACTIVITY = {"Resource": names.activity_arn("team"), "Parameters": {"Prompt": {"Title": "Go?"}}}
GLUE = {"Resource": "arn:aws:states:::glue:startJobRun.sync", "Parameters": {"JobName": "j"}}


@pytest.mark.parametrize(
    ("state", "response", "types", "output"),
    [
        (SQS, "Told", ["TaskScheduled", "TaskStarted", "TaskSucceeded"], {"MessageId": "m"}),
        (
            {**SQS, "Resource": f"{SQS['Resource']}.waitForTaskToken"},
            "Yes",
            ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"],
            {"approved": True},
        ),
        (GLUE, "Told", ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"], {"MessageId": "m"}),
        (ACTIVITY, "Yes", ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"], {"approved": True}),
        (
            {"Resource": function("f")},
            "Yes",
            ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"],
            {"approved": True},
        ),
    ],
    ids=["call", "callback", "job", "person", "function"],
)
async def test_a_mocked_task_of_each_kind_has_the_events_of_a_real_one(
    tmp_path: Path, state: dict[str, Any], response: str, types: list[str], output: Any
) -> None:
    world, arn = await run(tmp_path, state, response)
    try:
        assert await world.types(arn) == [
            *("ExecutionStarted", "TaskStateEntered", *types),
            *("TaskStateExited", "ExecutionSucceeded"),
        ]
        assert await world.output(arn) == output
        assert world.functions.calls == []
    finally:
        await world.core.stop()


async def test_a_mocked_error_is_caught_as_a_real_one_and_a_retry_hears_the_next_answer(tmp_path: Path) -> None:
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 5, "MaxAttempts": 3}]
    world, arn = await run(tmp_path, {**GLUE, "Retry": retry}, "Flaky")
    try:
        await world.pass_time(60)
        types = await world.types(arn)
        assert (types.count("TaskFailed"), types.count("TaskSucceeded")) == (2, 1)
        assert await world.output(arn) == 3
    finally:
        await world.core.stop()


async def test_a_mocked_callback_may_fail(tmp_path: Path) -> None:
    world, arn = await run(tmp_path, {**SQS, "Resource": f"{SQS['Resource']}.waitForTaskToken"}, "No")
    try:
        row = await world.execution(arn)
        assert (row.status, row.error, row.cause) == ("FAILED", "Declined", "no")
        assert (await world.types(arn))[-3:] == ["TaskSubmitted", "TaskFailed", "ExecutionFailed"]
    finally:
        await world.core.stop()
