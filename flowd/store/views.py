"""Saved views on disk: filters that users have given names."""

from __future__ import annotations

from sqlmodel import Session, col, delete, select

from flowd.store.schema_operators import SavedView


def of(session: Session, who: str) -> list[SavedView]:
    """A user's views by name."""
    return list(session.exec(select(SavedView).where(SavedView.who == who).order_by(SavedView.name)).all())


def save(session: Session, view: SavedView) -> None:
    """Write: the user's view of this name is this one."""
    remove(session, view.who, view.name)
    session.add(view)


def remove(session: Session, who: str, name: str) -> bool:
    """Write: the user has no view of this name; False if there was none."""
    found = session.exec(delete(SavedView).where(col(SavedView.who) == who, col(SavedView.name) == name))
    session.flush()
    return found.rowcount > 0
