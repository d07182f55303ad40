"""What changed: the live feed behind the commit numbers, as long polls that end at once when the daemon drains."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from flowd.store.changes import Change
from flowd.store.database import Database

LONGEST_S = 50.0


@dataclass(frozen=True)
class News:
    """Changes after a cursor. `resync`: the cursor is too old or another database's, read everything again."""

    cursor: int
    resync: bool
    changes: list[Change]


async def watch(db: Database, cursor: int | None, arn: str | None, timeout_s: float, draining: asyncio.Event) -> News:
    """The changes after `cursor` (None = from now), of one execution if `arn` is given; empty after `timeout_s`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + min(max(timeout_s, 0.0), LONGEST_S)
    after = db.cursor if cursor is None else cursor
    while True:
        found = db.changes.since(after)
        if found is None:
            return News(db.cursor, True, [])
        seen = found[-1].cursor if found else after
        wanted = [change for change in found if arn is None or change.arn == arn]
        left_s = end - loop.time()
        if wanted or left_s <= 0 or draining.is_set():
            return News(seen, False, _latest(wanted))
        after = seen
        await _either(db.changes.wait(after, left_s), draining)


def _latest(changes: list[Change]) -> list[Change]:
    """Of several changes of one thing only the last counts."""
    return list({(change.kind, change.id, change.arn): change for change in changes}.values())


async def _either(changes: Coroutine[Any, Any, object], draining: asyncio.Event) -> None:
    """Wait for a change or for the drain."""
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(changes), asyncio.create_task(draining.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
