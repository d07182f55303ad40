"""Operations on topics: made, changed, listed, tagged, deleted."""

from __future__ import annotations

import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

from flowd.services.ports import Call, Members, ServiceError
from flowd.services.sns import names
from flowd.services.sns.names import invalid
from flowd.services.sns.tables import Tables, Topic

PAGE: Final = 100  # API reference, ListTopics
_MOST_TAGS: Final = 50


def _boolean(text: str) -> bool:
    return text in ("true", "false")


def _json(text: str) -> bool:
    try:
        return text == "" or isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _any(text: str) -> bool:
    return True


_ATTRIBUTES: Final[dict[str, Callable[[str], bool]]] = {
    "ContentBasedDeduplication": _boolean,
    "DeliveryPolicy": _json,
    "DisplayName": lambda text: len(text) <= 100,
    "FifoThroughputScope": lambda text: text in ("Topic", "MessageGroup"),
    "FifoTopic": _boolean,
    "KmsMasterKeyId": _any,
    "Policy": _json,
    "SignatureVersion": lambda text: text in ("1", "2"),
    "TracingConfig": lambda text: text in ("Active", "PassThrough"),
}
_FIFO_ONLY: Final = ("ContentBasedDeduplication", "FifoThroughputScope")
_FEEDBACK: Final = ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")


def create_topic(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = str(members.get("Name") or "")
    given = {str(key): str(value) for key, value in (members.get("Attributes") or {}).items()}
    fifo = given.get("FifoTopic") == "true"
    names.check_name(name, fifo)
    for attribute, value in given.items():
        _check(attribute, value, fifo)
    tags = _tags_of(members)
    known = tables.topic(name)
    if known is not None:
        _check_same(known, given, tags if members.get("Tags") else None)
        return {"TopicArn": known.arn}
    arn = call.arn("sns", name)
    shown = {key: value for key, value in given.items() if key != "FifoTopic" and value != ""}
    tables.add_topic(
        name=name, arn=arn, fifo=fifo, attributes=json.dumps(shown), tags=json.dumps(tags), created_ms=call.now_ms
    )
    return {"TopicArn": arn}


def _check(attribute: str, value: str, fifo: bool) -> None:
    if attribute.endswith(_FEEDBACK):
        return
    if attribute in ("ArchivePolicy",):
        raise invalid("Attributes Reason: ArchivePolicy is not supported: flowd keeps no archive of messages")
    accepts = _ATTRIBUTES.get(attribute)
    if accepts is None or (attribute in _FIFO_ONLY and not fifo):
        raise invalid(f"Attributes Reason: Unknown attribute {attribute}")
    if not accepts(value):
        raise invalid(f"Attributes Reason: {attribute}: invalid value {value!r}")


def _check_same(topic: Topic, given: Mapping[str, str], tags: Mapping[str, str] | None) -> None:
    have = {**attributes(topic), **({"FifoTopic": "true"} if topic.fifo else {"FifoTopic": "false"})}
    if any(have.get(name, "") != value for name, value in given.items()):
        raise invalid("Attributes Reason: Topic already exists with different attributes")
    if tags is not None and tags != json.loads(topic.tags):
        raise invalid("Tags Reason: Topic already exists with different tags")


def attributes(topic: Topic) -> dict[str, str]:
    """What somebody said of a topic."""
    found: dict[str, str] = json.loads(topic.attributes)
    return found


def delete_topic(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """A topic that is not there is as good as deleted (API reference, DeleteTopic: idempotent)."""
    topic = tables.topic(names.topic_name(str(members.get("TopicArn") or "")))
    if topic is not None:
        tables.drop_topic(topic)
    return {}


def get_topic_attributes(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    topic = names.find(tables, members)
    counts = tables.counts(topic)
    shown = {
        "TopicArn": topic.arn,
        "Owner": call.account,
        "DisplayName": "",
        "Policy": _default_policy(topic, call),
        "SubscriptionsConfirmed": str(counts.confirmed),
        "SubscriptionsPending": str(counts.pending),
        "SubscriptionsDeleted": "0",
        "EffectiveDeliveryPolicy": '{"http":{"defaultHealthyRetryPolicy":{"numRetries":3}}}',
    }
    if topic.fifo:
        shown.update(FifoTopic="true", ContentBasedDeduplication="false", FifoThroughputScope="Topic")
    return {"Attributes": {**shown, **attributes(topic)}}


def _default_policy(topic: Topic, call: Call) -> str:
    """Whoever may speak to this box may do all; it is shown since tools read it."""
    statement = {"Effect": "Allow", "Principal": {"AWS": call.account}, "Action": "SNS:*", "Resource": topic.arn}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def set_topic_attributes(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    topic = names.find(tables, members)
    name, value = str(members.get("AttributeName") or ""), str(members.get("AttributeValue") or "")
    if name == "FifoTopic":
        raise invalid("AttributeName")
    if value != "" or name not in _ATTRIBUTES:
        _check(name, value, topic.fifo)
    changed = {**attributes(topic), name: value}
    topic.attributes = json.dumps({key: text for key, text in changed.items() if text != ""})
    return {}


def list_topics(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    try:
        after = b64decode(str(members.get("NextToken") or ""), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid("NextToken Reason: it is none that flowd gave") from None
    found = tables.topics(after, PAGE + 1)
    answer: dict[str, Any] = {"Topics": [{"TopicArn": topic.arn} for topic in found[:PAGE]]}
    if len(found) > PAGE:
        answer["NextToken"] = urlsafe_b64encode(found[PAGE - 1].name.encode()).decode()
    return answer


# -- tags --------------------------------------------------------------------------


def _tags_of(members: Members) -> dict[str, str]:
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in members.get("Tags") or ()}
    _check_tags(tags)
    return tags


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise ServiceError("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise invalid("Tags Reason: keys have 1 to 128 characters, values at most 256")


def _tagged(tables: Tables, members: Members) -> Topic:
    topic = tables.topic(names.topic_name(str(members.get("ResourceArn") or ""), "ResourceArn"))
    if topic is None:
        raise ServiceError("ResourceNotFound", "Resource does not exist", status=404)
    return topic


def tag_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    topic = _tagged(tables, members)
    tags = {**json.loads(topic.tags), **_tags_of(members)}
    _check_tags(tags)
    topic.tags = json.dumps(tags)
    return {}


def untag_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    topic = _tagged(tables, members)
    gone = set(members.get("TagKeys") or ())
    topic.tags = json.dumps({key: value for key, value in json.loads(topic.tags).items() if key not in gone})
    return {}


def list_tags_for_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    tags = json.loads(_tagged(tables, members).tags)
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
