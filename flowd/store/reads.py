"""What people and programs read of executions: lists behind a filter, counts, one execution with all that is open.

Keyset pages by id, newest first. Nothing here writes, and nothing here knows how a filter was spelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from itertools import islice
from typing import Any, TypeVar

from sqlmodel import Session, col, func, or_, select, text

from flowd.frames import Frame
from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.store import history, schema
from flowd.store.codec import Decoder
from flowd.store.database import raw
from flowd.store.executions import by_arn, payload_texts

T = TypeVar("T")
PAGE_BYTES = 4 * 1024 * 1024  # of payloads in one answer: a page is encoded on the event loop
OUTPUTS = 1000
SEARCHED, MOST_SEARCHED = 400, 30_000  # ids looked at in one piece; SQLite takes 32,766 values
STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class Filter:
    """Conditions, all of which must hold; an empty tuple or None is no condition.

    Patterns hold `*` for anything; `words` are phrases of the search index's language, and need a session of it.
    """

    statuses: tuple[str, ...] = ()
    machine_id: int | None = None
    version: int | None = None
    alias: str | None = None
    machines: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    states: tuple[str, ...] = ()  # where it stands or ended
    triggers: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    waiting_before_ms: int | None = None  # RUNNING, with a task that has been open since before then
    waiting_after_ms: int | None = None  # RUNNING, with a task that was opened after that
    types: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    map_run: int = 0  # children of this Map Run; 0: executions that are no children

    @property
    def counted(self) -> bool:
        """True if the counters that the commit keeps tell how many there are."""
        return self == Filter(statuses=self.statuses)


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


def executions(
    session: Session, wanted: Filter, before: int | None, limit: int, skip: int = 0
) -> list[schema.Execution]:
    """Executions that fit, newest first, with an id below `before`; the first `skip` of them are left out.

    One query for each status: SQLite would scan the whole table for two that are rare.
    """
    if skip:
        first = matching_ids(session, wanted, before, 1, skip)
        if not first:
            return []
        before = first[0] + 1
    if len(wanted.statuses) > 1 and not wanted.words:
        parts = [_page(session, replace(wanted, statuses=(status,)), before, limit) for status in wanted.statuses]
        return list(islice(merge(*parts, key=lambda row: -(row.id or 0)), limit))
    return _page(session, wanted, before, limit)


def _page(session: Session, wanted: Filter, before: int | None, limit: int) -> list[schema.Execution]:
    if not wanted.words:
        return list(session.exec(_below(select(schema.Execution), wanted, before).limit(limit)).all())
    found: list[schema.Execution] = []
    for ids in _searched(session, wanted, before):
        query = select(schema.Execution).where(col(schema.Execution.id).in_(ids), *_conditions(wanted))
        found += session.exec(query.order_by(col(schema.Execution.id).desc()).limit(limit - len(found))).all()
        if len(found) >= limit:
            break
    return found


def _below(query: Any, wanted: Filter, before: int | None) -> Any:
    if before is not None:
        query = query.where(col(schema.Execution.id) < before)
    return query.where(*_conditions(wanted)).order_by(col(schema.Execution.id).desc())


def _searched(session: Session, wanted: Filter, before: int | None) -> Iterator[list[int]]:
    """Ids of the executions that hold the words, newest first, piece by piece.

    Never as a join: SQLite likes to look each row up in the index, which searches all of it every time.
    """
    size, below = SEARCHED, before if before is not None else 1 << 62
    statement = "SELECT rowid FROM document WHERE document MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
    while True:
        ids = [row[0] for row in raw(session).execute(statement, (_match(wanted), below, size))]
        if ids:
            yield ids
            below = ids[-1]
        if len(ids) < size:
            return
        size = min(size * 4, MOST_SEARCHED)


def _match(wanted: Filter) -> str:
    return " AND ".join(f"({word})" for word in wanted.words)


def matching_ids(session: Session, wanted: Filter, before: int | None, limit: int, skip: int = 0) -> list[int]:
    """As `executions`, the ids only."""
    query = _below(select(schema.Execution.id), wanted, before).limit(limit).offset(skip)
    if wanted.words:
        query = query.where(_among_searched(wanted))
    return [found for found in session.exec(query).all() if found is not None]


def _among_searched(wanted: Filter) -> Any:
    among = text("SELECT rowid FROM document WHERE document MATCH :words").bindparams(words=_match(wanted))
    return col(schema.Execution.id).in_(among)


def count(session: Session, wanted: Filter) -> dict[str, int]:
    """How many executions fit, by status, exactly; from the counters that the commit keeps where they can tell."""
    if wanted.counted:
        query = select(schema.Counter.status, func.sum(schema.Counter.count)).group_by(schema.Counter.status)
        if wanted.statuses:
            query = query.where(col(schema.Counter.status).in_(wanted.statuses))
        rows = session.exec(query).all()
    else:
        searched = [_among_searched(wanted)] if wanted.words else []
        rows = session.exec(
            select(schema.Execution.status, func.count())
            .where(*_conditions(wanted), *searched)
            .group_by(schema.Execution.status)
        ).all()
    return {status: int(number) for status, number in rows if number}


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
    """One execution with input, output, definition, open tasks and deadlines."""
    row = find(session, arn, canonical)
    if row is None:
        return None
    definition = session.get(schema.Definition, row.definition_id)  # an SWF execution's decider is elsewhere
    found = Detail(row, *texts(session, row), definition.text if definition is not None else "")
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


def _conditions(wanted: Filter) -> list[Any]:
    row = schema.Execution
    # Only a constant in the text lets SQLite use the partial indexes.
    found: list[Any] = [text(f"execution.map_run_id {'!=' if wanted.map_run else '='} 0")]
    if wanted.map_run:
        found.append(row.map_run_id == wanted.map_run)
    for member, values in ((row.status, wanted.statuses), (row.waiting, wanted.waiting), (row.type, wanted.types)):
        if values:
            found.append(col(member).in_(values))
    for exact, value in (
        (row.machine_id, wanted.machine_id),
        (row.version, wanted.version),
        (row.alias, wanted.alias),
    ):
        if value is not None:
            found.append(exact == value)
    for column, patterns in (
        (row.machine_name, wanted.machines),
        (row.name, wanted.names),
        (row.error, wanted.errors),
        (row.state, wanted.states),
        (row.trigger, wanted.triggers),
    ):
        if patterns:
            found.append(or_(*(col(column).op("GLOB")(_glob(pattern)) for pattern in patterns)))
    found += _ages(wanted)
    if wanted.since_ms is not None:
        found.append(col(row.started_ms) >= wanted.since_ms)
    if wanted.until_ms is not None:
        found.append(col(row.started_ms) < wanted.until_ms)
    return found


def _ages(wanted: Filter) -> list[Any]:
    """How long something has been open in it."""
    opened = col(schema.Task.scheduled_ms)
    bounds = []
    if wanted.waiting_before_ms is not None:
        bounds.append(opened < wanted.waiting_before_ms)
    if wanted.waiting_after_ms is not None:
        bounds.append(opened >= wanted.waiting_after_ms)
    if not bounds:
        return []
    tasks = select(schema.Task.execution_id).where(*bounds)
    return [col(schema.Execution.status) == "RUNNING", col(schema.Execution.id).in_(tasks)]


def _glob(pattern: str) -> str:
    """Only `*` is special in our patterns; GLOB's other signs are taken literally."""
    return pattern.replace("[", "[[]").replace("?", "[?]")


def statuses(session: Session, arns: list[str]) -> dict[str, str]:
    """The status of each of these executions that still exists."""
    rows = session.exec(
        select(schema.Execution.arn, schema.Execution.status).where(col(schema.Execution.arn).in_(arns))
    ).all()
    return dict(rows)
