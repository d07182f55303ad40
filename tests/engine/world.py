"""A whole engine in a folder of its own, on a clock and an alarm that a test moves, with a scripted integration."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

from msgspec import structs
from sqlmodel import Session

from flowd import names
from flowd.clock import ManualClock
from flowd.core import Core
from flowd.decisions import Pattern
from flowd.engine.alarms import ManualAlarms
from flowd.engine.executions import Limits
from flowd.history import HistoryEvent
from flowd.integrations.noop import Noop
from flowd.integrations.ports import Failed, Integration, Outcome, Succeeded, TaskCall
from flowd.payload import Payload
from flowd.store import executions, history, schema

Handler = Callable[[TaskCall], Outcome | Any]


class Scripted:
    """Lambda functions as Python callables; a handler may return a value, an Outcome, or an awaitable of one."""

    def __init__(self, on_restart: Literal["reattach", "fail", "again"] = "reattach") -> None:
        self.on_restart = on_restart
        self.handlers: dict[str, Handler] = {}
        self.calls: list[TaskCall] = []
        self.cancelled: list[str] = []
        self.acknowledged: list[str] = []
        self.outcomes: dict[str, Outcome] = {}  # what the other side remembers, as the runner does

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        return None

    async def call(self, task: TaskCall) -> Outcome:
        if task.key in self.outcomes:
            known = self.outcomes[task.key]  # read anew: the rows that a dead daemon gave it are not on disk
            return structs.replace(known, output=known.output.twin()) if isinstance(known, Succeeded) else known
        self.calls.append(task)
        name = task.resource.rpartition(":")[2]
        answer = self.handlers[name](task)
        if asyncio.iscoroutine(answer) or asyncio.isfuture(answer):
            answer = await answer
        outcome = answer if isinstance(answer, Succeeded | Failed) else Succeeded(Payload.of(answer))
        self.outcomes[task.key] = outcome
        return outcome

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Succeeded(submitted)

    async def cancel(self, task: TaskCall) -> None:
        self.cancelled.append(task.key)

    async def acknowledge(self, task: TaskCall) -> None:
        self.acknowledged.append(task.key)
        self.outcomes.pop(task.key, None)


class OneForAll:
    """A registry with the scripted integration behind every service but flowd's own."""

    def __init__(self, scripted: Scripted, rows: dict[str, Integration]) -> None:
        self.scripted = scripted
        self.rows: dict[str, Integration] = {"flowd": Noop(), **rows}

    def find(self, service: str) -> Integration | None:
        return self.rows.get(service, self.scripted)


class World:
    """One daemon's engine after another on the same files."""

    def __init__(self, folder: Path, event_limit: int = 25_000, **settings: Any) -> None:
        self.path = folder / "flowd.db"
        self.clock = ManualClock()
        self.alarms = ManualAlarms()
        self.functions = Scripted()
        self.rows: dict[str, Integration] = {}  # real integrations, by service
        self.settings = {"limits": Limits(events=event_limit), **settings}
        self.core: Core

    async def __aenter__(self) -> Self:
        await self.boot()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.core.stop()

    async def boot(self) -> None:
        """Start a daemon's engine on what is on disk."""
        self.alarms = ManualAlarms()
        self.registry = OneForAll(self.functions, self.rows)
        self.core = Core(self.path, self.registry, clock=self.clock, alarms=self.alarms, **self.settings)
        await self.core.open()
        await self.wire()
        await self.core.start()
        await self.settle()

    async def wire(self) -> None:
        """What else a daemon puts around its engine before that starts."""

    async def reboot(self) -> None:
        await self.core.stop()
        await self.boot()

    async def settle(self) -> None:
        """Until nothing more happens without somebody outside or the clock."""
        core = self.core
        for _ in range(3):
            while self._working() or self._calling():
                await asyncio.sleep(0.001)
            await core.stepper.idle()
            await core.express.ledger.flushed()
            while not core.errands.idle:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.001)

    def _working(self) -> bool:
        core = self.core
        services = (core.deadlines, core.schedules, core.map_runs, core.embedded, core.deliveries, core.db)
        return any(service.busy for service in services)

    def _calling(self) -> bool:
        """True while a call may still end by itself: not one that hangs, or that waits for another execution."""
        hanging = sum(1 for call in self.functions.calls if call.resource.endswith(":hang"))
        return self.core.dispatch.open - hanging - self.core.closings.waiting > 0

    async def pass_time(self, seconds: float) -> None:
        """Move the clock on, stopping at every deadline on the way."""
        end = self.clock.now_ms() + round(seconds * 1000)
        while True:
            due = await self.core.db.read(executions.earliest_deadline)
            if due is None or due > end:
                break
            self.clock.set(max(due, self.clock.now_ms()))
            await self.ring()
        self.clock.set(end)
        await self.ring()

    async def ring(self) -> None:
        self.alarms.ring()
        await asyncio.sleep(0)
        await self.settle()

    async def machine(self, definition: dict[str, Any], name: str = "machine") -> schema.StateMachine:
        """A state machine in the store, without the API's checks."""
        text = json.dumps(definition)

        def write(session: Session) -> schema.StateMachine:
            row = schema.Definition(sha256=hashlib.sha256((name + text).encode()).hexdigest(), text=text)
            session.add(row)
            session.flush()
            machine = schema.StateMachine(
                name=name, arn=names.machine_arn(name), definition_id=row.id or 0, role_arn=names.role_arn()
            )
            session.add(machine)
            session.flush()
            session.refresh(machine)
            session.expunge(machine)
            return machine

        return await self.core.db.write(write)

    async def start(self, machine: schema.StateMachine, input: Any = None, name: str | None = None) -> str:
        """Start an execution and let it run until it waits; returns its ARN."""
        started = await self.core.executions.start(machine, name, Payload.of({} if input is None else input))
        await self.settle()
        return started.arn

    async def run(self, definition: dict[str, Any], input: Any = None) -> schema.Execution:
        """Load, start and settle in one go."""
        return await self.execution(await self.start(await self.machine(definition), input))

    async def execution(self, arn: str) -> schema.Execution:
        row = await self.core.db.read(partial(executions.by_arn, arn=arn))
        assert row is not None
        return row

    async def output(self, arn: str) -> Any:
        row = await self.execution(arn)
        texts = await self.core.db.read(partial(executions.payload_texts, ids=[row.output_id]))
        return json.loads(texts[row.output_id])

    async def history(self, arn: str) -> list[HistoryEvent]:
        row = await self.execution(arn)
        return await self.core.db.read(partial(history.page, execution_id=row.id or 0, limit=30_000))

    async def types(self, arn: str) -> list[str]:
        return [event.type for event in await self.history(arn)]


def function(name: str) -> str:
    """The ARN of a scripted function."""
    return names.function_arn(name)
