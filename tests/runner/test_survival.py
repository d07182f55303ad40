"""What happens to functions when a daemon, a worker, a connection or the runner dies. Real processes, real kills."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flowd.functions import FunctionResult, FunctionSpec, Unknown
from flowd.runner.client import RunnerClient
from flowd.runner.line import RunnerUnreachable
from tests.runner.harness import DEADLINE_S, Functions, RunnerProcess, alive, until, value

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
    def pids(self) -> list[int]:
        return [int(line) for line in self._runs.read_text().split()] if self._runs.exists() else []

    def go(self) -> None:
        self._go.touch()

    def daemon(self, socket: Path, *options: str) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-c", DAEMON, str(socket), str(self.file), self.event, *options]
        return subprocess.Popen(arguments)


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    return Waiting(tmp_path / "waiting")


@asynccontextmanager
async def connected(socket: Path, waiting: Waiting, spawn: bool = False) -> AsyncIterator[RunnerClient]:
    client = RunnerClient(socket, patience_s=5)
    await client.connect(spawn)
    await client.register([waiting.spec], {})
    try:
        yield client
    finally:
        await client.close()


async def held(client: RunnerClient) -> int:
    return (await client.counts()).held


async def test_a_daemon_that_is_killed_leaves_the_function_running_and_the_next_gets_the_result_once(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    daemon = waiting.daemon(runner.socket)
    await until(lambda: waiting.pids)
    daemon.kill()
    daemon.wait()
    assert alive(waiting.pids[0])
    async with connected(runner.socket, waiting) as client:
        again = asyncio.ensure_future(client.attach("1:0:1"))
        waiting.go()
        assert value(_known(await again)) == "went"
        assert _known(await client.attach("1:0:1")).log == "began\n"  # held until it is acknowledged
        await client.acknowledge("1:0:1")
        assert await client.attach("1:0:1") == Unknown()
    assert len(waiting.pids) == 1


async def test_an_outcome_waits_for_a_daemon_that_was_away(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    daemon = waiting.daemon(runner.socket)
    await until(lambda: waiting.pids)
    daemon.kill()
    daemon.wait()
    waiting.go()
    async with connected(runner.socket, waiting) as client:
        async with asyncio.timeout(DEADLINE_S):
            while not await held(client):
                await asyncio.sleep(0.005)
        assert value(_known(await client.attach("1:0:1"))) == "went"


async def test_a_spawned_runner_survives_the_daemon_that_spawned_it(waiting: Waiting, tmp_path: Path) -> None:
    folder = Path(f"/tmp/fr-{os.getpid()}-{id(tmp_path):x}")
    socket = folder / "s"
    daemon = waiting.daemon(socket, "spawn")
    try:
        await until(lambda: waiting.pids)
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.wait()
        async with connected(socket, waiting, spawn=True) as client:
            pid = client.pid
            assert os.getsid(pid) != os.getsid(0)
            assert stat.S_IMODE(socket.stat().st_mode) == 0o600
            waiting.go()
            assert value(_known(await client.attach("1:0:1"))) == "went"
            await client.acknowledge("1:0:1")
        await until(lambda: not alive(pid))  # close() of a client that spawns tells an idle runner to end
        assert not socket.exists()
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


async def test_a_client_that_abandons_its_runner_ends_it_with_all_that_runs(waiting: Waiting, tmp_path: Path) -> None:
    folder = Path(f"/tmp/fr-{os.getpid()}-{id(tmp_path):x}")
    client = RunnerClient(folder / "s")
    try:
        await client.connect(spawn=True)
        await client.register([waiting.spec], {})
        run = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
        await until(lambda: waiting.pids)
        await client.close(abandon=True)
        assert (await run).error == "Lambda.Unknown"
        await until(lambda: not alive(client.pid) and not alive(waiting.pids[0]))
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


async def test_an_orderly_stop_leaves_the_runner_until_its_work_is_fetched(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
        await until(lambda: waiting.pids)
        await client.shutdown_when_idle()
        run.cancel()
    async with connected(runner.socket, waiting) as client:  # takes the wish back
        waiting.go()
        assert value(_known(await client.attach("k"))) == "went"
        await client.acknowledge("k")
        assert await held(client) == 0
        await client.shutdown_when_idle()
        await until(lambda: runner.process.poll() is not None)
    assert runner.process.returncode == 0


async def test_an_outcome_whose_acknowledgement_was_lost_does_not_keep_the_runner_of_a_daemon_that_stops(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    daemon = waiting.daemon(runner.socket)
    await until(lambda: waiting.pids)
    daemon.kill()  # as if it had taken the outcome, and died before it could say so
    daemon.wait()
    waiting.go()
    async with connected(runner.socket, waiting) as client:
        async with asyncio.timeout(DEADLINE_S):
            while not await held(client):
                await asyncio.sleep(0.005)
        await client.shutdown_when_idle()
        await until(lambda: runner.process.poll() is not None)
    assert runner.process.returncode == 0


async def test_a_runner_that_is_killed_fails_what_was_open_and_a_new_one_ends_what_is_left(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        started_ms = client.started_ms
        run = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
        await until(lambda: waiting.pids)
        runner.kill()
        result = await run
        assert result.error == "Lambda.Unknown"
        assert "the runner ended while the function ran" in (result.cause or "")
        own_runner(folder=runner.folder)
        await until(lambda: not alive(waiting.pids[0]))
        waiting.go()
        assert value(await client.invoke("k2", "waits", f'"{waiting.event}"')) == "went"  # by itself, specs and all
        assert client.started_ms > started_ms


async def test_a_client_that_spawns_starts_a_new_runner_when_its_own_dies(waiting: Waiting, tmp_path: Path) -> None:
    folder = Path(f"/tmp/fr-{os.getpid()}-{id(tmp_path):x}")
    waiting.go()
    try:
        async with connected(folder / "s", waiting, spawn=True) as client:
            pid = client.pid
            os.kill(pid, signal.SIGKILL)
            await until(lambda: not client.connected)
            assert value(await client.invoke("k", "waits", f'"{waiting.event}"')) == "went"
            assert client.pid != pid
            await client.acknowledge("k")
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


async def test_a_broken_connection_to_a_living_runner_loses_nothing(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
        await until(lambda: waiting.pids)
        broken = client._connection
        assert broken is not None
        broken.abort()
        await until(lambda: client.connected and client._connection is not broken)
        waiting.go()
        assert value(await run) == "went"
    assert len(waiting.pids) == 1


async def test_two_calls_with_one_key_run_once(functions: Functions, waiting: Waiting) -> None:
    name = await functions.add("waits.py", WAITS)
    client = functions.client
    first = asyncio.ensure_future(client.invoke("one-key", name, f'"{waiting.event}"'))
    second = asyncio.ensure_future(client.invoke("one-key", name, f'"{waiting.event}"'))
    third = asyncio.ensure_future(client.attach("one-key"))
    await until(lambda: waiting.pids)
    waiting.go()
    results = [await first, await second, await third, await client.invoke("one-key", name, "never read")]
    assert {_known(result).request_id for result in results} == {results[0].request_id}  # type: ignore[union-attr]
    assert len(waiting.pids) == 1
    await client.acknowledge("one-key")


async def test_a_worker_that_is_killed_from_outside_is_an_exit_error(functions: Functions, waiting: Waiting) -> None:
    name = await functions.add("waits.py", WAITS)
    run = asyncio.ensure_future(functions.call(name, f'"{waiting.event}"'))
    await until(lambda: waiting.pids)
    os.kill(waiting.pids[0], signal.SIGKILL)
    result = await run
    assert result.error == "Runtime.ExitError"
    assert "signal: killed" in (result.cause or "")


async def test_cancel_kills_the_call_and_forgets_it(functions: Functions, waiting: Waiting) -> None:
    name = await functions.add("waits.py", WAITS)
    run = asyncio.ensure_future(functions.client.invoke("c", name, f'"{waiting.event}"'))
    await until(lambda: waiting.pids)
    await functions.client.cancel("c")
    assert (await run).error == "Lambda.Unknown"
    await until(lambda: not alive(waiting.pids[0]))
    assert await functions.client.attach("c") == Unknown()
    await functions.client.cancel("never known")


async def test_a_detached_call_answers_at_once_and_goes_on(functions: Functions, waiting: Waiting) -> None:
    name = await functions.add("waits.py", WAITS)
    client = functions.client
    result = await client.invoke("d", name, f'"{waiting.event}"', detached=True)
    assert (result.error, result.output_text) == (None, None)
    assert _known(await client.attach("d")).request_id == result.request_id
    await client.acknowledge("d")
    await until(lambda: waiting.pids)
    assert alive(waiting.pids[0])
    waiting.go()
    async with asyncio.timeout(DEADLINE_S):
        while (await client.counts()).running:
            await asyncio.sleep(0.005)
    assert await client.attach("d") == Unknown()


async def test_an_outcome_that_nobody_has_fetched_outlives_the_runner_that_is_stopped(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    daemon = waiting.daemon(runner.socket)
    await until(lambda: waiting.pids)
    daemon.kill()  # as at a shutdown, where the daemon is stopped too
    daemon.wait()
    runner.process.terminate()
    waiting.go()
    await until(lambda: runner.process.poll() is not None)  # at once: nobody is there to fetch anything
    own_runner(folder=runner.folder)
    async with connected(runner.socket, waiting) as client:
        result = _known(await client.attach("1:0:1"))
        assert (value(result), result.log) == ("went", "began\n")
        await client.acknowledge("1:0:1")
        assert await client.attach("1:0:1") == Unknown()
    assert len(waiting.pids) == 1


async def test_a_call_that_meets_a_runner_which_stops_is_begun_by_the_next_one(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        since_ms = client.started_ms
        first = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
        await until(lambda: waiting.pids)
        runner.process.terminate()
        await until(lambda: client.retiring)
        assert "functions wait until" in client.problem
        later = asyncio.ensure_future(client.invoke("k2", "waits", f'"{waiting.event}"'))
        waiting.go()
        assert value(await first) == "went"
        await client.acknowledge("k")
        await until(lambda: runner.process.poll() is not None)
        own_runner(folder=runner.folder)
        assert value(await later) == "went"
        assert client.started_ms == since_ms  # so a daemon can tell that what is not held was never begun
    assert len(waiting.pids) == 2


async def test_a_call_in_the_queue_of_a_runner_that_stops_is_begun_by_the_next_one(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner("--per-function", "1")
    async with connected(runner.socket, waiting) as client:
        calls = [asyncio.ensure_future(client.invoke(key, "waits", f'"{waiting.event}"')) for key in ("k", "k2")]
        await until(lambda: waiting.pids)
        runner.process.terminate()
        await until(lambda: client.retiring)
        waiting.go()
        assert value(await calls[0]) == "went"
        await client.acknowledge("k")
        await until(lambda: runner.process.poll() is not None)
        own_runner(folder=runner.folder)
        assert value(await calls[1]) == "went"
    assert len(waiting.pids) == 2


async def test_what_a_runner_has_kept_and_nobody_can_read_is_unknown_to_the_next(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        since_ms = client.started_ms
    runner.process.terminate()
    await until(lambda: runner.process.poll() is not None)
    runner.socket.with_name("s.kept").write_bytes(b"\xc1 torn")
    own_runner(folder=runner.folder)
    async with connected(runner.socket, waiting) as client:
        assert client.started_ms > since_ms
    assert "cannot be used" in runner.log.read_text()


async def test_sigterm_waits_for_open_work_and_begins_nothing_new(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
        await until(lambda: waiting.pids)
        runner.process.terminate()
        await until(lambda: client.retiring)
        other = asyncio.ensure_future(client.invoke("other", "waits", f'"{waiting.event}"'))
        waiting.go()
        assert value(await run) == "went"
        await client.acknowledge("k")
        await until(lambda: runner.process.poll() is not None)
        assert not other.done()
        other.cancel()
    assert runner.process.returncode == 0
    assert len(waiting.pids) == 1


async def test_a_runner_that_is_told_twice_to_stop_takes_its_functions_along(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
        await until(lambda: waiting.pids)
        runner.process.send_signal(signal.SIGTERM)
        runner.process.send_signal(signal.SIGINT)
        assert (await run).error == "Lambda.Unknown"
        await until(lambda: runner.process.poll() is not None)
    assert not alive(waiting.pids[0])


async def test_a_socket_file_that_was_removed_is_made_anew(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    waiting.go()
    async with connected(runner.socket, waiting) as client:
        runner.socket.unlink()
        assert value(await client.invoke("k", "waits", f'"{waiting.event}"')) == "went"
        await client.acknowledge("k")
    await until(runner.socket.exists)
    async with connected(runner.socket, waiting) as client:
        assert client.pid == runner.process.pid
        assert value(await client.invoke("k2", "waits", f'"{waiting.event}"')) == "went"
        await client.acknowledge("k2")


async def test_a_daemon_that_came_first_finds_the_runner_that_comes_later(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    folder = own_runner().folder
    other = folder / "later"
    other.mkdir()
    client = RunnerClient(other / "s")
    with pytest.raises(RunnerUnreachable):
        await client.connect()
    await client.register([waiting.spec], {})
    waiting.go()
    run = asyncio.ensure_future(client.invoke("k", "waits", f'"{waiting.event}"'))
    own_runner(folder=other)
    assert value(await run) == "went"
    await client.close()


def _known(result: FunctionResult | Unknown) -> FunctionResult:
    assert isinstance(result, FunctionResult)
    return result
