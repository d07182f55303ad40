"""Queues and topics in a whole engine: Tasks that send, topics that fan out, pollers that wait, daemons that die."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowd.engine.cloud import Cloud
from flowd.integrations.ports import Integration, Outcome, TaskCall
from flowd.integrations.sns import Sns
from flowd.integrations.sqs import Sqs
from flowd.payload import Payload
from tests.engine.world import World

SEND = "arn:aws:states:::sqs:sendMessage"
PUBLISH = "arn:aws:states:::sns:publish"


class Box(World):
    async def wire(self) -> None:
        cloud = Cloud(self.core.embedded, {})
        rows: dict[str, Integration] = {"sqs": self.sqs(cloud), "sns": Sns(cloud, self.clock)}
        self.registry.rows.update(rows)

    def sqs(self, cloud: Cloud) -> Sqs:
        return Sqs(cloud, self.clock)

    async def ask(self, operation: str, **members: Any) -> dict[str, Any]:
        service = "sns" if operation in ("CreateTopic", "Subscribe", "Publish") else "sqs"
        answer = await self.core.embedded.invoke(service, operation, members)
        await self.settle()
        return answer

    async def queue(self, name: str = "jobs", **attributes: str) -> str:
        return str((await self.ask("CreateQueue", QueueName=name, Attributes=attributes))["QueueUrl"])

    async def received(self, url: str, **more: Any) -> list[str]:
        answer = await self.ask("ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10, **more)
        return [message["Body"] for message in answer.get("Messages", ())]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with Box(tmp_path) as made:
        yield made


def task(resource: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    state = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True, **more}
    return {"StartAt": "T", "States": {"T": state}}


async def test_a_task_sends_a_message_and_shows_what_aws_shows(box: Box) -> None:
    url = await box.queue()
    row = await box.run(task(SEND, {"QueueUrl": url, "MessageBody": {"n": 1}}))
    shown = await box.output(row.arn)
    assert set(shown) == {"MD5OfMessageBody", "MessageId", "SdkHttpMetadata", "SdkResponseMetadata"}
    assert shown["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] == "106"
    assert await box.received(url) == ['{"n":1}']


@pytest.mark.parametrize(
    ("parameters", "error", "cause"),
    [
        ({"QueueUrl": "URL", "MessageBody": None}, "SQS.AmazonSQSException", "must contain the parameter MessageBody"),
        ({"QueueUrl": "URL"}, "SQS.AmazonSQSException", "Error Code: MissingParameter"),
        ({"QueueUrl": "no-queue", "MessageBody": "x"}, "SQS.SdkClientException", "no-queue: Name or service not known"),
        ({"QueueUrl": "http://no-host", "MessageBody": "x"}, "SQS.SdkClientException", "no-host: Name or service"),
        ({"QueueUrl": "http://x/0/no", "MessageBody": "x"}, "SQS.QueueDoesNotExistException", "does not exist"),
        ({"QueueUrl": "URL", "MessageBody": "x", "Colour": 1}, "States.Runtime", "Colour"),
    ],
)
async def test_what_cannot_be_sent_fails_the_task_in_aws_s_words(
    box: Box, parameters: dict[str, Any], error: str, cause: str
) -> None:
    url = await box.queue()
    row = await box.run(task(SEND, {**parameters, "QueueUrl": parameters["QueueUrl"].replace("URL", url)}))
    assert (row.status, row.error) == ("FAILED", error)
    assert cause in (row.cause or "")


async def test_a_token_that_went_through_a_queue_answers_its_task(box: Box) -> None:
    url = await box.queue()
    body = {"Token.$": "$$.Task.Token"}
    machine = await box.machine(task(f"{SEND}.waitForTaskToken", {"QueueUrl": url, "MessageBody": body}))
    arn = await box.start(machine)
    (received,) = await box.received(url)
    await box.core.tasks.succeed(json.loads(received)["Token"], Payload.of("done"))
    await box.settle()
    assert await box.output(arn) == "done"


async def test_a_topic_fans_out_to_queues_as_one_notification_each(box: Box) -> None:
    arn = (await box.ask("CreateTopic", Name="news"))["TopicArn"]
    urls = [await box.queue(name) for name in ("a", "b", "c")]
    for name in ("a", "b", "c"):
        endpoint = f"arn:aws:sqs:us-east-1:000000000000:{name}"
        given = (
            {"FilterPolicy": '{"kind":["x"]}'} if name == "b" else {"RawMessageDelivery": "true"} if name == "c" else {}
        )
        await box.ask("Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=endpoint, Attributes=given)
    attributes = {
        "kind": {"DataType": "String", "StringValue": "y"},
        "b": {"DataType": "Binary", "BinaryValue": "/w=="},
    }
    parameters = {"TopicArn": arn, "Message": {"n": 1}, "MessageAttributes": attributes}
    row = await box.run(task(PUBLISH, parameters))
    shown = await box.output(row.arn)
    assert shown["SdkHttpMetadata"]["HttpHeaders"]["Content-Type"] == "text/xml"
    assert shown["SdkHttpMetadata"]["HttpHeaders"]["Content-Length"] == "294"
    assert json.loads((await box.received(urls[0]))[0])["MessageId"] == shown["MessageId"]
    assert await box.received(urls[1]) == []
    raw = await box.ask("ReceiveMessage", QueueUrl=urls[2], MessageAttributeNames=["All"])
    assert raw["Messages"][0]["Body"] == '{"n":1}'
    assert raw["Messages"][0]["MessageAttributes"]["b"]["BinaryValue"] == b"\xff"


async def test_what_a_topic_cannot_deliver_goes_to_the_dead_letter_queue(box: Box) -> None:
    dead = await box.queue("dead")
    arn = (await box.ask("CreateTopic", Name="news"))["TopicArn"]
    policy = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"})
    gone = "arn:aws:sqs:us-east-1:000000000000:gone"
    await box.ask("Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=gone, Attributes={"RedrivePolicy": policy})
    await box.ask("Publish", TopicArn=arn, Message="x")
    assert [json.loads(body)["Message"] for body in await box.received(dead)] == ["x"]


async def test_a_poller_waits_without_asking_and_gets_what_comes(box: Box) -> None:
    url = await box.queue()
    waiting = asyncio.create_task(
        box.core.embedded.invoke("sqs", "ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 20})
    )
    await box.settle()
    assert not waiting.done()
    await box.ask("SendMessage", QueueUrl=url, MessageBody="x")
    assert [message["Body"] for message in (await waiting)["Messages"]] == ["x"]


async def test_a_poller_gets_what_becomes_visible_while_it_waits(box: Box) -> None:
    url = await box.queue()
    await box.ask("SendMessage", QueueUrl=url, MessageBody="x", DelaySeconds=10)
    waiting = asyncio.create_task(
        box.core.embedded.invoke("sqs", "ReceiveMessage", {"QueueUrl": url, "WaitTimeSeconds": 20})
    )
    await box.settle()
    await box.pass_time(9)
    assert not waiting.done()
    await box.pass_time(1)
    assert [message["Body"] for message in (await waiting)["Messages"]] == ["x"]


class Dying(Sqs):
    """Its message is sent, and the daemon ends before anybody hears of it."""

    sent: asyncio.Event

    async def call(self, task: TaskCall) -> Outcome:
        await super().call(task)
        self.sent.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_message_is_there_once_though_the_daemon_died_before_its_task_ended(tmp_path: Path) -> None:
    class Killed(Box):
        dies = True

        def sqs(self, cloud: Cloud) -> Sqs:
            return Dying(cloud, self.clock) if self.dies else super().sqs(cloud)

    Dying.sent = asyncio.Event()
    box = Killed(tmp_path)
    await box.boot()
    url = (await box.core.embedded.invoke("sqs", "CreateQueue", {"QueueName": "jobs"}))["QueueUrl"]
    machine = await box.machine(task(SEND, {"QueueUrl": url, "MessageBody": "x"}))
    started = await box.core.executions.start(machine, None, Payload.of({}))
    await Dying.sent.wait()
    box.dies = False
    await box.core.stop()
    await box.boot()
    assert (await box.execution(started.arn)).status == "SUCCEEDED"
    assert await box.received(url) == ["x"]
    await box.core.stop()
