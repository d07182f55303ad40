"""Publish and PublishBatch: a message becomes one delivery for each subscription that wants it."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.ports import Call, Delivery, Members, ServiceError
from flowd.services.sns import envelopes, filters, names
from flowd.services.sns.envelopes import Published
from flowd.services.sns.names import invalid
from flowd.services.sns.subscriptions import HTTP_AGE_S, HTTP_TRIES, attributes, dead_letter_of
from flowd.services.sns.tables import Subscription, Tables, Topic
from flowd.services.sns.topics import attributes as topic_attributes

DEDUPLICATION_MS: Final = 300_000
MOST_BYTES: Final = 262_144
_MOST_ENTRIES: Final = 10
_SEQUENCE_START: Final = 10_000_000_000_000_000_000  # twenty digits, as AWS's have
_SUBJECT = re.compile(r"[^\s\x00-\x1f\x7f-\U0010ffff][\x20-\x7e]{0,98}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TOKEN = re.compile(r"[!-~]{1,128}")
_OWN_TRIES: Final = 100_015  # developer guide, "Message delivery retries": to AWS's own, over 23 days
_OWN_AGE_S: Final = 23 * 86_400


def publish(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    if members.get("PhoneNumber"):
        raise invalid("PhoneNumber Reason: flowd sends no text messages: nothing on this box can")
    arn = str(members.get("TopicArn") or members.get("TargetArn") or "")
    if not arn:
        raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
    if ":endpoint/" in arn:
        raise invalid("TargetArn Reason: flowd sends no push messages to mobile applications")
    return _publish(tables, names.find(tables, {"TopicArn": arn}), members, call)


def publish_batch(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    topic = names.find(tables, members)
    entries = list(members.get("PublishBatchRequestEntries") or ())
    _check_entries(entries)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"], **_publish(tables, topic, entry, call)})
        except ServiceError as error:
            failed.append({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": True})
    return {"Successful": done, "Failed": failed}


def _check_entries(entries: list[Members]) -> None:
    if not entries:
        raise ServiceError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(entries) > _MOST_ENTRIES:
        raise ServiceError(
            "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible (more than 10)."
        )
    ids = [str(entry.get("Id") or "") for entry in entries]
    if any(_ID.fullmatch(each) is None for each in ids):
        raise ServiceError("InvalidBatchEntryId", "The Id of a batch entry in a batch request isn't valid.")
    if len(set(ids)) < len(ids):
        raise ServiceError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
    if sum(_size(entry) for entry in entries) > MOST_BYTES:
        raise ServiceError("BatchRequestTooLong", "The length of all the batch messages is more than the limit.")


def _publish(tables: Tables, topic: Topic, members: Members, call: Call) -> dict[str, Any]:
    _check_content(members)
    texts = _texts(members)
    group, deduplication = _fifo_members(topic, members)
    key = deduplication if topic.fifo else ""
    if key and topic_attributes(topic).get("FifoThroughputScope") == "MessageGroup":
        key = f"{group}\n{key}"
    sent = tables.duplicate(topic, key, call.now_ms - DEDUPLICATION_MS) if key else None
    if sent is not None:
        return {"MessageId": sent[0], "SequenceNumber": sent[1]}
    published = Published(
        message_id=call.new_id(),
        topic_arn=topic.arn,
        text=texts.get("default", str(members["Message"])),
        subject=members.get("Subject"),
        attributes=members.get("MessageAttributes") or {},
        texts=texts,
        group=group,
        deduplication=deduplication,
        sequence=_next_sequence(topic),
    )
    if key:
        tables.remember(topic, key, published.message_id, published.sequence, call.now_ms)
    for subscription in tables.subscriptions(topic.arn, 0, -1):
        if subscription.confirmed and _wants(subscription, published):
            call.deliveries.append(_delivery(subscription, published, call))
    answer = {"MessageId": published.message_id}
    return {**answer, "SequenceNumber": published.sequence} if published.sequence else answer


def _next_sequence(topic: Topic) -> str:
    if not topic.fifo:
        return ""
    topic.sequence += 1
    return str(_SEQUENCE_START + topic.sequence * 1000)


# -- what is published ------------------------------------------------------------------


def _check_content(members: Members) -> None:
    message, subject = members.get("Message"), members.get("Subject")
    if not message:
        raise invalid("Empty message")
    if _size(members) > MOST_BYTES:
        raise invalid("Message too long")
    if subject is not None and _SUBJECT.fullmatch(str(subject)) is None:
        raise invalid("Subject")
    for name, value in (members.get("MessageAttributes") or {}).items():
        _check_attribute(str(name), value)


def _check_attribute(name: str, value: Mapping[str, Any]) -> None:
    kind = str(value.get("DataType") or "")
    base = kind.partition(".")[0]
    if base not in ("String", "Number", "Binary"):
        raise ServiceError(
            "ParameterValueInvalid",
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String.",
        )
    member = "BinaryValue" if base == "Binary" else "StringValue"
    if not value.get(member):
        raise ServiceError(
            "ParameterValueInvalid",
            f"The message attribute '{name}' must contain non-empty message attribute value for message attribute "
            f"type '{kind}'.",
        )
    if base == "Number":
        try:
            float(str(value[member]))
        except ValueError:
            raise ServiceError(
                "ParameterValueInvalid", f"Could not cast message attribute '{name}' value to number."
            ) from None


def _size(members: Members) -> int:
    total = len(str(members.get("Message") or "").encode(errors="surrogatepass"))
    for name, value in (members.get("MessageAttributes") or {}).items():
        content = value.get("BinaryValue") or str(value.get("StringValue") or "").encode()
        total += len(str(name).encode()) + len(str(value.get("DataType") or "").encode()) + len(content)
    return total


def _texts(members: Members) -> dict[str, str]:
    """The texts of a structured message by protocol; nothing of another."""
    structure = members.get("MessageStructure")
    if structure is None or structure == "":
        return {}
    if structure != "json":
        raise invalid("MessageStructure Reason: it can only be json")
    try:
        texts = json.loads(str(members["Message"]))
    except (ValueError, RecursionError):
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    return {name: text for name, text in texts.items() if isinstance(text, str)}


def _fifo_members(topic: Topic, members: Members) -> tuple[str, str]:
    """(MessageGroupId, MessageDeduplicationId). A standard topic hands a group on to fair queues."""
    group, deduplication = members.get("MessageGroupId"), members.get("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication)):
        if value is not None and _TOKEN.fullmatch(str(value)) is None:
            raise invalid(f"{name} Reason: 1 to 128 letters, digits and punctuation characters")
    if not topic.fifo:
        if deduplication is not None:
            raise invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not "
                "valid for this topic type"
            )
        return str(group or ""), ""
    if group is None:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if deduplication is None:
        if topic_attributes(topic).get("ContentBasedDeduplication") != "true":
            raise invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly"
            )
        deduplication = hashlib.sha256(str(members["Message"]).encode()).hexdigest()
    return str(group), str(deduplication)


# -- who gets it -------------------------------------------------------------------------


def _wants(subscription: Subscription, published: Published) -> bool:
    said = attributes(subscription)
    policy = json.loads(said.get("FilterPolicy") or "{}")
    if not policy:
        return True
    if said.get("FilterPolicyScope") == "MessageBody":
        return filters.body_matches(policy, published.for_protocol(subscription.protocol))
    return filters.attributes_match(policy, published.attributes)


def _delivery(subscription: Subscription, published: Published, call: Call) -> Delivery:
    said = attributes(subscription)
    raw = said.get("RawMessageDelivery") == "true"
    make = _DELIVERIES[subscription.protocol]
    target, body, options = make(subscription, published, call, raw)
    outside = subscription.protocol in ("http", "https", "email", "email-json")
    return Delivery(
        target,
        body,
        source=published.topic_arn,
        options=options,
        dead_letter=dead_letter_of(said),
        tries=_tries(said) if outside else _OWN_TRIES,
        age_s=HTTP_AGE_S if outside else _OWN_AGE_S,
    )


def _tries(said: Mapping[str, str]) -> int:
    """A subscription's own DeliveryPolicy says how often it is tried again."""
    policy = json.loads(said.get("DeliveryPolicy") or "{}").get("healthyRetryPolicy") or {}
    retries = policy.get("numRetries") if isinstance(policy, dict) else None
    return min(max(retries, 0), 100) + 1 if isinstance(retries, int) else HTTP_TRIES


_Made = tuple[str, str, dict[str, Any]]


def _to_queue(subscription: Subscription, published: Published, call: Call, raw: bool) -> _Made:
    options: dict[str, Any] = {}
    if published.group:
        options["MessageGroupId"] = published.group
    if published.deduplication and subscription.endpoint.endswith(names.FIFO):
        options["MessageDeduplicationId"] = published.deduplication
    if not raw:
        return subscription.endpoint, envelopes.notification(published, subscription, call), options
    if published.attributes:
        options["MessageAttributes"] = _portable(published.attributes)
    return subscription.endpoint, published.for_protocol("sqs"), options


def _portable(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes for the outbox, which is JSON; a queue knows no String.Array and takes it as the text it is."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        binary = value.get("BinaryValue")
        content = (
            {"StringValue": value.get("StringValue")}
            if binary is None
            else {"BinaryValue": b64encode(bytes(binary)).decode()}
        )
        found[name] = {"DataType": value["DataType"], **content}
    return found


def _to_function(subscription: Subscription, published: Published, call: Call, raw: bool) -> _Made:
    return subscription.endpoint, envelopes.function_event(published, subscription, call), {}


def _to_url(subscription: Subscription, published: Published, call: Call, raw: bool) -> _Made:
    headers = envelopes.headers("Notification", published.message_id, subscription, raw)
    text = published.for_protocol(subscription.protocol)
    body = text if raw else envelopes.notification(published, subscription, call)
    return subscription.endpoint, body, {"headers": headers}


def _to_person(subscription: Subscription, published: Published, call: Call, raw: bool) -> _Made:
    """`arn:aws:apprise:::ADDRESS` stands for whoever sends mail and chat messages."""
    text = published.for_protocol(subscription.protocol)
    body = envelopes.notification(published, subscription, call) if subscription.protocol == "email-json" else text
    subject = published.subject or "AWS Notification Message"
    return f"arn:aws:apprise:::{subscription.endpoint}", body, {"subject": subject}


_DELIVERIES: Final = {
    "email": _to_person,
    "email-json": _to_person,
    "http": _to_url,
    "https": _to_url,
    "lambda": _to_function,
    "sqs": _to_queue,
}
