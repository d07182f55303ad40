"""Schedules as people see them: when they fire next and what became of the last run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from flowd.clock import Clock
from flowd.engine.schedules import schedule_of
from flowd.store import reads, schedules, schema
from flowd.store.database import Database

UPCOMING = 5


@dataclass(frozen=True)
class Shown:
    """One schedule, its next fire times, and the status of its last run if that still exists."""

    row: schema.Schedule
    upcoming_ms: list[int] = field(default_factory=list)
    last_status: str | None = None


def state_of(row: schema.Schedule) -> str:
    """ENABLED or DISABLED: by its template, or because somebody paused it."""
    return "DISABLED" if row.paused_by is not None else row.state


async def every(db: Database, clock: Clock) -> list[Shown]:
    """All schedules by name."""
    rows = await db.read(schedules.every)
    statuses = await db.read(partial(reads.statuses, arns=[row.last_arn for row in rows if row.last_arn]))
    return await asyncio.to_thread(_show, rows, statuses, clock.now_ms())


def _show(rows: list[schema.Schedule], statuses: dict[str, str], now_ms: int) -> list[Shown]:
    return [Shown(row, upcoming(row, now_ms), statuses.get(row.last_arn or "")) for row in rows]


def upcoming(row: schema.Schedule, now_ms: int) -> list[int]:
    """The next fire times, none while it is disabled."""
    found: list[int] = []
    if state_of(row) != "ENABLED" or row.next_ms is None:
        return found
    schedule = schedule_of(row)
    fire_ms: int | None = row.next_ms
    while fire_ms is not None and len(found) < UPCOMING:
        found.append(fire_ms)
        fire_ms = schedule.next_fire(fire_ms)
    return [fire for fire in found if fire > now_ms]


def fire_times(row: schema.Schedule, since_ms: int, until_ms: int, limit: int) -> list[int]:
    """The times at which it would have run, of both ends the first only, at most `limit`."""
    schedule = schedule_of(row)
    found: list[int] = []
    fire_ms = schedule.next_fire(since_ms - 1)
    while fire_ms is not None and fire_ms < until_ms and len(found) < limit:
        found.append(fire_ms)
        fire_ms = schedule.next_fire(fire_ms)
    return found


async def named(db: Database, name: str) -> schema.Schedule | None:
    """One schedule."""
    return await db.read(partial(schedules.named, name=name))
