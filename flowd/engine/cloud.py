"""Which of AWS's services are here, which are passed through to AWS, and which are off: the switch of one daemon.

Integrations call services through it. It knows providers, not services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flowd.cloudsettings import HERE, MOCK, OFF
from flowd.engine.embedded import Embedded
from flowd.errors import NotYetBuilt


class Provider(Protocol):
    """Something else that has services: functions of this box, AWS itself."""

    #: True if a call that is repeated under its key has its effect once.
    once: bool

    def offers(self, service: str, operation: str) -> bool: ...

    async def invoke(self, service: str, operation: str, members: Mapping[str, Any], task: str) -> dict[str, Any]: ...


def refusal(setting: str, service: str, operation: str, *, here: bool, known: bool) -> str | None:
    """Why an operation is not to be had under a service's setting: `here` if flowd has it, `known` if the service."""
    if setting == OFF:
        return f"the service {service} is switched off in this daemon ([services] {service} in flowd.toml)"
    if setting == MOCK:
        return f'the service {service} is on "mock" in this daemon: the mock file alone answers its Tasks'
    if setting != HERE or here:
        return None
    way_out = f'to call AWS\'s own, write {service} = "aws" into [services] of flowd.toml'
    return f"{f'{operation} of {service}' if known else f'the service {service}'} is not built in flowd; {way_out}"


class Cloud:
    """`settings` is `[services]` of flowd.toml: "here", "off", "mock", "aws" or a URL, by service.

    `local` are providers beside the embedded services, by service; `remote` passes through to AWS.
    """

    def __init__(
        self,
        embedded: Embedded,
        settings: Mapping[str, str],
        remote: Provider | None = None,
    ) -> None:
        self._embedded = embedded
        self._settings = dict(settings)
        self._remote = remote
        self.local: dict[str, Provider] = {}

    def serves(self, service: str) -> bool:
        """True if clients of this daemon are answered here: a mock answers Tasks only."""
        return self._settings.get(service, HERE) in (HERE, MOCK)

    def refuse(self, service: str, operation: str) -> str | None:
        known = service in (*self._embedded.services, *self.local)
        here = self._is_here(service, operation)
        return refusal(self._settings.get(service, HERE), service, operation, here=here, known=known)

    def once(self, service: str) -> bool:
        if self._passed_on(service):
            return False
        provider = self.local.get(service)
        return True if provider is None else provider.once

    async def invoke(self, service: str, operation: str, members: Mapping[str, Any], task: str) -> dict[str, Any]:
        reason = self.refuse(service, operation)
        if reason is not None:
            raise NotYetBuilt(reason)
        if self._passed_on(service):
            assert self._remote is not None
            return await self._remote.invoke(service, operation, members, task)
        if service in self.local:
            return await self.local[service].invoke(service, operation, members, task)
        return await self._embedded.invoke(service, operation, members, task_key=task, who=f"task {task}")

    async def forget(self, service: str, task: str) -> None:
        if not self._passed_on(service) and service not in self.local:
            await self._embedded.forget(task)

    def _is_here(self, service: str, operation: str) -> bool:
        provider = self.local.get(service)
        if provider is not None:
            return provider.offers(service, operation)
        return self._embedded.offers(service, operation)

    def _passed_on(self, service: str) -> bool:
        return self._remote is not None and self._settings.get(service, HERE) not in (HERE, OFF, MOCK)
