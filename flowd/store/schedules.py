"""Schedules on disk: what a template asked for, what is due next, and what became of the last run."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, func, or_, select

from flowd.store import schema


def every(session: Session) -> list[schema.Schedule]:
    """All schedules by name."""
    return list(session.exec(select(schema.Schedule).order_by(schema.Schedule.name)).all())


def named(session: Session, name: str) -> schema.Schedule | None:
    """One schedule."""
    return session.exec(select(schema.Schedule).where(schema.Schedule.name == name)).first()


def replace(session: Session, wanted: list[schema.Schedule]) -> None:
    """Write: exactly these exist from now on. One that stays keeps its past and whoever paused it."""
    known = {row.name: row for row in every(session)}
    for row in wanted:
        before = known.pop(row.name, None)
        if before is not None:
            for field in ("paused_by", "last_ms", "last_run_ms", "last_arn", "last_note", "queued_ms"):
                setattr(row, field, getattr(before, field))
            session.delete(before)
            session.flush()
        session.add(schema.Schedule(**row.model_dump(exclude={"id"})))
    for gone in known.values():
        session.delete(gone)


def change(session: Session, name: str, values: dict[str, Any]) -> None:
    """Write: some columns of one schedule."""
    row = named(session, name)
    if row is not None:
        row.sqlmodel_update(values)
        session.add(row)


def due(session: Session, now_ms: int) -> list[schema.Schedule]:
    """Schedules with a fire time that has come, or with a run that waits."""
    query = select(schema.Schedule).where(
        or_(col(schema.Schedule.next_ms) <= now_ms, col(schema.Schedule.queued_ms).is_not(None))
    )
    return list(session.exec(query).all())


def ahead(session: Session, of_ms: int) -> list[schema.Schedule]:
    """Schedules that wait for their next time and have run, by their own account, after this point in time."""
    query = select(schema.Schedule).where(
        col(schema.Schedule.last_ms) > of_ms, col(schema.Schedule.next_ms).is_not(None)
    )
    return list(session.exec(query).all())


def earliest(session: Session) -> int | None:
    """The next fire time of all."""
    found = session.exec(select(func.min(schema.Schedule.next_ms))).one()
    return int(found) if found is not None else None


def running(session: Session, trigger: str, machine_id: int) -> int:
    """How many executions that this schedule started are still going."""
    query = select(func.count()).where(
        schema.Execution.machine_id == machine_id,
        schema.Execution.status == "RUNNING",
        schema.Execution.trigger == trigger,
    )
    return int(session.exec(query).one())


def machine(session: Session, name: str) -> schema.StateMachine | None:
    """The machine a schedule starts."""
    return session.exec(select(schema.StateMachine).where(schema.StateMachine.name == name)).first()
