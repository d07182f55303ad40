"""What the engine reads of executions: one whole execution to bring it to life, what is due, who holds a token.

Reads for people (lists, counts, descriptions) are in `reads`. Nothing here writes, except what says so.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from sqlmodel import Session, col, func, select, update

from flowd.decisions import MapRunLeft
from flowd.payload import Payload
from flowd.store import schema
from flowd.store.codec import Decoder
from flowd.store.database import raw


@dataclass
class Ids:
    """The last ids in use; the one writer counts on from here in memory."""

    execution: int = 0
    payload: int = 0
    task: int = 0
    chunk: int = 0
    map_run: int = 0


@dataclass
class Loaded:
    """One execution as it stands on disk."""

    row: schema.Execution
    input: Payload
    frames: dict[str, Any] = field(default_factory=dict)  # Frame, or SwfFrame of an SWF execution
    tasks: dict[tuple[str, int], schema.Task] = field(default_factory=dict)
    deadlines: set[tuple[str, int]] = field(default_factory=set)
    texts: dict[int, str] = field(default_factory=dict)
    map_runs: dict[tuple[str, int], int] = field(default_factory=dict)  # open ones: frame, attempt -> id
    left_runs: dict[tuple[str, int], MapRunLeft] = field(default_factory=dict)  # of a closed one: what can be redriven


@dataclass(frozen=True)
class Due:
    """A deadline that has passed."""

    execution_id: int
    frame: str
    attempt: int
    purpose: str
    due_ms: int


def last_ids(session: Session) -> Ids:
    """Read once at start. `sqlite_sequence` remembers ids of deleted rows too."""
    sequence = dict(raw(session).execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    payload = session.exec(select(func.max(schema.PayloadRow.id))).one() or 0
    last_output = session.exec(select(func.max(schema.Execution.output_id))).one() or 0
    last_input = session.exec(select(func.max(schema.Execution.input_id))).one() or 0
    return Ids(
        sequence.get("execution", 0),
        max(payload, last_output, last_input),
        sequence.get("task", 0),
        sequence.get("history_chunk", 0),
        sequence.get("map_run", 0),
    )


def definition_text(session: Session, definition_id: int) -> str:
    """The States Language text an execution is pinned to."""
    row = session.get(schema.Definition, definition_id)
    if row is None:
        raise LookupError(f"definition {definition_id} is missing")
    return row.text


def payload_texts(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """Texts by payload row id."""
    wanted = sorted(set(ids))
    found: dict[int, str] = {}
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ",".join("?" * len(part))
        found.update(raw(session).execute(f"SELECT id, text FROM payload WHERE id IN ({marks})", part).fetchall())
    return found


def load(session: Session, execution_ids: Iterable[int]) -> dict[int, Loaded]:
    """Bring executions to life: rows, frames with their payloads, open tasks and deadlines."""
    return {loaded.row.id or 0: loaded for i in execution_ids if (loaded := _load(session, i)) is not None}


def _load(session: Session, execution_id: int) -> Loaded | None:
    row = session.get(schema.Execution, execution_id)
    if row is None:
        return None
    decoder = Decoder(execution_id)
    connection = raw(session)
    decode = decoder.swf_frame if row.type == "SWF" else decoder.frame
    frames = {
        name: decode(body)
        for name, body in connection.execute("SELECT frame, body FROM frame WHERE execution_id=?", (execution_id,))
    }
    tasks = session.exec(select(schema.Task).where(schema.Task.execution_id == execution_id)).all()
    refs = {payload.ref for payload in decoder.missing} | {row.input_id}
    refs.update(ref for task in tasks for ref in (task.parameters_id, task.submitted_id) if ref)
    texts = payload_texts(session, refs)
    decoder.fill(texts)
    deadlines = connection.execute("SELECT frame, attempt FROM deadline WHERE execution_id=?", (execution_id,))
    return Loaded(
        row=row,
        input=Payload(text=texts.get(row.input_id, "{}"), ref=row.input_id, owner=execution_id),
        frames=frames,
        tasks={(task.frame, task.attempt): task for task in tasks},
        deadlines={(frame, attempt) for frame, attempt in deadlines},
        texts=texts,
        map_runs={
            (frame, attempt): run_id
            for frame, attempt, run_id in connection.execute(
                "SELECT frame, attempt, id FROM map_run WHERE execution_id=? AND status='RUNNING'", (execution_id,)
            )
        },
        left_runs={} if row.status == "RUNNING" else _left_runs(connection, execution_id),
    )


def _left_runs(connection: sqlite3.Connection, execution_id: int) -> dict[tuple[str, int], MapRunLeft]:
    """Map Runs that got as far as their children and did not succeed."""
    rows = connection.execute(
        "SELECT frame, attempt, id, arn, redrive_count FROM map_run"
        " WHERE execution_id=? AND status IN ('FAILED','ABORTED') AND definition_id != 0",
        (execution_id,),
    )
    return {
        (frame, attempt): MapRunLeft(id=run_id, arn=arn, redrive_count=count)
        for frame, attempt, run_id, arn, count in rows
    }


def by_arn(session: Session, arn: str) -> schema.Execution | None:
    """The execution of this ARN, whatever region and account the ARN carries: AWS's rule is ours for the rest of it."""
    return session.exec(select(schema.Execution).where(schema.Execution.arn == arn)).first()


def task_of(session: Session, token: str) -> schema.Task | None:
    """The open task that a token names."""
    return session.exec(select(schema.Task).where(schema.Task.token == token)).first()


class Waiting(NamedTuple):
    """A task that no worker has, as a poller needs to know it."""

    id: int
    execution_id: int
    frame: str
    attempt: int
    status: str
    token: str
    parameters_id: int

    @property
    def key(self) -> str:
        return f"{self.execution_id}:{self.frame}:{self.attempt}"


def waiting_tasks(session: Session, task_list: str, limit: int, skip: Collection[str] = ()) -> list[Waiting]:
    """Tasks of an activity or task list that no worker has and that are no prompts: high priority first, then the
    oldest. `skip` are the keys of those that are just being claimed."""
    rows = raw(session).execute(
        "SELECT id, execution_id, frame, attempt, status, token, parameters_id FROM task WHERE activity = ?"
        " AND activity IS NOT NULL AND prompt IS NULL AND status IN ('SCHEDULED', 'RETURNED')"
        " ORDER BY priority DESC, id",
        (task_list,),
    )
    return list(islice((found for found in map(Waiting._make, rows) if found.key not in skip), limit))


def count_waiting(session: Session, task_list: str) -> int:
    """How many tasks of a list no worker has."""
    row = raw(session).execute(
        "SELECT count(*) FROM task WHERE activity = ? AND activity IS NOT NULL"
        " AND prompt IS NULL AND status IN ('SCHEDULED', 'RETURNED')",
        (task_list,),
    )
    return int(row.fetchone()[0])


def in_hand(session: Session, task_list: str) -> list[schema.Task]:
    """The tasks of a list that workers have."""
    rows = select(schema.Task).where(schema.Task.activity == task_list, schema.Task.status == "STARTED")
    return list(session.exec(rows.order_by(col(schema.Task.id))).all())


def hand_over(session: Session, task_id: int, before: str, after: str) -> bool:
    """Write: a task changes hands without an event; False if it did not stand at `before`."""
    changed = raw(session).execute("UPDATE task SET status=? WHERE id=? AND status=?", (after, task_id, before))
    return changed.rowcount == 1


def due(session: Session, now_ms: int, limit: int) -> list[Due]:
    """Deadlines that have passed, oldest first, at most `limit`."""
    rows = raw(session).execute(
        "SELECT execution_id, frame, attempt, purpose, due_ms FROM deadline WHERE due_ms<=? ORDER BY due_ms LIMIT ?",
        (now_ms, limit),
    )
    return [Due(*row) for row in rows]


def back_offs(session: Session, execution_id: int) -> list[tuple[str, int]]:
    """Frame and attempt of everything in an execution that waits for its next retry."""
    rows = raw(session).execute(
        "SELECT frame, attempt FROM deadline WHERE execution_id=? AND purpose='retry' ORDER BY id", (execution_id,)
    )
    return [(frame, attempt) for frame, attempt in rows]


def earliest_deadline(session: Session) -> int | None:
    """When flowd must act next for an execution; None if never."""
    found = session.exec(select(func.min(schema.Deadline.due_ms))).one()
    return int(found) if found is not None else None


def forget_deadlines(session: Session, gone: list[Due]) -> None:
    """Write: deadlines whose execution had moved on."""
    raw(session).executemany(
        "DELETE FROM deadline WHERE execution_id=? AND frame=? AND attempt=? AND purpose=?",
        [(d.execution_id, d.frame, d.attempt, d.purpose) for d in gone],
    )


def move_heartbeat(session: Session, execution_id: int, frame: str, attempt: int, due_ms: int) -> None:
    """Write: the worker is alive."""
    session.exec(
        update(schema.Deadline)
        .where(
            col(schema.Deadline.execution_id) == execution_id,
            col(schema.Deadline.frame) == frame,
            col(schema.Deadline.attempt) == attempt,
            col(schema.Deadline.purpose) == "heartbeat",
        )
        .values(due_ms=due_ms)
    )


def renew_heartbeats(session: Session, now_ms: int) -> None:
    """Write: after down-time nobody could have sent a heartbeat, so each one begins anew."""
    raw(session).execute(
        "UPDATE deadline SET due_ms = max(due_ms, ? + (SELECT heartbeat_ms FROM task WHERE"
        " task.execution_id = deadline.execution_id AND task.frame = deadline.frame"
        " AND task.attempt = deadline.attempt)) WHERE purpose = 'heartbeat'",
        (now_ms,),
    )


def open_calls(session: Session) -> list[int]:
    """Executions with tasks that an integration had in hand when the daemon ended."""
    rows = raw(session).execute(
        "SELECT DISTINCT execution_id FROM task WHERE family NOT IN ('activity', 'decision')"
        " AND NOT (status = 'SUBMITTED' AND pattern = 'waitForTaskToken')"
    )
    return [row[0] for row in rows]


def orphans(session: Session) -> list[int]:
    """Running executions that were a part of a Task (`sync:KEY`) of an execution that was stopped or timed out.

    Other ends do not count: a Task that was answered by its token is over, and what it had started may go on.
    """
    rows = raw(session).execute(
        'SELECT child.id FROM execution child JOIN execution parent ON parent.id = CAST(substr(child."trigger", 6) AS'
        " INTEGER) WHERE child.status = 'RUNNING' AND child.\"trigger\" LIKE 'sync:%'"
        " AND parent.status IN ('ABORTED', 'TIMED_OUT')"
    )
    return [row[0] for row in rows]


def unfinished_steps(session: Session) -> list[int]:
    """Executions with a frame that a bounded step left ready."""
    return [row[0] for row in raw(session).execute("SELECT DISTINCT execution_id FROM frame WHERE phase = 'ready'")]


def running_express(session: Session) -> list[int]:
    """EXPRESS executions that were running when the daemon ended, oldest first."""
    rows = raw(session).execute("SELECT id FROM execution WHERE status = 'RUNNING' AND type = 'EXPRESS' ORDER BY id")
    return [row[0] for row in rows]
