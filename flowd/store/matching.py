"""Lists of executions behind a filter, and how many they are.

Keyset pages by id, newest first. Nothing here writes, and nothing here knows how a filter was spelled. A list of a
million rows is never walked where an index, or a counter that the commit keeps, can tell.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from sqlmodel import Session, col, func, or_, select, text

from flowd.store import schema
from flowd.store.database import raw

SEARCHED, MOST_SEARCHED = 400, 30_000  # ids looked at in one piece; SQLite takes 32,766 values
STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
NARROW = 25  # queries that one page is merged from
NEAR_END = 5000  # rows from the end, up to which a page is read from there
FEW_ABOVE = 100_000  # rows above a page that may be counted to find that out
PIECE = 25_000  # ids counted in one piece
FEW_NAMES = 2000  # executions that are looked up by their names, one by one
_LAST = "\U0010ffff"
PATIENCE_S = 0.3  # how long an estimate counts


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
    ids: tuple[int, ...] | None = None  # one of these
    map_run: int | str = 0  # children of this Map Run, by its id, its ARN or the end of that; 0: no children
    item: int | None = None  # the child that has this item
    pending_redrive: bool | None = None  # whether their Map Run is about to redrive them
    redriven: bool | None = None

    @property
    def counted(self) -> bool:
        """True if the counters that the commit keeps tell how many there are."""
        return self == Filter(statuses=self.statuses)


class Tally(NamedTuple):
    """How many there are by status; with `more`, at least so many."""

    counts: dict[str, int]
    more: bool = False

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def executions(
    session: Session, wanted: Filter, before: int | None, limit: int, skip: int = 0
) -> list[schema.Execution]:
    """Executions that fit, newest first, with an id below `before`; the first `skip` of them are left out."""
    wanted = narrowed(session, wanted)
    if skip:
        near = _from_the_end(session, wanted, before, skip)
        first = near[:1] if near is not None else matching_ids(session, wanted, before, 1, skip)
        if not first:
            return []
        before = first[0] + 1
    pages = [_page(session, part, before, limit) for part in parts(session, wanted)]
    return pages[0] if len(pages) == 1 else list(islice(merge(*pages, key=lambda row: -(row.id or 0)), limit))


def parts(session: Session, wanted: Filter) -> list[Filter]:
    """Filters that together hold what `wanted` holds, each of which an index answers: by status, by machine.

    None at all where no machine fits. SQLite would scan the whole table for two statuses that are rare, and for a
    pattern of names.
    """
    if wanted.words:
        return [wanted]
    found = [wanted]
    by_machine = bool(wanted.machines or wanted.types)
    if by_machine and len(ids := _machines(session, wanted)) * len(STATUSES) <= NARROW:
        # The name of an SWF execution is that of its type, and its machine is its domain: the pattern stays.
        found = [replace(wanted, machine_id=i, machines=wanted.machines if i < 0 else ()) for i in ids]
    statuses = wanted.statuses or (STATUSES if found != [wanted] else ())
    return [replace(part, statuses=(status,)) for part in found for status in statuses] or found


def narrowed(session: Session, wanted: Filter) -> Filter:
    """The same filter over the few ids that its names leave, if these are whole names or beginnings of names."""
    starts = [name.partition("*")[0] for name in wanted.names]
    if not starts or "" in starts or wanted.map_run or wanted.words or wanted.ids is not None:
        return wanted
    ids: list[int] = []
    for start, name in zip(starts, wanted.names, strict=True):
        query = (
            "SELECT id FROM execution INDEXED BY execution_name WHERE map_run_id = 0 AND name >= ? AND name < ?"
            " AND name GLOB ? LIMIT ?"
        )
        ids += [row[0] for row in raw(session).execute(query, (start, start + _LAST, _glob(name), FEW_NAMES + 1))]
    return wanted if len(ids) > FEW_NAMES else replace(wanted, names=(), ids=tuple(sorted(set(ids))))


def _machines(session: Session, wanted: Filter) -> list[int]:
    """Ids of the machines, deleted ones too, whose name and type fit; SWF domains of any name, with an id below 0.

    All executions of a machine are of one type.
    """
    fits = " OR ".join(["name GLOB ?"] * len(wanted.machines)) or "1"
    types = f"type IN ({', '.join('?' * len(wanted.types))})" if wanted.types else "1"
    statement = (
        "SELECT machine_id FROM (SELECT machine_id, execution.machine_name AS name, execution.type AS type"
        " FROM (SELECT DISTINCT machine_id AS id FROM counter) AS known JOIN execution ON execution.id ="
        " (SELECT one.id FROM execution AS one WHERE one.machine_id = known.id LIMIT 1))"
        f" WHERE (machine_id < 0 OR {fits}) AND {types} ORDER BY machine_id"
    )
    values = [*(_glob(pattern) for pattern in wanted.machines), *wanted.types]
    return [row[0] for row in raw(session).execute(statement, values)]


def _from_the_end(session: Session, wanted: Filter, before: int | None, skip: int) -> list[int] | None:
    """The ids behind the first `skip` if they are the last few of very many; None if that cannot be told quickly.

    The commit's counters say how many there are in all; those above `before` are taken off, if they are few.
    """
    if wanted != Filter(statuses=wanted.statuses, machines=wanted.machines) or skip < NEAR_END:
        return None
    above = 0
    if before is not None:
        newer = select(schema.Execution.id).where(col(schema.Execution.id) >= before, *conditions(wanted))
        above = session.exec(select(func.count()).select_from(newer.limit(FEW_ABOVE).subquery())).one()
    left = count(session, wanted).total - above - skip
    if above == FEW_ABOVE or left > NEAR_END:
        return None
    if left <= 0:
        return []
    oldest_ids = []
    for part in parts(session, wanted):
        oldest = select(schema.Execution.id).where(*conditions(part)).order_by(col(schema.Execution.id))
        oldest_ids.append([found for found in session.exec(oldest.limit(left)).all() if found is not None])
    return list(islice(merge(*oldest_ids), left))[::-1]


def _page(session: Session, wanted: Filter, before: int | None, limit: int) -> list[schema.Execution]:
    if not wanted.words:
        return list(session.exec(_below(select(schema.Execution), wanted, before).limit(limit)).all())
    found: list[schema.Execution] = []
    for ids in searched(session, wanted, before):
        query = select(schema.Execution).where(col(schema.Execution.id).in_(ids), *conditions(wanted))
        found += session.exec(query.order_by(col(schema.Execution.id).desc()).limit(limit - len(found))).all()
        if len(found) >= limit:
            break
    return found


def _below(query: Any, wanted: Filter, before: int | None) -> Any:
    if before is not None:
        query = query.where(col(schema.Execution.id) < before)
    return query.where(*conditions(wanted)).order_by(col(schema.Execution.id).desc())


def searched(session: Session, wanted: Filter, before: int | None) -> Iterator[list[int]]:
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


def count(session: Session, wanted: Filter, most: int | None = None) -> Tally:
    """How many executions fit, from the counters that the commit keeps where they can tell.

    With `most` the counting of rows ends there, or when it has taken too long for somebody who waits for it.
    """
    wanted = narrowed(session, wanted)
    if wanted.counted:
        query = select(schema.Counter.status, func.sum(schema.Counter.count)).group_by(schema.Counter.status)
        if wanted.statuses:
            query = query.where(col(schema.Counter.status).in_(wanted.statuses))
        return _tally(session.exec(query).all())
    if wanted == Filter(statuses=wanted.statuses, machines=wanted.machines, types=wanted.types):
        return _by_machine(session, wanted)
    by_run = wanted == Filter(statuses=wanted.statuses, map_run=wanted.map_run)  # an index has just these columns
    if most is not None and wanted.ids is None and not by_run:
        return _up_to(session, wanted, most)
    among = [_among_searched(wanted)] if wanted.words else []
    return _tally(session.exec(_by_status(wanted).where(*among)).all())


def _by_status(wanted: Filter) -> Any:
    return select(schema.Execution.status, func.count()).where(*conditions(wanted)).group_by(schema.Execution.status)


def _tally(*found: Any, more: bool = False) -> Tally:
    counts: dict[str, int] = {}
    for rows in found:
        for status, number in rows:
            if number:
                counts[status] = counts.get(status, 0) + int(number)
    return Tally(counts, more)


def _by_machine(session: Session, wanted: Filter) -> Tally:
    ids = _machines(session, wanted)
    query = select(schema.Counter.status, func.sum(schema.Counter.count)).group_by(schema.Counter.status)
    query = query.where(col(schema.Counter.machine_id).in_([i for i in ids if i > 0]))
    if wanted.statuses:
        query = query.where(col(schema.Counter.status).in_(wanted.statuses))
    domains = [_by_status(replace(wanted, machine_id=i)) for i in ids if i < 0]
    return _tally(session.exec(query).all(), *(session.exec(each).all() for each in domains))


def _up_to(session: Session, wanted: Filter, most: int) -> Tally:
    """Count rows piece by piece, newest first, until there are enough or it has taken long enough."""
    end = time.monotonic() + PATIENCE_S
    found: list[Any] = []
    for piece in _pieces(session, wanted):
        found.append(session.exec(_by_status(wanted).where(piece)).all())
        so_far = _tally(*found)
        if so_far.total >= most or time.monotonic() > end:
            return so_far._replace(more=True)
    return _tally(*found)


def _pieces(session: Session, wanted: Filter) -> Iterator[Any]:
    row = col(schema.Execution.id)
    if wanted.words:
        yield from (row.in_(ids) for ids in searched(session, wanted, None))
        return
    high = session.exec(select(func.max(schema.Execution.id))).one() or 0
    for top in range(high, 0, -PIECE):
        yield row.between(top - PIECE + 1, top)


def conditions(wanted: Filter) -> list[Any]:
    row = schema.Execution
    # Only a constant in the text lets SQLite use the partial indexes.
    found: list[Any] = [text(f"execution.map_run_id {'!=' if wanted.map_run else '='} 0")]
    if wanted.ids is not None:
        found.append(col(row.id).in_(wanted.ids))
    if wanted.map_run:
        found.append(row.map_run_id == _run_id(wanted.map_run))
    if wanted.item is not None:
        found += [col(row.map_item) <= wanted.item, col(row.map_item) + col(row.item_count) > wanted.item]
    if wanted.pending_redrive is not None:
        found.append((col(row.waiting) == "redrive") == wanted.pending_redrive)
    if wanted.redriven is not None:
        found.append((col(row.redrive_count) > 0) == wanted.redriven)
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


def _run_id(run: int | str) -> Any:
    if isinstance(run, int):
        return run
    arn = col(schema.MapRun.arn)
    return (
        select(schema.MapRun.id)
        .where(or_(arn == run, arn.endswith(f":{run}", autoescape=True)))
        .limit(1)
        .scalar_subquery()
    )


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
