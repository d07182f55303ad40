from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.services.ports import ServiceError
from tests.services.box import Box

QUEUE = "arn:aws:sqs:us-east-1:000000000000:inbox"


def code_of(box: Box, operation: str, **members: Any) -> str:
    with pytest.raises(ServiceError) as caught:
        box(operation, **members)
    assert caught.value.message
    return caught.value.code


def topic(box: Box, name: str = "news", **attributes: str) -> str:
    return str(box("CreateTopic", Name=name, Attributes=attributes)["TopicArn"])


def subscribe(box: Box, arn: str, protocol: str = "sqs", endpoint: str = QUEUE, **attributes: str) -> str:
    members = {"TopicArn": arn, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes}
    return str(box("Subscribe", **members, ReturnSubscriptionArn=True)["SubscriptionArn"])


def test_a_topic_is_made_once(sns: Box) -> None:
    arn = topic(sns, DisplayName="News")
    assert arn == "arn:aws:sns:us-east-1:000000000000:news"
    assert topic(sns) == arn
    with pytest.raises(ServiceError, match="different attributes"):
        topic(sns, DisplayName="Other")
    with pytest.raises(ServiceError, match="different tags"):
        sns("CreateTopic", Name="news", Tags=[{"Key": "a", "Value": "b"}])
    assert sns("ListTopics") == {"Topics": [{"TopicArn": arn}]}


@pytest.mark.parametrize(
    "members",
    [
        {"Name": "with blank"},
        {"Name": ""},
        {"Name": "x.fifo"},
        {"Name": "x", "Attributes": {"FifoTopic": "true"}},
        {"Name": "x", "Attributes": {"Colour": "red"}},
        {"Name": "x", "Attributes": {"ContentBasedDeduplication": "true"}},
        {"Name": "x.fifo", "Attributes": {"FifoTopic": "true", "ArchivePolicy": "{}"}},
    ],
)
def test_what_cannot_be_a_topic_is_refused(sns: Box, members: dict[str, Any]) -> None:
    assert code_of(sns, "CreateTopic", **members) == "InvalidParameter"


def test_attributes_and_tags_can_be_changed(sns: Box) -> None:
    arn = topic(sns)
    sns("SetTopicAttributes", TopicArn=arn, AttributeName="DisplayName", AttributeValue="N")
    shown = sns("GetTopicAttributes", TopicArn=arn)["Attributes"]
    assert (shown["DisplayName"], shown["SubscriptionsConfirmed"]) == ("N", "0")
    sns("TagResource", ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    sns("UntagResource", ResourceArn=arn, TagKeys=["a"])
    assert sns("ListTagsForResource", ResourceArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    gone = "arn:aws:sns:us-east-1:000000000000:gone"
    assert code_of(sns, "GetTopicAttributes", TopicArn=gone) == "NotFound"
    assert code_of(sns, "GetTopicAttributes", TopicArn="news") == "InvalidParameter"
    assert sns("DeleteTopic", TopicArn=gone) == {}


@pytest.mark.parametrize(
    ("operation", "members", "place"),
    [
        ("TagResource", {}, "tags"),
        ("UntagResource", {}, "tagKeys"),
        ("TagResource", {"Tags": [{"Key": "a"}]}, "tags.1.member.value"),
        ("TagResource", {"Tags": [{"Value": "a"}]}, "tags.1.member.key"),
    ],
)
def test_tags_that_are_not_given_are_the_caller_s_mistake(
    sns: Box, operation: str, members: dict[str, Any], place: str
) -> None:
    arn = topic(sns)
    with pytest.raises(ServiceError) as caught:
        sns(operation, ResourceArn=arn, **members)
    words = f"Value null at '{place}' failed to satisfy constraint: Member must not be null"
    assert (caught.value.code, words in caught.value.message) == ("ValidationError", True)


def test_a_queue_is_subscribed_at_once_and_only_once(sns: Box) -> None:
    arn = topic(sns)
    first = subscribe(sns, arn, RawMessageDelivery="true")
    assert subscribe(sns, arn) == first
    with pytest.raises(ServiceError, match="different attributes"):
        subscribe(sns, arn, RawMessageDelivery="false")
    shown = sns("GetSubscriptionAttributes", SubscriptionArn=first)["Attributes"]
    assert (shown["PendingConfirmation"], shown["RawMessageDelivery"]) == ("false", "true")
    listed = sns("ListSubscriptionsByTopic", TopicArn=arn)["Subscriptions"]
    assert listed == sns("ListSubscriptions")["Subscriptions"] and listed[0]["Endpoint"] == QUEUE
    sns("Unsubscribe", SubscriptionArn=first)
    sns("Unsubscribe", SubscriptionArn=first)
    assert sns("ListSubscriptions")["Subscriptions"] == []


@pytest.mark.parametrize(
    ("protocol", "endpoint", "reason"),
    [
        ("sms", "+4915112345", "no text messages"),
        ("application", "arn:x", "no push messages"),
        ("firehose", "arn:x", "no Firehose"),
        ("pigeon", "x", "does not support this protocol"),
        ("sqs", "http://q", "no endpoint"),
        ("http", "https://x", "no endpoint"),
        ("email", "nobody", "no endpoint"),
        ("sqs", f"{QUEUE}.fifo", "FIFO SQS Queues"),
    ],
)
def test_who_cannot_be_told_is_refused_with_the_reason(sns: Box, protocol: str, endpoint: str, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        subscribe(sns, topic(sns), protocol, endpoint)


def test_a_url_gets_messages_once_it_has_shown_its_token(sns: Box) -> None:
    arn = topic(sns)
    answer = sns("Subscribe", TopicArn=arn, Protocol="http", Endpoint="http://127.0.0.1:9/hook")
    assert answer["SubscriptionArn"] == "pending confirmation"
    assert sns.call is not None
    asked = sns.call.deliveries[0]
    assert asked.options["headers"]["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    body = json.loads(asked.body)
    assert body["SubscribeURL"].startswith("http://127.0.0.1:8083/?Action=ConfirmSubscription&TopicArn=arn")
    sns("Publish", TopicArn=arn, Message="too early")
    assert sns.call.deliveries == []
    assert code_of(sns, "ConfirmSubscription", TopicArn=arn, Token="guessed") == "InvalidParameter"
    confirmed = sns("ConfirmSubscription", TopicArn=arn, Token=body["Token"])["SubscriptionArn"]
    sns("Publish", TopicArn=arn, Message="now")
    told = sns.call.deliveries[0]
    assert told.options["headers"]["x-amz-sns-subscription-arn"] == confirmed
    assert json.loads(told.body)["Message"] == "now"


def test_subscription_attributes_are_checked_when_they_are_set(sns: Box) -> None:
    arn = subscribe(sns, topic(sns))
    members = {"SubscriptionArn": arn, "AttributeName": "FilterPolicy"}
    nested = '{"a":{"b":["x"]}}'
    assert code_of(sns, "SetSubscriptionAttributes", **members, AttributeValue=nested) == "InvalidParameter"
    scope = {"SubscriptionArn": arn, "AttributeName": "FilterPolicyScope"}
    sns("SetSubscriptionAttributes", **scope, AttributeValue="MessageBody")
    sns("SetSubscriptionAttributes", **members, AttributeValue=nested)
    back = {**scope, "AttributeValue": "MessageAttributes"}
    assert code_of(sns, "SetSubscriptionAttributes", **back) == "InvalidParameter"
    sns("SetSubscriptionAttributes", **members, AttributeValue="{}")
    assert "FilterPolicy" not in sns("GetSubscriptionAttributes", SubscriptionArn=arn)["Attributes"]
    wrong = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery", "AttributeValue": "maybe"}
    assert code_of(sns, "SetSubscriptionAttributes", **wrong) == "InvalidParameter"
    assert code_of(sns, "GetSubscriptionAttributes", SubscriptionArn=f"{arn}x") == "NotFound"
    assert code_of(sns, "GetSubscriptionAttributes", SubscriptionArn="x") == "InvalidParameter"


def test_subscriptions_go_with_their_topic_and_long_lists_have_pages(sns: Box) -> None:
    arn = topic(sns)
    for number in range(101):
        subscribe(sns, arn, endpoint=f"{QUEUE}{number}")
    first = sns("ListSubscriptionsByTopic", TopicArn=arn)
    rest = sns("ListSubscriptionsByTopic", TopicArn=arn, NextToken=first["NextToken"])
    assert (len(first["Subscriptions"]), len(rest["Subscriptions"])) == (100, 1) and "NextToken" not in rest
    sns("DeleteTopic", TopicArn=arn)
    assert sns("ListSubscriptions")["Subscriptions"] == []


def test_topics_have_pages_whose_token_only_flowd_gives(sns: Box) -> None:
    names = sorted(f"t{number}" for number in range(101))
    for name in names:
        sns("CreateTopic", Name=name)
    first = sns("ListTopics")
    rest = sns("ListTopics", NextToken=first["NextToken"])
    found = [each["TopicArn"].rpartition(":")[2] for each in (*first["Topics"], *rest["Topics"])]
    assert (found, len(rest["Topics"]), "NextToken" in rest) == (names, 1, False)
    for wrong in ("nonsense", names[0], "\xe9"):
        assert code_of(sns, "ListTopics", NextToken=wrong) == "InvalidParameter"
