"""`arn:aws:states:::states:startExecution`: an execution of another machine as a Task, in AWS's four patterns.

It asks the daemon's own operations and turns their answers into AWS's shapes. It polls nothing: `.sync` is told when
the child closes, and finds it again by its ARN (the answer to the submit call) after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, Literal

from flowd import names
from flowd.background import look_away
from flowd.clock import Clock
from flowd.decisions import Pattern
from flowd.errors import ApiError
from flowd.integrations import answers
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Failed, Operations, Outcome, Succeeded, TaskCall
from flowd.payload import Payload, dumps

_PARAMETERS: Final = frozenset({"StateMachineArn", "Name", "Input"})
_SYNC: Final = ("sync", "sync:2")
_DATES: Final = frozenset({"startDate", "stopDate", "redriveDate"})
_EXPRESS: Final = "is EXPRESS and runs, but cannot be waited for: use aws-sdk:sfn:startSyncExecution, or type STANDARD"
_DETAILS: Final = frozenset({"inputDetails", "outputDetails"})


class States:
    """Executions started by executions."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, operations: Operations, clock: Clock) -> None:
        self._operations = operations
        self._clock = clock
        self._children: dict[str, asyncio.Future[dict[str, Any]]] = {}  # the answer to the start, by the task's key

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        if action != "startExecution":
            return f"states:{action} is not an action of this integration; use states:startExecution or aws-sdk:sfn"
        return None

    async def call(self, task: TaskCall) -> Outcome:
        """Start the child. A call that a restarted daemon repeats finds the child of the first one."""
        try:
            members = _request(task)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        start = asyncio.ensure_future(
            self._operations.invoke("StartExecution", members, task.key, follows=task.pattern in _SYNC)
        )
        start.add_done_callback(look_away)
        self._children[task.key] = start
        try:
            # A start that is under way cannot be taken back: `cancel` waits for it, then stops the child.
            body = await asyncio.shield(start)
        except ApiError as error:
            return answers.optimised_error(task, "StepFunctions", "AWSStepFunctions", error)
        return Succeeded(Payload.of(self._started(body)))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        """The child's description once it has closed; States.TaskFailed unless it succeeded."""
        arn = submitted.value["ExecutionArn"]
        parts = names.split_arn(arn)
        if parts is not None and parts.kind == "express":
            return Failed("States.TaskFailed", f"{arn} {_EXPRESS}")
        self._children[task.key] = known = asyncio.get_running_loop().create_future()
        known.set_result({"executionArn": arn})
        try:
            while True:
                await self._operations.closed(arn)
                body = await self._operations.invoke("DescribeExecution", {"executionArn": arn}, task.key)
                if body["status"] != "RUNNING":  # it may have been redriven in between
                    break
        except ApiError as error:
            return Failed("States.TaskFailed", f"{error.code}: {error.message}")
        if body["status"] != "SUCCEEDED":
            return Failed("States.TaskFailed", dumps(_description(body, parsed=False)))
        return Succeeded(Payload.of(_description(body, parsed=task.pattern == "sync:2")))

    async def cancel(self, task: TaskCall) -> None:
        """A child that the Task waits for is stopped with it; one that was only started goes on, as on AWS."""
        start = self._children.pop(task.key, None)
        if start is None or task.pattern not in _SYNC:
            return
        try:
            arn = (await start)["executionArn"]
            await self._operations.invoke("StopExecution", {"executionArn": arn}, task.key)
        except ApiError:
            return  # it was never started, or is gone

    async def acknowledge(self, task: TaskCall) -> None:
        self._children.pop(task.key, None)

    def _started(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "ExecutionArn": body["executionArn"],
            **answers.http_metadata(len(dumps(body)), self._clock.now_ms()),
            "StartDate": answers.epoch_ms(body["startDate"]),
        }


def _request(task: TaskCall) -> dict[str, Any]:
    """StartExecution's members. Null counts as absent (recorded: callback/test_start_execution_sync)."""
    parameters = task.parameters.value
    if not isinstance(parameters, dict):
        raise Refusal("The parameters are not an object")
    for name in parameters:
        if name not in _PARAMETERS:
            raise Refusal(f'The field "{name}" is not supported by Step Functions')
    given = {name: answers.text_member(name, value) for name, value in parameters.items() if value is not None}
    if "StateMachineArn" not in given:
        raise Refusal("The field 'StateMachineArn' is required but was missing")
    members = {"stateMachineArn": given["StateMachineArn"], "name": given.get("Name") or answers.name_for(task)}
    if "Input" in given:
        members["input"] = given["Input"]
    return members


def _description(body: Mapping[str, Any], *, parsed: bool) -> dict[str, Any]:
    """DescribeExecution's answer in PascalCase and in order; `parsed`: Input and Output as JSON instead of text.

    The members of a redrive stand in recordings since that feature exists (end of 2023), not in older ones. A failed
    child's Input is text for `.sync:2` as well (measured on AWS by others).
    """
    shown: dict[str, Any] = {}
    for name in sorted(body):
        value = body[name]
        if name in _DATES:
            value = answers.epoch_ms(value)
        elif name in _DETAILS:
            value = {"Included": value["included"]}
        elif parsed and name in ("input", "output"):
            value = Payload(text=value).value
        shown[name[0].upper() + name[1:]] = value
    return shown
