"""What an integration is: arguments in, outcome out. It knows neither the store nor the engine.

One file in this package is one kind of Task. What an integration needs of a service or of the engine is a port (a
Protocol) that `daemon` hands to its constructor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, Self, runtime_checkable

import msgspec

from flowd.decisions import Pattern, ScheduleTask
from flowd.payload import Payload
from flowd.services.ports import Delivery

STATES = "AWSStepFunctions"  # what targets on the wire begin with


class Runs(Protocol):
    """The execution that a call belongs to."""

    @property
    def arn(self) -> str: ...

    @property
    def machine_arn(self) -> str: ...


class TaskCall(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of one Task. `key` names it for ever: execution id, frame and attempt."""

    key: str
    execution_arn: str
    machine_arn: str
    state: str
    resource: str
    service: str
    action: str
    pattern: Pattern
    parameters: Payload
    token: str
    timeout_ms: int = 0  # what is left of TimeoutSeconds; 0 = none
    scheduled_ms: int = 0  # when the task was committed; lets `reattach` tell a lost call from one never made
    test_case: str = ""  # of an execution that was started with mocks
    retry_count: int = 0  # $$.State.RetryCount
    recovered: bool = False  # True when a restarted daemon asks again: only re-attach, never run twice

    @classmethod
    def of(cls, task: ScheduleTask, key: str, execution: Runs, scheduled_ms: int, **more: Any) -> Self:
        """The call that a decision asks for, under `key`."""
        return cls(
            key=key,
            execution_arn=execution.arn,
            machine_arn=execution.machine_arn,
            state=task.state,
            resource=task.resource,
            service=task.service,
            action=task.action,
            pattern=task.pattern,
            parameters=task.parameters,
            token=task.token,
            timeout_ms=task.timeout_ms,
            scheduled_ms=scheduled_ms,
            **more,
        )


class Succeeded(msgspec.Struct, frozen=True):
    """The task's result (request-response, `.sync`), or the answer to the submit call of a callback.

    `log` is what user code printed in this attempt; it is kept beside the history and shown to people. `sends` is
    brought to its targets once this outcome is on disk, and only then: it is written in the same commit.
    """

    output: Payload
    log: str = ""
    log_truncated: bool = False
    sends: tuple[Delivery, ...] = ()


class Failed(msgspec.Struct, frozen=True):
    """The task's error. `stage` says where: before it began, while submitting, or in its work."""

    error: str | None = None
    cause: str | None = None
    stage: Literal["start", "submit", "run"] = "run"
    log: str = ""
    log_truncated: bool = False


Outcome = Succeeded | Failed


class Integration(Protocol):
    """One kind of Task. All methods run on the event loop and never block it."""

    #: What a restarted daemon does with a call that was open: ask for it again (the other side knows `key`),
    #: fail the attempt and let Retry decide, or silently run it again (only for calls without effect).
    on_restart: Literal["reattach", "fail", "again"]

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        """At load time: why this integration cannot run such a Task, or None."""
        ...

    async def call(self, task: TaskCall) -> Outcome:
        """Request-response: do it. `.sync` and `.waitForTaskToken`: submit it; Succeeded becomes TaskSubmitted."""
        ...

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        """`.sync` only: wait until the submitted job has ended."""
        ...

    async def cancel(self, task: TaskCall) -> None:
        """The attempt is over for the engine (timeout, abort, failed sibling): stop what still runs."""
        ...

    async def acknowledge(self, task: TaskCall) -> None:
        """The outcome is on disk: the other side may forget it."""
        ...


@runtime_checkable
class Inspected(Protocol):
    """An integration that can show what it sent, and what was answered, before the call is acknowledged."""

    def inspect(self, task: TaskCall, *, reveal: bool) -> dict[str, Any]:
        """`request` and `response` of InspectionData; `reveal`: with what is secret."""
        ...


class Operations(Protocol):
    """This daemon's own operations of Step Functions and SWF, for Tasks that call them."""

    def offers(self, operation: str, service: str = STATES) -> bool:
        """True if the daemon has this operation (`StartExecution`)."""
        ...

    async def invoke(
        self,
        operation: str,
        members: Mapping[str, Any],
        task: str,
        *,
        follows: bool = False,
        service: str = STATES,
    ) -> dict[str, Any]:
        """The answer to a request of an attempt, both in the wire's form; raises ApiError.

        `task` is the key of the attempt: what it starts under one name, it starts once. `follows`: the execution that
        it starts is a part of it and is stopped with it.
        """
        ...

    async def closed(self, execution_arn: str) -> None:
        """Wait until an execution is over; returns at once if it is, or if there is none."""
        ...


class Cloud(Protocol):
    """AWS's services as Tasks call them: the embedded ones, and those that a daemon passes through to AWS."""

    def refuse(self, service: str, operation: str) -> str | None:
        """Why this daemon cannot call such an operation (botocore's names), or None."""
        ...

    def once(self, service: str) -> bool:
        """True if a call that is repeated under its key has its effect once, whatever happened to the daemon."""
        ...

    async def invoke(self, service: str, operation: str, members: Mapping[str, Any], task: str) -> dict[str, Any]:
        """The answer, as boto3 shows it (time stamps in seconds, bodies as bytes); raises ApiError."""
        ...

    async def forget(self, service: str, task: str) -> None:
        """The outcome of this attempt is on disk."""
        ...
