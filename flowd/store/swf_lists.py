"""SWF's visibility: open and closed executions of a domain behind a filter, by start or close time. Keyset pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import tuple_
from sqlmodel import Session, col, func, select, text

from flowd.store.schema_swf import SwfExecution


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Conditions, all of which must hold; None is no condition. `by_close`: ordered and bounded by close time."""

    domain_id: int
    closed: bool
    by_close: bool = False
    oldest_ms: int | None = None
    latest_ms: int | None = None
    workflow_id: str | None = None
    type_name: str | None = None
    type_version: str | None = None
    tag: str | None = None
    close_status: str | None = None


def executions(
    session: Session, wanted: Wanted, after: tuple[int, int] | None, limit: int, ascending: bool
) -> list[tuple[SwfExecution, SwfExecution | None]]:
    """Executions with their parents, the newest first unless `ascending`, behind (time, id)."""
    row, when, number = SwfExecution, _time(wanted), col(SwfExecution.execution_id)
    query = select(row).where(*_conditions(wanted))
    if after is not None:
        place = tuple_(when, number)
        query = query.where(place > after if ascending else place < after)
    order = (when.asc(), number.asc()) if ascending else (when.desc(), number.desc())
    found = list(session.exec(query.order_by(*order).limit(limit)).all())
    parents = {each.parent_id for each in found if each.parent_id}
    known = session.exec(select(row).where(number.in_(parents))).all() if parents else []
    by_id = {each.execution_id: each for each in known}
    return [(each, by_id.get(each.parent_id)) for each in found]


def count(session: Session, wanted: Wanted) -> int:
    return int(session.exec(select(func.count()).select_from(SwfExecution).where(*_conditions(wanted))).one())


def place(row: SwfExecution, wanted: Wanted) -> tuple[int, int]:
    """Where the page behind this row begins."""
    return (row.closed_ms if wanted.by_close else row.started_ms), row.execution_id


def _time(wanted: Wanted) -> Any:
    return col(SwfExecution.closed_ms if wanted.by_close else SwfExecution.started_ms)


def _conditions(wanted: Wanted) -> list[Any]:
    row, when = SwfExecution, _time(wanted)
    # As literal text, so that SQLite sees that the partial indexes hold what is asked for.
    found: list[Any] = [row.domain_id == wanted.domain_id, text(f"close_status {'!=' if wanted.closed else '='} ''")]
    if wanted.oldest_ms is not None:
        found.append(when >= wanted.oldest_ms)
    if wanted.latest_ms is not None:
        found.append(when <= wanted.latest_ms)
    for column, value in (
        (row.workflow_id, wanted.workflow_id),
        (row.type_name, wanted.type_name),
        (row.type_version, wanted.type_version),
        (row.close_status, wanted.close_status),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.tag is not None:
        found.append(text("EXISTS (SELECT 1 FROM json_each(swf_execution.tags) WHERE value = :tag)"))
        found[-1] = found[-1].bindparams(tag=wanted.tag)
    return found
