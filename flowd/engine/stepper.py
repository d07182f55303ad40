"""The stepper: news in, steps out, as many as are ready in one commit.

Each execution has an inbox. On a turn of the loop the stepper takes news, lets the decider make a step, and adds its
rows to the batch that is being formed while the writer is busy with the one before. Completions go before starts. An
execution whose rows are being written waits for that commit; when a commit fails its executions are thrown out of the
memory and read again, and whoever waits for a reply gets the error: no effect without a commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from flowd.clock import Clock
from flowd.engine.commit import Effects, Recorder
from flowd.engine.deciders import Decider
from flowd.engine.live import Live, Reply, revive
from flowd.engine.rows import change
from flowd.engine.stepping import Stepping, Work, Worked, take
from flowd.errors import ServiceUnavailable
from flowd.history import Event, News
from flowd.store import executions, steps
from flowd.store.database import Database
from flowd.store.steps import ExecutionWrite

log = logging.getLogger(__name__)
TURN = 64  # steps per turn of the loop, so that polls and requests get theirs
BATCH = 512  # executions per commit
PARKED = 1000  # parked executions kept in memory, for those that come back soon
STARTS = 10_000  # starts that may wait; more are refused


class After(Protocol):
    """What happens after a commit: dispatch, pollers, alarms and hooks stand behind it."""

    def committed(self, effects: Effects) -> None: ...


class Stepper:
    """All running executions of this daemon."""

    def __init__(
        self,
        db: Database,
        recorder: Recorder,
        clock: Clock,
        deciders: Callable[[int, int], Awaitable[Decider]],
        region: str,
        event_limit: int,
        stepping: Stepping,
    ) -> None:
        self._db = db
        self._recorder = recorder
        self._stepping = stepping
        self._clock = clock
        self._deciders = deciders
        self._region = region
        self._event_limit = event_limit
        self.after: After | None = None
        self._lives: OrderedDict[int, Live] = OrderedDict()
        self._ready: deque[Live] = deque()
        self._starts: deque[Live] = deque()
        self._forming: list[Live] = []
        self._effects = Effects()
        self._in_flight = False
        self._scheduled = False
        self._absent: dict[int, list[tuple[Event, Reply | None]]] = {}
        self._reader: asyncio.Task[None] | None = None

    # -- what others call --------------------------------------------------------

    def start(self, live: Live) -> Reply:
        """Begin a new execution; the reply is True once it is on disk."""
        reply: Reply = asyncio.get_running_loop().create_future()
        if len(self._starts) >= STARTS:
            reply.set_exception(ServiceUnavailable("too many starts are waiting; try again in a moment"))
            return reply
        given = {"variables": live.variables} if live.variables is not None else {}
        live.inbox.append((Event(News.STARTED, details=given), reply))
        self._starts.append(live)
        self._kick()
        return reply

    def post(self, execution_id: int, event: Event) -> Reply:
        """Bring news to an execution; the reply is True after the commit, False if the news was stale."""
        reply: Reply = asyncio.get_running_loop().create_future()
        self._deliver(execution_id, event, reply)
        return reply

    async def idle(self) -> None:
        """Return when nothing is queued, forming or being written (tests wait for this instead of sleeping)."""
        while (
            self._ready
            or self._starts
            or self._forming
            or self._in_flight
            or self._absent
            or self._reader is not None  # news whose execution is being read is in no list
            or self._scheduled
            or any(live.stepping for live in self._lives.values())
        ):
            await asyncio.sleep(0.0005)

    async def alive(self, execution_id: int) -> Live | None:
        """The execution, brought to life if need be."""
        if execution_id not in self._lives:
            await self._read({execution_id: []})
        return self._lives.get(execution_id)

    @property
    def in_memory(self) -> int:
        return len(self._lives)

    # -- inboxes -----------------------------------------------------------------

    def _deliver(self, execution_id: int, event: Event, reply: Reply | None) -> None:
        live = self._lives.get(execution_id)
        if live is None:
            self._absent.setdefault(execution_id, []).append((event, reply))
            if self._reader is None:
                self._reader = asyncio.create_task(self._read_absent())
            return
        self._lives.move_to_end(execution_id)
        live.inbox.append((event, reply))
        self._queue(live)

    def _queue(self, live: Live) -> None:
        if not (live.queued or live.committing or live.stepping) and live.inbox:
            live.queued = True
            self._ready.append(live)
        self._kick()

    async def _read_absent(self) -> None:
        """Bring executions to life for which there is news, together."""
        await asyncio.sleep(0)
        while self._absent:
            wanted, self._absent = self._absent, {}
            try:
                await self._read(wanted)
            except Exception as error:
                log.exception("executions %s could not be read", sorted(wanted)[:10])
                for waiting in wanted.values():
                    _settle([reply for _, reply in waiting if reply], error)
        self._reader = None
        self._shrink()

    async def _read(self, wanted: dict[int, list[tuple[Event, Reply | None]]]) -> None:
        loaded = await self._db.read(partial(executions.load, execution_ids=list(wanted)))
        for execution_id, waiting in wanted.items():
            found = loaded.get(execution_id)
            if found is None:
                _settle([reply for _, reply in waiting if reply], False)
                continue
            decider = await self._deciders(found.row.definition_id, found.row.machine_id)
            live = self._lives.setdefault(execution_id, revive(found, decider, self._region, self._event_limit))
            live.inbox.extend(waiting)
            self._queue(live)

    def _shrink(self) -> None:
        """Let parked executions leave the memory, the longest untouched first."""
        if len(self._lives) <= PARKED:
            return
        for execution_id in [i for i, live in self._lives.items() if live.parked][: len(self._lives) - PARKED]:
            del self._lives[execution_id]

    # -- turns -------------------------------------------------------------------

    def _kick(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        for _ in range(TURN):
            if len(self._forming) >= BATCH:
                break
            if self._ready:
                live = self._ready.popleft()
                live.queued = False
            elif self._starts:
                live = self._starts.popleft()
                self._begin(live)
            else:
                break
            self._safely(live, self._advance, live)
        if self._forming and not self._in_flight:
            self._send()
        if (self._ready or self._starts) and len(self._forming) < BATCH:
            self._kick()

    def _begin(self, live: Live) -> None:
        self._lives[live.id] = live
        self._recorder.begin(live, self._clock.now_ms(), self._effects)
        self._join(live)

    def _join(self, live: Live) -> None:
        self._recorder.open(live)
        self._forming.append(live)

    def _advance(self, live: Live) -> None:
        """Take all news of one execution; a heavy step goes to a thread and the rest follows when it is back."""
        while live.inbox and not live.stepping:
            event, reply = live.inbox.popleft()
            if (live.status == "RUNNING") == (event.news is News.REDRIVEN):
                _settle([reply] if reply else [], False)
                continue
            now_ms = self._clock.now_ms()
            if event.news is News.REDRIVEN:
                self._join(live)
                event = self._recorder.reopen(live, event, now_ms, self._effects)
            work, heavy = self._stepping.work(live, event, now_ms)
            if heavy:
                self._step_aside(live, event, reply, work)
                return
            self._take(live, event, reply, work())
        if live.status != "RUNNING" and live.write is None and not live.stepping:
            self._lives.pop(live.id, None)

    def _safely(self, live: Live, do: Callable[..., None], *arguments: Any) -> None:
        """A step that cannot be recorded, by a defect of ours, fails alone (law 8): nothing of it is written, whoever
        brought the news hears of it, and the execution stands on disk as it did before."""
        try:
            do(*arguments)
        except Exception as error:
            log.exception("execution %s: a step could not be recorded", live.execution.arn)
            self._forming = [each for each in self._forming if each is not live]
            self._effects = _only(self._effects, {each.id for each in self._forming})
            self._lives.pop(live.id, None)
            live.write = None
            waiting = [reply for _, reply in live.inbox if reply]
            live.inbox.clear()
            _settle([*live.replies, *waiting], error)

    def _step_aside(self, live: Live, event: Event, reply: Reply | None, work: Work) -> None:
        def go_on(step: Worked) -> None:
            self._take(live, event, reply, step)
            self._advance(live)

        def back(step: Worked) -> None:
            self._safely(live, go_on, step)
            self._kick()

        self._stepping.aside(live, work, back)

    def _take(self, live: Live, event: Event, reply: Reply | None, step: Worked) -> None:
        """Put a step into the batch; what it wants to know in the same transaction comes before all other news."""
        if step is None:
            _settle([reply] if reply else [], False)
            return
        if live.write is None:
            self._join(live)
        if reply is not None:
            live.replies.append(reply)
        internal = take(self._recorder, live, event, step, self._clock.now_ms(), self._effects)
        live.inbox.extendleft((news, None) for news in reversed(internal))
        for successor in self._recorder.successors():
            successor.inbox.append((Event(News.STARTED), None))
            self._begin(successor)  # in the batch of the run that it continues
            self._advance(successor)

    # -- commits -----------------------------------------------------------------

    def _send(self) -> None:
        batch = [live for live in self._forming if not live.stepping]
        self._forming = [live for live in self._forming if live.stepping]
        if not batch:
            return
        effects, self._effects = self._effects, Effects()
        writes = []
        for live in batch:
            writes.append(self._recorder.seal(live, effects))
            live.write = None
            live.committing = True
        self._in_flight = True
        done = self._db.submit_rows(partial(steps.apply, batch=writes), partial(steps.apply_each, batch=writes))
        done.add_done_callback(lambda future: self._done(batch, writes, effects, future))

    def _done(
        self,
        batch: list[Live],
        writes: list[ExecutionWrite],
        effects: Effects,
        future: asyncio.Future[dict[int, Exception]],
    ) -> None:
        self._in_flight = False
        error = future.exception()
        refused = {live.id: error for live in batch} if error is not None else future.result()
        for live, write in zip(batch, writes, strict=True):
            live.committing = False
            replies, live.replies = live.replies, []
            if live.id in refused:
                write.forget()
                self._throw_out(live)
                _settle(replies, refused[live.id])
                continue
            _settle(replies, True)
            if live.status != "RUNNING":
                self._retire(live)
            else:
                self._queue(live)
        if self.after is not None:
            self.after.committed(_only(effects, {live.id for live in batch} - refused.keys()) if refused else effects)
        cursor = self._db.changes.next_cursor()
        self._db.changes.append([change(cursor, facts) for facts in effects.changes])
        self._shrink()
        self._kick()

    def _throw_out(self, live: Live) -> None:
        """Its commit failed: what is in memory is not on disk. News that still waits is delivered again."""
        self._lives.pop(live.id, None)
        waiting, live.inbox = list(live.inbox), deque()
        for event, reply in waiting:
            self._deliver(live.id, event, reply)

    def _retire(self, live: Live) -> None:
        """Closed: late news is stale."""
        self._lives.pop(live.id, None)
        _settle([reply for _, reply in live.inbox if reply], False)
        live.inbox.clear()


def _settle(replies: list[Reply], outcome: bool | BaseException | None) -> None:
    for reply in replies:
        if reply.done():
            continue
        if isinstance(outcome, BaseException):
            reply.set_exception(outcome)
        else:
            reply.set_result(bool(outcome))


def _only(effects: Effects, committed: set[int]) -> Effects:
    """The effects of the executions whose rows were written."""

    def mine(key: str) -> bool:
        return int(key.partition(":")[0]) in committed

    return Effects(
        begin={key: task for key, task in effects.begin.items() if mine(key)},
        offer=[task for task in effects.offer if mine(task.call.key)],
        cancel=[task for task in effects.cancel if mine(task.call.key)],
        due=effects.due,
        changes=effects.changes,
        later=[item for item in effects.later if item[0] in committed],
        closed=[i for i in effects.closed if i in committed],
        map_runs=[run for run in effects.map_runs if run[0] in committed],
        errands=[errand for errand in effects.errands if errand[0] in committed],
        hooks=effects.hooks,
    )
