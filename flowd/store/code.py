"""Versions of code-first workflow files, and which of them open executions still need."""

from __future__ import annotations

from sqlmodel import Session, col, select

from flowd.store.database import raw
from flowd.store.schema_code import CodeVersion


def every(session: Session) -> list[CodeVersion]:
    """All versions, current or needed."""
    return list(session.exec(select(CodeVersion).order_by(col(CodeVersion.created_ms))).all())


def put_current(session: Session, row: CodeVersion) -> None:
    """Write: this is the version of its file from now on."""
    for other in session.exec(select(CodeVersion).where(CodeVersion.path == row.path, col(CodeVersion.current))):
        other.current = other.version == row.version
        session.add(other)
    session.merge(row)


def retire(session: Session, version: str) -> None:
    """Write: new executions do not take it any more."""
    row = session.get(CodeVersion, version)
    if row is not None:
        row.current = False
        session.add(row)


def delete(session: Session, version: str) -> None:
    """Write: nobody needs it."""
    row = session.get(CodeVersion, version)
    if row is not None:
        session.delete(row)


def open_versions(session: Session, domain: str) -> set[str]:
    """Type versions of the open executions of a domain."""
    rows = raw(session).execute(
        "SELECT DISTINCT e.type_version FROM swf_execution e JOIN swf_domain d ON d.id = e.domain_id"
        " WHERE d.name = ? AND e.close_status = ''",
        (domain,),
    )
    return {row[0] for row in rows}
