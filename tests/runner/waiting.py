"""A function that waits until it is let go, and what stories of dying daemons and runners do with it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from flowd.functions import FunctionResult, FunctionSpec, Unknown
from flowd.runner.client import RunnerClient
from tests.runner.harness import DEADLINE_S, RunnerProcess, until, value

# Counts its runs in a file, says that it began, and waits to be let go.
WAITS = """
import os, time
def handler(event, context):
    with open(event + '.runs', 'a') as runs:
        runs.write(f'{os.getpid()}\\n')
    print('began')
    while not os.path.exists(event + '.go'):
        time.sleep(0.005)
    return 'went'
"""

# A daemon that asks for one call and is killed while it waits for the answer.
DAEMON = """
import asyncio, sys
from pathlib import Path
from flowd.functions import FunctionSpec
from flowd.runner.client import RunnerClient

async def main(socket, file, event):
    client = RunnerClient(Path(socket))
    await client.connect(spawn=len(sys.argv) > 4)
    await client.register([FunctionSpec(name='waits', kind='python', path=file)], {})
    await client.invoke('1:0:1', 'waits', '"' + event + '"')

asyncio.run(main(*sys.argv[1:4]))
"""


class Waiting:
    """The files through which a test and the function `waits` speak."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.file = folder / "waits.py"
        self.file.write_text(WAITS)
        self.event = str(folder / "event")
        self._runs = folder / "event.runs"
        self._go = folder / "event.go"

    @property
    def spec(self) -> FunctionSpec:
        return FunctionSpec(name="waits", kind="python", path=str(self.file))

    @property
    def json(self) -> str:
        """What the function is called with."""
        return f'"{self.event}"'

    @property
    def pids(self) -> list[int]:
        return [int(line) for line in self._runs.read_text().split()] if self._runs.exists() else []

    def go(self) -> None:
        self._go.touch()

    def daemon(self, socket: Path, *options: str) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-c", DAEMON, str(socket), str(self.file), self.event, *options]
        return subprocess.Popen(arguments)


@asynccontextmanager
async def connected(socket: Path, waiting: Waiting, spawn: bool = False) -> AsyncIterator[RunnerClient]:
    client = RunnerClient(socket, patience_s=5)
    await client.connect(spawn)
    await client.register([waiting.spec], {})
    try:
        yield client
    finally:
        await client.close()


async def killed_while_it_waits(waiting: Waiting, socket: Path, *options: str) -> None:
    """A daemon asks for the call `1:0:1` and is killed while the function runs."""
    daemon = waiting.daemon(socket, *options)
    await until(lambda: waiting.pids)
    daemon.kill()
    daemon.wait()


async def under_way(client: RunnerClient, waiting: Waiting) -> asyncio.Task[FunctionResult]:
    """The call `k`, once the function runs."""
    run = asyncio.create_task(client.invoke("k", "waits", waiting.json))
    await until(lambda: waiting.pids)
    return run


async def held(client: RunnerClient) -> int:
    return (await client.counts()).held


async def until_held(client: RunnerClient) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await held(client):
            await asyncio.sleep(0.005)


async def ended(runner: RunnerProcess) -> None:
    await until(lambda: runner.process.poll() is not None)


async def told_to_stop(runner: RunnerProcess, client: RunnerClient) -> None:
    """The runner has the signal, and its daemon knows."""
    runner.process.terminate()
    await until(lambda: client.retiring)


async def last_work_done(
    runner: RunnerProcess, client: RunnerClient, waiting: Waiting, run: asyncio.Future[FunctionResult]
) -> None:
    """The call `k`, which was all that a stopping runner waited for, is fetched, and the runner is gone."""
    waiting.go()
    assert value(await run) == "went"
    await client.acknowledge("k")
    await ended(runner)


def known(result: FunctionResult | Unknown) -> FunctionResult:
    assert isinstance(result, FunctionResult)
    return result
