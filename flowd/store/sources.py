"""The mappings that clients have made, and how far each mapping has read its stream. In whoever's transaction it is."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, delete, select

from flowd.store.schema_embedded import SourcePosition
from flowd.store.schema_lambda import EventSourceMapping


def position(session: Session, name: str) -> tuple[str, str] | None:
    """(the stream's ARN, the last SequenceNumber that is done with, "" = none); None for a mapping that is new."""
    row = session.get(SourcePosition, name)
    return None if row is None else (row.stream, row.sequence)


def save(session: Session, name: str, stream: str, sequence: str) -> None:
    """Write: up to here all is done."""
    row = session.get(SourcePosition, name) or SourcePosition(name=name, stream="", sequence="")
    row.stream, row.sequence = stream, sequence
    session.add(row)


def forget(session: Session, names: Sequence[str]) -> None:
    """Write: mappings of these names are gone."""
    session.execute(delete(SourcePosition).where(col(SourcePosition.name).in_(list(names))))


def mappings(session: Session) -> list[str]:
    """All bodies of clients' mappings."""
    return list(session.exec(select(EventSourceMapping.body).order_by(col(EventSourceMapping.uuid))).all())


def put_mapping(session: Session, uuid: str, body: str) -> None:
    """Write: in place of what there was."""
    session.merge(EventSourceMapping(uuid=uuid, body=body))


def drop_mapping(session: Session, uuid: str) -> None:
    """Write."""
    session.execute(delete(EventSourceMapping).where(col(EventSourceMapping.uuid) == uuid))
