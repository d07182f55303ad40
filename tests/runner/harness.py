"""What the runner's tests share: a real runner process, functions written on the spot, waiting with a deadline."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowd.functions import FunctionResult, FunctionSpec, Kind
from flowd.payload import loads
from flowd.runner.client import RunnerClient

#: A runner whose daemon was of another version of flowd.
OTHER_VERSION = """
from flowd.runner import protocol
protocol.VERSION += 1
from flowd.runner.__main__ import main
main()
"""
ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "given",
    "AWS_SECRET_ACCESS_KEY": "given too",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
}
DEADLINE_S = 20.0


async def until(condition: Callable[[], Any]) -> None:
    """Wait for another process to do something; AssertionError after a deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    """True if the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class RunnerProcess:
    """A runner in the foreground, as systemd starts it."""

    def __init__(self, *options: str, folder: Path | None = None, other_version: bool = False) -> None:
        # Not tmp_path: the path of a unix socket has at most 107 bytes.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="fr-", dir="/tmp"))
        self.socket = self.folder / "s"
        self.log = self.folder / "log"
        environment = {**os.environ, "RUNNER_SECRET": "nobody's business"}
        with self.log.open("ab") as log:
            program = ["-c", OTHER_VERSION] if other_version else ["-m", "flowd.runner"]
            arguments = [sys.executable, *program, "--socket", str(self.socket), *options]
            self.process = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def close(self) -> None:
        if self.process.poll() is None:
            # Twice: the second signal does not wait for open work.
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGTERM)
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Functions:
    """Writes functions into a folder, registers them, and calls them."""

    def __init__(self, folder: Path, client: RunnerClient) -> None:
        self.folder = folder
        self.client = client
        self.specs: dict[str, FunctionSpec] = {}
        self._count = 0
        folder.mkdir(parents=True, exist_ok=True)

    async def add(self, file: str, source: str, *, kind: Kind | None = None, name: str = "", **spec: Any) -> str:
        """Write a file and register it with all others; returns the function's name."""
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        path.chmod(0o755)
        kinds: dict[str, Kind] = {".py": "python", ".js": "node", ".mjs": "node"}
        spec.setdefault("path", str(path))
        kind = kind or kinds.get(path.suffix, "executable")
        name = name or path.stem
        self.specs[name] = FunctionSpec(name=name, kind=kind, **spec)
        await self.client.register(list(self.specs.values()), ENVIRONMENT)
        return name

    async def call(self, name: str, event: str = "{}", **more: Any) -> FunctionResult:
        """Run it under a key of its own, and acknowledge."""
        self._count += 1
        key = f"{self.folder}:{self._count}"
        async with asyncio.timeout(DEADLINE_S):
            result = await self.client.invoke(key, name, event, arn=f"arn:aws:lambda:::function:{name}", **more)
        await self.client.acknowledge(key)
        return result

    async def run(self, source: str, event: str = "{}", **spec: Any) -> FunctionResult:
        """A Python function of this source, called once."""
        self._count += 1
        return await self.call(await self.add(f"f{self._count}.py", source, **spec), event)


def cause(result: FunctionResult) -> Any:
    """The cause, which must be JSON."""
    assert result.cause is not None, result
    return loads(result.cause)


def value(result: FunctionResult) -> Any:
    """The output, parsed; AssertionError if there is none."""
    assert result.error is None, result
    assert result.output_text is not None
    return loads(result.output_text)
