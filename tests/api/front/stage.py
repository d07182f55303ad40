"""The front over a real engine, asked through ASGI as a server would, with functions that obey the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import httpx

from flowd import httpsettings
from flowd.api.backends import EmbeddedBackend
from flowd.api.front.server import HttpFront
from flowd.api.functions import Functions
from flowd.api.lambda_api import LambdaBackend
from flowd.api.operations import operations
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.protocols.front import Backend, Front
from flowd.config import Config
from flowd.functions import FunctionResult
from flowd.payload import dumps, loads
from flowd.routes import Route
from flowd.sam.template import read_template
from tests.api.box import Box

BASE = "https://api.test"


class Host:
    """Functions as Python callables over events."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[[Any], Any]] = {}
        self.events: list[Any] = []
        self.acknowledged: list[str] = []
        self.cancelled: list[str] = []

    async def knows(self, function: str) -> bool:
        return function in self.handlers

    async def invoke(self, key: str, function: str, payload_text: str, *_: Any, **more: Any) -> FunctionResult:
        self.events.append(loads(payload_text))
        found = self.handlers[function](self.events[-1])
        return found if isinstance(found, FunctionResult) else FunctionResult(output_text=dumps(found))

    async def cancel(self, key: str) -> None:
        self.cancelled.append(key)

    async def acknowledge(self, key: str) -> None:
        self.acknowledged.append(key)


def lambda_backend(functions: Functions, later: list[tuple[str, str]]) -> LambdaBackend:
    """Lambda over those functions; what is to be called later stays in a list."""

    class Nothing:
        functions = ()
        operations: Mapping[str, Any] = MappingProxyType({})

    async def post(delivery: Any) -> None:
        later.append(delivery)

    async def states() -> dict[str, str]:
        return {}

    backend: Any = LambdaBackend
    made: LambdaBackend = backend(functions, Nothing(), post, states, lambda arn, text: (arn, text), Nothing())
    return made


class Stage:
    """A front with some settings and routes."""

    def __init__(self, box: Box, *routes: Route, **settings: Any) -> None:
        self.box = box
        self.host = Host()
        self.later: list[tuple[str, str]] = []  # asynchronous invocations
        core = box.world.core
        given = {"callbacks": True, "approvals": True, "url": BASE, **settings}
        http = httpsettings.read(given, ("127.0.0.1", 0), "flowd.toml")
        config = box.services.config
        changed = Config(
            workflows=config.workflows, data=config.data, socket=config.socket, listen=config.listen, http=http
        )
        object.__setattr__(box.services, "config", changed)
        object.__setattr__(box.services, "link_secret", "secret")
        functions = Functions(self.host, "us-east-1", "000000000000")
        keys = Credentials("AKIA", "secret")
        clock = box.world.clock
        table = operations(box.services)
        services: dict[str, Backend] = dict.fromkeys(core.embedded.services, EmbeddedBackend(core.embedded))
        services["lambda"] = lambda_backend(functions, self.later)
        front = Front(services)
        self.front = HttpFront(http, table, functions, keys, clock, "us-east-1", "000000000000", front)
        self.front.set_routes(routes)
        transport = httpx.ASGITransport(app=self.front.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=BASE)

    @classmethod
    def of_template(cls, box: Box, text: str, **settings: Any) -> Stage:
        """A front with the routes of a template, whose code is taken for granted; it has no problems."""
        project = read_template(text, source="template.yaml")
        assert not project.problems, project.problems
        return cls(box, *project.routes, **settings)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.http.request(method, path, **more)

    async def json(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Status and body."""
        answer = await self.ask(method, path, **more)
        return answer.status_code, answer.json() if answer.content else None
