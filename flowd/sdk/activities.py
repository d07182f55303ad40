"""`@activity`: a function that may do anything, called by workflow code through SWF, typed like the function itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from flowd.sdk import data
from flowd.sdk.commands import Command, Event, attributes
from flowd.sdk.errors import ActivityFailed, ActivityTimedOut, CancelledError, Failure
from flowd.sdk.execution import Execution, current, raise_if_refused
from flowd.sdk.options import ActivityOptions, OnCancel, Retry, Seconds, changed
from flowd.sdk.scopes import shield

P = ParamSpec("P")
R = TypeVar("R")


class Activity(Generic[P, R]):
    """One activity type. Calling it in workflow code gives what to await; `function` is the plain function."""

    def __init__(
        self,
        function: Callable[P, R] | Callable[P, Coroutine[Any, Any, R]],
        name: str = "",
        version: str = "",
        remote: bool = False,
        options: ActivityOptions | None = None,
    ) -> None:
        self.function = function
        self.name = name or function.__name__
        self.version = version  # "" = that of the file it stands in
        self.remote = remote
        self.options = options or ActivityOptions()
        self.signature = data.Signature[R](function, f"activity {self.name}")
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, None, R]:
        """What to await: the activity's result, or ActivityFailed, ActivityTimedOut, NotAccepted."""
        execution = current()
        return _attempts(execution, self, self.signature.encode(*args, **kwargs))

    def with_options(
        self,
        *,
        start_to_close: Seconds | None = None,
        schedule_to_start: Seconds | None = None,
        schedule_to_close: Seconds | None = None,
        heartbeat: Seconds | None = None,
        retry: Retry | None = None,
        task_list: str | None = None,
        priority: int | None = None,
        on_cancel: OnCancel | None = None,
    ) -> Activity[P, R]:
        """The same activity, run differently."""
        given = {name: value for name, value in locals().items() if name != "self"}
        options = changed(self.options, given)
        return Activity(self.function, self.name, self.version, self.remote, options)


class _Decorator(Protocol):
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Activity[P, R]: ...


@overload
def activity(function: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...
@overload
def activity(function: Callable[P, R], /) -> Activity[P, R]: ...
@overload
def activity(
    *,
    name: str = ...,
    version: str = ...,
    remote: bool = ...,
    start_to_close: Seconds | None = ...,
    schedule_to_start: Seconds | None = ...,
    schedule_to_close: Seconds | None = ...,
    heartbeat: Seconds | None = ...,
    retry: Retry = ...,
    task_list: str | None = ...,
    priority: int | None = ...,
    on_cancel: OnCancel = ...,
) -> _Decorator: ...
def activity(
    function: Any = None, /, *, name: str = "", version: str = "", remote: bool = False, **options: Any
) -> Any:
    """Make a function an activity. `remote`: its worker is somebody else's; name its `version` and `task_list` then."""

    def decorate(function: Any) -> Activity[Any, Any]:
        return Activity(function, name, version, remote, ActivityOptions(**options))

    return decorate if function is None else decorate(function)


async def _attempts(execution: Execution, activity: Activity[P, R], input: str) -> R:
    """One attempt after the other, with pauses that are timers."""
    retry = activity.options.retry
    attempt = 1
    while True:
        try:
            return await attempt_once(execution, activity, input)
        except (ActivityFailed, ActivityTimedOut) as failure:
            if failure.permanent or not retry.again(attempt, failure.type):
                raise
        await execution.timer(retry.pause(attempt))
        attempt += 1


async def attempt_once(execution: Execution, activity: Activity[P, R], input: str) -> R:
    """Schedule it and wait for its end."""
    options = activity.options
    activity_id = execution.next_id()
    command = execution.issue(
        "ScheduleActivityTask",
        {
            "activityType": {"name": activity.name, "version": activity.version or execution.info.version},
            "activityId": activity_id,
            "input": input,
            "taskList": {"name": options.task_list or execution.info.task_list},
            **options.attributes(),
        },
    )
    try:
        event = await command.ended
    except CancelledError:
        await _cancel(execution, command, activity_id, options.on_cancel)
        raise
    return activity.signature.decode_result(_result(event, f"activity {activity.name}"))


async def _cancel(execution: Execution, command: Command, activity_id: str, how: OnCancel) -> None:
    if command.ended.done() or how == "abandon":
        return
    execution.issue("RequestCancelActivityTask", {"activityId": activity_id})
    if how == "wait":
        async with shield():
            await command.ended


def _result(event: Event, what: str) -> str | None:
    """The result text, or the failure raised."""
    found = attributes(event)
    kind = event["eventType"]
    if kind == "ActivityTaskCompleted":
        return found.get("result")
    if kind == "ActivityTaskTimedOut":
        raise ActivityTimedOut(what, found["timeoutType"], details=found.get("details"))
    if kind == "ActivityTaskCanceled":
        raise ActivityFailed(what, "Canceled", "the worker canceled it", found.get("details"))
    if kind == "ActivityTaskFailed":
        raise ActivityFailed(what, found.get("reason") or "Failed", details=found.get("details"))
    raise_if_refused(event, what)
    raise Failure(what, kind, "an event that is not known here")
