"""What templates have made, on disk."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from flowd.store.schema_projects import ProjectResource


def every(session: Session) -> list[ProjectResource]:
    """All resources, by template and place in it."""
    query = select(ProjectResource).order_by(
        col(ProjectResource.source), col(ProjectResource.line), col(ProjectResource.resource)
    )
    return list(session.exec(query).all())


def save(session: Session, rows: Sequence[ProjectResource], gone: Sequence[int]) -> None:
    """Write: these are so now; those ids are no longer of interest to anybody."""
    for row in rows:
        session.merge(row)
    for number in gone:
        found = session.get(ProjectResource, number)
        if found is not None:
            session.delete(found)
