"""The server itself, with operations made up for the test: listeners, limits, hostile and hasty clients, the drain."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from flowd.api import server
from flowd.api.server import Addresses, Server
from flowd.api.wire import connection, descriptors
from flowd.api.wire.app import Operation
from flowd.api.wire.caller import Caller
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.shapes import read_object, requests
from flowd.client import AsyncClient, RemoteError
from flowd.clock import SystemClock
from flowd.errors import ConfigError

KEY = Credentials("AKIAFLOWDEXAMPLE", "a secret")
HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "Flowd.Echo"}


class Anything:
    def read(self, body: bytes) -> dict[str, Any]:
        return read_object(body)


class Running:
    """A server with an echo, a failure and a long poll."""

    def __init__(self, folder: Path, credentials: Credentials | None = KEY) -> None:
        self.path = folder / "s"
        self.draining = asyncio.Event()
        table = {
            "Flowd.Echo": Operation(Anything(), self.echo),
            "Flowd.Fail": Operation(Anything(), self.fail),
            "Flowd.Wait": Operation(Anything(), self.wait),
            "AWSStepFunctions.ListActivities": Operation(requests("stepfunctions")["ListActivities"], self.activities),
        }
        addresses = Addresses(unix=self.path, tcp=("127.0.0.1", 0))
        self.server = Server(table, addresses, SystemClock(), credentials, self.draining.set)
        self.waiting = asyncio.Event()
        self.callers: list[Caller] = []

    async def echo(self, request: Any, caller: Caller) -> dict[str, Any]:
        return {"who": caller.who, **request}

    async def fail(self, request: Any, caller: Caller) -> dict[str, Any]:
        raise ZeroDivisionError("nobody expected that")

    async def wait(self, request: Any, caller: Caller) -> dict[str, Any]:
        self.callers.append(caller)
        self.waiting.set()
        await self.draining.wait()
        return {"drained": True}

    async def activities(self, request: Any, caller: Caller) -> dict[str, Any]:
        return {"activities": [{"activityArn": caller.who, "name": "n", "creationDate": 1700000000.123}]}

    @property
    def url(self) -> str:
        return self.server.url or ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def post(self, content: bytes = b"{}", headers: dict[str, str] | None = None) -> httpx.Response:
        transport = httpx.AsyncHTTPTransport(uds=str(self.path))
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.post("http://flowd/", content=content, headers={**HEADERS, **(headers or {})})

    async def raw(self, text: bytes) -> bytes:
        """What the server sends before it closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        try:
            async with asyncio.timeout(5):
                return await reader.read(100_000)
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    made = Running(tmp_path)
    await made.server.start()
    yield made
    await made.server.stop()


def sdk(url: str, key: Credentials = KEY, service: str = "stepfunctions", retries: int = 1) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key.access_key,
        aws_secret_access_key=key.secret_key,
        config=Config(retries={"total_max_attempts": retries}, inject_host_prefix=False),
    )


async def call(client: Any, operation: str, **members: Any) -> Any:
    return await asyncio.to_thread(getattr(client, operation), **members)


async def code_of(client: Any, operation: str, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        await call(client, operation, **members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


async def test_a_client_that_has_gone_is_seen_before_the_loop_hears_of_it(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(running.path))
        headers = {**HEADERS, "x-amz-target": "Flowd.Wait", "content-length": "2"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        client.sendall(f"POST / HTTP/1.1\r\n{lines}\r\n{{}}".encode())
        async with asyncio.timeout(5):
            await running.waiting.wait()
        (caller,) = running.callers
        assert caller.connected()
    assert not caller.connected()  # without a turn of the loop in between


async def test_a_program_on_the_unix_socket_is_known_by_its_user(running: Running) -> None:
    client = AsyncClient(running.path)
    assert (await client.flowd("Echo", a=1)) == {"who": getpass.getuser(), "a": 1}
    await client.close()


async def test_an_sdk_over_tcp_is_known_by_its_key(running: Running) -> None:
    answer = await call(sdk(running.url), "list_activities")
    assert answer["activities"][0]["activityArn"] == KEY.access_key
    assert answer["activities"][0]["creationDate"].microsecond == 123000
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


async def test_wrong_keys_are_refused(running: Running) -> None:
    assert (await code_of(sdk(running.url, Credentials(KEY.access_key, "x")), "list_activities"))[0] == (
        "InvalidSignatureException"
    )
    assert (await code_of(sdk(running.url, Credentials("OTHER", "x")), "list_activities"))[0] == (
        "UnrecognizedClientException"
    )


async def test_broken_constraints_arrive_as_aws_says_them(running: Running) -> None:
    code, message = await code_of(sdk(running.url), "list_activities", maxResults=1001)
    assert (code, message[:33]) == ("ValidationException", "1 validation error detected: Valu")


@pytest.mark.parametrize(
    ("service", "operation", "members", "named"),
    [
        ("stepfunctions", "list_map_runs", {"executionArn": "a"}, "ListMapRuns"),
        ("swf", "list_domains", {"registrationStatus": "REGISTERED"}, "ListDomains"),
        ("lambda", "list_functions", {}, "lambda"),
        ("sqs", "list_queues", {}, "ListQueues"),
        ("sns", "list_topics", {}, "ListTopics"),
        ("dynamodb", "list_tables", {}, "ListTables"),
    ],
)
async def test_what_is_not_built_is_named(
    running: Running, service: str, operation: str, members: dict[str, Any], named: str
) -> None:
    with pytest.raises((ClientError, ResponseParserError)) as caught:  # SNS wants XML; its parser shows the text
        await call(sdk(running.url, service=service), operation, **members)
    assert named in str(caught.value)
    assert "not built" in str(caught.value)


async def test_a_target_nobody_has_is_unknown(running: Running) -> None:
    client = AsyncClient(running.path)
    for operation, service in (
        ("Nothing", "AWSStepFunctions"),
        ("Nothing", "Flowd"),
        ("Nothing", "SimpleWorkflowService"),
    ):
        with pytest.raises(RemoteError, match="no operation named 'Nothing'") as caught:
            await client._call(operation, service, {})
        assert caught.value.code == "UnknownOperationException"
    await client.close()


async def test_an_unexpected_error_is_a_500_with_the_request_id_in_the_log(
    running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await running.post(headers={"x-amz-target": "Flowd.Fail"})
    assert (answer.status_code, answer.json()["__type"]) == (500, "com.amazon.coral.service#InternalFailure")
    assert answer.headers["x-amzn-requestid"] in caplog.text
    assert (await running.post()).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 3000])
async def test_a_body_that_is_no_object_is_a_client_error(running: Running, body: bytes) -> None:
    answer = await running.post(body)
    assert answer.status_code == (200 if not body else 400)
    assert body == b"" or answer.json()["__type"].endswith("#SerializationException")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "text/plain"}, 400),
        ({"x-amz-target": ""}, 400),
        ({"x-amz-target": "AWSStepFunctions..x"}, 400),
    ],
)
async def test_odd_requests_are_refused(running: Running, headers: dict[str, str], status: int) -> None:
    answer = await running.post(headers=headers)
    assert answer.status_code == status
    assert "x-amzn-query-error" not in answer.headers


async def test_node_s_fetch_is_no_browser(running: Running) -> None:
    assert (await running.post(headers={"sec-fetch-mode": "cors"})).status_code == 200


async def test_a_foreign_host_name_is_refused_on_tcp(running: Running) -> None:
    request = b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    assert b"not as 'evil.example'" in await running.raw(request % b"evil.example:8083")
    assert b"MissingAuthenticationToken" in await running.raw(request % b"sync-localhost:8083")
    assert b"MissingAuthenticationToken" in await running.raw(request % b"[::1]:8083")


async def test_ten_megabytes_get_a_clear_error(running: Running) -> None:
    answer = await running.post(b"x" * 10_000_000)
    assert answer.status_code == 413
    assert "10,000,000" in answer.json()["message"]


async def test_a_large_body_without_a_length_is_cut_off_too(running: Running) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(90):
            yield b"x" * 65_536

    transport = httpx.AsyncHTTPTransport(uds=str(running.path))
    async with httpx.AsyncClient(transport=transport) as client:
        answer = await client.post("http://flowd/", content=parts(), headers=HEADERS)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "text", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{", b"\x16\x03\x01"]
)
async def test_a_client_that_hangs_is_let_go(running: Running, text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "REQUEST_S", 0.05)
    heard = await running.raw(text)
    assert heard == b"" or heard.startswith(b"HTTP/1.1 400")


async def test_more_clients_than_files_leave_the_operators_socket_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptors, "room", lambda: 3)
    crowded = Running(tmp_path)
    await crowded.server.start()
    hanging = [await asyncio.open_connection("127.0.0.1", crowded.port) for _ in range(3)]
    try:
        assert (await crowded.post(b'{"a": 1}')).json()["a"] == 1
        assert await crowded.raw(b"GET / HTTP/1.1\r\n\r\n") == b""
        assert not any(reader.at_eof() for reader, _ in hanging)
    finally:
        for _, writer in hanging:
            writer.close()
            await writer.wait_closed()
        await crowded.server.stop()


async def test_headers_without_end_are_cut_off(running: Running) -> None:
    flood = b"POST / HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (i, b"y" * 1000) for i in range(500))
    assert b"200" not in await running.raw(flood)
    assert (await running.post()).status_code == 200


async def test_pipelined_requests_are_answered_in_order(running: Running) -> None:
    one = b"POST / HTTP/1.1\r\nHost: flowd\r\nContent-Type: application/json\r\n"
    one += b"X-Amz-Target: Flowd.Echo\r\nContent-Length: 7\r\n\r\n"
    reader, writer = await asyncio.open_unix_connection(str(running.path))
    writer.write(b"".join(one + b'{"n":%d}' % n for n in range(5)))
    heard = b""
    while heard.count(b'"n":') < 5:
        async with asyncio.timeout(5):
            heard += await reader.read(10_000)
    writer.close()
    assert [heard.index(b'"n":%d' % n) for n in range(5)] == sorted(heard.index(b'"n":%d' % n) for n in range(5))


async def test_a_stop_answers_long_polls_at_once_and_closes_everything(tmp_path: Path) -> None:
    running = Running(tmp_path)
    await running.server.start()
    polls = [asyncio.create_task(running.post(headers={"x-amz-target": "Flowd.Wait"})) for _ in range(3)]
    while len(running.callers) < 3:
        await running.waiting.wait()
        await asyncio.sleep(0)
    idle = await asyncio.open_unix_connection(str(running.path))
    async with asyncio.timeout(5):
        await running.server.stop()
    assert [(await poll).json() for poll in polls] == [{"drained": True}] * 3
    assert await idle[0].read() == b""
    idle[1].close()
    assert not running.path.exists()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", running.port), timeout=1)


async def test_a_poll_knows_when_its_client_is_gone(running: Running) -> None:
    poll = asyncio.create_task(running.post(headers={"x-amz-target": "Flowd.Wait"}))
    await running.waiting.wait()
    assert running.callers[0].connected()
    poll.cancel()
    for _ in range(500):
        await asyncio.sleep(0.01)
        if not running.callers[0].connected():
            break
    assert not running.callers[0].connected()


async def test_a_second_daemon_is_refused(running: Running, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another daemon"):
        await Running(tmp_path).server.start()
    with pytest.raises(ConfigError, match=r"cannot listen .* in use; another program has this port .* another port"):
        await Server({}, Addresses(tcp=("127.0.0.1", running.port)), SystemClock(), KEY).start()


async def test_a_socket_file_that_was_removed_is_made_anew_and_open_connections_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "KEEP_S", 0.01)
    running = Running(tmp_path)
    await running.server.start()
    client = AsyncClient(running.path)
    assert (await client.flowd("Echo", a=1))["a"] == 1
    running.path.unlink()
    async with asyncio.timeout(10):
        while not running.path.exists():
            await asyncio.sleep(0.01)
    assert (await client.flowd("Echo", a=2))["a"] == 2
    assert (await running.post()).status_code == 200
    await client.close()
    await running.server.stop()
    assert not running.path.exists()


async def test_twenty_clients_at_once_are_all_served(running: Running) -> None:
    answers = await asyncio.gather(*(running.post(json.dumps({"n": n}).encode()) for n in range(20)))
    assert sorted(answer.json()["n"] for answer in answers) == list(range(20))
    assert os.path.exists(running.path)
