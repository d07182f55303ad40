"""How busy the daemon is, minute by minute. Counted from the database, at most every few seconds: nothing is kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from flowd.clock import Clock
from flowd.store import activities, overview
from flowd.store.database import Database, Session

MINUTES = 60
MOST_MINUTES = 24 * 60
FRESH_MS = 5000
HOURS, HOUR_MS = 24, 3_600_000
DAYS_FRESH_MS = 15_000


@dataclass(frozen=True)
class Minute:
    """What began and ended in one minute."""

    at_ms: int
    started: int
    succeeded: int
    failed: int


@dataclass(frozen=True)
class Metrics:
    """The last minutes, oldest first; how long executions took; the oldest task that no worker has."""

    minutes: list[Minute]
    median_ms: int | None
    p95_ms: int | None
    queue_oldest_ms: int | None


@dataclass(frozen=True)
class Day:
    """What became of a machine's executions in the last 24 hours: how many ended in each, oldest hour first."""

    succeeded: int
    failed: int
    hours: list[int]
    p95_ms: int | None


class Pulse:
    """Counts for all who ask."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._counted: dict[int, tuple[int, Metrics]] = {}
        self._counting = asyncio.Lock()
        self._days: tuple[int, dict[int, Day]] | None = None

    async def metrics(self, minutes: int = MINUTES) -> Metrics:
        """The metrics of the last minutes, not older than FRESH_MS."""
        async with self._counting:
            now_ms = self._clock.now_ms()
            at_ms, known = self._counted.get(minutes, (0, None))
            if known is None or not 0 <= now_ms - at_ms < FRESH_MS:
                known = await self._db.read(lambda session: _count(session, now_ms, minutes))
                self._counted[minutes] = (now_ms, known)
            return known

    async def days(self) -> dict[int, Day]:
        """The last day of each machine that ended something in it, by its id; not older than DAYS_FRESH_MS."""
        async with self._counting:
            now_ms = self._clock.now_ms()
            if self._days is None or not 0 <= now_ms - self._days[0] < DAYS_FRESH_MS:
                self._days = now_ms, await self._db.read(lambda session: _days(session, now_ms))
            return self._days[1]


def _days(session: Session, now_ms: int) -> dict[int, Day]:
    last = now_ms // HOUR_MS
    first = last - HOURS + 1
    ended = overview.day_by_machine(session, first * HOUR_MS)
    slow = overview.slow_by_machine(session, first * HOUR_MS)
    return {
        machine: Day(
            succeeded=sum(number for (_, well), number in counts.items() if well),
            failed=sum(number for (_, well), number in counts.items() if not well),
            hours=[counts.get((hour, True), 0) + counts.get((hour, False), 0) for hour in range(first, last + 1)],
            p95_ms=slow.get(machine),
        )
        for machine, counts in ended.items()
    }


def _count(session: Session, now_ms: int, minutes: int) -> Metrics:
    last = now_ms // overview.MINUTE_MS
    first = last - minutes + 1
    since_ms = first * overview.MINUTE_MS
    started = overview.started_by_minute(session, since_ms)
    ended = overview.ended_by_minute(session, since_ms)
    lengths = sorted(overview.lengths_ms(session, since_ms))
    oldest = [depth.oldest_ms for depth in activities.depths(session) if depth.oldest_ms is not None]
    return Metrics(
        minutes=[
            Minute(
                minute * overview.MINUTE_MS,
                started.get(minute, 0),
                ended.get((minute, "SUCCEEDED"), 0),
                sum(number for (at, status), number in ended.items() if at == minute and status != "SUCCEEDED"),
            )
            for minute in range(first, last + 1)
        ],
        median_ms=_percentile(lengths, 0.5),
        p95_ms=_percentile(lengths, 0.95),
        queue_oldest_ms=min(oldest, default=None),
    )


def _percentile(lengths: list[int], share: float) -> int | None:
    """Nearest rank."""
    return lengths[max(0, -(-int(len(lengths) * share * 1000) // 1000) - 1)] if lengths else None
