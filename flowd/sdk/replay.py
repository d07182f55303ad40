"""Histories in, decisions out: runs workflow code over a history and compares what it decides with what it decided.

Pure: no input or output, no clock. A turn is one answered decision task: the events its decider had seen are told one
by one, and after each the code runs until all of it waits. At the first decision that differs, NonDeterminismError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from flowd.sdk import data, tracebacks
from flowd.sdk.commands import (
    CLOSES,
    ENDS,
    Command,
    Event,
    attributes,
    described,
    difference,
    is_echo,
    is_refusal,
    matches,
    recorded,
)
from flowd.sdk.errors import ContinueAsNew, DataError, FailureDetails, NonDeterminismError, PermanentError
from flowd.sdk.execution import SIDE_EFFECT_MARKER, VERSION_MARKER, Execution, Info, entered
from flowd.sdk.scheduler import Task
from flowd.sdk.workflows import Workflow

_TIMED_OUT = "DecisionTaskTimedOut"
_REASON = 256  # characters [AWS SWF API reference]
_TRACE = 8_000


@dataclass(frozen=True, slots=True)
class Decided:
    """What to answer a decision task with."""

    decisions: list[dict[str, Any]]
    context: str | None = None
    dropped_signals: tuple[str, ...] = ()


def decide(workflow: Workflow[Any, Any], info: Info, events: Sequence[Event]) -> Decided:
    """What this code decides at the end of this history, which is that of an open decision task."""
    replay = Replay(workflow, info)
    try:
        return replay.advance(events)
    finally:
        replay.dispose()


def verify(workflow: Workflow[Any, Any], info: Info, events: Sequence[Event]) -> None:
    """Raise NonDeterminismError if this code would not have decided as this history says. The history may be closed."""
    decide(workflow, info, events)


class Replay:
    """One execution, kept between decision tasks by those who like."""

    def __init__(self, workflow: Workflow[Any, Any], info: Info) -> None:
        self._workflow = workflow
        self._execution = Execution(info)
        self._main: Task[Any] | None = None
        self._seen = 0  # the last event that was taken in
        self._news: list[Event] = []
        self._starts: dict[int, tuple[Event, int]] = {}  # DecisionTaskStarted -> it, and how much news it shows
        self._taken = 0  # news that has been told
        self._ran = 0  # the DecisionTaskStarted of the latest turn
        self._pending: list[Command] = []  # decided, their echoes not seen yet
        self._by_event: dict[int, Command] = {}
        self._closing = False

    @property
    def closed(self) -> bool:
        """True if its latest decision closes the execution."""
        return self._closing

    def fits(self, events: Sequence[Event]) -> bool:
        """True if this history goes on from where this replay stands: its latest turn was answered."""
        ends = (each for each in events[self._seen :] if each["eventType"] in ("DecisionTaskCompleted", _TIMED_OUT))
        end = next(ends, None)
        return end is not None and end["eventType"] != _TIMED_OUT and attributes(end)["startedEventId"] == self._ran

    def advance(self, events: Sequence[Event]) -> Decided:
        """Take in what is new of a history and decide its open task, if it has one."""
        fresh = [event for event in events if event["eventId"] > self._seen]
        for number, event in enumerate(fresh, self._seen + 1):
            if event["eventId"] != number:
                raise DataError(f"the history goes on with event {event['eventId']}; {number} was expected")
        self._look_ahead(fresh)
        for event in fresh:
            self._take(event)
            self._seen = event["eventId"]
        open_task = max(self._starts, default=0)
        if not open_task:
            return Decided([])
        self._turn(open_task, replaying=False)
        execution = self._execution
        dropped, execution.dropped_signals = tuple(execution.dropped_signals), []
        return Decided([command.decision() for command in self._pending], execution.status, dropped)

    def dispose(self) -> None:
        """Unwind the code."""
        with entered(self._execution):
            self._execution.scheduler.dispose()

    # ---- reading the history ---------------------------------------------------------------------------------------

    def _look_ahead(self, events: Sequence[Event]) -> None:
        """Markers answer questions that code asks before it comes to them."""
        told = self._execution.told
        for event in events:
            if event["eventType"] == "MarkerRecorded":
                found = attributes(event)
                if found["markerName"] == VERSION_MARKER:
                    details = data.decode(found["details"], dict[str, Any], "a version marker")
                    told.versions.setdefault(details["change"], details["version"])
                elif found["markerName"] == SIDE_EFFECT_MARKER:
                    details = data.decode(found["details"], dict[str, Any], "a side effect's marker")
                    told.side_effects[details["number"]] = found["details"]

    def _take(self, event: Event) -> None:
        kind = event["eventType"]
        if kind == "DecisionTaskStarted":
            self._starts[event["eventId"]] = (event, len(self._news))
        elif kind == _TIMED_OUT:
            self._starts.pop(attributes(event)["startedEventId"], None)
        elif kind == "DecisionTaskCompleted":
            started = attributes(event)["startedEventId"]
            if started != self._ran:
                self._turn(started, replaying=True)
            self._starts.pop(started, None)
        elif is_echo(event):
            self._compare(event)
        else:
            self._news.append(event)

    def _compare(self, event: Event) -> None:
        """The next decision of the latest turn must be the one this event stands for."""
        if not self._pending:
            place = self._waiting_place()
            raise NonDeterminismError(event["eventId"], recorded(event), "nothing, it waits", place)
        command = self._pending.pop(0)
        if not matches(command, event):
            expected, got = difference(command, event)
            raise NonDeterminismError(event["eventId"], expected, got, command.place)
        self._by_event[event["eventId"]] = command
        if is_refusal(event):
            if command.type in CLOSES:
                self._closing = False
            self._news.append(event)

    def _waiting_place(self) -> str:
        place = self._main.place() if self._main is not None else None
        return f"{place[0]}:{place[1]}" if place is not None else ""

    # ---- running the code ------------------------------------------------------------------------------------------

    def _turn(self, started: int, replaying: bool) -> None:
        """Tell the code what the decider of this task had seen, and collect what it decides."""
        if self._pending:
            left = self._pending[0]
            got = described(left.type, left.attributes)
            raise NonDeterminismError(
                started, "DecisionTaskStarted: nothing more was decided before it", got, left.place
            )
        event, visible = self._starts[started]
        execution = self._execution
        execution.now_ms = milliseconds(event["eventTimestamp"])
        execution.info = replace(execution.info, events=started)
        execution.replaying = replaying
        self._ran = started
        with entered(execution):
            while self._taken < visible:
                news = self._news[self._taken]
                self._taken += 1
                self._tell(news)
                self._run()
            if self._main is not None and self._main.done() and not self._closing:
                self._close(self._main)
        self._pending, execution.commands = execution.commands, []

    def _run(self) -> None:
        execution = self._execution
        execution.scheduler.run()
        while execution.check_conditions():
            execution.scheduler.run()

    def _tell(self, event: Event) -> None:
        kind = event["eventType"]
        if kind in _TOLD:
            _TOLD[kind](self, attributes(event))
        elif is_refusal(event) and not attributes(event).get("initiatedEventId"):
            self._by_event[event["eventId"]].ended.set_result(event)
        elif kind in ENDS:
            self._end(event, attributes(event)[ENDS[kind]])

    def _end(self, event: Event, echo: int) -> None:
        command = self._by_event.get(echo)
        if command is None:
            raise DataError(f"event {event['eventId']} ({event['eventType']}) names event {echo}, which began nothing")
        command.ended.set_result(event)

    def _on_started(self, found: Event) -> None:
        info = self._execution.info
        parent = found.get("parentWorkflowExecution") or {}
        self._execution.info = replace(
            info,
            tags=tuple(found.get("tagList") or ()),
            parent_workflow_id=parent.get("workflowId"),
            continued_from_run_id=found.get("continuedExecutionRunId"),
        )
        self._main = self._execution.scheduler.spawn(self._begin(found.get("input")))

    async def _begin(self, input: str | None) -> str:
        bound = self._workflow.signature.decode(input)
        result = await self._workflow.function(*bound.args, **bound.kwargs)
        return self._workflow.signature.encode_result(result)

    def _on_signaled(self, found: Event) -> None:
        self._execution.on_signal(found["signalName"], found.get("input") or "null")

    def _on_cancel_requested(self, found: Event) -> None:
        if self._main is not None:
            self._main.cancel()

    def _on_child_started(self, found: Event) -> None:
        command = self._by_event.get(found["initiatedEventId"])
        if command is not None:
            command.began.set_result(found)

    def _close(self, main: Task[Any]) -> None:
        """The last decision: how the workflow function ended."""
        self._closing = True
        error = main.error() or self._lost_error()
        execution = self._execution
        if isinstance(error, ContinueAsNew):
            execution.issue("ContinueAsNewWorkflowExecution", {"input": error.input, **error.options})
        elif error is None:
            execution.issue("CompleteWorkflowExecution", {"result": main.result()})
        elif main.was_cancelled:
            execution.issue("CancelWorkflowExecution", {})
        elif isinstance(error, NonDeterminismError):
            raise error
        else:
            execution.issue("FailWorkflowExecution", failure(error))

    def _lost_error(self) -> BaseException | None:
        """A started task failed, and nobody awaited it: that is not passed over."""
        for task in self._execution.scheduler.tasks:
            error = task.error()
            if error is not None and not task.observed and not task.was_cancelled:
                return error
        return None


_TOLD: Final[dict[str, Callable[[Replay, Event], None]]] = {
    "WorkflowExecutionStarted": Replay._on_started,
    "WorkflowExecutionSignaled": Replay._on_signaled,
    "WorkflowExecutionCancelRequested": Replay._on_cancel_requested,
    "ChildWorkflowExecutionStarted": Replay._on_child_started,
}


def failure(error: BaseException) -> dict[str, str]:
    """`reason` and `details` of a failure, as workers and deciders of this SDK write them."""
    kind = getattr(error, "type", "") or type(error).__name__
    message = str(getattr(error, "message", "") or error)
    permanent = isinstance(error, PermanentError) or bool(getattr(error, "permanent", False))
    details = FailureDetails(message[:_TRACE], tracebacks.text(error)[-_TRACE:], permanent)
    return {"reason": str(kind)[:_REASON], "details": details.text()}


def milliseconds(timestamp: datetime | float) -> int:
    """A timestamp as boto3 (datetime) or the wire (seconds) has it."""
    seconds = timestamp.timestamp() if isinstance(timestamp, datetime) else timestamp
    return round(seconds * 1000)
