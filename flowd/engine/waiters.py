"""Workers and deciders that wait for tasks: long polls cost a future each, and a task goes to the longest waiting one.

Only a claim that is committed (ActivityStarted and its kin) hands a task out. A poller whose connection is gone gets
none. An `activity` here is one of Step Functions or a task list of SWF, whose tasks may have a priority.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flowd.engine.live import OpenTask, Reply
from flowd.errors import ActivityWorkerLimitExceeded
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.store import executions
from flowd.store.database import Database

AHEAD = 32  # tasks that a poller reads at once
POLLERS = 1000  # per activity or task list (quota of both services)


@dataclass(frozen=True)
class PolledTask:
    """What was handed out, and whose it is."""

    token: str
    input: Payload
    execution_id: int
    frame: str
    attempt: int


@dataclass(eq=False)
class _Poller:
    worker: str | None
    still_there: Callable[[], bool]
    offered: asyncio.Future[OpenTask | None]
    used: bool = False  # what was offered to it was claimed, or found to be over


class Waiters:
    """The pollers of every activity."""

    def __init__(self, db: Database, post: Callable[[int, Event], Reply]) -> None:
        self._db = db
        self._post = post
        self._waiting: defaultdict[str, deque[_Poller]] = defaultdict(deque)
        self._claimed: set[str] = set()
        self._stopping = False
        self.on_poll: Callable[[str, str | None], None] = lambda activity, worker: None

    def pollers(self, activity: str) -> int:
        """How many workers wait for this activity now."""
        return len(self._waiting[activity]) if activity in self._waiting else 0

    @property
    def queues(self) -> list[str]:
        """The activities and task lists that somebody waits for."""
        return list(self._waiting)

    def offer(self, task: OpenTask) -> None:
        """A new task is on disk: give it to the longest waiting poller that is still there."""
        waiting = self._waiting.get(task.activity or "")
        while waiting:
            poller = waiting.popleft()
            if poller.offered.done():
                continue
            if poller.still_there():
                poller.offered.set_result(task)
                return
            poller.offered.set_result(None)

    def stop(self) -> None:
        """Answer every poll with nothing, so that a drain is quick."""
        self._stopping = True
        for waiting in self._waiting.values():
            for poller in waiting:
                if not poller.offered.done():
                    poller.offered.set_result(None)
        self._waiting.clear()

    async def poll(
        self, activity: str, worker: str | None, still_there: Callable[[], bool], timeout_s: float
    ) -> PolledTask | None:
        """The next task of an activity, or None when `timeout_s` has passed."""
        if self.pollers(activity) >= POLLERS:
            raise ActivityWorkerLimitExceeded
        self.on_poll(activity, worker)
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while not self._stopping and still_there():
            poller = _Poller(worker, still_there, loop.create_future())
            self._waiting[activity].append(poller)
            found = None
            try:
                found = await self._claim_stored(activity, worker)
                if found is None:
                    found = await self._claim_offered(poller, end - loop.time())
            finally:
                self._leave(activity, poller, found)
            if found is not None and still_there():
                return found
            if found is not None:
                await self.give_back(activity, found.token)
                return None
            if loop.time() >= end:
                return None
        return None

    def _leave(self, activity: str, poller: _Poller, found: PolledTask | None) -> None:
        """A poller that goes while a task is offered to it passes the task on, unless it found that very one stored."""
        if poller in self._waiting.get(activity, ()):
            self._waiting[activity].remove(poller)
        if poller.offered.done() and not poller.offered.cancelled():
            task = poller.offered.result()
            if task is not None and not poller.used and (found is None or found.token != task.call.token):
                self.offer(task)
        else:
            poller.offered.cancel()
        if not self._waiting.get(activity):
            self._waiting.pop(activity, None)

    async def _claim_offered(self, poller: _Poller, timeout_s: float) -> PolledTask | None:
        try:
            async with asyncio.timeout(max(timeout_s, 0)):
                task = await asyncio.shield(poller.offered)
        except TimeoutError:
            return None
        if task is None or not poller.still_there():
            return None
        poller.used = True
        if task.call.key in self._claimed:
            return None
        taken = await self._take(task.call.key, task.frame, task.attempt, poller.worker)
        if not taken:
            return None
        execution_id = int(task.call.key.partition(":")[0])
        return PolledTask(task.call.token, task.call.parameters, execution_id, task.frame, task.attempt)

    async def _claim_stored(self, activity: str, worker: str | None) -> PolledTask | None:
        """Take the first of those on disk that is nobody's. Pollers that come at once have read the same: each goes
        on to the next that none of the others claims, without reading again."""
        tried: set[str] = set()
        while True:
            skip = tried | self._claimed
            found = await self._db.read(partial(executions.waiting_tasks, task_list=activity, limit=AHEAD, skip=skip))
            for task in found:
                tried.add(task.key)
                if task.key not in self._claimed and await self._take_stored(task, worker):
                    given = await self._input(task)
                    return PolledTask(task.token, given, task.execution_id, task.frame, task.attempt)
            if len(found) < AHEAD:
                return None

    async def _take_stored(self, task: executions.Waiting, worker: str | None) -> bool:
        if task.status == "SCHEDULED":
            return await self._take(task.key, task.frame, task.attempt, worker)
        hand_over = partial(executions.hand_over, task_id=task.id, before="RETURNED", after="STARTED")
        return await self._db.write(hand_over)

    async def give_back(self, activity: str, token: str) -> None:
        """The worker vanished while its claim was committed: the same task is offered again under the same token."""
        row = await self._db.read(partial(executions.task_of, token=token))
        if row is None or row.id is None:
            return
        await self._db.write(partial(executions.hand_over, task_id=row.id, before="STARTED", after="RETURNED"))
        for poller in self._waiting.get(activity, ()):
            if not poller.offered.done():
                poller.offered.set_result(None)  # it looks at what is stored again
                break

    async def _input(self, task: executions.Waiting) -> Payload:
        texts = await self._db.read(partial(executions.payload_texts, ids=[task.parameters_id]))
        return Payload(text=texts.get(task.parameters_id, "{}"))

    async def _take(self, key: str, frame: str, attempt: int, worker: str | None) -> bool:
        """Commit ActivityStarted; False if somebody else has the task or it is over."""
        self._claimed.add(key)
        try:
            details = {"workerName": worker} if worker else {}
            return await self._post(int(key.partition(":")[0]), Event(News.TASK_STARTED, frame, attempt, details))
        finally:
            self._claimed.discard(key)
