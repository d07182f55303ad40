"""ReceiveMessage and what follows it: visibility, deletion, and the way to the dead-letter queue.

A receipt handle names the message's row, how often it was received, and the nonce that only a receiver was told.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from flowd.services.ports import Call, Members, ServiceError
from flowd.services.sqs import attributes, digests, errors, names
from flowd.services.sqs.queues import oldest_ms
from flowd.services.sqs.tables import Given, Message, Queue, Tables

MOST_VISIBILITY: Final = 43_200  # seconds
ATTEMPT_MS: Final = 5 * 60 * 1000  # for how long a ReceiveRequestAttemptId counts
_ATTEMPT: Final = re.compile(r"[!-~]{1,128}")
_MOST_MESSAGES: Final = 10
_MOST_WAIT: Final = 20
_HANDLE = re.compile(r"([0-9]{1,18})/([0-9]{1,18})/([0-9]{1,18})/([0-9a-f-]{36})")
_SYSTEM_NAMES: Final = frozenset(
    {
        *("All", "AWSTraceHeader", "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount"),
        *("DeadLetterQueueSourceArn", "MessageDeduplicationId", "MessageGroupId", "SenderId", "SentTimestamp"),
        *("SequenceNumber", "SqsManagedSseEnabled"),
    }
)


def receive_message(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """What can be had now, or how long to wait for it."""
    queue = names.find(tables, members)
    most = _number(members, "MaxNumberOfMessages", 1, 1, _MOST_MESSAGES)
    wait = _number(
        members, "WaitTimeSeconds", attributes.seconds(queue, "ReceiveMessageWaitTimeSeconds"), 0, _MOST_WAIT
    )
    visibility = _number(
        members, "VisibilityTimeout", attributes.seconds(queue, "VisibilityTimeout"), 0, MOST_VISIBILITY
    )
    asked = _system_names(members)
    attempt = _attempt_id(members, queue)
    shown_names = [str(each) for each in members.get("MessageAttributeNames") or ()]
    again = _again(tables, queue, attempt, call) if attempt else []
    if again:
        for message in again:
            message.visible_ms = call.now_ms + visibility * 1000
        tables.remember_attempt(queue, attempt, [_given(message) for message in again], None)
        call.due_ms.append(call.now_ms + visibility * 1000)
        return {"Messages": [_shown(message, asked, shown_names) for message in again]}
    taken: list[Message] = []
    while len(taken) < most:
        found = tables.receivable(queue, call.now_ms, oldest_ms(queue, call), most - len(taken))
        kept = [message for message in found if not _give_up(tables, queue, message, call)]
        for message in kept:
            _take(message, visibility, call)
            taken.append(message)
        if len(kept) == len(found) or visibility == 0:
            break
    if taken:
        call.due_ms.append(call.now_ms + visibility * 1000)
        if attempt:
            tables.remember_attempt(queue, attempt, [_given(message) for message in taken], call.now_ms)
        return {"Messages": [_shown(message, asked, shown_names) for message in taken]}
    if wait:
        call.wait = (f"sqs:{queue.name}", wait * 1000)
    return {}


def _attempt_id(members: Members, queue: Queue) -> str:
    """ReceiveRequestAttemptId, which only FIFO queues know; "" = none."""
    given = members.get("ReceiveRequestAttemptId")
    if given is None:
        return ""
    if not queue.fifo:
        reason = "The request include parameter that is not valid for this queue type."
        raise errors.invalid("ReceiveRequestAttemptId", given, reason)
    if not _ATTEMPT.fullmatch(str(given)):
        reason = "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise errors.invalid("ReceiveRequestAttemptId", given, reason)
    return str(given)


def _again(tables: Tables, queue: Queue, attempt: str, call: Call) -> list[Message]:
    """What this attempt was given before, if all of it is still in its hands and nobody has changed it since.

    Source: API reference, ReceiveMessage: it can be repeated for five minutes, as long as no message was deleted or had
    its visibility changed; it then returns the same messages and receipt handles and starts their visibility anew.
    """
    found: list[Message] = []
    for given in tables.attempt(queue, attempt, call.now_ms - ATTEMPT_MS) or ():
        message = tables.message(given.row)
        if message is None or message.queue_id != queue.id or _given(message) != given:
            return []
        if message.visible_ms <= call.now_ms:
            return []
        found.append(message)
    return found


def _given(message: Message) -> Given:
    return Given(message.id or 0, message.receive_count, message.visible_ms)


def _number(members: Members, name: str, default: int, least: int, most: int) -> int:
    given = members.get(name)
    if given is None:
        return default
    if not least <= int(given) <= most:
        raise errors.invalid(name, given, f"Must be between {least} and {most}, if provided.")
    return int(given)


def _system_names(members: Members) -> set[str]:
    """`AttributeNames` is the older name of `MessageSystemAttributeNames`."""
    asked = {
        str(name) for member in ("MessageSystemAttributeNames", "AttributeNames") for name in members.get(member) or ()
    }
    for name in sorted(asked - _SYSTEM_NAMES):
        raise errors.unknown_attribute(name)
    return asked


def _give_up(tables: Tables, queue: Queue, message: Message, call: Call) -> bool:
    """True if the message was received too often: it goes to the dead-letter queue, if there is one."""
    if not queue.dead_letter:
        return False
    name, most = attributes.redrive_target(attributes.said(queue))
    target = tables.queue(name) if message.receive_count >= most else None
    if target is None or target.id is None:
        return False
    message.queue_id = target.id
    message.dead_letter_source = names.arn(call, queue.name)
    message.visible_ms = call.now_ms
    if queue.fifo:  # developer guide, "Dead-letter queues": a standard message keeps its age
        message.sent_ms = call.now_ms
    call.wake.append(f"sqs:{target.name}")
    return True


def _take(message: Message, visibility: int, call: Call) -> None:
    message.receive_count += 1
    message.received_ms = message.received_ms or call.now_ms
    message.visible_ms = call.now_ms + visibility * 1000


def _shown(message: Message, asked: set[str], attribute_names: list[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "MessageId": message.message_id,
        "ReceiptHandle": _handle(message),
        "MD5OfBody": digests.md5_of_body(message.body),
        "Body": message.body,
    }
    system = _system(message)
    shown_system = system if "All" in asked else {name: system[name] for name in system if name in asked}
    if shown_system:
        shown["Attributes"] = shown_system
    chosen = digests.wanted(digests.unpack(message.attributes), attribute_names)
    if chosen:
        shown["MD5OfMessageAttributes"] = digests.md5_of(chosen)
        shown["MessageAttributes"] = chosen
    return shown


def _system(message: Message) -> dict[str, str]:
    every = {
        "SenderId": message.sender,
        "SentTimestamp": str(message.sent_ms),
        "ApproximateReceiveCount": str(message.receive_count),
        "ApproximateFirstReceiveTimestamp": str(message.received_ms),
        "SequenceNumber": message.sequence,
        "MessageDeduplicationId": message.deduplication_id,
        "MessageGroupId": message.group_id,
        "DeadLetterQueueSourceArn": message.dead_letter_source,
        "AWSTraceHeader": digests.unpack(message.system).get("AWSTraceHeader", {}).get("StringValue", ""),
    }
    return {name: value for name, value in every.items() if value}


# -- receipts ----------------------------------------------------------------------


def _handle(message: Message) -> str:
    text = f"{message.queue_id}/{message.id}/{message.receive_count}/{message.nonce}"
    return urlsafe_b64encode(text.encode()).decode()


def _by_handle(tables: Tables, queue: Queue, members: Members) -> tuple[Message | None, bool]:
    """The message, None if it is gone; and whether the receipt is its latest. Raises ReceiptHandleIsInvalid."""
    handle = str(members.get("ReceiptHandle") or "")
    if not handle:
        raise errors.missing("ReceiptHandle")
    try:
        found = _HANDLE.fullmatch(urlsafe_b64decode(handle).decode())
    except ValueError:
        found = None
    if found is None or int(found[1]) != queue.id:
        raise errors.bad_handle(handle)
    message = tables.message(int(found[2]))
    if message is None or message.queue_id != queue.id or message.nonce != found[4]:
        return None, False
    return message, message.receive_count == int(found[3])


def delete_message(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    delete(tables, names.find(tables, members), members, call)
    return {}


def delete(tables: Tables, queue: Queue, members: Members, call: Call) -> None:
    """A receipt of an earlier time deletes nothing, and says so only in a FIFO queue (API reference, DeleteMessage)."""
    message, latest = _by_handle(tables, queue, members)
    if message is None:
        return
    if queue.fifo and (not latest or message.visible_ms <= call.now_ms):
        raise errors.invalid("ReceiptHandle", members["ReceiptHandle"], "The receipt handle has expired.")
    if latest:
        tables.drop_message(message)
        if message.group_id:
            call.wake.append(f"sqs:{queue.name}")  # the rest of its group can be had now


def change_message_visibility(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    change_visibility(tables, names.find(tables, members), members, call)
    return {}


def change_visibility(tables: Tables, queue: Queue, members: Members, call: Call) -> None:
    given = members.get("VisibilityTimeout")
    if given is None:
        raise errors.missing("VisibilityTimeout")
    if not 0 <= int(given) <= MOST_VISIBILITY:
        raise errors.invalid("VisibilityTimeout", given, f"Must be between 0 and {MOST_VISIBILITY}, if provided.")
    message, latest = _by_handle(tables, queue, members)
    if message is None:
        raise errors.invalid(
            "ReceiptHandle",
            members["ReceiptHandle"],
            "Message does not exist or is not available for visibility timeout change.",
        )
    if message.visible_ms <= call.now_ms or not latest:
        raise ServiceError("MessageNotInflight", "The message referred to isn't in flight.")
    visible_ms = call.now_ms + int(given) * 1000
    if visible_ms > message.received_ms + MOST_VISIBILITY * 1000:
        raise errors.invalid_value(
            f"Total VisibilityTimeout for the message is beyond the limit [{MOST_VISIBILITY} seconds]"
        )
    message.visible_ms = visible_ms
    if int(given) == 0:
        call.wake.append(f"sqs:{queue.name}")
    else:
        call.due_ms.append(visible_ms)
