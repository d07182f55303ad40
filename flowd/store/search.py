"""The full-text index of executions: names, errors, inputs and outputs, in a file of its own beside the database.

It holds nothing that the database does not hold: a file that is missing, damaged or of another database is made anew.
Its connection has the database attached, read-only, under the name `live`: a document is made by one statement, and a
list with searched words is one query over both. It is never part of a commit; losing its last second costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool
from sqlmodel import Session

from flowd.errors import FlowdError, ServiceUnavailable
from flowd.store.database import raw

T = TypeVar("T")
log = logging.getLogger(__name__)
SHAPE = "1"  # of this file; another number means: make it anew
READERS = 2
TEXT = 16_384  # characters of an input or output that are searched
LONGEST_S = 20.0
GLANCE = 100_000  # steps of SQLite's machine between two looks at the time
SLACK_IDS = 1000  # ids are given in memory: a lower one may be committed after a higher one
SLACK_MS = 60_000
COLUMNS = ("name", "error", "input", "output")
_TABLES = (
    "CREATE TABLE mark (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    f"CREATE VIRTUAL TABLE document USING fts5({', '.join(COLUMNS)})",
)
_FEED = (
    "INSERT OR REPLACE INTO document (rowid, name, error, input, output)"
    " SELECT e.id, e.name || ' ' || e.machine_name,"
    " coalesce(e.error, '') || ' ' || coalesce(substr(e.cause, 1, ?1), ''),"
    " coalesce(substr(i.text, 1, ?1), ''), coalesce(substr(o.text, 1, ?1), '') FROM live.execution e"
    " LEFT JOIN live.payload i ON i.id = e.input_id LEFT JOIN live.payload o ON o.id = e.output_id"
    " WHERE e.map_run_id = 0 AND e.id IN (SELECT value FROM json_each(?2))"
)


def phrase(word: str, column: str = "") -> str | None:
    """A word as people type it in FTS5's language: its parts in that order, the last one may go on. None if it has no
    letter or digit, since there is nothing to look for."""
    if not re.search(r"\w", word.replace("_", "")):
        return None
    quoted = '"' + word.replace('"', '""') + '" *'
    return f"{column} : {quoted}" if column else quoted


class IndexUnusable(FlowdError):
    """The index cannot be read or written now, most likely because of its disk."""


class SearchIndex:
    """One index file. Feeding has a thread of its own; `read` runs in others."""

    def __init__(self, path: Path, database: Path) -> None:
        self.path = path
        self._database = database
        self._feeder = ThreadPoolExecutor(1, "search-feed")
        self._readers = ThreadPoolExecutor(READERS, "search")
        self._write: sqlite3.Connection | None = None
        self._engine: Engine | None = None
        self._closing = False

    async def open(self, database_id: str) -> None:
        """Open the index of this database; makes it anew if it cannot be used."""
        await self._in_feeder(partial(self._open, database_id))
        self._engine = create_engine(
            "sqlite://", creator=self._reader, poolclass=QueuePool, pool_size=READERS, max_overflow=0
        )

    async def close(self) -> None:
        self._closing = True
        self._readers.shutdown(wait=True)
        if self._engine is not None:
            self._engine.dispose()
        if self._write is not None:
            await self._in_feeder(self._write.close)
        self._feeder.shutdown(wait=True)

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` on a read-only session that sees the index and the database; the tables' names need no prefix."""

        if self._engine is None:
            raise ServiceUnavailable("words cannot be searched yet: the index is just being opened")

        def run() -> T:
            end = time.monotonic() + LONGEST_S
            with Session(self._engine, expire_on_commit=False) as session:
                connection = raw(session)
                connection.set_progress_handler(lambda: self._closing or time.monotonic() > end, GLANCE)
                return fn(session)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except (OperationalError, sqlite3.OperationalError) as error:
            if "interrupted" not in str(error):
                raise
            raise ServiceUnavailable(f"the search took longer than {LONGEST_S:.0f} s: search for more words") from None

    async def feed(self, ids: Iterable[int], marks: dict[str, int]) -> None:
        """Index these executions as they stand now, and remember how far that is."""
        await self._in_feeder(partial(self._feed, sorted(set(ids)), marks))

    async def marks(self) -> dict[str, int]:
        """How far the index goes: `id` of executions, `stopped_ms` of their ends."""
        return await self._in_feeder(self._marks)

    async def missing(self, marks: dict[str, int], limit: int) -> list[int]:
        """Executions behind the marks that are not indexed as they stand, lowest id first, at most `limit`."""
        return await self._in_feeder(partial(self._missing, marks["id"], limit))

    async def ended_since(self, stopped_ms: int) -> list[int]:
        """Executions that ended at or after a point in time."""
        return await self._in_feeder(partial(self._ended_since, stopped_ms))

    async def latest_end(self, ids: list[int] | None, known_ms: int) -> int:
        """The latest point in time at which one of these (of all) ended, or the one that is known if that is later."""
        return await self._in_feeder(partial(self._latest_end, ids, known_ms))

    async def forget_gone(self) -> int:
        """Drop documents whose execution is no more; returns how many."""
        return await self._in_feeder(self._forget_gone)

    async def _in_feeder(self, fn: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._feeder, fn)
        except sqlite3.Error as error:
            raise IndexUnusable(str(error)) from error

    # -- the feeder's thread -----------------------------------------------------

    def _open(self, database_id: str) -> None:
        wanted = f"{SHAPE} {database_id}"
        existed = self.path.exists()
        try:
            self._write = self._connect(readonly=False)
            known = self._write.execute("SELECT value FROM mark WHERE key='of'").fetchone()
            if known is not None and known[0] == wanted:
                return
        except sqlite3.DatabaseError as error:
            if existed:
                log.info("the search index is made anew: %s", error)
        if self._write is not None:
            self._write.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._write = self._connect(readonly=False)
        for statement in _TABLES:
            self._write.execute(statement)
        self._write.execute("INSERT INTO mark VALUES ('of', ?)", (wanted,))

    def _connect(self, *, readonly: bool) -> sqlite3.Connection:
        uri = f"file:{self.path}?mode={'ro' if readonly else 'rwc'}"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=10)
        if not readonly:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("ATTACH ? AS live", (f"file:{self._database}?mode=ro",))
        return connection

    def _reader(self) -> sqlite3.Connection:
        return self._connect(readonly=True)

    def _feed(self, ids: list[int], marks: dict[str, int]) -> None:
        assert self._write is not None
        with closing(self._write.cursor()) as cursor:
            cursor.execute("BEGIN")
            try:
                if ids:
                    cursor.execute(_FEED, (TEXT, str(ids)))
                cursor.executemany("INSERT OR REPLACE INTO mark VALUES (?, ?)", [(k, str(v)) for k, v in marks.items()])
                cursor.execute("COMMIT")
            except BaseException:
                if self._write.in_transaction:  # a full disk has ended it already
                    cursor.execute("ROLLBACK")
                raise

    def _marks(self) -> dict[str, int]:
        rows = self._all("SELECT key, value FROM mark WHERE key != 'of'")
        return {"id": 0, "stopped_ms": 0, **{key: int(value) for key, value in rows}}

    def _missing(self, after: int, limit: int) -> list[int]:
        return [
            row[0] for row in self._all("SELECT id FROM live.execution WHERE id > ? ORDER BY id LIMIT ?", after, limit)
        ]

    def _ended_since(self, stopped_ms: int) -> list[int]:
        rows = self._all(
            "SELECT id FROM live.execution WHERE archived = 1 AND stopped_ms >= ?"
            " UNION SELECT id FROM live.execution WHERE status != 'RUNNING' AND archived = 0",
            stopped_ms,
        )
        return [row[0] for row in rows]

    def _latest_end(self, ids: list[int] | None, known_ms: int) -> int:
        if ids is None:
            found = self._all("SELECT max(stopped_ms) FROM live.execution WHERE archived = 1")
        else:
            which = "SELECT value FROM json_each(?)"
            found = self._all(f"SELECT max(stopped_ms) FROM live.execution WHERE id IN ({which})", str(ids))
        return max(known_ms, found[0][0] or 0)

    def _forget_gone(self) -> int:
        assert self._write is not None
        gone = self._write.execute(
            "DELETE FROM document WHERE rowid IN (SELECT id FROM document_content WHERE id NOT IN"
            " (SELECT id FROM live.execution))"
        )
        return gone.rowcount

    def _all(self, statement: str, *values: Any) -> list[Any]:
        assert self._write is not None
        return self._write.execute(statement, values).fetchall()
