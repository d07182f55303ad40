"""The API's server: its listeners, its connections, their start and their drain. It knows neither operations nor HTTP.

Uvicorn's protocol parses HTTP; the sockets are opened here, because two of them share one server and one drain.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from flowd import background
from flowd.api.wire import descriptors, listeners
from flowd.api.wire.app import App, Operation
from flowd.api.wire.connection import Connection
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.listeners import Listener
from flowd.api.wire.protocols.front import Front
from flowd.api.wire.sigv4 import Verifier
from flowd.clock import Clock
from flowd.errors import ConfigError

log = logging.getLogger(__name__)
KEEP_ALIVE_S = 75  # longer than the pools of the SDKs keep an idle connection
CONNECTIONS = 10_000
DRAIN_S = 10.0
KEEP_S = 2.0


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where to listen. `tcp` is host and port; `inherited` are sockets that systemd opened, used instead."""

    unix: Path | None = None
    tcp: tuple[str, int] | None = None
    inherited: Sequence[socket.socket] = field(default_factory=tuple)


class Server:
    """Serves a table of operations. `credentials` None (--no-auth) accepts any signature, on loopback only.

    `on_drain` is called when a stop begins: whoever answers long polls answers them then.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        addresses: Addresses,
        clock: Clock,
        credentials: Credentials | None,
        on_drain: Callable[[], None] = lambda: None,
        front: Front | None = None,
        application: Any = None,
    ) -> None:
        """`application`: another ASGI application than the API, which then checks its callers itself."""
        self._application = application
        self._front = front
        self._operations = operations
        self._addresses = addresses
        self._clock = clock
        self._credentials = credentials
        self._on_drain = on_drain
        self._draining = asyncio.Event()
        self._state = ServerState()
        self._listeners: list[Listener] = []
        self._servers: list[asyncio.AbstractServer] = []
        self._keeper: asyncio.Task[None] | None = None

    @property
    def where(self) -> list[str]:
        """Where it listens, in words for people."""
        return [listener.where for listener in self._listeners]

    @property
    def url(self) -> str | None:
        """The URL for SDKs, None without a TCP listener."""
        return next((where for where in self.where if where.startswith("http:")), None)

    def claim(self) -> None:
        """Take the addresses before anything long is begun; connections are refused until `start`. ConfigError if one
        cannot be had."""
        wanted = self._addresses
        if wanted.unix is not None and not self._inherits(unix=True):
            listeners.try_unix(wanted.unix)
        self._listeners += [listeners.adopted(sock) for sock in wanted.inherited]
        if wanted.tcp is not None and not self._inherits(unix=False):
            self._listeners.append(listeners.tcp(*wanted.tcp))
        for listener in self._listeners:
            if self._credentials is None and not listeners.is_loopback(listener):
                raise ConfigError(f"--no-auth works on loopback only, not on {listener.where}")

    async def start(self) -> None:
        """Open the listeners; returns when they accept. ConfigError if one cannot be opened."""
        try:
            self._open()
            for listener in self._listeners:
                self._servers.append(await self._serve(listener))
        except BaseException:
            await self._close_listeners()
            raise
        if self._credentials is None and self.url:
            log.warning("%s accepts ANY credentials (--no-auth): every program on this machine may use it", self.url)

        self._keeper = asyncio.create_task(self._keep(), name="socket file")

    async def _serve(self, listener: Listener) -> asyncio.AbstractServer:
        factory = self._factory(listeners.is_loopback(listener))
        loop = asyncio.get_running_loop()
        if listener.sock.family == socket.AF_UNIX:
            return await loop.create_unix_server(factory, sock=listener.sock)
        return await loop.create_server(factory, sock=listener.sock)

    async def _keep(self) -> None:
        """A socket file that somebody has removed is made anew: nobody could connect any more."""
        while True:
            await asyncio.sleep(KEEP_S)
            for number, listener in enumerate(self._listeners):
                if listener.lost and listener.path is not None:
                    try:
                        await self._renew(number, listener.path)
                    except (ConfigError, OSError) as error:
                        log.warning("the socket file %s was removed and cannot be made anew: %s", listener.path, error)

    async def _renew(self, number: int, path: Path) -> None:
        fresh = listeners.unix(path)
        server = await self._serve(fresh)
        before, self._servers[number] = self._servers[number], server
        old, self._listeners[number] = self._listeners[number], fresh
        before.close()
        old.sock.close()
        log.warning("the socket file %s was removed; it is made anew", path)

    def _open(self) -> None:
        if not self._listeners:
            self.claim()
        for listener in self._listeners:
            listeners.listen(listener)
        if self._addresses.unix is not None and not self._inherits(unix=True):
            self._listeners.insert(0, listeners.unix(self._addresses.unix))

    def _inherits(self, unix: bool) -> bool:
        return any((sock.family == socket.AF_UNIX) == unix for sock in self._addresses.inherited)

    def _factory(self, loopback: bool) -> Callable[[], Connection]:
        verifier = Verifier(self._credentials) if self._credentials is not None else None
        app: Any = self._application or App(
            self._operations, self._clock, verifier, self._draining, loopback=loopback, front=self._front
        )
        config = Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            limit_concurrency=CONNECTIONS,
        )
        config.load()
        room = min(CONNECTIONS, descriptors.room())
        return lambda: Connection(room=room, config=config, server_state=self._state, app_state={})

    async def stop(self) -> None:
        """Accept nothing more, answer the long polls, finish what was begun, then close."""
        await self._close_listeners()
        self._draining.set()
        self._on_drain()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=DRAIN_S)
        for task in list(self._state.tasks):
            log.warning("a request did not end in time and is cut off")
            task.cancel()
        for left in list(self._state.connections):
            left.transport.close()
        while self._state.connections:
            await asyncio.sleep(0)

    async def _close_listeners(self) -> None:
        await background.end(self._keeper)
        self._keeper = None
        for server in self._servers:
            server.close()
        self._servers.clear()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.close()
