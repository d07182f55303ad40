"""Deadlines become news: when the alarm rings, what is due is read 500 at a time and posted to its execution.

Wait, Retry, TimeoutSeconds, HeartbeatSeconds and an execution's own limit are all rows of one table; a deadline whose
execution has moved on is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from flowd import background
from flowd.clock import Clock
from flowd.engine.alarms import Alarms
from flowd.engine.live import Reply
from flowd.errors import ServiceUnavailable
from flowd.history import Event, News
from flowd.store import executions
from flowd.store.database import Database
from flowd.store.executions import Due

log = logging.getLogger(__name__)
AT_ONCE = 500
AGAIN_MS = 1000
#: What the end of a deadline means, by its purpose.
NEWS: dict[str, tuple[News, dict[str, bool | str]]] = {
    "wait": (News.TIMER_FIRED, {}),
    "retry": (News.TIMER_FIRED, {}),
    "timeout": (News.TASK_TIMED_OUT, {"heartbeat": False}),
    "heartbeat": (News.TASK_TIMED_OUT, {"heartbeat": True}),
    "execution": (News.TIMED_OUT, {}),
    "timer": (News.TIMER_FIRED, {}),
    "schedule-to-start": (News.TASK_TIMED_OUT, {"timeoutType": "SCHEDULE_TO_START"}),
    "schedule-to-close": (News.TASK_TIMED_OUT, {"timeoutType": "SCHEDULE_TO_CLOSE"}),
}


class Deadlines:
    """Hands over what is due. `also` is called at each alarm: schedules have times of their own."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        alarms: Alarms,
        post: Callable[[int, Event], Reply],
        also: Callable[[], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._alarms = alarms
        self._post = post
        self._also = also
        self._rung = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._handing_over = False

    async def start(self) -> None:
        self._alarms.start(self._rung.set)
        self._worker = asyncio.create_task(self._work(), name="deadlines")
        self._rung.set()

    async def stop(self) -> None:
        self._alarms.stop()
        await background.end(self._worker)
        self._worker = None

    def look(self) -> None:
        """Look now (after a clock step, or in tests)."""
        self._rung.set()

    @property
    def busy(self) -> bool:
        """True while it has something in hand, or an alarm has rung."""
        return self._handing_over or self._rung.is_set()

    async def _work(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            self._handing_over = True
            self._also()
            try:
                await self._hand_over()
            except ServiceUnavailable:  # the store has told
                self._alarms.arm(self._clock.now_ms() + AGAIN_MS)
            except Exception:
                log.exception("deadlines could not be handed over")
                self._alarms.arm(self._clock.now_ms() + AGAIN_MS)
            finally:
                self._handing_over = False

    async def _hand_over(self) -> None:
        while True:
            due = await self._db.read(partial(executions.due, now_ms=self._clock.now_ms(), limit=AT_ONCE))
            if due:
                await self._post_all(due)
            if len(due) < AT_ONCE:
                break
        earliest = await self._db.read(executions.earliest_deadline)
        if earliest is not None:
            self._alarms.arm(earliest)

    async def _post_all(self, due: list[Due]) -> None:
        replies = []
        for deadline in due:
            news, details = NEWS[deadline.purpose]
            replies.append(
                self._post(deadline.execution_id, Event(news, deadline.frame, deadline.attempt, dict(details)))
            )
        outcomes = await asyncio.gather(*replies, return_exceptions=True)
        stale = [deadline for deadline, accepted in zip(due, outcomes, strict=True) if accepted is False]
        if stale:
            await self._db.write(partial(executions.forget_deadlines, gone=stale))
        for error in outcomes:
            if isinstance(error, BaseException):
                raise error
