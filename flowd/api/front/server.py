"""The front put together: its settings, its work, its listener. Made by `daemon`, started after the API."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from flowd.api.front.app import Application
from flowd.api.front.aside import if_long
from flowd.api.front.authorizers import Authorizers
from flowd.api.front.guard import Guard
from flowd.api.front.links import signing_key
from flowd.api.front.upstream import Upstream
from flowd.api.front.work import Work
from flowd.api.functions import Functions
from flowd.api.server import Addresses, Server
from flowd.api.wire.app import Operation
from flowd.api.wire.caller import Caller
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.protocols.front import Front
from flowd.api.wire.sigv4 import Verifier
from flowd.clock import Clock, SystemClock
from flowd.httpsettings import HttpSettings
from flowd.payload import dumps
from flowd.routes import Route

log = logging.getLogger(__name__)


class HttpFront:
    """HTTP routes of one daemon. Without a listener in the settings it does nothing."""

    def __init__(
        self,
        settings: HttpSettings,
        table: Mapping[str, Operation],
        functions: Functions,
        credentials: Credentials,
        clock: Clock,
        region: str,
        account: str,
        services: Front | None = None,
    ) -> None:
        """`services`: what else there is of AWS for routes to call. Raises ConfigError for a route of the settings
        that cannot be used."""
        self._table = table
        self._draining = asyncio.Event()
        self._settings = settings
        upstream = Upstream(table, services, self._draining)
        # Signatures are dated by the clients' clocks, whatever time it is in here.
        authorizers = Authorizers(functions, Verifier(credentials), SystemClock().now_ms, region, account)
        work = Work(self._operate, functions, upstream, authorizers, region, account)
        guard = Guard(settings, time.monotonic)
        self.app = Application(settings, self._operate, work, guard, signing_key(credentials.secret_key), clock)
        addresses = Addresses(tcp=settings.listen)
        self._server = Server({}, addresses, clock, credentials, self._draining.set, application=self.app)

    @property
    def where(self) -> list[str]:
        """Where it listens, in words for people."""
        return self._server.where

    @property
    def url(self) -> str | None:
        """Where it listens, as a URL; None if it does not."""
        return self._server.url

    def claim(self) -> None:
        """Take the address, as the API's server does. Raises ConfigError."""
        if self._settings.listen is not None:
            self._server.claim()

    async def start(self) -> None:
        if self._settings.listen is not None:
            await self._server.start()

    async def stop(self) -> None:
        if self._settings.listen is not None:
            await self._server.stop()

    def set_routes(self, routes: Iterable[Route]) -> list[str]:
        """The routes of templates, beside those of the settings; what is to be said of those that clash."""
        routes = list(routes)
        if routes and self._settings.listen is None:
            log.warning("%d HTTP routes of templates are not served: [http] listen says where", len(routes))
        problems = self.app.set_routes(routes)
        for problem in problems:
            log.error("%s", problem)
        return problems

    async def _operate(self, target: str, members: Mapping[str, Any], who: str) -> dict[str, Any]:
        """One of the daemon's operations, checked as a client's request is."""
        operation = self._table[target]
        size = sum(len(value) for value in members.values() if isinstance(value, str))
        request = await if_long(size, lambda: operation.reader.read(dumps(dict(members)).encode()))
        return await operation.handle(request, Caller(who, lambda: True, self._draining)) or {}
