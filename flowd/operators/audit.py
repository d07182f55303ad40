"""The audit: who did what to what, and when. Kept in tables of its own, never in a history."""

from __future__ import annotations

from functools import partial

from flowd.clock import Clock
from flowd.store import audit, schema
from flowd.store.database import Database


class Audit:
    """Notes what people and programs do to executions, machines, prompts and schedules; starts are not noted."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def note(self, who: str, verb: str, target: str, detail: str | None = None) -> None:
        """One entry; returns when it is on disk."""
        entry = schema.Audit(at_ms=self._clock.now_ms(), who=who, verb=verb, target=target, detail=detail)
        await self._db.write(partial(audit.add, entry=entry))

    async def page(self, before: int | None, limit: int) -> list[schema.Audit]:
        """Entries with an id below `before`, newest first."""
        return await self._db.read(partial(audit.page, before=before, limit=limit))
