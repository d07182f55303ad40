"""Keeps a drop folder in force: watches it, waits until files hold still, reads it in a thread, tells the registrar.

What is invalid, half-written or unreadable is reported, and the last good version stays in force. A file is read when
its size and times have not changed for a moment; everything else goes ahead meanwhile. The folder may be missing,
vanish and come back.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

import watchfiles

from flowd.clock import Clock
from flowd.engine.dropfolder.apply import Applier
from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.dropfolder.snapshot import Registrar, Snapshot
from flowd.engine.dropfolder.walk import passed_over

log = logging.getLogger(__name__)

SETTLE_S = 0.2
TICK_S = 2.0
FULL_SCAN_TICKS = 30  # a look at everything now and then, for what a watch can lose (full queue, network file system)

_LONGEST_PAUSE_S = 1.0  # others wait as long as that beside a file that never holds still
#: So long a start checks definitions before the daemon serves; what is in force since before is so at once anyway.
START_PATIENCE_S = 5.0
_PATIENCE_S = 1.0  # so long a look may take to check definitions, then the next one sees what has come meanwhile

# (folder, stop event, poll instead of asking the kernel) -> True when something has changed, False for a tick.
Watch = Callable[[str, asyncio.Event, bool], AsyncGenerator[bool, None]]


async def watch_files(folder: str, stop: asyncio.Event, polling: bool) -> AsyncGenerator[bool, None]:
    """What watchfiles notices."""

    def wanted(change: watchfiles.Change, path: str) -> bool:
        return not any(passed_over(part) for part in os.path.relpath(path, folder).split(os.sep) if part != ".")

    watching = watchfiles.awatch(
        folder,
        watch_filter=wanted,
        debounce=200,
        step=50,
        stop_event=stop,
        rust_timeout=int(TICK_S * 1000),
        yield_on_timeout=True,
        force_polling=polling,
        poll_delay_ms=1000,
        ignore_permission_denied=True,
    )
    async with aclosing(watching):
        async for changes in watching:
            yield bool(changes)


class DropFolder:
    """The service. start() returns when the folder has been read once and put in force, as far as a few seconds reach:
    what takes longest to check comes last, while the daemon serves."""

    def __init__(
        self,
        scanner: Scanner,
        registrar: Registrar,
        clock: Clock,
        *,
        watch: Watch = watch_files,
        settle_s: float = SETTLE_S,
        retry_s: float = TICK_S,
    ) -> None:
        self._scanner = scanner
        self._folder = scanner.root
        self._applier = Applier(registrar, clock)
        self._watch = watch
        self._settle_s = settle_s
        self._retry_s = retry_s
        self._lock = asyncio.Lock()
        self._stop = asyncio.Event()
        self._look = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._polling = False
        self._found: Snapshot | None = None
        self.problem: str | None = None  # why the folder as a whole is not read, for Health

    async def start(self) -> None:
        """Read the folder and begin to watch it."""
        if self._tasks:
            return
        self._stop.clear()
        await self._rescan(settle=False, patience_s=START_PATIENCE_S)
        if self._applier.postponed:
            log.warning("%d definitions are still to be checked, the largest last; the daemon serves meanwhile",
                        self._applier.postponed)  # fmt: skip
        self._tasks = [
            asyncio.create_task(self._watching(), name="drop folder: watch"),
            asyncio.create_task(self._reading(), name="drop folder: read"),
        ]

    async def stop(self) -> None:
        """Stop watching; a reading that goes on is finished first. May be called twice."""
        self._stop.set()
        self._look.set()
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks, return_exceptions=True)

    async def rescan(self) -> None:
        """Read everything now and put it in force. Never raises for what a folder can contain."""
        await self._rescan(settle=False)

    async def _rescan(self, settle: bool, patience_s: float | None = None) -> bool:
        """True if something is different from the time before."""
        async with self._lock:
            owners = await self._applier.owned()
            try:
                found = await asyncio.to_thread(self._scanner.scan, owners, settle)
            except OSError as problem:
                await self._lost(f"the drop folder {self._folder} cannot be read: {problem.strerror or problem}")
                return False
            if self.problem is not None:
                log.info("the drop folder %s can be read again", self._folder)
                self.problem = None
            before, self._found = self._found, found
            await self._applier.apply(found, patience_s)
            return found != before

    async def _lost(self, message: str) -> None:
        if message != self.problem:
            log.error("%s; what it held stays in force", message)
        self.problem = message
        await self._applier.lost(message)

    # ---- noticing --------------------------------------------------------------------------------------------------

    async def _watching(self) -> None:
        """Collects changed paths. Whatever goes wrong with the watch, it is begun again."""
        while not self._stop.is_set():
            identity = await asyncio.to_thread(_identity, self._folder)
            self._look.set()
            try:
                if identity is not None:
                    await self._watch_once(identity)
            except Exception as problem:
                # No more watches or instances (inotify limits), a file system without them, a folder just gone.
                self._polling = os.path.isdir(self._folder) or self._polling
                log.warning(
                    "watching %s failed (%s); trying again, by polling if need be", self._folder, _first(problem)
                )
            await self._pause(self._retry_s)

    async def _watch_once(self, identity: tuple[int, int]) -> None:
        ticks = 0
        async with aclosing(self._watch(self._folder, self._stop, self._polling)) as batches:
            async for changed in batches:
                # The first batch of a watch looks at everything: what happened before it began was seen by nobody.
                if changed or ticks % FULL_SCAN_TICKS == 0 or self._applier.unfinished:
                    self._look.set()
                ticks += 1
                if await asyncio.to_thread(_identity, self._folder) != identity:
                    return

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    # ---- reading ---------------------------------------------------------------------------------------------------

    async def _reading(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            if self._stop.is_set():
                return
            try:
                await self._read_until_still()
            except Exception:
                log.exception("the drop folder could not be read; it is looked at again")
                await self._pause(self._retry_s)
                self._look.set()

    async def _read_until_still(self) -> None:
        """Read; what is new or changed is taken when it is met a second time as it was, and until nothing is new.

        A file that never holds still is looked at ever less often, and holds up no other.
        """
        pause_s = self._settle_s
        while (taken := await self._rescan(True, _PATIENCE_S)) or self._scanner.moving or self._applier.postponed:
            # Something that came into force is no file that never holds still: files dropped one by one stay quick.
            pause_s = self._settle_s if taken or self._applier.postponed else min(pause_s * 1.5, _LONGEST_PAUSE_S)
            await self._pause(pause_s)
            if self._stop.is_set():
                return


def _first(problem: BaseException) -> BaseException:
    """The reason inside of a group: a task group's own words say nothing."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem


def _identity(folder: str) -> tuple[int, int] | None:
    """Which folder stands at this path: another one may have taken its place."""
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino
