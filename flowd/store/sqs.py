"""The tables of SQS over one session: what `flowd.services.sqs` asks of them, each question one indexed statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, TypeVar

from sqlmodel import Session, col, delete, func, select

from flowd.services.sqs.tables import Counts, Given, Message, MoveTask, Queue
from flowd.store.database import raw
from flowd.store.schema_messaging import SqsAttempt, SqsDeduplication, SqsMessage, SqsMoveTask, SqsQueue

R = TypeVar("R")
_COUNTS: Final = (
    "SELECT count(*), coalesce(sum(visible_ms > ?2 AND receive_count > 0), 0), "
    "coalesce(sum(visible_ms > ?2 AND receive_count = 0), 0) FROM sqs_message WHERE queue_id = ?1 AND sent_ms > ?3"
)
_STANDARD: Final = (
    "SELECT id FROM sqs_message WHERE queue_id = ?1 AND visible_ms <= ?2 AND sent_ms > ?3 "
    "ORDER BY visible_ms, id LIMIT ?4"
)
#: In order; nothing of a group of which something is in flight, nor what stands behind a message yet to appear.
_FIFO: Final = (
    "SELECT id FROM sqs_message AS m WHERE queue_id = ?1 AND visible_ms <= ?2 AND sent_ms > ?3 AND NOT EXISTS ("
    "SELECT 1 FROM sqs_message AS o WHERE o.queue_id = ?1 AND o.group_id = m.group_id AND o.visible_ms > ?2 "
    "AND o.sent_ms > ?3 AND (o.receive_count > 0 OR o.id < m.id)) ORDER BY id LIMIT ?4"
)


class SqsTables:
    """One transaction's view of the queues."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # -- queues --------------------------------------------------------------------

    def queue(self, name: str) -> Queue | None:
        return self._session.exec(select(SqsQueue).where(SqsQueue.name == name)).first()

    def queues(self, prefix: str = "", after: str = "", limit: int = -1) -> Sequence[Queue]:
        query = select(SqsQueue).where(SqsQueue.name > after, col(SqsQueue.name).startswith(prefix, autoescape=True))
        return self._session.exec(query.order_by(SqsQueue.name).limit(limit)).all()

    def sources(self, dead_letter: str, after: str = "", limit: int = -1) -> Sequence[Queue]:
        query = select(SqsQueue).where(SqsQueue.dead_letter == dead_letter, SqsQueue.name > after)
        return self._session.exec(query.order_by(SqsQueue.name).limit(limit)).all()

    def add_queue(self, **columns: Any) -> Queue:
        return self._added(SqsQueue(**columns))

    def drop_queue(self, queue: Queue) -> None:
        self.purge(queue)
        self._session.execute(delete(SqsDeduplication).where(col(SqsDeduplication.queue_id) == queue.id))
        self._session.execute(delete(SqsAttempt).where(col(SqsAttempt.queue_id) == queue.id))
        self._session.delete(queue)
        self._session.flush()

    def counts(self, queue: Queue, now_ms: int, since_ms: int) -> Counts:
        total, in_flight, delayed = self._rows(_COUNTS, queue.id, now_ms, since_ms)[0]
        return Counts(total - in_flight - delayed, in_flight, delayed)

    # -- messages ------------------------------------------------------------------

    def add_message(self, **columns: Any) -> Message:
        return self._added(SqsMessage(**columns))

    def message(self, message_id: int) -> Message | None:
        return self._session.get(SqsMessage, message_id)

    def drop_message(self, message: Message) -> None:
        self._session.delete(message)
        self._session.flush()

    def purge(self, queue: Queue) -> None:
        self._session.execute(delete(SqsMessage).where(col(SqsMessage.queue_id) == queue.id))

    def receivable(self, queue: Queue, now_ms: int, since_ms: int, limit: int) -> Sequence[Message]:
        found = self._rows(_FIFO if queue.fifo else _STANDARD, queue.id, now_ms, since_ms, limit)
        rows = (self._session.get(SqsMessage, number) for (number,) in found)
        return [row for row in rows if row is not None]

    def expire(self, queue: Queue, since_ms: int, forget_ms: int) -> None:
        old = (col(SqsMessage.queue_id) == queue.id, col(SqsMessage.sent_ms) <= since_ms)
        self._session.execute(delete(SqsMessage).where(*old))
        if queue.fifo:
            forgotten = (col(SqsDeduplication.queue_id) == queue.id, col(SqsDeduplication.sent_ms) <= forget_ms)
            self._session.execute(delete(SqsDeduplication).where(*forgotten))
            old_attempts = (col(SqsAttempt.queue_id) == queue.id, col(SqsAttempt.at_ms) <= forget_ms)
            self._session.execute(delete(SqsAttempt).where(*old_attempts))

    def next_visible(self, queue: Queue, now_ms: int) -> int | None:
        query = select(func.min(SqsMessage.visible_ms)).where(
            SqsMessage.queue_id == queue.id, SqsMessage.visible_ms > now_ms
        )
        return self._session.exec(query).one()

    def oldest(self, queue: Queue) -> int | None:
        return self._session.exec(select(func.min(SqsMessage.sent_ms)).where(SqsMessage.queue_id == queue.id)).one()

    # -- deduplication -------------------------------------------------------------

    def duplicate(self, queue: Queue, key: str, since_ms: int) -> tuple[str, str] | None:
        row = self._known(queue, key)
        return None if row is None or row.sent_ms <= since_ms else (row.message_id, row.sequence)

    def remember(self, queue: Queue, key: str, message_id: str, sequence: str, now_ms: int) -> None:
        row = self._known(queue, key)
        if row is None:
            row = SqsDeduplication(queue_id=queue.id or 0, key=key, message_id="", sequence="", sent_ms=0)
        row.message_id, row.sequence, row.sent_ms = message_id, sequence, now_ms
        self._added(row)

    def _known(self, queue: Queue, key: str) -> SqsDeduplication | None:
        query = select(SqsDeduplication).where(SqsDeduplication.queue_id == queue.id, SqsDeduplication.key == key)
        return self._session.exec(query).first()

    def attempt(self, queue: Queue, attempt: str, since_ms: int) -> Sequence[Given] | None:
        row = self._attempt(queue, attempt)
        return None if row is None or row.at_ms <= since_ms else [Given(*each) for each in json.loads(row.messages)]

    def remember_attempt(self, queue: Queue, attempt: str, given: Sequence[Given], at_ms: int | None) -> None:
        row = self._attempt(queue, attempt) or SqsAttempt(queue_id=queue.id or 0, attempt=attempt, messages="", at_ms=0)
        row.messages = json.dumps(given)
        if at_ms is not None:
            row.at_ms = at_ms
        self._added(row)

    def _attempt(self, queue: Queue, attempt: str) -> SqsAttempt | None:
        query = select(SqsAttempt).where(SqsAttempt.queue_id == queue.id, SqsAttempt.attempt == attempt)
        return self._session.exec(query).first()

    # -- dead letters --------------------------------------------------------------

    def move(self, source: Queue, destination: Queue, from_arn: str | None, now_ms: int) -> int:
        self._session.flush()
        moved = raw(self._session).execute(
            "UPDATE sqs_message SET queue_id = ?2, visible_ms = ?4, receive_count = 0, received_ms = 0, "
            "dead_letter_source = '' WHERE queue_id = ?1 AND (?3 IS NULL OR dead_letter_source = ?3)",
            (source.id, destination.id, from_arn, now_ms),
        )
        self._session.expire_all()
        return moved.rowcount

    def dead_letter_sources(self, queue: Queue) -> Sequence[str]:
        query = select(SqsMessage.dead_letter_source).where(
            SqsMessage.queue_id == queue.id, SqsMessage.dead_letter_source != ""
        )
        return self._session.exec(query.distinct()).all()

    def add_move_task(self, handle: str, source: str, destination: str, moved: int, now_ms: int) -> None:
        self._added(SqsMoveTask(handle=handle, source=source, destination=destination, moved=moved, started_ms=now_ms))

    def move_tasks(self, source: str, limit: int) -> Sequence[MoveTask]:
        query = select(SqsMoveTask).where(SqsMoveTask.source == source)
        return self._session.exec(query.order_by(col(SqsMoveTask.id).desc()).limit(limit)).all()

    # -- how -----------------------------------------------------------------------

    def _added(self, row: R) -> R:
        self._session.add(row)
        self._session.flush()
        return row

    def _rows(self, statement: str, *values: Any) -> list[Any]:
        self._session.flush()
        return raw(self._session).execute(statement, values).fetchall()
