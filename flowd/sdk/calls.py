"""What workflow code calls instead of the clock, chance and the outside world: every one of these replays."""

from __future__ import annotations

import logging
import random as _random
import uuid as _uuid
from collections.abc import Callable, MutableMapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flowd.sdk import data
from flowd.sdk.activities import Activity
from flowd.sdk.commands import attributes
from flowd.sdk.errors import ActivityFailed, ActivityTimedOut
from flowd.sdk.execution import Info, current, raise_if_refused, running
from flowd.sdk.options import ActivityOptions, Retry, Seconds, seconds
from flowd.sdk.scopes import seconds_until

T = TypeVar("T")
EXECUTE_STATE_MACHINE = "flowd.execute_state_machine"
EXECUTE_STATE_MACHINE_VERSION = "1"


async def sleep(duration: float | timedelta) -> None:
    """Wait, up to a year. The timer stands at the server: nothing of this process is needed meanwhile."""
    await current().timer(duration.total_seconds() if isinstance(duration, timedelta) else duration)


async def until(moment: datetime) -> None:
    """Wait for a point in time (with its time zone); one that has passed is no wait."""
    left = seconds_until(moment)
    if left:
        await current().timer(left)


def now() -> datetime:
    """The time of this decision, in UTC: the same at every replay."""
    return current().now()


def random() -> _random.Random:
    """A generator seeded by the run: `random().choice(drivers)`."""
    return current().random


def uuid4() -> _uuid.UUID:
    """A UUID drawn from the run's own stream."""
    return current().uuid4()


def side_effect(function: Callable[[], T], type: Any = Any) -> T:
    """Run a quick function once in the life of the execution and keep its value in a marker."""
    return current().side_effect(function, type)


def version(change: str, current_version: int = 1) -> int:
    """Which version of a change this execution runs: 0 for one that was past this place before the change."""
    return current().version(change, current_version)


def patched(change: str) -> bool:
    """True if this execution runs the code after the change, False if it had passed here before."""
    return current().version(change, 1) > 0


def info() -> Info:
    """Who this execution is, and how long its history has become."""
    return current().info


def set_status(text: str) -> None:
    """What DescribeWorkflowExecution and the console show as the latest execution context."""
    current().status = text[: data.LARGEST]


async def invoke_lambda(name: str, payload: object = None, timeout: Seconds | None = None, result: Any = Any) -> Any:
    """Run a function of the drop folder (a Lambda function) and give its result."""
    execution = current()
    members = {
        "id": execution.next_id(),
        "name": name,
        "input": data.encode(payload, f"the input of function {name}"),
        "startToCloseTimeout": None if timeout is None else str(int(seconds(timeout))),
    }
    event = await execution.issue("ScheduleLambdaFunction", members).ended
    what, found = f"function {name}", attributes(event)
    if event["eventType"] == "LambdaFunctionCompleted":
        return data.decode(found.get("result"), result, f"the result of function {name}")
    if event["eventType"] == "LambdaFunctionTimedOut":
        raise ActivityTimedOut(what, found.get("timeoutType") or "START_TO_CLOSE")
    raise_if_refused(event, what)
    raise ActivityFailed(what, found.get("reason") or "Failed", details=found.get("details"))


def _execute_state_machine(machine: str, input: Any, name: str) -> Any:
    """The worker has its own."""
    raise NotImplementedError


async def execute_state_machine(
    machine: str, input: object = None, *, name: str = "", result: Any = Any, timeout: Seconds | None = None
) -> Any:
    """Start a Step Functions execution and wait for its end; its output, or ActivityFailed with its error and cause.

    The execution's name is made from this run unless given, so that a worker that takes over finds it again.
    """
    execution = current()
    options = ActivityOptions(start_to_close=timeout, retry=Retry())
    task = Activity(
        _execute_state_machine, EXECUTE_STATE_MACHINE, EXECUTE_STATE_MACHINE_VERSION, remote=True, options=options
    )
    given = await task(machine, input, name or f"{execution.info.workflow_id[:40]}-{execution.uuid4().hex}")
    return data.decode(data.encode(given, "the output"), result, f"the output of {machine}")


class _Log(logging.LoggerAdapter[logging.Logger]):
    """Says things once: what is only replayed is silent."""

    def isEnabledFor(self, level: int) -> bool:
        execution = running()
        return not (execution is not None and execution.replaying) and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        execution = running()
        where = f"{execution.info.name} {execution.info.workflow_id}: " if execution is not None else ""
        return f"{where}{msg}", kwargs


log = _Log(logging.getLogger("workflow"), {})
