"""Live: one active execution in memory, as stepper, commit and dispatch share it.

Only executions with something going on are here; a parked one is rows on disk. What a Live holds is what is on disk
plus the steps of at most one uncommitted batch; when that batch fails, the Live is thrown away and read again.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from flowd.asl.model import StateMachine
from flowd.decisions import PATTERNS, MapRunLeft
from flowd.engine.deciders import Decider, Interpreted
from flowd.frames import ROOT, Execution, Frame
from flowd.history import Event
from flowd.integrations.ports import TaskCall
from flowd.payload import InvalidJson, Payload
from flowd.store import schema
from flowd.store.executions import Loaded
from flowd.store.steps import ExecutionWrite
from flowd.swf_frames import WorkflowFrame

#: Tasks that wait for somebody who polls; the others are in the hands of an integration.
POLLED = ("activity", "decision")
#: `test:CASE`: started by StartExecution with `machine-arn#CASE`.
TEST_TRIGGER = "test:"
Reply = asyncio.Future[bool]  # True after the commit, False if the news was stale; or the error of the commit


@dataclass(slots=True)
class OpenTask:
    """A task that is on disk, or about to be."""

    call: TaskCall
    family: str
    frame: str
    attempt: int
    status: str = "SCHEDULED"
    activity: str | None = None
    prompt: str | None = None
    short: str | None = None
    submitted: Payload | None = None
    heartbeat_ms: int = 0
    mocked: bool = False  # answered by a test case, also where a worker, a person or a callback would be waited for
    new: bool = True  # not committed yet

    @property
    def in_process(self) -> bool:
        """True while an integration of this daemon has the task in hand."""
        return self.family not in POLLED and not (
            self.status == "SUBMITTED" and self.call.pattern == "waitForTaskToken"
        )


class Child(NamedTuple):
    """Which child of a Map Run an execution is: so many `items` from number `first` on. Run 0: it is none."""

    run: int = 0
    first: int = 0
    items: int = 0


NO_CHILD: Final = Child()


@dataclass(slots=True)
class Live:
    """One execution in memory."""

    id: int
    execution: Execution
    decider: Decider
    machine_id: int
    definition_id: int
    frames: dict[str, Any] = field(default_factory=dict)  # Frame of a state machine's, SwfFrame of an SWF execution
    tasks: dict[tuple[str, int], OpenTask] = field(default_factory=dict)
    deadlines: set[tuple[str, int]] = field(default_factory=set)
    inbox: deque[tuple[Event, Reply | None]] = field(default_factory=deque)
    status: str = "RUNNING"
    version: int | None = None
    alias: str | None = None
    life: str = ""  # of an EXPRESS execution: one that starts over calls its tasks by other keys
    trigger: str = "api"
    trace_header: str | None = None
    variables: Payload | None = None  # what its first frame begins with, if it is a fork
    output_id: int = 0
    error: str | None = None
    cause: str | None = None
    state: str = ""
    stopped_ms: int = 0
    write: ExecutionWrite | None = None  # what the batch being formed holds of this execution
    replies: list[Reply] = field(default_factory=list)  # to be settled when that batch is on disk
    committing: bool = False
    stepping: bool = False  # a step of it is being worked out in a thread
    heavy: bool = False  # its steps may take long: they leave the loop
    queued: bool = False
    new: bool = False
    child: Child = NO_CHILD
    map_runs: dict[tuple[str, int], int] = field(default_factory=dict)  # open ones, by frame and attempt
    left_runs: dict[tuple[str, int], MapRunLeft] = field(default_factory=dict)  # what a redrive finds of them

    @property
    def machine(self) -> StateMachine:
        """The state machine. Raises TypeError for an SWF execution, whose decider is outside."""
        if not isinstance(self.decider, Interpreted):
            raise TypeError(f"{self.execution.arn} is no execution of a state machine")
        return self.decider.machine

    @property
    def test_case(self) -> str:
        """The test case whose mocks answer its tasks; "" for none."""
        return self.trigger[len(TEST_TRIGGER) :] if self.trigger.startswith(TEST_TRIGGER) else ""

    @property
    def parked(self) -> bool:
        """True when nothing of it happens inside this process: it may leave the memory."""
        return not (
            self.inbox
            or self.committing
            or self.stepping
            or self.write
            or any(t.in_process for t in self.tasks.values())
        )

    @property
    def waiting(self) -> str:
        """What it waits for, in one word for people."""
        if self.status != "RUNNING" or not self.frames:
            return ""
        if any(task.prompt is not None for task in self.tasks.values()):
            return "prompt"
        frame = self.frames.get(ROOT)
        if isinstance(frame, WorkflowFrame):
            return frame.waiting_for
        if self.tasks:
            return "task"
        return "timer" if frame is None or frame.waiting_for in ("", "timer") else frame.waiting_for


def descendants(frames: dict[str, Frame], prefix: str) -> Iterator[Frame]:
    """The frames below a `Frame.branches` prefix, found by number: the cost does not depend on the others."""
    index = 0
    while (child := frames.get(f"{prefix}{index}")) is not None:
        yield child
        yield from descendants(frames, child.branches)
        index += 1


def revive(loaded: Loaded, decider: Decider, region: str, event_limit: int) -> Live:
    """A Live from what is on disk."""
    row = loaded.row
    version = f"{row.machine_arn}:{row.version}" if row.version is not None else None
    execution = Execution(
        arn=row.arn,
        name=row.name,
        machine_arn=row.machine_arn,
        machine_name=row.machine_name,
        role_arn=row.role_arn,
        input=loaded.input,
        started_ms=row.started_ms,
        type=row.type,
        region=region,
        version_arn=version,
        alias_arn=f"{row.machine_arn}:{row.alias}" if row.alias is not None else None,
        redrive_count=row.redrive_count,
        redriven_ms=row.redriven_ms,
        next_event=row.next_event,
        event_limit=event_limit,
    )
    live = Live(
        id=row.id or 0,
        execution=execution,
        decider=decider,
        machine_id=row.machine_id,
        definition_id=row.definition_id,
        frames=loaded.frames,
        deadlines=loaded.deadlines,
        status=row.status,
        version=row.version,
        alias=row.alias,
        trigger=row.trigger,
        trace_header=row.trace_header,
        output_id=row.output_id,
        error=row.error,
        cause=row.cause,
        state=row.state,
        stopped_ms=row.stopped_ms,
        heavy=decider.evaluates,
        child=Child(row.map_run_id, row.map_item, row.item_count) if row.map_run_id else NO_CHILD,
        map_runs=loaded.map_runs,
        left_runs=loaded.left_runs,
    )
    live.tasks = {key: open_task(live, task, loaded.texts) for key, task in loaded.tasks.items()}
    return live


def open_task(live: Live, row: schema.Task, texts: dict[int, str]) -> OpenTask:
    """An OpenTask from its row."""
    call = TaskCall(
        key=task_key(live.id, row.frame, row.attempt),
        execution_arn=live.execution.arn,
        machine_arn=live.execution.machine_arn,
        state=row.state,
        resource=row.resource,
        service=row.service,
        action=row.action,
        pattern=PATTERNS[row.pattern],
        parameters=Payload(text=texts.get(row.parameters_id, "{}"), ref=row.parameters_id, owner=live.id),
        token=row.token or "",
        timeout_ms=row.timeout_ms,
        scheduled_ms=row.scheduled_ms,
        test_case=live.test_case,
        retry_count=retry_count(live, row.frame),
        recovered=True,
    )
    submitted = Payload(text=texts[row.submitted_id], ref=row.submitted_id, owner=live.id) if row.submitted_id else None
    return OpenTask(
        call=call,
        family=row.family,
        frame=row.frame,
        attempt=row.attempt,
        status=row.status,
        activity=row.activity,
        prompt=row.prompt,
        short=row.short,
        submitted=submitted,
        heartbeat_ms=row.heartbeat_ms,
        new=False,
    )


def retry_count(live: Live, name: str) -> int:
    """$$.State.RetryCount of the frame's task; SWF does not retry by itself."""
    frame = live.frames.get(name)
    return frame.retry_count if isinstance(frame, Frame) else 0


def prompt_of(parameters: Payload) -> str | None:
    """The Prompt object of a task that is meant for a person, as JSON text. An SWF input may be any text."""
    if '"Prompt"' not in parameters.text:
        return None
    try:
        value = parameters.value
    except InvalidJson:
        return None
    if isinstance(value, dict) and isinstance(value.get("Prompt"), dict):
        return json.dumps(value["Prompt"], ensure_ascii=False)
    return None


def task_key(execution_id: int, frame: str, attempt: int, life: str = "") -> str:
    """The name of an attempt for ever, known to the runner too."""
    return f"{execution_id}:{frame}:{attempt}" + (f":{life}" if life else "")
