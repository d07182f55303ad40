"""Random operations on queues here and in moto, whose answers must agree; what is known to differ is left out.

The differences are listed in docs/integrations/sqs.md. More operations: FLOWD_ORACLE_STEPS=10000.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from flowd.services.ports import ServiceError
from tests.services.box import Box

STEPS = int(os.environ.get("FLOWD_ORACLE_STEPS", "1000"))
_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
_QUEUES = {
    "standard": {"VisibilityTimeout": "20"},
    "slow": {"DelaySeconds": "7", "MessageRetentionPeriod": "1209600"},
    "ordered.fifo": {"FifoQueue": "true", "VisibilityTimeout": "15"},
    "content.fifo": {"FifoQueue": "true", "ContentBasedDeduplication": "true"},
}


@dataclass
class Pair:
    """The same queues here and there; messages go by their bodies, which are never the same twice."""

    box: Box
    moto: Any
    random: random.Random
    sent: int = 0
    receipts: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # (queue, body) -> here, there

    def ask(self, operation: str, **members: Any) -> tuple[Any, Any]:
        """Both answers; a refusal is its code."""
        name = members.pop("QueueName")
        here = self._here(operation, {**members, "QueueUrl": f"http://h/0/{name}"})
        return here, self._there(operation, {**members, "QueueUrl": f"https://sqs.us-east-1.amazonaws.com/1/{name}"})

    def _here(self, operation: str, members: dict[str, Any]) -> Any:
        members["ReceiptHandle"] = members.get("ReceiptHandle", ("", ""))[0]
        try:
            return self.box(operation, **members)
        except ServiceError as error:
            return error.code

    def _there(self, operation: str, members: dict[str, Any]) -> Any:
        handle = members.pop("ReceiptHandle", None)
        if handle:
            members["ReceiptHandle"] = handle[1]
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
        try:
            answer = getattr(self.moto, method)(**members)
        except ClientError as error:
            return error.response["Error"].get("QueryErrorCode", error.response["Error"]["Code"])
        del answer["ResponseMetadata"]
        return answer

    # -- the operations ------------------------------------------------------------

    def send(self, name: str) -> None:
        if sum(self.counts(name)) >= 9:
            return
        self.sent += 1
        members: dict[str, Any] = {"MessageBody": f"m{self.sent}"}
        if self.random.random() < 0.3:
            members["MessageAttributes"] = {"n": {"DataType": "Number", "StringValue": str(self.sent)}}
        if name.endswith(".fifo"):
            members["MessageGroupId"] = self.random.choice("ab")
            if name == "ordered.fifo":
                members["MessageDeduplicationId"] = f"d{self.sent}"
        elif self.random.random() < 0.2:
            members["DelaySeconds"] = self.random.choice([0, 5, 60, 901])
        here, there = self.ask("SendMessage", QueueName=name, **members)
        if isinstance(here, dict) and isinstance(there, dict):
            for answer in (here, there):
                for member in ("MessageId", "SequenceNumber"):
                    answer.pop(member, None)
        assert here == there

    def receive(self, name: str) -> None:
        most = 1 if name.endswith(".fifo") else 10
        members: dict[str, Any] = {"MaxNumberOfMessages": most, "MessageAttributeNames": ["All"]}
        if self.random.random() < 0.3:
            members["VisibilityTimeout"] = self.random.choice([1, 10, 100])
        here, there = self.ask("ReceiveMessage", QueueName=name, AttributeNames=["All"], **members)
        mine = sorted(here.get("Messages", ()), key=lambda message: message["Body"])
        theirs = sorted(there.get("Messages", ()), key=lambda message: message["Body"])
        for one, other in zip(mine, theirs, strict=True):
            self.receipts[name, one["Body"]] = (one["ReceiptHandle"], other["ReceiptHandle"])
            assert _comparable(one) == _comparable(other)

    def delete(self, name: str) -> None:
        receipt = self._in_flight(name)
        if receipt:
            assert self.ask("DeleteMessage", QueueName=name, ReceiptHandle=receipt) == ({}, {})

    def change(self, name: str) -> None:
        receipt = self._in_flight(name)
        seconds = self.random.choice([0, 3, 30, 43_201])
        if receipt:
            here, there = self.ask(
                "ChangeMessageVisibility", QueueName=name, ReceiptHandle=receipt, VisibilityTimeout=seconds
            )
            assert here == there
            self.box.pass_time(0.001)  # moto shows a message a moment after its time has come

    def _in_flight(self, name: str) -> tuple[str, str] | None:
        """The receipt of a message that somebody holds."""
        found = self.box.session.connection().exec_driver_sql(
            "SELECT body FROM sqs_message m JOIN sqs_queue q ON q.id = m.queue_id "
            "WHERE q.name = ? AND visible_ms > ? AND receive_count > 0 ORDER BY m.id",
            (name, self.box.now_ms),
        )
        bodies = [row[0] for row in found]
        return self.receipts[name, self.random.choice(bodies)] if bodies else None

    def counts(self, name: str) -> list[int]:
        here, there = self.ask("GetQueueAttributes", QueueName=name, AttributeNames=_COUNTS)
        assert here == there
        return [int(value) for value in here["Attributes"].values()]

    def configure(self, name: str) -> None:
        given = {"VisibilityTimeout": self.random.choice(["1", "25", "60"])}
        assert self.ask("SetQueueAttributes", QueueName=name, Attributes=given) == ({}, {})

    def wait(self, name: str) -> None:
        self.box.pass_time(self.random.randint(1, 30_000) / 1000)


def _comparable(message: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in message.items() if key not in ("MessageId", "ReceiptHandle", "Attributes")}
    shown = ("ApproximateReceiveCount", "SentTimestamp", "ApproximateFirstReceiveTimestamp", "MessageGroupId")
    return {**kept, **{name: message["Attributes"].get(name) for name in shown}}


@pytest.fixture
def pair(sqs: Box, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    moto = pytest.importorskip("moto")
    monkeypatch.setattr("moto.sqs.models.unix_time_millis", lambda: float(sqs.now_ms))
    monkeypatch.setattr("moto.sqs.models.unix_time", lambda: sqs.now_ms / 1000)
    with moto.mock_aws():
        client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        for name, attributes in _QUEUES.items():
            client.create_queue(QueueName=name, Attributes=attributes)
            sqs("CreateQueue", QueueName=name, Attributes=attributes)
        yield Pair(sqs, client, random.Random(STEPS))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_random_operations_are_answered_as_moto_answers_them(pair: Pair) -> None:
    doings = [pair.send, pair.send, pair.send, pair.receive, pair.receive, pair.delete, pair.change, pair.wait]
    for _ in range(STEPS):
        pair.random.choice([*doings, pair.configure])(pair.random.choice(list(_QUEUES)))
    assert pair.sent > STEPS / 20
