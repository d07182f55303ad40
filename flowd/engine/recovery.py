"""Recovery: what a starting daemon owes to the executions of the one before. Nothing is replayed.

Open calls are asked for again where the other side knows them, failed where nobody can know, and only run again where
that has no effect. Frames that a bounded step left ready go on. Everything parked stays on disk until its news comes.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from flowd.clock import Clock
from flowd.engine.dispatch import Dispatch, Registry
from flowd.engine.live import Live, OpenTask, Reply
from flowd.history import Event, News
from flowd.store import executions
from flowd.store.database import Database

log = logging.getLogger(__name__)
AT_ONCE = 200
LOST = "the daemon ended while this call was open, and nobody can tell what became of it"


async def recover(
    db: Database,
    clock: Clock,
    revive: Callable[[int], Awaitable[Live | None]],
    dispatch: Dispatch,
    registry: Registry,
    post: Callable[[int, Event], Reply],
) -> int:
    """Take up what was open; returns the number of calls."""
    await db.write(partial(executions.renew_heartbeats, now_ms=clock.now_ms()))
    calls = 0
    for execution_id in await db.read(executions.open_calls):
        live = await _alive(revive, execution_id)
        for task in list(live.tasks.values()) if live else []:
            if task.in_process:
                calls += 1
                _take_up(task, execution_id, dispatch, registry, post)
    for execution_id in await db.read(executions.unfinished_steps):
        live = await _alive(revive, execution_id)
        for frame in list(live.frames.values()) if live else []:
            if frame.phase == "ready":
                post(execution_id, Event(News.CONTINUED, frame.id, frame.attempt))
    for execution_id in await db.read(executions.orphans):
        post(execution_id, Event(News.STOPPED))  # the daemon ended between the end of its parent and its own
    return calls


async def _alive(revive: Callable[[int], Awaitable[Live | None]], execution_id: int) -> Live | None:
    live = await revive(execution_id)
    return live if live is not None and live.status == "RUNNING" else None


def _take_up(
    task: OpenTask, execution_id: int, dispatch: Dispatch, registry: Registry, post: Callable[[int, Event], Reply]
) -> None:
    integration = registry.find(task.call.service)
    if integration is None or integration.on_restart in ("reattach", "again"):
        dispatch.begin(task)
        return
    log.warning("%s: %s", task.call.key, LOST)
    details = {"error": "States.TaskFailed", "cause": LOST}
    post(execution_id, Event(News.TASK_FAILED, task.frame, task.attempt, details))
