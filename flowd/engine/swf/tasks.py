"""Decision and activity tasks as deciders and workers see them: polled for, answered by token.

A token names its event, so that what is long over can still be told by its id. The waiting itself, and who gets which
task, is the business of `waiters`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flowd.engine.stepper import Stepper
from flowd.engine.waiters import PolledTask, Waiters
from flowd.errors import ActivityWorkerLimitExceeded, ValidationException
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.store import executions, schema, swf_reads
from flowd.store.database import Database
from flowd.store.swf_reads import Described
from flowd.swf import batch, faults
from flowd.swf.draft import list_key
from flowd.swf_frames import ActivityFrame, SwfFrame, WorkflowFrame

_TOKEN = re.compile(r"[0-9a-f]{48}-([ad])-(\d{1,9})")
_KINDS = {"a": "activity", "d": "decision"}
WORKER_DIED = "WorkerDied"  # reason of an activity whose process is dead
TOO_MANY = "more than 1000 pollers wait for the task list"


@dataclass(frozen=True)
class Polled:
    """A task that was handed out."""

    task: PolledTask
    of: Described
    frame: SwfFrame


class SwfTasks:
    """What deciders and workers may do."""

    def __init__(self, db: Database, stepper: Stepper, waiters: Waiters) -> None:
        self._db = db
        self._stepper = stepper
        self._waiters = waiters

    async def poll(
        self, kind: str, domain: str, task_list: str, identity: str | None, still_there: Callable[[], bool],
        timeout_s: float,
    ) -> Polled | None:  # fmt: skip
        """The next `decision` or `activity` task of a list, or None when `timeout_s` has passed."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        name = list_key(kind, domain, task_list)
        while True:
            try:
                task = await self._waiters.poll(name, identity, still_there, max(end - loop.time(), 0))
            except ActivityWorkerLimitExceeded:
                raise faults.LimitExceededFault(TOO_MANY) from None
            if task is None:
                return None
            found = await self._db.read(partial(swf_reads.polled, execution_id=task.execution_id, name=task.frame))
            if not still_there():
                await self._waiters.give_back(name, task.token)
                return None
            if found is not None and is_open(found[1], task.attempt):
                return Polled(task, *found)

    async def give_back(self, kind: str, domain: str, task_list: str, found: Polled) -> None:
        """Its poller went before it could be told: it is offered to others, under the same token."""
        await self._waiters.give_back(list_key(kind, domain, task_list), found.task.token)

    async def again(self, token: str) -> Polled:
        """The decision task that a poll's page token belongs to, while a decider has it."""
        row = await self._find(token, "d")
        found = await self._db.read(partial(swf_reads.polled, execution_id=row.execution_id, name=row.frame))
        if found is None or not is_open(found[1], row.attempt):
            raise _unknown(token)
        task = PolledTask(token, Payload(text=""), row.execution_id, row.frame, row.attempt)
        return Polled(task, *found)

    async def count(self, kind: str, domain: str, task_list: str) -> int:
        """How many tasks of a list wait for a poller."""
        return await self._db.read(partial(executions.count_waiting, task_list=list_key(kind, domain, task_list)))

    # -- answers -----------------------------------------------------------------------

    async def decide(self, token: str, members: Mapping[str, Any]) -> None:
        """RespondDecisionTaskCompleted: all of it or nothing."""
        row = await self._find(token, "d")
        batch.check(members.get("decisions") or ())
        await self._answer(token, row, News.DECIDED, dict(members))

    async def complete(self, token: str, result: str | None) -> None:
        await self._answer(token, await self._find(token, "a"), News.TASK_SUCCEEDED, _some(output=result))

    async def fail(self, token: str, reason: str | None, details: str | None) -> None:
        await self._answer(token, await self._find(token, "a"), News.TASK_FAILED, _some(error=reason, cause=details))

    async def cancel(self, token: str, details: str | None) -> None:
        await self._answer(token, await self._find(token, "a"), News.TASK_CANCELED, _some(details=details))

    async def heartbeat(self, token: str, details: str | None) -> bool:
        """The worker is alive; whether the decider asked to cancel the task."""
        row = await self._find(token, "a")
        await self._answer(token, row, News.TASK_ALIVE, _some(details=details))
        frame = await self._db.read(partial(swf_reads.frame, execution_id=row.execution_id, name=row.frame))
        return isinstance(frame, ActivityFrame) and bool(frame.cancel_requested)

    async def worker_died(self, domain: str, task_list: str, identity: str, how: str) -> None:
        """A process is dead, and what it had in hand with it. An activity may have been done half: it fails, and its
        decider says whether it is tried again. A decision has had no effect: it is offered to others.

        `identity`: the last word of what the process called itself when it polled.
        """
        decisions, activities = (list_key(kind, domain, task_list) for kind in ("decision", "activity"))
        for row in await self._db.read(partial(executions.in_hand, task_list=decisions)):
            if _last_word(row.worker) == identity:
                await self._waiters.give_back(decisions, row.token or "")
        for row in await self._db.read(partial(executions.in_hand, task_list=activities)):
            if _last_word(row.worker) == identity:
                failed = {"error": WORKER_DIED, "cause": f"its worker died while it ran: {how}"}
                await self._stepper.post(row.execution_id, Event(News.TASK_FAILED, row.frame, row.attempt, failed))

    async def _answer(self, token: str, row: schema.Task, news: News, details: dict[str, Any]) -> None:
        if not await self._stepper.post(row.execution_id, Event(news, row.frame, row.attempt, details)):
            raise _unknown(token)

    async def _find(self, token: str, kind: str) -> schema.Task:
        shape = _TOKEN.fullmatch(token)
        if shape is None or shape[1] != kind:
            raise ValidationException("Invalid token")
        row = await self._db.read(partial(executions.task_of, token=token))
        if row is None:
            raise _unknown(token)
        return row


def is_open(frame: SwfFrame, attempt: int) -> bool:
    """True while a poller has the task that began with this event."""
    if isinstance(frame, WorkflowFrame):
        return frame.scheduled == attempt and bool(frame.started)
    return isinstance(frame, ActivityFrame) and frame.attempt == attempt and bool(frame.started)


def _last_word(worker: str | None) -> str:
    return (worker or "").rpartition(" ")[2]


def _unknown(token: str) -> faults.UnknownResourceFault:
    kind, number = token.split("-")[1:]
    return faults.UnknownResourceFault(f"Unknown {_KINDS[kind]}, scheduledEventId = {number}")


def _some(**members: str | None) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
