"""Aliases of state machines on disk. Rules live in `engine.aliases`, which makes all changes one at a time."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from flowd.store.schema import StateMachineAlias


def of_machine(session: Session, machine_id: int) -> list[StateMachineAlias]:
    """All aliases of a machine in the order of their creation."""
    query = select(StateMachineAlias).where(StateMachineAlias.machine_id == machine_id)
    return list(session.exec(query.order_by(col(StateMachineAlias.id))).all())


def every(session: Session) -> dict[int, list[StateMachineAlias]]:
    """The aliases of all machines, by machine id, in the order of their creation."""
    found: dict[int, list[StateMachineAlias]] = {}
    for row in session.exec(select(StateMachineAlias).order_by(col(StateMachineAlias.id))).all():
        found.setdefault(row.machine_id, []).append(row)
    return found


def create(session: Session, values: dict[str, Any]) -> StateMachineAlias:
    """Write: a new alias."""
    row = StateMachineAlias(**values)
    session.add(row)
    session.flush()
    return row


def change(session: Session, alias_id: int, values: dict[str, Any]) -> None:
    """Write: some columns of an alias."""
    row = session.get_one(StateMachineAlias, alias_id)
    row.sqlmodel_update(values)
    session.add(row)


def remove(session: Session, alias_id: int) -> None:
    """Write: the alias is gone; executions that it started go on."""
    row = session.get(StateMachineAlias, alias_id)
    if row is not None:
        session.delete(row)
