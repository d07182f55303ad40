"""Executions as their clients see them: start, stop, redrive. Each returns when it is on disk.

The rules are AWS's (API reference of StartExecution, StopExecution, RedriveExecution); what a start or redrive does to
the history is the interpreter's business.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from flowd import names
from flowd.asl.model import StateMachine as Definition
from flowd.clock import Clock
from flowd.engine.deciders import Interpreted
from flowd.engine.express import Ended, Express
from flowd.engine.live import Live
from flowd.engine.stepper import Stepper
from flowd.engine.turns import Turns
from flowd.entropy import Entropy
from flowd.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    StateMachineDeleting,
)
from flowd.frames import ROOT, Execution
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.store import executions, redrives, schema
from flowd.store.database import Database
from flowd.store.executions import Ids

DAY_MS = 86_400_000
#: `task:KEY` and `sync:KEY`: started by this attempt of a Task, which starts one execution of a name only; `sync`: as a
#: part of it.
TASK_TRIGGERS = ("task:", "sync:")


@dataclass(frozen=True)
class Started:
    """What StartExecution answers."""

    arn: str
    started_ms: int


@dataclass(frozen=True)
class Fork:
    """What a fork begins with instead of its machine's: a definition of its own, and variables."""

    definition_id: int
    variables: Payload | None = None


@dataclass(frozen=True)
class Origin:
    """How an execution came about: by whom, and by which version or alias."""

    trigger: str
    version: schema.StateMachineVersion | None
    alias: str | None
    trace_header: str | None
    fork: Fork | None = None


@dataclass(frozen=True)
class Limits:
    """AWS's windows for a redrive; settings of the daemon."""

    redrive_days: int = 14
    execution_days: int = 365
    events: int = 25_000


class Executions:
    """Start, stop and redrive."""

    def __init__(
        self,
        db: Database,
        stepper: Stepper,
        ids: Ids,
        clock: Clock,
        definitions: Callable[[int], Awaitable[Definition]],
        express: Express,
        limits: Limits | None = None,
    ) -> None:
        self._db = db
        self._stepper = stepper
        self._express = express
        self._ids = ids
        self._clock = clock
        self._definitions = definitions
        self._limits = limits or Limits()
        self.settled: Callable[[int], Awaitable[None]]  # returns when nothing of its earlier Map Runs is going
        self._naming = Turns()
        self._names = Entropy(os.urandom(32))  # the system's generator costs more than the rest of a name

    async def start(
        self,
        machine: schema.StateMachine,
        name: str | None,
        input: Payload,
        *,
        trigger: str = "api",
        version: schema.StateMachineVersion | None = None,
        alias: str | None = None,
        trace_header: str | None = None,
        fork: Fork | None = None,
    ) -> Started:
        """Begin an execution. The same name and input text while it runs answers the first start again; EXPRESS ones
        begin each time."""
        _refuse_gone(machine)
        origin = Origin(trigger, version, alias, trace_header, fork)
        if machine.type == "EXPRESS":
            live = await self._new(machine, name or self._names.uuid4(), input, origin)
            await self._express.start(live)
            return Started(live.execution.arn, live.execution.started_ms)
        if name is None:
            return await self._begin(machine, self._names.uuid4(), input, origin)
        arn = _execution_arn(machine, name)
        async with self._naming.alone(arn):
            known = await self._db.read(partial(executions.by_arn, arn=arn))
            if known is not None:
                return await self._same(known, input, trigger)
            return await self._begin(machine, name, input, origin)

    async def _same(self, known: schema.Execution, input: Payload, trigger: str) -> Started:
        """The known execution if this start is that one again: by AWS's rule, or by the task attempt it came from."""
        if known.trigger == trigger and trigger.startswith(TASK_TRIGGERS):
            return Started(known.arn, known.started_ms)
        if known.status == "RUNNING":
            texts = await self._db.read(partial(executions.payload_texts, ids=[known.input_id]))
            if texts.get(known.input_id) == input.text:
                return Started(known.arn, known.started_ms)
        raise ExecutionAlreadyExists(f"Execution Already Exists: '{known.arn}'")

    async def run(
        self,
        machine: schema.StateMachine,
        name: str | None,
        input: Payload,
        *,
        version: schema.StateMachineVersion | None = None,
        alias: str | None = None,
        trace_header: str | None = None,
        trigger: str = "api",
    ) -> Ended:
        """Run an execution of an EXPRESS machine, at most once, and wait for its end."""
        _refuse_gone(machine)
        origin = Origin(trigger, version, alias, trace_header)
        return await self._express.run(await self._new(machine, name or self._names.uuid4(), input, origin))

    async def _begin(self, machine: schema.StateMachine, name: str, input: Payload, origin: Origin) -> Started:
        live = await self._new(machine, name, input, origin)
        await self._stepper.start(live)
        return Started(live.execution.arn, live.execution.started_ms)

    async def _new(self, machine: schema.StateMachine, name: str, input: Payload, origin: Origin) -> Live:
        version, alias = origin.version, origin.alias
        definition_id = version.definition_id if version else machine.definition_id
        if origin.fork is not None:
            definition_id = origin.fork.definition_id
        definition = await self._definitions(definition_id)
        now_ms = self._clock.now_ms()
        self._ids.execution += 1
        execution = Execution(
            arn=_execution_arn(machine, name),
            name=name,
            machine_arn=machine.arn,
            machine_name=machine.name,
            role_arn=version.role_arn if version else machine.role_arn,
            input=input.twin(),
            started_ms=now_ms,
            type=machine.type,
            region=_region(machine.arn),
            event_limit=self._limits.events,
            version_arn=f"{machine.arn}:{version.number}" if version else None,
            alias_arn=f"{machine.arn}:{alias}" if alias else None,
        )
        return Live(
            id=self._ids.execution,
            execution=execution,
            decider=Interpreted(definition),
            machine_id=machine.id or 0,
            definition_id=definition_id,
            version=version.number if version else None,
            alias=alias,
            heavy=definition.evaluates,
            trigger=origin.trigger,
            trace_header=origin.trace_header,
            variables=origin.fork.variables if origin.fork is not None else None,
        )

    async def stop(self, arn: str, error: str | None, cause: str | None) -> int:
        """Abort a running execution; a closed one answers with the time it closed."""
        row = await self._find(arn)
        if row.status != "RUNNING":
            return row.stopped_ms
        details = {key: value for key, value in (("error", error), ("cause", cause)) if value is not None}
        stop = self._express.abort if row.type == "EXPRESS" else self._stepper.post
        accepted = await stop(row.id or 0, Event(News.STOPPED, ROOT, 0, details))
        closed = await self._find(arn)
        return closed.stopped_ms if accepted or closed.status != "RUNNING" else self._clock.now_ms()

    async def redrive(self, arn: str, client_token: str | None) -> int:
        """Begin again at what failed. The same client token within 15 minutes answers the same."""
        row = await self._find(arn)
        if client_token:
            since_ms = self._clock.now_ms() - 15 * 60_000
            known = await self._db.read(
                partial(redrives.redriven_by, execution_id=row.id or 0, token=client_token, since_ms=since_ms)
            )
            if known is not None:
                return known
        reason = self.why_not_redrivable(row)
        if reason is not None:
            raise ExecutionNotRedrivable(reason)
        if row.map_run_id:
            raise ExecutionNotRedrivable("Execution is the child of a Map Run: redrive the execution that started it")
        await self.settled(row.id or 0)
        event = Event(News.REDRIVEN, ROOT, 0, {"clientToken": client_token})
        if not await self._stepper.post(row.id or 0, event):
            raise ExecutionNotRedrivable("Execution is RUNNING and cannot be redriven")
        return (await self._find(arn)).redriven_ms

    def why_not_redrivable(self, row: schema.Execution) -> str | None:
        """AWS's redriveStatusReason, or None if the execution can be redriven."""
        if row.status in ("RUNNING", "SUCCEEDED"):
            return f"Execution is {row.status} and cannot be redriven"
        if row.waiting == "redrive":
            return "Execution is PENDING_REDRIVE and cannot be redriven"
        if row.type != "STANDARD":
            return f"Execution is {row.type} and cannot be redriven"
        now_ms = self._clock.now_ms()
        if now_ms - row.stopped_ms > self._limits.redrive_days * DAY_MS:
            return "Execution has exceeded the redrivable period"
        if now_ms - row.started_ms > self._limits.execution_days * DAY_MS:
            return "Execution has exceeded the max execution time"
        if row.next_event >= self._limits.events:
            return "Execution history event limit exceeded"
        return None

    async def _find(self, arn: str) -> schema.Execution:
        row = await self._db.read(partial(executions.by_arn, arn=arn))
        if row is None:
            raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")
        return row


def _refuse_gone(machine: schema.StateMachine) -> None:
    if machine.status == "DELETING":
        raise StateMachineDeleting(f"State Machine is being deleted: '{machine.arn}'")
    if machine.status == "RETIRED":
        raise StateMachineDeleting(
            f"State Machine is retired, its file {machine.source} is gone: '{machine.arn}'; put the file back"
        )


def _region(arn: str) -> str:
    parts = names.split_arn(arn)
    return parts.region if parts else names.REGION


def _execution_arn(machine: schema.StateMachine, name: str) -> str:
    """`...:execution:NAME:EXEC`; an EXPRESS one's ends in an id of its own, since its name may be used again."""
    if machine.type == "EXPRESS":
        return machine.arn.replace(":stateMachine:", ":express:", 1) + f":{name}:{uuid.uuid4()}"
    return machine.arn.replace(":stateMachine:", ":execution:", 1) + f":{name}"
