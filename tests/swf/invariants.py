"""What holds for every SWF history, whatever its decider did. Pure: events in, assertion errors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowd.history import HistoryEvent
from flowd.swf_frames import WorkflowFrame

CLOSING = {
    "WorkflowExecutionCompleted": "COMPLETED",
    "WorkflowExecutionFailed": "FAILED",
    "WorkflowExecutionCanceled": "CANCELED",
    "WorkflowExecutionTerminated": "TERMINATED",
    "WorkflowExecutionTimedOut": "TIMED_OUT",
    "WorkflowExecutionContinuedAsNew": "CONTINUED_AS_NEW",
}
SIGNAL = ("SignalExternalWorkflowExecutionInitiated",)
CANCEL = ("RequestCancelExternalWorkflowExecutionInitiated",)
#: End of a thing -> its begin, the member that points there, the member that points to its start, if it has one.
ENDS: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    **{
        f"ActivityTask{end}": (("ActivityTaskScheduled",), "scheduledEventId", "ActivityTaskStarted", "startedEventId")
        for end in ("Completed", "Failed", "TimedOut", "Canceled")
    },
    **{
        f"DecisionTask{end}": (("DecisionTaskScheduled",), "scheduledEventId", "DecisionTaskStarted", "startedEventId")
        for end in ("Completed", "TimedOut")
    },
    **{
        f"LambdaFunction{end}": (
            ("LambdaFunctionScheduled",),
            "scheduledEventId",
            "LambdaFunctionStarted",
            "startedEventId",
        )
        for end in ("Completed", "Failed", "TimedOut")
    },
    "StartLambdaFunctionFailed": (("LambdaFunctionScheduled",), "scheduledEventId", "", ""),
    "TimerFired": (("TimerStarted",), "startedEventId", "", ""),
    "TimerCanceled": (("TimerStarted",), "startedEventId", "", ""),
    **{
        f"ChildWorkflowExecution{end}": (
            ("StartChildWorkflowExecutionInitiated",),
            "initiatedEventId",
            "ChildWorkflowExecutionStarted",
            "startedEventId",
        )
        for end in ("Completed", "Failed", "TimedOut", "Canceled", "Terminated")
    },
    "StartChildWorkflowExecutionFailed": (("StartChildWorkflowExecutionInitiated",), "initiatedEventId", "", ""),
    "ExternalWorkflowExecutionSignaled": (SIGNAL, "initiatedEventId", "", ""),
    "SignalExternalWorkflowExecutionFailed": (SIGNAL, "initiatedEventId", "", ""),
    "ExternalWorkflowExecutionCancelRequested": (CANCEL, "initiatedEventId", "", ""),
    "RequestCancelExternalWorkflowExecutionFailed": (CANCEL, "initiatedEventId", "", ""),
}
BEGINS = {begin for begins, *_ in ENDS.values() for begin in begins}
COUNTED = {
    "ActivityTaskScheduled": "activities",
    "TimerStarted": "timers",
    "StartChildWorkflowExecutionInitiated": "children",
    "LambdaFunctionScheduled": "functions",
}
#: Events that a decider must hear of.
WAKING = frozenset(
    {
        "WorkflowExecutionStarted",
        "WorkflowExecutionSignaled",
        "WorkflowExecutionCancelRequested",
        "TimerFired",
        "ChildWorkflowExecutionStarted",
        "DecisionTaskTimedOut",
        *(end for end in ENDS if not end.startswith(("DecisionTask", "TimerCanceled"))),
    }
)


def check(events: Sequence[HistoryEvent], root: WorkflowFrame) -> None:
    """All of them, on one history and the frame beside it."""
    assert [event.id for event in events] == list(range(1, len(events) + 1)), "ids are not dense"
    times = [event.at_ms for event in events]
    assert times == sorted(times), "time goes back"
    assert events[0].type == "WorkflowExecutionStarted"
    assert events[1].type == "DecisionTaskScheduled"
    open_ = _walk(events)
    _every_news_wakes(events)
    _closed_at_the_end(events, root)
    counts = {name: sum(1 for event in open_.values() if COUNTED.get(event.type) == name) for name in COUNTED.values()}
    assert counts == {name: getattr(root, name) for name in counts}, (counts, root)
    if not root.close_status:
        _nobody_sleeps(events, open_, root)


def _walk(events: Sequence[HistoryEvent]) -> dict[int, HistoryEvent]:
    """Every end has its begin and start; what is left is open."""
    by_id = {event.id: event for event in events}
    open_: dict[int, HistoryEvent] = {}
    names: set[tuple[str, str]] = set()
    for event in events:
        facts = event.details
        if event.type in BEGINS:
            open_[event.id] = event
            name = _name(event)
            assert name not in names, f"{name} is in use"
            if name:
                names.add(name)
        if event.type in ENDS and not (
            event.type == "StartChildWorkflowExecutionFailed" and not facts["initiatedEventId"]
        ):
            begins, to_begin, start, to_start = ENDS[event.type]
            begin = open_.pop(facts[to_begin], None)
            assert begin is not None and begin.type in begins, f"{event} ends what is not open"
            if (name := _name(begin)) is not None:
                names.discard(name)
            if to_start and facts[to_start]:
                started = by_id[facts[to_start]]
                assert started.type == start and started.id < event.id, f"{event} points to {started}"
                assert started.details[to_begin] == begin.id
        if "decisionTaskCompletedEventId" in facts:
            assert by_id[facts["decisionTaskCompletedEventId"]].type == "DecisionTaskCompleted"
        _decision_tasks(event, open_)
    return open_


def _name(event: HistoryEvent) -> tuple[str, str] | None:
    for member in ("activityId", "timerId"):
        if member in event.details:
            return member, event.details[member]
    return None


def _decision_tasks(event: HistoryEvent, open_: dict[int, HistoryEvent]) -> None:
    waiting = [each for each in open_.values() if each.type == "DecisionTaskScheduled"]
    assert len(waiting) <= 2, f"three decision tasks at {event}"
    if event.type == "DecisionTaskStarted":
        assert event.details["scheduledEventId"] == min(each.id for each in waiting), "the older one goes first"


#: Events of a batch that do not say so by a decisionTaskCompletedEventId.
_OF_A_BATCH = frozenset({"LambdaFunctionStarted", "StartLambdaFunctionFailed", "ActivityTaskCanceled"})


def _every_news_wakes(events: Sequence[HistoryEvent]) -> None:
    """At each moment: news finds a decision task that is not started yet, or is followed by one."""
    waiting: set[int] = set()
    for place, event in enumerate(events):
        if event.type == "DecisionTaskScheduled":
            waiting.add(event.id)
        elif event.type in ("DecisionTaskStarted", "DecisionTaskTimedOut"):
            waiting.discard(event.details["scheduledEventId"])
        if (event.type in WAKING or _failed_decision(event)) and not waiting:
            assert _is_followed(events, place), f"nobody hears of {event}"


def _is_followed(events: Sequence[HistoryEvent], place: int) -> bool:
    for event in events[place + 1 :]:
        if event.type == "DecisionTaskScheduled" or event.type in CLOSING:
            return True
        if "decisionTaskCompletedEventId" not in event.details and event.type not in _OF_A_BATCH:
            return False
    return False


def _closed_at_the_end(events: Sequence[HistoryEvent], root: WorkflowFrame) -> None:
    closings = [event.id for event in events if event.type in CLOSING]
    assert closings in ([], [len(events)]), f"{events[-1]} comes after the end"
    assert root.close_status == CLOSING.get(events[-1].type, "")


def _nobody_sleeps(events: Sequence[HistoryEvent], open_: dict[int, HistoryEvent], root: WorkflowFrame) -> None:
    """What a decider has not seen has scheduled a decision task, and one that is open is known to be."""
    waiting = sorted(event.id for event in open_.values() if event.type == "DecisionTaskScheduled")
    assert waiting == [number for number in (root.scheduled, root.next_scheduled) if number]
    seen = max((event.id for event in events if event.type == "DecisionTaskStarted"), default=0)
    unseen = [event for event in events if event.id > seen and (event.type in WAKING or _failed_decision(event))]
    started = bool(root.started)
    assert not unseen or root.next_scheduled or (root.scheduled and not started), f"nobody hears of {unseen[0]}"


def _failed_decision(event: HistoryEvent) -> bool:
    return event.type.endswith("Failed") and "cause" in event.details


def sent(events: Sequence[HistoryEvent]) -> list[tuple[Any, ...]]:
    """Signals and requests that came from other executions, by their source."""
    return [
        (event.type, event.details["externalWorkflowExecution"]["runId"], event.details["externalInitiatedEventId"])
        for event in events
        if event.details.get("externalInitiatedEventId")
    ]
