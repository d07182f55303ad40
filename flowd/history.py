"""What happened: the facts of one execution, in AWS's words, and the news from which they are made.

`HistoryEvent` is one appended fact, as GetExecutionHistory and GetWorkflowExecutionHistory show it. `Event` is one
piece of news that reaches an execution: "the task of this frame succeeded". A decider turns an Event into
HistoryEvents and decisions.
Nothing here acts, reads a clock or knows a database.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class HistoryEvent(msgspec.Struct, frozen=True, array_like=True):
    """One appended fact.

    `details` holds the members of AWS's `...EventDetails` object under their wire names; a JSON text (input, output,
    parameters) stands there as a `Payload`, everything else as str, int, bool or None-free dict. `frame` and `attempt`
    are ours and never leave the box: they tie an event to the line of control and the task output that it belongs to.
    """

    id: int  # dense from 1
    previous: int  # previousEventId
    at_ms: int
    type: str  # ExecutionStarted, PassStateEntered, TaskScheduled, ...
    details: dict[str, Any] = {}
    frame: str = ""
    attempt: int = 0


class News(StrEnum):
    """What kind of thing reached an execution."""

    STARTED = "Started"  # the execution begins
    TASK_STARTED = "TaskStarted"  # a worker took the activity task       details: workerName
    TASK_SUBMITTED = "TaskSubmitted"  # the job of .sync or the message of .waitForTaskToken is out   details: output
    TASK_SUBMIT_FAILED = "TaskSubmitFailed"  # it could not be sent       details: error, cause
    TASK_START_FAILED = "TaskStartFailed"  # it could not be begun        details: error, cause
    TASK_SUCCEEDED = "TaskSucceeded"  # details: output
    TASK_FAILED = "TaskFailed"  # details: error?, cause?
    TASK_TIMED_OUT = "TaskTimedOut"  # details: heartbeat: bool, or timeoutType
    TIMER_FIRED = "TimerFired"  # a Wait is over or a retry's back-off has passed
    BRANCHES_JOINED = "BranchesJoined"  # details: outputs: list[Payload] in branch order
    BRANCHES_FAILED = "BranchesFailed"  # details: open: list[Frame], the descendants that were still going
    MAP_RUN_ENDED = "MapRunEnded"  # details: output: Payload, or error and cause
    CONTINUED = "Continued"  # a bounded step stopped with work left in this frame
    STOPPED = "Stopped"  # StopExecution                                  details: error?, cause?
    TIMED_OUT = "TimedOut"  # the execution's own TimeoutSeconds passed
    TASK_CANCELED = "TaskCanceled"  # SWF, as all that follow but the last     details: details?
    TASK_ALIVE = "TaskAlive"  # a heartbeat                        details: details?
    DECIDED = "Decided"  # details: the members of RespondDecisionTaskCompleted
    SIGNALED = "Signaled"  # details: signalName, input?, and from where: workflowId, runId, initiatedEventId
    CANCEL_REQUESTED = "CancelRequested"  # details: cause?, and from where, as above
    TERMINATED = "Terminated"  # details: reason?, details?, childPolicy?, cause
    ERRAND_DONE = "ErrandDone"  # details: runId
    ERRAND_FAILED = "ErrandFailed"  # details: cause
    CHILD_CLOSED = "ChildClosed"  # details: type, attributes of the parent's event
    #: For "0"; details: frames: list[Frame], all that are not DONE; map_runs: dict[frame id, MapRunLeft]
    REDRIVEN = "Redriven"


class Event(msgspec.Struct, frozen=True):
    """News for one frame. It is accepted once: the frame must be waiting and its attempt equal, else it is stale."""

    news: News
    frame: str = "0"
    attempt: int = 0
    details: dict[str, Any] = {}


#: The types that close a history, and the close status each one means.
TERMINAL: dict[str, str] = {
    "ExecutionSucceeded": "SUCCEEDED",
    "ExecutionFailed": "FAILED",
    "ExecutionTimedOut": "TIMED_OUT",
    "ExecutionAborted": "ABORTED",
}


def details_member(event_type: str) -> str:
    """The wire name of an event's details object; "" for the types that have none.

    All `...StateEntered` share stateEnteredEventDetails and all `...StateExited` share stateExitedEventDetails
    (botocore's model of Step Functions).
    """
    if event_type in _WITHOUT_DETAILS:
        return ""
    if event_type.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if event_type.endswith("StateExited"):
        return "stateExitedEventDetails"
    return event_type[0].lower() + event_type[1:] + "EventDetails"


def attributes_member(event_type: str) -> str:
    """The wire name of an SWF event's attributes object."""
    return event_type[0].lower() + event_type[1:] + "EventAttributes"


_WITHOUT_DETAILS = frozenset(
    {
        "LambdaFunctionStarted",
        "ParallelStateStarted",
        "ParallelStateSucceeded",
        "ParallelStateFailed",
        "ParallelStateAborted",
        "MapStateSucceeded",
        "MapStateFailed",
        "MapStateAborted",
        "MapRunSucceeded",
        "MapRunAborted",
        "TaskStateAborted",
        "WaitStateAborted",
    }
)
