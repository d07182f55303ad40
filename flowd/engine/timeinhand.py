"""Time in hand for users' tests: skip to the next point in time at which this daemon would act.

Only a daemon started for testing has one, with a clock that can be moved. Deadlines stay the rows they are: the clock
moves, they become due and are handed over as always. Nothing here decides what a deadline means.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flowd.clock import ScaledClock
from flowd.engine.alarms import Alarms
from flowd.engine.deadlines import Deadlines
from flowd.engine.dispatch import Dispatch
from flowd.engine.express import Express
from flowd.engine.schedules import Schedules
from flowd.engine.stepper import Stepper
from flowd.store import schedules, upcoming
from flowd.store.database import Database
from flowd.store.upcoming import Upcoming

log = logging.getLogger(__name__)
#: Seconds of real time for which a skip waits for work that is under way, so that no function times out of boredom.
PATIENCE_S = 5.0
_FILE = "test-clock"


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
        db: Database,
        alarms: Alarms,
        stepper: Stepper,
        deadlines: Deadlines,
        schedules: Schedules,
        express: Express,
        dispatch: Dispatch,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.clock = clock
        self._data = data
        self._db = db
        self._alarms = alarms
        self._stepper = stepper
        self._deadlines = deadlines
        self._schedules = schedules
        self._express = express
        self._dispatch = dispatch
        self._patience_s = patience_s
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
            self._alarms.moved()
            await self._rest()
            return Skipped(self.clock.now_ms(), skipped_ms, found)

    async def remember(self) -> None:
        """Write down how far the clock is, so that the next test daemon on these data does not go back in time."""
        await asyncio.to_thread((self._data / _FILE).write_text, str(self.clock.now_ms()), "ascii")

    async def _next(self) -> Upcoming | None:
        found = await self._db.read(upcoming.deadline)
        run_ms = await self._db.read(schedules.earliest)
        if run_ms is not None and (found is None or run_ms < found.due_ms):
            name = await self._db.read(partial(upcoming.schedule, due_ms=run_ms))
            found = Upcoming(run_ms, "schedule", name)
        express = self._express.next_deadline()
        if express is not None and (found is None or express[0] < found.due_ms):
            due_ms, purpose, live = express
            found = Upcoming(due_ms, purpose, live.execution.name, live.execution.arn, live.state)
        return found

    async def _rest(self) -> None:
        """Until nothing happens any more without a clock or somebody outside, or patience ends.

        Twice, because what comes to rest in one service is news for another.
        """
        for _ in range(2):
            await self._until(lambda: self._deadlines.idle and self._schedules.idle)
            await self._until(lambda: not (self._dispatch.working or self._express.dispatch.working))
            try:
                async with asyncio.timeout(self._patience_s):
                    await self._stepper.idle()
            except TimeoutError:
                log.warning("a skip does not wait longer than %s s for steps under way", self._patience_s)

    async def _until(self, at_rest: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                while not at_rest():
                    await asyncio.sleep(0.001)
        except TimeoutError:
            log.warning("a skip does not wait longer than %s s for work under way", self._patience_s)
