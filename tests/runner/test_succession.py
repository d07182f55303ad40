"""A runner of another version, as an upgrade leaves it: real processes, whose protocol says another number."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flowd.containers import ContainerSpec
from flowd.functions import FunctionResult, FunctionSpec, Unknown
from flowd.runner import succession
from flowd.runner.client import RunnerClient
from flowd.runner.container_client import ContainerClient
from flowd.runner.line import RunnerUnreachable
from tests.runner.harness import DEADLINE_S, RunnerProcess, alive, until, value

# A daemon of that version: it asks for one run (and one container), and is killed.
DAEMON = """
import asyncio, sys
from pathlib import Path
from flowd.runner import protocol
protocol.VERSION += 1
from flowd.containers import ContainerSpec
from flowd.functions import FunctionSpec
from flowd.runner.client import RunnerClient
from flowd.runner.container_client import ContainerClient

async def main(socket, file, event):
    client = RunnerClient(Path(socket))
    await client.connect()
    await client.register([FunctionSpec(name='waits', kind='python', path=file)], {})
    if event:
        await client.invoke('1:0:1', 'waits', '"' + event + '"')
    else:
        spec = ContainerSpec(name='w', command=['/bin/sh', '-c', f'echo $$ > {file}; exec sleep 600'], folder='/')
        await ContainerClient(client).run('code:v', spec)

asyncio.run(main(*sys.argv[1:]))
"""
WAITS = """
import os, time
def handler(event, context):
    with open(event + '.pid', 'w') as file:
        file.write(str(os.getpid()))
    while not os.path.exists(event + '.go'):
        time.sleep(0.005)
    return 'went'
"""


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succession, "LOOK_S", 0.02)


@pytest.fixture
def waits(tmp_path: Path) -> FunctionSpec:
    file = tmp_path / "waits.py"
    file.write_text(WAITS)
    return FunctionSpec(name="waits", kind="python", path=str(file))


@asynccontextmanager
async def upgraded(socket: Path, waits: FunctionSpec) -> AsyncIterator[RunnerClient]:
    """The client of a daemon of this version, which starts its own runner where it must."""
    client = RunnerClient(socket, patience_s=DEADLINE_S)
    await client.connect(spawn=True)
    try:
        yield client
    finally:
        await client.register([waits], {})
        await client.close(abandon=True)


async def daemon_before(runner: RunnerProcess, file: str, event: str, began: Callable[[], bool]) -> None:
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(runner.socket), file, event])
    await until(began)
    daemon.kill()
    daemon.wait()


async def test_an_idle_runner_of_another_version_is_replaced_by_itself(
    own_runner: Callable[..., RunnerProcess], waits: FunctionSpec, tmp_path: Path
) -> None:
    elder = own_runner(other_version=True)
    event = tmp_path / "event"
    Path(f"{event}.go").touch()
    async with upgraded(elder.socket, waits) as client:
        await client.register([waits], {})
        async with asyncio.timeout(DEADLINE_S):
            assert value(await client.invoke("2:0:1", "waits", f'"{event}"')) == "went"
        assert client.pid != elder.process.pid
        await until(lambda: elder.process.poll() is not None)
        assert elder.process.returncode == 0


async def test_a_busy_one_is_named_its_outcome_is_fetched_and_then_it_is_replaced(
    own_runner: Callable[..., RunnerProcess],
    waits: FunctionSpec,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    elder = own_runner(other_version=True)
    event = tmp_path / "event"
    await daemon_before(elder, waits.path, str(event), Path(f"{event}.pid").exists)
    async with upgraded(elder.socket, waits) as client:
        again = asyncio.ensure_future(client.attach("1:0:1"))
        assert await client.attach("never:0:1") == Unknown()
        await client.register([waits], {})
        new = asyncio.ensure_future(client.invoke("2:0:1", "waits", f'"{event}"'))
        await until(lambda: f"process {elder.process.pid}" in client.problem)
        assert "1 going on" in client.problem and "replaced by itself" in client.problem
        assert caplog.text.count("of another version") == 1
        assert not client.connected and not new.done() and client.pid == elder.process.pid
        assert (await client.counts()).running == 1
        Path(f"{event}.go").touch()
        found = await again
        assert isinstance(found, FunctionResult) and value(found) == "went"
        await client.acknowledge("1:0:1")
        async with asyncio.timeout(DEADLINE_S):
            assert value(await new) == "went"
        assert client.pid != elder.process.pid and client.connected and client.problem == ""


async def test_a_call_waits_longer_than_its_patience_for_the_successor(
    own_runner: Callable[..., RunnerProcess], waits: FunctionSpec, tmp_path: Path
) -> None:
    elder = own_runner(other_version=True)
    event = tmp_path / "event"
    await daemon_before(elder, waits.path, str(event), Path(f"{event}.pid").exists)
    client = RunnerClient(elder.socket, patience_s=DEADLINE_S)
    await client.connect(spawn=True)
    client._patience_s = 0.01
    await client.register([waits], {})
    waiting = asyncio.ensure_future(client.wait_ready())
    assert await client.wait_there()
    await until(lambda: client.problem)
    assert not waiting.done()
    client._patience_s = DEADLINE_S
    Path(f"{event}.go").touch()
    assert await waiting
    await client.close(abandon=True)
    assert not await RunnerClient(tmp_path / "none", patience_s=0.01).wait_ready()


async def test_outcomes_that_nobody_asks_for_do_not_keep_it(
    own_runner: Callable[..., RunnerProcess], waits: FunctionSpec, tmp_path: Path
) -> None:
    elder = own_runner(other_version=True)
    event = tmp_path / "event"
    await daemon_before(elder, waits.path, str(event), Path(f"{event}.pid").exists)
    Path(f"{event}.go").touch()
    async with upgraded(elder.socket, waits) as client:
        await client.register([waits], {})
        await until(lambda: elder.process.poll() is not None)


async def test_a_worker_that_never_ends_makes_room_where_it_is_wanted_anew(
    own_runner: Callable[..., RunnerProcess], waits: FunctionSpec, tmp_path: Path
) -> None:
    elder = own_runner(other_version=True)
    first, second = tmp_path / "first", tmp_path / "second"
    await daemon_before(elder, str(first), "", lambda: first.exists() and bool(first.read_text()))
    async with upgraded(elder.socket, waits) as client:
        spec = ContainerSpec(name="w", command=["/bin/sh", "-c", f"echo $$ > {second}; exec sleep 600"], folder="/")
        run = asyncio.ensure_future(ContainerClient(client).run("code:v", spec))
        await client.register([waits], {})
        await until(lambda: second.exists() and second.read_text())
        assert not alive(int(first.read_text()))
        assert elder.process.poll() is not None
        run.cancel()


async def test_one_that_systemd_runs_is_left_alone_and_named(
    own_runner: Callable[..., RunnerProcess], tmp_path: Path
) -> None:
    elder = own_runner(other_version=True)
    client = RunnerClient(elder.socket)
    with pytest.raises(RunnerUnreachable, match=rf"\(process {elder.process.pid}\) is of another version.*systemctl"):
        await client.connect()
    assert client.problem
    await client.close()
    assert elder.process.poll() is None
