"""Values that say how an activity or a workflow is run: timeouts, retries, child policies. SWF's names, in Python."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, TypeVar

from flowd import names
from flowd.sdk.errors import MisuseError

Seconds = float | timedelta
ChildPolicy = Literal["TERMINATE", "REQUEST_CANCEL", "ABANDON"]
OnCancel = Literal["request", "wait", "abandon"]
AUTOMATIC_HEARTBEAT_S = 60
_O = TypeVar("_O", "ActivityOptions", "WorkflowOptions")


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after `first` seconds, then `factor` times as long, never longer than `maximum`.

    `attempts` counts all of them; None is without end. Errors named in `unless` (by class name) are not retried, nor is
    a PermanentError. Timeouts are retried as well.
    """

    first: float = 1.0
    factor: float = 2.0
    maximum: float = 100.0
    attempts: int | None = None
    unless: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.first < 0 or self.factor < 1 or self.maximum < 0 or (self.attempts is not None and self.attempts < 1):
            raise MisuseError(f"{self}: first and maximum are 0 or more, factor and attempts 1 or more")

    def pause(self, attempt: int) -> float:
        """Seconds before the attempt after `attempt` (the first is 1)."""
        try:
            return float(min(self.maximum, self.first * self.factor ** (attempt - 1)))
        except OverflowError:
            return self.maximum

    def again(self, attempt: int, error: str) -> bool:
        """True if this error of this attempt is to be retried."""
        return error not in self.unless and (self.attempts is None or attempt < self.attempts)


ONCE = Retry(attempts=1)


@dataclass(frozen=True, slots=True)
class ActivityOptions:
    """How an activity is scheduled.

    Without `heartbeat` the worker beats by itself, so a lost worker is noticed within a minute; with it, the activity
    must call heartbeat() that often.
    """

    start_to_close: Seconds | None = None
    schedule_to_start: Seconds | None = None
    schedule_to_close: Seconds | None = None
    heartbeat: Seconds | None = None
    retry: Retry = ONCE
    task_list: str | None = None
    priority: int | None = None
    on_cancel: OnCancel = "request"

    def attributes(self) -> dict[str, Any]:
        """Members of a ScheduleActivityTask decision. All timeouts are given: a type need not have defaults."""
        beat = self.heartbeat if self.heartbeat is not None else AUTOMATIC_HEARTBEAT_S
        return {
            "startToCloseTimeout": duration(self.start_to_close),
            "scheduleToStartTimeout": duration(self.schedule_to_start),
            "scheduleToCloseTimeout": duration(self.schedule_to_close),
            "heartbeatTimeout": duration(beat),
            "taskPriority": None if self.priority is None else str(self.priority),
        }


@dataclass(frozen=True, slots=True)
class WorkflowOptions:
    """How an execution is started. Its own life is a year at most."""

    execution_timeout: Seconds = 31_536_000
    decision_timeout: Seconds = 30
    child_policy: ChildPolicy = "TERMINATE"
    workflow_id: str | None = None
    task_list: str | None = None
    tags: tuple[str, ...] = ()
    priority: int | None = None
    on_cancel: OnCancel = "wait"
    lambda_role: str = names.role_arn()  # for invoke_lambda; on this box any role will do

    def attributes(self) -> dict[str, Any]:
        """Members of StartWorkflowExecution, StartChildWorkflowExecution and ContinueAsNewWorkflowExecution."""
        return {
            "executionStartToCloseTimeout": duration(self.execution_timeout),
            "taskStartToCloseTimeout": duration(self.decision_timeout),
            "childPolicy": self.child_policy,
            "tagList": list(self.tags) or None,
            "taskPriority": None if self.priority is None else str(self.priority),
        }


def changed(options: _O, given: dict[str, Any]) -> _O:
    """The options with those given (None: not given)."""
    return replace(options, **{name: value for name, value in given.items() if value is not None})


def seconds(value: Seconds) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def duration(value: Seconds | None) -> str:
    """As SWF has it: whole seconds as text, or NONE. Never shorter than asked for."""
    if value is None:
        return "NONE"
    whole = -int(-seconds(value) // 1)
    if not 0 <= whole <= 31_536_000:
        raise MisuseError(f"{whole} s is no timeout: SWF has 0 to 31536000 s (a year)")
    return str(whole)
