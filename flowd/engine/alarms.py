"""The alarm clock: one APScheduler job that wakes for the earliest deadline. Deadlines themselves live in the store.

The wake-up is at most 30 s ahead, so that a clock step forward or a suspend is noticed; a step back is looked for
beside it: APScheduler waits until the wall clock is there again. `misfire_grace_time=None` because it would otherwise
drop an alarm that is a second late, and every timer with it. Tests replace this port.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from flowd.clock import Clock, SystemClock

log = logging.getLogger(__name__)
LONGEST_MS = 30_000


class Alarms(Protocol):
    """Something that calls back when a point in time is reached, or a little later, or early in order to look."""

    def start(self, wake: Callable[[], None]) -> None: ...

    def arm(self, due_ms: int) -> None:
        """Wake at `due_ms` at the latest; an earlier alarm that is already set stays."""
        ...

    def moved(self) -> None:
        """The clock was moved: look now, and count anew to what is armed."""
        ...

    def stop(self) -> None: ...


class ApschedulerAlarms:
    """The real alarm clock. `clock` may go `pace` times as fast as the machine's, which is the scheduler's."""

    def __init__(self, clock: Clock, pace: float = 1.0, machine: Clock | None = None) -> None:
        self._clock = clock
        self._pace = pace
        self._longest_ms = max(int(LONGEST_MS * pace), 1)
        self._machine = machine or SystemClock()
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._armed_ms = 0
        self._wake: Callable[[], None] = lambda: None
        self._checking: asyncio.TimerHandle | None = None

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._scheduler.start()
        self.arm(self._clock.now_ms() + self._longest_ms)
        self._check()

    def _check(self) -> None:
        """By the loop's clock, which nobody sets: an alarm further ahead than any is armed was armed before a step
        back."""
        back_ms = self._armed_ms - self._longest_ms - self._clock.now_ms()
        if back_ms > 0:
            log.warning("the clock was set back by %d s or more; what waits for a time waits until it shows that time",
                        back_ms // 1000)  # fmt: skip
            self.moved()
        self._checking = asyncio.get_running_loop().call_later(LONGEST_MS / 1000, self._check)

    def arm(self, due_ms: int) -> None:
        now_ms = self._clock.now_ms()
        due_ms = min(max(due_ms, now_ms), now_ms + self._longest_ms)
        if self._armed_ms and self._armed_ms <= due_ms:
            return
        self._armed_ms = due_ms
        rings_ms = self._machine.now_ms() + (due_ms - now_ms) / self._pace
        trigger = DateTrigger(datetime.fromtimestamp(rings_ms / 1000, UTC))
        self._scheduler.add_job(self._ring, trigger, id="wake", replace_existing=True, misfire_grace_time=None)

    async def _ring(self) -> None:
        self.moved()

    def moved(self) -> None:
        self._armed_ms = 0
        self._wake()
        self.arm(self._clock.now_ms() + self._longest_ms)

    def stop(self) -> None:
        if self._checking is not None:
            self._checking.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


class ManualAlarms:
    """Rings when a test says so; `armed_ms` is what it would wait for."""

    def __init__(self) -> None:
        self.armed_ms = 0
        self._wake: Callable[[], None] = lambda: None

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def arm(self, due_ms: int) -> None:
        if not self.armed_ms or due_ms < self.armed_ms:
            self.armed_ms = due_ms

    def ring(self) -> None:
        self.armed_ms = 0
        self._wake()

    def moved(self) -> None:
        self.ring()

    def stop(self) -> None:
        self.armed_ms = 0
