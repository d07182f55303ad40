"""What comes next: the closed set of things a decider may ask for.

A decision does not act. The commit function writes each one down in the transaction of the history events it came
with (one `match`, exhaustive), and only then does anything happen.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec

from flowd.history import Event, HistoryEvent
from flowd.payload import Payload
from flowd.swf_frames import Settings

Pattern = Literal["", "sync", "sync:2", "waitForTaskToken"]
PATTERNS: Final[dict[str, Pattern]] = {each: each for each in get_args(Pattern)}  # by its text
Purpose = Literal[
    "wait", "retry", "timeout", "heartbeat", "execution", "timer", "schedule-to-start", "schedule-to-close"
]
CloseStatus = Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


class ScheduleTask(msgspec.Struct, frozen=True, kw_only=True):
    """Run a Task. `family` says who does it: a function, a worker, an integration, or an outside decider."""

    frame: str
    attempt: int
    family: Literal["lambda", "activity", "task", "decision"]
    resource: str  # as written in the definition
    service: str  # "lambda", "activity", "states", "sqs", "aws-sdk:s3", ...
    action: str  # "invoke", "startExecution", ...; "" for activities
    pattern: Pattern
    parameters: Payload
    token: str  # its task token; answers to activities and callbacks carry it
    state: str  # the state's name
    timeout_ms: int = 0  # TimeoutSeconds, counted from the start of the attempt; 0 = none
    heartbeat_ms: int = 0
    task_list: str = ""  # of SWF: where it is offered, by the name that pollers wait under
    priority: int = 0  # of SWF: high first


class StartTimer(msgspec.Struct, frozen=True, kw_only=True):
    """Send the frame news at `due_ms`; the purpose says which (engine/deadlines has the table)."""

    frame: str
    attempt: int
    due_ms: int
    purpose: Purpose


class CancelTimer(msgspec.Struct, frozen=True, kw_only=True):
    """The frame no longer waits for this deadline."""

    frame: str
    attempt: int
    purpose: Purpose


class CancelTask(msgspec.Struct, frozen=True, kw_only=True):
    """The frame's task is over: its row, token and deadlines go, and what still runs is stopped."""

    frame: str
    attempt: int


class GatherBranches(msgspec.Struct, frozen=True, kw_only=True):
    """Come back to this frame in the same transaction: with all outputs (`joined`) or all that is open (`failed`)."""

    frame: str
    attempt: int
    why: Literal["joined", "failed"]


class DropBranches(msgspec.Struct, frozen=True, kw_only=True):
    """All frames, tasks, timers and tokens whose frame id begins with `prefix` are over."""

    prefix: str
    keep_frames: bool = False  # failed branches stay readable for a redrive


class ContinueLater(msgspec.Struct, frozen=True, kw_only=True):
    """A bounded step stopped: send CONTINUED to this frame after the commit."""

    frame: str
    attempt: int


class EndFrame(msgspec.Struct, frozen=True, kw_only=True):
    """This line of control is over: its row goes."""

    frame: str


class RunErrand(msgspec.Struct, frozen=True, kw_only=True):
    """Do for another execution what this frame says (start it, signal it, ask it to cancel); news comes back."""

    frame: str
    attempt: int
    again: bool = False  # it may have been done before: look first


class Tell(msgspec.Struct, frozen=True, kw_only=True):
    """Bring news to another execution."""

    execution_id: int
    event: Event


class ApplyChildPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The execution was terminated or timed out: so do its open children, or they are asked to cancel."""

    policy: str


class StartNextRun(msgspec.Struct, frozen=True, kw_only=True):
    """Continue as new: begin this run in the same transaction."""

    settings: Settings
    input: Payload | None


class CloseExecution(msgspec.Struct, frozen=True, kw_only=True):
    """The execution is over: open tasks, timers and tokens vanish in the same transaction."""

    status: CloseStatus
    output: Payload | None = None
    error: str | None = None
    cause: str | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a Distributed Map's items come from, if not from its input: an ItemReader's fields, worked out."""

    action: str  # getObject | listObjectsV2
    bucket: str
    key: str = ""
    prefix: str = ""
    config: dict[str, Any] = {}  # ReaderConfig without MaxItems
    max_items: int = 0  # 0 = all
    objects: bool = False  # whether an object stands for its pairs


class Batching(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An ItemBatcher's fields, worked out; 0 = no limit of this kind."""

    max_items: int = 0
    max_bytes: int = 0
    batch_input: Any = None
    has_input: bool = False


class Writing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A ResultWriter's fields, worked out. Without a bucket it only shapes the state's result."""

    bucket: str = ""
    prefix: str = ""
    output_type: str = "JSON"  # JSON | JSONL
    transformation: str = ""  # NONE | COMPACT | FLATTEN; "" = the default of the kind


class MapRunPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a Map Run is to do, apart from its items. A threshold that is None does not count."""

    concurrency: int = 0  # MaxConcurrency as asked for; 0 = as many as flowd allows
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    reading: Reading | None = None
    batching: Batching | None = None
    writing: Writing | None = None


class StartMapRun(msgspec.Struct, frozen=True, kw_only=True):
    """Run the items of a Distributed Map as executions of their own; MAP_RUN_ENDED comes back to the frame."""

    frame: str
    attempt: int
    arn: str  # of the Map Run
    machine_arn: str  # of its children: `...:stateMachine:NAME/LABEL`
    child_type: Literal["STANDARD", "EXPRESS"]
    plan: MapRunPlan


class MapRunLeft(msgspec.Struct, frozen=True, kw_only=True):
    """A Map Run that failed or was aborted, as a redrive finds it."""

    id: int
    arn: str
    redrive_count: int  # how often it was redriven before


class RedriveMapRun(msgspec.Struct, frozen=True, kw_only=True):
    """Let a Map Run go on with what did not succeed; MAP_RUN_ENDED comes back to the frame."""

    frame: str
    attempt: int
    run: int  # MapRunLeft.id


class EndMapRun(msgspec.Struct, frozen=True, kw_only=True):
    """The frame's Map Run has ended and the frame knows it."""

    frame: str
    attempt: int
    status: Literal["SUCCEEDED", "FAILED"]


Decision = (
    ScheduleTask
    | StartTimer
    | CancelTimer
    | CancelTask
    | GatherBranches
    | DropBranches
    | ContinueLater
    | StartMapRun
    | RedriveMapRun
    | EndMapRun
    | EndFrame
    | RunErrand
    | Tell
    | ApplyChildPolicy
    | StartNextRun
    | CloseExecution
)


class Step(msgspec.Struct, frozen=True):
    """What a decider answers: commit all of it or nothing. `frames` are those that changed or are new."""

    events: list[HistoryEvent]
    decisions: list[Decision]
    frames: dict[str, Any]  # Frame of a state machine's execution, SwfFrame of an SWF one
