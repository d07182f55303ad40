"""One execution as its workflow code sees it while it is replayed: what it may decide, and what it was told.

Workflow code reaches it through `current()`. It knows nothing of histories or of comparing; `replay` feeds it.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from flowd.sdk import data
from flowd.sdk.commands import Command, Event, calling_place
from flowd.sdk.errors import CancelledError, DataError, MisuseError, NotAccepted, NotInWorkflow
from flowd.sdk.scheduler import Future, Scheduler, Task

T = TypeVar("T")
VERSION_MARKER = "flowd.version"
SIDE_EFFECT_MARKER = "flowd.side_effect"
_LONGEST_TIMER_S = 31_536_000


@dataclass(frozen=True, slots=True)
class Info:
    """What a workflow can know of itself. `events` grows: continue as new long before 25,000."""

    workflow_id: str
    run_id: str
    name: str
    version: str
    task_list: str
    events: int = 0
    tags: tuple[str, ...] = ()
    parent_workflow_id: str | None = None
    continued_from_run_id: str | None = None


@dataclass
class Told:
    """What the history says that replayed code must hear before its turn: markers."""

    versions: dict[str, int] = field(default_factory=dict)
    side_effects: dict[int, str] = field(default_factory=dict)


class Execution:
    """The state of one replay."""

    def __init__(self, info: Info) -> None:
        self.info = info
        self.scheduler = Scheduler()
        self.commands: list[Command] = []
        self.now_ms = 0
        self.replaying = True
        self.status: str | None = None
        self.told = Told()
        self.signals: dict[str, deque[str]] = {}
        self.conditions: list[tuple[Callable[[], bool], Future[None]]] = []
        self.dropped_signals: list[str] = []
        self._signal_waiters: dict[str, list[Future[None]]] = {}
        self._patches: dict[str, int] = {}
        self._count = 0
        self._side_effects = 0
        # Two streams, so that an added uuid4() does not change what random() draws.
        self.random = random.Random(f"{info.run_id} random")
        self._uuids = random.Random(f"{info.run_id} uuid")

    # ---- deciding --------------------------------------------------------------------------------------------------

    def next_id(self) -> str:
        """An id for an activity, timer or child: whole numbers, as the Flow Framework has them."""
        self._count += 1
        return str(self._count)

    def issue(self, type: str, attributes: dict[str, Any]) -> Command:
        """Decide something."""
        given = {key: value for key, value in attributes.items() if value is not None}
        command = Command(type, given, calling_place(), self.scheduler.future(), self.scheduler.future())
        self.commands.append(command)
        return command

    async def timer(self, seconds: float) -> None:
        """Wait; cancelled waits cancel their timer."""
        whole = max(0, -int(-seconds // 1))  # SWF's timers count whole seconds; never too early
        if whole > _LONGEST_TIMER_S:
            raise MisuseError(f"a timer of {whole} s is longer than SWF's longest, {_LONGEST_TIMER_S} s (a year)")
        timer_id = self.next_id()
        command = self.issue("StartTimer", {"timerId": timer_id, "startToFireTimeout": str(whole)})
        try:
            event = await command.ended
        except CancelledError:
            if not command.ended.done():
                self.issue("CancelTimer", {"timerId": timer_id})
            raise
        raise_if_refused(event, "a timer")

    # ---- facts -----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def uuid4(self) -> uuid.UUID:
        return uuid.UUID(int=self._uuids.getrandbits(128), version=4)

    def side_effect(self, function: Callable[[], T], type: Any) -> T:
        """Run it once in the life of this execution; a marker holds what it gave."""
        self._side_effects += 1
        number = self._side_effects
        told = self.told.side_effects.get(number)
        if told is None:
            told = data.encode({"number": number, "value": function()}, "the value of a side effect")
        self.issue("RecordMarker", {"markerName": SIDE_EFFECT_MARKER, "details": told})
        value = data.decode(told, dict[str, Any], "a side effect's marker")["value"]
        typed: T = data.decode(data.encode(value, "a side effect"), type, "a side effect")
        return typed

    def version(self, change: str, current: int) -> int:
        """The version of a change this execution runs: `current` if it met it first, else what its marker says, else 0
        for one that had passed here before the change was made."""
        if change not in self._patches:
            told = self.told.versions.get(change)
            if told is None and not self.replaying:
                told = current
            if told is not None:
                details = data.encode({"change": change, "version": told}, "a version marker")
                self.issue("RecordMarker", {"markerName": VERSION_MARKER, "details": details})
            self._patches[change] = told or 0
        found = self._patches[change]
        if found > current:
            raise MisuseError(f"this execution runs version {found} of {change}; the code knows up to {current} only")
        return found

    # ---- what arrives ----------------------------------------------------------------------------------------------

    def on_signal(self, name: str, text: str) -> None:
        self.signals.setdefault(name, deque()).append(text)
        for waiter in self._signal_waiters.pop(name, []):
            waiter.set_result(None)

    async def receive(self, name: str, type: Any) -> Any:
        """The next signal of this name that can be read. What cannot is noted and passed over: a slip of who sends must
        not end the execution."""
        queue = self.signals.setdefault(name, deque())
        while True:
            while queue:
                text = queue.popleft()
                try:
                    return data.decode(text, type, f"signal {name}")
                except DataError as error:
                    self.dropped_signals.append(str(error))
            waiter: Future[None] = self.scheduler.future()
            self._signal_waiters.setdefault(name, []).append(waiter)
            await waiter

    def check_conditions(self) -> bool:
        """Wake who waits for a condition that holds now; True if somebody was woken."""
        waiting, self.conditions = self.conditions, []
        for check, future in waiting:
            try:
                held = check()
            except (Exception, SystemExit) as error:  # it belongs to who wrote the condition, and waits for it
                future.set_error(error)
            else:
                if held:
                    future.set_result(None)
            if not future.done():
                self.conditions.append((check, future))
        return len(self.conditions) < len(waiting)


def raise_if_refused(event: Event, what: str) -> None:
    """Raise NotAccepted for the echo of a refused decision."""
    from_cause = next((value.get("cause") for key, value in event.items() if key.endswith("EventAttributes")), None)
    if event["eventType"].endswith("Failed") and from_cause is not None:
        raise NotAccepted(what, str(from_cause), "SWF did not accept it")


# ---- the execution whose code runs in this thread ------------------------------------------------------------------


class _Running(threading.local):
    execution: Execution | None = None


_running = _Running()


def current() -> Execution:
    """The execution whose workflow code runs now."""
    if _running.execution is None:
        raise NotInWorkflow("this may only be called by workflow code: a function with @workflow, run by a worker")
    return _running.execution


def running() -> Execution | None:
    """The same, or None outside of workflow code."""
    return _running.execution


@contextmanager
def entered(execution: Execution) -> Iterator[None]:
    """Within, `current()` is this execution."""
    before, _running.execution = _running.execution, execution
    try:
        yield
    finally:
        _running.execution = before


def current_task() -> Task[Any]:
    """The task whose code runs now."""
    task = current().scheduler.current
    if task is None:
        raise NotInWorkflow()
    return task
