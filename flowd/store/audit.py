"""Who did what: facts of ours, which never go into a history."""

from __future__ import annotations

from sqlmodel import Session, col, select

from flowd.store import schema


def add(session: Session, entry: schema.Audit) -> None:
    """Write: one entry."""
    session.add(entry)


def page(session: Session, before: int | None, limit: int) -> list[schema.Audit]:
    """Entries with an id below `before`, newest first."""
    query = select(schema.Audit).order_by(col(schema.Audit.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(schema.Audit.id) < before)
    return list(session.exec(query).all())
