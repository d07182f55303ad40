"""Numbers about the whole database, for people who look after it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from flowd.store import files, matching, prompts, schema


@dataclass(frozen=True)
class Numbers:
    """Counts of the moment."""

    executions: dict[str, int]
    open_prompts: int
    rejected_files: int
    machines: int
    schedules: int
    deadlines: int
    next_deadline_ms: int | None


def numbers(session: Session) -> Numbers:
    """All counts in one read."""
    deadlines, earliest = session.exec(select(func.count(), func.min(schema.Deadline.due_ms))).one()
    fires = session.exec(select(func.min(schema.Schedule.next_ms))).one()
    nearest = min((due for due in (earliest, fires) if due is not None), default=None)
    machines = select(func.count()).where(col(schema.StateMachine.status) == "ACTIVE")
    return Numbers(
        executions=matching.count(session, matching.Filter()).counts,
        open_prompts=prompts.count_open(session),
        rejected_files=files.count_rejected(session),
        machines=int(session.exec(machines).one()),
        schedules=int(session.exec(select(func.count()).select_from(schema.Schedule)).one()),
        deadlines=int(deadlines),
        next_deadline_ms=nearest,
    )
