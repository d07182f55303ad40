"""Answers to tasks by token: SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat, and the polls of activity workers.

A token is good from the commit that scheduled its task to the commit that ends it, across restarts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from flowd.clock import Clock
from flowd.engine.dispatch import Dispatch
from flowd.engine.live import task_key
from flowd.engine.stepper import Stepper
from flowd.engine.waiters import PolledTask, Waiters
from flowd.errors import InvalidToken, TaskTimedOut
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.store import executions, schema
from flowd.store.database import Database

_OURS = re.compile("[0-9a-f]{48}")


class Tasks:
    """What the holder of a token may do."""

    def __init__(self, db: Database, stepper: Stepper, waiters: Waiters, clock: Clock, dispatch: Dispatch) -> None:
        self._db = db
        self._stepper = stepper
        self._waiters = waiters
        self._clock = clock
        self._dispatch = dispatch

    async def poll(
        self, activity: str, worker: str | None, still_there: Callable[[], bool], timeout_s: float
    ) -> PolledTask | None:
        """The next task of an activity for a worker, or None."""
        return await self._waiters.poll(activity, worker, still_there, timeout_s)

    async def succeed(self, token: str, output: Payload) -> None:
        """The task's result. TaskTimedOut if the task is over, InvalidToken if there never was such a token."""
        await self._answer(token, News.TASK_SUCCEEDED, {"output": output})

    async def fail(self, token: str, error: str | None, cause: str | None) -> None:
        """The task's error; both parts may be absent."""
        details = {key: value for key, value in (("error", error), ("cause", cause)) if value is not None}
        await self._answer(token, News.TASK_FAILED, details)

    async def heartbeat(self, token: str) -> None:
        """The worker is alive: HeartbeatSeconds begin anew."""
        task = await self.find(token)
        if task.heartbeat_ms:
            due_ms = self._clock.now_ms() + task.heartbeat_ms
            await self._db.write(
                partial(
                    executions.move_heartbeat,
                    execution_id=task.execution_id,
                    frame=task.frame,
                    attempt=task.attempt,
                    due_ms=due_ms,
                )
            )

    async def find(self, token: str) -> schema.Task:
        """The open task of a token."""
        task = await self._db.read(partial(executions.task_of, token=token))
        if task is None:
            raise TaskTimedOut if _OURS.fullmatch(token) else InvalidToken
        return task

    async def _answer(self, token: str, news: News, details: dict[str, Any]) -> None:
        task = await self.find(token)
        with self._dispatch.answering(task_key(task.execution_id, task.frame, task.attempt)):
            accepted = await self._stepper.post(task.execution_id, Event(news, task.frame, task.attempt, details))
        if not accepted:
            raise TaskTimedOut
