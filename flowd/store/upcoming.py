"""What comes next: the earliest deadline with what it belongs to. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from flowd.store import schema


@dataclass(frozen=True)
class Upcoming:
    """A point in time at which the daemon must act. `purpose`: wait, retry, timeout, heartbeat, execution, schedule.

    `name` is that of the execution or schedule; `arn` and `state` are empty for a schedule.
    """

    due_ms: int
    purpose: str
    name: str
    arn: str = ""
    state: str = ""


def deadline(session: Session) -> Upcoming | None:
    """The earliest deadline of an execution, None if there is none."""
    row = session.exec(select(schema.Deadline).order_by(col(schema.Deadline.due_ms)).limit(1)).first()
    if row is None:
        return None
    owner = session.get(schema.Execution, row.execution_id)
    if owner is None:
        return Upcoming(row.due_ms, row.purpose, f"execution {row.execution_id}")
    return Upcoming(row.due_ms, row.purpose, owner.name, owner.arn, owner.state)


def waits_for_a_worker(session: Session, lists: Sequence[str]) -> bool:
    """True if a task of one of these SWF task lists is not answered, taken or not; people's prompts do not count."""
    open_ones = select(schema.Task.id).where(col(schema.Task.activity).in_(lists), col(schema.Task.prompt).is_(None))
    return session.exec(open_ones.limit(1)).first() is not None


def schedule(session: Session, due_ms: int) -> str:
    """The name of a schedule that runs at this time."""
    found = select(schema.Schedule.name).where(col(schema.Schedule.next_ms) == due_ms)
    return session.exec(found.order_by(schema.Schedule.name).limit(1)).first() or ""
