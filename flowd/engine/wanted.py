"""Whether a rule of the default bus may want the events of one of AWS's own sources: looked up when rules change.

From a change to the end of the look at it the events count as wanted; one that no rule wants reaches nobody.
"""

from __future__ import annotations

import asyncio
import logging

from flowd import background
from flowd.engine.embedded import Embedded
from flowd.services.events import own
from flowd.store.database import Database, Session
from flowd.store.events import EventsTables

log = logging.getLogger(__name__)


class Wanted:
    """Called, it tells whether events of this source and type are wanted now."""

    def __init__(self, db: Database, embedded: Embedded, source: str, detail_type: str | None) -> None:
        self._db = db
        self._source = source
        self._detail_type = detail_type
        self._changed = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._wanted = False
        self._turned = asyncio.Event()  # set and replaced when that turns
        embedded.on_wake(own.RULES_CHANGED, self._rules_changed)

    def __call__(self) -> bool:
        return self._wanted

    async def until(self, wanted: bool) -> None:
        """Return when events are wanted, or are not."""
        while self._wanted is not wanted:
            await self._turned.wait()

    async def start(self) -> None:
        self._wanted = await self._db.read(self._look)
        self._worker = asyncio.create_task(self._work(), name=f"rules for {self._source}")

    async def stop(self) -> None:
        await background.end(self._worker)
        self._worker = None

    def _rules_changed(self) -> None:
        self._set(True)
        self._changed.set()

    def _set(self, wanted: bool) -> None:
        if self._wanted is not wanted:
            self._wanted = wanted
            self._turned.set()
            self._turned = asyncio.Event()

    async def _work(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                wanted = await self._db.read(self._look)
            except Exception:
                log.exception("the rules of the default bus could not be read")
                continue
            if not self._changed.is_set():
                self._set(wanted)

    def _look(self, session: Session) -> bool:
        return own.wants(EventsTables(session), self._source, self._detail_type)
