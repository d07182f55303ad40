"""Unmodified boto3 clients and resources of SQS and SNS over TCP, and a subscriber that confirms by its link."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from flowd.config import Config
from flowd.daemon import Daemon


class Hooks(ThreadingHTTPServer):
    """Keeps what it was sent: its type and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.got: list[tuple[str, str]] = []


class Hook(BaseHTTPRequestHandler):
    server: Hooks

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append((self.headers["x-amz-sns-message-type"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return None


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    made = Daemon(
        Config(workflows=tmp_path / "w", data=tmp_path, socket=tmp_path / "f.sock", listen=("127.0.0.1", 0), auth=False)
    )
    await made.core.open()
    await made.core.start()
    await made.server.start()
    yield made
    await made.server.stop()
    await made.core.stop()
    await made.runner.close()


def address(daemon: Daemon) -> str:
    return next(where for where in daemon.server.where if where.startswith("http"))


async def ask(daemon: Daemon, service: str, use: Any) -> Any:
    """`use` of a client, in a thread: boto3 blocks."""
    client = boto3.client(
        service,
        endpoint_url=address(daemon),
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
    )
    return await asyncio.to_thread(use, client)


async def test_a_queue_is_used_with_boto3(daemon: Daemon) -> None:
    def use(sqs: Any) -> None:
        url = sqs.create_queue(QueueName="jobs", tags={"a": "b"})["QueueUrl"]
        given = {"n": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
        sqs.send_message(QueueUrl=url, MessageBody="grüße", MessageAttributes=given)  # boto3 checks the MD5s
        answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MessageAttributeNames=["All"])
        (message,) = answer["Messages"]
        assert (message["Body"], message["MessageAttributes"]) == ("grüße", given)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
            sqs.get_queue_url(QueueName="nobody")
        assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"

    await ask(daemon, "sqs", use)


async def test_what_no_xml_can_hold_does_not_make_an_answer_unreadable(daemon: Daemon) -> None:
    def use(sns: Any) -> None:
        topic = sns.create_topic(Name="news")["TopicArn"]
        entry = {"Id": "a", "Message": "m", "MessageAttributes": {"\x01": {"DataType": "\x02", "StringValue": "v"}}}
        answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[entry])
        assert [each["SenderFault"] for each in answer["Failed"]] == [True]
        with pytest.raises(ClientError, match="%01"):
            sns.publish(TopicArn=topic, Message="m", MessageAttributes=entry["MessageAttributes"])

    await ask(daemon, "sns", use)


async def test_a_batch_of_nothing_is_told_from_one_that_is_missing(daemon: Daemon) -> None:
    def use(sns: Any) -> None:
        topic = sns.create_topic(Name="news")["TopicArn"]
        with pytest.raises(sns.exceptions.EmptyBatchRequestException):
            sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[])

    await ask(daemon, "sns", use)


async def test_resources_of_boto3_list_and_page(daemon: Daemon) -> None:
    def use(sns: Any) -> None:
        for number in range(101):
            sns.create_topic(Name=f"t{number}")
        pages = sns.get_paginator("list_topics").paginate()
        assert len([topic for page in pages for topic in page["Topics"]]) == 101
        with pytest.raises(sns.exceptions.NotFoundException):
            sns.publish(TopicArn="arn:aws:sns:us-east-1:000000000000:no", Message="x")
        for token in ("nonsense", "é"):
            with pytest.raises(sns.exceptions.InvalidParameterException, match="NextToken"):
                sns.list_topics(NextToken=token)

    await ask(daemon, "sns", use)


async def test_a_url_confirms_with_the_link_it_was_sent_and_is_told_from_then_on(daemon: Daemon) -> None:
    hook = Hooks()
    Thread(target=hook.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{hook.server_port}/"
    try:
        arn = (await ask(daemon, "sns", lambda sns: sns.create_topic(Name="news")))["TopicArn"]
        members = {"TopicArn": arn, "Protocol": "http", "Endpoint": endpoint}
        await ask(daemon, "sns", lambda sns: sns.subscribe(**members))
        await _until(lambda: len(hook.got) == 1)
        kind, body = hook.got[0]
        assert kind == "SubscriptionConfirmation"
        query = json.loads(body)["SubscribeURL"].partition("?")[2]
        async with httpx.AsyncClient() as http:
            wrong = await http.get(f"{address(daemon)}/?Action=ConfirmSubscription&TopicArn={arn}&Token=guess")
            assert wrong.status_code == 400 and "InvalidParameter" in wrong.text
            refused = await http.get(f"{address(daemon)}/?Action=DeleteTopic&TopicArn={arn}")
            assert refused.status_code >= 400
            right = await http.get(f"{address(daemon)}/?{query}")
        assert right.status_code == 200 and "<SubscriptionArn>" in right.text
        await ask(daemon, "sns", lambda sns: sns.publish(TopicArn=arn, Message="hello"))
        await _until(lambda: len(hook.got) == 2)
        assert json.loads(hook.got[1][1])["Message"] == "hello"
    finally:
        await asyncio.to_thread(hook.shutdown)
        hook.server_close()


async def _until(met: Any) -> None:
    async with asyncio.timeout(10):
        while not met():
            await asyncio.sleep(0.01)
