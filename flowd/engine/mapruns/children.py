"""Children of a Map Run: executions of their own, with a definition, an ARN and a history of their own.

A child's definition is the ItemProcessor of its Map, stored like any other. It belongs to a machine that is only a name
(`...:stateMachine:NAME/LABEL`), so it has no machine row and is counted nowhere but in its Map Run.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from flowd import names
from flowd.asl.items import ChildInput
from flowd.asl.model import ScopePath, StateMachine
from flowd.clock import Clock
from flowd.engine.deciders import Interpreted
from flowd.engine.live import Child, Live, Reply
from flowd.frames import ROOT, Execution
from flowd.history import Event, News
from flowd.payload import dumps, loads
from flowd.store import schema
from flowd.store.executions import Ids


class Standard(Protocol):
    """What runs STANDARD executions."""

    def start(self, live: Live) -> Reply: ...

    def post(self, execution_id: int, event: Event) -> Reply: ...


class Brief(Protocol):
    """What runs EXPRESS executions."""

    async def start(self, live: Live) -> None: ...

    async def abort(self, execution_id: int, event: Event) -> bool: ...


@dataclass(frozen=True)
class Children:
    """Makes, starts and stops children."""

    standard: Standard
    express: Brief
    ids: Ids
    clock: Clock
    definitions: Callable[[int], Awaitable[StateMachine]]
    event_limit: int

    def make(
        self, run: schema.MapRun, parent: Execution, machine: StateMachine, child: ChildInput, trigger: str
    ) -> Live:
        """A child that has not begun. Its name is a UUID."""
        self.ids.execution += 1
        name = str(uuid.uuid4())
        execution = Execution(
            arn=_arn(run, name),
            name=name,
            machine_arn=run.machine_arn,
            machine_name=parent.machine_name,
            role_arn=parent.role_arn,
            input=child.input.twin(),
            started_ms=self.clock.now_ms(),
            type=run.child_type,
            region=parent.region,
            event_limit=self.event_limit,
        )
        return Live(
            id=self.ids.execution,
            execution=execution,
            decider=Interpreted(machine),
            machine_id=0,
            definition_id=run.definition_id,
            heavy=machine.evaluates,
            trigger=trigger,
            child=Child(run.id or 0, child.first, child.items),
        )

    async def start(self, live: Live) -> None:
        """Returns once the child is on disk; raises what kept it from that."""
        if live.execution.type == "EXPRESS":
            await self.express.start(live)
        else:
            await self.standard.start(live)

    def redrive(self, execution_id: int) -> asyncio.Future[bool]:
        """Let a STANDARD child that did not succeed go on; False if it is going."""
        return self.standard.post(execution_id, Event(News.REDRIVEN, ROOT, 0, {}))

    def stop(self, execution_id: int, kind: str) -> asyncio.Future[bool]:
        """End a child as ABORTED; a child that is over is left alone."""
        event = Event(News.STOPPED, ROOT, 0, {})
        if kind == "EXPRESS":
            return asyncio.ensure_future(self.express.abort(execution_id, event))
        return self.standard.post(execution_id, event)


def child_definition(definition: str, processor: ScopePath) -> str:
    """The definition of the children of the Map whose processor stands at `processor` in `definition`."""
    whole = loads(definition)
    part = whole
    for step in processor:
        part = part[step]
    return dumps({"QueryLanguage": whole["QueryLanguage"], **part} if "QueryLanguage" in whole else part)


def _arn(run: schema.MapRun, name: str) -> str:
    parts = names.split_arn(run.machine_arn)
    assert parts is not None
    if run.child_type == "EXPRESS":
        return names.express_arn(parts.rest, name, str(uuid.uuid4()), parts.region, parts.account)
    return names.execution_arn(parts.rest, name, parts.region, parts.account)
