"""The database: one writer thread with group commit, a few reader threads, one SQLite file in WAL mode.

`write` hands a function to the writer. Everything that is ready when the writer is free shares one transaction and one
fsync (synchronous=FULL), and `write` returns after it: acknowledged means on disk. A function that raises is rolled
back alone. When the commit itself fails (disk full, I/O error) every member gets ServiceUnavailable and nothing was
written. This module knows no table.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool, StaticPool
from sqlmodel import Session as Session  # others only hand it on

from flowd.errors import FlowdError, ServiceUnavailable
from flowd.store.changes import ChangeLog
from flowd.store.migrations import DatabaseForeign, DatabaseTooNew, migrate

T = TypeVar("T")
log = logging.getLogger(__name__)
READERS = 3
WRITER_CACHE_KIB = 16_384
READER_CACHE_KIB = 4_096
#: Clients and duties come again and again while the disk is full, and the log may be on that disk.
TELL_AGAIN_S = 60.0
_DISK = (sqlite3.OperationalError, OperationalError)  # full, I/O error, read-only: the whole batch is lost


class DatabaseUnusable(FlowdError):
    """The database file cannot be opened or is damaged."""


class _Job:
    """One member of a group commit: what it does, and what it does instead if that raises."""

    __slots__ = ("error", "future", "result", "rows", "ways")

    def __init__(self, ways: tuple[Callable[[Any], Any], ...], rows: bool, future: asyncio.Future[Any]) -> None:
        self.ways = ways
        self.rows = rows  # it is handed the driver's connection, not a session
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class _Writing(Session):
    """The writer's session. The transaction is the driver's; SQLAlchemy joins it when a job asks for what only it can
    do, which the hot path never does: to begin and commit through it costs a quarter of a millisecond."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, expire_on_commit=False)
        self.driver = _driver(self)
        self.rollback()

    def start(self) -> None:
        self.driver.execute("BEGIN IMMEDIATE")

    def finish(self) -> None:
        """Commit, and forget all objects."""
        if self.in_transaction():
            self.commit()
            self.expunge_all()
        if self.driver.in_transaction:  # also where a session had nothing to write
            self.driver.execute("COMMIT")

    def undo(self) -> None:
        """Roll everything back, and forget all objects."""
        self.rollback()
        self.driver.rollback()
        self.expunge_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """The only member of a transaction, which is its savepoint."""
        try:
            yield
        except BaseException:
            self.undo()
            self.start()
            raise

    @contextmanager
    def beside(self, rows: bool) -> Iterator[None]:
        """One of several members, in a savepoint: what it wrote goes if it raises."""
        if not rows:
            with self.begin_nested():
                self.connection()  # until then SQLAlchemy puts the savepoint off
                yield
            return
        self.driver.execute("SAVEPOINT member")
        try:
            yield
        except BaseException:
            self.driver.execute("ROLLBACK TO member")
            raise
        finally:
            self.driver.execute("RELEASE member")


def raw(session: Session) -> sqlite3.Connection:
    """The driver's own connection below a session: for statements of our own in the same transaction."""
    return session.driver if isinstance(session, _Writing) else _driver(session)


def _driver(session: Session) -> sqlite3.Connection:
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    return connection


def _engine(path: Path, *, writable: bool, checkpoint_pages: int = 4000) -> Engine:
    uri = f"file:{path}?mode={'rwc' if writable else 'ro'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None, timeout=10)
        connection.execute("PRAGMA busy_timeout=10000")
        if writable:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint={checkpoint_pages}")
            connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB if writable else READER_CACHE_KIB}")
        connection.execute("PRAGMA temp_store=MEMORY")
        return connection

    if writable:
        engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    else:
        engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=READERS, max_overflow=0)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if not connection.connection.in_transaction:  # else SQLAlchemy joins what the writer has begun
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writable else "BEGIN")

    return engine


def _reason(error: BaseException) -> str:
    """What SQLite said first: a full disk also takes the savepoint away, which hides the cause behind another error."""
    first: BaseException = error
    while isinstance(first.__context__, _DISK):
        first = first.__context__
    return str(getattr(first, "orig", None) or first)


def _way_out(path: Path, error: BaseException) -> str:
    """What to do about a database that cannot be opened: a damaged one needs a copy, the others need room or rights."""
    said = f"the database {path} cannot be used: {_reason(error)}"
    if isinstance(getattr(error, "orig", error), sqlite3.OperationalError):
        return f"{said}; look at its owner, its mode and the free space of {path.parent}"
    return f"{said}. Keep the file, then put a copy back with `flowd restore FILE`, or move it away to begin anew"


class Database:
    """One SQLite file. `changes` is the live feed; `database_id` tells one file's cursors from another's."""

    def __init__(self, path: Path, database_id: str = "new") -> None:
        self.path = path
        self.database_id = database_id
        self.changes = ChangeLog()
        self.writable = True
        self.last_error: str | None = None
        self.on_batch: Callable[[], None] | None = None  # called on the loop after each commit
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None: nothing comes any more
        self._unanswered = 0  # jobs and reads that are not answered
        self._closing = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refused = 0  # commits since it can't be written
        self._told_s = 0.0

    async def start(self) -> None:
        """Open, migrate and start the writer; DatabaseUnusable if the file cannot be used."""
        self._loop = asyncio.get_running_loop()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._write_engine = _engine(self.path, writable=True)
        await asyncio.to_thread(self._open)
        self._read_engine = _engine(self.path, writable=False)
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def _open(self) -> None:
        try:
            with Session(self._write_engine) as session:
                self.database_id = migrate(session, self.database_id)
                session.commit()
        except (sqlite3.Error, DBAPIError) as error:
            self._write_engine.dispose()
            raise DatabaseUnusable(_way_out(self.path, error)) from None
        except (DatabaseTooNew, DatabaseForeign) as error:
            self._write_engine.dispose()
            raise DatabaseUnusable(f"the database {self.path} cannot be used: {error}") from None

    async def stop(self) -> None:
        """Finish what was handed over, then close."""
        if self._thread is None:
            return
        self._closing = True
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        self._readers.shutdown(wait=True)
        self._read_engine.dispose()
        self._write_engine.dispose()

    @property
    def cursor(self) -> int:
        """The number of the last commit that changed something a console shows."""
        return self.changes.cursor

    async def write(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` in the next group commit; returns its value once it is on disk, or raises what it raised."""
        return await self.submit(fn)

    def submit(self, fn: Callable[[Session], T]) -> asyncio.Future[T]:
        """As `write`, without waiting: the order of submission is the order of execution."""
        return self._submit((fn,), rows=False)

    def submit_rows(
        self, fn: Callable[[sqlite3.Connection], T], otherwise: Callable[[sqlite3.Connection], T] | None = None
    ) -> asyncio.Future[T]:
        """As `submit`, for the hot path: on the driver's connection. If `fn` raises, what it wrote is rolled back and
        `otherwise` is run instead."""
        return self._submit((fn,) if otherwise is None else (fn, otherwise), rows=True)

    def _submit(self, ways: tuple[Callable[[Any], Any], ...], rows: bool) -> asyncio.Future[Any]:
        assert self._loop is not None
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closing:
            future.set_exception(ServiceUnavailable("the daemon is stopping; try again when it is back"))
        else:
            self._unanswered += 1
            self._jobs.put(_Job(ways, rows, future))
        return future

    @property
    def alive(self) -> bool:
        """True while the writer can take jobs, or before there is one; a watchdog restarts a daemon without."""
        return self._thread is None or self._thread.is_alive()

    @property
    def busy(self) -> bool:
        """True while a write or a read is not answered."""
        return self._unanswered > 0

    async def read(self, fn: Callable[[Session], T]) -> T:
        """Run `fn` on a read-only connection in a reader thread. It sees everything acknowledged so far."""
        assert self._loop is not None

        def run() -> T:
            with Session(self._read_engine, expire_on_commit=False) as session:
                return fn(session)

        self._unanswered += 1
        try:
            return await self._loop.run_in_executor(self._readers, run)
        finally:
            self._unanswered -= 1

    # -- the writer's thread ---------------------------------------------------

    def _run(self) -> None:
        assert self._loop is not None
        with _Writing(self._write_engine) as session:
            job = self._jobs.get()
            while job is not None:
                batch = []
                while job is not None:
                    batch.append(job)
                    if self._jobs.empty():
                        break
                    job = self._jobs.get()
                self._commit(session, batch)
                self._loop.call_soon_threadsafe(self._settle, batch)
                if job is not None:
                    job = self._jobs.get()

    def _commit(self, session: _Writing, batch: list[_Job]) -> None:
        try:
            session.start()
            for job in batch:
                _work(session, job, alone=len(batch) == 1)
            session.finish()
        except Exception as error:  # most likely the disk; whatever it is, the writer goes on
            session.undo()
            reason = _reason(error)
            self._tell_failed(reason)
            self.writable, self.last_error = False, reason
            for job in batch:
                job.error = ServiceUnavailable(f"the database cannot be written ({reason}); nothing was accepted")
        else:
            if self._refused:
                log.warning("the database can be written again; %d commits were refused meanwhile", self._refused)
                self._refused = 0
            self.writable, self.last_error = True, None

    def _tell_failed(self, reason: str) -> None:
        self._refused += 1
        now_s = time.monotonic()
        if self._refused == 1 or reason != self.last_error or now_s - self._told_s > TELL_AGAIN_S:
            log.error("commit failed, nothing of this batch was accepted (the %d. in a row): %s", self._refused, reason)
            self._told_s = now_s

    def _settle(self, batch: list[_Job]) -> None:
        self._unanswered -= len(batch)
        for job in batch:
            if job.future.cancelled():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
        if self.on_batch is not None:
            self.on_batch()


def _work(session: _Writing, job: _Job, alone: bool) -> None:
    """Run a member of a batch. What it raises is told to whoever handed it in; the disk's errors are everybody's."""
    for fn in job.ways:
        try:
            with session.alone() if alone else session.beside(job.rows):
                job.result = fn(session.driver if job.rows else session)
        except _DISK:
            raise
        except Exception as error:
            job.error = error
        else:
            job.error = None
            return
