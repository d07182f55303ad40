"""Tags of machines and activities. Versions, executions and everything unknown are no resources here."""

from __future__ import annotations

from typing import Any

from flowd import names
from flowd.api import arns
from flowd.api.services import Services
from flowd.api.wire.answers import Body
from flowd.api.wire.caller import Caller
from flowd.engine import tags
from flowd.errors import InvalidArn, ResourceNotFound
from flowd.store import schema

Resource = schema.StateMachine | schema.Activity


async def _find(do: Services, arn: str) -> Resource:
    parts = names.split_arn(arn)
    if parts is None:
        raise InvalidArn(f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    found: Resource | None = None
    if parts.kind == "activity":
        found = await do.machines.activities.find(arns.activity(arn))
    elif parts.kind == "stateMachine" and ":" not in parts.rest and "/" not in parts.rest:
        found = await do.machines.find(parts.rest)
    if found is None:
        raise ResourceNotFound(f"Resource not found: '{arn}'", resourceName=arn)
    return found


async def _store(do: Services, resource: Resource, wanted: dict[str, str]) -> None:
    if isinstance(resource, schema.StateMachine):
        await do.machines.set_tags(resource, wanted)
    else:
        await do.machines.activities.set_tags(resource.name, wanted)


async def tag_resource(do: Services, request: Any, caller: Caller) -> Body:
    found = await _find(do, request.resourceArn)
    new = [(tag.key or "", tag.value or "") for tag in request.tags]
    await _store(do, found, tags.add(tags.read(found.tags), new, request.resourceArn))
    return {}


async def untag_resource(do: Services, request: Any, caller: Caller) -> Body:
    """Keys that are not there are fine."""
    found = await _find(do, request.resourceArn)
    kept = {key: value for key, value in tags.read(found.tags).items() if key not in request.tagKeys}
    await _store(do, found, kept)
    return {}


async def list_tags_for_resource(do: Services, request: Any, caller: Caller) -> Body:
    found = await _find(do, request.resourceArn)
    return {"tags": [{"key": key, "value": value} for key, value in tags.read(found.tags).items()]}


OPERATIONS = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
