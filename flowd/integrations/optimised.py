"""Optimised integrations that are one call of one service: what they have in common.

The answer is that of the service with what version 1 of the Java SDK adds about the HTTP exchange, as recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.model import OperationModel

from flowd.clock import Clock
from flowd.decisions import Pattern
from flowd.errors import ApiError
from flowd.integrations import answers, models
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Cloud, Failed, Outcome, Succeeded, TaskCall
from flowd.payload import Payload, dumps


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What differs between them.

    `prefix` is that of error names (`DynamoDB`), `api` what causes call the service (`AmazonDynamoDBv2`), `unmodelled`
    the class of errors that its model does not have (`AmazonDynamoDBException`). `metadata` makes what is added to an
    answer, from its length in JSON and the time; None adds nothing. `request` turns parameters into members where
    there is more to do than the model says; it raises Refusal. `answer` makes the rest of the output of the answer.
    """

    service: str  # botocore's name
    prefix: str
    api: str
    unmodelled: str
    actions: Mapping[str, frozenset[str]]  # by action, its patterns
    metadata: Callable[[int, int], dict[str, Any]] | None = answers.http_metadata
    request: Callable[[OperationModel, TaskCall], dict[str, Any]] = field(
        default=lambda operation, task: models.request(operation.input_shape, task.parameters.value)
    )
    answer: Callable[[OperationModel, dict[str, Any]], dict[str, Any]] = field(
        default=lambda operation, body: models.shown(operation.output_shape, body, models.OPTIMISED)
    )
    failed: Callable[[TaskCall, dict[str, Any]], Failed | None] = field(default=lambda task, body: None)


class Optimised:
    """One service, by its profile."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, profile: Profile, cloud: Cloud, clock: Clock) -> None:
        self._profile = profile
        self._cloud = cloud
        self._clock = clock

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        patterns = self._profile.actions.get(action)
        if patterns is None:
            built = ", ".join(self._profile.actions)
            return f"{service}:{action} is not an action of this integration ({built}); use aws-sdk:{service}:{action}"
        if pattern not in patterns:
            return f"{service}:{action} has no .{pattern}"
        return self._cloud.refuse(self._profile.service, models.upper(action))

    async def call(self, task: TaskCall) -> Outcome:
        """Ask the service."""
        profile = self._profile
        model = await models.loaded(profile.service)
        assert model is not None
        operation = model.operation_model(models.upper(task.action))
        try:
            members = profile.request(operation, task)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        if task.recovered and not self._cloud.once(profile.service):
            return Failed(f"{profile.prefix}.SdkClientException", answers.LOST, answers.stage_of(task))
        try:
            body = await self._cloud.invoke(profile.service, operation.name, members, task.key)
        except ApiError as error:
            modelled = error.code in models.error_names(model)
            unmodelled = None if modelled else profile.unmodelled
            return answers.optimised_error(task, profile.prefix, profile.api, error, unmodelled)
        return profile.failed(task, body) or Succeeded(Payload.of(self._shown(operation, body)))

    def _shown(self, operation: OperationModel, body: dict[str, Any]) -> dict[str, Any]:
        shown = self._profile.answer(operation, body)
        if self._profile.metadata is None:
            return shown
        return {**shown, **self._profile.metadata(len(dumps(shown)), self._clock.now_ms())}

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", f"{task.resource} has no .sync")

    async def cancel(self, task: TaskCall) -> None:
        await self.acknowledge(task)

    async def acknowledge(self, task: TaskCall) -> None:
        await self._cloud.forget(self._profile.service, task.key)
