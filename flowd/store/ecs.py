"""Task definitions and tasks of ECS on disk. Rules live in `services.ecs`; who changes what, in `engine.cluster`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, delete, select

from flowd.store.schema_ecs import EcsTask, EcsTaskDefinition


def register(session: Session, values: dict[str, Any]) -> EcsTaskDefinition:
    """Write: the next revision of its family."""
    newest = select(EcsTaskDefinition).where(EcsTaskDefinition.family == values["family"])
    last = session.exec(newest.order_by(col(EcsTaskDefinition.revision).desc()).limit(1)).first()
    row = EcsTaskDefinition(**values, revision=last.revision + 1 if last else 1)
    session.add(row)
    session.flush()
    return row


def definitions(session: Session) -> list[EcsTaskDefinition]:
    """All revisions of all families, oldest first."""
    order = (col(EcsTaskDefinition.family), col(EcsTaskDefinition.revision))
    return list(session.exec(select(EcsTaskDefinition).order_by(*order)).all())


def set_status(session: Session, family: str, revision: int, status: str) -> None:
    """Write: a revision can be run (ACTIVE), or not any more (INACTIVE)."""
    query = select(EcsTaskDefinition).where(EcsTaskDefinition.family == family)
    row = session.exec(query.where(EcsTaskDefinition.revision == revision)).one()
    row.status = status
    session.add(row)


def begin(session: Session, values: dict[str, Any]) -> tuple[EcsTask, bool]:
    """Write: a task that is to run, and True; or the one that was asked for under its key before, and False."""
    known = session.exec(select(EcsTask).where(EcsTask.key == values["key"])).first()
    if known is not None:
        return known, False
    row = EcsTask(**values)
    session.add(row)
    session.flush()
    return row, True


def change(session: Session, task_id: str, values: dict[str, Any]) -> None:
    """Write: some columns of a task."""
    row = session.exec(select(EcsTask).where(EcsTask.task_id == task_id)).one()
    row.sqlmodel_update(values)
    session.add(row)


def find(session: Session, task_ids: Sequence[str]) -> list[EcsTask]:
    return list(session.exec(select(EcsTask).where(col(EcsTask.task_id).in_(task_ids))).all())


def unfinished(session: Session) -> list[EcsTask]:
    """What an earlier daemon left open."""
    return list(session.exec(select(EcsTask).where(col(EcsTask.stopped_ms).is_(None)).order_by(col(EcsTask.id))).all())


def tasks(session: Session, *, stopped: bool, after: int, most: int) -> list[EcsTask]:
    """Tasks by their age, newest last, behind the row `after`."""
    over = col(EcsTask.stopped_ms)
    query = select(EcsTask).where(over.is_not(None) if stopped else over.is_(None)).where(col(EcsTask.id) > after)
    return list(session.exec(query.order_by(col(EcsTask.id)).limit(most)).all())


def prune(session: Session, before_ms: int) -> None:
    """Write: forget tasks that stopped long ago."""
    session.exec(delete(EcsTask).where(col(EcsTask.stopped_ms) < before_ms))
