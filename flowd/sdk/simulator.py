"""A small SWF in memory: executions, histories, tasks, timers, children and signals on a clock that only tests move.

It knows what the SDK's deciders need and no more: no domains, types, pages, tokens or quotas. Bad input is a KeyError.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

_LIFE = "the execution's own life"
_TIMEOUT = "timeout "
_TIMEOUT_TYPES: Final = {
    "scheduleToStart": "SCHEDULE_TO_START",
    "scheduleToClose": "SCHEDULE_TO_CLOSE",
    "startToClose": "START_TO_CLOSE",
}
_CLOSE_STATUS: Final = {
    "WorkflowExecutionCompleted": "COMPLETED",
    "WorkflowExecutionFailed": "FAILED",
    "WorkflowExecutionCanceled": "CANCELED",
    "WorkflowExecutionTerminated": "TERMINATED",
    "WorkflowExecutionTimedOut": "TIMED_OUT",
    "WorkflowExecutionContinuedAsNew": "CONTINUED_AS_NEW",
}
_CHILD_EVENT: Final = {
    "COMPLETED": "ChildWorkflowExecutionCompleted",
    "FAILED": "ChildWorkflowExecutionFailed",
    "CANCELED": "ChildWorkflowExecutionCanceled",
    "TERMINATED": "ChildWorkflowExecutionTerminated",
    "TIMED_OUT": "ChildWorkflowExecutionTimedOut",
}


@dataclass(eq=False)
class Task:
    """An activity or Lambda task that is open: its Scheduled event, and its Started event once it is taken."""

    run: Run
    scheduled: int
    attributes: dict[str, Any]
    started: int = 0
    cancel_requested: int = 0
    kind: str = "ActivityTask"


@dataclass(eq=False)
class Run:
    """One execution."""

    workflow_id: str
    run_id: str
    type: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)
    status: str = "OPEN"
    decision: str = ""  # "", scheduled, started
    unseen: bool = False  # something came while a decision task was started
    context: str | None = None
    tasks: dict[str, Task] = field(default_factory=dict)  # by activityId
    timers: dict[str, tuple[int, int]] = field(default_factory=dict)  # timerId -> its event, when it is due
    children: dict[str, int] = field(default_factory=dict)  # workflowId -> its Initiated event
    parent: tuple[Run, int, int] | None = None  # it, its Initiated and Started events
    next_run: Run | None = None

    @property
    def closing(self) -> dict[str, Any]:
        """The attributes of the event that closed it."""
        latest = self.events[-1]
        found: dict[str, Any] = latest[member(latest["eventType"])]
        return found


class Swf:
    """All executions. Methods are named like the operations and decisions they stand for."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.runs: list[Run] = []
        self.open: dict[str, Run] = {}
        self.waiting: deque[Task] = deque()

    # ---- operations ------------------------------------------------------------------------------------------------

    def start(self, type: dict[str, str], workflow_id: str, given: dict[str, Any], **more: Any) -> Run:
        run = Run(workflow_id, f"run{len(self.runs) + 1}", type, parent=more.pop("parent", None))
        self.runs.append(run)
        self.open[workflow_id] = run
        kept = (
            "input",
            "executionStartToCloseTimeout",
            "taskStartToCloseTimeout",
            "childPolicy",
            "taskList",
            "tagList",
        )
        known = {key: given[key] for key in kept if key in given}
        self.write(run, "WorkflowExecutionStarted", workflowType=type, **known, **more)
        life = given.get("executionStartToCloseTimeout")
        if life:
            run.timers[_LIFE] = (1, self.now_ms + int(life) * 1000)
        self.ask(run)
        return run

    def signal(self, run: Run, name: str, text: str, **more: Any) -> None:
        given = {"input": text} if text else {}
        self.write(
            run, "WorkflowExecutionSignaled", signalName=name, **{"externalInitiatedEventId": 0, **given, **more}
        )
        self.ask(run)

    def request_cancel(self, run: Run, **more: Any) -> None:
        self.write(run, "WorkflowExecutionCancelRequested", **{"externalInitiatedEventId": 0, **more})
        self.ask(run)

    def terminate(self, run: Run, **more: Any) -> None:
        self.close(run, "WorkflowExecutionTerminated", childPolicy="TERMINATE", **more)

    def poll_for_decision_task(self) -> Run | None:
        """The next execution that asks for decisions; its history ends with DecisionTaskStarted now."""
        run = next((run for run in self.runs if run.decision == "scheduled"), None)
        if run is not None:
            run.decision, run.unseen = "started", False
            self.write(run, "DecisionTaskStarted", scheduledEventId=last(run, "DecisionTaskScheduled"))
        return run

    def time_out_decision_task(self, run: Run) -> None:
        """The decider was not heard of again."""
        started = last(run, "DecisionTaskStarted")
        scheduled = run.events[started - 1]["decisionTaskStartedEventAttributes"]["scheduledEventId"]
        ids = {"scheduledEventId": scheduled, "startedEventId": started}
        self.write(run, "DecisionTaskTimedOut", timeoutType="START_TO_CLOSE", **ids)
        run.decision = ""
        self.ask(run)

    def started(self, task: Task) -> Task:
        """A worker takes it."""
        if not task.started and task.run.status == "OPEN":
            task.started = self.write(task.run, f"{task.kind}Started", scheduledEventId=task.scheduled)
            self._disarm(task, "SCHEDULE_TO_START")
            self.arm(task, "startToClose")
        return task

    def ended(self, task: Task, how: str, **result: Any) -> bool:
        """A worker's answer: `how` is Completed, Failed, Canceled or TimedOut. False if it comes too late."""
        run = task.run
        if run.status != "OPEN" or run.tasks.get(task.attributes["activityId"]) is not task:
            return False
        del run.tasks[task.attributes["activityId"]]
        if task in self.waiting:
            self.waiting.remove(task)
        for kind in _TIMEOUT_TYPES.values():
            self._disarm(task, kind)
        given = {key: value for key, value in result.items() if value is not None}
        if how == "Canceled" and task.cancel_requested:
            given["latestCancelRequestedEventId"] = task.cancel_requested
        self.write(run, f"{task.kind}{how}", scheduledEventId=task.scheduled, startedEventId=task.started, **given)
        self.ask(run)
        return True

    # ---- time ------------------------------------------------------------------------------------------------------

    def next_due(self) -> int | None:
        """When time alone makes something happen."""
        dues = [due for run in self.open.values() for _, due in run.timers.values()]
        return min(dues, default=None)

    def fire_due(self) -> None:
        """Everything whose time has come, oldest first."""
        due = [
            (at, event, run, timer)
            for run in self.open.values()
            for timer, (event, at) in run.timers.items()
            if at <= self.now_ms
        ]
        for _, event, run, timer in sorted(due, key=lambda each: each[:2]):
            if run.status != "OPEN" or run.timers.get(timer, (0, 0))[0] != event:
                continue
            del run.timers[timer]
            if timer == _LIFE:
                self.close(run, "WorkflowExecutionTimedOut", timeoutType="START_TO_CLOSE", childPolicy="TERMINATE")
            elif timer.startswith(_TIMEOUT):
                kind, _, activity = timer.removeprefix(_TIMEOUT).partition(" ")
                if activity in run.tasks:
                    self.ended(run.tasks[activity], "TimedOut", timeoutType=kind)
            else:
                self.write(run, "TimerFired", timerId=timer, startedEventId=event)
                self.ask(run)

    def arm(self, task: Task, kind: str) -> None:
        """Let a timeout of an activity come, unless it ends before."""
        seconds = task.attributes.get(f"{kind}Timeout", "NONE")
        if seconds != "NONE":
            name = f"{_TIMEOUT}{_TIMEOUT_TYPES[kind]} {task.attributes['activityId']}"
            task.run.timers[name] = (task.scheduled, self.now_ms + int(seconds) * 1000)

    def _disarm(self, task: Task, kind: str) -> None:
        task.run.timers.pop(f"{_TIMEOUT}{kind} {task.attributes['activityId']}", None)

    # ---- writing ---------------------------------------------------------------------------------------------------

    def write(self, run: Run, kind: str, **attributes: Any) -> int:
        """Append an event; its id."""
        event_id = len(run.events) + 1
        run.events.append(
            {
                "eventId": event_id,
                "eventTimestamp": self.now_ms / 1000,
                "eventType": kind,
                member(kind): attributes,
            }
        )
        return event_id

    def ask(self, run: Run) -> None:
        """A decision task, unless one is open: then the news is seen by it, or asks for another one when it ends."""
        if run.status != "OPEN":
            return
        if run.decision == "":
            run.decision = "scheduled"
            self.write(run, "DecisionTaskScheduled", taskList={"name": "simulated"})
        elif run.decision != "scheduled":
            run.unseen = True

    def close(self, run: Run, kind: str, **attributes: Any) -> None:
        self.write(run, kind, **attributes)
        run.status = _CLOSE_STATUS[kind]
        run.decision = ""
        run.timers.clear()
        self.waiting = deque(task for task in self.waiting if task.run is not run)
        del self.open[run.workflow_id]
        if run.parent is not None and run.status in _CHILD_EVENT:
            self._tell_parent(run, attributes)
        if run.status in ("TERMINATED", "TIMED_OUT"):
            for child in [self.open[each] for each in run.children if each in self.open]:
                self.terminate(child, cause="CHILD_POLICY_APPLIED")

    def _tell_parent(self, run: Run, attributes: dict[str, Any]) -> None:
        assert run.parent is not None
        parent, initiated, started = run.parent
        if parent.status != "OPEN":
            return
        parent.children.pop(run.workflow_id, None)
        told = {key: attributes[key] for key in ("result", "reason", "details", "timeoutType") if key in attributes}
        who = {"workflowExecution": named(run), "workflowType": run.type}
        ids = {"initiatedEventId": initiated, "startedEventId": started}
        self.write(parent, _CHILD_EVENT[run.status], **who, **ids, **told)
        self.ask(parent)


def member(kind: str) -> str:
    """Where an event of this type has its attributes."""
    return f"{kind[0].lower()}{kind[1:]}EventAttributes"


def last(run: Run, kind: str) -> int:
    """The id of the latest event of a type."""
    return int(next(event["eventId"] for event in reversed(run.events) if event["eventType"] == kind))


def named(run: Run) -> dict[str, str]:
    """As events name an execution."""
    return {"workflowId": run.workflow_id, "runId": run.run_id}
