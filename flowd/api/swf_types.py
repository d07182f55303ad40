"""SWF workflow and activity types: the same operations for both, made from one table."""

from __future__ import annotations

from typing import Any

from flowd.api import swf_render
from flowd.api.services import Services
from flowd.api.swf_pages import page
from flowd.api.wire.answers import Body
from flowd.api.wire.caller import Caller
from flowd.swf.registration import Key, Kind, RegisteredType, check_status, defaults_of


def _key(kind: Kind, request: Any) -> Key:
    named = getattr(request, f"{kind}Type")
    return kind, named.name, named.version


def _operations(kind: Kind) -> dict[str, Any]:
    """Register, deprecate, bring back, delete, describe and list types of a kind."""

    async def register(do: Services, request: Any, caller: Caller) -> None:
        wanted = RegisteredType(
            kind=kind,
            name=request.name,
            version=request.version,
            description=request.description,
            created_ms=0,
            defaults=defaults_of(kind, swf_render.members(request)),
        )
        await do.core.swf.register_type(request.domain, wanted)

    async def deprecate(do: Services, request: Any, caller: Caller) -> None:
        await do.core.swf.deprecate_type(request.domain, _key(kind, request))

    async def undeprecate(do: Services, request: Any, caller: Caller) -> None:
        await do.core.swf.undeprecate_type(request.domain, _key(kind, request))

    async def delete(do: Services, request: Any, caller: Caller) -> None:
        await do.core.swf.delete_type(request.domain, _key(kind, request))

    async def describe(do: Services, request: Any, caller: Caller) -> Body:
        found = do.core.swf.domain(request.domain).type(_key(kind, request))
        return {"typeInfo": swf_render.type_info(found), "configuration": swf_render.configuration(found)}

    async def listing(do: Services, request: Any, caller: Caller) -> Body:
        return _list(do, request, kind)

    name = f"{kind.capitalize()}Type"
    return {
        f"Register{name}": register,
        f"Deprecate{name}": deprecate,
        f"Undeprecate{name}": undeprecate,
        f"Delete{name}": delete,
        f"Describe{name}": describe,
        f"List{name}s": listing,
    }


def _list(do: Services, request: Any, kind: Kind) -> Body:
    """By name, then version."""
    status = check_status(request.registrationStatus)
    found = sorted(
        each.key
        for each in do.core.swf.domain(request.domain).types.values()
        if each.kind == kind and each.status == status and request.name in (None, each.name)
    )
    domain = do.core.swf.domain(request.domain)
    key = f"List {kind} {request.domain} {request.name} {status}"
    return page(do, request, key, "typeInfos", [swf_render.type_info(domain.types[each]) for each in found])


OPERATIONS = {**_operations("workflow"), **_operations("activity")}
