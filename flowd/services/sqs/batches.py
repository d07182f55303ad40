"""The batch operations: up to ten entries, each of which succeeds or fails by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from flowd.services.ports import Call, Members, ServiceError
from flowd.services.sqs import names
from flowd.services.sqs.attributes import MOST_BYTES
from flowd.services.sqs.receiving import change_visibility, delete
from flowd.services.sqs.sending import send, size_of
from flowd.services.sqs.tables import Queue, Tables

MOST_ENTRIES: Final = 10
_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_One = Callable[[Tables, Queue, Members, Call], dict[str, Any] | None]


def send_message_batch(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    entries = _entries(members, "SendMessageBatchRequestEntry")
    total = sum(size_of(entry) for entry in entries)
    if total > MOST_BYTES:
        raise ServiceError(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {MOST_BYTES} bytes. You have sent {total} bytes.",
        )
    return _each(tables, queue, entries, call, send)


def delete_message_batch(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    return _each(tables, queue, _entries(members, "DeleteMessageBatchRequestEntry"), call, delete)


def change_message_visibility_batch(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    queue = names.find(tables, members)
    entries = _entries(members, "ChangeMessageVisibilityBatchRequestEntry")
    return _each(tables, queue, entries, call, change_visibility)


def _entries(members: Members, kind: str) -> list[Members]:
    entries = list(members.get("Entries") or ())
    if not entries:
        raise ServiceError("EmptyBatchRequest", f"There should be at least one {kind} in the request.")
    if len(entries) > MOST_ENTRIES:
        raise ServiceError(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(entries)}.",
        )
    seen: set[str] = set()
    for entry in entries:
        name = str(entry.get("Id") or "")
        if _ID.fullmatch(name) is None:
            raise ServiceError(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if name in seen:
            raise ServiceError("BatchEntryIdsNotDistinct", f"Id {name} repeated.")
        seen.add(name)
    return entries


def _each(tables: Tables, queue: Queue, entries: list[Members], call: Call, one: _One) -> dict[str, Any]:
    """Every operation checks before it writes, so an entry that fails has left nothing behind."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            done.append({"Id": entry["Id"], **(one(tables, queue, entry, call) or {})})
        except ServiceError as error:
            failed.append({"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message})
    return {"Successful": done, **({"Failed": failed} if failed else {})}
