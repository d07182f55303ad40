"""The console in a browser: textual-serve on loopback, behind a token. Needs the extra `web`.

textual-serve starts one console for each page and knows no users, so nobody gets in without the token, which the first
address carries and a cookie keeps; and a page of another site, or another name for this host, gets nothing at all.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from textual_serve.server import Server

HOST = "127.0.0.1"
COOKIE = "flowd_console"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Served(Server):
    """A server that asks for its token before anything else."""

    def __init__(self, command: str, port: int, token: str | None = None) -> None:
        super().__init__(command, host=HOST, port=port, title="flowd console")
        self.token = token or secrets.token_urlsafe(24)

    @property
    def address(self) -> str:
        """What to open; the token is in it."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    async def on_startup(self, app: web.Application) -> None:
        """Instead of the banner: the address."""
        self.console.print(f"the console is on {self.address}", highlight=False, markup=False)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        here = {f"{HOST}:{self.port}", f"localhost:{self.port}"}
        origin = request.headers.get("Origin", "")
        if request.host not in here or (origin and origin.partition("://")[2] not in here):
            raise web.HTTPForbidden(text="this console answers on 127.0.0.1 only\n")
        given = request.query.get("token") or request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise web.HTTPForbidden(text="open the address that `flowd console --web` has printed\n")
        if "token" in request.query:
            back = web.HTTPFound(request.path)  # the token must not stay in the address bar
            back.set_cookie(COOKIE, self.token, httponly=True, samesite="Strict")
            raise back
        return await handler(request)


def serve(command: str, port: int) -> int:
    """Serve until ctrl+c."""
    server: Any = Served(command, port)
    server.serve()
    return 0
