"""The client of flowd's own programs: AWS JSON 1.0 over the unix socket, for the console and the command line.

It speaks the same protocol as boto3 does over TCP (which cannot use unix sockets) and holds no truth of its own. It
uses httpcore and not httpx, which stands on it: every command and the console's first paint would wait for that import.
Anything the daemon answers with an error becomes a `RemoteError` with AWS's code; a daemon that is not there becomes
an `Unreachable`, whose text says what to do.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, Final

import httpcore

from flowd.errors import FlowdError, reason

JSON_1_0 = "application/x-amz-json-1.0"
STATES = "AWSStepFunctions"
FLOWD = "Flowd"
SWF = "SimpleWorkflowService"
_IDLE_S: Final = 5.0
_AT_ONCE: Final = 100
_BROKEN: Final = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError)


class RemoteError(FlowdError):
    """The daemon refused the request. `code` is AWS's error code, `members` the whole answer (`errors` of a prompt)."""

    def __init__(self, code: str, message: str, members: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.members = members or {}


class Unreachable(FlowdError):
    """No daemon answers on the socket."""


def _request(operation: str, service: str, members: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": "http://flowd/",
        "headers": {"Host": "flowd", "Content-Type": JSON_1_0, "X-Amz-Target": f"{service}.{operation}"},
        "content": json.dumps(members, separators=(",", ":"), allow_nan=False).encode(),
        "extensions": {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout_s)},
    }


def _answer(response: httpcore.Response) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.content) if response.content else {}
    if response.status == 200:
        return body
    code = str(body.get("__type", response.status)).rpartition("#")[2]
    reason = response.extensions.get("reason_phrase", b"").decode("latin-1")
    raise RemoteError(code, str(body.get("message") or body.get("Message") or reason), body)


def _unreachable(socket: Path, error: Exception) -> Unreachable:
    said = reason(error)
    if said == os.strerror(errno.EACCES):
        hint = "you need its owner's or its group's rights: `usermod -aG flowd YOU`, then log in again"
        return Unreachable(f"you may not open {socket} ({said}); {hint}")
    if isinstance(error, httpcore.ReadTimeout):
        return Unreachable(
            f"the daemon on {socket} took the request and has not answered; its log says what holds it up"
        )
    return Unreachable(f"no daemon answers on {socket} ({said}); start one with `flowd serve` or set FLOWD_SOCKET")


class Client:
    """Blocking calls, for the command line."""

    def __init__(self, socket: Path, timeout_s: float = 65) -> None:
        self.socket, self._timeout_s = socket, timeout_s
        self._http = httpcore.ConnectionPool(uds=str(socket), max_connections=_AT_ONCE, keepalive_expiry=_IDLE_S)

    def states(self, operation: str, **members: Any) -> dict[str, Any]:
        """One Step Functions operation, named and shaped as in AWS's API reference."""
        return self._call(operation, STATES, members)

    def swf(self, operation: str, **members: Any) -> dict[str, Any]:
        """One SWF operation, named and shaped as in AWS's API reference."""
        return self._call(operation, SWF, members)

    def flowd(self, operation: str, **members: Any) -> dict[str, Any]:
        """One of flowd's own operations (docs/api.md)."""
        return self._call(operation, FLOWD, members)

    def _call(self, operation: str, service: str, members: dict[str, Any]) -> dict[str, Any]:
        try:
            return _answer(self._http.request(**_request(operation, service, members, self._timeout_s)))
        except _BROKEN as error:
            raise _unreachable(self.socket, error) from error

    def close(self) -> None:
        self._http.close()


class AsyncClient:
    """The same calls for the console's event loop."""

    def __init__(self, socket: Path, timeout_s: float = 65) -> None:
        self.socket, self._timeout_s = socket, timeout_s
        self._http = httpcore.AsyncConnectionPool(uds=str(socket), max_connections=_AT_ONCE, keepalive_expiry=_IDLE_S)

    async def states(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self._call(operation, STATES, members)

    async def flowd(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self._call(operation, FLOWD, members)

    async def _call(self, operation: str, service: str, members: dict[str, Any]) -> dict[str, Any]:
        try:
            return _answer(await self._http.request(**_request(operation, service, members, self._timeout_s)))
        except _BROKEN as error:
            raise _unreachable(self.socket, error) from error

    async def close(self) -> None:
        await self._http.aclose()
