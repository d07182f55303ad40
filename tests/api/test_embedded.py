"""Embedded services over the wire, asked with boto3: rules that reach queues and machines, polls, Tasks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flowd.api.local import LocalOperations
from flowd.api.operations import operations
from flowd.engine.cloud import Cloud
from flowd.engine.deliveries.carriers import to_machines
from flowd.engine.deliveries.outcomes import Attempt
from flowd.integrations.events import PROFILE
from flowd.integrations.optimised import Optimised
from tests.api.box import PASS, Box

PATTERN = json.dumps({"source": ["shop"]})


class Clients:
    """boto3 clients of one box, called off the loop."""

    def __init__(self, box: Box) -> None:
        self.events, self.sqs = box.aws("events"), box.aws("sqs")

    async def call(self, service: str, operation: str, **members: Any) -> Any:
        return await asyncio.to_thread(getattr(getattr(self, service), operation), **members)

    async def queue(self) -> tuple[str, str]:
        """URL and ARN of a queue that gets the events of the shop."""
        url = (await self.call("sqs", "create_queue", QueueName="jobs"))["QueueUrl"]
        answer = await self.call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"])
        return url, answer["Attributes"]["QueueArn"]

    async def rule(self, arn: str, **target: Any) -> None:
        await self.call("events", "put_rule", Name="r", EventPattern=PATTERN)
        await self.call("events", "put_targets", Rule="r", Targets=[{"Id": "1", "Arn": arn, **target}])

    async def put(self, detail: str) -> Any:
        entry = {"Source": "shop", "DetailType": "Order", "Detail": detail}
        return await self.call("events", "put_events", Entries=[entry])

    async def receive(self, url: str, wait_s: int = 0) -> list[str]:
        answer = await self.call("sqs", "receive_message", QueueUrl=url, WaitTimeSeconds=wait_s)
        return [message["Body"] for message in answer.get("Messages", [])]


async def test_an_event_reaches_a_queue_whose_poller_waits(box: Box) -> None:
    clients = Clients(box)
    url, arn = await clients.queue()
    await clients.rule(arn, InputPath="$.detail")
    poll = asyncio.create_task(clients.receive(url, wait_s=20))
    answer = await clients.put('{"id": 7}')
    assert answer["FailedEntryCount"] == 0
    assert await poll == ['{"id":7}']
    assert await clients.receive(url) == []


async def test_an_event_starts_a_machine_once_though_it_is_told_twice(box: Box) -> None:
    clients = Clients(box)
    local = LocalOperations()
    local.bind(operations(box.services), box.world.core.closings.wait)
    carry = to_machines(local)
    machine = await box.machine(PASS)
    told: list[str] = []

    async def twice(delivery: Any, attempt: Attempt) -> None:
        told.append(attempt.key)
        await carry(delivery, attempt)
        if len(told) == 1:
            raise ConnectionError("the answer was lost")

    box.world.core.deliveries.carriers["states"] = twice
    await clients.rule(machine)
    await clients.put('{"id": 7}')
    await box.world.settle()
    await box.world.pass_time(5)
    assert len(told) == 2
    [execution] = (await box.call("list_executions", stateMachineArn=machine))["executions"]
    assert execution["name"] == told[0]
    found = await box.call("describe_execution", executionArn=execution["executionArn"])
    assert json.loads(found["input"])["detail"] == {"id": 7}


async def test_a_task_s_events_carry_its_machine_and_execution(box: Box) -> None:
    clients = Clients(box)
    url, arn = await clients.queue()
    await clients.rule(arn)
    core = box.world.core
    cloud = Cloud(core.embedded, {})
    box.world.registry.rows["events"] = Optimised(PROFILE, cloud, box.world.clock)
    entries = [
        {"Source": "shop", "DetailType": "d", "Detail": {"n": 1}, "Resources": ["x"]},
        {"Source.$": "$.source", "DetailType": "d", "Detail": "{}"},
    ]
    state = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "End": True}
    definition = json.dumps({"StartAt": "P", "States": {"P": {**state, "Parameters": {"Entries": entries}}}})
    machine = await box.machine(definition)
    run = await box.run(machine, input='{"source": "shop"}')
    output = json.loads((await box.call("describe_execution", executionArn=run))["output"])
    assert output["FailedEntryCount"] == 0
    assert sorted(output) == ["Entries", "FailedEntryCount"]
    bodies = [json.loads((await clients.receive(url))[0]) for _ in range(2)]
    assert [body["resources"] for body in bodies] == [["x", machine, run], [machine, run]]
    assert [body["id"] for body in bodies] == [entry["EventId"] for entry in output["Entries"]]
    run = await box.run(machine, input='{"source": ""}')
    failed = await box.call("describe_execution", executionArn=run)
    assert failed["error"] == "EventBridge.FailedEntry"
    assert json.loads(failed["cause"])["Entries"][1] == {
        "ErrorCode": "InvalidArgument",
        "ErrorMessage": "Parameter Source is not valid. Reason: Source is a required argument.",
    }


async def test_refusals_come_as_the_sdk_s_own_exceptions(box: Box) -> None:
    clients = Clients(box)
    with pytest.raises(clients.events.exceptions.InvalidEventPatternException):
        await clients.call("events", "put_rule", Name="r", EventPattern="{}")
    with pytest.raises(clients.events.exceptions.ResourceNotFoundException):
        await clients.call("events", "describe_rule", Name="r")
    with pytest.raises(ClientError, match="ListEventSources is an operation of EventBridge that is not built"):
        await clients.call("events", "list_event_sources")


async def test_what_was_put_is_there_after_a_restart(box: Box) -> None:
    clients = Clients(box)
    url, arn = await clients.queue()
    await clients.rule(arn)
    await box.restart()
    clients = Clients(box)
    await clients.put("{}")
    await box.world.settle()
    assert len(await clients.receive(url)) == 1
