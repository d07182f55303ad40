"""An SWF execution as rows: what its decider asked for, in the order it did, by the events of its history. Pure.

There is no definition to draw: the decider is a program outside. Activities of one type are one row, and so are the
decisions; a row that was many things counts them, like the body of a Map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from console.journal import Path, Visit, details_of
from console.outline import Row
from console.text import clean

Item = dict[str, Any]
Name = Callable[[Item], str]

#: Events that begin something: the sign it gets, and what it is called.
_BEGINS: dict[str, tuple[str, Name]] = {
    "DecisionTaskScheduled": ("Choice", lambda _: "decider"),
    "ActivityTaskScheduled": ("Task", lambda told: _type(told, "activityType")),
    "LambdaFunctionScheduled": ("Task", lambda told: str(told.get("name", "function"))),
    "TimerStarted": ("Wait", lambda told: str(told.get("timerId", "timer"))),
    "StartChildWorkflowExecutionInitiated": ("Map", lambda told: _type(told, "workflowType")),
    "SignalExternalWorkflowExecutionInitiated": ("Pass", lambda told: f"signal {told.get('signalName', '')}"),
    "RequestCancelExternalWorkflowExecutionInitiated": ("Pass", lambda told: f"cancel {told.get('workflowId', '')}"),
}
#: Events that are something by themselves.
_MOMENTS: dict[str, Name] = {
    "WorkflowExecutionSignaled": lambda told: f"signaled {told.get('signalName', '')}",
    "WorkflowExecutionCancelRequested": lambda _: "asked to cancel",
    "MarkerRecorded": lambda told: f"marker {told.get('markerName', '')}",
}
_ENDS = (
    ("Completed", "SUCCEEDED"), ("Fired", "SUCCEEDED"), ("Failed", "FAILED"), ("TimedOut", "TIMED_OUT"),
    ("Canceled", "ABORTED"), ("Terminated", "ABORTED"), ("Signaled", "SUCCEEDED"), ("CancelRequested", "SUCCEEDED"),
)  # fmt: skip
_REFERENCES = ("scheduledEventId", "initiatedEventId", "startedEventId")


def _type(told: Item, member: str) -> str:
    kind = told.get(member)
    return str(kind.get("name", "?")) if isinstance(kind, dict) else "?"


def swf_rows(events: Iterable[Item]) -> list[Row]:
    """The rows of a history, in the order in which each began for the first time."""
    open_: dict[int, Visit] = {}
    found: dict[Path, tuple[str, list[Visit]]] = {}
    for event in events:
        kind, told = event["type"], details_of(event)
        if kind in _BEGINS or kind in _MOMENTS:
            sign, name = _BEGINS.get(kind) or ("Pass", _MOMENTS[kind])
            visit = Visit((name(told),), "", event["id"], event["timestamp"])
            if kind in _MOMENTS:
                visit.end, visit.status = event["timestamp"], "SUCCEEDED"
            open_[event["id"]] = visit
            found.setdefault(visit.path, (sign, []))[1].append(visit)
        elif (begun := open_.get(reference(told))) is not None:
            _go_on(begun, event, told)
    return [
        Row(path, clean(path[0]), "", sign, tuple(visits), many=len(visits) > 1)
        for path, (sign, visits) in found.items()
    ]


def swf_state(event: Item, names: dict[int, str]) -> str:
    """What an event is about. `names` maps the events that began something to its name, and is kept up to date."""
    kind, told = event["type"], details_of(event)
    if kind in _BEGINS or kind in _MOMENTS:
        name = _BEGINS[kind][1] if kind in _BEGINS else _MOMENTS[kind]
        names[event["id"]] = name(told)
        return names[event["id"]]
    return names.get(reference(told), "")


def reference(told: Item) -> int:
    """The event that an event belongs to."""
    return next((int(told[name]) for name in _REFERENCES if told.get(name)), 0)


def _go_on(visit: Visit, event: Item, told: Item) -> None:
    kind = event["type"]
    if kind.endswith("Started"):
        visit.attempts = 1
        return
    status = next((status for ending, status in _ENDS if kind.endswith(ending)), "")
    if status:
        visit.end, visit.status = event["timestamp"], status
    if status in ("FAILED", "TIMED_OUT"):
        visit.error = str(told.get("reason") or told.get("cause") or told.get("timeoutType") or kind)
        visit.cause = str(told.get("details") or "")


def events_of(events: Iterable[Item], visit: Visit) -> list[Item]:
    """The events of one activity, timer, child or decision."""
    return [event for event in events if event["id"] == visit.entered or reference(details_of(event)) == visit.entered]
