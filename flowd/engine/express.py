"""EXPRESS executions: the same steps and the same calls as STANDARD ones, without a commit between them.

Frames live in memory only. An asynchronous execution is on disk before it runs and starts over after a crash; a
synchronous one runs at most once. Both leave one packed row when they end (DESIGN.md section 3).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from flowd.asl.model import StateMachine
from flowd.clock import Clock
from flowd.decisions import CloseExecution, Step
from flowd.engine.alarms import Alarms
from flowd.engine.commit import Effects, Recorder
from flowd.engine.deadlines import NEWS
from flowd.engine.deciders import Interpreted
from flowd.engine.dispatch import Dispatch, Registry
from flowd.engine.ledger import Ledger
from flowd.engine.live import Live, Reply, revive
from flowd.engine.stepping import Stepping, Worked, take
from flowd.errors import ServiceUnavailable
from flowd.frames import ROOT
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.store import executions
from flowd.store.database import Database

log = logging.getLogger(__name__)
LIMIT_MS = 5 * 60_000  # for one execution (quota of Step Functions)
RUNS = 10_000  # executions at once; more are refused
EVENTS = 25_000  # of one history that are kept, and its last one: a loop without a wait makes millions in five minutes
AT_ONCE = 200  # executions that are read together when they start over
STOPPED = "the daemon stopped while this synchronous execution ran"


@dataclass(frozen=True)
class Ended:
    """How a synchronous execution ended."""

    live: Live
    output: Payload | None


class Express:
    """All EXPRESS executions that run in this daemon."""

    def __init__(
        self,
        db: Database,
        recorder: Recorder,
        stepping: Stepping,
        clock: Clock,
        alarms: Alarms,
        registry: Registry,
        definitions: Callable[[int], Awaitable[StateMachine]],
        region: str,
    ) -> None:
        self._db = db
        self._recorder = recorder
        self._stepping = stepping
        self._clock = clock
        self._alarms = alarms
        self._definitions = definitions
        self._region = region
        self.ledger = Ledger(db, recorder)
        self.dispatch = Dispatch(registry, self.post)
        self._runs: dict[int, Live] = {}
        self._callers: dict[int, asyncio.Future[Ended]] = {}  # of synchronous executions
        self._due: list[tuple[int, int]] = []  # a heap of times and executions; may hold what is over
        self._stopping = False

    @property
    def running(self) -> int:
        return len(self._runs)

    @property
    def busy(self) -> bool:
        """True while a step or a call is under way."""
        return bool(self.dispatch.working) or any(live.stepping or live.inbox for live in self._runs.values())

    # -- what others call ------------------------------------------------------------

    async def start(self, live: Live) -> None:
        """Run an execution in the background; returns once it is on disk."""
        self._admit()
        await self.ledger.begin(live)
        self._launch(live)

    async def run(self, live: Live) -> Ended:
        """Run an execution and wait for its end. It goes on if the caller goes away."""
        self._admit()
        ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._callers[live.id] = ended
        live.new = True
        self._launch(live)
        return await ended

    def post(self, execution_id: int, event: Event) -> Reply:
        """Bring news to an execution; the reply is False if it is stale."""
        reply: Reply = asyncio.get_running_loop().create_future()
        live = self._runs.get(execution_id)
        if live is None:
            reply.set_result(False)
        else:
            live.inbox.append((event, reply))
            self._advance(live)
        return reply

    async def abort(self, execution_id: int, event: Event) -> bool:
        """Stop an execution (an operator may, AWS's StopExecution may not); returns when that is on disk."""
        accepted = await self.post(execution_id, event)
        await self.ledger.flushed()
        return accepted

    def ring(self) -> None:
        """Deliver what is due."""
        now_ms = self._clock.now_ms()
        while self._due and self._due[0][0] <= now_ms:
            live = self._runs.get(heapq.heappop(self._due)[1])
            if live is not None and live.write is not None:
                for key, due_ms in list(live.write.deadlines.items()):
                    if due_ms <= now_ms:
                        live.write.deadlines.pop(key, None)
                        news, details = NEWS[key[2]]
                        self.post(live.id, Event(news, key[0], key[1], dict(details)))
        if self._due:
            self._alarms.arm(self._due[0][0])

    def next_deadline(self) -> tuple[int, str, Live] | None:
        """When something is due next, what, and of which execution."""
        due = [
            (due_ms, key[2], live)
            for live in self._runs.values()
            if live.write is not None
            for key, due_ms in live.write.deadlines.items()
        ]
        return min(due, key=lambda each: (each[0], each[2].id), default=None)

    async def resume(self) -> int:
        """Start over what an earlier daemon left running; returns how many."""
        ids = await self._db.read(executions.running_express)
        for first in range(0, len(ids), AT_ONCE):
            loaded = await self._db.read(partial(executions.load, execution_ids=ids[first : first + AT_ONCE]))
            for found in loaded.values():
                machine = await self._definitions(found.row.definition_id)
                self._launch(revive(found, Interpreted(machine), self._region, EVENTS))
        return len(ids)

    async def stop(self) -> None:
        """Asynchronous executions start over with the next daemon, so their calls end here; synchronous ones end."""
        self._stopping = True
        for caller in self._callers.values():
            if not caller.done():
                caller.set_exception(ServiceUnavailable(STOPPED))
        for live in list(self._runs.values()):
            if live.id in self._callers:
                self.post(live.id, Event(News.STOPPED, ROOT, 0, {"cause": STOPPED}))
            for task in live.tasks.values():
                self.dispatch.cancel(task)
        await self.dispatch.stop()
        await self.ledger.stop()

    # -- one execution -----------------------------------------------------------------

    def _admit(self) -> None:
        self.ledger.admit()
        if self._stopping or len(self._runs) >= RUNS:
            raise ServiceUnavailable(f"{len(self._runs)} EXPRESS executions are running; try again in a moment")

    def _launch(self, live: Live) -> None:
        live.life = secrets.token_hex(4)
        write = self._recorder.open(live)
        if live.new:
            write.count(live.machine_id, "RUNNING", 1)
            write.keep_payload(live.execution.input, self._recorder.payload_id)
        span_ms = min(live.decider.timeout_seconds * 1000 or LIMIT_MS, LIMIT_MS)
        due_ms = self._clock.now_ms() + span_ms
        write.deadlines[ROOT, 0, "execution"] = due_ms
        self._runs[live.id] = live
        self._arm(live, due_ms)
        live.inbox.append((Event(News.STARTED), None))
        self._advance(live)

    def _arm(self, live: Live, due_ms: int) -> None:
        if len(self._due) > 4 * len(self._runs) + 1000:
            self._due = [
                (due, run.id) for run in self._runs.values() if run.write for due in run.write.deadlines.values()
            ]
            heapq.heapify(self._due)
        heapq.heappush(self._due, (due_ms, live.id))
        self._alarms.arm(due_ms)

    def _advance(self, live: Live) -> None:
        """Take all news; a heavy step goes to a thread and the rest follows when it is back."""
        while live.inbox and not live.stepping:
            event, reply = live.inbox.popleft()
            work, heavy = self._stepping.work(live, event, self._clock.now_ms())
            if heavy:
                self._stepping.aside(live, work, partial(self._back, live, event, reply))
                return
            self._take(live, event, reply, work())

    def _back(self, live: Live, event: Event, reply: Reply | None, step: Worked) -> None:
        self._take(live, event, reply, step)
        self._advance(live)

    def _take(self, live: Live, event: Event, reply: Reply | None, step: Worked) -> None:
        effects = Effects()
        if step is not None:
            internal = take(self._recorder, live, event, step, self._clock.now_ms(), effects)
            live.inbox.extendleft((news, None) for news in reversed(internal))
        if reply is not None and not reply.done():
            reply.set_result(step is not None)
        if step is not None:
            self._carry_out(live, effects)
        if live.status != "RUNNING" and live.id in self._runs:
            self._end(live, step, effects)

    def _carry_out(self, live: Live, effects: Effects) -> None:
        """Effects follow at once: nothing is waited for on the way."""
        if live.write is not None and live.write.deliveries:
            self.ledger.send(live)
        for task in effects.cancel:
            self.dispatch.cancel(task)
        for task in effects.begin.values() if not self._stopping else ():
            self.dispatch.begin(task)
        for due_ms in effects.due:
            self._arm(live, due_ms)
        for execution_id, event in effects.later:
            asyncio.get_running_loop().call_soon(self.post, execution_id, event)
        events = self._recorder.open(live).events
        if len(events) > EVENTS + 1:
            del events[EVENTS:-1]

    def _end(self, live: Live, step: Worked, effects: Effects) -> None:
        del self._runs[live.id]
        waiting, live.inbox = live.inbox, deque()
        for _, reply in waiting:
            if reply is not None and not reply.done():
                reply.set_result(False)
        self.ledger.end(live, effects.hooks)
        caller = self._callers.pop(live.id, None)
        if caller is not None and not caller.done():
            caller.set_result(Ended(live, _output(step)))


def _output(step: Worked) -> Payload | None:
    decisions = step.decisions if isinstance(step, Step) else []
    return next((decision.output for decision in decisions if isinstance(decision, CloseExecution)), None)
