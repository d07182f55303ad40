"""What lies in a dead-letter queue goes back to where it came from; and what time does to queues.

A move is one statement here and over when StartMessageMoveTask answers, so there is never one to cancel.
"""

from __future__ import annotations

from typing import Any, Final

from flowd.services.ports import Call, Members
from flowd.services.sqs import errors, names
from flowd.services.sqs.queues import oldest_ms
from flowd.services.sqs.sending import DEDUPLICATION_MS
from flowd.services.sqs.tables import MoveTask, Queue, Tables

_SOON_MS: Final = 50  # visibility that ends within this time is one tick


def start_message_move_task(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    source_arn = str(members.get("SourceArn") or "")
    source = _by_arn(tables, source_arn, "SourceArn")
    if not tables.sources(source.name, limit=1):
        raise errors.invalid_value("Source queue must be configured as a Dead Letter Queue.")
    destination_arn = str(members.get("DestinationArn") or "")
    if destination_arn:
        destination = _by_arn(tables, destination_arn, "DestinationArn")
        if destination.fifo != source.fifo:
            raise errors.invalid_value("Source and destination queues must be of the same type.")
        moved = tables.move(source, destination, None, call.now_ms)
        call.wake.append(f"sqs:{destination.name}")
    else:
        moved = _back(tables, source, call)
    handle = call.new_id()
    tables.add_move_task(handle, source_arn, destination_arn, moved, call.now_ms)
    return {"TaskHandle": handle}


def _back(tables: Tables, source: Queue, call: Call) -> int:
    """Every message to the queue that gave it up; where that is gone, it stays."""
    moved = 0
    for origin_arn in tables.dead_letter_sources(source):
        origin = tables.queue(names.name_of_arn(origin_arn) or "")
        if origin is not None:
            moved += tables.move(source, origin, origin_arn, call.now_ms)
            call.wake.append(f"sqs:{origin.name}")
    return moved


def _by_arn(tables: Tables, arn: str, member: str) -> Queue:
    if not arn:
        raise errors.missing(member)
    queue = tables.queue(names.name_of_arn(arn) or "")
    if queue is None:
        raise errors.no_such_resource(f"The resource that you specified for the {member} parameter doesn't exist.")
    return queue


def list_message_move_tasks(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    source_arn = str(members.get("SourceArn") or "")
    _by_arn(tables, source_arn, "SourceArn")
    limit = int(members.get("MaxResults") or 1)
    if not 1 <= limit <= 10:
        raise errors.invalid("MaxResults", limit, "Must be between 1 and 10, if provided.")
    return {"Results": [_shown(task) for task in tables.move_tasks(source_arn, limit)]}


def _shown(task: MoveTask) -> dict[str, Any]:
    """AWS shows a task's handle only while it runs."""
    shown = {
        "Status": "COMPLETED",
        "SourceArn": task.source,
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.moved,
        "StartedTimestamp": task.started_ms,
    }
    return {**shown, "DestinationArn": task.destination} if task.destination else shown


def cancel_message_move_task(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    raise errors.no_such_resource("Task does not exist, or it is over: a move is done at once here.")


def tick(tables: Tables, call: Call) -> int | None:
    """What is past its retention goes; who waits for what has become visible is woken. When to come again."""
    due: list[int] = []
    for queue in tables.queues():
        tables.expire(queue, oldest_ms(queue, call), call.now_ms - DEDUPLICATION_MS)
        call.wake.append(f"sqs:{queue.name}")
        visible_ms, oldest = tables.next_visible(queue, call.now_ms), tables.oldest(queue)
        if visible_ms is not None:
            due.append(max(visible_ms, call.now_ms + _SOON_MS))
        if oldest is not None:
            due.append(oldest + call.now_ms - oldest_ms(queue, call))
    return min(due, default=None)
