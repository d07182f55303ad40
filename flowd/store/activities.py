"""Activities on disk: the queues that workers poll and people answer, and what stands in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, select

from flowd.store import schema
from flowd.store.database import raw


@dataclass(frozen=True)
class Depth:
    """What waits in a queue."""

    name: str
    waiting: int
    oldest_ms: int | None
    prompts: int


def by_name(session: Session, name: str) -> schema.Activity | None:
    """The activity of this name."""
    return session.exec(select(schema.Activity).where(schema.Activity.name == name)).first()


def names(session: Session) -> list[str]:
    """Names of all activities."""
    return list(session.exec(select(schema.Activity.name)).all())


def page(session: Session, after: str, limit: int) -> list[schema.Activity]:
    """Activities with a name behind `after`, by name."""
    query = select(schema.Activity).where(schema.Activity.name > after).order_by(schema.Activity.name).limit(limit)
    return list(session.exec(query).all())


def depths(session: Session) -> list[Depth]:
    """Every activity, and every name that open tasks wait under, with what waits there."""
    rows = raw(session).execute(
        "SELECT name, count(id), min(CASE WHEN prompt IS NULL THEN scheduled_ms END), count(prompt) FROM ("
        " SELECT a.name AS name, t.id AS id, t.scheduled_ms AS scheduled_ms, t.prompt AS prompt"
        " FROM activity a LEFT JOIN task t ON t.activity = a.name AND (t.status = 'SCHEDULED' OR t.prompt IS NOT NULL)"
        " UNION ALL SELECT t.activity, t.id, t.scheduled_ms, t.prompt FROM task t WHERE t.activity IS NOT NULL"
        " AND (t.status = 'SCHEDULED' OR t.prompt IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM activity a WHERE a.name = t.activity)"
        ") GROUP BY name ORDER BY name"
    )
    return [Depth(name, total - prompts, oldest, prompts) for name, total, oldest, prompts in rows]


# -- writes --------------------------------------------------------------------


def create(session: Session, activity: schema.Activity) -> schema.Activity:
    """Write: a new activity, or the one that has its name. One that a definition made becomes an explicit one."""
    known = by_name(session, activity.name)
    if known is None:
        session.add(activity)
        session.flush()
        return activity
    if known.implicit and not activity.implicit:
        known.implicit, known.tags, known.encryption = False, activity.tags, activity.encryption
        session.add(known)
    return known


def ensure(session: Session, wanted: Iterable[tuple[str, str]], now_ms: int) -> None:
    """Write: these activities (name, ARN) exist from now on, because a loaded definition names them."""
    for name, arn in wanted:
        if by_name(session, name) is None:
            session.add(schema.Activity(name=name, arn=arn, implicit=True, created_ms=now_ms))
            session.flush()


def delete(session: Session, name: str) -> None:
    """Write: the activity is gone. Tasks that wait under its name stay open until they are answered or time out."""
    row = by_name(session, name)
    if row is not None:
        session.delete(row)


def set_tags(session: Session, name: str, tags: str) -> None:
    """Write: the tags of an activity, as JSON text."""
    row = session.exec(select(schema.Activity).where(col(schema.Activity.name) == name)).one()
    row.tags = tags
    session.add(row)
