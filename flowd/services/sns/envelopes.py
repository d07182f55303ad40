"""What each kind of subscriber is sent: the notification around a message, the event of a function. Pure.

Nothing is signed here: Signature and SigningCertURL are empty, since there is no certificate of AWS on this box.
Source: SNS developer guide, "Parsing message formats"; Lambda developer guide, "Using Lambda with SNS".
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flowd.clock import iso8601
from flowd.services.ports import Call
from flowd.services.sns.tables import Subscription

Attributes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Published:
    """One message of a topic. `texts` are the texts by protocol, if the message is structured."""

    message_id: str
    topic_arn: str
    text: str
    subject: str | None
    attributes: Attributes
    texts: Mapping[str, str]
    group: str = ""
    deduplication: str = ""
    sequence: str = ""

    def for_protocol(self, protocol: str) -> str:
        """A structured message has a text for a protocol, or the default."""
        return self.texts.get(protocol, self.text)


def plain(attributes: Attributes) -> dict[str, dict[str, str]]:
    """Attributes as they stand in notifications: a type and a value, binary ones in base64."""
    return {
        name: {
            "Type": str(value["DataType"]),
            "Value": b64encode(bytes(value["BinaryValue"])).decode()
            if "BinaryValue" in value
            else str(value.get("StringValue", "")),
        }
        for name, value in attributes.items()
    }


def notification(published: Published, subscription: Subscription, call: Call) -> str:
    """For queues and URLs."""
    body: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": published.message_id,
        **({"SequenceNumber": published.sequence} if published.sequence else {}),
        "TopicArn": published.topic_arn,
        **({"Subject": published.subject} if published.subject else {}),
        "Message": published.for_protocol(subscription.protocol),
        "Timestamp": iso8601(call.now_ms),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "",
        "UnsubscribeURL": _unsubscribe_url(subscription, call),
    }
    if published.attributes:
        body["MessageAttributes"] = plain(published.attributes)
    return json.dumps(body, ensure_ascii=False)


def function_event(published: Published, subscription: Subscription, call: Call) -> str:
    """For functions: always one record."""
    message = {
        "Type": "Notification",
        "MessageId": published.message_id,
        "TopicArn": published.topic_arn,
        "Subject": published.subject,
        "Message": published.for_protocol("lambda"),
        "Timestamp": iso8601(call.now_ms),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertUrl": "",
        "UnsubscribeUrl": _unsubscribe_url(subscription, call),
        "MessageAttributes": plain(published.attributes),
    }
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": message,
    }
    return json.dumps({"Records": [record]}, ensure_ascii=False)


def confirmation(subscription: Subscription, call: Call) -> str:
    """What a URL is sent first: whoever reads it there proves that by the token."""
    query = {"Action": "ConfirmSubscription", "TopicArn": subscription.topic_arn, "Token": subscription.token}
    body = {
        "Type": "SubscriptionConfirmation",
        "MessageId": call.new_id(),
        "Token": subscription.token,
        "TopicArn": subscription.topic_arn,
        "Message": f"You have chosen to subscribe to the topic {subscription.topic_arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message.",
        "SubscribeURL": _url(call, query),
        "Timestamp": iso8601(call.now_ms),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": "",
    }
    return json.dumps(body, ensure_ascii=False)


def headers(kind: str, message_id: str, subscription: Subscription, raw: bool) -> dict[str, str]:
    """Of a POST to a URL."""
    found = {
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": subscription.topic_arn,
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": "Amazon Simple Notification Service Agent",
    }
    if kind == "Notification":
        found["x-amz-sns-subscription-arn"] = subscription.arn
    if raw:
        found["x-amz-sns-rawdelivery"] = "true"
    return found


def _unsubscribe_url(subscription: Subscription, call: Call) -> str:
    return _url(call, {"Action": "Unsubscribe", "SubscriptionArn": subscription.arn})


def _url(call: Call, query: Mapping[str, str]) -> str:
    host = call.endpoint or f"https://sns.{call.region}.amazonaws.com"
    return f"{host}/?{urlencode(query)}"
