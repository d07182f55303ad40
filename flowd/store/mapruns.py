"""Map Runs on disk: what is going, what its children came to, and one page after the other of their results.

The counts of a Map Run are those of its children's rows; no counter is kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
from sqlmodel import Session, col, select

from flowd.decisions import MapRunPlan
from flowd.store import schema
from flowd.store.database import raw
from flowd.store.executions import payload_texts
from flowd.store.machines import keep_definition

#: The status of a child that did not succeed and will be redriven. On disk it keeps the one it had, and waits.
PENDING_REDRIVE: Final = "PENDING_REDRIVE"


@dataclass
class Tally:
    """Children and their items by status; `open_children` are ids of those that run."""

    children: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    open_children: set[int] = field(default_factory=set)

    def begin(self, execution_id: int, items: int) -> None:
        """A further child runs."""
        self.open_children.add(execution_id)
        self._add("RUNNING", 1, items)

    def end(self, execution_id: int, status: str, items: int) -> None:
        """A child does not run any more; without a status it never did."""
        if execution_id in self.open_children:
            self.open_children.discard(execution_id)
            self._add("RUNNING", -1, -items)
            if status:
                self._add(status, 1, items)

    @property
    def waiting(self) -> int:
        """Children that wait to be redriven."""
        return self.children.get(PENDING_REDRIVE, 0)

    def resume(self, execution_id: int, items: int) -> None:
        """A child runs that waited to be redriven."""
        self._add(PENDING_REDRIVE, -1, -items)
        self.begin(execution_id, items)

    def postpone(self, execution_id: int, items: int) -> None:
        """It waits again."""
        self.end(execution_id, PENDING_REDRIVE, items)

    def _add(self, status: str, children: int, items: int) -> None:
        self.children[status] = self.children.get(status, 0) + children
        self.items[status] = self.items.get(status, 0) + items


@dataclass(frozen=True)
class Result:
    """What became of one child."""

    row: schema.Execution
    input: str
    output: str | None


def going(session: Session) -> list[schema.MapRun]:
    """Map Runs that have not ended, oldest first."""
    query = select(schema.MapRun).where(schema.MapRun.status == "RUNNING").order_by(col(schema.MapRun.id))
    return list(session.exec(query).all())


def get(session: Session, run_id: int) -> schema.MapRun:
    return session.get_one(schema.MapRun, run_id)


def by_arn(session: Session, arn: str) -> schema.MapRun | None:
    return session.exec(select(schema.MapRun).where(schema.MapRun.arn == arn)).first()


def of_execution(session: Session, execution_id: int, before: int | None, limit: int) -> list[schema.MapRun]:
    """The Map Runs that an execution started, newest first, with an id below `before`."""
    query = select(schema.MapRun).where(schema.MapRun.execution_id == execution_id)
    if before is not None:
        query = query.where(col(schema.MapRun.id) < before)
    return list(session.exec(query.order_by(col(schema.MapRun.id).desc()).limit(limit)).all())


def parent(session: Session, execution_id: int) -> str:
    """The ARN of the execution that started a Map Run."""
    row = session.get(schema.Execution, execution_id)
    return row.arn if row is not None else ""


def items_per_child(run: schema.MapRun) -> int:
    """How many items a child gets at most, as far as the plan says it."""
    plan = msgspec.json.decode(run.plan, type=MapRunPlan)
    return (plan.batching.max_items if plan.batching else 0) or 1


def arns(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """ARNs of Map Runs by id."""
    wanted = list(set(ids))
    rows = session.exec(select(schema.MapRun.id, schema.MapRun.arn).where(col(schema.MapRun.id).in_(wanted))).all()
    return {run_id: arn for run_id, arn in rows if run_id is not None}


def tally(session: Session, run_id: int) -> Tally:
    """What a Map Run's children came to so far."""
    found = Tally()
    connection = raw(session)
    for status, children, items in connection.execute(
        "SELECT CASE waiting WHEN 'redrive' THEN ? ELSE status END, count(*), sum(item_count) FROM execution"
        " WHERE map_run_id=? AND map_run_id != 0 GROUP BY 1",
        (PENDING_REDRIVE, run_id),
    ):
        found.children[status], found.items[status] = children, items
    running = "SELECT id FROM execution WHERE map_run_id=? AND map_run_id != 0 AND status='RUNNING'"
    found.open_children = {row[0] for row in connection.execute(running, (run_id,))}
    return found


def items_of_runs(session: Session, execution_id: int, limit: int) -> list[tuple[schema.MapRun, dict[str, int]]]:
    """The latest Map Runs that an execution started, oldest first, each with its items by status."""
    runs = of_execution(session, execution_id, None, limit)[::-1]
    query = "SELECT status, sum(item_count) FROM execution WHERE map_run_id=? AND map_run_id != 0 GROUP BY status"
    return [(run, dict(raw(session).execute(query, (run.id,)).fetchall())) for run in runs]


def covered(session: Session, run_id: int) -> list[tuple[int, int]]:
    """The first item and the number of items of every child, in order."""
    return [
        (first, count)
        for first, count in raw(session).execute(
            "SELECT map_item, item_count FROM execution WHERE map_run_id=? AND map_run_id != 0 ORDER BY map_item",
            (run_id,),
        )
    ]


def ended(session: Session, execution_ids: Iterable[int]) -> list[tuple[int, str, int]]:
    """Id, status and items of executions."""
    wanted = list(execution_ids)
    marks = ",".join("?" * len(wanted))
    return list(
        raw(session).execute(f"SELECT id, status, item_count FROM execution WHERE id IN ({marks})", wanted).fetchall()
    )


def left_behind(session: Session) -> list[tuple[int, str]]:
    """Id and type of children that run although their Map Run is over."""
    return list(
        raw(session)
        .execute(
            "SELECT id, type FROM execution WHERE map_run_id != 0 AND status = 'RUNNING'"
            " AND map_run_id NOT IN (SELECT id FROM map_run WHERE status = 'RUNNING')"
        )
        .fetchall()
    )


class Waiting(NamedTuple):
    """A child that is to be redriven."""

    id: int
    items: int
    next_event: int


def waiting(session: Session, run_id: int, limit: int) -> list[Waiting]:
    """Children that wait to be redriven, in the order of their items."""
    rows = raw(session).execute(
        "SELECT id, item_count, next_event FROM execution WHERE map_run_id=? AND map_run_id != 0"
        " AND waiting='redrive' ORDER BY map_item LIMIT ?",
        (run_id, limit),
    )
    return list(map(Waiting._make, rows))


def give_up(session: Session, execution_id: int) -> None:
    """Write: a child is not redriven after all."""
    raw(session).execute("UPDATE execution SET waiting='' WHERE id=? AND waiting='redrive'", (execution_id,))


def results(session: Session, run_id: int, after: int, limit: int) -> list[Result]:
    """What children came to, in the order of their items, from behind item `after` on."""
    query = (
        select(schema.Execution)
        .where(
            schema.Execution.map_run_id == run_id,
            schema.Execution.map_run_id != 0,
            col(schema.Execution.map_item) > after,
        )
        .order_by(col(schema.Execution.map_item))
        .limit(limit)
    )
    rows = session.exec(query).all()
    texts = payload_texts(session, [ref for row in rows for ref in (row.input_id, row.output_id) if ref])
    return [Result(row, texts.get(row.input_id, "{}"), texts.get(row.output_id)) for row in rows]


def prepared(session: Session, run_id: int, text: str, items: int) -> int:
    """Write: the items are known, and the definition of the children, whose row's id is returned."""
    definition_id = keep_definition(session, text)
    raw(session).execute("UPDATE map_run SET definition_id=?, items=? WHERE id=?", (definition_id, items, run_id))
    return definition_id


def update(session: Session, run_id: int, values: dict[str, int | float]) -> bool:
    """Write: new settings of a Map Run; False if it has ended."""
    row = session.get_one(schema.MapRun, run_id)
    if row.status != "RUNNING":
        return False
    row.sqlmodel_update(values)
    session.add(row)
    return True
