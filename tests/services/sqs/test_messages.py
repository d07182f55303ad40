from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from flowd.services.sqs.digests import md5_of
from tests.services.box import Box
from tests.services.sqs.test_queues import code_of


def queue(box: Box, name: str = "q", **attributes: str) -> str:
    return str(box("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"])


def receive(box: Box, url: str, **more: Any) -> list[dict[str, Any]]:
    found = box("ReceiveMessage", QueueUrl=url, **{"MaxNumberOfMessages": 10, **more})
    messages: list[dict[str, Any]] = found.get("Messages", [])
    return messages


def bodies(box: Box, url: str, **more: Any) -> list[str]:
    return [message["Body"] for message in receive(box, url, **more)]


def test_a_message_is_hidden_until_its_visibility_ends_and_gone_when_deleted(sqs: Box) -> None:
    url = queue(sqs)
    sent = sqs("SendMessage", QueueUrl=url, MessageBody="hello")
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
    first = receive(sqs, url, VisibilityTimeout=10)[0]
    assert first["MessageId"] == sent["MessageId"]
    assert receive(sqs, url) == []
    sqs.pass_time(10)
    second = receive(sqs, url, MessageSystemAttributeNames=["All"])[0]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])  # not the latest: nothing happens
    sqs.pass_time(30)
    third = receive(sqs, url)[0]
    sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=third["ReceiptHandle"])
    sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=third["ReceiptHandle"])
    sqs.pass_time(100)
    assert receive(sqs, url) == []


def test_who_finds_nothing_may_wait_and_is_woken_by_what_comes(sqs: Box) -> None:
    url = queue(sqs, ReceiveMessageWaitTimeSeconds="3")
    assert receive(sqs, url) == [] and sqs.call is not None and sqs.call.wait == ("sqs:q", 3000)
    assert receive(sqs, url, WaitTimeSeconds=20) == [] and sqs.call.wait == ("sqs:q", 20_000)
    assert receive(sqs, url, WaitTimeSeconds=0) == [] and sqs.call.wait is None
    sqs("SendMessage", QueueUrl=url, MessageBody="x")
    assert "sqs:q" in sqs.call.wake
    assert code_of(sqs, "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=21) == "InvalidParameterValue"


def test_what_was_delayed_wakes_who_waits_when_its_time_comes(sqs: Box) -> None:
    url = queue(sqs)
    sqs("SendMessage", QueueUrl=url, MessageBody="x", DelaySeconds=5)
    assert sqs.call is not None and not sqs.call.wake and min(sqs.call.due_ms) == sqs.now_ms + 5000
    assert receive(sqs, url) == []
    assert sqs.tick() == sqs.now_ms + 5000
    sqs.pass_time(5)
    sqs.tick()
    assert "sqs:q" in sqs.call.wake
    assert bodies(sqs, url) == ["x"]


def test_what_is_too_old_is_gone(sqs: Box) -> None:
    url = queue(sqs, MessageRetentionPeriod="60")
    sqs("SendMessage", QueueUrl=url, MessageBody="x")
    assert sqs.tick() == sqs.now_ms + 60_000
    sqs.pass_time(60)
    assert receive(sqs, url) == []
    assert sqs.tick() is None
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"MessageRetentionPeriod": "3600"})
    assert receive(sqs, url) == []


def test_visibility_can_be_changed_while_in_flight_only(sqs: Box) -> None:
    url = queue(sqs)
    sqs("SendMessage", QueueUrl=url, MessageBody="x")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=100)
    sqs.pass_time(99)
    assert receive(sqs, url) == []
    sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    members = {"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 5}
    assert code_of(sqs, "ChangeMessageVisibility", **members) == "MessageNotInflight"
    assert bodies(sqs, url) == ["x"]


def test_nobody_keeps_a_message_for_more_than_twelve_hours(sqs: Box) -> None:
    url = queue(sqs)
    sqs("SendMessage", QueueUrl=url, MessageBody="x")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sqs.pass_time(20)
    members = {"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 43_200}
    assert code_of(sqs, "ChangeMessageVisibility", **members) == "InvalidParameterValue"
    assert code_of(sqs, "ChangeMessageVisibility", **{**members, "VisibilityTimeout": 43_201}) == (
        "InvalidParameterValue"
    )


@pytest.mark.parametrize("handle", ["", "nonsense", "MS8xLzEvMQ=="])
def test_a_receipt_that_is_none_is_refused(sqs: Box, handle: str) -> None:
    code = code_of(sqs, "DeleteMessage", QueueUrl=queue(sqs), ReceiptHandle=handle)
    assert code == ("ReceiptHandleIsInvalid" if handle else "MissingParameter")


def test_attributes_come_back_as_asked_for_with_their_md5(sqs: Box) -> None:
    """The digests are AWS's own, as its SDKs check them."""
    url = queue(sqs)
    given: dict[str, dict[str, Any]] = {
        "city": {"DataType": "String", "StringValue": "Zürich"},
        "count.a": {"DataType": "Number.int", "StringValue": "7"},
        "count.b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    sent = sqs("SendMessage", QueueUrl=url, MessageBody="x", MessageAttributes=given)
    assert sent["MD5OfMessageAttributes"] == md5_of(given)
    shown = receive(sqs, url, VisibilityTimeout=0, MessageAttributeNames=["count.*"])[0]
    assert set(shown["MessageAttributes"]) == {"count.a", "count.b"}
    assert shown["MD5OfMessageAttributes"] == md5_of(shown["MessageAttributes"])
    assert receive(sqs, url, VisibilityTimeout=0, MessageAttributeNames=["All"])[0]["MessageAttributes"] == given
    assert "MessageAttributes" not in receive(sqs, url, VisibilityTimeout=0)[0]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": None}, "MissingParameter"),
        ({"MessageBody": "\x01"}, "InvalidMessageContents"),
        ({"MessageBody": "x" * 1025}, "InvalidParameterValue"),
        ({"MessageBody": "x", "DelaySeconds": 901}, "InvalidParameterValue"),
        ({"MessageBody": "x", "MessageDeduplicationId": "a"}, "InvalidParameterValue"),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Text", "StringValue": "b"}}}, None),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}}, None),
        ({"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "b"}}}, None),
        ({"MessageBody": "x", "MessageAttributes": {"AWS.a": {"DataType": "String", "StringValue": "b"}}}, None),
        ({"MessageBody": "x", "MessageAttributes": {"a..b": {"DataType": "String", "StringValue": "b"}}}, None),
        ({"MessageBody": "x", "MessageSystemAttributes": {"Other": {"DataType": "String", "StringValue": "b"}}}, None),
        (
            {"MessageBody": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b" * 1025}}},
            "InvalidParameterValue",
        ),
    ],
)
def test_what_cannot_be_a_message_is_refused(sqs: Box, members: dict[str, Any], code: str | None) -> None:
    url = queue(sqs, MaximumMessageSize="1024")
    assert code_of(sqs, "SendMessage", QueueUrl=url, **members) == (code or "InvalidParameterValue")
    assert receive(sqs, url) == []


def test_a_message_received_too_often_goes_to_the_dead_letter_queue_and_back(sqs: Box) -> None:
    dead = queue(sqs, "dead")
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 2}
    url = queue(sqs, RedrivePolicy=json.dumps(policy))
    sqs("SendMessage", QueueUrl=url, MessageBody="poison")
    sqs("SendMessage", QueueUrl=url, MessageBody="other")
    for _ in range(2):
        assert len(receive(sqs, url, VisibilityTimeout=1)) == 2
        sqs.pass_time(1)
    assert receive(sqs, url) == []
    assert sqs.call is not None and "sqs:dead" in sqs.call.wake
    found = receive(sqs, dead, VisibilityTimeout=0, MessageSystemAttributeNames=["All"])
    assert [message["Body"] for message in found] == ["poison", "other"]
    assert found[0]["Attributes"]["DeadLetterQueueSourceArn"] == "arn:aws:sqs:us-east-1:000000000000:q"
    assert found[0]["Attributes"]["ApproximateReceiveCount"] == "3"
    sqs("StartMessageMoveTask", SourceArn=policy["deadLetterTargetArn"])
    assert bodies(sqs, url) == ["poison", "other"] and receive(sqs, dead) == []
    task = sqs("ListMessageMoveTasks", SourceArn=policy["deadLetterTargetArn"])["Results"][0]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 2)
    other = {"SourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}
    assert code_of(sqs, "StartMessageMoveTask", **other) == "InvalidParameterValue"
    assert code_of(sqs, "StartMessageMoveTask", SourceArn="arn:aws:sqs:r:1:no") == "ResourceNotFoundException"


def test_entries_of_a_batch_succeed_and_fail_by_themselves(sqs: Box) -> None:
    url = queue(sqs)
    entries = [{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": ""}, {"Id": "c", "MessageBody": "3"}]
    answer = sqs("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["a", "c"]
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("b", "MissingParameter", True)
    ]
    handles = [message["ReceiptHandle"] for message in receive(sqs, url)]
    changes = [{"Id": "a", "ReceiptHandle": handles[0], "VisibilityTimeout": 0}, {"Id": "b", "ReceiptHandle": "no"}]
    answer = sqs("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=changes)
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"] and len(answer["Failed"]) == 1
    gone = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
    assert len(sqs("DeleteMessageBatch", QueueUrl=url, Entries=gone)["Successful"]) == 2


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([{"Id": str(n), "MessageBody": "x"} for n in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(n), "MessageBody": "x" * 600_000} for n in range(2)], "BatchRequestTooLong"),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(sqs: Box, entries: list[dict[str, str]], code: str) -> None:
    url = queue(sqs)
    assert code_of(sqs, "SendMessageBatch", QueueUrl=url, Entries=entries) == code
    assert receive(sqs, url) == []
