"""Lambda's five operations on EventInvokeConfig: how asynchronous invocations are tried, and who hears of their end.

What a template says of a function is changed there, not here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from flowd import names
from flowd.api.functions import Functions
from flowd.clock import Clock
from flowd.engine.deliveries.invokesettings import LATEST, InvokeConfigs
from flowd.functions import AsyncSettings
from flowd.services.ports import ServiceError

#: Who can be told, by the service of an ARN.
DESTINATIONS: Final = ("sqs", "sns", "lambda", "events")


class InvokeConfigOperations:
    """Answers for them; members are those of AWS's model."""

    def __init__(self, functions: Functions, configs: InvokeConfigs, clock: Clock) -> None:
        self._functions = functions
        self._configs = configs
        self._clock = clock
        self.operations: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "DeleteFunctionEventInvokeConfig": self.delete,
            "GetFunctionEventInvokeConfig": self.get,
            "ListFunctionEventInvokeConfigs": self.listed,
            "PutFunctionEventInvokeConfig": self.put,
            "UpdateFunctionEventInvokeConfig": self.update,
        }

    async def put(self, members: dict[str, Any]) -> dict[str, Any]:
        """In place of what there was."""
        return await self._change(members, AsyncSettings())

    async def update(self, members: dict[str, Any]) -> dict[str, Any]:
        """What is not given stays."""
        function, qualifier, arn = await self._known(members)
        kept = self._configs.kept(function).get(qualifier)
        if kept is None:
            raise _none(arn)
        return await self._change(members, kept[0])

    async def get(self, members: dict[str, Any]) -> dict[str, Any]:
        function, qualifier, arn = await self._known(members)
        owned = self._configs.owned(function)
        kept = (owned, self._clock.now_ms()) if owned else self._configs.kept(function).get(qualifier)
        if kept is None:
            raise _none(arn)
        return _shown(arn, *kept)

    async def delete(self, members: dict[str, Any]) -> dict[str, Any]:
        function, qualifier, arn = await self._known(members)
        self._refuse_owned(function)
        if qualifier not in self._configs.kept(function):
            raise _none(arn)
        await self._configs.delete(function, qualifier)
        return {}

    async def listed(self, members: dict[str, Any]) -> dict[str, Any]:
        function, qualifier, arn = await self._known(members)
        owned = self._configs.owned(function)
        bare = arn.removesuffix(f":{qualifier}")
        kept = {LATEST: (owned, self._clock.now_ms())} if owned else self._configs.kept(function)
        return {"FunctionEventInvokeConfigs": [_shown(f"{bare}:{name}", *each) for name, each in kept.items()]}

    async def _known(self, members: dict[str, Any]) -> tuple[str, str, str]:
        """Function, qualifier, qualified ARN."""
        function, arn = await self._functions.known(members["FunctionName"], members.get("Qualifier") or "")
        bare = ":".join(arn.split(":")[:7])
        qualifier = arn[len(bare) + 1 :] or LATEST
        return function, qualifier, f"{bare}:{qualifier}"

    async def _change(self, members: dict[str, Any], before: AsyncSettings) -> dict[str, Any]:
        function, qualifier, arn = await self._known(members)
        self._refuse_owned(function)
        given: dict[str, Any] = {}
        for member, name in (("MaximumRetryAttempts", "retries"), ("MaximumEventAgeInSeconds", "age_s")):
            if members.get(member) is not None:
                given[name] = members[member]
        destinations = members.get("DestinationConfig") or {}
        for member, name in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
            if member in destinations:
                given[name] = _destination((destinations[member] or {}).get("Destination") or "", member)
        settings = msgspec.structs.replace(before, **given)
        now_ms = self._clock.now_ms()
        await self._configs.put(function, qualifier, settings, now_ms)
        return _shown(arn, settings, now_ms)

    def _refuse_owned(self, function: str) -> None:
        if self._configs.owned(function) is not None:
            said = f"The template of {function} says how its events are invoked; change it there."
            raise ServiceError("ResourceConflictException", said, status=409, Type="User")


def _destination(arn: str, member: str) -> str:
    if arn:
        parts = names.split_arn(arn)
        if parts is None or parts.service not in DESTINATIONS or arn.endswith(".fifo"):
            kinds = "queues, topics, functions and event buses can be told here, no FIFO ones"
            said = f"The destination ARN {arn} of {member} is invalid: {kinds}."
            raise ServiceError("InvalidParameterValueException", said, Type="User")
    return arn


def _shown(arn: str, settings: AsyncSettings, changed_ms: int) -> dict[str, Any]:
    return {
        "LastModified": changed_ms / 1000,
        "FunctionArn": arn,
        "MaximumRetryAttempts": settings.retries,
        "MaximumEventAgeInSeconds": settings.age_s,
        "DestinationConfig": {
            "OnSuccess": {"Destination": settings.on_success} if settings.on_success else {},
            "OnFailure": {"Destination": settings.on_failure} if settings.on_failure else {},
        },
    }


def _none(arn: str) -> ServiceError:
    said = f"The function {arn} doesn't have an EventInvokeConfig"
    return ServiceError("ResourceNotFoundException", said, status=404, Type="User")
