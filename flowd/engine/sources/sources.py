"""What calls functions by itself (event source mappings, pipes): a poller for each queue and each stream of a table."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from flowd import background, names
from flowd.engine.embedded import Embedded
from flowd.engine.sources.pipes import Deliver, Starter
from flowd.engine.sources.queues import QueuePoller, Taker
from flowd.engine.sources.streams import PAUSE_S, Positions, StreamPoller
from flowd.functions import FunctionHost
from flowd.sam.project import SamSource
from flowd.store import sources as rows
from flowd.store.database import Database

log = logging.getLogger(__name__)


class Poller(Protocol):
    """One source and its function."""

    @property
    def busy(self) -> bool: ...

    async def run(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Running:
    poller: Poller
    task: asyncio.Task[None]


class Sources:
    """All sources that call functions. `pause_s` is the first pause of a stream whose function fails."""

    def __init__(
        self,
        db: Database,
        embedded: Embedded,
        host: FunctionHost,
        deliver: Deliver,
        region: str = names.REGION,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._db = db
        self._embedded = embedded
        self._host = host
        self._deliver = deliver
        self._region = region
        self._pause_s = pause_s
        self._files: tuple[SamSource, ...] = ()
        self._clients: tuple[SamSource, ...] = ()
        self._seconds: frozenset[str] = frozenset()  # keys of templates' sources that others have already
        self._changing = asyncio.Lock()
        self._running: dict[SamSource, _Running] = {}
        self._ending: list[Poller] = []  # of sources that are gone: their functions may still run

    @property
    def of_files(self) -> tuple[SamSource, ...]:
        """Those of templates, without the seconds."""
        return tuple(source for source in self._files if source.key not in self._seconds)

    async def set_sources(self, sources: Sequence[SamSource]) -> None:
        """Exactly these are in templates; one that has not changed goes on. A stream's place is forgotten with it."""
        async with self._changing:
            forgotten = {source.key for source in self._files} - {source.key for source in sources}
            self._files = tuple(sources)
            await self._follow()
            await self._forget(forgotten)

    async def set_mappings(self, sources: Sequence[SamSource]) -> None:
        """Exactly these have been set by clients, whoever keeps them; as `set_sources`."""
        async with self._changing:
            forgotten = {source.key for source in self._clients} - {source.key for source in sources}
            self._clients = tuple(sources)
            await self._follow()
            await self._forget(forgotten)

    async def _follow(self) -> None:
        """Run what is wanted, end what is not."""
        self._leave_out_seconds()
        wanted = {source for source in (*self.of_files, *self._clients) if source.enabled}
        gone = [self._running.pop(source) for source in list(self._running) if source not in wanted]
        self._ending = [*(each for each in self._ending if each.busy), *(await self._end(gone))]
        for source in wanted - set(self._running):
            poller = self._poller(source)
            task = asyncio.create_task(poller.run(), name=f"source {source.name}")
            self._running[source] = _Running(poller, task)

    def _leave_out_seconds(self) -> None:
        """A source calls a function once. What clients made was there before; a template that says it too would fail on
        AWS, where Lambda refuses its mapping."""
        taken = {source.pair: f"the mapping {source.name} of a client" for source in self._clients}
        seconds = {}
        for source in self._files:
            if not source.target:  # pipes stand beside mappings
                first = taken.setdefault(source.pair, f"{source.name} of {source.source}")
                if first != f"{source.name} of {source.source}":
                    seconds[source.key] = first
        for source in self._files:
            if source.key in seconds.keys() - self._seconds:
                log.error(
                    "%s: %s is not in force: %s has %s call the function %s already; delete one of the two",
                    *(source.source, source.name, seconds[source.key], source.arn, source.function),
                )
        self._seconds = frozenset(seconds)

    async def _forget(self, keys: set[str]) -> None:
        if keys:
            await self._db.write(partial(rows.forget, names=sorted(keys)))

    def _poller(self, source: SamSource) -> Poller:
        host: Taker = Starter(source, self._deliver) if ":stateMachine:" in source.target else self._host
        if source.service == "sqs":
            return QueuePoller(source, self._embedded, host, self._region)
        positions = Positions(self._db, source.key)
        return StreamPoller(source, self._embedded, host, positions, self._pause_s)

    async def stop(self) -> None:
        self._ending += await self._end(list(self._running.values()))
        self._running.clear()
        await asyncio.gather(*(each.stop() for each in self._ending))
        self._ending.clear()

    async def _end(self, running: Sequence[_Running]) -> list[Poller]:
        """Nothing more is taken from them."""
        await background.end(*(each.task for each in running))
        return [each.poller for each in running]

    @property
    def busy(self) -> bool:
        """True while functions run."""
        return any(each.busy for each in (*self._ending, *(each.poller for each in self._running.values())))
