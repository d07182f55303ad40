"""What a history says about each state: events folded into visits. Pure, and fed page by page.

A visit is one stay of one line of control (a frame) in one state. Which state of the definition that is follows from
the frame's id: "0/3.7" is branch 7 of what frame "0" was standing in when it forked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from console.jsonlines import parse

Path = tuple[str, ...]

_BEGUN = ("TaskScheduled", "ActivityScheduled", "LambdaFunctionScheduled")
_WRONG = ("Failed", "TimedOut")
_ANEW = frozenset({"MapStateStarted", "ParallelStateStarted", "MapStateExited", "ParallelStateExited"})
_CLOSED = {"ExecutionFailed": "FAILED", "ExecutionTimedOut": "TIMED_OUT", "ExecutionAborted": "ABORTED"}
_ITERATION = {
    "MapIterationStarted": "RUNNING",
    "MapIterationSucceeded": "SUCCEEDED",
    "MapIterationFailed": "FAILED",
    "MapIterationAborted": "ABORTED",
}


@dataclass(slots=True)
class Visit:
    """One stay in one state. Times are epoch seconds; `end` is None while it lasts."""

    path: Path
    frame: str
    entered: int
    start: float
    end: float | None = None
    status: str = "RUNNING"
    attempts: int = 0
    error: str = ""
    cause: str = ""
    items: int | None = None
    rounds: dict[int, str] = field(default_factory=dict)  # of a Map: the status of each iteration that began
    wrong: bool = False
    run: str = ""  # of a Distributed Map: the ARN of its Map Run, whose items are executions of their own
    came_to: dict[str, int] = field(default_factory=dict)  # how many of these have each status, as the daemon counts

    @property
    def tallied(self) -> Counter[str]:
        """How many items of a Map have each status."""
        return Counter(self.came_to) if self.came_to else Counter(self.rounds.values())


@dataclass
class Journal:
    """The visits of one execution, in the order they began."""

    visits: list[Visit] = field(default_factory=list)
    last: int = 0
    started: float | None = None
    ended: float | None = None
    redriven: int = 0
    _at: dict[str, Visit] = field(default_factory=dict)
    _container: dict[str, Path] = field(default_factory=dict)

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        """Take in the next events; one that was seen before is passed over."""
        for event in events:
            if event["id"] > self.last:
                self.last = event["id"]
                self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        kind, frame = event["type"], event.get("frame", "0")
        if kind == "ExecutionStarted":
            self.started = event["timestamp"]
        elif kind.endswith("StateEntered"):
            self._enter(event, frame)
        elif kind in _CLOSED or kind == "ExecutionSucceeded":
            self._close(event, frame)
        elif kind == "ExecutionRedriven":
            self._redrive()
        elif kind in _ITERATION:
            self._iterate(event, frame, _ITERATION[kind])
        else:
            visit = self._at.get(frame)
            if visit is not None:
                self._touch(visit, event, kind)

    def _enter(self, event: dict[str, Any], frame: str) -> None:
        name = event["stateEnteredEventDetails"]["name"]
        visit = Visit((*self._scope(frame), name), frame, event["id"], event["timestamp"])
        self._at[frame] = visit
        self.visits.append(visit)

    def _scope(self, frame: str) -> Path:
        """The container path of a frame; "*" stands for every item of a Map, a number for a branch of a Parallel."""
        parent, _, branch = frame.rpartition("/")
        if not parent:
            return ()
        holder = self._at.get(parent)
        if holder is None:
            return self._container.get(frame, ())
        inner = "*" if holder.items is not None else branch.rpartition(".")[2]
        return self._container.setdefault(frame, (*holder.path, inner))

    def _iterate(self, event: dict[str, Any], frame: str, status: str) -> None:
        """The event stands in the iteration's frame; the Map is what the frame above is in."""
        details, above = details_of(event), frame.rpartition("/")[0]
        for holder in (self._at.get(above), self._at.get(frame)):
            if holder is not None and holder.items is not None and holder.path[-1] == details.get("name"):
                holder.rounds[details.get("index", -1)] = status
                return

    def _touch(self, visit: Visit, event: dict[str, Any], kind: str) -> None:
        if kind == "MapStateStarted":
            visit.items = event.get("mapStateStartedEventDetails", {}).get("length", 0)
        if kind in ("MapRunStarted", "MapRunRedriven"):
            visit.run = details_of(event).get("mapRunArn") or visit.run
        if kind in ("MapStateFailed", "ParallelStateFailed"):
            self._end_below(visit.frame, event["timestamp"])
        if kind in _ANEW:
            self._forget_below(visit.frame)
        self._mark(visit, event, kind)

    def _mark(self, visit: Visit, event: dict[str, Any], kind: str) -> None:
        if kind in _BEGUN:
            visit.attempts += 1
            visit.wrong = False
        elif kind.endswith("StateExited"):
            visit.end = event["timestamp"]
            visit.status = "CAUGHT" if visit.wrong else "SUCCEEDED"
        elif kind.endswith("StateAborted"):
            visit.end, visit.status = event["timestamp"], "ABORTED"
        elif kind.endswith(_WRONG):
            self._wrong(visit, event, kind)

    def _end_below(self, frame: str, at: float) -> None:
        """A container failed: what was going inside of it is over."""
        for other, visit in self._at.items():
            if other.startswith(frame + "/") and visit.end is None:
                visit.end, visit.status = at, "FAILED" if visit.wrong else "ABORTED"

    def _forget_below(self, frame: str) -> None:
        """A container was left or begins anew: a redrive will not come back to what was inside of it."""
        for other in [name for name in self._at if name.startswith(frame + "/")]:
            del self._at[other]

    @staticmethod
    def _wrong(visit: Visit, event: dict[str, Any], kind: str) -> None:
        details = details_of(event)
        visit.wrong = True
        visit.error = details.get("error") or ("States.Timeout" if kind.endswith("TimedOut") else visit.error)
        visit.cause = details.get("cause") or ""

    def _close(self, event: dict[str, Any], frame: str) -> None:
        self.ended = event["timestamp"]
        status = _CLOSED.get(event["type"])
        if status is None:
            return
        failed = self._at.get(frame)
        for visit in self._at.values():
            if visit.end is not None:
                continue
            visit.end = event["timestamp"]
            blamed = visit is failed or visit.wrong
            visit.status = status if blamed or status == "TIMED_OUT" else "ABORTED"
            if visit is failed and not visit.error:
                details = details_of(event)
                visit.error, visit.cause = details.get("error", ""), details.get("cause", "")

    def _redrive(self) -> None:
        self.ended = None
        self.redriven += 1
        for visit in self._at.values():
            if visit.status in ("FAILED", "ABORTED", "TIMED_OUT"):
                visit.status, visit.end, visit.wrong = "RUNNING", None, False

    def count_items(self, runs: Mapping[str, dict[str, int]]) -> None:
        """What the items of each Map Run have come to, by its ARN."""
        for visit in self.visits:
            if visit.run in runs:
                visit.came_to = runs[visit.run]

    def unfinished(self) -> list[Visit]:
        """The visits a redrive would continue: the last one of each line of control that did not end well."""
        return [visit for visit in self._at.values() if visit.status in ("FAILED", "ABORTED", "TIMED_OUT")]


def details_of(event: dict[str, Any]) -> dict[str, Any]:
    """The details object of an event (SWF says attributes); {} for the types that have none."""
    return next((value for name, value in event.items() if name.endswith(("EventDetails", "EventAttributes"))), {})


def message_of(cause: Any) -> str:
    """What a cause says: functions put theirs as `errorMessage`, workflow files as `message`, into a JSON object beside
    the stack trace."""
    told = parse(cause)[0] if isinstance(cause, str) and cause.startswith("{") else None
    message = (told.get("errorMessage") or told.get("message")) if isinstance(told, dict) else None
    return message if isinstance(message, str) and message else str(cause or "")


def state_of(event: dict[str, Any], names: dict[str, str]) -> str:
    """The state an event belongs to. `names` maps a frame to the state it is in and is kept up to date by this call."""
    details, frame = details_of(event), event.get("frame", "0")
    if event["type"].endswith("StateEntered"):
        names[frame] = details["name"]
    if event["type"].startswith("Execution"):
        return ""
    return str(details.get("name") or names.get(frame, ""))
