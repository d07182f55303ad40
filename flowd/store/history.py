"""Histories on disk: chunks while an execution runs, one compressed blob once it is closed.

A page is read from the archive first and then from the chunks, so a redriven execution (archived once, running again)
reads as one history. Packing copies the chunks' bytes; it decodes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import chain

import msgspec
import zstandard
from sqlmodel import Session

from flowd.history import HistoryEvent
from flowd.store.codec import Decoder
from flowd.store.database import raw
from flowd.store.executions import payload_texts

LEVEL = 3
SWF = "SWF"


class Packed(msgspec.Struct, array_like=True):
    """What an archive blob holds."""

    chunks: list[tuple[int, int, bytes]]  # first id, last id, packed events
    payloads: dict[int, str]


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Packed).decode


def page(
    session: Session, execution_id: int, after: int = 0, limit: int = 1000, reverse: bool = False
) -> list[HistoryEvent]:
    """Up to `limit` events with id > `after`; reverse: with id < `after` from the newest down (0 = from the end)."""
    chunks, texts = _chunks(session, execution_id, after, limit, reverse)
    decoder = Decoder(execution_id)
    events = [event for _, _, body in chunks for event in decoder.events(body)]
    unread = {payload.ref for payload in decoder.missing} - texts.keys()
    texts.update(payload_texts(session, unread))
    decoder.fill(texts)
    if reverse:
        events = [event for event in reversed(events) if not after or event.id < after]
    else:
        events = [event for event in events if event.id > after]
    return events[:limit]


def _chunks(
    session: Session, execution_id: int, after: int, limit: int, reverse: bool
) -> tuple[list[tuple[int, int, bytes]], dict[int, str]]:
    """The chunks that hold the page, in order: no more of them, since decoding is what a page costs."""
    packed = _packed(raw(session), execution_id)
    if reverse:
        bound = after or 1 << 62
        where, order = "first < ?", "DESC"
        cold = [chunk for chunk in reversed(packed.chunks) if chunk[0] < bound]
    else:
        bound = after
        where, order = "last > ?", "ASC"
        cold = [chunk for chunk in packed.chunks if chunk[1] > bound]
    hot = raw(session).execute(
        f"SELECT first, last, body FROM history_chunk WHERE execution_id=? AND {where} ORDER BY first {order} LIMIT ?",
        (execution_id, bound, limit),
    )
    found: list[tuple[int, int, bytes]] = []
    events = 0
    for first, last, body in chain(hot, cold) if reverse else chain(cold, hot):
        found.append((first, last, body))
        events += min(last, bound - 1) - first + 1 if reverse else last - max(first - 1, bound)
        if events >= limit:
            break
    hot.close()
    return found[::-1] if reverse else found, packed.payloads


def unpack(body: bytes) -> Packed:
    return _unpack(zstandard.ZstdDecompressor().decompress(body))


def archive(connection: sqlite3.Connection, execution_ids: list[int]) -> None:
    """Write: pack closed executions and clear the hot tables. A failed one keeps its frames, so that redrive works.

    Few statements for many executions: this runs behind every close.
    """
    marks = ",".join("?" * len(execution_ids))
    closed = {
        row[0]: row[1:]
        for row in connection.execute(
            "SELECT id, status, next_event, redrive_count, type FROM execution"
            f" WHERE status != 'RUNNING' AND archived = 0 AND id IN ({marks})",
            execution_ids,
        )
    }
    packed = {i: _packed(connection, i) if facts[2] else Packed([], {}) for i, facts in closed.items()}
    for execution_id, *chunk in connection.execute(
        "SELECT execution_id, first, last, body FROM history_chunk"
        f" WHERE execution_id IN ({marks}) ORDER BY execution_id, first",
        execution_ids,
    ):
        if execution_id in packed:
            packed[execution_id].chunks.append(tuple(chunk))
    for execution_id, ref, text in connection.execute(
        f"SELECT execution_id, id, text FROM payload WHERE execution_id IN ({marks})", execution_ids
    ):
        if execution_id in packed:
            packed[execution_id].payloads[ref] = text
    connection.executemany(
        "INSERT OR REPLACE INTO archive (execution_id, events, body) VALUES (?,?,?)", archive_rows(packed.items())
    )
    over = [(i, i, i) for i, facts in closed.items() if facts[0] == "SUCCEEDED" or facts[3] == SWF]
    _clear(connection, [(i,) for i in closed], over)


def archive_rows(packed: Iterable[tuple[int, Packed]]) -> list[tuple[int, int, bytes]]:
    """Rows of the archive: execution id, the id of the last event, everything compressed."""
    compress = zstandard.ZstdCompressor(LEVEL).compress
    return [(i, content.chunks[-1][1] if content.chunks else 0, compress(_pack(content))) for i, content in packed]


def _clear(connection: sqlite3.Connection, closed: list[tuple[int]], over: list[tuple[int, int, int]]) -> None:
    """Clear the hot tables of what is closed, and the frames of what is `over` for ever: nothing redrives SWF or what
    succeeded. An SWF execution keeps its workflow's frame, of which it is described."""
    connection.executemany("DELETE FROM history_chunk WHERE execution_id=?", closed)
    connection.executemany(
        "DELETE FROM frame WHERE execution_id=? AND frame NOT IN"
        " (SELECT '0' FROM swf_execution s WHERE s.execution_id = frame.execution_id)",
        [(i,) for i, _, _ in over],
    )
    connection.executemany(
        "DELETE FROM payload WHERE execution_id=? AND id NOT IN (SELECT input_id FROM execution WHERE id=?)"
        " AND id NOT IN (SELECT output_id FROM execution WHERE id=?)",
        over,
    )
    connection.executemany("UPDATE execution SET archived=1 WHERE id=?", closed)


def _packed(connection: sqlite3.Connection, execution_id: int) -> Packed:
    """What the archive holds of an execution; empty if it holds nothing."""
    row = connection.execute("SELECT body FROM archive WHERE execution_id=?", (execution_id,)).fetchone()
    return unpack(row[0]) if row else Packed([], {})


def closed_and_hot(session: Session, limit: int) -> list[int]:
    """Closed executions that are still to be packed, oldest first."""
    rows = raw(session).execute(
        "SELECT id FROM execution WHERE status != 'RUNNING' AND archived = 0 ORDER BY id LIMIT ?", (limit,)
    )
    return [row[0] for row in rows]


def expired(session: Session, closed_before_ms: int, limit: int) -> list[int]:
    """Executions whose retention has ended. Children of a Map Run only after the execution that started it: their rows
    are what the run has done, and without them a run that still goes, or is redriven, would do it again."""
    rows = raw(session).execute(
        "SELECT id FROM execution WHERE status != 'RUNNING' AND stopped_ms < ? AND archived = 1 AND type != 'SWF'"
        " AND NOT EXISTS (SELECT 1 FROM map_run WHERE id = abs(execution.map_run_id)) LIMIT ?",
        (closed_before_ms, limit),
    )
    return [row[0] for row in rows]


def expired_in_domains(session: Session, now_ms: int, limit: int) -> list[int]:
    """SWF executions that have outlived the retention of their domain; at once if it keeps nothing.

    Not a child of whose end its parent has not heard, nor a parent whose child policy has not reached its children:
    after a crash their rows are all that tells what is still to be done.
    """
    rows = raw(session).execute(
        "SELECT s.execution_id FROM swf_domain d JOIN swf_execution s ON s.domain_id = d.id"
        " JOIN execution e ON e.id = s.execution_id"
        " WHERE s.close_status != '' AND s.closed_ms <= ? - d.retention_days * 86400000 AND e.archived = 1"
        " AND NOT EXISTS (SELECT 1 FROM frame f JOIN execution p ON p.id = f.execution_id AND p.status = 'RUNNING'"
        "  WHERE s.close_status != 'CONTINUED_AS_NEW' AND f.execution_id = s.parent_id"
        "  AND f.frame = 'child/' || s.parent_event)"
        " AND NOT EXISTS (SELECT 1 FROM swf_execution c WHERE c.parent_id = s.execution_id AND c.parent_id != 0"
        "  AND c.close_status = '' AND s.close_status IN ('TERMINATED', 'TIMED_OUT')"
        "  AND (s.child_policy = 'TERMINATE' OR s.child_policy = 'REQUEST_CANCEL' AND NOT c.cancel_requested))"
        " LIMIT ?",
        (now_ms, limit),
    )
    return [row[0] for row in rows]


_OF_AN_EXECUTION = (
    "archive",
    "history_chunk",
    "frame",
    "payload",
    "task_output",
    "prompt_answer",
    "prompt_hold",
    "prompt_comment",
    "prompt_draft",
    "client_token",
    "map_run",
    "swf_execution",
)


def delete(session: Session, execution_ids: list[int]) -> None:
    """Write: nothing of these executions remains but the audit."""
    connection = raw(session)
    for execution_id in execution_ids:
        row = connection.execute("SELECT machine_id, status FROM execution WHERE id=?", (execution_id,)).fetchone()
        if row is None:
            continue
        connection.execute("UPDATE counter SET count = count - 1 WHERE machine_id=? AND status=?", row)
        for table in _OF_AN_EXECUTION:
            connection.execute(f"DELETE FROM {table} WHERE execution_id=?", (execution_id,))
        connection.execute("DELETE FROM execution WHERE id=?", (execution_id,))
