"""One box for the tests that kill: a real `flowd serve` below a folder of its own, and the clients that talk to it.

It is a user and nothing else: the drop folder, boto3 over TCP with the generated key, the commands, signals. Whatever
it starts it ends, the runner and its functions too. Nothing here reaches into the daemon.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

T = TypeVar("T")
PATIENCE_S = 40.0  # a machine that does other things as well
#: Where a line of its own begins: which item made room, and which branch was the last, is an accident.
_BEGINS = (
    "MapIterationStarted",
    *(f"{kind}State{what}" for kind in ("Map", "Parallel") for what in ("Succeeded", "Exited")),
)
FLOWD = [sys.executable, "-m", "flowd"]

#: Writes a line when it begins, so that the file shows every run; `fails` runs of a tag end in an error.
WORK = """
import os
import time


class Busy(Exception):
    pass


def handler(event, context):
    book, tag = event["book"], event["tag"]
    with open(book, "a") as file:
        file.write(f"{tag}\\n")
    time.sleep(event.get("seconds", 0))
    if event.get("fails"):
        with open(book) as file:
            if file.read().split().count(tag) <= event["fails"]:
                raise Busy("later")
    return tag
"""


class Box:
    """A daemon that may be killed and started again on the same folders and the same address."""

    def __init__(self, home: Path, data: Path | None = None) -> None:
        self.home = home
        self.workflows = home / "workflows"
        self.functions = self.workflows / "functions"
        self.data = data or home / "data"
        self.log = home / "daemon.log"
        self.functions.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts: list[float] = []  # seconds from exec to the first answer
        self._sockets = Path(tempfile.mkdtemp(prefix="fd-"))  # AF_UNIX paths hold 107 bytes
        self._port = _free_port()
        self._sdk: Any = None
        self._settings: dict[str, str] = {}
        self.environ = {
            **os.environ,
            "FLOWD_WORKFLOWS": str(self.workflows),
            "FLOWD_DATA": str(self.data),
            "FLOWD_SOCKET": str(self._sockets / "s"),
            "FLOWD_LISTEN": f"127.0.0.1:{self._port}",
            "FLOWD_CONFIG": str(home / "flowd.toml"),
        }
        (home / "flowd.toml").touch()  # nobody's own settings
        for name in ("FLOWD_RUNNER_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY"):
            self.environ.pop(name, None)

    # -- life

    def start(self) -> None:
        """Start the daemon; returns when it answers."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*FLOWD, "serve"], env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.until("the daemon answers", self._answers)
        self.restarts.append(time.monotonic() - began)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon ended by itself:\n{self.tail()}"
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """kill -9: no goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def again(self) -> None:
        """kill -9, and a new daemon."""
        self.kill()
        self.start()

    def terminate(self) -> tuple[int, float]:
        """SIGTERM: the exit code, and the seconds that the way out took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S), time.monotonic() - began

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.kill_runner(missing_ok=True)
        for note in (self._sockets / "s.runner.workers").glob("[0-9]*"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(int(note.name), signal.SIGKILL)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def runner(self) -> int | None:
        """The runner's process, known by the socket on its command line."""
        wanted = str(self._sockets / "s.runner").encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"flowd.runner" in words and wanted in words:
                    return int(folder.name)
        return None

    def kill_runner(self, *, missing_ok: bool = False) -> None:
        """kill -9 of the runner."""
        pid = self.runner()
        assert pid is not None or missing_ok, "there is no runner"
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self.until("the runner is gone", lambda: not _runs(pid))

    def tail(self) -> str:
        """The end of what the daemon said."""
        return self.log.read_text(errors="replace")[-4000:]

    # -- what users do

    def drop(self, name: str, definition: dict[str, Any]) -> None:
        """Put a definition into the folder."""
        (self.workflows / f"{name}.asl.json").write_text(json.dumps(definition, indent=2))

    def machine(self, name: str) -> str:
        """The ARN of a machine that was dropped, once it is there."""

        def look() -> str | None:
            found = self.sdk.list_state_machines()["stateMachines"]
            return next((str(m["stateMachineArn"]) for m in found if m["name"] == name), None)

        return self.until(f"the machine {name} is loaded", look)

    @property
    def sdk(self) -> Any:
        """boto3 as it comes, with the settings that `flowd env` prints."""
        if self._sdk is None:
            self._sdk = self.client()
        return self._sdk

    def client(self, service: str = "stepfunctions", **config: Any) -> Any:
        """A boto3 client of its own; all services of the daemon have one address."""
        if not self._settings:
            self._settings = json.loads(self.command("env", "--json"))
        settings = self._settings
        return boto3.client(
            service,
            endpoint_url=settings["AWS_ENDPOINT_URL_SFN"],
            region_name=settings["AWS_REGION"],
            aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
            config=Config(**config),
        )

    def command(self, *arguments: str) -> str:
        """`flowd ARGUMENTS`, which must succeed; returns what it prints."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, f"flowd {arguments} ended with {done.returncode}: {done.stderr}{done.stdout}"
        return done.stdout

    def attempt(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """`flowd ARGUMENTS`, whatever comes of it."""
        return subprocess.run(
            [*FLOWD, *arguments],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            **options,
        )

    # -- what is to be seen

    def until(self, what: str, check: Callable[[], T | None], seconds: float = PATIENCE_S) -> T:
        """Ask again and again until `check` returns something true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = check()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(f"waited {seconds:.0f} s in vain until {what}\n{self.tail()}")

    def history(self, arn: str) -> list[dict[str, Any]]:
        """All events, oldest first."""
        pages = self.sdk.get_paginator("get_execution_history").paginate(executionArn=arn, maxResults=1000)
        return [event for page in pages for event in page["events"]]

    def types(self, arn: str) -> list[str]:
        """The types of the events, oldest first."""
        return [event["type"] for event in self.history(arn)]

    def ended(self, arn: str) -> dict[str, Any]:
        """DescribeExecution of an execution once it is over."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.sdk.describe_execution(executionArn=arn)
            return None if found["status"] == "RUNNING" else found

        return self.until(f"{arn} has ended (last events: {self.types(arn)[-3:]})", look)

    def prompts(self, arn: str) -> list[dict[str, Any]]:
        """What an execution asks people."""
        found = json.loads(self.command("inbox", "--json"))
        return [each for each in found if each["executionArn"] == arn and each["kind"] == "prompt"]

    def queues(self) -> list[dict[str, Any]]:
        """The activities."""
        found: list[dict[str, Any]] = json.loads(self.command("queues", "--json"))
        return found


def unbroken(events: list[dict[str, Any]]) -> None:
    """Ids are dense from 1 and every event points back."""
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    # AWS lets the first two events, and those of a branch that begins, point where there is nothing before them.
    assert all(event["previousEventId"] < event["id"] for event in events), events


def threads(events: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The history without the accidents of concurrency: the types along each line of control, from its start to its
    end, sorted. Two runs of the same definition with the same outcomes give the same threads, however their branches
    met."""
    by_id = {event["id"]: event for event in events}
    followed = {event["previousEventId"] for event in events if event["type"] not in _BEGINS}
    found = []
    for event in events:
        if event["id"] in followed:
            continue
        line, at = [event["type"]], event
        while line[-1] not in _BEGINS and (before := by_id.get(at["previousEventId"])) is not None:
            line.append(before["type"])
            at = before
        found.append(tuple(reversed(line)))
    return sorted(found)


def lines(book: Path) -> list[str]:
    """What functions wrote."""
    return book.read_text().split() if book.exists() else []


def twice(found: Iterable[str]) -> list[str]:
    """What stands there more than once."""
    return [line for line, times in Counter(found).items() for _ in range(times - 1)]


def _runs(pid: int) -> bool:
    """A dead process that nobody has fetched yet does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
