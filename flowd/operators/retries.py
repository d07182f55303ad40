"""Ways on from an execution that AWS does not have: fork it at a state, keep a task alive by hand, preview a redrive.

A fork is an execution of its own with the origin's definition, of which only StartAt is another. What it is a fork of
stands in its trigger and in the audit; its history begins like every other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from flowd.asl.validate_flow import transitions
from flowd.core import Core
from flowd.engine.executions import Fork, Started
from flowd.engine.machines import Machines
from flowd.errors import ResourceNotFound, ValidationException
from flowd.frames import ROOT, Frame, Phase
from flowd.history import HistoryEvent
from flowd.operators.audit import Audit
from flowd.payload import InvalidJson, Payload, dumps, loads
from flowd.store import executions, machines, prompts, reads, schema

_PAGE = 1000


@dataclass(frozen=True)
class Plan:
    """What a fork would do: begin at `state` with this input and these variables, and may then reach `will_run`."""

    state: str
    input: Payload
    variables: Payload | None
    will_run: list[str]
    definition: str


@dataclass(frozen=True)
class Ahead:
    """One line of control that a redrive would take up again."""

    frame: str
    state: str
    error: str | None


class Retries:
    """Forks, heartbeats by hand, and the preview of a redrive."""

    def __init__(self, core: Core, known_machines: Machines, audit: Audit) -> None:
        self._db = core.db
        self._runs = core.executions
        self._tasks = core.tasks
        self._machines = known_machines
        self._audit = audit

    # -- fork ----------------------------------------------------------------------

    async def plan(self, origin: schema.Execution, state: str | None, input: str | None, variables: str | None) -> Plan:
        """What a fork of `origin` would run. Without `state` it is the definition's own start with the same input."""
        if origin.type != "STANDARD":
            raise ValidationException(f"a {origin.type} execution cannot be forked; start a new one like it")
        text = await self._db.read(partial(executions.definition_text, definition_id=origin.definition_id))
        definition = loads(text)
        name = state if state is not None else definition["StartAt"]
        if name not in definition["States"]:
            raise ValidationException(_where_to_fork(definition, name))
        entered = await self._entered(origin, name) if state is not None else None
        given = await self._input(origin, name, entered, input, at_start=state is None)
        known = entered[1] if entered is not None else {}
        chosen = _object(variables, "variables") if variables is not None else known
        derived = text if state is None else dumps({**definition, "StartAt": name})
        return Plan(name, given, Payload.of(chosen) if chosen else None, reachable(definition["States"], name), derived)

    async def _input(
        self,
        origin: schema.Execution,
        name: str,
        entered: tuple[Payload, dict[str, Any]] | None,
        text: str | None,
        *,
        at_start: bool,
    ) -> Payload:
        if text is not None:
            return _json(text, "input")
        if at_start:
            found = await self._db.read(partial(reads.detail, arn=origin.arn, canonical=origin.arn))
            return Payload(text=found.input if found is not None else "{}")
        if entered is None:
            raise ValidationException(f"this execution has not been in '{name}': say with which input to begin there")
        return entered[0]

    async def _entered(self, origin: schema.Execution, name: str) -> tuple[Payload, dict[str, Any]] | None:
        """The input of the last visit of a top-level state, and the variables that were set before it."""
        found: tuple[Payload, dict[str, Any]] | None = None
        variables: dict[str, Any] = {}
        async for event in self._history(origin):
            if event.frame != ROOT:
                continue
            if event.type.endswith("StateEntered") and event.details.get("name") == name:
                found = _payload(event.details.get("input")), dict(variables)
            elif event.type.endswith("StateExited"):
                assigned = event.details.get("assignedVariables") or {}
                variables |= {key: loads(value) for key, value in assigned.items()}
        return found

    async def _history(self, origin: schema.Execution) -> AsyncIterator[HistoryEvent]:
        after, more = 0, True
        while more:
            read = partial(reads.events, arn=origin.arn, canonical=origin.arn, after=after, limit=_PAGE, reverse=False)
            page = await self._db.read(read)
            if page is None or not page[1]:
                return
            _, events, more = page
            for event in events:
                yield event
            after = events[-1].id

    async def fork(self, origin: schema.Execution, plan: Plan, name: str | None, who: str, reason: str) -> Started:
        """Start the fork. It is on disk, and in the audit, when this returns."""
        machine = await self._machines.find(origin.machine_name)
        if machine is None:
            raise ResourceNotFound(f"the state machine '{origin.machine_name}' is gone; deploy it again to fork")
        kept = await self._db.write(partial(machines.keep_definition, text=plan.definition))
        trigger = f"fork:{origin.arn}"
        started = await self._runs.start(machine, name, plan.input, trigger=trigger, fork=Fork(kept, plan.variables))
        told = f"from {origin.arn} at {plan.state}" + (f": {reason}" if reason else "")
        await self._audit.note(who, "ForkExecution", started.arn, told)
        return started

    # -- by hand -------------------------------------------------------------------

    async def heartbeat(self, short: str, who: str) -> None:
        """The open task of this short id is being worked on: its HeartbeatSeconds begin anew."""
        found = await self._db.read(partial(prompts.open_task, short=short))
        if found is None:
            raise ResourceNotFound(f"there is no open task '{short}'")
        await self._tasks.heartbeat(found.task.token or "")
        await self._audit.note(who, "HeartbeatPrompt", f"{found.execution.arn} {found.task.state}")

    # -- redrive -------------------------------------------------------------------

    async def ahead(self, origin: schema.Execution) -> list[Ahead]:
        """The innermost lines of control that a redrive would go on with."""
        loaded = await self._db.read(partial(executions.load, execution_ids=[origin.id or 0]))
        found = loaded.get(origin.id or 0)
        frames: list[Frame] = [f for f in found.frames.values() if f.phase is not Phase.DONE] if found else []
        parents = {frame.parent for frame in frames}
        return [Ahead(frame.id, frame.state, frame.error) for frame in frames if frame.id not in parents]


def reachable(states: dict[str, Any], start: str) -> list[str]:
    """The states that may run from one on, it among them, in the order of the definition."""
    seen, todo = {start}, [start]
    while todo:
        state = states.get(todo.pop())
        for target, _ in transitions(state, "") if isinstance(state, dict) else ():
            if target in states and target not in seen:
                seen.add(target)
                todo.append(target)
    return [name for name in states if name in seen]


def _where_to_fork(definition: dict[str, Any], name: str) -> str:
    """Why there is no such start, and which state to take instead."""
    for outer, state in definition["States"].items():
        if f'"{name}"' in dumps(state):
            why = f"a fork begins at an outermost state, since what runs beside '{name}' would have no results"
            return f"'{name}' is inside of '{outer}', and {why}: fork at '{outer}'"
    return f"the definition of this execution has no state '{name}'"


def _payload(value: Any) -> Payload:
    return value if isinstance(value, Payload) else Payload(text=str(value))


def _json(text: str, member: str) -> Payload:
    try:
        return Payload.parse(text)
    except InvalidJson as error:
        raise ValidationException(f"{member} is not JSON: {error}") from None


def _object(text: str, member: str) -> dict[str, Any]:
    value = _json(text, member).value
    if not isinstance(value, dict):
        raise ValidationException(f"{member} must be a JSON object of names and values")
    return value
