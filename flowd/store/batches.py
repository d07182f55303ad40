"""Batches on disk: a verb, the executions it is for, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from flowd.store import schema
from flowd.store.database import raw
from flowd.store.schema_operators import Batch, BatchItem

OPEN = ("COLLECTING", "RUNNING")


@dataclass(frozen=True)
class Outcome:
    """What became of one item; `error` None means that it is done."""

    item_id: int
    error: str | None
    entry: schema.Audit | None = None


def page(session: Session, before: int | None, limit: int) -> list[Batch]:
    """Batches, newest first."""
    query = select(Batch).order_by(col(Batch.id).desc()).limit(limit)
    return list(session.exec(query if before is None else query.where(col(Batch.id) < before)).all())


def find(session: Session, batch_id: int) -> Batch | None:
    """One batch."""
    return session.get(Batch, batch_id)


def unfinished(session: Session) -> list[Batch]:
    """Batches with work left, oldest first."""
    return list(session.exec(select(Batch).where(col(Batch.status).in_(OPEN)).order_by(col(Batch.id))).all())


def items(
    session: Session, batch_id: int, state: str | None, after: int, limit: int
) -> list[tuple[BatchItem, schema.Execution]]:
    """Items with an id above `after`, with their executions as they are now; those that retention took are left out."""
    query = (
        select(BatchItem, schema.Execution)
        .join(schema.Execution, col(schema.Execution.id) == col(BatchItem.execution_id))
        .where(BatchItem.batch_id == batch_id, col(BatchItem.id) > after)
    )
    if state is not None:
        query = query.where(BatchItem.state == state)
    return list(session.exec(query.order_by(col(BatchItem.id)).limit(limit)).all())


def pending(session: Session, batch_id: int, limit: int) -> list[tuple[BatchItem, schema.Execution | None]]:
    """Items that nothing has been done for yet."""
    query = (
        select(BatchItem, schema.Execution)
        .join(schema.Execution, col(schema.Execution.id) == col(BatchItem.execution_id), isouter=True)
        .where(BatchItem.batch_id == batch_id, BatchItem.state == "PENDING")
        .order_by(col(BatchItem.id))
        .limit(limit)
    )
    return [(item, execution) for item, execution in session.exec(query).all()]


def lowest(session: Session, batch_id: int) -> int | None:
    """The lowest execution collected: collecting goes downwards and goes on below it."""
    found = session.exec(select(func.min(BatchItem.execution_id)).where(BatchItem.batch_id == batch_id)).one()
    return int(found) if found is not None else None


def errors(session: Session, batch_id: int, limit: int) -> list[tuple[str, int]]:
    """What went wrong, and how often; the most frequent first."""
    rows = raw(session).execute(
        "SELECT error, count(*) FROM batch_item WHERE batch_id=? AND state='FAILED' GROUP BY error"
        " ORDER BY 2 DESC LIMIT ?",
        (batch_id, limit),
    )
    return [(error or "", number) for error, number in rows]


# -- writes --------------------------------------------------------------------


def add(session: Session, batch: Batch) -> int:
    """Write: a new batch, without items yet; its id."""
    session.add(batch)
    session.flush()
    return batch.id or 0


def collect(session: Session, batch_id: int, ids: Sequence[int]) -> None:
    """Write: these executions belong to it."""
    raw(session).executemany(
        "INSERT INTO batch_item (batch_id, execution_id, state) VALUES (?,?,'PENDING')", [(batch_id, i) for i in ids]
    )
    raw(session).execute("UPDATE batch SET total = total + ? WHERE id=?", (len(ids), batch_id))


def run(session: Session, batch_id: int) -> None:
    """Write: all are collected, unless it was cancelled meanwhile."""
    raw(session).execute("UPDATE batch SET status='RUNNING' WHERE id=? AND status='COLLECTING'", (batch_id,))


def settle(session: Session, batch_id: int, outcomes: Sequence[Outcome], ended_ms: int) -> None:
    """Write: what became of some items, in the audit too; the batch is done when none is left (`ended_ms` then)."""
    raw(session).executemany(
        "UPDATE batch_item SET state=?, error=? WHERE id=?",
        [("DONE" if each.error is None else "FAILED", each.error, each.item_id) for each in outcomes],
    )
    failed = sum(each.error is not None for each in outcomes)
    raw(session).execute(
        "UPDATE batch SET done = done + ?, failed = failed + ? WHERE id=?",
        (len(outcomes) - failed, failed, batch_id),
    )
    raw(session).execute(
        "UPDATE batch SET status='DONE', ended_ms=? WHERE id=? AND status='RUNNING' AND done + failed >= total",
        (ended_ms, batch_id),
    )
    session.add_all([each.entry for each in outcomes if each.entry is not None])


def cancel(session: Session, batch_id: int, who: str, now_ms: int) -> bool:
    """Write: nothing more is begun; False if it was over."""
    changed = raw(session).execute(
        "UPDATE batch SET status='CANCELLED', cancelled_by=?, ended_ms=? WHERE id=?"
        " AND status IN ('COLLECTING', 'RUNNING')",
        (who, now_ms, batch_id),
    )
    return changed.rowcount == 1
