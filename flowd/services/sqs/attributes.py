"""The attributes of queues: which there are, what they may be, what they are when nobody says. Pure.

Source: API reference of SQS, CreateQueue and SetQueueAttributes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from flowd.services.sqs import errors
from flowd.services.sqs.names import FIFO, name_of_arn
from flowd.services.sqs.tables import Queue

MOST_BYTES: Final = 1_048_576  # of a message, and of a batch
_BOOLEANS: Final = ("true", "false")


def _whole(least: int, most: int) -> Callable[[str], bool]:
    def accepts(text: str) -> bool:
        return text.isascii() and text.isdigit() and least <= int(text[:12]) <= most

    return accepts


def _one_of(*words: str) -> Callable[[str], bool]:
    return lambda text: text in words


def _json_or_nothing(text: str) -> bool:
    return text == "" or isinstance(_object(text), dict)


def _redrive(text: str) -> bool:
    if text == "":
        return True
    policy = _object(text)
    if not isinstance(policy, dict) or not set(policy) <= {"deadLetterTargetArn", "maxReceiveCount"}:
        return False
    return name_of_arn(str(policy.get("deadLetterTargetArn", ""))) is not None and _whole(1, 1000)(
        str(policy.get("maxReceiveCount", "10"))
    )


def _redrive_allow(text: str) -> bool:
    if text == "":
        return True
    policy = _object(text)
    if not isinstance(policy, dict):
        return False
    permission, sources = policy.get("redrivePermission", "allowAll"), policy.get("sourceQueueArns")
    if permission != "byQueue":
        return permission in ("allowAll", "denyAll") and sources is None
    return isinstance(sources, list) and 1 <= len(sources) <= 10 and all(name_of_arn(str(each)) for each in sources)


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


#: What can be set, and what it may be.
_SETTABLE: Final[dict[str, Callable[[str], bool]]] = {
    "DelaySeconds": _whole(0, 900),
    "MaximumMessageSize": _whole(1024, MOST_BYTES),
    "MessageRetentionPeriod": _whole(60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": _whole(0, 20),
    "VisibilityTimeout": _whole(0, 43_200),
    "Policy": _json_or_nothing,
    "RedrivePolicy": _redrive,
    "RedriveAllowPolicy": _redrive_allow,
    "KmsMasterKeyId": lambda text: True,
    "KmsDataKeyReusePeriodSeconds": _whole(60, 86_400),
    "SqsManagedSseEnabled": _one_of(*_BOOLEANS),
}
_FIFO_ONLY: Final[dict[str, Callable[[str], bool]]] = {
    "FifoQueue": _one_of("true"),
    "ContentBasedDeduplication": _one_of(*_BOOLEANS),
    "DeduplicationScope": _one_of("messageGroup", "queue"),
    "FifoThroughputLimit": _one_of("perQueue", "perMessageGroupId"),
}
_DEFAULTS: Final = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": str(MOST_BYTES),
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
_FIFO_DEFAULTS: Final = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
#: What is worked out when somebody asks.
COMPUTED: Final = (
    *("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages"),
    *("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed"),
)
_VANISH: Final = ("Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId")  # when set to nothing
KNOWN: Final = frozenset({*_SETTABLE, *_FIFO_ONLY, *COMPUTED})


def check(given: Mapping[str, str], fifo: bool) -> None:
    """Raises InvalidAttributeName, InvalidAttributeValue."""
    for name, value in given.items():
        if name in _FIFO_ONLY and not fifo and not (name == "FifoQueue" and value == "false"):
            raise errors.unknown_attribute(name)
        accepts = _SETTABLE.get(name) or _FIFO_ONLY.get(name)
        if accepts is None:
            raise errors.unknown_attribute(name)
        if name == "FifoQueue" and not fifo:
            continue
        if not accepts(value):
            raise errors.invalid_attribute(name)
    if given.get("FifoThroughputLimit") == "perMessageGroupId" and given.get("DeduplicationScope", "") == "queue":
        raise errors.invalid_attribute("FifoThroughputLimit", "it needs the DeduplicationScope messageGroup.")


def said(queue: Queue) -> dict[str, str]:
    """What somebody set."""
    found: dict[str, str] = json.loads(queue.attributes)
    return found


def effective(queue: Queue) -> dict[str, str]:
    """Everything that is in force, defaults included."""
    return {**_DEFAULTS, **(_FIFO_DEFAULTS if queue.fifo else {}), **said(queue)}


def put(queue: Queue, given: Mapping[str, str], now_ms: int) -> None:
    """Change some; a policy that is set to nothing is gone."""
    merged = {**said(queue), **given}
    for name in _VANISH:
        if merged.get(name) == "":
            del merged[name]
    merged.pop("FifoQueue", None)
    queue.attributes = json.dumps(merged)
    queue.dead_letter = redrive_target(merged)[0]
    queue.changed_ms = now_ms


def redrive_target(attributes: Mapping[str, str]) -> tuple[str, int]:
    """(name of the dead-letter queue or "", maxReceiveCount)."""
    text = attributes.get("RedrivePolicy", "")
    if not text:
        return "", 0
    policy = json.loads(text)
    return str(name_of_arn(str(policy["deadLetterTargetArn"]))), int(policy.get("maxReceiveCount", 10))


def check_redrive(source_name: str, source_arn: str, target: Queue | None) -> None:
    """Whether a queue may give its messages to another. Raises ServiceError."""
    name = "RedrivePolicy"
    if target is None:
        raise errors.invalid_attribute(name, "Dead letter target does not exist.")
    if target.fifo != source_name.endswith(FIFO):
        raise errors.invalid_attribute(name, "Dead-letter queue must be same type of queue as the source.")
    allowed = json.loads(said(target).get("RedriveAllowPolicy", "{}"))
    permission = allowed.get("redrivePermission", "allowAll")
    if permission == "denyAll" or (permission == "byQueue" and source_arn not in allowed["sourceQueueArns"]):
        raise errors.invalid_attribute(name, "The dead-letter queue does not allow this source queue.")


def differing(queue: Queue, given: Mapping[str, str]) -> str | None:
    """The first attribute that a CreateQueue wants otherwise than it is."""
    have = effective(queue)
    for name, value in given.items():
        if name == "FifoQueue" and (value == "true") == queue.fifo:
            continue
        if not _same(have.get(name, ""), value):
            return name
    return None


def _same(left: str, right: str) -> bool:
    """JSON texts are compared by what they say."""
    if left == right:
        return True
    return left[:1] == "{" and right[:1] == "{" and _object(left) == _object(right) is not None


def seconds(queue: Queue, name: str) -> int:
    return int(effective(queue)[name])
