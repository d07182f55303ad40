"""What people and programs read of executions: one with all that is open, its events, and numbers of them by machine.

Lists behind a filter are in `flowd.store.matching`. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlmodel import Session, col, select

from flowd.frames import Frame
from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.store import history, mapruns, schema
from flowd.store.codec import Decoder
from flowd.store.database import raw
from flowd.store.executions import by_arn, payload_texts

T = TypeVar("T")
PAGE_BYTES = 4 * 1024 * 1024  # of payloads in one answer: a page is encoded on the event loop
OUTPUTS = 1000
MAP_RUNS = 50


@dataclass
class Detail:
    """One execution with everything that is open in it."""

    row: schema.Execution
    input: str
    output: str | None
    definition: str
    tasks: list[schema.Task] = field(default_factory=list)
    deadlines: list[schema.Deadline] = field(default_factory=list)
    frames: dict[str, Frame] = field(default_factory=dict)
    map_runs: list[tuple[schema.MapRun, dict[str, int]]] = field(default_factory=list)


def running_of(session: Session, machine_id: int) -> int:
    """How many executions of a machine run; of an SWF domain, whose id is negative here."""
    row = session.get(schema.Counter, (machine_id, "RUNNING"))
    return row.count if row is not None else 0


def counts_by_machine(session: Session) -> dict[int, dict[str, int]]:
    """Machine id -> status -> number, from the counters."""
    found: dict[int, dict[str, int]] = {}
    for row in session.exec(select(schema.Counter)).all():
        if row.count:
            found.setdefault(row.machine_id, {})[row.status] = row.count
    return found


def by_ids(session: Session, ids: Sequence[int]) -> list[schema.Execution]:
    """The executions with these ids that still exist."""
    return list(session.exec(select(schema.Execution).where(col(schema.Execution.id).in_(ids))).all())


def find(session: Session, arn: str, canonical: str) -> schema.Execution | None:
    """The execution of an ARN; if there is none, that of the same name in this daemon's region and account."""
    found = by_arn(session, arn)
    return found if found is not None or canonical == arn else by_arn(session, canonical)


def texts(session: Session, row: schema.Execution) -> tuple[str, str | None]:
    """Input and output of an execution as JSON text."""
    found = payload_texts(session, [ref for ref in (row.input_id, row.output_id) if ref])
    return found.get(row.input_id, "{}"), found.get(row.output_id) if row.output_id else None


def described(session: Session, arn: str, canonical: str) -> tuple[schema.Execution, str, str | None] | None:
    """One execution with its input and output."""
    row = find(session, arn, canonical)
    return (row, *texts(session, row)) if row is not None else None


def definition(session: Session, arn: str, canonical: str) -> tuple[schema.Execution, str] | None:
    """One execution with the definition it is pinned to."""
    row = find(session, arn, canonical)
    return (row, session.get_one(schema.Definition, row.definition_id).text) if row is not None else None


def detail(session: Session, arn: str, canonical: str) -> Detail | None:
    """One execution with input, output, definition, open tasks, deadlines and its latest Map Runs."""
    row = find(session, arn, canonical)
    if row is None:
        return None
    definition = session.get(schema.Definition, row.definition_id)  # an SWF execution's decider is elsewhere
    found = Detail(row, *texts(session, row), definition.text if definition is not None else "")
    found.map_runs = mapruns.items_of_runs(session, row.id or 0, MAP_RUNS)
    if row.status == "RUNNING":
        _open_parts(session, row.id or 0, found)
    return found


def _open_parts(session: Session, execution_id: int, found: Detail) -> None:
    found.tasks = list(session.exec(select(schema.Task).where(schema.Task.execution_id == execution_id)).all())
    found.deadlines = list(
        session.exec(
            select(schema.Deadline)
            .where(schema.Deadline.execution_id == execution_id)
            .order_by(col(schema.Deadline.due_ms))
        ).all()
    )
    timers = {deadline.frame for deadline in found.deadlines if deadline.purpose in ("wait", "retry")}
    decoder = Decoder(execution_id)
    for name in timers:
        body = raw(session).execute("SELECT body FROM frame WHERE execution_id=? AND frame=?", (execution_id, name))
        for (frame,) in body:
            found.frames[name] = decoder.frame(frame)


def events(
    session: Session, arn: str, canonical: str, after: int, limit: int, reverse: bool
) -> tuple[schema.Execution, list[HistoryEvent], bool] | None:
    """A page of an execution's history and whether more follows, from hot chunks and from the archive; None if there
    is no such execution. A page has `limit` events or PAGE_BYTES of payloads, whichever is less."""
    row = find(session, arn, canonical)
    if row is None:
        return None
    found = history.page(session, row.id or 0, after, limit + 1, reverse)
    shown = within(found[:limit], _size)
    return row, shown, len(found) > len(shown)


def within(rows: Sequence[T], size: Callable[[T], int], budget: int = PAGE_BYTES) -> list[T]:
    """The first rows that together stay within a budget of characters, but at least one."""
    shown: list[T] = []
    for row in rows:
        budget -= size(row)
        if shown and budget < 0:
            break
        shown.append(row)
    return shown


def _size(event: HistoryEvent) -> int:
    return sum(len(value.text) for value in event.details.values() if isinstance(value, Payload))


def outputs(session: Session, execution_id: int, frame: str | None, attempt: int | None) -> list[schema.TaskOutput]:
    """What user code printed, in the order of attempts; at most OUTPUTS of them and PAGE_BYTES."""
    query = select(schema.TaskOutput).where(schema.TaskOutput.execution_id == execution_id)
    if frame is not None:
        query = query.where(schema.TaskOutput.frame == frame)
    if attempt is not None:
        query = query.where(schema.TaskOutput.attempt == attempt)
    rows = session.exec(query.order_by(col(schema.TaskOutput.id)).limit(OUTPUTS)).all()
    return within(rows, lambda row: len(row.text))


def statuses(session: Session, arns: list[str]) -> dict[str, str]:
    """The status of each of these executions that still exists."""
    rows = session.exec(
        select(schema.Execution.arn, schema.Execution.status).where(col(schema.Execution.arn).in_(arns))
    ).all()
    return dict(rows)
