"""The hot path: what one or many steps of an execution write, flattened into few statements.

`ExecutionWrite` gathers the rows of one execution for one batch; later steps of the same batch overwrite or cancel what
earlier ones put there. `apply` writes a whole batch with one statement per kind of row. It decides nothing.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

from flowd.decisions import Purpose
from flowd.frames import prefix_range
from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.services.ports import Delivery
from flowd.store import swf
from flowd.store.history import Packed, archive_rows

log = logging.getLogger(__name__)
Row = tuple[Any, ...]
PURPOSES = get_args(Purpose)  # of deadlines

_EXECUTION = (
    "id, arn, name, machine_id, machine_name, machine_arn, definition_id, role_arn, type, status, version, alias,"
    ' "trigger", trace_header, input_id, output_id, error, cause, state, waiting, started_ms, stopped_ms,'
    " redrive_count, redriven_ms, next_event, archived, map_run_id, map_item, item_count"
)
_INSERT_EXECUTION = f"INSERT INTO execution ({_EXECUTION}) VALUES ({','.join('?' * 29)})"
_UPDATE_EXECUTION = (
    "UPDATE execution SET status=?, output_id=?, error=?, cause=?, state=?, waiting=?, stopped_ms=?, redrive_count=?,"
    " redriven_ms=?, next_event=?, archived=? WHERE id=?"
)
_UPSERT_FRAME = (
    "INSERT INTO frame (execution_id, frame, phase, body) VALUES (?,?,?,?)"
    " ON CONFLICT (execution_id, frame) DO UPDATE SET phase=excluded.phase, body=excluded.body"
)
_TASK = (
    "id, execution_id, frame, attempt, state, family, resource, service, action, pattern, token, status, activity,"
    " prompt, short, worker, parameters_id, submitted_id, timeout_ms, heartbeat_ms, scheduled_ms, started_ms, priority"
)
_INSERT_TASK = f"INSERT INTO task ({_TASK}) VALUES ({','.join('?' * 23)})"
_UPDATE_TASK = (
    "UPDATE task SET status=?, worker=?, started_ms=?, submitted_id=? WHERE execution_id=? AND frame=? AND attempt=?"
)
_INSERT_MAP_RUN = (
    "INSERT INTO map_run (id, arn, execution_id, frame, attempt, machine_arn, child_type, status, definition_id, items,"
    " plan, concurrency, tolerated_count, tolerated_percentage, started_ms, stopped_ms, redrive_count, redriven_ms)"
    " VALUES (?,?,?,?,?,?,?,'RUNNING',0,?,?,?,?,?,?,0,0,0)"
)
_REDRIVE_MAP_RUN = (
    "UPDATE map_run SET status='RUNNING', stopped_ms=0, attempt=?, redriven_ms=?, redrive_count=redrive_count+1"
    " WHERE id=?"
)
_CHILDREN = "map_run_id=? AND map_run_id != 0 AND status IN ('FAILED','TIMED_OUT','ABORTED')"
#: What becomes of the children that did not succeed: a STANDARD one goes on where it was, instead of an EXPRESS one
#: another gets its items (developer guide, "Redriving Map Runs").
_REDRIVE_CHILDREN = (
    f"UPDATE execution SET waiting='redrive' WHERE {_CHILDREN} AND type='STANDARD'",
    f"UPDATE execution SET map_run_id=-map_run_id WHERE {_CHILDREN} AND type='EXPRESS'",
)
_FORGET_REDRIVES = (
    "UPDATE execution SET waiting='' WHERE map_run_id=(SELECT id FROM map_run WHERE id=? AND redrive_count > 0)"
    " AND map_run_id != 0 AND waiting='redrive'"
)
_INSERT_DELIVERY = (
    "INSERT INTO delivery (uuid, target, body, source, options, dead_letter, tries, age_s, attempts,"
    " created_ms, due_ms) VALUES (?,?,?,?,?,?,?,?,0,?,?)"
)
_COUNT = (
    "INSERT INTO counter (machine_id, status, count) VALUES (?,?,?)"
    " ON CONFLICT (machine_id, status) DO UPDATE SET count = count + excluded.count"
)


class ExecutionWrite:
    """All that one batch writes for one execution."""

    def __init__(self, execution_id: int) -> None:
        self.execution_id = execution_id
        self.insert: Row | None = None
        self.update: Row | None = None
        self.payloads: list[tuple[int, Payload]] = []  # row ids of large ones, and of those the execution's row names
        self.events: list[HistoryEvent] = []  # become one chunk when the batch leaves for the writer
        self.chunks: list[Row] = []
        self.frames: dict[str, Any] = {}  # Frame or SwfFrame
        self.bodies: list[Row] = []  # made from `frames` once, before the batch leaves for the writer
        self.dropped_frames: list[str] = []  # Frame.branches prefixes
        self.ended_frames: list[Row] = []
        self.tasks: dict[tuple[str, int], list[Any]] = {}
        self.task_updates: list[Row] = []  # (status, worker, started_ms, submitted_id, execution_id, frame, attempt)
        self.ended_tasks: list[Row] = []
        self.deadlines: dict[tuple[str, int, str], int] = {}
        self.ended_deadlines: list[Row] = []
        self.ended_purposes: list[Row] = []  # one deadline of an attempt that goes on
        self.dropped: list[str] = []  # prefixes below which tasks and deadlines are over
        self.closed = False
        self.outputs: list[Row] = []
        self.hooks: list[Row] = []
        self.deliveries: list[Row] = []
        self.client_tokens: list[Row] = []
        self.map_runs: list[Row] = []
        self.map_run_redrives: list[Row] = []  # (attempt, redriven_ms, id)
        self.map_run_ends: list[Row] = []  # (status, stopped_ms, id)
        self.beside: tuple[str, Row] | None = None  # of an SWF execution: a key of swf.STATEMENTS, and its values
        self.archive: Packed | None = None  # the whole history of an EXPRESS execution, written at once
        self.counts: dict[tuple[int, str], int] = {}

    def send(self, delivery: Delivery, now_ms: int) -> None:
        """Have something brought to a target; its name is the sender's business."""
        self.deliveries.append(
            (
                *(delivery.name, delivery.target, delivery.body, delivery.source, json.dumps(dict(delivery.options))),
                *(delivery.dead_letter, delivery.tries, delivery.age_s, now_ms, delivery.due_ms or now_ms),
            )
        )

    def count(self, machine_id: int, status: str, by: int) -> None:
        """Executions of a machine in a status: so many more. Children of a Map Run have no machine and count there."""
        if not machine_id:
            return
        self.counts[machine_id, status] = self.counts.get((machine_id, status), 0) + by

    def end_task(self, frame: str, attempt: int) -> None:
        """The task of this attempt goes."""
        if self.tasks.pop((frame, attempt), None) is None:
            self.ended_tasks.append((self.execution_id, frame, attempt))

    def end_deadlines(self, frame: str, attempt: int) -> None:
        """Every deadline of this attempt goes."""
        for purpose in PURPOSES:
            self.deadlines.pop((frame, attempt, purpose), None)
        self.ended_deadlines.append((self.execution_id, frame, attempt))

    def end_deadline(self, frame: str, attempt: int, purpose: str) -> None:
        """One deadline of this attempt goes, the others stay."""
        if self.deadlines.pop((frame, attempt, purpose), None) is None:
            self.ended_purposes.append((self.execution_id, frame, attempt, purpose))

    def end_frame(self, frame: str) -> None:
        """This frame goes."""
        self.frames.pop(frame, None)
        self.ended_frames.append((self.execution_id, frame))

    def drop_branches(self, prefix: str, *, keep_frames: bool) -> None:
        """Everything below a `Frame.branches` prefix is over."""
        for task in [key for key in self.tasks if key[0].startswith(prefix)]:
            del self.tasks[task]
        for deadline in [key for key in self.deadlines if key[0].startswith(prefix)]:
            del self.deadlines[deadline]
        self.dropped.append(prefix)
        if not keep_frames:
            for frame in [name for name in self.frames if name.startswith(prefix)]:
                del self.frames[frame]
            self.dropped_frames.append(prefix)

    def keep_payload(self, payload: Payload, new_id: Callable[[], int]) -> int:
        """The row of a payload among those of this execution; one that belongs to another is written again."""
        if payload.owner != self.execution_id or not payload.ref:
            payload.ref, payload.owner = new_id(), self.execution_id
            self.payloads.append((payload.ref, payload))  # a definition's payload may get another row in this batch
        return payload.ref

    def forget(self) -> None:
        """The rows were not written: payloads that outlive the failed batch have no row."""
        for ref, payload in self.payloads:
            if payload.ref == ref:
                payload.ref = payload.owner = 0

    def close(self) -> None:
        """The execution is over: no task and no deadline of it remains."""
        self.closed = True
        self.tasks.clear()
        self.deadlines.clear()


def apply(connection: sqlite3.Connection, batch: Sequence[ExecutionWrite]) -> dict[int, Exception]:
    """Write a batch; refuses nothing. If it raises, the caller rolls back and goes on with `apply_each`."""
    _write(connection, batch)
    return {}


def apply_each(connection: sqlite3.Connection, batch: Sequence[ExecutionWrite]) -> dict[int, Exception]:
    """Write a batch execution by execution, so that one bad step fails alone (law 8); returns those whose rows were
    refused, by id."""
    refused: dict[int, Exception] = {}
    for write in batch:
        connection.execute("SAVEPOINT step")
        try:
            _write(connection, [write])
        except sqlite3.OperationalError:
            raise
        except sqlite3.Error as error:
            connection.execute("ROLLBACK TO step")
            log.error("execution %d: its step could not be written: %s", write.execution_id, error)
            refused[write.execution_id] = error
        connection.execute("RELEASE step")
    return refused


def _flat(rows: Iterable[Iterable[Row]]) -> list[Row]:
    return [row for group in rows for row in group]


def _into(connection: sqlite3.Connection) -> Callable[[str, Sequence[Row]], None]:
    """Runs a statement once per row; for a single one `execute` is a fifth cheaper."""
    one, many = connection.execute, connection.executemany

    def write(statement: str, rows: Sequence[Row]) -> None:
        if len(rows) == 1:
            one(statement, rows[0])
        elif rows:
            many(statement, rows)

    return write


def _write(connection: sqlite3.Connection, batch: Sequence[ExecutionWrite]) -> None:
    many = _into(connection)
    many(_INSERT_EXECUTION, [w.insert for w in batch if w.insert is not None])
    for kind, statement in swf.STATEMENTS.items():
        many(statement, [w.beside[1] for w in batch if w.beside is not None and w.beside[0] == kind])
    many(
        "INSERT INTO payload (id, execution_id, text) VALUES (?,?,?)",
        [(ref, w.execution_id, payload.text) for w in batch for ref, payload in w.payloads],
    )
    many(
        "INSERT INTO history_chunk (id, execution_id, first, last, body) VALUES (?,?,?,?,?)",
        _flat(w.chunks for w in batch),
    )
    _write_endings(connection, batch)
    many(_UPSERT_FRAME, _flat(w.bodies for w in batch))
    many(_INSERT_TASK, [tuple(task) for w in batch for task in w.tasks.values()])
    many(_UPDATE_TASK, _flat(w.task_updates for w in batch))
    many(
        "INSERT INTO deadline (execution_id, frame, attempt, purpose, due_ms) VALUES (?,?,?,?,?)",
        [(w.execution_id, *key, due) for w in batch for key, due in w.deadlines.items()],
    )
    many(_UPDATE_EXECUTION, [w.update for w in batch if w.update is not None])
    many(
        "INSERT INTO task_output (execution_id, frame, attempt, state, text, truncated, at_ms) VALUES (?,?,?,?,?,?,?)",
        _flat(w.outputs for w in batch),
    )
    many("INSERT INTO hook (kind, body, attempts, due_ms) VALUES (?,?,0,?)", _flat(w.hooks for w in batch))
    many(_INSERT_DELIVERY, _flat(w.deliveries for w in batch))
    many(
        "INSERT INTO client_token (execution_id, token, redriven_ms) VALUES (?,?,?)",
        _flat(w.client_tokens for w in batch),
    )
    many(_INSERT_MAP_RUN, _flat(w.map_runs for w in batch))
    _write_map_runs(connection, batch)
    whole = [(w.execution_id, w.archive) for w in batch if w.archive is not None]
    many("INSERT OR REPLACE INTO archive (execution_id, events, body) VALUES (?,?,?)", archive_rows(whole))
    counts: Counter[tuple[int, str]] = Counter()
    for write in batch:
        for key, by in write.counts.items():
            counts[key] += by
    many(_COUNT, [(*key, count) for key, count in counts.items() if count])


def _write_map_runs(connection: sqlite3.Connection, batch: Sequence[ExecutionWrite]) -> None:
    """Map Runs that go on and that end; children that wait to be redriven wait no longer when their run has ended."""
    many = _into(connection)
    redrives = _flat(w.map_run_redrives for w in batch)
    many(_REDRIVE_MAP_RUN, redrives)
    for statement in _REDRIVE_CHILDREN:
        many(statement, [(run_id,) for _, _, run_id in redrives])
    ends = _flat(w.map_run_ends for w in batch)
    many("UPDATE map_run SET status=?, stopped_ms=? WHERE id=?", ends)
    many(_FORGET_REDRIVES, [(run_id,) for _, _, run_id in ends])


def _write_endings(connection: sqlite3.Connection, batch: Sequence[ExecutionWrite]) -> None:
    """What is over goes before what is new comes: a retry's row may have the key of the one it follows."""

    many = _into(connection)
    prefixes = [(w.execution_id, *prefix_range(p)) for w in batch for p in w.dropped_frames]
    many("DELETE FROM frame WHERE execution_id=? AND frame>=? AND frame<?", prefixes)
    many("DELETE FROM frame WHERE execution_id=? AND frame=?", _flat(w.ended_frames for w in batch))
    over = [(w.execution_id, *prefix_range(p)) for w in batch for p in w.dropped]
    for table in ("task", "deadline"):
        many(f"DELETE FROM {table} WHERE execution_id=? AND frame>=? AND frame<?", over)
        many(f"DELETE FROM {table} WHERE execution_id=?", [(w.execution_id,) for w in batch if w.closed])
    many("DELETE FROM task WHERE execution_id=? AND frame=? AND attempt=?", _flat(w.ended_tasks for w in batch))
    many("DELETE FROM deadline WHERE execution_id=? AND frame=? AND attempt=?", _flat(w.ended_deadlines for w in batch))
    many(
        "DELETE FROM deadline WHERE execution_id=? AND frame=? AND attempt=? AND purpose=?",
        _flat(w.ended_purposes for w in batch),
    )
