"""What comes next: the earliest deadline with what it belongs to. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from flowd.store import schema
from flowd.store.schema_embedded import DeliveryRow
from flowd.store.schema_events import EventRule


@dataclass(frozen=True)
class Upcoming:
    """A point in time at which the daemon must act. `purpose`: wait, retry, timeout, heartbeat, execution, schedule,
    delivery.

    `name` is that of the execution, schedule or target; `arn` and `state` are those of an execution, or empty.
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


def of_services(session: Session, now_ms: int) -> Upcoming | None:
    """What comes next of rules with a schedule and of deliveries that are tried again."""
    rule = select(EventRule).where(col(EventRule.due_ms).is_not(None)).order_by(col(EventRule.due_ms)).limit(1)
    late = select(DeliveryRow).where(DeliveryRow.due_ms > now_ms).order_by(col(DeliveryRow.due_ms)).limit(1)
    found = [Upcoming(row.due_ms or 0, "schedule", f"rule {row.name}") for row in session.exec(rule)]
    found += [Upcoming(row.due_ms, "delivery", row.target) for row in session.exec(late)]
    return min(found, key=lambda each: each.due_ms, default=None)


def waits_for_a_worker(session: Session, lists: Sequence[str]) -> bool:
    """True if a task of one of these SWF task lists is not answered, taken or not; people's prompts do not count."""
    open_ones = select(schema.Task.id).where(col(schema.Task.activity).in_(lists), col(schema.Task.prompt).is_(None))
    return session.exec(open_ones.limit(1)).first() is not None


def schedule(session: Session, due_ms: int) -> str:
    """The name of a schedule that runs at this time."""
    found = select(schema.Schedule.name).where(col(schema.Schedule.next_ms) == due_ms)
    return session.exec(found.order_by(schema.Schedule.name).limit(1)).first() or ""
