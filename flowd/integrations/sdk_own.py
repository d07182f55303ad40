"""`aws-sdk:sfn:*` and `aws-sdk:swf:*`: every operation of this daemon's two workflow services as a Task.

Parameters and results are those of the API in PascalCase, by the service's own model. It calls the daemon's operations
and knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from botocore.model import ServiceModel

from flowd.decisions import Pattern
from flowd.errors import ApiError
from flowd.integrations import answers, models
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Failed, Operations, Outcome, Succeeded, TaskCall
from flowd.names import UnknownName
from flowd.payload import Payload


@dataclass(frozen=True)
class Profile:
    """One of the two services.

    `once`: a call of these that was lost cannot be repeated without doing something twice; all others can: they read,
    say what is to be, consume a token that is good once, or begin under a name of this attempt. `named` are members
    that make a repeated call begin nothing twice, where AWS would make up a random one.
    """

    model: str  # botocore's name
    title: str
    errors: str  # what errors begin with
    target: str
    once: frozenset[str]
    named: Mapping[str, str]


SFN: Final = Profile(
    model="stepfunctions",
    title="Step Functions",
    errors="Sfn",
    target="AWSStepFunctions",
    once=frozenset({"StartSyncExecution"}),
    named={"StartExecution": "name", "RedriveExecution": "clientToken"},
)
SWF: Final = Profile(
    model="swf",
    title="Amazon SWF",
    errors="Swf",
    target="SimpleWorkflowService",
    once=frozenset({"SignalWorkflowExecution", "RequestCancelWorkflowExecution", "PollForActivityTask",
                    "PollForDecisionTask"}),
    named={},
)  # fmt: skip


class OwnSdk:
    """This daemon's API for its own executions."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, operations: Operations, profile: Profile = SFN) -> None:
        self._operations = operations
        self._profile = profile
        found = models.model(profile.model)
        assert found is not None
        self._model: ServiceModel = found

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        operation = models.upper(action)
        if models.operation(self._model, action) is None:
            return UnknownName(
                f"{self._profile.title} has no operation {action}; the name is an operation's in camelCase"
            )
        if pattern not in ("", "waitForTaskToken"):
            return f"aws-sdk integrations have no .{pattern}; states:startExecution has"
        if not self._operations.offers(operation, self._profile.target):
            return f"{operation} is not built in flowd yet"
        return None

    async def call(self, task: TaskCall) -> Outcome:
        """Ask the daemon."""
        operation = models.upper(task.action)
        profile = self._profile
        if task.recovered and operation in profile.once:
            return Failed(f"{profile.errors}.SdkClientException", answers.LOST, answers.stage_of(task))
        model = self._model.operation_model(operation)
        try:
            members = models.request(model.input_shape, task.parameters.value)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        if operation in profile.named:
            members.setdefault(profile.named[operation], answers.name_for(task))
        try:
            body = await self._operations.invoke(operation, members, task.key, service=profile.target)
        except ApiError as error:
            return answers.sdk_error(task, profile.errors, error, error.code in models.error_names(self._model))
        return Succeeded(Payload.of(models.shown(model.output_shape, body)))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", "aws-sdk integrations have no .sync")

    async def cancel(self, task: TaskCall) -> None:
        return None  # a poll ends with the call; anything else is over in a moment

    async def acknowledge(self, task: TaskCall) -> None:
        return None
