"""State machines and their versions on disk. Rules live in `engine.machines`, which makes all changes one at a time."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlmodel import Session, col, delete, func, select

from flowd.store import schema


def by_name(session: Session, name: str) -> schema.StateMachine | None:
    """The machine of this name."""
    return session.exec(select(schema.StateMachine).where(schema.StateMachine.name == name)).first()


def page(session: Session, after: str, limit: int, statuses: tuple[str, ...]) -> list[schema.StateMachine]:
    """Machines with a name behind `after`, by name."""
    query = (
        select(schema.StateMachine)
        .where(schema.StateMachine.name > after, col(schema.StateMachine.status).in_(statuses))
        .order_by(schema.StateMachine.name)
        .limit(limit)
    )
    return list(session.exec(query).all())


def every(session: Session) -> list[schema.StateMachine]:
    """All machines by name."""
    return list(session.exec(select(schema.StateMachine).order_by(schema.StateMachine.name)).all())


def owned_by_files(session: Session) -> list[schema.StateMachine]:
    """Machines in force that belong to files or templates."""
    query = select(schema.StateMachine).where(
        col(schema.StateMachine.owner).in_(("file", "template")), schema.StateMachine.status == "ACTIVE"
    )
    return list(session.exec(query).all())


def definitions(session: Session, ids: list[int]) -> dict[int, str]:
    """Definition texts by row id."""
    rows = session.exec(select(schema.Definition).where(col(schema.Definition.id).in_(ids))).all()
    return {row.id or 0: row.text for row in rows}


def version(session: Session, machine_id: int, number: int) -> schema.StateMachineVersion | None:
    """One version of a machine."""
    query = select(schema.StateMachineVersion).where(
        schema.StateMachineVersion.machine_id == machine_id, schema.StateMachineVersion.number == number
    )
    return session.exec(query).first()


def version_of_revision(
    session: Session, machine_id: int, revision_id: str | None
) -> schema.StateMachineVersion | None:
    """The newest version that published this revision."""
    query = (
        select(schema.StateMachineVersion)
        .where(
            schema.StateMachineVersion.machine_id == machine_id,
            col(schema.StateMachineVersion.revision_id).is_(None)
            if revision_id is None
            else schema.StateMachineVersion.revision_id == revision_id,
        )
        .order_by(col(schema.StateMachineVersion.number).desc())
    )
    return session.exec(query).first()


def versions(session: Session, machine_id: int, before: int, limit: int) -> list[schema.StateMachineVersion]:
    """Versions with a number below `before`, newest first."""
    query = (
        select(schema.StateMachineVersion)
        .where(schema.StateMachineVersion.machine_id == machine_id, schema.StateMachineVersion.number < before)
        .order_by(col(schema.StateMachineVersion.number).desc())
        .limit(limit)
    )
    return list(session.exec(query).all())


def count_versions(session: Session, machine_id: int) -> int:
    query = select(func.count()).where(schema.StateMachineVersion.machine_id == machine_id)
    return int(session.exec(query).one())


def deleting(session: Session) -> list[str]:
    """Names of the machines that wait for the end of their executions."""
    return list(session.exec(select(schema.StateMachine.name).where(schema.StateMachine.status == "DELETING")).all())


def running(session: Session, machine_id: int, limit: int) -> list[str]:
    """ARNs of executions of this machine that have not ended."""
    query = (
        select(schema.Execution.arn)
        .where(schema.Execution.machine_id == machine_id, schema.Execution.status == "RUNNING")
        .limit(limit)
    )
    return list(session.exec(query).all())


# -- writes --------------------------------------------------------------------


def keep_definition(session: Session, text: str) -> int:
    """Write: the row of a definition text, made if it is new: the same text is stored once."""
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    known = session.exec(select(schema.Definition).where(schema.Definition.sha256 == sha256)).first()
    if known is None:
        known = schema.Definition(sha256=sha256, text=text)
        session.add(known)
        session.flush()
    return known.id or 0


def create(session: Session, machine: dict[str, Any], definition: str) -> schema.StateMachine:
    """Write: a new machine; `machine` are its columns but the definition's."""
    row = schema.StateMachine(**machine, definition_id=keep_definition(session, definition))
    session.add(row)
    session.flush()
    return row


def change(
    session: Session, machine_id: int, values: dict[str, Any], definition: str | None = None
) -> schema.StateMachine:
    """Write: some columns of a machine, and its definition if one is given."""
    row = session.get_one(schema.StateMachine, machine_id)
    row.sqlmodel_update(values)
    if definition is not None:
        row.definition_id = keep_definition(session, definition)
    session.add(row)
    session.flush()
    return row


def publish(
    session: Session, machine_id: int, description: str, now_ms: int
) -> tuple[schema.StateMachine, schema.StateMachineVersion]:
    """Write: the machine's present revision becomes its next version. Numbers are never used twice."""
    row = session.get_one(schema.StateMachine, machine_id)
    row.latest_version += 1
    made = schema.StateMachineVersion(
        machine_id=machine_id,
        number=row.latest_version,
        definition_id=row.definition_id,
        revision_id=row.revision_id,
        role_arn=row.role_arn,
        description=description,
        created_ms=now_ms,
    )
    session.add_all((row, made))
    session.flush()
    return row, made


def remove(session: Session, machine_id: int) -> None:
    """Write: machine, versions and aliases are gone. Its executions stay until their retention ends."""
    session.exec(delete(schema.StateMachineAlias).where(col(schema.StateMachineAlias.machine_id) == machine_id))
    session.exec(delete(schema.StateMachineVersion).where(col(schema.StateMachineVersion.machine_id) == machine_id))
    session.exec(delete(schema.StateMachine).where(col(schema.StateMachine.id) == machine_id))


def remove_version(session: Session, machine_id: int, number: int) -> None:
    """Write: the version is gone; executions pinned to it go on."""
    session.exec(
        delete(schema.StateMachineVersion).where(
            col(schema.StateMachineVersion.machine_id) == machine_id,
            col(schema.StateMachineVersion.number) == number,
        )
    )
