"""Which integration runs which service: one row each. A service without a row is refused when a machine is loaded.

A new kind of Task is one file in this package and one row in `ROWS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from flowd.clock import Clock
from flowd.decisions import Pattern
from flowd.functions import FunctionHost
from flowd.integrations import events, models
from flowd.integrations.apigateway import ApiGateway
from flowd.integrations.connections import Connections
from flowd.integrations.dynamodb import Dynamodb
from flowd.integrations.ecs import Ecs, TaskHost
from flowd.integrations.http import Http
from flowd.integrations.lambda_ import Lambda, Later
from flowd.integrations.noop import Noop
from flowd.integrations.optimised import Optimised
from flowd.integrations.ports import Cloud, Integration, Operations
from flowd.integrations.sdk import Sdk
from flowd.integrations.sdk_own import SWF, OwnSdk
from flowd.integrations.sns import Sns
from flowd.integrations.sqs import Sqs
from flowd.integrations.states import States


@dataclass(frozen=True)
class Ports:
    """What the daemon hands to integrations. A port that is None is not configured."""

    clock: Clock
    functions: FunctionHost | None = None
    later: Later | None = None  # None: asynchronous invocations are the function host's
    operations: Operations | None = None
    containers: TaskHost | None = None
    cloud: Cloud | None = None
    connections: Connections | None = None


#: service -> how its integration is made; None where a port it needs is not configured.
ROWS: Final[dict[str, Callable[[Ports], Integration | None]]] = {
    "apigateway": lambda ports: ApiGateway(),
    "aws-sdk": lambda ports: Sdk(ports.cloud) if ports.cloud else None,
    "aws-sdk:sfn": lambda ports: OwnSdk(ports.operations) if ports.operations else None,
    "aws-sdk:swf": lambda ports: OwnSdk(ports.operations, SWF) if ports.operations else None,
    "dynamodb": lambda ports: Dynamodb(ports.cloud, ports.clock) if ports.cloud else None,
    "ecs": lambda ports: Ecs(ports.containers, ports.clock) if ports.containers else None,
    "events": lambda ports: Optimised(events.PROFILE, ports.cloud, ports.clock) if ports.cloud else None,
    "flowd": lambda ports: Noop(),
    "http": lambda ports: Http(ports.connections, ports.clock) if ports.connections else None,
    "lambda": lambda ports: Lambda(ports.functions, ports.clock, ports.later) if ports.functions else None,
    "sns": lambda ports: Sns(ports.cloud, ports.clock) if ports.cloud else None,
    "sqs": lambda ports: Sqs(ports.cloud, ports.clock) if ports.cloud else None,
    "states": lambda ports: States(ports.operations, ports.clock) if ports.operations else None,
}
#: What the engine runs itself: activities are pulled by workers or answered by people.
_ENGINE: Final = frozenset({"activity"})


def not_built(service: str, built: Iterable[str]) -> str:
    """What is said of an integration that AWS has and flowd has not; `built` are the services of those that it has."""
    return f"the integration {service} is not built in flowd (built: {', '.join(sorted({*built, *_ENGINE}))})"


def refuse_unbuilt(service: str, action: str) -> str | None:
    """Why no daemon of this version could run such a Task, None if one could: whether this one is set up for it, only
    its own registry knows. An UnknownName if AWS has no such service or operation."""
    if service.startswith("aws-sdk:"):
        return models.unknown(service, action)
    return None if service in ROWS or service in _ENGINE else not_built(service, ROWS)


class Registry:
    """The integrations of one daemon."""

    def __init__(self, integrations: Mapping[str, Integration]) -> None:
        self._integrations = dict(integrations)

    @classmethod
    def of(cls, ports: Ports) -> Registry:
        """Every row whose ports are there."""
        made = {service: make(ports) for service, make in ROWS.items()}
        return cls({service: integration for service, integration in made.items() if integration is not None})

    def connect(self, ports: Ports) -> None:
        """Add the rows whose ports could only be made later."""
        self._integrations = {**Registry.of(ports)._integrations, **self._integrations}

    def find(self, service: str) -> Integration | None:
        """The integration of a service; `aws-sdk:s3` is served by a row of its own or by that of `aws-sdk`."""
        found = self._integrations.get(service)
        return found if found is not None else self._integrations.get(service.partition(":")[0])

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        """Why such a Task cannot run here, or None."""
        if service in _ENGINE:
            return None
        integration = self.find(service)
        if integration is not None:
            return integration.refuse(service, action, pattern)
        if service in ROWS:
            return f"the integration {service} is not configured in this daemon"
        return not_built(service, self._integrations)
