"""Keeps the full-text index behind the database: off the commit path, off the loop, a moment late at most.

After a start it indexes what lies behind the high-water marks, then it follows the changes. Whoever searches waits for
what was acknowledged before, a second at most: better the newest row a little late than a list that hangs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from flowd import background
from flowd.errors import ServiceUnavailable
from flowd.store.changes import Change
from flowd.store.database import Database
from flowd.store.search import SLACK_IDS, SLACK_MS, IndexUnusable, SearchIndex

T = TypeVar("T")
log = logging.getLogger(__name__)
AT_ONCE = 500
GATHER_S = 0.3  # an execution that begins and ends meanwhile is indexed once
FRESH_S = 1.0
AGAIN_S = 10.0
SWEEP_ROUNDS = 10_000  # feeds between two looks for executions that retention has deleted


class Search:
    """One background duty, and the reads that need its index."""

    def __init__(self, db: Database, index: SearchIndex) -> None:
        self._db = db
        self._index = index
        self._cursor = -1  # everything up to this change is indexed
        self._asked = asyncio.Event()
        self._fed = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._marks = {"id": 0, "stopped_ms": 0}
        self._rounds = 0
        self.problem: str | None = None
        self.building = True

    async def start(self) -> None:
        if self._work is None:
            self._work = asyncio.create_task(self._run(), name="search")

    async def stop(self) -> None:
        if self._work is not None:
            await background.end(self._work)
            self._work = None
            await self._index.close()

    async def read(self, fn: Callable[[Any], T]) -> T:
        """Read with searched words. Sees what was acknowledged before, unless the index is over a second behind."""
        if self._work is None:
            raise ServiceUnavailable("words cannot be searched: the search index is not running in this daemon")
        await self._fresh(self._db.cursor)
        if self.problem is not None:
            raise ServiceUnavailable(f"words cannot be searched ({self.problem}); name:, status: and other keys work")
        return await self._index.read(fn)

    async def _fresh(self, cursor: int) -> None:
        end = asyncio.get_running_loop().time() + FRESH_S
        while self._cursor < cursor and self.problem is None:
            left_s = end - asyncio.get_running_loop().time()
            if left_s <= 0:
                return
            self._asked.set()
            self._fed.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._fed.wait()
            except TimeoutError:
                return

    async def _run(self) -> None:
        while True:
            try:
                await self._index.open(self._db.database_id)
                await self._index.forget_gone()
                while True:
                    cursor = self._db.cursor
                    await self._catch_up()
                    self.problem, self.building = None, False
                    self._told(cursor)
                    await self._follow()
            except (IndexUnusable, OSError) as error:
                log.error("the search index cannot be used, it is tried again: %s", error)
                self.problem = str(error)
                self._fed.set()
                await asyncio.sleep(AGAIN_S)

    def _told(self, cursor: int) -> None:
        self._cursor = cursor
        self._fed.set()

    async def _catch_up(self) -> None:
        """Index what is new or has ended since the marks."""
        self._marks = await self._index.marks()
        self._marks["id"] = max(0, self._marks["id"] - SLACK_IDS)
        before_ms = await self._index.latest_end(None, self._marks["stopped_ms"])
        ended = await self._index.ended_since(self._marks["stopped_ms"] - SLACK_MS) if self._marks["id"] else []
        for start in range(0, len(ended), AT_ONCE):
            await self._index.feed(ended[start : start + AT_ONCE], {})
        while ids := await self._index.missing(self._marks, AT_ONCE):
            self._marks["id"] = ids[-1]
            await self._index.feed(ids, self._marks)
        self._marks["stopped_ms"] = before_ms
        await self._index.feed([], self._marks)

    async def _follow(self) -> None:
        """Until so much has changed that the log of changes has forgotten some of it."""
        while True:
            if await self._db.changes.wait(self._cursor, 30.0) == []:
                continue
            try:
                async with asyncio.timeout(GATHER_S):
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            changes = self._db.changes.since(self._cursor)
            if changes is None:
                return
            if changes:
                await self._take(changes)

    async def _take(self, changes: list[Change]) -> None:
        known = self._marks["id"]
        status = {int(change.id): change.status for change in changes if change.kind == "execution"}
        ids = [i for i, now in status.items() if now != "RUNNING" or i > known]
        if ids:
            self._marks["id"] = max(known, *ids)
            self._marks["stopped_ms"] = await self._index.latest_end(ids, self._marks["stopped_ms"])
            await self._index.feed(ids, self._marks)
        self._rounds += 1
        if self._rounds % SWEEP_ROUNDS == 0:
            await self._index.forget_gone()
        self._told(changes[-1].cursor)
