"""Answers to tasks by their token."""

from __future__ import annotations

from typing import Any

from flowd.api.services import Services
from flowd.api.sizes import check_size
from flowd.api.wire.answers import Body
from flowd.api.wire.caller import Caller
from flowd.errors import InvalidOutput
from flowd.payload import InvalidJson, Payload


async def send_task_success(do: Services, request: Any, caller: Caller) -> Body:
    """The token is looked at before the output (recorded: a bad token with an output that is no JSON)."""
    check_size(request.output, "output", do.config.limits.payload_bytes)
    await do.core.tasks.find(request.taskToken)
    try:
        output = Payload.parse(request.output)
    except InvalidJson as error:
        raise InvalidOutput(f"Invalid Output: 'Output is not valid JSON: {error}'") from None
    await do.core.tasks.succeed(request.taskToken, output)
    return {}


async def send_task_failure(do: Services, request: Any, caller: Caller) -> Body:
    await do.core.tasks.fail(request.taskToken, request.error, request.cause)
    return {}


async def send_task_heartbeat(do: Services, request: Any, caller: Caller) -> Body:
    await do.core.tasks.heartbeat(request.taskToken)
    return {}


OPERATIONS = {
    "SendTaskSuccess": send_task_success,
    "SendTaskFailure": send_task_failure,
    "SendTaskHeartbeat": send_task_heartbeat,
}
