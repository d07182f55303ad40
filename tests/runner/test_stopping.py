"""What happens to functions when a runner is told to stop, and to what it hands on. Real processes, real signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from flowd.functions import Unknown
from tests.runner.harness import RunnerProcess, alive, until, value
from tests.runner.waiting import (
    Waiting,
    connected,
    ended,
    held,
    killed_while_it_waits,
    known,
    last_work_done,
    told_to_stop,
    under_way,
    until_held,
)


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
        assert value(known(await client.attach("k"))) == "went"
        await client.acknowledge("k")
        assert await held(client) == 0
        await client.shutdown_when_idle()
        await ended(runner)
    assert runner.process.returncode == 0


async def test_a_daemon_beside_the_one_that_ends_the_runner_is_told_and_goes_on_with_the_next_one(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    waiting.go()
    async with connected(runner.socket, waiting) as first, connected(runner.socket, waiting) as second:
        since_ms = second.started_ms
        await first.shutdown_when_idle()
        await ended(runner)
        await until(lambda: not second.connected)
        assert ("functions wait until" in first.problem, "functions wait until" in second.problem) == (False, True)
        later = asyncio.ensure_future(second.invoke("k", "waits", waiting.json))
        own_runner(folder=runner.folder)
        assert value(await later) == "went"
        assert second.started_ms == since_ms
        await second.acknowledge("k")


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


async def test_sigterm_waits_for_open_work_and_begins_nothing_new(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner()
    async with connected(runner.socket, waiting) as client:
        run = await under_way(client, waiting)
        await told_to_stop(runner, client)
        other = asyncio.ensure_future(client.invoke("other", "waits", waiting.json))
        await last_work_done(runner, client, waiting, run)
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
        result = known(await client.attach("1:0:1"))
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
        await told_to_stop(runner, client)
        assert "functions wait until" in client.problem
        later = asyncio.ensure_future(client.invoke("k2", "waits", waiting.json))
        await last_work_done(runner, client, waiting, first)
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
        await told_to_stop(runner, client)
        await last_work_done(runner, client, waiting, calls[0])
        own_runner(folder=runner.folder)
        assert value(await calls[1]) == "went"
    assert len(waiting.pids) == 2


async def test_a_call_in_the_queue_that_was_accepted_is_run_before_the_runner_stops(
    own_runner: Callable[..., RunnerProcess], waiting: Waiting
) -> None:
    runner = own_runner("--per-function", "1")
    async with connected(runner.socket, waiting) as client:
        run = await under_way(client, waiting)
        await client.invoke("d", "waits", waiting.json, detached=True)
        await told_to_stop(runner, client)
        assert await client.attach("d") != Unknown()
        await client.acknowledge("d")
        await last_work_done(runner, client, waiting, run)
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
