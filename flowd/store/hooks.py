"""Notices that wait to be delivered."""

from __future__ import annotations

from sqlmodel import Session, col, select

from flowd.store import schema


def due(session: Session, now_ms: int, limit: int) -> list[schema.Hook]:
    """The oldest notices whose time has come."""
    query = select(schema.Hook).where(schema.Hook.due_ms <= now_ms).order_by(col(schema.Hook.id)).limit(limit)
    return list(session.exec(query).all())


def delivered(session: Session, hook_id: int) -> None:
    """Write: it is out."""
    row = session.get(schema.Hook, hook_id)
    if row is not None:
        session.delete(row)


def postpone(session: Session, hook_id: int, due_ms: int) -> None:
    """Write: to be tried again later."""
    row = session.get(schema.Hook, hook_id)
    if row is not None:
        row.attempts += 1
        row.due_ms = due_ms
        session.add(row)
