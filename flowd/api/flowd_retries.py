"""flowd's own operations on the ways on from an execution (docs/api.md): fork, heartbeat, preview."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from flowd.api.services import Services
from flowd.api.sizes import check_size
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ExecutionDoesNotExist
from flowd.payload import Payload
from flowd.store import reads, schema


class Fork(msgspec.Struct, kw_only=True):
    executionArn: str
    state: str | None = None
    input: str | None = None
    variables: str | None = None
    name: str | None = None
    reason: str | None = None
    dryRun: bool = False


class Redrive(msgspec.Struct, kw_only=True):
    executionArn: str


class Beat(msgspec.Struct, kw_only=True):
    id: str


async def fork_execution(do: Services, request: Fork, caller: Caller) -> Body:
    """Start an execution with the same definition at one of its states; with dryRun only say what it would run."""
    origin = await _find(do, request.executionArn)
    most = do.config.limits.payload_bytes
    for member in ("input", "variables"):
        check_size(getattr(request, member) or "", member, most)
    plan = await do.retries.plan(origin, request.state, request.input, request.variables)
    told = present(state=plan.state, willRun=plan.will_run, input=plan.input.text, variables=_text(plan.variables))
    if request.dryRun:
        return told
    started = await do.retries.fork(origin, plan, request.name, caller.who, request.reason or "")
    return {"executionArn": started.arn, "startDate": date(started.started_ms), **told}


def _text(payload: Payload | None) -> str | None:
    return payload.text if payload is not None else None


async def preview_redrive(do: Services, request: Redrive, caller: Caller) -> Body:
    """What RedriveExecution would go on with, or why it would refuse."""
    origin = await _find(do, request.executionArn)
    reason = do.core.executions.why_not_redrivable(origin)
    ahead = await do.retries.ahead(origin) if reason is None else []
    return present(
        willRun=[present(frame=each.frame, state=each.state, error=each.error) for each in ahead], reason=reason
    )


async def heartbeat_prompt(do: Services, request: Beat, caller: Caller) -> Body:
    """The open task is being worked on."""
    await do.retries.heartbeat(request.id, caller.who)
    return {}


async def _find(do: Services, text: str) -> schema.Execution:
    arn = do.any_execution_arn(text)
    row = await do.core.db.read(partial(reads.find, arn=arn.arn, canonical=arn.canonical))
    if row is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{text}'")
    return row


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ForkExecution": (Fork, fork_execution),
    "PreviewRedrive": (Redrive, preview_redrive),
    "HeartbeatPrompt": (Beat, heartbeat_prompt),
}
