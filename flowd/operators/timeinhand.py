"""Time in hand for users' tests: skip to the next point in time at which this daemon would act.

Only a daemon started for testing has one, with a clock that can be moved. Deadlines stay the rows they are: the clock
moves, they become due and are handed over as always. Nothing here decides what a deadline means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flowd.clock import ScaledClock
from flowd.core import Core
from flowd.store import schedules, upcoming
from flowd.store.upcoming import Upcoming

log = logging.getLogger(__name__)
#: Seconds of real time for which a skip waits for work that is under way, so that no function times out of boredom.
PATIENCE_S = 5.0
_FILE = "test-clock"
_TURNS = 3  # of the loop without anything under way, until a skip believes it


@dataclass(frozen=True)
class Skipped:
    """What a skip did. `deadline` is what it skipped to; None: nothing waits for a point in time."""

    now_ms: int
    skipped_ms: int = 0
    deadline: Upcoming | None = None


def remembered(data: Path) -> int:
    """Where the clock of an earlier test daemon stood when it stopped or skipped last, 0 if there was none."""
    try:
        return int((data / _FILE).read_text("ascii"))
    except (OSError, ValueError):
        return 0


class TimeInHand:
    """The movable clock of one daemon and those who must hear that it moved."""

    def __init__(
        self,
        clock: ScaledClock,
        data: Path,
        core: Core,
        own_lists: Callable[[], Sequence[str]] = tuple,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`own_lists`: the SWF task lists that workers of this daemon poll; what is on them is under way. `patience_s`:
        how long a skip waits for what is under way, at each end."""
        self.clock = clock
        self._data = data
        self._core = core
        self.own_lists = own_lists
        self.patience_s = patience_s
        self._one = asyncio.Lock()

    async def skip(self) -> Skipped:
        """Let what is under way come to rest, move the clock to the earliest deadline, and let that have its effect."""
        async with self._one:
            await self._rest()
            found = await self._next()
            if found is None:
                return Skipped(self.clock.now_ms())
            skipped_ms = self.clock.skip_to(found.due_ms)
            log.info("skipped %d ms to the %s of %s", skipped_ms, found.purpose, found.name)
            await self.remember()
            self._core.alarms.moved()
            await self._rest()
            return Skipped(self.clock.now_ms(), skipped_ms, found)

    async def remember(self) -> None:
        """Write down how far the clock is, so that the next test daemon on these data does not go back in time."""
        await asyncio.to_thread((self._data / _FILE).write_text, str(self.clock.now_ms()), "ascii")

    async def _next(self) -> Upcoming | None:
        found = await self._core.db.read(upcoming.deadline)
        run_ms = await self._core.db.read(schedules.earliest)
        if run_ms is not None and (found is None or run_ms < found.due_ms):
            name = await self._core.db.read(partial(upcoming.schedule, due_ms=run_ms))
            found = Upcoming(run_ms, "schedule", name)
        beside = await self._core.db.read(partial(upcoming.of_services, now_ms=self.clock.now_ms()))
        if beside is not None and (found is None or beside.due_ms < found.due_ms):
            found = beside
        express = self._core.express.next_deadline()
        if express is not None and (found is None or express[0] < found.due_ms):
            due_ms, purpose, live = express
            found = Upcoming(due_ms, purpose, live.execution.name, live.execution.arn, live.state)
        return found

    async def _rest(self) -> None:
        """Until nothing happens any more without a clock or somebody outside, or patience ends."""
        try:
            async with asyncio.timeout(self.patience_s):
                while not await self._at_rest():
                    await asyncio.sleep(0.002)
        except TimeoutError:
            log.warning("a skip does not wait longer than %s s for what is under way", self.patience_s)

    async def _at_rest(self) -> bool:
        """True if nobody has anything in hand, and nobody has a turn later: what ends in one is news for another."""
        for _ in range(_TURNS):
            await self._core.stepper.idle()
            if self._core.busy:
                return False
            await asyncio.sleep(0)
        lists = self.own_lists()
        if not lists:
            return True
        return not await self._core.db.read(partial(upcoming.waits_for_a_worker, lists=lists))
