"""The embedded services as the front of the API asks them: a client's request with its caller."""

from __future__ import annotations

from typing import Any

from flowd.api.wire.caller import Caller
from flowd.engine.embedded import Embedded
from flowd.engine.objects import Objects


class ObjectsBackend:
    """Answers for S3."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def offers(self, service: str, operation: str) -> bool:
        return self._objects.offers(service, operation)

    async def invoke(self, service: str, operation: str, members: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return await self._objects.call(operation, members, caller.who)


class EmbeddedBackend:
    """Answers for every service that is registered."""

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded

    def offers(self, service: str, operation: str) -> bool:
        return self._embedded.offers(service, operation)

    async def invoke(self, service: str, operation: str, members: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return await self._embedded.invoke(service, operation, members, who=caller.who, connected=caller.connected)
