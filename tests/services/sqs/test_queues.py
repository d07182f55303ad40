from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.services.ports import ServiceError
from tests.services.box import Box


def code_of(box: Box, operation: str, **members: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        box(operation, **members)
    assert caught.value.message
    return caught.value.code


def test_a_queue_is_made_once_and_found_by_its_name(sqs: Box) -> None:
    url = sqs("CreateQueue", QueueName="orders", Attributes={"DelaySeconds": "5"})["QueueUrl"]
    assert url == "http://127.0.0.1:8083/000000000000/orders"
    assert sqs("CreateQueue", QueueName="orders")["QueueUrl"] == url
    assert sqs("CreateQueue", QueueName="orders", Attributes={"DelaySeconds": "5"})["QueueUrl"] == url
    assert sqs("GetQueueUrl", QueueName="orders")["QueueUrl"] == url


def test_a_queue_of_the_same_name_with_other_attributes_is_refused(sqs: Box) -> None:
    sqs("CreateQueue", QueueName="orders", Attributes={"DelaySeconds": "5"})
    with pytest.raises(ServiceError, match="different value for attribute DelaySeconds") as caught:
        sqs("CreateQueue", QueueName="orders", Attributes={"DelaySeconds": "6"})
    assert caught.value.code == "QueueNameExists"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"QueueName": "with blank"}, "InvalidParameterValue"),
        ({"QueueName": "x" * 81}, "InvalidParameterValue"),
        ({"QueueName": ""}, "MissingParameter"),
        ({"QueueName": "a.fifo"}, "InvalidParameterValue"),
        ({"QueueName": "a", "Attributes": {"FifoQueue": "true"}}, "InvalidParameterValue"),
        ({"QueueName": "a", "Attributes": {"Colour": "red"}}, "InvalidAttributeName"),
        ({"QueueName": "a", "Attributes": {"DelaySeconds": "901"}}, "InvalidAttributeValue"),
        ({"QueueName": "a", "Attributes": {"DelaySeconds": "-1"}}, "InvalidAttributeValue"),
        ({"QueueName": "a", "Attributes": {"ContentBasedDeduplication": "true"}}, "InvalidAttributeName"),
        ({"QueueName": "a", "Attributes": {"RedrivePolicy": "{"}}, "InvalidAttributeValue"),
        (
            {"QueueName": "a", "Attributes": {"RedrivePolicy": '{"deadLetterTargetArn":"arn:aws:sqs:r:1:no"}'}},
            "InvalidAttributeValue",
        ),
        ({"QueueName": "a", "tags": {str(n): "" for n in range(51)}}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_a_queue_is_refused(sqs: Box, members: dict[str, object], code: str) -> None:
    assert code_of(sqs, "CreateQueue", **members) == code
    assert sqs("ListQueues") == {}


@pytest.mark.parametrize("operation", ["SendMessage", "ReceiveMessage", "DeleteQueue", "GetQueueAttributes"])
def test_a_queue_that_is_not_there_is_said_to_be_missing(sqs: Box, operation: str) -> None:
    url = "http://127.0.0.1:8083/000000000000/nobody"
    assert code_of(sqs, operation, QueueUrl=url, MessageBody="x") == "QueueDoesNotExist"


def test_attributes_have_defaults_and_counts(sqs: Box) -> None:
    url = sqs("CreateQueue", QueueName="q", Attributes={"VisibilityTimeout": "7"})["QueueUrl"]
    sqs("SendMessage", QueueUrl=url, MessageBody="now")
    sqs("SendMessage", QueueUrl=url, MessageBody="later", DelaySeconds=60)
    sqs("SendMessage", QueueUrl=url, MessageBody="taken")
    sqs("ReceiveMessage", QueueUrl=url)
    shown = sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert shown["VisibilityTimeout"] == "7"
    assert shown["MessageRetentionPeriod"] == "345600"
    assert shown["QueueArn"] == "arn:aws:sqs:us-east-1:000000000000:q"
    counts = [shown[f"ApproximateNumberOfMessages{which}"] for which in ("", "NotVisible", "Delayed")]
    assert counts == ["1", "1", "1"]
    assert "FifoQueue" not in shown
    assert sqs("GetQueueAttributes", QueueUrl=url) == {}
    assert code_of(sqs, "GetQueueAttributes", QueueUrl=url, AttributeNames=["Nothing"]) == "InvalidAttributeName"


def test_a_policy_that_is_set_to_nothing_is_gone(sqs: Box) -> None:
    dead = sqs("CreateQueue", QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:1:dead", "maxReceiveCount": 3})
    url = sqs("CreateQueue", QueueName="q", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    assert sqs("ListDeadLetterSourceQueues", QueueUrl=dead)["queueUrls"] == [url]
    sqs("SetQueueAttributes", QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert sqs("GetQueueAttributes", QueueUrl=url, AttributeNames=["RedrivePolicy"]) == {}
    assert sqs("ListDeadLetterSourceQueues", QueueUrl=dead)["queueUrls"] == []


def test_a_dead_letter_queue_can_refuse_a_source(sqs: Box) -> None:
    sqs("CreateQueue", QueueName="dead", Attributes={"RedriveAllowPolicy": '{"redrivePermission":"denyAll"}'})
    policy = '{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":"3"}'
    assert code_of(sqs, "CreateQueue", QueueName="q", Attributes={"RedrivePolicy": policy}) == "InvalidAttributeValue"


def test_queues_are_listed_by_prefix_and_page(sqs: Box) -> None:
    for name in ("b2", "a", "b1", "b_3"):
        sqs("CreateQueue", QueueName=name)
    first = sqs("ListQueues", QueueNamePrefix="b", MaxResults=2)
    rest = sqs("ListQueues", QueueNamePrefix="b", MaxResults=2, NextToken=first["NextToken"])
    names = [url.rpartition("/")[2] for page in (first, rest) for url in page["QueueUrls"]]
    assert names == ["b1", "b2", "b_3"]
    assert "NextToken" not in rest
    assert [url.rpartition("/")[2] for url in sqs("ListQueues", QueueNamePrefix="b_")["QueueUrls"]] == ["b_3"]


def test_tags_are_kept(sqs: Box) -> None:
    url = sqs("CreateQueue", QueueName="q", tags={"team": "sales"})["QueueUrl"]
    sqs("TagQueue", QueueUrl=url, Tags={"stage": "test"})
    sqs("UntagQueue", QueueUrl=url, TagKeys=["team"])
    assert sqs("ListQueueTags", QueueUrl=url) == {"Tags": {"stage": "test"}}


def test_a_queue_is_emptied_at_most_once_a_minute(sqs: Box) -> None:
    url = sqs("CreateQueue", QueueName="q")["QueueUrl"]
    sqs("SendMessage", QueueUrl=url, MessageBody="x")
    sqs("PurgeQueue", QueueUrl=url)
    assert sqs("ReceiveMessage", QueueUrl=url) == {}
    sqs.pass_time(59)
    assert code_of(sqs, "PurgeQueue", QueueUrl=url) == "PurgeQueueInProgress"
    sqs.pass_time(1)
    assert sqs("PurgeQueue", QueueUrl=url) == {}


def test_a_receipt_of_a_deleted_queue_does_not_fit_the_next_of_its_name(sqs: Box) -> None:
    url = sqs("CreateQueue", QueueName="q")["QueueUrl"]
    sqs("SendMessage", QueueUrl=url, MessageBody="x")
    receipt = sqs("ReceiveMessage", QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    sqs("DeleteQueue", QueueUrl=url)
    sqs("CreateQueue", QueueName="q")
    assert code_of(sqs, "DeleteMessage", QueueUrl=url, ReceiptHandle=receipt) == "ReceiptHandleIsInvalid"
