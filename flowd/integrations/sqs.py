"""`arn:aws:states:::sqs:sendMessage`, also `.waitForTaskToken`: a message into a queue, as recorded of AWS.

A body that is an object is sent as its JSON. Whatever is wrong with a message the service says, not the integration.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from botocore.model import OperationModel

from flowd.clock import Clock
from flowd.integrations import answers, models
from flowd.integrations.optimised import Optimised, Profile
from flowd.integrations.ports import Cloud, Failed, Outcome, TaskCall


def _request(operation: OperationModel, task: TaskCall) -> dict[str, Any]:
    """Parameters that are missing or null go out as nothing: it is SQS that misses them (recorded: empty_body)."""
    given = task.parameters.value
    if isinstance(given, dict):
        blank = {name: "" for name in operation.input_shape.required_members}
        given = {**blank, **{name: value for name, value in given.items() if value is not None}}
    return models.request(operation.input_shape, given)


_PROFILE: Final = Profile(
    service="sqs",
    prefix="SQS",
    api="AmazonSQS",
    unmodelled="AmazonSQSException",
    actions={"sendMessage": frozenset({"", "waitForTaskToken"})},
    request=_request,
)


class Sqs(Optimised):
    """SendMessage."""

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        super().__init__(_PROFILE, cloud, clock)

    async def call(self, task: TaskCall) -> Outcome:
        host = _no_host(task)
        if host is not None:
            cause = f"Unable to execute HTTP request: {host}: Name or service not known"
            return Failed("SQS.SdkClientException", cause, answers.stage_of(task))
        return await super().call(task)


def _no_host(task: TaskCall) -> str | None:
    """The SDK sends to the host in the queue's URL; what names no queue behind it is a host that nobody knows
    (recorded: no_such_queue)."""
    given = task.parameters.value
    url = given.get("QueueUrl") if isinstance(given, dict) else None
    if not isinstance(url, str) or not url:
        return None
    parts = urlsplit(url)
    if parts.netloc:
        return None if parts.path.strip("/") else parts.netloc
    return url.strip("/").partition("/")[0]
