from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.services.ports import Delivery, ServiceError
from tests.services.box import Box
from tests.services.sns.test_topics import QUEUE, code_of, subscribe, topic

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:hear"
CITY = {"city": {"DataType": "String", "StringValue": "Ulm"}, "raw": {"DataType": "Binary", "BinaryValue": b"\xff"}}


def publish(box: Box, arn: str, message: str = "hello", **more: Any) -> list[Delivery]:
    box("Publish", TopicArn=arn, Message=message, **more)
    assert box.call is not None
    return box.call.deliveries


def test_a_queue_gets_a_notification(sns: Box) -> None:
    arn = topic(sns)
    subscribe(sns, arn)
    told = publish(sns, arn, Subject="Hi", MessageAttributes=CITY)
    assert [(each.target, each.source) for each in told] == [(QUEUE, arn)]
    body = json.loads(told[0].body)
    assert (body["Type"], body["Subject"], body["Message"]) == ("Notification", "Hi", "hello")
    assert body["MessageAttributes"] == {
        "city": {"Type": "String", "Value": "Ulm"},
        "raw": {"Type": "Binary", "Value": "/w=="},
    }
    assert body["UnsubscribeURL"].startswith("http://127.0.0.1:8083/?Action=Unsubscribe")


def test_raw_delivery_sends_the_message_and_its_attributes(sns: Box) -> None:
    arn = topic(sns)
    subscribe(sns, arn, RawMessageDelivery="true")
    told = publish(sns, arn, MessageAttributes=CITY)[0]
    assert told.body == "hello"
    assert json.loads(json.dumps(told.options))["MessageAttributes"]["raw"]["BinaryValue"] == "/w=="


def test_a_function_gets_an_event_of_one_record(sns: Box) -> None:
    arn = topic(sns)
    subscription = subscribe(sns, arn, "lambda", FUNCTION)
    told = publish(sns, arn, MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})[0]
    (record,) = json.loads(told.body)["Records"]
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", subscription)
    assert record["Sns"]["Subject"] is None
    assert record["Sns"]["MessageAttributes"] == {"n": {"Type": "Number", "Value": "1"}}


def test_a_person_gets_the_text_by_mail(sns: Box) -> None:
    arn = topic(sns)
    subscribe(sns, arn, "email", "ann@example.org")
    told = publish(sns, arn, Subject="Hi")[0]
    assert (told.target, told.body) == ("arn:aws:apprise:::ann@example.org", "hello")
    assert told.options == {"subject": "Hi"}


def test_a_structured_message_has_a_text_for_each_protocol(sns: Box) -> None:
    arn = topic(sns)
    subscribe(sns, arn, RawMessageDelivery="true")
    subscribe(sns, arn, "lambda", FUNCTION)
    told = publish(sns, arn, json.dumps({"default": "d", "sqs": "q"}), MessageStructure="json")
    assert told[0].body == "q"
    assert json.loads(told[1].body)["Records"][0]["Sns"]["Message"] == "d"


def test_only_who_wants_it_gets_it(sns: Box) -> None:
    arn = topic(sns)
    subscribe(sns, arn, endpoint=f"{QUEUE}1", FilterPolicy='{"city":["Ulm"]}')
    subscribe(sns, arn, endpoint=f"{QUEUE}2", FilterPolicy='{"city":["Bonn"]}')
    subscribe(sns, arn, endpoint=f"{QUEUE}3", FilterPolicy='{"a":{"b":[1]}}', FilterPolicyScope="MessageBody")
    assert [each.target[-1] for each in publish(sns, arn, MessageAttributes=CITY)] == ["1"]
    assert [each.target[-1] for each in publish(sns, arn, '{"a":{"b":1}}')] == ["3"]


def test_what_cannot_be_delivered_has_a_queue_to_go_to(sns: Box) -> None:
    arn = topic(sns)
    dead = {"deadLetterTargetArn": f"{QUEUE}-dead"}
    policy = {"healthyRetryPolicy": {"numRetries": 2}}
    subscribe(sns, arn, "lambda", FUNCTION, RedrivePolicy=json.dumps(dead))
    pending = subscribe(sns, arn, "http", "http://x/y", DeliveryPolicy=json.dumps(policy))
    assert sns.call is not None
    token = json.loads(sns.call.deliveries[0].body)["Token"]
    assert sns("ConfirmSubscription", TopicArn=arn, Token=token)["SubscriptionArn"] == pending
    function, url = publish(sns, arn)
    assert function.dead_letter == f"{QUEUE}-dead" and url.tries == 3


def test_a_fifo_topic_numbers_and_deduplicates(sns: Box) -> None:
    arn = topic(sns, "n.fifo", FifoTopic="true", ContentBasedDeduplication="true")
    subscribe(sns, arn, endpoint=f"{QUEUE}.fifo")
    subscribe(sns, arn, endpoint=QUEUE)
    first = sns("Publish", TopicArn=arn, Message="x", MessageGroupId="g")
    assert sns.call is not None
    fifo, standard = sns.call.deliveries
    assert fifo.options["MessageGroupId"] == "g" and len(fifo.options["MessageDeduplicationId"]) == 64
    assert "MessageDeduplicationId" not in standard.options
    assert json.loads(fifo.body)["SequenceNumber"] == first["SequenceNumber"]
    assert sns("Publish", TopicArn=arn, Message="x", MessageGroupId="h") == first
    assert sns.call.deliveries == []
    sns.pass_time(300)
    later = sns("Publish", TopicArn=arn, Message="x", MessageGroupId="g")
    assert int(later["SequenceNumber"]) > int(first["SequenceNumber"])
    with pytest.raises(ServiceError, match="FIFO topic sends to queues only"):
        subscribe(sns, arn, "lambda", FUNCTION)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"Message": ""}, "InvalidParameter"),
        ({"Message": "x" * 262_145}, "InvalidParameter"),
        ({"Message": "x", "Subject": "two\nlines"}, "InvalidParameter"),
        ({"Message": "x", "Subject": "x" * 101}, "InvalidParameter"),
        ({"Message": "x", "MessageStructure": "json"}, "InvalidParameter"),
        ({"Message": "{}", "MessageStructure": "json"}, "InvalidParameter"),
        ({"Message": "x", "MessageDeduplicationId": "d"}, "InvalidParameter"),
        ({"Message": "x", "MessageAttributes": {"a": {"DataType": "Text", "StringValue": "b"}}}, None),
        ({"Message": "x", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}}, None),
        ({"Message": "x", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "b"}}}, None),
    ],
)
def test_what_cannot_be_published_is_refused(sns: Box, members: dict[str, Any], code: str | None) -> None:
    arn = topic(sns)
    subscribe(sns, arn)
    assert code_of(sns, "Publish", TopicArn=arn, **members) == (code or "ParameterValueInvalid")


def test_who_is_meant_must_be_said_and_be_there(sns: Box) -> None:
    assert code_of(sns, "Publish", Message="x") == "InvalidParameter"
    with pytest.raises(ServiceError, match="no text messages"):
        sns("Publish", Message="x", PhoneNumber="+49151")
    with pytest.raises(ServiceError, match="Topic does not exist"):
        sns("Publish", Message="x", TopicArn="arn:aws:sns:us-east-1:000000000000:nobody")


def test_entries_of_a_batch_succeed_and_fail_by_themselves(sns: Box) -> None:
    arn = topic(sns)
    subscribe(sns, arn)
    entries = [{"Id": "a", "Message": "1"}, {"Id": "b", "Message": ""}]
    answer = sns("PublishBatch", TopicArn=arn, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == ["a"]
    assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [("b", "InvalidParameter")]
    assert sns.call is not None and len(sns.call.deliveries) == 1
    doubled = [entries[0], entries[0]]
    assert code_of(sns, "PublishBatch", TopicArn=arn, PublishBatchRequestEntries=doubled) == "BatchEntryIdsNotDistinct"
    assert code_of(sns, "PublishBatch", TopicArn=arn, PublishBatchRequestEntries=[]) == "EmptyBatchRequest"
