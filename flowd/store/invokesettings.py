"""What clients set about asynchronous invocations, on disk."""

from __future__ import annotations

from sqlmodel import Session, select

from flowd.store.schema_lambda import InvokeSettings


def every(session: Session) -> list[InvokeSettings]:
    return list(session.exec(select(InvokeSettings)).all())


def put(session: Session, function: str, qualifier: str, body: str, changed_ms: int) -> None:
    """Write: in place of what there was."""
    session.merge(InvokeSettings(function=function, qualifier=qualifier, body=body, changed_ms=changed_ms))


def delete(session: Session, function: str, qualifier: str) -> None:
    """Write."""
    row = session.get(InvokeSettings, (function, qualifier))
    if row is not None:
        session.delete(row)
