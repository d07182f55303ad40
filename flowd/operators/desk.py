"""What works for the operators in the background of a daemon, put together: its order of start and stop.

Nothing of the engine waits for anything here. It decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flowd.core import Core
from flowd.operators.audit import Audit
from flowd.operators.batches import Batches
from flowd.operators.holds import Holds
from flowd.operators.logring import LogRing
from flowd.operators.presence import Presence
from flowd.operators.pulse import Pulse
from flowd.operators.reminders import Reminders
from flowd.operators.search import Search
from flowd.operators.views import Views
from flowd.store.changes import Change
from flowd.store.matching import Filter
from flowd.store.search import SearchIndex

T = TypeVar("T")


class Desk:
    """One for each daemon."""

    def __init__(self, core: Core) -> None:
        self.audit = Audit(core.db, core.clock)
        self._db = core.db
        self.search = Search(core.db, SearchIndex(core.db.path.with_name("search.db"), core.db.path))
        self.batches = Batches(core, self.audit, self.read, self.tell)
        self.holds = Holds(core.db, self.audit, core.clock)
        self.views = Views(core.db, core.clock)
        self.pulse = Pulse(core.db, core.clock)
        self.presence = Presence(core.clock)
        self.log = LogRing()
        core.waiters.on_poll = self.presence.polled
        self.reminders = Reminders(core, self.audit, "prompt" in core.noticed)

    async def start(self) -> None:
        self.log.attach()
        await self.search.start()
        await self.batches.start()
        await self.reminders.start()

    async def stop(self) -> None:
        await self.reminders.stop()
        await self.batches.stop()
        await self.search.stop()
        self.log.detach()

    def tell(self, kind: str, name: str) -> None:
        """Something that consoles show is different now."""
        changes = self._db.changes
        changes.append([Change(changes.next_cursor(), kind, name, name=name)])

    def incomplete(self, wanted: Filter) -> bool:
        """True if a search may miss something because the index is still being built."""
        return bool(wanted.words) and self.search.building

    async def read(self, wanted: Filter, fn: Callable[[Any], T]) -> T:
        """Run a read of executions where its filter can be answered."""
        return await (self.search.read(fn) if wanted.words else self._db.read(fn))
