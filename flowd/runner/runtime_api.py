"""Lambda's Runtime API for functions that bring their own `bootstrap`: one small HTTP server per process.

AWS_LAMBDA_RUNTIME_API names a loopback port of its own, since clients of the protocol do not all accept a path there.
The protocol has no secret, so a connection counts only if its other end belongs to the user the runner runs as.
"""

from __future__ import annotations

import asyncio
import os
import struct
from functools import partial
from pathlib import Path
from typing import Any

import httptools

from flowd.runner import outcomes
from flowd.runner.attempts import Attempt
from flowd.runner.outcomes import Outcome
from flowd.runner.worker import Worker

_PREFIX = "/2018-06-01/runtime/"
_ACCEPTED = b'{"status":"OK"}'
_UNKNOWN = b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}'
_NO_SUCH_PATH = b'{"errorMessage":"No such path","errorType":"NotFound"}'
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 413: "Too Large"}


class _Call:
    """What `invocation/next` hands out."""

    def __init__(self, attempt: Attempt, deadline_ms: int) -> None:
        self.body = attempt.payload
        self.headers = {
            "Lambda-Runtime-Aws-Request-Id": attempt.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": attempt.arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{attempt.request_id[:8]}-{attempt.request_id.replace('-', '')[8:32]}",
        }
        if attempt.client_context:
            self.headers["Lambda-Runtime-Client-Context"] = attempt.client_context.replace("\n", " ")


class ApiWorker(Worker):
    """A process that asks for its calls over HTTP."""

    _server: asyncio.Server | None = None
    _asking: _Connection | None = None
    _next: _Call | None = None

    async def start(self) -> None:
        command = self._command()
        if command.why_not:
            self._end(partial(outcomes.not_startable, why=command.why_not))
            return
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
            host, port = self._server.sockets[0].getsockname()
            command.environment["AWS_LAMBDA_RUNTIME_API"] = f"{host}:{port}"
            await self._new_process().start(command, self.spec.memory_mb)
        except (OSError, ValueError) as error:
            self._close_server()
            self._end(partial(outcomes.not_startable, why=f"the process cannot be started: {error}"))

    def _hand_over(self, attempt: Attempt, deadline_ms: int) -> None:
        self._next = _Call(attempt, deadline_ms)
        self._serve_next()

    def on_next(self, connection: _Connection) -> None:
        """The process wants a call; its first wish says that it is ready."""
        self._asking = connection
        if not self.ready:
            self.ready = True
            self._owner.worker_ready(self)
        else:
            self._serve_next()

    def on_gone(self, connection: _Connection) -> None:
        if self._asking is connection:
            self._asking = None

    def _serve_next(self) -> None:
        if self._asking is not None and self._next is not None:
            connection, call = self._asking, self._next
            self._asking = self._next = None
            connection.reply(200, call.body, call.headers)

    def on_result(self, request_id: str, verdict: str, body: bytes, error_type: str) -> bool:
        """A response or an error; False if nobody waits for it."""
        if self.attempt is None or self.attempt.request_id != request_id:
            return False
        if verdict == "error":
            self._answer(outcomes.failed(body, error_type))
        elif len(body) > outcomes.MAX_RESPONSE:
            self._answer(outcomes.too_large(request_id))
        else:
            self._answer(Outcome(output=body))
        return True

    def on_init_error(self, body: bytes, error_type: str) -> None:
        failure = outcomes.failed(body, error_type)
        self.stop(lambda request_id: failure)

    def _on_exit(self, code: int) -> None:
        self._close_server()
        super()._on_exit(code)

    def _close_server(self) -> None:
        if self._server is not None:
            self._server.close()


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection of the process, kept alive by most clients."""

    def __init__(self, worker: ApiWorker) -> None:
        self._worker = worker
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body = bytearray()
        self._error_type = ""
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if not _is_ours(transport.get_extra_info("peername"), transport.get_extra_info("sockname")):
            self._keep_alive = False
            self.reply(403, b"")

    def connection_lost(self, exc: Exception | None) -> None:
        self._worker.on_gone(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_begin(self) -> None:
        self._url, self._body, self._error_type = b"", bytearray(), ""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        lowered = name.lower()
        if lowered == b"lambda-runtime-function-error-type":
            self._error_type = value.decode("latin-1")
        elif lowered == b"expect":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if len(self._body) <= outcomes.MAX_RESPONSE:  # beyond it the length alone matters
            self._body += body

    def on_message_complete(self) -> None:
        self._keep_alive = self._keep_alive and self._parser.should_keep_alive()
        if self._transport.is_closing():
            return
        method, path = self._parser.get_method(), self._url.decode("latin-1").partition("?")[0]
        parts = path.removeprefix(_PREFIX).split("/") if path.startswith(_PREFIX) else []
        body = bytes(self._body)
        match (method, parts):
            case (b"GET", ["invocation", "next"]):
                self._worker.on_next(self)
            case (b"POST", ["invocation", request_id, "response" | "error" as verdict]):
                # The answer leaves first: after it the runner may kill the process.
                known = self._worker.attempt is not None and self._worker.attempt.request_id == request_id
                self.reply(202 if known else 400, _ACCEPTED if known else _UNKNOWN)
                self._worker.on_result(request_id, verdict, body, self._error_type)
            case (b"POST", ["init", "error"]):
                self.reply(202, _ACCEPTED)
                self._worker.on_init_error(body, self._error_type)
            case _:
                self.reply(404, _NO_SUCH_PATH)

    def reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}", "Content-Type: application/json"]
        lines.append(f"Content-Length: {len(body)}")
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if not self._keep_alive:
            lines.append("Connection: close")
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body)
        if not self._keep_alive:
            self._transport.close()


def _is_ours(peer: tuple[str, int], here: tuple[str, int], table: Path = Path("/proc/net/tcp")) -> bool:
    """True if the socket at the other end belongs to our user, as the kernel's table of connections says."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return False
    wanted = (_hex(peer), _hex(here))
    for line in lines:
        fields = line.split()
        if (fields[1], fields[2]) == wanted:
            return int(fields[7]) == os.geteuid()
    return False


def _hex(address: tuple[str, int]) -> str:
    """`0100007F:1F93`: the kernel writes the address in host byte order."""
    packed = bytes(int(part) for part in address[0].split("."))
    return f"{struct.unpack('=I', packed)[0]:08X}:{address[1]:04X}"
