"""What happens to functions when a daemon, a worker, a connection or the runner dies. Real processes, real kills."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
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


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    return Waiting(tmp_path / "waiting")


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the socket of a runner that a client spawns: tmp_path is too long for one."""
    made = Path(tempfile.mkdtemp(prefix="fr-", dir="/tmp"))
    made.rmdir()  # whoever spawns makes it
    yield made
    shutil.rmtree(made, ignore_errors=True)


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


async def test_a_daemon_that_is_killed_leaves_the_function_running_and_the_next_gets_the_result_once(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    await killed_while_it_waits(waiting, runner.socket)
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
    await killed_while_it_waits(waiting, runner.socket)
    waiting.go()
    async with connected(runner.socket, waiting) as client:
        await until_held(client)
        assert value(_known(await client.attach("1:0:1"))) == "went"


async def test_a_spawned_runner_survives_the_daemon_that_spawned_it(waiting: Waiting, folder: Path) -> None:
    socket = folder / "s"
    await killed_while_it_waits(waiting, socket, "spawn")
    async with connected(socket, waiting, spawn=True) as client:
        pid = client.pid
        assert os.getsid(pid) != os.getsid(0)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        waiting.go()
        assert value(_known(await client.attach("1:0:1"))) == "went"
        await client.acknowledge("1:0:1")
    await until(lambda: not alive(pid))  # close() of a client that spawns tells an idle runner to end
    assert not socket.exists()


async def test_a_client_that_abandons_its_runner_ends_it_with_all_that_runs(waiting: Waiting, folder: Path) -> None:
    client = RunnerClient(folder / "s")
    await client.connect(spawn=True)
    await client.register([waiting.spec], {})
    run = await under_way(client, waiting)
    await client.close(abandon=True)
    assert (await run).error == "Lambda.Unknown"
    await until(lambda: not alive(client.pid) and not alive(waiting.pids[0]))


async def test_an_orderly_stop_leaves_the_runner_until_its_work_is_fetched(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = await under_way(client, waiting)
        await client.shutdown_when_idle()
        run.cancel()
    async with connected(runner.socket, waiting) as client:  # takes the wish back
        waiting.go()
        assert value(_known(await client.attach("k"))) == "went"
        await client.acknowledge("k")
        assert await held(client) == 0
        await client.shutdown_when_idle()
        await ended(runner)
    assert runner.process.returncode == 0


async def test_an_outcome_whose_acknowledgement_was_lost_does_not_keep_the_runner_of_a_daemon_that_stops(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    # As if it had taken the outcome, and died before it could say so.
    await killed_while_it_waits(waiting, runner.socket)
    waiting.go()
    async with connected(runner.socket, waiting) as client:
        await until_held(client)
        await client.shutdown_when_idle()
        await ended(runner)
    assert runner.process.returncode == 0


async def test_a_runner_that_is_killed_fails_what_was_open_and_a_new_one_ends_what_is_left(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        started_ms = client.started_ms
        run = await under_way(client, waiting)
        runner.kill()
        result = await run
        assert result.error == "Lambda.Unknown"
        assert "the runner ended while the function ran" in (result.cause or "")
        own_runner(folder=runner.folder)
        await until(lambda: not alive(waiting.pids[0]))
        waiting.go()
        assert value(await client.invoke("k2", "waits", waiting.json)) == "went"  # by itself, specs and all
        assert client.started_ms > started_ms


async def test_a_client_that_spawns_starts_a_new_runner_when_its_own_dies(waiting: Waiting, folder: Path) -> None:
    waiting.go()
    async with connected(folder / "s", waiting, spawn=True) as client:
        pid = client.pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: not client.connected)
        assert value(await client.invoke("k", "waits", waiting.json)) == "went"
        assert client.pid != pid
        await client.acknowledge("k")


async def test_a_broken_connection_to_a_living_runner_loses_nothing(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = await under_way(client, waiting)
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
    first = asyncio.ensure_future(client.invoke("one-key", name, waiting.json))
    second = asyncio.ensure_future(client.invoke("one-key", name, waiting.json))
    third = asyncio.ensure_future(client.attach("one-key"))
    await until(lambda: waiting.pids)
    waiting.go()
    results = [await first, await second, await third, await client.invoke("one-key", name, "never read")]
    assert len({_known(result).request_id for result in results}) == 1
    assert len(waiting.pids) == 1
    await client.acknowledge("one-key")


async def test_a_worker_that_is_killed_from_outside_is_an_exit_error(functions: Functions, waiting: Waiting) -> None:
    name = await functions.add("waits.py", WAITS)
    run = asyncio.ensure_future(functions.call(name, waiting.json))
    await until(lambda: waiting.pids)
    os.kill(waiting.pids[0], signal.SIGKILL)
    result = await run
    assert result.error == "Runtime.ExitError"
    assert "signal: killed" in (result.cause or "")


async def test_cancel_kills_the_call_and_forgets_it(functions: Functions, waiting: Waiting) -> None:
    name = await functions.add("waits.py", WAITS)
    run = asyncio.ensure_future(functions.client.invoke("c", name, waiting.json))
    await until(lambda: waiting.pids)
    await functions.client.cancel("c")
    assert (await run).error == "Lambda.Unknown"
    await until(lambda: not alive(waiting.pids[0]))
    assert await functions.client.attach("c") == Unknown()
    await functions.client.cancel("never known")


async def test_a_detached_call_answers_at_once_and_goes_on(functions: Functions, waiting: Waiting) -> None:
    name = await functions.add("waits.py", WAITS)
    client = functions.client
    result = await client.invoke("d", name, waiting.json, detached=True)
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
    await killed_while_it_waits(waiting, runner.socket)  # as at a shutdown, where the daemon is stopped too
    runner.process.terminate()
    waiting.go()
    await ended(runner)  # at once: nobody is there to fetch anything
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
        first = await under_way(client, waiting)
        runner.process.terminate()
        await until(lambda: client.retiring)
        assert "functions wait until" in client.problem
        later = asyncio.ensure_future(client.invoke("k2", "waits", waiting.json))
        waiting.go()
        assert value(await first) == "went"
        await client.acknowledge("k")
        await ended(runner)
        own_runner(folder=runner.folder)
        assert value(await later) == "went"
        assert client.started_ms == since_ms  # so a daemon can tell that what is not held was never begun
    assert len(waiting.pids) == 2


async def test_a_call_in_the_queue_of_a_runner_that_stops_is_begun_by_the_next_one(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner("--per-function", "1")
    async with connected(runner.socket, waiting) as client:
        calls = [asyncio.ensure_future(client.invoke(key, "waits", waiting.json)) for key in ("k", "k2")]
        await until(lambda: waiting.pids)
        runner.process.terminate()
        await until(lambda: client.retiring)
        waiting.go()
        assert value(await calls[0]) == "went"
        await client.acknowledge("k")
        await ended(runner)
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
    await ended(runner)
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
        run = await under_way(client, waiting)
        runner.process.terminate()
        await until(lambda: client.retiring)
        other = asyncio.ensure_future(client.invoke("other", "waits", waiting.json))
        waiting.go()
        assert value(await run) == "went"
        await client.acknowledge("k")
        await ended(runner)
        assert not other.done()
        other.cancel()
    assert runner.process.returncode == 0
    assert len(waiting.pids) == 1


async def test_a_runner_that_is_told_twice_to_stop_takes_its_functions_along(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = await under_way(client, waiting)
        runner.process.send_signal(signal.SIGTERM)
        runner.process.send_signal(signal.SIGINT)
        assert (await run).error == "Lambda.Unknown"
        await ended(runner)
    assert not alive(waiting.pids[0])


async def test_a_socket_file_that_was_removed_is_made_anew(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    waiting.go()
    async with connected(runner.socket, waiting) as client:
        runner.socket.unlink()
        assert value(await client.invoke("k", "waits", waiting.json)) == "went"
        await client.acknowledge("k")
    await until(runner.socket.exists)
    async with connected(runner.socket, waiting) as client:
        assert client.pid == runner.process.pid
        assert value(await client.invoke("k2", "waits", waiting.json)) == "went"
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
    run = asyncio.ensure_future(client.invoke("k", "waits", waiting.json))
    own_runner(folder=other)
    assert value(await run) == "went"
    await client.close()


def _known(result: FunctionResult | Unknown) -> FunctionResult:
    assert isinstance(result, FunctionResult)
    return result
