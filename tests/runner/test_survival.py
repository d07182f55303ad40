"""What happens to functions when a daemon, a worker, a connection or the runner dies. Real processes, real kills."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from flowd.functions import Unknown
from flowd.runner.client import RunnerClient
from flowd.runner.line import RunnerUnreachable
from tests.runner.harness import DEADLINE_S, Functions, RunnerProcess, alive, until, value
from tests.runner.waiting import WAITS, Waiting, connected, killed_while_it_waits, known, under_way, until_held


async def test_a_daemon_that_is_killed_leaves_the_function_running_and_the_next_gets_the_result_once(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    await killed_while_it_waits(waiting, runner.socket)
    assert alive(waiting.pids[0])
    async with connected(runner.socket, waiting) as client:
        again = asyncio.ensure_future(client.attach("1:0:1"))
        waiting.go()
        assert value(known(await again)) == "went"
        assert known(await client.attach("1:0:1")).log == "began\n"  # held until it is acknowledged
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
        assert value(known(await client.attach("1:0:1"))) == "went"


async def test_a_spawned_runner_survives_the_daemon_that_spawned_it(waiting: Waiting, folder: Path) -> None:
    socket = folder / "s"
    await killed_while_it_waits(waiting, socket, "spawn")
    async with connected(socket, waiting, spawn=True) as client:
        pid = client.pid
        assert os.getsid(pid) != os.getsid(0)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        waiting.go()
        assert value(known(await client.attach("1:0:1"))) == "went"
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
    assert len({known(result).request_id for result in results}) == 1
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
    assert known(await client.attach("d")).request_id == result.request_id
    await client.acknowledge("d")
    await until(lambda: waiting.pids)
    assert alive(waiting.pids[0])
    waiting.go()
    async with asyncio.timeout(DEADLINE_S):
        while (await client.counts()).running:
            await asyncio.sleep(0.005)
    assert await client.attach("d") == Unknown()


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
