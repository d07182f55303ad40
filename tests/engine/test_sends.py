"""What a Task's outcome sends is in the commit of that outcome: `lambda:invoke` with InvocationType Event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.functions import AsyncSettings, FunctionSpec
from flowd.integrations.lambda_ import Lambda
from flowd.integrations.ports import Outcome, TaskCall
from flowd.payload import Payload
from flowd.store import machines
from tests.engine.projectbox import Box

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:later"
INVOKE: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "later", "InvocationType": "Event", "Payload": {"n": 1}},
}
MACHINE = {"StartAt": "T", "States": {"T": {**INVOKE, "End": True}}}


class Hanging(Lambda):
    """Its call has been answered, and the daemon ends before the answer is on disk."""

    answered: asyncio.Event

    async def call(self, task: TaskCall) -> Outcome:
        await super().call(task)
        self.answered.set()
        await asyncio.Event().wait()
        raise AssertionError


class Stage(Box):
    kind = Lambda
    tried = AsyncSettings()

    async def wire(self) -> None:
        await super().wire()
        self.host.specs["later"] = FunctionSpec(name="later", kind="python", path="/f.py")
        self.host.code["later"] = self.later
        row = self.kind(self.host, self.clock, self.invocations.delivery)
        self.registry.rows["lambda"] = row

    def settings_of(self, name: str, qualifier: str) -> AsyncSettings:
        return self.tried

    def later(self, event: Any) -> Any:
        return event

    async def begin(self, definition: dict[str, Any], **columns: Any) -> str:
        machine = await self.machine(definition)
        if columns:
            await self.core.db.write(partial(machines.change, machine_id=machine.id or 0, values=columns))
            found = await self.core.db.read(partial(machines.by_name, name=machine.name))
            assert found is not None
            machine = found
        return (await self.core.executions.start(machine, None, Payload.of({}))).arn


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Stage(tmp_path) as made:
        yield made


async def test_an_event_is_told_once_its_task_s_success_is_on_disk(stage: Stage) -> None:
    arn = await stage.begin(MACHINE)
    await stage.settle()
    assert stage.host.events == [("later", {"n": 1})]
    output = await stage.output(arn)
    assert (output["StatusCode"], output["Payload"]) == (202, "")
    await stage.reboot()
    assert stage.host.events == []  # of the next daemon's host: nothing is told again


async def test_an_event_survives_the_daemon_that_promised_it(stage: Stage) -> None:
    await stage.core.deliveries.stop()
    arn = await stage.begin(MACHINE)
    await stage.core.stepper.idle()
    while (await stage.execution(arn)).status == "RUNNING":
        await asyncio.sleep(0.001)
    assert stage.host.events == []
    await stage.reboot()
    assert stage.host.events == [("later", {"n": 1})]


async def test_a_daemon_that_ends_before_the_commit_has_told_nobody_and_the_next_one_tells_once(stage: Stage) -> None:
    stage.kind = Hanging
    await stage.reboot()
    Hanging.answered = asyncio.Event()
    arn = await stage.begin(MACHINE)
    await Hanging.answered.wait()
    assert stage.host.events == []
    stage.kind = Lambda
    await stage.reboot()
    assert (await stage.execution(arn)).status == "SUCCEEDED"
    assert stage.host.events == [("later", {"n": 1})]


async def test_a_function_that_is_not_there_fails_the_task_and_nothing_is_sent(stage: Stage) -> None:
    stage.host.specs.clear()
    row = await stage.execution(await stage.begin(MACHINE))
    while row.status == "RUNNING":
        await asyncio.sleep(0.001)
        row = await stage.execution(row.arn)
    assert (row.status, row.error) == ("FAILED", "Lambda.ResourceNotFoundException")


async def test_an_express_execution_s_event_does_not_wait_for_its_end(stage: Stage) -> None:
    waiting = {
        "StartAt": "T",
        "States": {"T": {**INVOKE, "Next": "W"}, "W": {"Type": "Wait", "Seconds": 60, "End": True}},
    }
    arn = await stage.begin(waiting, type="EXPRESS")
    async with asyncio.timeout(10):
        while not stage.host.events:
            await asyncio.sleep(0.001)
    assert (await stage.execution(arn)).status == "RUNNING"
    await stage.settle()
    assert stage.host.events == [("later", {"n": 1})]


async def test_a_function_that_fails_is_tried_after_a_minute_and_after_two_and_then_told_of(stage: Stage) -> None:
    def fails(event: Any) -> Any:
        raise ValueError("not today")

    url = (await stage.ask("sqs", "CreateQueue", QueueName="failed"))["QueueUrl"]
    stage.tried = AsyncSettings(on_failure="arn:aws:sqs:us-east-1:000000000000:failed")
    stage.host.code["later"] = fails
    await stage.begin(MACHINE)
    tries = []
    for _ in range(5):
        await stage.settle()
        tries.append(len(stage.host.events))
        await stage.pass_time(59 if len(tries) == 1 else 60)
    assert tries == [1, 1, 2, 2, 3]
    [message] = (await stage.ask("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10))["Messages"]
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"] == {"errorType": "ValueError", "errorMessage": "not today"}
