"""`http:invoke` against endpoints that misbehave, over real sockets: what a Task hears of them, and when."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from flowd.clock import ManualClock
from flowd.errors import FlowdError
from flowd.integrations import webcalls
from flowd.integrations.http import Http
from flowd.integrations.ports import Failed, Succeeded
from tests.integrations.test_http import Net, failure, invoke, task

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Nobody:
    async def find(self, arn: str) -> None:
        raise FlowdError("the secret cannot be read: /run/shop")


@asynccontextmanager
async def endpoint(behave: Behaviour) -> AsyncIterator[str]:
    """The URL of somebody who reads the head of a request and then does as told."""

    over = asyncio.Event()
    over.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        over.clear()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await behave(reader, writer)
            await writer.drain()
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        await over.wait()
        server.close()
        await server.wait_closed()


async def outcome_of(behave: Behaviour) -> Any:
    async with endpoint(behave) as url:
        return await Http(Nobody(), ManualClock()).call(task("http", {"ApiEndpoint": url, "Method": "GET"}))


def says(head: str, body: bytes = b"") -> Behaviour:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)

    return behave


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Always in time for the next byte, never done."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while not writer.is_closing():
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("behave", [silent, dripping])
async def test_an_endpoint_that_hangs_or_drips_is_given_up(behave: Behaviour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webcalls, "TIMEOUT_S", 0.4)
    assert failure(await outcome_of(behave)) == ("States.Http.Socket", "HTTP task timeout after 0.4s")


async def test_a_redirect_is_not_followed_however_it_goes_round() -> None:
    assert failure(await outcome_of(says("302 Found\r\nLocation: /"))) == ("States.Http.StatusCode.302", "Found")


async def test_no_more_is_read_of_a_hundred_megabytes_than_a_task_may_have() -> None:
    sent = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
        for _ in range(1600):
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    assert failure(await outcome_of(behave))[0] == "States.DataLimitExceeded"
    assert sent < 20_000_000  # what the sockets had room for


async def test_a_small_answer_that_unpacks_to_a_large_one_is_too_large() -> None:
    bomb = zlib.compress(b"\0" * 20_000_000, 1)
    answer = says(f"200 OK\r\nContent-Encoding: deflate\r\nContent-Length: {len(bomb)}", bomb)
    assert failure(await outcome_of(answer))[0] == "States.DataLimitExceeded"


@pytest.mark.parametrize("bits", [31, 15, -15], ids=["gzip", "zlib", "deflate"])
async def test_a_packed_answer_is_unpacked(bits: int) -> None:
    packer = zlib.compressobj(wbits=bits)
    body = packer.compress(b"hello") + packer.flush()
    name = "gzip" if bits == 31 else "deflate"
    outcome = await outcome_of(says(f"200 OK\r\nContent-Encoding: {name}\r\nContent-Length: {len(body)}", body))
    assert isinstance(outcome, Succeeded)
    assert outcome.output.value["ResponseBody"] == "hello"
    assert failure(await outcome_of(says("200 OK\r\nContent-Encoding: gzip", b"hello"))) == (
        "States.Http.Socket",
        "the answer cannot be unpacked",
    )


async def test_a_body_without_a_type_is_text() -> None:
    outcome = await outcome_of(says("200 OK", b'{"a": 1}'))
    assert isinstance(outcome, Succeeded)
    assert outcome.output.value["ResponseBody"] == '{"a": 1}'


@pytest.mark.parametrize("head", ["", "200 OK\r\nContent-Length: 100"])
async def test_a_connection_that_ends_early_is_a_socket_s_error(head: str) -> None:
    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        return None

    error, cause = failure(await outcome_of(says(head, b"ten bytes.") if head else nothing))
    assert error == "States.Http.Socket"
    assert (cause or "").startswith("RemoteProtocolError: ")


async def test_what_is_no_http_is_a_socket_s_error() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")

    assert failure(await outcome_of(babble))[0] == "States.Http.Socket"


async def test_429_is_an_error_to_retry_and_its_retry_after_is_not_heard_as_on_aws() -> None:
    answer = says("429 Too Many Requests\r\nRetry-After: 60\r\nContent-Length: 4", b"busy")
    assert failure(await outcome_of(answer)) == ("States.Http.StatusCode.429", "busy")


async def test_a_secret_that_no_header_can_carry_is_not_told() -> None:
    net = Net()
    net.connections["key"] = {
        "AuthorizationType": "API_KEY",
        "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "s3\ncret"}},
    }
    async with endpoint(says("200 OK")) as url:
        call = task("http", {"ApiEndpoint": url, "Method": "GET", "Authentication": {"ConnectionArn": "key"}})
        told = await Http(net, ManualClock()).call(call)
    assert failure(told) == ("States.Http.Socket", "the request has a header that HTTP cannot carry")


async def test_a_connection_whose_secret_cannot_be_read_fails_so_that_a_retry_may_help() -> None:
    call = task("http", {"ApiEndpoint": "https://x/", "Method": "GET", "Authentication": {"ConnectionArn": "shop"}})
    told = await Http(Nobody(), ManualClock()).call(call)
    assert told == Failed("States.Http.Socket", "Connection shop: the secret cannot be read: /run/shop")


async def test_parameters_of_a_connection_s_body_are_merged_into_the_request_s() -> None:
    net = Net()
    extra = {"BodyParameters": [{"Key": "team", "Value": "blue", "IsValueSecret": True}]}
    parameters = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}}
    net.connections["key"] = {
        "AuthorizationType": "API_KEY",
        "AuthParameters": {**parameters, "InvocationHttpParameters": extra},
    }
    named = {"Authentication": {"ConnectionArn": "key"}, "Method": "POST"}
    await invoke(net, **named, RequestBody={"a": 1, "team": "mine"})
    await invoke(net, **named)
    await invoke(net, **named, RequestBody={"a": 1}, Transform={"RequestBodyEncoding": "URL_ENCODED"})
    assert [request.content for request in net.asked] == [
        b'{"a":1,"team":"blue"}',
        b'{"team":"blue"}',
        b"a=1&team=blue",
    ]
    assert failure(await invoke(net, **named, RequestBody=[1]))[0] == "States.Runtime"


async def test_a_token_that_is_refused_is_fetched_anew_by_the_next_attempt() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login":
            return httpx.Response(200, json={"access_token": f"t{len(net.asked)}", "expires_in": "3600"})
        return httpx.Response(401 if request.headers["authorization"] == "Bearer t1" else 200)

    net = Net(answer)
    named = {"Authentication": {"ConnectionArn": "oauth"}}
    assert failure(await invoke(net, **named))[0] == "States.Http.StatusCode.401"
    assert isinstance(await invoke(net, **named), Succeeded)
    assert [request.url.host for request in net.asked] == ["login", "api", "login", "api"]
