"""What workflow code decides, as boto3 shows decisions, and how a decision is found again in a history. Tables only.

SWF writes one event per decision, in order, behind the DecisionTaskCompleted that brought it; that event is the
decision's echo. Whatever both carry must be equal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

from flowd.sdk.scheduler import Future
from flowd.sdk.tracebacks import is_ours, shown_file

Event = Mapping[str, Any]

#: decision type -> the event of an accepted one, the event of a refused one ("" where SWF answers refusals later)
ECHOES: Final[dict[str, tuple[str, str]]] = {
    "ScheduleActivityTask": ("ActivityTaskScheduled", "ScheduleActivityTaskFailed"),
    "RequestCancelActivityTask": ("ActivityTaskCancelRequested", "RequestCancelActivityTaskFailed"),
    "StartTimer": ("TimerStarted", "StartTimerFailed"),
    "CancelTimer": ("TimerCanceled", "CancelTimerFailed"),
    "RecordMarker": ("MarkerRecorded", "RecordMarkerFailed"),
    "StartChildWorkflowExecution": ("StartChildWorkflowExecutionInitiated", "StartChildWorkflowExecutionFailed"),
    "SignalExternalWorkflowExecution": (
        "SignalExternalWorkflowExecutionInitiated",
        "SignalExternalWorkflowExecutionFailed",
    ),
    "RequestCancelExternalWorkflowExecution": (
        "RequestCancelExternalWorkflowExecutionInitiated",
        "RequestCancelExternalWorkflowExecutionFailed",
    ),
    "ScheduleLambdaFunction": ("LambdaFunctionScheduled", "ScheduleLambdaFunctionFailed"),
    "CompleteWorkflowExecution": ("WorkflowExecutionCompleted", "CompleteWorkflowExecutionFailed"),
    "FailWorkflowExecution": ("WorkflowExecutionFailed", "FailWorkflowExecutionFailed"),
    "CancelWorkflowExecution": ("WorkflowExecutionCanceled", "CancelWorkflowExecutionFailed"),
    "ContinueAsNewWorkflowExecution": (
        "WorkflowExecutionContinuedAsNew",
        "ContinueAsNewWorkflowExecutionFailed",
    ),
}
CLOSES: Final = frozenset(
    {
        "CompleteWorkflowExecution",
        "FailWorkflowExecution",
        "CancelWorkflowExecution",
        "ContinueAsNewWorkflowExecution",
    }
)
_DECISION_OF: Final = {event: decision for decision, events in ECHOES.items() for event in events}

#: events that end what a decision began -> the attribute that names the echo
ENDS: Final[dict[str, str]] = {
    "ActivityTaskCompleted": "scheduledEventId",
    "ActivityTaskFailed": "scheduledEventId",
    "ActivityTaskTimedOut": "scheduledEventId",
    "ActivityTaskCanceled": "scheduledEventId",
    "TimerFired": "startedEventId",
    "ChildWorkflowExecutionCompleted": "initiatedEventId",
    "ChildWorkflowExecutionFailed": "initiatedEventId",
    "ChildWorkflowExecutionTimedOut": "initiatedEventId",
    "ChildWorkflowExecutionCanceled": "initiatedEventId",
    "ChildWorkflowExecutionTerminated": "initiatedEventId",
    "StartChildWorkflowExecutionFailed": "initiatedEventId",
    "ExternalWorkflowExecutionSignaled": "initiatedEventId",
    "SignalExternalWorkflowExecutionFailed": "initiatedEventId",
    "ExternalWorkflowExecutionCancelRequested": "initiatedEventId",
    "RequestCancelExternalWorkflowExecutionFailed": "initiatedEventId",
    "LambdaFunctionCompleted": "scheduledEventId",
    "LambdaFunctionFailed": "scheduledEventId",
    "LambdaFunctionTimedOut": "scheduledEventId",
    "StartLambdaFunctionFailed": "scheduledEventId",
}


@dataclass(eq=False, slots=True)
class Command:
    """One decision, the place in the code that made it, and the event that will end what it begins."""

    type: str
    attributes: dict[str, Any]
    place: str
    ended: Future[Event]
    began: Future[Event]  # children only: they run

    def decision(self) -> dict[str, Any]:
        """As RespondDecisionTaskCompleted takes it."""
        member = f"{self.type[0].lower()}{self.type[1:]}DecisionAttributes"
        return {"decisionType": self.type, member: self.attributes}


def attributes(event: Event) -> Mapping[str, Any]:
    """The one attributes object of an event."""
    kind = event["eventType"]
    found: Mapping[str, Any] = event.get(f"{kind[0].lower()}{kind[1:]}EventAttributes") or {}
    return found


def is_echo(event: Event) -> bool:
    """True if this event stands for one decision of the batch before it.

    A child, signal or cancel request that fails after it was initiated names the Initiated event: that is news.
    """
    return event["eventType"] in _DECISION_OF and not attributes(event).get("initiatedEventId")


def is_refusal(event: Event) -> bool:
    """True for the echo of a decision that SWF did not accept."""
    decision = _DECISION_OF.get(event["eventType"])
    return decision is not None and event["eventType"] == ECHOES[decision][1]


def matches(command: Command, event: Event) -> bool:
    """True if the event is the echo of this command."""
    if _DECISION_OF.get(event["eventType"]) != command.type:
        return False
    found = attributes(event)
    return all(found[key] == value for key, value in command.attributes.items() if key in found)


#: decision type -> what it does, in words; `{type}` is the name of an activity or workflow type
_WORDS: Final[dict[str, str]] = {
    "ScheduleActivityTask": "run activity {type} (id {activityId})",
    "RequestCancelActivityTask": "ask the activity with id {activityId} to stop",
    "StartTimer": "start a timer of {startToFireTimeout} s (id {timerId})",
    "CancelTimer": "cancel the timer with id {timerId}",
    "RecordMarker": "record the marker {markerName}",
    "StartChildWorkflowExecution": "start the child {type} ({workflowId})",
    "SignalExternalWorkflowExecution": "send the signal {signalName} to {workflowId}",
    "RequestCancelExternalWorkflowExecution": "ask {workflowId} to stop",
    "ScheduleLambdaFunction": "call the function {name} (id {id})",
    "CompleteWorkflowExecution": "complete",
    "FailWorkflowExecution": "fail",
    "CancelWorkflowExecution": "end as canceled",
    "ContinueAsNewWorkflowExecution": "continue as new",
}
_DATA: Final = ("input", "details", "result", "reason")


def described(decision: str, found: Mapping[str, Any]) -> str:
    """`run activity charge (id 3) with input {...}`: what a decision does, as people say it."""
    named = found.get("activityType") or found.get("workflowType") or {}
    said = _WORDS[decision].format_map({**found, "type": named.get("name", "")})
    given = [f"{key} {_shortened(str(found[key]))}" for key in _DATA if found.get(key)]
    return f"{said} with {', '.join(given)}" if given else said


def difference(command: Command, event: Event) -> tuple[str, str]:
    """What the history has and what the code decides; the member that differs, where the words are the same."""
    found, given = attributes(event), command.attributes
    expected, got = recorded(event), described(command.type, given)
    if not expected.endswith(f": {got}"):
        return expected, got
    member = next(key for key, value in given.items() if key in found and found[key] != value)
    return f"{expected}, {member} {found[member]}", f"{got}, {member} {given[member]}"


def recorded(event: Event) -> str:
    """The decision that an event is the echo of, in words, behind the event's type."""
    kind = event["eventType"]
    return f"{kind}: {described(_DECISION_OF[kind], attributes(event))}"


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:120]}…"


def calling_place() -> str:
    """`file:line` of the innermost frame that is not the SDK's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame):
        frame = frame.f_back
    return f"{shown_file(frame.f_code.co_filename)}:{frame.f_lineno}" if frame is not None else ""
