"""Operations on queues: made, changed, listed, tagged, emptied, deleted."""

from __future__ import annotations

import json
from typing import Any, Final

from flowd.services.ports import Call, Members, ServiceError
from flowd.services.sqs import attributes, errors, names
from flowd.services.sqs.tables import Queue, Tables

_PURGE_MS: Final = 60_000  # API reference, PurgeQueueInProgress
_MOST_TAGS: Final = 50
_PAGE: Final = 1000


def create_queue(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = str(members.get("QueueName") or "")
    if not name:
        raise errors.missing("QueueName")
    given = _attributes_of(members)
    fifo = given.get("FifoQueue") == "true"
    known = tables.queue(name)
    names.check_name(name, fifo)
    attributes.check(given, fifo)
    if known is not None:
        changed = attributes.differing(known, given)
        if changed is not None:
            raise ServiceError(
                "QueueNameExists",
                f"A queue already exists with the same name and a different value for attribute {changed}",
            )
        return {"QueueUrl": names.url(call, name)}
    _check_dead_letter(tables, call, name, given)
    tags = {str(key): str(value) for key, value in (members.get("tags") or {}).items()}
    _check_tags(tags)
    queue = tables.add_queue(
        name=name, fifo=fifo, attributes="{}", tags=json.dumps(tags), created_ms=call.now_ms, changed_ms=call.now_ms
    )
    attributes.put(queue, given, call.now_ms)
    return {"QueueUrl": names.url(call, name)}


def _attributes_of(members: Members) -> dict[str, str]:
    return {str(name): str(value) for name, value in (members.get("Attributes") or {}).items()}


def _check_dead_letter(tables: Tables, call: Call, name: str, given: dict[str, str]) -> None:
    target, _ = attributes.redrive_target(given)
    if target:
        attributes.check_redrive(name, names.arn(call, name), tables.queue(target))


def delete_queue(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    tables.drop_queue(names.find(tables, members))
    return {}


def get_queue_url(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    if not members.get("QueueName"):
        raise errors.missing("QueueName")
    return {"QueueUrl": names.url(call, names.named(tables, str(members["QueueName"])).name)}


def list_queues(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    limit = _page_size(members)
    found = tables.queues(str(members.get("QueueNamePrefix") or ""), str(members.get("NextToken") or ""), limit + 1)
    return _page([queue.name for queue in found], limit, members, call, "QueueUrls")


def list_dead_letter_source_queues(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    limit = _page_size(members)
    found = tables.sources(queue.name, str(members.get("NextToken") or ""), limit + 1)
    answer = _page([queue.name for queue in found], limit, members, call, "queueUrls")
    return {"queueUrls": [], **answer}


def _page_size(members: Members) -> int:
    limit = members.get("MaxResults")
    if limit is None:
        return _PAGE
    if not 1 <= int(limit) <= _PAGE:
        raise errors.invalid("MaxResults", limit, f"Must be between 1 and {_PAGE}, if provided.")
    return int(limit)


def _page(found: list[str], limit: int, members: Members, call: Call, member: str) -> dict[str, Any]:
    """AWS gives no token to who did not say how many they want."""
    if not found:
        return {}
    answer: dict[str, Any] = {member: [names.url(call, name) for name in found[:limit]]}
    if len(found) > limit and members.get("MaxResults") is not None:
        answer["NextToken"] = found[limit - 1]
    return answer


def get_queue_attributes(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    asked = [str(name) for name in members.get("AttributeNames") or ()]
    for name in asked:
        if name != "All" and name not in attributes.KNOWN:
            raise errors.unknown_attribute(name)
    have = {**attributes.effective(queue), **_computed(tables, queue, call)} if asked else {}
    shown = have if "All" in asked else {name: have[name] for name in asked if name in have}
    return {"Attributes": shown} if shown else {}


def _computed(tables: Tables, queue: Queue, call: Call) -> dict[str, str]:
    counts = tables.counts(queue, call.now_ms, oldest_ms(queue, call))
    return {
        "QueueArn": names.arn(call, queue.name),
        "CreatedTimestamp": str(queue.created_ms // 1000),
        "LastModifiedTimestamp": str(queue.changed_ms // 1000),
        "ApproximateNumberOfMessages": str(counts.visible),
        "ApproximateNumberOfMessagesNotVisible": str(counts.in_flight),
        "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
    }


def oldest_ms(queue: Queue, call: Call) -> int:
    """Messages sent up to then are past their retention."""
    return call.now_ms - attributes.seconds(queue, "MessageRetentionPeriod") * 1000


def set_queue_attributes(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    given = _attributes_of(members)
    if "FifoQueue" in given and (given["FifoQueue"] == "true") != queue.fifo:
        raise errors.invalid_attribute("FifoQueue", "Modifying queue type is not supported.")
    attributes.check(given, queue.fifo)
    _check_dead_letter(tables, call, queue.name, given)
    attributes.put(queue, given, call.now_ms)
    call.due_ms.append(call.now_ms)  # a shorter retention may end messages at once
    return {}


def purge_queue(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    if call.now_ms < queue.purged_ms + _PURGE_MS:
        message = f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds."
        raise ServiceError("PurgeQueueInProgress", message, status=403)
    tables.purge(queue)
    queue.purged_ms = call.now_ms
    return {}


# -- tags --------------------------------------------------------------------------


def tag_queue(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    given = members.get("Tags")
    if not given:
        raise errors.missing("Tags")
    tags = {**json.loads(queue.tags), **{str(key): str(value) for key, value in given.items()}}
    _check_tags(tags)
    queue.tags = json.dumps(tags)
    return {}


def untag_queue(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    gone = set(members.get("TagKeys") or ())
    if not gone:
        raise errors.invalid_value("Tag keys must be between 1 and 128 characters in length.")
    queue.tags = json.dumps({key: value for key, value in json.loads(queue.tags).items() if key not in gone})
    return {}


def list_queue_tags(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    tags = json.loads(names.find(tables, members).tags)
    return {"Tags": tags} if tags else {}


def _check_tags(tags: dict[str, str]) -> None:
    if len(tags) > _MOST_TAGS:
        raise errors.invalid_value("Too many tags added for queue: at most 50.")
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise errors.invalid_value("Tag keys must be between 1 and 128 characters in length, values at most 256.")
