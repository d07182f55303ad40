"""Deciders as the engine sees them: what makes a step of news, and what it makes of a defect of ours.

The interpreter of the States Language decides by itself. An SWF execution's decider is outside and is polled for; what
stands here in its place is the service's own bookkeeping. The engine commits the steps of both alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from flowd.asl import interpreter
from flowd.asl.model import StateMachine
from flowd.decisions import CloseExecution, Step
from flowd.entropy import Entropy
from flowd.frames import ROOT, Execution
from flowd.history import Event, HistoryEvent
from flowd.swf import closing, decider
from flowd.swf.draft import Draft
from flowd.swf.world import World


class Decider(Protocol):
    """Pure: the same arguments make the same step."""

    @property
    def evaluates(self) -> bool:
        """True if a step may take long, and leaves the event loop."""
        ...

    @property
    def timeout_seconds(self) -> int:
        """The execution's own limit, if it is known before its first step; 0 = none."""
        ...

    def step(
        self, execution: Execution, frames: Mapping[str, Any], event: Event, now_ms: int, entropy: Entropy
    ) -> Step | None: ...

    def give_up(self, execution: Execution, frames: Mapping[str, Any], now_ms: int, why: str) -> Step:
        """A step failed by a defect of ours: the execution ends, and says why."""
        ...


@dataclass(frozen=True, slots=True)
class Interpreted:
    """A state machine."""

    machine: StateMachine

    @property
    def evaluates(self) -> bool:
        return self.machine.evaluates

    @property
    def timeout_seconds(self) -> int:
        return self.machine.timeout_seconds or 0

    def step(
        self, execution: Execution, frames: Mapping[str, Any], event: Event, now_ms: int, entropy: Entropy
    ) -> Step | None:
        return interpreter.step(self.machine, execution, frames, event, now_ms, entropy)

    def give_up(self, execution: Execution, frames: Mapping[str, Any], now_ms: int, why: str) -> Step:
        details = {"error": "States.Runtime", "cause": why}
        last = HistoryEvent(execution.next_event, 0, now_ms, "ExecutionFailed", details, ROOT)
        return Step([last], [CloseExecution(status="FAILED", error="States.Runtime", cause=why)], {})


@dataclass(frozen=True, slots=True)
class Outside:
    """A decider that polls. `world` tells the types of the domain as they are now."""

    world: Callable[[], World]
    evaluates: bool = False
    timeout_seconds: int = 0

    def step(
        self, execution: Execution, frames: Mapping[str, Any], event: Event, now_ms: int, entropy: Entropy
    ) -> Step | None:
        return decider.step(execution, frames, event, now_ms, entropy, self.world())

    def give_up(self, execution: Execution, frames: Mapping[str, Any], now_ms: int, why: str) -> Step:
        draft = Draft(execution, frames, now_ms, Entropy(b""))
        closing.terminate(draft, "OPERATOR_INITIATED", why[:256])
        return draft.finish()


@dataclass(frozen=True)
class Deciders:
    """Finds the decider of an execution that is brought to life: by its definition, or by its domain."""

    definitions: Callable[[int], Awaitable[StateMachine]]
    outside: Callable[[int], Outside]  # by the id of a domain

    async def find(self, definition_id: int, machine_id: int) -> Decider:
        """SWF executions are counted under their domain: its id, negative, is their `machine_id`."""
        if machine_id < 0:
            return self.outside(-machine_id)
        return Interpreted(await self.definitions(definition_id))
