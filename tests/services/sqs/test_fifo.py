from __future__ import annotations

from typing import Any

import pytest

from tests.services.box import Box
from tests.services.sqs.test_messages import bodies, receive
from tests.services.sqs.test_queues import code_of


def fifo(box: Box, **attributes: str) -> str:
    given = {"FifoQueue": "true", **attributes}
    return str(box("CreateQueue", QueueName="q.fifo", Attributes=given)["QueueUrl"])


def send(box: Box, url: str, body: str, group: str = "g", **more: Any) -> dict[str, Any]:
    return box("SendMessage", QueueUrl=url, MessageBody=body, MessageGroupId=group, **more)


def test_a_group_waits_while_one_of_it_is_in_flight(sqs: Box) -> None:
    url = fifo(sqs, ContentBasedDeduplication="true")
    for body, group in (("a1", "a"), ("b1", "b"), ("a2", "a"), ("b2", "b")):
        send(sqs, url, body, group)
    first = receive(sqs, url, MaxNumberOfMessages=1)
    assert [message["Body"] for message in first] == ["a1"]
    assert bodies(sqs, url) == ["b1", "b2"]
    assert bodies(sqs, url) == []
    sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert sqs.call is not None and "sqs:q.fifo" in sqs.call.wake
    assert bodies(sqs, url) == ["a2"]


def test_what_comes_back_comes_back_in_order(sqs: Box) -> None:
    url = fifo(sqs, ContentBasedDeduplication="true")
    for number in range(4):
        send(sqs, url, str(number))
    taken = receive(sqs, url, MaxNumberOfMessages=2)
    members = {"QueueUrl": url, "ReceiptHandle": taken[0]["ReceiptHandle"], "VisibilityTimeout": 0}
    sqs("ChangeMessageVisibility", **members)
    assert bodies(sqs, url) == []  # "1" is still in flight
    sqs.pass_time(30)
    assert bodies(sqs, url) == ["0", "1", "2", "3"]


def test_the_same_message_within_five_minutes_is_taken_once(sqs: Box) -> None:
    url = fifo(sqs)
    first = send(sqs, url, "x", MessageDeduplicationId="d")
    again = send(sqs, url, "other", "h", MessageDeduplicationId="d")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    receipt = receive(sqs, url)[0]["ReceiptHandle"]
    sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=receipt)
    sqs.pass_time(299)
    assert send(sqs, url, "x", MessageDeduplicationId="d")["MessageId"] == first["MessageId"]
    sqs.pass_time(1)
    later = send(sqs, url, "x", MessageDeduplicationId="d")
    assert int(later["SequenceNumber"]) > int(first["SequenceNumber"]) and len(later["SequenceNumber"]) == 20
    assert bodies(sqs, url) == ["x"]


def test_deduplication_can_be_by_group(sqs: Box) -> None:
    url = fifo(sqs, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    for group in ("a", "b", "a"):
        send(sqs, url, group, group, MessageDeduplicationId="d")
    assert bodies(sqs, url) == ["a", "b"]


def test_equal_content_is_the_same_message_where_the_queue_says_so(sqs: Box) -> None:
    url = fifo(sqs, ContentBasedDeduplication="true")
    attributes = {"n": {"DataType": "Number", "StringValue": "1"}}
    first = send(sqs, url, "x")
    assert send(sqs, url, "x", MessageAttributes=attributes)["MessageId"] == first["MessageId"]
    shown = receive(sqs, url, MessageSystemAttributeNames=["All"])[0]["Attributes"]
    assert shown["MessageGroupId"] == "g" and len(shown["MessageDeduplicationId"]) == 64
    assert shown["SequenceNumber"] == first["SequenceNumber"]


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"MessageDeduplicationId": "d"}, "MissingParameter"),
        ({"MessageGroupId": "g"}, "InvalidParameterValue"),
        ({"MessageGroupId": "g", "MessageDeduplicationId": "d", "DelaySeconds": 3}, "InvalidParameterValue"),
        ({"MessageGroupId": "g g", "MessageDeduplicationId": "d"}, "InvalidParameterValue"),
    ],
)
def test_what_a_fifo_queue_needs_is_asked_for(sqs: Box, members: dict[str, Any], code: str) -> None:
    assert code_of(sqs, "SendMessage", QueueUrl=fifo(sqs), MessageBody="x", **members) == code


def test_a_receipt_that_is_too_late_is_refused(sqs: Box) -> None:
    url = fifo(sqs, ContentBasedDeduplication="true", VisibilityTimeout="5")
    send(sqs, url, "x")
    receipt = receive(sqs, url)[0]["ReceiptHandle"]
    sqs.pass_time(5)
    assert code_of(sqs, "DeleteMessage", QueueUrl=url, ReceiptHandle=receipt) == "InvalidParameterValue"


def test_a_delayed_queue_keeps_the_order_of_a_group(sqs: Box) -> None:
    url = fifo(sqs, ContentBasedDeduplication="true", DelaySeconds="10")
    send(sqs, url, "first")
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"DelaySeconds": "0"})
    send(sqs, url, "second")
    assert bodies(sqs, url) == []
    sqs.pass_time(10)
    assert bodies(sqs, url) == ["first", "second"]


def test_a_queue_stays_of_its_type(sqs: Box) -> None:
    url = fifo(sqs)
    assert code_of(sqs, "SetQueueAttributes", QueueUrl=url, Attributes={"FifoQueue": "false"}) == (
        "InvalidAttributeValue"
    )


def test_an_attempt_is_repeated_with_its_receipts_and_starts_visibility_anew(sqs: Box) -> None:
    url = fifo(sqs, ContentBasedDeduplication="true")
    for number in range(3):
        send(sqs, url, str(number))
    first = receive(sqs, url, MaxNumberOfMessages=2, ReceiveRequestAttemptId="a")
    sqs.pass_time(20)
    again = receive(sqs, url, MaxNumberOfMessages=10, ReceiveRequestAttemptId="a", AttributeNames=["All"])
    assert [message["ReceiptHandle"] for message in again] == [message["ReceiptHandle"] for message in first]
    assert [message["Attributes"]["ApproximateReceiveCount"] for message in again] == ["1", "1"]
    sqs.pass_time(20)
    assert bodies(sqs, url) == []  # 30 seconds from the second attempt on
    assert receive(sqs, url, ReceiveRequestAttemptId="b") == []
    sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert receive(sqs, url, ReceiveRequestAttemptId="a") == []
    sqs.pass_time(30)
    assert [each["Body"] for each in receive(sqs, url, MaxNumberOfMessages=1, ReceiveRequestAttemptId="a")] == ["1"]


@pytest.mark.parametrize("how", ["visibility", "deletion", "five minutes"])
def test_an_attempt_is_not_repeated_once_something_has_changed(sqs: Box, how: str) -> None:
    url = fifo(sqs, ContentBasedDeduplication="true", VisibilityTimeout="900")
    for group in "ab":
        send(sqs, url, group, group)
    receipt = receive(sqs, url, ReceiveRequestAttemptId="a")[0]["ReceiptHandle"]
    if how == "visibility":
        sqs("ChangeMessageVisibility", QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=700)
    elif how == "deletion":
        sqs("DeleteMessage", QueueUrl=url, ReceiptHandle=receipt)
    else:
        sqs.pass_time(300)
    assert receive(sqs, url, ReceiveRequestAttemptId="a") == []
    sqs.pass_time(300)
    sqs.tick()
    rows = sqs.session.connection().exec_driver_sql("SELECT count(*) FROM sqs_attempt").scalar()
    assert rows == 0


@pytest.mark.parametrize("attempt", ["", "x" * 129, "a b", "\u00e9"])
def test_an_attempts_id_has_1_to_128_characters_of_ascii(sqs: Box, attempt: str) -> None:
    url = fifo(sqs)
    assert code_of(sqs, "ReceiveMessage", QueueUrl=url, ReceiveRequestAttemptId=attempt) == "InvalidParameterValue"
    plain = sqs("CreateQueue", QueueName="plain")["QueueUrl"]
    assert code_of(sqs, "ReceiveMessage", QueueUrl=plain, ReceiveRequestAttemptId="a") == "InvalidParameterValue"
