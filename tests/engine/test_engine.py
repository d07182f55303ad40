"""The engine as its clients see it: starts, tasks, timers, prompts, stops, redrives, restarts."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Any

import pytest
from sqlmodel import select

from flowd import names
from flowd.engine import dispatch
from flowd.errors import ExecutionAlreadyExists, ExecutionNotRedrivable, ServiceUnavailable, TaskTimedOut
from flowd.integrations.ports import Failed, TaskCall
from flowd.payload import Payload
from flowd.store import executions, history, schema
from flowd.store.database import raw
from tests.engine.world import World, function

DAY = 86_400
PASSES = {
    "StartAt": "One",
    "States": {"One": {"Type": "Pass", "Result": {"a": 1}, "Next": "Two"}, "Two": {"Type": "Pass", "End": True}},
}


def one_task(**fields: Any) -> dict[str, Any]:
    task = {"Type": "Task", "Resource": function("work"), "End": True, **fields}
    return {"StartAt": "Work", "States": {"Work": task}}


def activity(**fields: Any) -> dict[str, Any]:
    return one_task(Resource=names.activity_arn("desk"), **fields)


def prompt(**fields: Any) -> dict[str, Any]:
    return activity(Parameters={"Prompt": {"Title": "Approve?"}, "order.$": "$.order"}, **fields)


def wait(seconds: int) -> dict[str, Any]:
    return {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": seconds, "End": True}}}


async def open_task(world: World) -> schema.Task:
    def read(session: Any) -> list[schema.Task]:
        return list(session.exec(select(schema.Task)).all())

    [task] = await world.core.db.read(read)
    return task


async def test_an_execution_of_pass_states_ends_in_one_commit(world: World) -> None:
    execution = await world.run(PASSES)
    assert execution.status == "SUCCEEDED"
    assert await world.output(execution.arn) == {"a": 1}
    events = await world.history(execution.arn)
    assert [event.id for event in events] == list(range(1, 7))


async def test_a_task_is_called_after_its_commit_and_acknowledged_after_the_next(world: World) -> None:
    world.functions.handlers["work"] = lambda call: {"echo": call.parameters.value}
    execution = await world.run(one_task(), {"x": 1})
    assert await world.output(execution.arn) == {"echo": {"x": 1}}
    [call] = world.functions.calls
    assert world.functions.acknowledged == [call.key]


async def test_the_same_start_again_answers_the_first_and_another_input_is_refused(world: World) -> None:
    machine = await world.machine(wait(60))
    first = await world.core.executions.start(machine, "order-1", Payload.parse('{"a": 1}'))
    again = await world.core.executions.start(machine, "order-1", Payload.parse('{"a": 1}'))
    assert again == first
    with pytest.raises(ExecutionAlreadyExists, match="order-1"):
        await world.core.executions.start(machine, "order-1", Payload.parse('{"a":1}'))
    await world.pass_time(61)
    with pytest.raises(ExecutionAlreadyExists):
        await world.core.executions.start(machine, "order-1", Payload.parse('{"a": 1}'))


async def test_two_starts_of_one_name_at_once_make_one_execution(world: World) -> None:
    machine = await world.machine(wait(60))
    started = await asyncio.gather(
        *(world.core.executions.start(machine, "twin", Payload.parse("{}")) for _ in range(5))
    )
    assert len(set(started)) == 1


async def test_a_wait_survives_a_restart_and_fires_when_its_time_has_come(world: World) -> None:
    arn = await world.start(await world.machine(wait(DAY)))
    await world.pass_time(DAY / 2)
    await world.reboot()
    assert (await world.execution(arn)).status == "RUNNING"
    await world.pass_time(DAY / 2 + 1)
    assert (await world.execution(arn)).status == "SUCCEEDED"


async def test_a_deadline_that_passed_while_the_daemon_was_down_fires_at_start(world: World) -> None:
    arn = await world.start(await world.machine(wait(60)))
    await world.core.stop()
    world.clock.advance(3600)
    await world.boot()
    assert (await world.execution(arn)).status == "SUCCEEDED"


async def test_a_clock_set_back_delays_but_loses_nothing(world: World) -> None:
    arn = await world.start(await world.machine(wait(60)))
    world.clock.advance(-3600)
    await world.ring()
    assert (await world.execution(arn)).status == "RUNNING"
    await world.pass_time(3661)
    assert (await world.execution(arn)).status == "SUCCEEDED"


async def test_retry_waits_its_back_off_and_then_catch_takes_over(world: World) -> None:
    attempts: list[str] = []

    def flaky(call: TaskCall) -> Failed:
        attempts.append(call.key)
        return Failed("Flaky", "again")

    world.functions.handlers["work"] = flaky
    definition = one_task(
        Retry=[{"ErrorEquals": ["Flaky"], "IntervalSeconds": 10, "BackoffRate": 2, "MaxAttempts": 2}],
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
    )
    definition["States"]["Sorry"] = {"Type": "Pass", "End": True}
    arn = await world.start(await world.machine(definition))
    assert len(attempts) == 1
    await world.pass_time(10)
    assert len(attempts) == 2
    await world.pass_time(19)
    assert len(attempts) == 2
    await world.pass_time(2)
    assert len(attempts) == 3
    assert len(set(attempts)) == 3
    assert await world.output(arn) == {"Error": "Flaky", "Cause": "again"}


async def test_a_task_that_runs_too_long_is_timed_out_and_cancelled(world: World) -> None:
    never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    world.functions.handlers["hang"] = lambda call: never
    arn = await world.start(await world.machine(one_task(Resource=function("hang"), TimeoutSeconds=5)))
    await world.pass_time(6)
    closed = await world.execution(arn)
    assert (closed.status, closed.error) == ("FAILED", "States.Timeout")
    assert world.functions.cancelled == [world.functions.calls[0].key]


async def test_a_prompt_starts_at_once_and_no_worker_ever_sees_it(world: World) -> None:
    arn = await world.start(await world.machine(prompt()), {"order": 7})
    assert (await world.types(arn))[-2:] == ["ActivityScheduled", "ActivityStarted"]
    assert await world.core.tasks.poll("desk", None, lambda: True, 0) is None
    assert (await world.execution(arn)).waiting == "prompt"
    await world.reboot()
    task = await open_task(world)
    assert task.prompt == '{"Title": "Approve?"}' and task.worker == "flowd-inbox"
    await world.core.tasks.succeed(task.token or "", Payload.parse('"yes"'))
    assert await world.output(arn) == "yes"


async def test_an_execution_has_a_time_limit_of_its_own(world: World) -> None:
    definition = {**prompt(), "TimeoutSeconds": 100}
    arn = await world.start(await world.machine(definition), {"order": 1})
    await world.pass_time(101)
    assert (await world.execution(arn)).status == "TIMED_OUT"
    assert (await world.types(arn))[-1] == "ExecutionTimedOut"


async def test_a_stopped_execution_ends_its_open_task(world: World) -> None:
    arn = await world.start(await world.machine(prompt()), {"order": 1})
    task = await open_task(world)
    await world.core.executions.stop(arn, "Changed", "my mind")
    closed = await world.execution(arn)
    assert (closed.status, closed.error, closed.cause) == ("ABORTED", "Changed", "my mind")
    with pytest.raises(TaskTimedOut):
        await world.core.tasks.succeed(task.token or "", Payload.parse("1"))


async def test_a_redrive_begins_at_what_failed_and_goes_on_with_the_same_history(world: World) -> None:
    healthy = False
    world.functions.handlers["work"] = lambda call: "fine" if healthy else Failed("Broken", "not yet")
    definition = one_task()
    definition["StartAt"] = "First"
    definition["States"]["First"] = {"Type": "Pass", "Next": "Work"}
    arn = await world.start(await world.machine(definition))
    assert (await world.execution(arn)).status == "FAILED"
    await world.core.archivist.pack_all()
    healthy = True
    await world.core.executions.redrive(arn, "token-1")
    await world.settle()
    closed = await world.execution(arn)
    assert (closed.status, closed.redrive_count) == ("SUCCEEDED", 1)
    types = await world.types(arn)
    assert types.count("PassStateEntered") == 1 and "ExecutionRedriven" in types
    assert [event.id for event in await world.history(arn)] == list(range(1, len(types) + 1))
    assert await world.core.executions.redrive(arn, "token-1") == closed.redriven_ms
    with pytest.raises(ExecutionNotRedrivable, match="SUCCEEDED"):
        await world.core.executions.redrive(arn, "token-2")


async def test_a_closed_execution_is_packed_and_reads_the_same(world: World) -> None:
    execution = await world.run(PASSES, {"big": "x" * 5000})
    before = await world.history(execution.arn)
    await world.core.archivist.pack_all()
    assert (await world.execution(execution.arn)).archived
    assert await world.history(execution.arn) == before


async def test_retention_deletes_what_is_old_and_nothing_else(world: World) -> None:
    old = await world.run(PASSES)
    await world.core.archivist.pack_all()
    world.clock.advance(91 * DAY)
    ids = await world.core.db.read(
        partial(history.expired, closed_before_ms=world.clock.now_ms() - 90 * DAY * 1000, limit=10)
    )
    assert ids == [old.id]
    await world.core.db.write(partial(history.delete, execution_ids=ids))
    assert await world.core.db.read(partial(executions.by_arn, arn=old.arn)) is None


async def test_a_map_with_limited_concurrency_runs_every_item_once_and_keeps_the_order(world: World) -> None:
    world.functions.handlers["double"] = lambda call: call.parameters.value * 2
    definition = {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "MaxConcurrency": 3,
                "ItemProcessor": {
                    "StartAt": "Double",
                    "States": {"Double": {"Type": "Task", "Resource": function("double"), "End": True}},
                },
                "End": True,
            }
        },
    }
    execution = await world.run(definition, list(range(50)))
    assert await world.output(execution.arn) == [n * 2 for n in range(50)]
    assert len(world.functions.calls) == 50


async def test_a_failing_branch_cancels_its_siblings(world: World) -> None:
    never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    world.functions.handlers["hang"] = lambda call: never
    world.functions.handlers["fail"] = lambda call: Failed("Boom", "now")

    def branch(name: str) -> dict[str, Any]:
        return {"StartAt": name, "States": {name: {"Type": "Task", "Resource": function(name), "End": True}}}

    definition = {
        "StartAt": "Both",
        "States": {"Both": {"Type": "Parallel", "Branches": [branch("hang"), branch("fail")], "End": True}},
    }
    execution = await world.run(definition)
    assert (execution.status, execution.error) == ("FAILED", "Boom")
    assert [key for key in world.functions.cancelled] == [
        call.key for call in world.functions.calls if call.resource.endswith("hang")
    ]


async def test_a_full_disk_refuses_starts_and_keeps_outcomes_until_it_clears(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "RETRY_S", 0.01)
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    world.functions.handlers["hang"] = lambda call: gate
    machine = await world.machine(one_task(Resource=function("hang")))
    arn = (await world.core.executions.start(machine, None, Payload.of({}))).arn
    await world.settle()

    def limit(session: Any) -> None:
        pages = raw(session).execute("PRAGMA page_count").fetchone()[0]
        raw(session).execute(f"PRAGMA max_page_count={pages}")

    def unlimit(session: Any) -> None:
        raw(session).execute("PRAGMA max_page_count=1000000")

    await world.core.db.write(limit)
    gate.set_result({"precious": "x" * 200_000})
    with pytest.raises(ServiceUnavailable):
        await world.core.executions.start(machine, None, Payload.of({"big": "y" * 200_000}))
    assert (await world.execution(arn)).status == "RUNNING"
    for _ in range(200):  # it may share its commit with one that is still too big
        with contextlib.suppress(ServiceUnavailable):
            await world.core.db.write(unlimit)
            break
    for _ in range(2000):
        if (await world.execution(arn)).status == "SUCCEEDED":
            break
        await asyncio.sleep(0.001)
    assert (await world.output(arn))["precious"]


async def test_a_step_that_takes_long_does_not_hold_up_the_others(world: World) -> None:
    bomb = {
        "QueryLanguage": "JSONata",
        "StartAt": "Bomb",
        "States": {"Bomb": {"Type": "Pass", "Output": "{% ($f := function($n) { $f($n + 1) }; $f(1)) %}", "End": True}},
    }
    slow = await world.machine(bomb, "bomb")
    quick = await world.machine(PASSES, "quick")
    starting = asyncio.create_task(world.core.executions.start(slow, None, Payload.of({})))
    while not world.core.stepper.in_memory:
        await asyncio.sleep(0)
    done = await world.core.executions.start(quick, None, Payload.of({}))
    assert not starting.done()
    assert (await world.execution(done.arn)).status == "SUCCEEDED"
    await world.settle()
    failed = await world.execution((await starting).arn)
    assert (failed.status, failed.error) == ("FAILED", "States.QueryEvaluationError")


async def test_executions_of_one_batch_may_share_a_result_of_their_definition(world: World) -> None:
    machine = await world.machine(PASSES)
    started = await asyncio.gather(
        *(world.core.executions.start(machine, None, Payload.of({"n": n})) for n in range(30))
    )
    await world.settle()
    assert [await world.output(each.arn) for each in started] == [{"a": 1}] * 30
