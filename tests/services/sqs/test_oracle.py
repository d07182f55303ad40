"""Random operations on queues here and in moto, whose answers must agree; what is known to differ is left out.

The differences are listed in docs/integrations/sqs.md. Others, and more: FLOWD_ORACLE_SEED=2, FLOWD_ORACLE_STEPS=10000.
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

SEED = int(os.environ.get("FLOWD_ORACLE_SEED", "1"))
STEPS = int(os.environ.get("FLOWD_ORACLE_STEPS", "1000"))
_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"]
_QUEUES = {
    "standard": {"VisibilityTimeout": "20"},
    "slow": {"DelaySeconds": "7", "MessageRetentionPeriod": "1209600"},
    "ordered.fifo": {"FifoQueue": "true", "VisibilityTimeout": "15"},
    "dead": {},
    "tried": {
        "VisibilityTimeout": "10",
        "RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 2}',
    },
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

    def message(self, name: str) -> dict[str, Any]:
        self.sent += 1
        pick = self.random.choice
        members: dict[str, Any] = {"MessageBody": f"m{self.sent}{pick(('', ' ü & <b>', 'x' * 2000))}"}
        given = {
            "n": {"DataType": "Number", "StringValue": str(self.sent)},
            "s": {"DataType": pick(("String", "String.kind")), "StringValue": pick(("a", "ü", "a b"))},
            "b": {"DataType": "Binary", "BinaryValue": pick((b"a", b"\x00\xff"))},
        }
        attributes = {key: value for key, value in given.items() if self.random.random() < 0.3}
        if attributes:
            members["MessageAttributes"] = attributes
        if name.endswith(".fifo"):
            members["MessageGroupId"] = pick("ab")
            if name == "ordered.fifo":
                members["MessageDeduplicationId"] = f"d{self.sent}"
        elif self.random.random() < 0.2:
            members["DelaySeconds"] = pick([0, 5, 60, 901])
        return members

    def room(self, name: str) -> int:
        """How many more fit into one answer: which of more than ten a standard queue gives is nobody's business."""
        together = ("tried", "dead") if name in ("tried", "dead") else (name,)
        return 10 - sum(sum(self.counts(each)) for each in together)

    def send(self, name: str) -> None:
        if self.room(name) < 2:
            return
        here, there = self.ask("SendMessage", QueueName=name, **self.message(name))
        assert _told(here) == _told(there)

    def send_batch(self, name: str) -> None:
        if self.room(name) < 4:
            return
        entries = [{"Id": f"e{at}", **self.message(name)} for at in range(self.random.randint(1, 3))]
        here, there = self.ask("SendMessageBatch", QueueName=name, Entries=entries)
        assert [_told(one) for one in here["Successful"]] == [_told(one) for one in there.get("Successful", ())]
        failed = [[(one["Id"], one["Code"]) for one in answer.get("Failed", ())] for answer in (here, there)]
        assert failed[0] == failed[1]

    def delete_batch(self, name: str) -> None:
        receipts = self._all_in_flight(name)[:3]
        if receipts:
            entries = [{"Id": f"e{at}", "ReceiptHandle": receipt} for at, receipt in enumerate(receipts)]
            self._batch("DeleteMessageBatch", name, entries)

    def change_batch(self, name: str) -> None:
        receipts = self._all_in_flight(name)[:3]
        if receipts:
            seconds = self.random.choice([0, 3, 30])
            entries = [
                {"Id": f"e{at}", "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for at, receipt in enumerate(receipts)
            ]
            self._batch("ChangeMessageVisibilityBatch", name, entries)
            self.box.pass_time(0.001)

    def _batch(self, operation: str, name: str, entries: list[dict[str, Any]]) -> None:
        """The same entries with their receipts here and there."""
        sides = [[{**entry, "ReceiptHandle": entry["ReceiptHandle"][side]} for entry in entries] for side in range(2)]
        here = self._here(operation, {"QueueUrl": f"http://h/0/{name}", "Entries": sides[0]})
        there = self._there(
            operation, {"QueueUrl": f"https://sqs.us-east-1.amazonaws.com/1/{name}", "Entries": sides[1]}
        )
        assert [one["Id"] for one in here["Successful"]] == [one["Id"] for one in there["Successful"]]
        assert not here.get("Failed") and not there.get("Failed")

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
        receipts = self._all_in_flight(name)
        return self.random.choice(receipts) if receipts else None

    def _all_in_flight(self, name: str) -> list[tuple[str, str]]:
        found = self.box.session.connection().exec_driver_sql(
            "SELECT body FROM sqs_message m JOIN sqs_queue q ON q.id = m.queue_id "
            "WHERE q.name = ? AND visible_ms > ? AND receive_count > 0 ORDER BY m.id",
            (name, self.box.now_ms),
        )
        return [self.receipts[name, row[0]] for row in found]

    def counts(self, name: str) -> list[int]:
        here, there = self.ask("GetQueueAttributes", QueueName=name, AttributeNames=_COUNTS)
        assert here == there
        return [int(value) for value in here["Attributes"].values()]

    def configure(self, name: str) -> None:
        given = {"VisibilityTimeout": self.random.choice(["1", "25", "60"])}
        assert self.ask("SetQueueAttributes", QueueName=name, Attributes=given) == ({}, {})

    def wait(self, name: str) -> None:
        self.box.pass_time(self.random.randint(1, 30_000) / 1000)


def _told(answer: Any) -> Any:
    """What is told of a message that was sent, without what is each one's own."""
    own = ("MessageId", "SequenceNumber")
    return {key: value for key, value in answer.items() if key not in own} if isinstance(answer, dict) else answer


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
        yield Pair(sqs, client, random.Random(SEED))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_random_operations_are_answered_as_moto_answers_them(pair: Pair) -> None:
    doings = [pair.send, pair.send, pair.send, pair.receive, pair.receive, pair.delete, pair.change, pair.wait]
    doings += [pair.send_batch, pair.delete_batch, pair.change_batch]
    for _ in range(STEPS):
        pair.random.choice([*doings, pair.configure])(pair.random.choice(list(_QUEUES)))
    assert pair.sent > STEPS / 20
