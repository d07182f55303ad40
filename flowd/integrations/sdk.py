"""`arn:aws:states:::aws-sdk:SERVICE:ACTION`: any operation of a service that this daemon has, or passes through to AWS.

Parameters and results go by the service's own model. It knows no service and no operation.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from botocore.model import OperationModel

from flowd.decisions import Pattern
from flowd.errors import ApiError
from flowd.integrations import answers, models
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Cloud, Failed, Outcome, Succeeded, TaskCall
from flowd.payload import Payload

#: Operations without effect, by AWS's habit of naming; only these are repeated where a repetition would count.
_READS: Final = re.compile(r"(Get|List|Describe|Head|BatchGet|Query|Scan|Search|Lookup|Select|Check|Test)[A-Z]?")


class Sdk:
    """Services by their API."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        unknown = models.unknown(service, action)
        if unknown is not None:
            return unknown
        if pattern not in ("", "waitForTaskToken"):
            return f"aws-sdk integrations have no .{pattern}"
        model = models.model(models.service_of(service))
        assert model is not None
        return self._cloud.refuse(str(model.service_name), models.upper(action))

    async def call(self, task: TaskCall) -> Outcome:
        """Ask the service."""
        model = await models.loaded(models.service_of(task.service))
        operation = None if model is None else models.operation(model, task.action)
        if model is None or operation is None:
            return Failed("States.Runtime", f"there is no {task.service}:{task.action}", "start")
        service, name = str(model.service_name), models.sdk_name(str(model.service_id))
        if task.recovered and not self._cloud.once(service) and not _READS.match(operation.name):
            return Failed(f"{name}.SdkClientException", answers.LOST, answers.stage_of(task))
        try:
            members = models.request(operation.input_shape, task.parameters.value)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        _complete(operation, members, task)
        try:
            body = await self._cloud.invoke(service, operation.name, members, task.key)
        except ApiError as error:
            return answers.sdk_error(task, name, error, error.code in models.error_names(model))
        return Succeeded(Payload.of(models.shown(operation.output_shape, body)))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", "aws-sdk integrations have no .sync")

    async def cancel(self, task: TaskCall) -> None:
        await self.acknowledge(task)

    async def acknowledge(self, task: TaskCall) -> None:
        await self._cloud.forget(models.service_of(task.service), task.key)


def _complete(operation: OperationModel, members: dict[str, Any], task: TaskCall) -> None:
    """What the SDK adds of itself: tokens that a repeated call has again, and for a body that is made of text its
    checksum and type (recorded: test_s3_put_object)."""
    for member in operation.idempotent_members:
        members.setdefault(member, answers.name_for(task))
    shape = operation.input_shape
    payload = None if shape is None else shape.serialization.get("payload")
    if isinstance(members.get(str(payload)), bytes):
        if "requestAlgorithmMember" in operation.http_checksum:
            members.setdefault(str(operation.http_checksum["requestAlgorithmMember"]), "CRC32")
        if "ContentType" in getattr(shape, "members", {}):
            members.setdefault("ContentType", "text/plain; charset=UTF-8")
