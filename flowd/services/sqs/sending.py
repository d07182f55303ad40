"""SendMessage: what a message may be, what a FIFO queue makes of it, and that it lies in the queue once."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.ports import Call, Delivery, Members
from flowd.services.sqs import attributes, digests, errors, names
from flowd.services.sqs.tables import Queue, Tables

DEDUPLICATION_MS: Final = 300_000  # developer guide, "Exactly-once processing"
_MOST_DELAY: Final = 900
_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_SEQUENCE_START: Final = 18_850_000_000_000_000_000  # twenty digits, as AWS's have


def send_message(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return send(tables, names.find(tables, members), members, call)


def accept(tables: Tables, delivery: Delivery, call: Call) -> None:
    """What a topic, a rule or a failed delivery sends. A FIFO queue that is told no group gets one of its sender's."""
    queue = names.named(tables, names.name_of_arn(delivery.target) or "")
    given = {name: _with_bytes(value) for name, value in dict(delivery.options.get("MessageAttributes", {})).items()}
    members = {**delivery.options, "MessageBody": delivery.body, "MessageAttributes": given}
    if queue.fifo:
        members = {"MessageGroupId": "flowd", "MessageDeduplicationId": call.new_id(), **members}
    send(tables, queue, members, call)


def _with_bytes(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The outbox is JSON, so a binary value is base64 in it."""
    binary = value.get("BinaryValue")
    return {**value, "BinaryValue": b64decode(binary)} if isinstance(binary, str) else value


def send(tables: Tables, queue: Queue, members: Members, call: Call) -> dict[str, Any]:
    """One message into a queue; what SendMessage answers."""
    body, given, system = _content(queue, members)
    delay_ms = _delay_ms(queue, members)
    group, deduplication = _fifo_members(queue, members, body)
    answer = {"MD5OfMessageBody": digests.md5_of_body(body)}
    if given:
        answer["MD5OfMessageAttributes"] = digests.md5_of(given)
    if system:
        answer["MD5OfMessageSystemAttributes"] = digests.md5_of(system)
    key = _deduplication_key(queue, group, deduplication)
    if key:
        sent = tables.duplicate(queue, key, call.now_ms - DEDUPLICATION_MS)
        if sent is not None:
            return {**answer, "MessageId": sent[0], "SequenceNumber": sent[1]}
    message_id, sequence = call.new_id(), _next_sequence(queue)
    tables.add_message(
        queue_id=queue.id,
        message_id=message_id,
        nonce=call.new_id(),
        body=body,
        attributes=digests.pack(given),
        system=digests.pack(system),
        sender=call.account,
        group_id=group,
        deduplication_id=deduplication,
        sequence=sequence,
        sent_ms=call.now_ms,
        visible_ms=call.now_ms + delay_ms,
    )
    if key:
        tables.remember(queue, key, message_id, sequence, call.now_ms)
    _tell(queue, call, delay_ms)
    return {**answer, "MessageId": message_id, **({"SequenceNumber": sequence} if sequence else {})}


def _tell(queue: Queue, call: Call, delay_ms: int) -> None:
    """Whoever waits, and the clock: for a delay's end, and for the end of the message's life."""
    if delay_ms:
        call.due_ms.append(call.now_ms + delay_ms)
    else:
        call.wake.append(f"sqs:{queue.name}")
    call.due_ms.append(call.now_ms + attributes.seconds(queue, "MessageRetentionPeriod") * 1000)


def _content(queue: Queue, members: Members) -> tuple[str, digests.Attributes, digests.Attributes]:
    body = members.get("MessageBody")
    if not body:
        raise errors.missing("MessageBody")
    given = members.get("MessageAttributes") or {}
    system = members.get("MessageSystemAttributes") or {}
    digests.check_text(str(body))
    digests.check(given)
    digests.check_system(system)
    most = attributes.seconds(queue, "MaximumMessageSize")
    if size_of(members) > most:
        raise errors.invalid_value(
            f"One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )
    return str(body), given, system


def size_of(members: Members) -> int:
    """What counts: body and attributes."""
    body = str(members.get("MessageBody") or "")
    return len(body.encode(errors="surrogatepass")) + digests.size_of(members.get("MessageAttributes") or {})


def _delay_ms(queue: Queue, members: Members) -> int:
    given = members.get("DelaySeconds")
    if given is None:
        return attributes.seconds(queue, "DelaySeconds") * 1000
    if queue.fifo and int(given) > 0:
        raise errors.invalid(
            "DelaySeconds", given, "The request include parameter that is not valid for this queue type."
        )
    if not 0 <= int(given) <= _MOST_DELAY:
        raise errors.invalid("DelaySeconds", given, f"DelaySeconds must be >= 0 and <= {_MOST_DELAY}.")
    return attributes.seconds(queue, "DelaySeconds") * 1000 if queue.fifo else int(given) * 1000


def _fifo_members(queue: Queue, members: Members, body: str) -> tuple[str, str]:
    """(MessageGroupId, MessageDeduplicationId). A standard queue takes a group too, for fair queues."""
    group, deduplication = members.get("MessageGroupId"), members.get("MessageDeduplicationId")
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication)):
        if value is not None and _ID.fullmatch(str(value)) is None:
            raise errors.invalid(
                name, value, f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            )
    if not queue.fifo:
        if deduplication is not None:
            raise errors.invalid(
                "MessageDeduplicationId",
                deduplication,
                "The request include parameter that is not valid for this queue type.",
            )
        return str(group or ""), ""
    if group is None:
        raise errors.missing("MessageGroupId")
    if deduplication is None:
        if attributes.effective(queue)["ContentBasedDeduplication"] != "true":
            raise errors.invalid_value(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
                "explicitly"
            )
        deduplication = hashlib.sha256(body.encode()).hexdigest()
    return str(group), str(deduplication)


def _deduplication_key(queue: Queue, group: str, deduplication: str) -> str:
    if not queue.fifo:
        return ""
    if attributes.effective(queue)["DeduplicationScope"] == "messageGroup":
        return f"{group}\n{deduplication}"
    return deduplication


def _next_sequence(queue: Queue) -> str:
    """Of a FIFO queue: it only grows, by steps of no meaning (API reference, SendMessage)."""
    if not queue.fifo:
        return ""
    queue.sequence += 1
    return str(_SEQUENCE_START + queue.sequence * 256)
