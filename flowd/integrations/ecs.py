"""`arn:aws:states:::ecs:runTask`: a container task, in AWS's three patterns.

It asks the cluster of this box and turns its answers into AWS's shapes. It starts no container and knows no runner:
the cluster keeps a task by the attempt's key, so a call that is repeated after a crash finds the task of the first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol

from flowd.background import look_away
from flowd.clock import Clock
from flowd.decisions import Pattern
from flowd.errors import ApiError
from flowd.integrations import answers
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Failed, Outcome, Succeeded, TaskCall
from flowd.payload import Payload, dumps

STARTED_BY: Final = "AWS Step Functions"
#: What ecs:runTask takes (developer guide, "Run Amazon ECS or Fargate tasks"), and which kind of value.
_PARAMETERS: Final[Mapping[str, type]] = {
    "CapacityProviderStrategy": list,
    "Cluster": str,
    "Count": int,
    "EnableECSManagedTags": bool,
    "EnableExecuteCommand": bool,
    "Group": str,
    "LaunchType": str,
    "NetworkConfiguration": dict,
    "Overrides": dict,
    "PlacementConstraints": list,
    "PlacementStrategy": list,
    "PlatformVersion": str,
    "PropagateTags": str,
    "ReferenceId": str,
    "StartedBy": str,
    "Tags": list,
    "TaskDefinition": str,
}
_KINDS: Final = {list: "LIST", str: "STRING", int: "INTEGER", bool: "BOOLEAN", dict: "STRUCTURE"}
_DATES: Final = frozenset(
    {
        *("connectivityAt", "createdAt", "executionStoppedAt", "pullStartedAt", "pullStoppedAt", "startedAt"),
        *("stoppedAt", "stoppingAt"),
    }
)


class Ended(Protocol):
    """How a task ended."""

    @property
    def description(self) -> dict[str, Any]: ...

    @property
    def succeeded(self) -> bool: ...

    @property
    def log(self) -> str: ...

    @property
    def log_truncated(self) -> bool: ...


class TaskHost(Protocol):
    """The cluster."""

    async def run(self, members: Mapping[str, Any], key: str = "") -> list[dict[str, Any]]:
        """Tasks as described when they were begun; raises ApiError. The same key again: the tasks of the first time."""
        ...

    async def ended(self, task_id: str) -> Ended:
        """Wait until a task is over."""
        ...

    async def stop_task(self, task_id: str, reason: str) -> dict[str, Any]:
        """Ask it to end."""
        ...


class Ecs:
    """Container tasks of this box."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, host: TaskHost, clock: Clock) -> None:
        self._host = host
        self._clock = clock
        #: Of the attempts that wait for their task: the answer to its start.
        self._starts: dict[str, asyncio.Future[list[dict[str, Any]]]] = {}

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        if action != "runTask":
            return f"ecs:{action} is not an action of this integration; use ecs:runTask"
        return f"ecs:runTask has no .{pattern}" if pattern == "sync:2" else None

    async def call(self, task: TaskCall) -> Outcome:
        try:
            members = _request(task)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        start = asyncio.ensure_future(self._host.run(members, task.key))
        start.add_done_callback(look_away)
        if task.pattern == "sync":
            self._starts[task.key] = start
        try:
            # A start that is under way cannot be taken back: `cancel` waits for it, then stops the task.
            begun = await asyncio.shield(start)
        except ApiError as error:
            return answers.optimised_error(task, "ECS", "AmazonECS", error)
        body = {"failures": [], "tasks": begun}
        shown = {
            "Failures": [],
            **answers.http_metadata(len(dumps(body)), self._clock.now_ms()),
            "Tasks": [shape(each) for each in begun],
        }
        return Succeeded(Payload.of(shown))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        """The task's description once it is over; States.TaskFailed with it as the cause unless all went well."""
        arn = submitted.value["Tasks"][0]["TaskArn"]
        self._starts[task.key] = known = asyncio.get_running_loop().create_future()
        known.set_result([{"taskArn": arn}])
        try:
            ended = await self._host.ended(_task_id(arn))
        except ApiError as error:
            return Failed("States.TaskFailed", f"{error.code}: {error.message}")
        described = shape(ended.description)
        if not ended.succeeded:
            return Failed("States.TaskFailed", dumps(described), "run", ended.log, ended.log_truncated)
        return Succeeded(Payload.of(described), ended.log, ended.log_truncated)

    async def cancel(self, task: TaskCall) -> None:
        """A task that is waited for is stopped with the attempt; one that was only started goes on, as on AWS."""
        start = self._starts.pop(task.key, None)
        if start is None:
            return
        try:
            arn = (await start)[0]["taskArn"]
            await self._host.stop_task(_task_id(arn), f"the Task {task.state} of {task.execution_arn} was stopped")
        except ApiError:
            return  # it never began, or is over and forgotten

    async def acknowledge(self, task: TaskCall) -> None:
        self._starts.pop(task.key, None)


def _task_id(arn: str) -> str:
    return arn.rpartition("/")[2]


def _request(task: TaskCall) -> dict[str, Any]:
    """RunTask's members in the API's own spelling. Null counts as absent, as with the other integrations."""
    parameters = task.parameters.value
    if not isinstance(parameters, dict):
        raise Refusal("The parameters are not an object")
    members: dict[str, Any] = {}
    for name, value in parameters.items():
        kind = _PARAMETERS.get(name)
        if kind is None:
            raise Refusal(f'The field "{name}" is not supported by Step Functions')
        if value is None:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Refusal(f"The value for the field '{name}' must be a {_KINDS[kind]}")
        members[_lower(name)] = _spelled(value, _lower)
    if "taskDefinition" not in members:
        raise Refusal("The field 'TaskDefinition' is required but was missing")
    if task.pattern and members.get("count", 1) != 1:
        raise Refusal("The field 'Count' must be 1 where the Task waits for its container task")
    members.setdefault("startedBy", STARTED_BY)
    return members


def shape(description: Mapping[str, Any]) -> dict[str, Any]:
    """A task as Step Functions shows it: PascalCase in alphabetical order, dates as numbers of milliseconds."""
    dated = {name: answers.epoch_ms(value) if name in _DATES else value for name, value in description.items()}
    shown: dict[str, Any] = _spelled(dict(sorted(dated.items())), _upper)
    return shown


def _spelled(value: Any, spell: Any) -> Any:
    if isinstance(value, dict):
        return {spell(name): _spelled(inner, spell) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spelled(inner, spell) for inner in value]
    return value


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]
