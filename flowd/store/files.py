"""What became of each file of the drop folder."""

from __future__ import annotations

from sqlmodel import Session, col, delete, func, select

from flowd.store import schema


def every(session: Session) -> list[schema.SourceFile]:
    """All files by path."""
    return list(session.exec(select(schema.SourceFile).order_by(schema.SourceFile.path)).all())


def replace(session: Session, files: list[schema.SourceFile], gone: list[str] | None = None) -> None:
    """Write: these reports stand in place of those of the same files and of files that are `gone`; None: of all."""
    stale = delete(schema.SourceFile)
    if gone is not None:
        for path in [*gone, *(file.path for file in files)]:
            session.exec(stale.where(col(schema.SourceFile.path) == path))
    else:
        session.exec(stale)
    for file in files:
        session.add(schema.SourceFile(**file.model_dump(exclude={"id"})))


def count_rejected(session: Session) -> int:
    query = select(func.count()).where(col(schema.SourceFile.status) == "rejected")
    return int(session.exec(query).one())
