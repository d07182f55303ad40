"""Versions of state machines: publish, list, delete."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd.api import arns
from flowd.api.services import Services
from flowd.api.wire import pages
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ValidationException
from flowd.store import machines


async def publish_state_machine_version(do: Services, request: Any, caller: Caller) -> Body:
    arn = arns.unqualified(request.stateMachineArn)
    machine = await do.machines.named(arn.name, arn.arn)
    version = await do.machines.publish(machine, request.revisionId, request.description or "")
    await do.audit.note(caller.who, "PublishStateMachineVersion", f"{machine.arn}:{version.number}")
    return {
        "creationDate": date(version.created_ms),
        "stateMachineVersionArn": f"{machine.arn}:{version.number}",
    }


async def list_state_machine_versions(do: Services, request: Any, caller: Caller) -> Body:
    """Newest first; an unknown machine has none."""
    arn = arns.machine(request.stateMachineArn)
    key = f"ListStateMachineVersions {arn.name}"
    before = do.pages.position(key, request.nextToken)
    machine = await do.machines.find(arn.name)
    if machine is None:
        return {"stateMachineVersions": []}
    size = pages.size(request.maxResults)
    bound = before if isinstance(before, int) else 1 << 62
    rows = await do.core.db.read(partial(machines.versions, machine_id=machine.id or 0, before=bound, limit=size + 1))
    items = [
        {"stateMachineVersionArn": f"{machine.arn}:{row.number}", "creationDate": date(row.created_ms)}
        for row in rows[:size]
    ]
    token = do.pages.token(key, rows[size - 1].number) if len(rows) > size else None
    return present(stateMachineVersions=items, nextToken=token)


async def delete_state_machine_version(do: Services, request: Any, caller: Caller) -> Body:
    """A version that is not there is fine; executions that are pinned to it go on. One that an alias names stays."""
    arn = arns.machine(request.stateMachineVersionArn)
    if arn.version is None:
        raise ValidationException(f"'{arn.arn}' names no version: its last part must be a number")
    machine = await do.machines.find(arn.name)
    if machine is not None:
        await do.aliases.refuse_routed(machine, arn.version)
        await do.machines.delete_version(machine, arn.version)
        await do.audit.note(caller.who, "DeleteStateMachineVersion", arn.arn)
    return {}


OPERATIONS = {
    "PublishStateMachineVersion": publish_state_machine_version,
    "ListStateMachineVersions": list_state_machine_versions,
    "DeleteStateMachineVersion": delete_state_machine_version,
}
