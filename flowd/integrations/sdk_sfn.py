"""`arn:aws:states:::aws-sdk:sfn:*`: every Step Functions operation of this daemon as a Task.

Parameters and results are those of the API in PascalCase, by the service's own model. It calls the daemon's operations
and knows none of them.
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

from botocore.model import ServiceModel

from flowd.decisions import Pattern
from flowd.errors import ApiError
from flowd.integrations import answers, models
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Failed, Operations, Outcome, Succeeded, TaskCall
from flowd.payload import Payload

#: A call of these that was lost cannot be repeated without running something twice; all others can: they read, say
#: what is to be, consume a token that is good once, or begin under a name or token of this attempt.
_ONCE: Final = frozenset({"StartSyncExecution"})
#: Members that make a repeated call begin nothing twice, where AWS would make up a random one.
_NAMED: Final[dict[str, str]] = {"StartExecution": "name", "RedriveExecution": "clientToken"}


class SdkSfn:
    """This daemon's API for its own executions."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        operation = models.upper(action)
        if action == operation or operation not in _model().operation_names:
            return f"Step Functions has no operation {action}; the name is an operation's in camelCase"
        if pattern not in ("", "waitForTaskToken"):
            return f"aws-sdk integrations have no .{pattern}; states:startExecution has"
        if not self._operations.offers(operation):
            return f"{operation} is not built in flowd yet"
        return None

    async def call(self, task: TaskCall) -> Outcome:
        """Ask the daemon."""
        operation = models.upper(task.action)
        if task.recovered and operation in _ONCE:
            return Failed("Sfn.SdkClientException", answers.LOST, answers.stage_of(task))
        model = _model().operation_model(operation)
        try:
            members = models.request(model.input_shape, task.parameters.value)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        if operation in _NAMED:
            members.setdefault(_NAMED[operation], answers.name_for(task))
        try:
            body = await self._operations.invoke(operation, members, task.key)
        except ApiError as error:
            return answers.sdk_error(task, "Sfn", error, error.code in models.error_names(_model()))
        return Succeeded(Payload.of(models.shown(model.output_shape, body)))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", "aws-sdk integrations have no .sync")

    async def cancel(self, task: TaskCall) -> None:
        return None  # a poll ends with the call; anything else is over in a moment

    async def acknowledge(self, task: TaskCall) -> None:
        return None


@cache
def _model() -> ServiceModel:
    found = models.model("stepfunctions")
    assert found is not None
    return found
