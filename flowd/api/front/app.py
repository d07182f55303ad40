"""The ASGI application of the front: reads a request, lets the guard look at it, and hands it to whoever answers.

Whatever goes wrong becomes JSON with `message`; an exception nobody expected is a 500 whose request id the log repeats.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from flowd.api.front import callbacks, decisions, gatewayresponses, links, openapi
from flowd.api.front.aside import aside, if_long
from flowd.api.front.guard import Guard
from flowd.api.front.matching import Match, Router
from flowd.api.front.requests import OWN, Problem, Reply, Request, json_reply
from flowd.api.front.work import Operate, Work, told
from flowd.api.wire.answers import new_request_id
from flowd.api.wire.app import Receive, Scope, Send
from flowd.clock import Clock
from flowd.errors import ApiError, ConfigError
from flowd.httpsettings import HttpSettings
from flowd.routes import Route

log = logging.getLogger(__name__)
OPENAPI: Final = "/openapi.json"
LINKS: Final = "/links"
#: Bytes of bodies that all requests together may hold: strangers begin many large ones and end none.
HELD: Final = 256 * 1024 * 1024
FEW: Final = 64 * 1024  # of one, which are not refused for the others
_BODILESS: Final = (204, 304)


class Application:
    """All of the front but its listener."""

    def __init__(self, settings: HttpSettings, operate: Operate, work: Work, guard: Guard, key: bytes, clock: Clock):
        """`key` signs links (`links.signing_key`). Raises ConfigError if a route of the settings cannot be used."""
        self._settings = settings
        self._operate = operate
        self._work = work
        self._guard = guard
        self._decisions = decisions.Decisions(operate, key)
        self._clock = clock
        self._router = Router(())
        self._described: tuple[Router, Reply] | None = None
        self._held: dict[str, int] = {}  # bytes by request
        self._all_held = 0
        self.refused: dict[Route, str] = {}
        self.set_routes(())

    def set_routes(self, others: Iterable[Route]) -> list[str]:
        """The routes in force: those of the settings and these. Returns what is to be said of those that clash."""
        taken: dict[tuple[str, str], Route] = {}
        problems = []
        for route in (*self._settings.routes, *others):
            first = taken.setdefault((route.method, route.path), route)
            if first is not route:
                problems.append(f"{route.source}: {route.method} {route.path} belongs to {first.source} already")
        routes = tuple(taken.values())
        self._work.prepare(routes)
        self._router = Router(routes)
        return problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ConfigError(f"no protocol but HTTP: {scope['type']}")
        request_id = new_request_id()
        request: Request | None = None
        match: Match | None = None  # looked for once: new routes count from the next request
        try:
            request = await self._request(scope, receive, request_id)
            match = self._router.find(request.method, request.path)
            reply = await self._reply(request, match)
        except Problem as problem:
            reply = self._refusal(problem, request, match)
        except ApiError as error:
            reply = told(error)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            reply = json_reply(500, {"message": "Internal Server Error", "requestId": request_id})
        finally:
            self._all_held -= self._held.pop(request_id, 0)
        headers = [*(each for each in reply.headers if each[0].lower() not in OWN), ("x-amzn-requestid", request_id)]
        if reply.status not in _BODILESS:
            headers.append(("content-length", _length(reply, scope["method"])))
        if request is not None:
            said = {name.lower() for name, _ in headers}
            headers += [each for each in self._guard.cors(request, self._route(request, match)) if each[0] not in said]
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        silent = scope["method"] == "HEAD" or reply.status in _BODILESS
        await send({"type": "http.response.body", "body": b"" if silent else reply.body})

    async def _request(self, scope: Scope, receive: Receive, request_id: str) -> Request:
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        client = scope.get("client")
        return Request(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1").partition("?")[0],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=await self._body(dict(headers), receive, request_id),
            source_ip=client[0] if client else "",
            request_id=request_id,
            at_ms=self._clock.now_ms(),
        )

    async def _body(self, headers: dict[str, str], receive: Receive, request_id: str) -> bytes:
        largest = self._settings.largest_body
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > largest:
            raise Problem(413, "Request Entity Too Large", limit=largest)
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Problem(400, "The connection ended before the request did")
            body += message.get("body", b"")
            if len(body) > largest:
                raise Problem(413, "Request Entity Too Large", limit=largest)
            self._all_held += len(body) - self._held.get(request_id, 0)
            self._held[request_id] = len(body)
            if len(body) > FEW and self._all_held > HELD:
                raise Problem(503, "Service Unavailable", reason="too many large requests at once; try again")
            if not message.get("more_body", False):
                return bytes(body)

    async def _reply(self, request: Request, match: Match | None) -> Reply:
        methods = self._router.methods(request.path) if match is None or request.method == "OPTIONS" else []
        preflight = self._guard.preflight(request, methods, self._route(request, match))
        if preflight is not None:
            return preflight
        own = None if match is not None and match.route.path != "$default" else self._own(request)
        who = self._guard.admit(request, None if own else match.route if match else None)
        if own is not None:
            return await own(request, who)
        if match is None:
            if methods:
                raise Problem(405, "Method Not Allowed", allowed=methods)
            raise Problem(404, "Not Found")
        return await self._work.do(request, match, who)

    def _refusal(self, problem: Problem, request: Request | None, match: Match | None) -> Reply:
        """A problem as the API of the route shows it."""
        if request is None or match is None or not match.route.gateway:
            return problem.reply()
        return gatewayresponses.reply(problem, request, match, self._work.account)

    def _route(self, request: Request, match: Match | None) -> Route | None:
        """Whose origins are allowed: the route that is asked, in a preflight the one that would be if it has none."""
        if match is None and request.method == "OPTIONS":
            match = self._router.find(request.header.get("access-control-request-method", ""), request.path)
        return None if match is None else match.route

    def _own(self, request: Request) -> Callable[[Request, str], Awaitable[Reply]] | None:
        """Who answers one of the front's own paths; None if it is none, or is switched off."""
        settings = self._settings
        if settings.openapi and request.path == OPENAPI:
            return self._openapi
        if settings.callbacks and request.path.startswith(callbacks.PREFIX):
            return self._callback
        if settings.approvals and request.path.startswith(links.PREFIX):
            return self._decisions.answer
        if settings.approvals and request.path == LINKS:
            return self._link
        return None

    async def _openapi(self, request: Request, who: str) -> Reply:
        """Written once for the routes in force: everybody may ask, and there may be thousands of them."""
        router = self._router
        if self._described is None or self._described[0] is not router:
            document = await aside(lambda: json_reply(200, openapi.describe(self._settings, router.routes)))
            self._described = router, document
        return self._described[1]

    async def _callback(self, request: Request, who: str) -> Reply:
        return await callbacks.answer(request, self._operate, who)

    async def _link(self, request: Request, who: str) -> Reply:
        """POST /links: a link for the task whose token the body has. Whoever has the token may decide anyway."""
        if request.method != "POST":
            raise Problem(405, "Method Not Allowed", allowed=["POST"])
        value = await if_long(len(request.body), request.json)
        if not isinstance(value, dict) or "taskToken" not in value:
            raise Problem(400, 'The body is {"taskToken": ..., "expiresInSeconds"?: ..., "choices"?: [...]}')
        return json_reply(201, await self._operate(f"{decisions.FLOWD}.CreateLink", value, who))


def _length(reply: Reply, method: str) -> str:
    """Of the body; what a HEAD is told is how long it would be, which a mapped answer may say."""
    said = next((value for name, value in reply.headers if name.lower() == "content-length"), "")
    return said if method == "HEAD" and said.isdecimal() else str(len(reply.body))
