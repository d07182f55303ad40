"""What a stranger can do with the frame of a request: trailers, chunks without end, garbage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from flowd.api.server import Addresses, Server
from flowd.clock import SystemClock

CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
Send = Callable[[Any], Awaitable[None]]
Ask = Callable[..., Awaitable[bytes]]


async def echo(scope: Any, receive: Any, send: Send) -> None:
    """Answers with the headers as they are at the end of the body, and with the body's length."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        size, more = size + len(message["body"]), message.get("more_body", False)
    told = json.dumps({"headers": [name.decode() for name, _ in scope["headers"]], "size": size}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
    await send({"type": "http.response.body", "body": told})


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    server = Server({}, Addresses(tcp=("127.0.0.1", 0)), SystemClock(), None, application=echo)
    await server.start()
    port = int((server.url or "").rpartition(":")[2])

    async def one(*pieces: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(10):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    yield one
    await server.stop()


async def test_trailers_are_no_headers(ask: Ask) -> None:
    """They come when keys and signatures have been looked at."""
    heard = await ask(CHUNKED, b"2\r\nhi\r\n0\r\nX-Api-Key: k\r\nHost: evil\r\n\r\n")
    told = json.loads(heard.partition(b"\r\n\r\n")[2])
    assert told == {"headers": ["host", "connection", "transfer-encoding"], "size": 2}


@pytest.mark.parametrize(
    ("begin", "on"),
    [
        (b"2\r\nhi\r\n0\r\n", b"X: " + b"y" * 1_000 + b"\r\n"),
        (b"2\r\nhi\r\n0\r\nX: ", b"y" * 1_000),
        (b"2;", b"y" * 1_000),
    ],
    ids=["trailers", "one trailer", "an extension"],
)
async def test_a_frame_without_end_is_cut_off(ask: Ask, begin: bytes, on: bytes) -> None:
    assert await ask(CHUNKED, begin, *(on for _ in range(20_000))) == b""


async def test_small_chunks_are_no_frame_without_end(ask: Ask) -> None:
    many = [b"1\r\nx\r\n" * 1_000] * 100
    assert b'"size": 100000' in await ask(CHUNKED, *many, b"0\r\n\r\n")
    large = b"%x\r\n" % 3_000_000 + b"x" * 3_000_000 + b"\r\n0\r\n\r\n"
    assert b'"size": 3000000' in await ask(CHUNKED, large)


async def test_garbage_of_strangers_is_answered_and_not_logged(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    assert (await ask(b"FOO / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 400")
    assert (await ask(upgrade)).startswith(b"HTTP/1.1 200")
    assert [line for line in caplog.messages if "HTTP" in line or "pgrade" in line] == []
