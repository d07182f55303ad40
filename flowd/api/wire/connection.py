"""One client connection: uvicorn's HTTP protocol with what flowd needs beside it.

Who is at the other end of a unix socket (SO_PEERCRED), whether anybody still is, and limits for clients that send
slowly, for ever or not at all. It reads no request and knows no operation.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_S = 30.0  # from its first byte a request must arrive within this time
HEAD_BYTES = 64 * 1024
DISCARDED_BYTES = 16 * 1024 * 1024  # of a request that was already answered; then the line is cut
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


_log = logging.getLogger("uvicorn.error.connection")
_log.setLevel(logging.ERROR)


class Connection(HttpToolsProtocol):
    """In each scope: `flowd.connection` is this object. `uid` is the peer's user id, None on TCP."""

    uid: int | None = None
    connected: bool = False
    _timer: asyncio.TimerHandle | None = None
    _reading: bool = False
    _in_head: bool = False
    _received: int = 0  # bytes of this request, of which so many are
    _body: int = 0
    _frame: int = 0  # what is about the chunks of a body, up to the last one

    def __init__(self, *, room: int, **uvicorns: Any) -> None:
        """`room`: so many connections may be open; one more over TCP is cut, over the unix socket it is let in."""
        super().__init__(**uvicorns)
        self._room = room
        # What strangers send wrongly they are told; in the log it would push out what matters.
        self.logger = _log

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.connected = True
        self.uid = peer_uid(transport)
        if self.uid is None and len(self.connections) > self._room:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.connected = False
        self._stop_watching()
        super().connection_lost(exc)

    def there(self) -> bool:
        """False once the other side has closed or reset, also where the loop has not come to hear of it: it is busiest
        at the moment in which a task is handed out. One system call."""
        if not self.connected or self.transport.is_closing():
            return False
        ends = select.poll()
        ends.register(self.transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
        return not ends.poll(0)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        limit = HEAD_BYTES if self._in_head else DISCARDED_BYTES
        if self._received > limit and (self._in_head or self._answered()):
            self.transport.abort()
            return
        super().data_received(data)
        if self._reading and not self._in_head and self._received - self._body - self._frame > HEAD_BYTES:
            self.transport.abort()  # a chunk's extension or trailers without an end, which the parser collects
            return
        if not self._reading:
            self._stop_watching()
        elif self._timer is None:
            self._watch()

    def on_message_begin(self) -> None:
        self._reading = self._in_head = True
        self._received = self._body = self._frame = 0
        super().on_message_begin()
        self.scope["flowd.connection"] = self  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._frame = self._received - self._body
        super().on_headers_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Not trailers: they come when the request has been looked at already, and would be headers that nobody has
        checked (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_chunk_header(self) -> None:
        """All that has come so far and is no body was the frame of chunks."""
        self._frame = self._received - self._body

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._reading = False
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """A client that does not read its answer would otherwise keep it in memory."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _answered(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete

    def _watch(self) -> None:
        self._stop_watching()
        self._timer = self.loop.call_later(REQUEST_S, self._too_slow)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self.connected:
            self.transport.abort()


def peer_uid(transport: Any) -> int | None:
    """The user id at the other end of a unix socket; None for other transports."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family != socket.AF_UNIX:
        return None
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
