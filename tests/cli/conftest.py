"""A daemon that is none: a unix socket that answers operations from a table and remembers what was asked."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowd.__main__ import main

Answer = dict[str, Any] | Callable[[dict[str, Any]], Any]


class Refusal(Exception):
    """The fake daemon's error answer."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.body = {"__type": f"com.amazonaws.swf.service.v2.model#{code}", "message": message, **members}


class FakeDaemon:
    """Serves AWS JSON 1.0 on a unix socket, in a thread of its own."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        server = self._loop.run_until_complete(asyncio.start_unix_server(self._serve, str(self.socket)))
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
                text = head.decode()
                target = next(line for line in text.split("\r\n") if line.lower().startswith("x-amz-target: "))
                members = json.loads(await reader.readexactly(int(headers["content-length"])))
                status, body = self._answer(target.split(": ", 1)[1], members)
                data = json.dumps(body).encode()
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(data)) + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, target: str, members: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        operation = target.rpartition(".")[2]
        self.asked.append((target, members))
        answer = self.answers.get(operation)
        if answer is None:
            return 400, {"__type": "x#UnknownOperationException", "message": f"no {operation} here"}
        try:
            return 200, answer(members) if callable(answer) else answer
        except Refusal as refusal:
            return 400, refusal.body

    def asked_for(self, operation: str) -> list[dict[str, Any]]:
        """The members of every request for an operation."""
        return [members for target, members in self.asked if target.rpartition(".")[2] == operation]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without settings: nothing of this machine shows through."""
    for name in (
        "FLOWD_WORKFLOWS",
        "FLOWD_DATA",
        "FLOWD_SOCKET",
        "FLOWD_LISTEN",
        "FLOWD_CONFIG",
        "FLOWD_RUNNER_SOCKET",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("FLOWD_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path


@pytest.fixture
def daemon(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    folder = tempfile.mkdtemp(prefix="fd-")  # AF_UNIX paths are short
    fake = FakeDaemon(Path(folder) / "s")
    monkeypatch.setenv("FLOWD_SOCKET", str(fake.socket))
    fake.start()
    yield fake
    fake.stop()
    shutil.rmtree(folder)


class Outcome:
    """What a command did."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Flowd = Callable[..., Outcome]

# httpcore leaves its socket open when there is nobody to connect to.
nobody_there = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def flowd(home: Path, capsys: pytest.CaptureFixture[str]) -> Flowd:
    """Run `flowd ARGUMENTS` in this process."""

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = main(arguments)
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run
