"""What workflow code decides, as boto3 shows decisions, and how a decision is found again in a history. Tables only.

SWF writes one event per decision, in order, behind the DecisionTaskCompleted that brought it; that event is the
decision's echo. Whatever both carry must be equal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flowd.sdk.scheduler import Future

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


_TELLING: Final = ("activityId", "timerId", "workflowId", "markerName", "signalName", "id", "name")
_REST: Final = ("startToFireTimeout", "input", "details", "result", "reason")


def described(kind: str, found: Mapping[str, Any]) -> str:
    """`ActivityTaskScheduled charge, activityId 3, input {...}`: enough to know it by."""
    named = found.get("activityType") or found.get("workflowType") or {}
    parts = [kind + (f" {named['name']}" if "name" in named else "")]
    parts += [f"{key} {found[key]}" for key in _TELLING if key in found]
    parts += [f"{key} {_shortened(str(found[key]))}" for key in _REST if found.get(key)]
    return ", ".join(parts)


def difference(command: Command, event: Event) -> tuple[str, str]:
    """What the history has and what the code decides, each as one line."""
    return described(event["eventType"], attributes(event)), "decides " + described(command.type, command.attributes)


def _shortened(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:120]}…"


def calling_place() -> str:
    """`file:line` of the innermost frame that is not the SDK's."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("flowd.sdk"):
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""
