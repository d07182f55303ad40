"""The archivist packs what is closed and deletes what has outlived its retention, in small transactions and behind
everything else. It never touches a running execution. An SWF domain has a retention of its own, which may be none.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from flowd import background
from flowd.clock import Clock
from flowd.errors import ServiceUnavailable
from flowd.store import history
from flowd.store.database import Database

log = logging.getLogger(__name__)
AT_ONCE = 50
PAUSE_S = 0.2
SWEEP_S = 3600.0
DAY_MS = 86_400_000


class Archivist:
    """One background duty. `retention_days` 0 means for ever."""

    def __init__(self, db: Database, clock: Clock, retention_days: int = 90) -> None:
        self._db = db
        self._clock = clock
        self._retention_days = retention_days
        self._closed = asyncio.Event()
        self._work: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        if not self._work:
            self._closed.set()
            self._work = [
                asyncio.create_task(self._pack(), name="archivist"),
                asyncio.create_task(self._sweep(), name="retention"),
            ]

    async def stop(self) -> None:
        await background.end(*self._work)
        self._work = []

    def notice(self) -> None:
        """Something has closed."""
        self._closed.set()

    async def pack_all(self) -> int:
        """Pack whatever is closed and still hot; returns how many."""
        packed = 0
        while ids := await self._db.read(partial(history.closed_and_hot, limit=AT_ONCE)):
            await self._db.submit_rows(partial(history.archive, execution_ids=ids))
            packed += len(ids)
        return packed

    async def expire_domains(self) -> None:
        """Delete the SWF executions that have outlived the retention of their domains."""
        now_ms = self._clock.now_ms()
        while ids := await self._db.read(partial(history.expired_in_domains, now_ms=now_ms, limit=AT_ONCE)):
            await self._db.write(partial(history.delete, execution_ids=ids))

    async def _pack(self) -> None:
        while True:
            await self._closed.wait()
            self._closed.clear()
            try:
                while ids := await self._db.read(partial(history.closed_and_hot, limit=AT_ONCE)):
                    await self._db.submit_rows(partial(history.archive, execution_ids=ids))
                await self.expire_domains()
            except ServiceUnavailable as error:
                log.warning("closed executions wait to be packed: %s", error)
                self._closed.set()
                await asyncio.sleep(10)
            await asyncio.sleep(PAUSE_S)

    async def _sweep(self) -> None:
        while True:
            before_ms = self._clock.now_ms() - self._retention_days * DAY_MS if self._retention_days else 0
            try:
                while ids := await self._db.read(partial(history.expired, closed_before_ms=before_ms, limit=AT_ONCE)):
                    await self._db.write(partial(history.delete, execution_ids=ids))
                await self.expire_domains()
            except ServiceUnavailable as error:
                log.warning("retention waits for the store: %s", error)
            await asyncio.sleep(SWEEP_S)
