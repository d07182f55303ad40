"""The ASGI application: one POST in, one answer out. It checks the sender, reads the body, finds the operation.

Whatever goes wrong becomes an answer in AWS's form; an exception nobody expected is a 500 with a request id that the
log repeats. It holds no operation: they come in as a table.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from flowd.api.wire import answers, presigned
from flowd.api.wire.caller import Caller, refuse_browsers, refuse_foreign_hosts, user_name
from flowd.api.wire.connection import Connection
from flowd.api.wire.protocols import chunked, elsewhere, hosts
from flowd.api.wire.protocols.front import Front, Target, is_unsigned
from flowd.api.wire.protocols.models import HttpAnswer, HttpRequest
from flowd.api.wire.sigv4 import ChunkSigner, Verifier
from flowd.api.wire.unbuilt import no_such_operation
from flowd.clock import Clock
from flowd.errors import (
    ApiError,
    InternalFailure,
    MissingAuthenticationTokenException,
    RequestEntityTooLargeException,
    SerializationException,
    UnknownOperationException,
)
from flowd.services.ports import FilePart

log = logging.getLogger(__name__)
LARGEST_BODY = 4 * 1024 * 1024  # AWS's 1 MB of definition, with room for the escapes of JSON in JSON
LARGEST_OBJECT = 64 * 1024 * 1024  # of other services: an object, a part of one, a function's code
PIECE = 256 * 1024  # of a body that lies in a file
_BODILESS = (204, 304)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Handler = Callable[[Any, Caller], Awaitable[answers.Body | None]]


class Reader(Protocol):
    """Turns a request body into the request that a handler takes; raises what the client shall see."""

    def read(self, body: bytes) -> Any: ...


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table of operations."""

    reader: Reader
    handle: Handler


class App:
    """`operations` by full target, as `AWSStepFunctions.StopExecution`; `verifier` None accepts any credentials.

    What is in that table takes the shortest way; everything else is asked of `front`, which has the other services.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        clock: Clock,
        verifier: Verifier | None,
        draining: asyncio.Event,
        *,
        loopback: bool = True,
        front: Front | None = None,
    ) -> None:
        self._front = front
        self._operations = operations
        self._clock = clock
        self._verifier = verifier
        self._draining = draining
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"no protocol but HTTP: {scope['type']}")
        request_id = answers.new_request_id()
        headers = _headers(scope["headers"])
        if self._front is not None and headers.get("x-amz-target", "") not in self._operations:
            request = _request(scope, headers)
            target = self._front.target(request)
            if target is not None:
                told = await self._foreign(self._front, target, request, scope, receive, request_id)
                await _send(send, request, told, request_id, self._clock.now_ms())
                return
        try:
            status, body = 200, await self._answer(scope, headers, receive)
        except ApiError as error:
            request = _request(scope, headers)
            answer = elsewhere.refusal(headers, error, request_id)
            if answer is None and isinstance(error, MissingAuthenticationTokenException) and self._front is not None:
                meant = self._front.guess(request)
                answer = None if meant is None else meant.error(error, request_id)
            if answer is not None:
                await _send(send, request, answer, request_id, self._clock.now_ms())
                return
            status, body = error.status, answers.error_body(error)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("request %s failed: %s", request_id, headers.get("x-amz-target", "no target"))
            status, body = InternalFailure.status, answers.error_body(InternalFailure())
        head = answers.headers(request_id, len(body), self._clock.now_ms())
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, headers: Mapping[str, str], receive: Receive) -> bytes:
        self._admit(scope, headers)
        body = await _body(headers, receive, LARGEST_BODY)
        who = self._identify(scope, headers, body)
        operation = self._find(scope, headers, body)
        request = operation.reader.read(body)
        answer = await operation.handle(request, self._caller(scope, who))
        return answers.encode(answer) if answer is not None else b""  # SWF's operations without an output

    async def _foreign(
        self, front: Front, target: Target, request: HttpRequest, scope: Scope, receive: Receive, request_id: str
    ) -> HttpAnswer:
        """A request for another service: the same checks, its own protocol, also for what is refused."""
        try:
            self._admit(scope, request.headers)
            body = await _body(request.headers, receive, LARGEST_OBJECT)
            who = "a link of SNS" if is_unsigned(request) else self._identify(scope, request.headers, body)
            request = replace(request, body=body)
            if chunked.is_chunked(request):
                request = await asyncio.to_thread(chunked.unwrapped, request, self._signer(scope, request))
            return await front.answer(target, request, self._caller(scope, who), request_id)
        except ApiError as error:
            return target.error(error, request_id)
        except Exception:
            log.exception("request %s failed: %s %s", request_id, target.service, request.path)
            return target.error(InternalFailure(), request_id)

    def _admit(self, scope: Scope, headers: Mapping[str, str]) -> None:
        refuse_browsers(headers)
        if scope["flowd.connection"].uid is None and self._loopback:
            refuse_foreign_hosts(headers)

    def _caller(self, scope: Scope, who: str) -> Caller:
        connection: Connection = scope["flowd.connection"]
        return Caller(who, connection.there, self._draining, uid=connection.uid)

    def _identify(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> str:
        connection: Connection = scope["flowd.connection"]
        if connection.uid is not None:
            return user_name(connection.uid)
        if self._verifier is None:
            return "anonymous"
        if "multipart/form-data" in headers.get("content-type", ""):
            said = "uploads by a form (presigned POST) are not built in flowd: sign a URL for PutObject"
            raise MissingAuthenticationTokenException(said)
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        if presigned.is_presigned(query) and "authorization" not in headers:
            return presigned.check(self._verifier, scope["method"], path, query, headers, self._clock.now_ms())
        if presigned.is_old(query) and "authorization" not in headers:
            whole = hosts.path_style(_request(scope, headers)).path
            return presigned.check_old(self._verifier, scope["method"], whole, query, headers, self._clock.now_ms())
        return self._verifier.check(scope["method"], path, query, headers, body, self._clock.now_ms())

    def _signer(self, scope: Scope, request: HttpRequest) -> ChunkSigner | None:
        """Who signs the chunks of this body; nobody, where nobody has to sign."""
        connection: Connection = scope["flowd.connection"]
        return None if connection.uid is not None or self._verifier is None else self._verifier.stream(request.headers)

    def _find(self, scope: Scope, headers: Mapping[str, str], body: bytes) -> Operation:
        target = headers.get("x-amz-target", "")
        operation = self._operations.get(target)
        if operation is None:
            raise no_such_operation(scope["method"], scope["path"], target, headers, body)
        if scope["method"] != "POST" or scope["path"] != "/":
            raise UnknownOperationException("operations are called with POST /")
        if "json" not in headers.get("content-type", ""):
            raise SerializationException("the Content-Type of a request is application/x-amz-json-1.0")
        return operation


def _headers(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; values of a repeated header are joined, as the signature wants them."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _request(scope: Scope, headers: Mapping[str, str]) -> HttpRequest:
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return HttpRequest(scope["method"], path, query, headers, b"")


async def _send(send: Send, request: HttpRequest, answer: HttpAnswer, request_id: str, now_ms: int) -> None:
    """HEAD is told how long the body would be and gets none; 204 and 304 end with their head (RFC 9110, 6.4.1)."""
    if answer.status in _BODILESS:
        answer = replace(answer, body=b"", file=None)
    head = request.method == "HEAD"
    headers = {name.lower(): value for name, value in answer.headers}
    if answer.status in _BODILESS:
        headers.pop("content-type", None)
    elif not head or "content-length" not in headers or answer.status >= 300:
        headers["content-length"] = str(len(answer.body))
    if answer.file is not None and not head:
        headers["content-length"] = str(answer.file.length)
    headers["x-amzn-requestid"] = request_id
    raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    raw.append((b"date", answers.http_date(now_ms // 1000)))
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    if answer.file is not None and not head:
        await _send_file(send, answer.file)
    else:
        await send({"type": "http.response.body", "body": b"" if head else answer.body})


async def _send_file(send: Send, part: FilePart) -> None:
    """Piece by piece, read in a thread. A file that became shorter meanwhile ends the connection: lengths must hold."""
    with await asyncio.to_thread(part.path.open, "rb") as file:
        await asyncio.to_thread(file.seek, part.start)
        left = part.length
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(left, PIECE))
            if not piece:
                raise OSError(f"{part.path} became shorter while it was sent")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
        if part.length == 0:
            await send({"type": "http.response.body", "body": b""})


async def _body(headers: Mapping[str, str], receive: Receive, most: int) -> bytes:
    """The whole body; a too large one is refused by its Content-Length before any of it is read."""
    announced = headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(int(announced), most)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise SerializationException("the connection ended before the request did")
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise _too_large(size, most)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(size: int, most: int) -> RequestEntityTooLargeException:
    return RequestEntityTooLargeException(
        f"the request has {size:,} bytes or more, {most:,} are allowed; a payload may have 262,144"
    )
