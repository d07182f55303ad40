"""`@workflow`: deterministic code that SWF replays; and what one workflow can do to another: start, signal, cancel."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, NoReturn, ParamSpec, Protocol, TypeVar, overload

from flowd.sdk import data
from flowd.sdk.commands import Command, Event, attributes
from flowd.sdk.errors import CancelledError, ChildFailed, ContinueAsNew, ExternalFailed, MisuseError
from flowd.sdk.execution import Execution, current, raise_if_refused
from flowd.sdk.options import ChildPolicy, OnCancel, Seconds, WorkflowOptions, changed
from flowd.sdk.scheduler import Task
from flowd.sdk.scopes import shield, start

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Workflow(Generic[P, R]):
    """One workflow type. Calling it in workflow code runs it as a child; `function` is the plain coroutine function."""

    def __init__(
        self,
        function: Callable[P, Coroutine[Any, Any, R]],
        name: str = "",
        version: str = "",
        remote: bool = False,
        options: WorkflowOptions | None = None,
    ) -> None:
        self.function = function
        self.name = name or function.__name__
        self.version = version  # "" = that of the file it stands in
        self.remote = remote
        self.options = options or WorkflowOptions()
        self.signature = data.Signature[R](function, f"workflow {self.name}")
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, None, R]:
        """What to await: the child's result, or ChildFailed, NotAccepted."""
        return _run_child(current(), self, self.signature.encode(*args, **kwargs))

    async def start_child(self, *args: P.args, **kwargs: P.kwargs) -> Child[R]:
        """Start it as a child and wait until it runs; await `child.result` for its end."""
        child: Child[R] = Child(current(), self, self.signature.encode(*args, **kwargs))
        child.result = start(child.run())
        await child.running()
        return child

    def continue_as_new(self, *args: P.args, **kwargs: P.kwargs) -> NoReturn:
        """Close this execution and begin a new run of it with this input and an empty history."""
        execution = current()
        if execution.info.name != self.name:
            raise MisuseError(f"{execution.info.name} cannot continue as {self.name}: SWF keeps the type")
        raise ContinueAsNew(self.signature.encode(*args, **kwargs), self.options.attributes())

    def with_options(
        self,
        *,
        workflow_id: str | None = None,
        execution_timeout: Seconds | None = None,
        decision_timeout: Seconds | None = None,
        child_policy: ChildPolicy | None = None,
        task_list: str | None = None,
        tags: tuple[str, ...] | None = None,
        priority: int | None = None,
        on_cancel: OnCancel | None = None,
        lambda_role: str | None = None,
    ) -> Workflow[P, R]:
        """The same workflow, started differently."""
        given = {name: value for name, value in locals().items() if name != "self"}
        return Workflow(self.function, self.name, self.version, self.remote, changed(self.options, given))


class _Decorator(Protocol):
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...


@overload
def workflow(function: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *,
    name: str = ...,
    version: str = ...,
    remote: bool = ...,
    execution_timeout: Seconds = ...,
    decision_timeout: Seconds = ...,
    child_policy: ChildPolicy = ...,
    workflow_id: str | None = ...,
    task_list: str | None = ...,
    tags: tuple[str, ...] = ...,
    priority: int | None = ...,
    on_cancel: OnCancel = ...,
    lambda_role: str = ...,
) -> _Decorator: ...
def workflow(
    function: Any = None, /, *, name: str = "", version: str = "", remote: bool = False, **options: Any
) -> Any:
    """Make an `async def` a workflow. `remote`: its decider is somebody else's; it can be started as a child only."""

    def decorate(function: Any) -> Workflow[Any, Any]:
        return Workflow(function, name, version, remote, WorkflowOptions(**options))

    return decorate if function is None else decorate(function)


class Child(Generic[R]):
    """A child execution, from its decision to its end."""

    result: Task[R]

    def __init__(self, execution: Execution, workflow: Workflow[Any, R], input: str) -> None:
        options = workflow.options
        self._execution = execution
        self._workflow = workflow
        self.workflow_id = options.workflow_id or f"{execution.info.workflow_id}.{_suffix(execution)}"
        self._command: Command = execution.issue(
            "StartChildWorkflowExecution",
            {
                "workflowType": {"name": workflow.name, "version": workflow.version or execution.info.version},
                "workflowId": self.workflow_id,
                "input": input,
                "taskList": {"name": options.task_list or execution.info.task_list},
                **options.attributes(),
            },
        )

    async def running(self) -> None:
        """Return once it runs; NotAccepted if it cannot."""
        command = self._command
        command.ended.when_done(lambda: command.began.set_result({}))
        await command.began
        if command.ended.done():
            raise_if_refused(command.ended.result(), f"child {self._workflow.name}")

    async def run(self) -> R:
        command = self._command
        try:
            event = await command.ended
        except CancelledError:
            how = self._workflow.options.on_cancel
            if not command.ended.done() and how != "abandon":
                await _end_child(self._execution, command, self.workflow_id, how)
            raise
        text = _child_result(event, f"child {self._workflow.name}")
        return self._workflow.signature.decode_result(text)

    async def signal(self, signal: Signal[T], value: T) -> None:
        """Send it a signal."""
        await signal.send(self.workflow_id, value)

    async def cancel(self) -> None:
        """Ask it to stop; its end is seen by `result`."""
        await cancel_workflow(self.workflow_id)


async def _run_child(execution: Execution, workflow: Workflow[Any, R], input: str) -> R:
    return await Child(execution, workflow, input).run()


def _suffix(execution: Execution) -> str:
    """Children of several runs of one workflowId may be open at once: the id draws on the run's own stream."""
    return f"{execution.next_id()}-{execution.uuid4().hex[:8]}"


async def _end_child(execution: Execution, command: Command, workflow_id: str, how: OnCancel) -> None:
    execution.issue("RequestCancelExternalWorkflowExecution", {"workflowId": workflow_id})
    if how == "wait":
        async with shield():
            await command.ended


_CHILD_ENDS = {
    "ChildWorkflowExecutionFailed": "FAILED",
    "ChildWorkflowExecutionTimedOut": "TIMED_OUT",
    "ChildWorkflowExecutionCanceled": "CANCELED",
    "ChildWorkflowExecutionTerminated": "TERMINATED",
}


def _child_result(event: Event, what: str) -> str | None:
    found = attributes(event)
    if event["eventType"] == "ChildWorkflowExecutionCompleted":
        return found.get("result")
    raise_if_refused(event, what)
    status = _CHILD_ENDS[event["eventType"]]
    reason = str(found.get("reason") or found.get("timeoutType") or status)
    raise ChildFailed(what, status, reason, details=found.get("details"))


class Signal(Generic[T]):
    """A signal by name and type of its value: `paid = Signal("paid", Payment)` at the top of the file."""

    @overload
    def __init__(self: Signal[Any], name: str) -> None: ...
    @overload
    def __init__(self, name: str, type: type[T]) -> None: ...
    def __init__(self, name: str, type: Any = Any) -> None:
        self.name = name
        self.type = type

    async def receive(self) -> T:
        """The next one; those that came earlier wait in line."""
        received: T = await current().receive(self.name, self.type)
        return received

    def waiting(self) -> int:
        """How many have come and not been received."""
        return len(current().signals.get(self.name, ()))

    async def send(self, workflow_id: str, value: T, run_id: str | None = None) -> None:
        """Signal another execution; ExternalFailed if there is none that is open."""
        input = data.encode(value, f"signal {self.name}")
        members = {"workflowId": workflow_id, "runId": run_id, "signalName": self.name, "input": input}
        await _external("SignalExternalWorkflowExecution", members, f"signal {self.name} to {workflow_id}")


async def cancel_workflow(workflow_id: str, run_id: str | None = None) -> None:
    """Ask another execution to stop; ExternalFailed if there is none that is open."""
    members = {"workflowId": workflow_id, "runId": run_id}
    await _external("RequestCancelExternalWorkflowExecution", members, f"cancel request to {workflow_id}")


async def _external(decision: str, members: dict[str, Any], what: str) -> None:
    event = await current().issue(decision, members).ended
    if event["eventType"].endswith("Failed"):
        raise ExternalFailed(what, attributes(event)["cause"], "there is no open execution of this id")
