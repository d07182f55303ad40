from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from console.client import RemoteError, SocketDaemon, Unreachable
from console.link import Link, Patience, backoff
from tests.console.fake import FakeDaemon

Answer = Callable[[str, Any], tuple[int, bytes]]
Box = Callable[[Answer], Awaitable[SocketDaemon]]


@pytest.fixture
async def daemon_that(tmp_path: Path) -> AsyncIterator[Box]:
    """`await daemon_that(answer)`: the client of a socket on which `answer` says what is replied to target and body."""
    servers: list[asyncio.Server] = []
    daemons: list[SocketDaemon] = []

    async def make(answer: Answer) -> SocketDaemon:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                    headers = dict(line.split(": ", 1) for line in head[1:] if line)
                    body = json.loads(await reader.readexactly(int(headers["Content-Length"])))
                    status, content = answer(headers["X-Amz-Target"], body)
                    writer.write(b"HTTP/1.1 %d .\r\nContent-Length: %d\r\n\r\n%b" % (status, len(content), content))
            writer.close()
            await writer.wait_closed()

        socket = tmp_path / f"{len(servers)}.sock"
        servers.append(await asyncio.start_unix_server(serve, socket))
        daemons.append(SocketDaemon(socket))
        return daemons[-1]

    yield make
    for daemon in daemons:
        await daemon.close()
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_the_calls_are_those_of_the_api_and_leave_out_what_is_not_given(daemon_that: Box) -> None:
    seen: list[tuple[str, Any]] = []

    def answer(target: str, body: Any) -> tuple[int, bytes]:
        seen.append((target, body))
        return 200, b"{}"

    daemon = await daemon_that(answer)
    await daemon.executions("", None, 50)
    await daemon.executions("status:failed", 7, 50)
    await daemon.watch(None)
    await daemon.answer("7f3a", '{"a":1}', "")
    await daemon.redrive("arn")
    await daemon.start("arn", "{}", "")
    await daemon.schedule("Pause", "nightly")
    await daemon.start_again("arn", "{}")
    assert seen == [
        ("Flowd.ListExecutions", {"limit": 50, "patienceSeconds": 0.15}),
        ("Flowd.ListExecutions", {"filter": "status:failed", "before": 7, "limit": 50, "patienceSeconds": 0.15}),
        ("Flowd.Watch", {"timeoutSeconds": 25}),
        ("Flowd.AnswerPrompt", {"id": "7f3a", "output": '{"a":1}'}),
        ("AWSStepFunctions.RedriveExecution", {"executionArn": "arn"}),
        ("AWSStepFunctions.StartExecution", {"stateMachineArn": "arn", "input": "{}"}),
        ("Flowd.PauseSchedule", {"name": "nightly"}),
        ("Flowd.StartFromInput", {"executionArn": "arn", "input": "{}"}),
    ]


async def test_a_refusal_carries_the_whole_answer(daemon_that: Box) -> None:
    body = {"__type": "flowd#ValidationException", "message": "no", "errors": [{"path": "$.a", "message": "bad"}]}
    daemon = await daemon_that(lambda target, asked: (400, json.dumps(body).encode()))
    with pytest.raises(RemoteError) as caught:
        await daemon.answer("1", "{}", "")
    assert caught.value.code == "ValidationException" and caught.value.members["errors"] == body["errors"]


@pytest.mark.parametrize("content", [b"<html>", b"[1]"])
async def test_an_answer_that_is_no_object_counts_as_no_daemon(daemon_that: Box, content: bytes) -> None:
    daemon = await daemon_that(lambda target, asked: (200, content))
    with pytest.raises(Unreachable):
        await daemon.health()


async def test_no_socket_is_unreachable(tmp_path: Path) -> None:
    daemon = SocketDaemon(tmp_path / "none.sock")
    with pytest.raises(Unreachable, match="flowd serve"):
        await daemon.health()
    await daemon.close()


def test_the_waits_between_attempts_double_up_to_five_seconds() -> None:
    assert [backoff(n) for n in (1, 2, 3, 6, 100)] == [0.2, 0.4, 0.8, 5.0, 5.0]


class Heard:
    """A link and what it said."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self.states: list[bool] = []
        self.news: list[tuple[list[str], bool]] = []
        self.more = asyncio.Event()
        self.link = Link(daemon, lambda: 0.0, self._state, self._news, 0, Patience(0.005, 0.01, 0.005))

    def _state(self) -> None:
        self.states.append(self.link.up)
        self.more.set()

    def _news(self, changes: list[dict[str, Any]], stale: bool) -> None:
        self.news.append(([change["id"] for change in changes], stale))
        self.more.set()

    async def until(self, so: Any) -> None:
        async with asyncio.timeout(5):
            while not so():
                self.more.clear()
                await self.more.wait()


async def test_the_link_greets_listens_and_after_a_restart_believes_nothing_it_knew() -> None:
    daemon = FakeDaemon()
    heard = Heard(daemon)
    task = asyncio.create_task(heard.link.run())
    await heard.until(lambda: heard.news == [([], True)])
    daemon.tell({"kind": "prompt", "id": "a"})
    await heard.until(lambda: heard.news[1:] == [(["a"], False)])
    daemon.cut()
    await heard.until(lambda: heard.states[-1:] == [False])
    assert "flowd serve" in heard.link.reason
    daemon.mend(database="db-2")
    heard.link.retry()
    await heard.until(lambda: heard.news[2:] == [([], True)])
    assert heard.states == [True, False, True]
    task.cancel()


async def test_a_daemon_that_hangs_is_a_line_that_is_down_until_it_answers() -> None:
    daemon = FakeDaemon()
    heard = Heard(daemon)
    task = asyncio.create_task(heard.link.run())
    await heard.until(lambda: heard.link.up)
    daemon.awake.clear()
    await heard.until(lambda: heard.states[-1:] == [False] and heard.link.silent)
    assert heard.link.reason == "the daemon does not answer"
    daemon.awake.set()
    await heard.until(lambda: heard.link.up and heard.news[-1] == ([], True))
    assert not heard.link.silent
    daemon.tell({"kind": "prompt", "id": "a"})
    await heard.until(lambda: heard.news[-1] == (["a"], False))
    task.cancel()
