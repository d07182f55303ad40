"""Activities: who gets a task, and what becomes of it when workers vanish or fall silent."""

from __future__ import annotations

import asyncio

import pytest

from flowd.errors import InvalidToken, TaskTimedOut
from flowd.payload import Payload
from tests.engine.test_engine import activity
from tests.engine.world import World


async def test_a_worker_polls_and_answers_and_its_token_is_good_once(world: World) -> None:
    arn = await world.start(await world.machine(activity()), {"n": 1})
    polled = await world.core.tasks.poll("desk", "worker-1", lambda: True, 1)
    assert polled is not None and polled.input.value == {"n": 1}
    assert await world.core.tasks.poll("desk", "worker-2", lambda: True, 0) is None
    await world.core.tasks.succeed(polled.token, Payload.parse('{"done": true}'))
    assert await world.output(arn) == {"done": True}
    with pytest.raises(TaskTimedOut):
        await world.core.tasks.succeed(polled.token, Payload.parse("{}"))
    with pytest.raises(InvalidToken):
        await world.core.tasks.fail("no-token-of-ours", None, None)


async def test_a_waiting_poller_gets_a_task_as_soon_as_it_is_there(world: World) -> None:
    machine = await world.machine(activity())
    poll = asyncio.create_task(world.core.tasks.poll("desk", None, lambda: True, 30))
    while not world.core.waiters.pollers("desk"):
        await asyncio.sleep(0)
    await world.start(machine, {"n": 2})
    polled = await poll
    assert polled is not None and polled.input.value == {"n": 2}


async def test_a_poller_whose_connection_is_gone_eats_no_task(world: World) -> None:
    machine = await world.machine(activity())
    there = True
    gone = asyncio.create_task(world.core.tasks.poll("desk", "gone", lambda: there, 30))
    while not world.core.waiters.pollers("desk"):
        await asyncio.sleep(0)
    there = False
    await world.start(machine)
    assert await world.core.tasks.poll("desk", "alive", lambda: True, 1) is not None
    assert await gone is None


async def test_a_task_whose_worker_vanished_while_it_took_it_is_offered_again(world: World) -> None:
    arn = await world.start(await world.machine(activity(TimeoutSeconds=600)))
    looks = iter([True, False])
    assert await world.core.tasks.poll("desk", "gone", lambda: next(looks, False), 5) is None
    waiting = asyncio.create_task(world.core.tasks.poll("desk", "alive", lambda: True, 30))
    polled = await waiting
    assert polled is not None
    await world.core.tasks.succeed(polled.token, Payload.of("done"))
    assert (await world.types(arn)).count("ActivityStarted") == 1
    assert await world.output(arn) == "done"


async def test_a_cancelled_poll_passes_its_task_on(world: World) -> None:
    await world.machine(activity())
    poll = asyncio.create_task(world.core.tasks.poll("desk", None, lambda: True, 30))
    while not world.core.waiters.pollers("desk"):
        await asyncio.sleep(0)
    poll.cancel()
    await asyncio.gather(poll, return_exceptions=True)
    assert world.core.waiters.pollers("desk") == 0


async def test_every_task_goes_to_exactly_one_of_many_pollers(world: World) -> None:
    machine = await world.machine(activity())
    for n in range(20):
        await world.core.executions.start(machine, None, Payload.of({"n": n}))
    polled = await asyncio.gather(*(world.core.tasks.poll("desk", None, lambda: True, 5) for _ in range(20)))
    assert sorted(task.input.value["n"] for task in polled if task) == list(range(20))


async def test_heartbeats_keep_an_activity_alive(world: World) -> None:
    arn = await world.start(await world.machine(activity(HeartbeatSeconds=30, TimeoutSeconds=600)))
    polled = await world.core.tasks.poll("desk", None, lambda: True, 1)
    assert polled is not None
    for _ in range(3):
        await world.pass_time(25)
        await world.core.tasks.heartbeat(polled.token)
    assert (await world.execution(arn)).status == "RUNNING"
    await world.pass_time(31)
    closed = await world.execution(arn)
    assert (closed.status, closed.error) == ("FAILED", "States.Timeout")
    assert "ActivityTimedOut" in await world.types(arn)


async def test_a_heartbeat_begins_anew_after_down_time_but_a_timeout_does_not(world: World) -> None:
    beating = await world.start(await world.machine(activity(HeartbeatSeconds=30), "beating"))
    assert await world.core.tasks.poll("desk", None, lambda: True, 1)
    await world.core.stop()
    world.clock.advance(3600)
    await world.boot()
    assert (await world.execution(beating)).status == "RUNNING"
    await world.pass_time(31)
    assert (await world.execution(beating)).status == "FAILED"
