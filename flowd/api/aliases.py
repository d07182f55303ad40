"""Aliases of state machines: create, update, delete, describe, list; and what a qualified ARN of a start leads to."""

from __future__ import annotations

from typing import Any, NamedTuple

from flowd.api import arns
from flowd.api.machines import find_version
from flowd.api.services import Services
from flowd.api.wire import pages
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.engine.aliases import Route, routing
from flowd.engine.machines import Version
from flowd.errors import ResourceNotFound, StateMachineDoesNotExist, ValidationException
from flowd.store import schema


class Target(NamedTuple):
    """What an execution is started by: nothing but the machine, a version, or an alias and the version drawn for it."""

    version: Version | None = None
    alias: str | None = None


async def find_target(do: Services, machine: schema.StateMachine, arn: arns.MachineArn) -> Target:
    """The version or alias an ARN names. What is neither is no state machine."""
    if not arn.qualifier or arn.version is not None:
        return Target(await find_version(do, machine, arn))
    alias = await do.aliases.find(machine, arn.qualifier)
    version = await do.machines.version(machine, do.aliases.draw(alias)) if alias is not None else None
    if version is None:
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn.arn}'")
    return Target(version, arn.qualifier)


async def create_state_machine_alias(do: Services, request: Any, caller: Caller) -> Body:
    routes = _routes(request.routingConfiguration)
    machine, alias = await do.aliases.create(request.name, request.description or "", routes)
    await do.audit.note(caller.who, "CreateStateMachineAlias", f"{machine.arn}:{alias.name}")
    return {"stateMachineAliasArn": f"{machine.arn}:{alias.name}", "creationDate": date(alias.created_ms)}


async def update_state_machine_alias(do: Services, request: Any, caller: Caller) -> Body:
    arn = _alias(request.stateMachineAliasArn)
    if request.description is None and request.routingConfiguration is None:
        raise ValidationException("At least one of description and routingConfiguration must be specified")
    routes = _routes(request.routingConfiguration) if request.routingConfiguration is not None else None
    machine = await do.machines.find(arn.name)
    alias = await do.aliases.update(machine, arn.qualifier, request.description, routes)
    await do.audit.note(caller.who, "UpdateStateMachineAlias", arn.arn)
    return {"updateDate": date(alias.updated_ms)}


async def delete_state_machine_alias(do: Services, request: Any, caller: Caller) -> Body:
    """An alias that is not there is fine."""
    arn = _alias(request.stateMachineAliasArn)
    machine = await do.machines.find(arn.name)
    if machine is not None:
        await do.aliases.delete(machine, arn.qualifier)
        await do.audit.note(caller.who, "DeleteStateMachineAlias", arn.arn)
    return {}


async def describe_state_machine_alias(do: Services, request: Any, caller: Caller) -> Body:
    arn = _alias(request.stateMachineAliasArn)
    machine = await do.machines.find(arn.name)
    alias = await do.aliases.find(machine, arn.qualifier) if machine is not None else None
    if machine is None or alias is None:
        raise ResourceNotFound
    return present(
        stateMachineAliasArn=f"{machine.arn}:{alias.name}",
        name=alias.name,
        description=alias.description or None,
        routingConfiguration=[
            {"stateMachineVersionArn": f"{machine.arn}:{version}", "weight": weight}
            for version, weight in routing(alias)
        ],
        creationDate=date(alias.created_ms),
        updateDate=date(alias.updated_ms),
    )


async def list_state_machine_aliases(do: Services, request: Any, caller: Caller) -> Body:
    """In the order of creation (recorded); a version's ARN lists those that route to it."""
    arn = arns.machine(request.stateMachineArn)
    key = f"ListStateMachineAliases {arn.name}:{arn.qualifier}"
    after = do.pages.position(key, request.nextToken) or 0
    size = pages.size(request.maxResults)
    machine = await do.machines.named(arn.name, arn.arn)
    version = await find_version(do, machine, arn)
    rows = [
        alias
        for alias in (await do.aliases.of(machine)).values()
        if (alias.id or 0) > int(after) and (version is None or version.number in dict(routing(alias)))
    ]
    items = [
        {"stateMachineAliasArn": f"{machine.arn}:{alias.name}", "creationDate": date(alias.created_ms)}
        for alias in rows[:size]
    ]
    token = do.pages.token(key, rows[size - 1].id or 0) if len(rows) > size else None
    return present(stateMachineAliases=items, nextToken=token)


def _routes(items: list[Any]) -> list[Route]:
    found = []
    for item in items:
        arn = arns.machine(item.stateMachineVersionArn)
        found.append(Route(arn.arn, arn.name, arn.version, item.weight))
    return found


def _alias(text: str) -> arns.MachineArn:
    arn = arns.machine(text)
    if not arn.qualifier or arn.version is not None:
        raise ValidationException(f"'{text}' names no alias: it must end in an alias' name")
    return arn


OPERATIONS = {
    "CreateStateMachineAlias": create_state_machine_alias,
    "UpdateStateMachineAlias": update_state_machine_alias,
    "DeleteStateMachineAlias": delete_state_machine_alias,
    "DescribeStateMachineAlias": describe_state_machine_alias,
    "ListStateMachineAliases": list_state_machine_aliases,
}
