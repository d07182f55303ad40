"""EXPRESS executions: nothing on disk on the way, one packed row at the end, at least or at most once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from functools import partial
from typing import Any

import pytest
from sqlmodel import Session

from flowd.engine import express, ledger
from flowd.errors import ServiceUnavailable
from flowd.integrations.ports import Failed, Succeeded, TaskCall
from flowd.payload import Payload
from flowd.store import machines, matching, reads, schema
from flowd.store.database import raw
from tests.engine.world import World, function

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"a": 1}, "End": True}}}
WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 90, "End": True}}}


def work(name: str = "work", **fields: Any) -> dict[str, Any]:
    task = {"Type": "Task", "Resource": function(name), "End": True, **fields}
    return {"StartAt": "Work", "States": {"Work": task}}


async def express_machine(world: World, definition: dict[str, Any], name: str = "fast") -> schema.StateMachine:
    made = await world.machine(definition, name)
    return await world.core.db.write(partial(machines.change, machine_id=made.id or 0, values={"type": "EXPRESS"}))


async def start(world: World, definition: dict[str, Any], input: Any = None, name: str | None = None) -> str:
    machine = await express_machine(world, definition)
    started = await world.core.executions.start(machine, name, Payload.of({} if input is None else input))
    return started.arn


async def until_closed(world: World, arn: str) -> schema.Execution:
    async with asyncio.timeout(10):
        while (row := await world.execution(arn)).status == "RUNNING":
            await asyncio.sleep(0.001)
    return row


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def let_pass(world: World, seconds: float) -> None:
    """Move the clock on; what EXPRESS executions wait for is in no table."""
    world.clock.set(world.clock.now_ms() + round(seconds * 1000))
    world.alarms.ring()
    await world.settle()


def count(table: str, execution_id: int, session: Session) -> int:
    found = raw(session).execute(f"SELECT count(*) FROM {table} WHERE execution_id=?", (execution_id,)).fetchone()
    return int(found[0])


async def rows(world: World, table: str, row: schema.Execution) -> int:
    return await world.core.db.read(partial(count, table, row.id or 0))


async def test_an_execution_leaves_one_packed_row_and_its_history_can_be_read(world: World) -> None:
    arn = await start(world, PASS, {"in": 1}, name="one")
    row = await until_closed(world, arn)
    assert arn.startswith("arn:aws:states:us-east-1:000000000000:express:fast:one:")
    assert (row.status, row.archived, await world.output(arn)) == ("SUCCEEDED", True, {"a": 1})
    assert await world.types(arn) == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    left = {table: await rows(world, table, row) for table in ("history_chunk", "frame", "task", "deadline", "archive")}
    assert left == {"history_chunk": 0, "frame": 0, "task": 0, "deadline": 0, "archive": 1}


async def test_a_history_with_large_payloads_is_whole(world: World) -> None:
    text = "x" * 5000
    arn = await start(world, {**PASS, "States": {"P": {"Type": "Pass", "ResultPath": "$.r", "End": True}}}, {"t": text})
    await until_closed(world, arn)
    events = await world.history(arn)
    assert events[0].details["input"].value == {"t": text}
    assert events[-1].details["output"].value["r"] == {"t": text}


async def test_counts_by_status_are_kept(world: World) -> None:
    machine = await express_machine(world, PASS)
    await world.core.executions.run(machine, None, Payload.of({}))
    started = await world.core.executions.start(machine, None, Payload.of({}))
    await until_closed(world, started.arn)
    await world.core.express.ledger.flushed()
    assert await world.core.db.read(partial(matching.count, wanted=matching.Filter())) == ({"SUCCEEDED": 2}, False)


async def test_a_synchronous_execution_answers_with_its_end_and_is_shown_afterwards(world: World) -> None:
    world.functions.handlers["work"] = lambda call: Succeeded(Payload.of({"did": call.parameters.value}), log="hello\n")
    machine = await express_machine(world, work())
    ended = await world.core.executions.run(machine, "now", Payload.of({"n": 1}))
    assert (ended.live.status, ended.output and ended.output.value) == ("SUCCEEDED", {"did": {"n": 1}})
    await world.core.express.ledger.flushed()
    row = await world.execution(ended.live.execution.arn)
    assert (row.status, row.name, row.state) == ("SUCCEEDED", "now", "Work")
    [printed] = await world.core.db.read(partial(reads.outputs, execution_id=row.id or 0, frame=None, attempt=None))
    assert (printed.state, printed.text) == ("Work", "hello\n")


async def test_a_failure_is_an_answer(world: World) -> None:
    world.functions.handlers["work"] = lambda call: Failed("Card.Declined", "no money")
    machine = await express_machine(world, work())
    ended = await world.core.executions.run(machine, None, Payload.of({}))
    assert (ended.live.status, ended.live.error, ended.live.cause) == ("FAILED", "Card.Declined", "no money")
    assert ended.output is None


async def test_the_same_name_may_run_many_times_at_once(world: World) -> None:
    machine = await express_machine(world, WAIT)
    arns = {(await world.core.executions.start(machine, "again", Payload.of({}))).arn for _ in range(3)}
    assert len(arns) == 3
    assert world.core.express.running == 3


async def test_a_wait_and_a_retry_run_on_the_clock_without_a_row(world: World) -> None:
    answers = iter([Failed("Busy", None), {"ok": True}])
    world.functions.handlers["work"] = lambda call: next(answers)
    definition = work(Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 30}])
    definition = {
        "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "Work"}, **definition["States"]},
    }
    arn = await start(world, definition)
    await let_pass(world, 59)
    assert not world.functions.calls
    await let_pass(world, 1)
    await until(lambda: len(world.functions.calls) == 1)
    await until(lambda: world.core.express.dispatch.open == 0)
    await let_pass(world, 30)
    row = await until_closed(world, arn)
    assert (row.status, await world.output(arn)) == ("SUCCEEDED", {"ok": True})


@pytest.mark.parametrize(("own_limit", "seconds"), [(None, 300), (20, 20), (4000, 300)])
async def test_an_execution_has_five_minutes_or_less(world: World, own_limit: int | None, seconds: int) -> None:
    world.functions.handlers["hang"] = lambda call: asyncio.get_running_loop().create_future()
    definition = work("hang") | ({"TimeoutSeconds": own_limit} if own_limit else {})
    arn = await start(world, definition)
    await until(lambda: len(world.functions.calls) == 1)
    await let_pass(world, seconds - 1)
    assert (await world.execution(arn)).status == "RUNNING"
    await let_pass(world, 1)
    row = await until_closed(world, arn)
    assert (row.status, (row.stopped_ms - row.started_ms) / 1000) == ("TIMED_OUT", seconds)
    await until(lambda: world.functions.cancelled == [world.functions.calls[0].key])


async def test_a_task_that_runs_too_long_is_timed_out(world: World) -> None:
    world.functions.handlers["hang"] = lambda call: asyncio.get_running_loop().create_future()
    arn = await start(world, work("hang", TimeoutSeconds=5))
    await until(lambda: len(world.functions.calls) == 1)
    await let_pass(world, 5)
    row = await until_closed(world, arn)
    assert (row.status, row.error) == ("FAILED", "States.Timeout")
    await until(lambda: world.functions.cancelled == [world.functions.calls[0].key])


async def test_a_map_runs_every_item_and_a_failing_one_cancels_the_others(world: World) -> None:
    async def answer(call: TaskCall) -> Any:
        number = call.parameters.value
        if number == 3:
            return Failed("Bad", "three")
        if number > 3:
            await asyncio.get_running_loop().create_future()
        return number * 2

    world.functions.handlers["work"] = answer
    each = {"ProcessorConfig": {"Mode": "INLINE"}, **work()}
    machine = await express_machine(
        world, {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": each, "End": True}}}
    )
    good = await world.core.executions.run(machine, None, Payload.of([1, 2, 1]))
    assert good.output is not None
    assert good.output.value == [2, 4, 2]
    bad = await world.core.executions.run(machine, None, Payload.of([1, 3, 4, 5]))
    assert (bad.live.status, bad.live.error) == ("FAILED", "Bad")
    await until(lambda: len(world.functions.cancelled) == 2)


async def test_an_asynchronous_execution_starts_over_with_the_next_daemon(world: World) -> None:
    world.functions.handlers["work"] = lambda call: asyncio.get_running_loop().create_future()
    arn = await start(world, work(), {"order": 7})
    await until(lambda: len(world.functions.calls) == 1)
    world.functions.handlers["work"] = lambda call: {"second": call.parameters.value}
    await world.reboot()
    row = await until_closed(world, arn)
    assert (row.status, await world.output(arn)) == ("SUCCEEDED", {"second": {"order": 7}})
    first, second = world.functions.calls
    assert first.key != second.key, "the runner must not answer a new life's call with an old life's outcome"
    assert world.functions.cancelled == [first.key]
    assert await world.core.db.read(partial(matching.count, wanted=matching.Filter())) == ({"SUCCEEDED": 1}, False)


async def test_a_synchronous_execution_never_runs_twice(world: World) -> None:
    world.functions.handlers["work"] = lambda call: asyncio.get_running_loop().create_future()
    machine = await express_machine(world, work())
    waiting = asyncio.create_task(world.core.executions.run(machine, "once", Payload.of({})))
    await until(lambda: len(world.functions.calls) == 1)
    await world.reboot()
    with pytest.raises(ServiceUnavailable, match="stopped"):
        await waiting
    assert len(world.functions.calls) == 1
    found = await world.core.db.read(partial(matching.executions, wanted=matching.Filter(), before=None, limit=5))
    assert [(row.name, row.status, row.cause) for row in found] == [("once", "ABORTED", express.STOPPED)]


async def test_an_operator_may_stop_an_execution(world: World) -> None:
    arn = await start(world, WAIT)
    await world.core.executions.stop(arn, "Wrong", "order")
    row = await world.execution(arn)
    assert (row.status, row.error, row.cause, world.core.express.running) == ("ABORTED", "Wrong", "order", 0)


async def test_an_endless_loop_keeps_a_bounded_history_and_ends_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(express, "EVENTS", 2000)
    loop = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}
    arn = await start(world, loop)
    await until(lambda: next(iter(world.core.express._runs.values())).execution.next_event > 5000)
    world.clock.set(world.clock.now_ms() + 300_000)
    world.alarms.ring()
    row = await until_closed(world, arn)
    events = await world.history(arn)
    assert (row.status, len(events), events[-1].type) == ("TIMED_OUT", 2001, "ExecutionTimedOut")
    assert [event.id for event in events[:2000]] == list(range(1, 2001))
    assert events[-1].id == row.next_event - 1


async def test_expressions_are_worked_out_beside_the_loop(world: World) -> None:
    state = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $sum($states.input) %}", "End": True}
    machine = await express_machine(world, {"StartAt": "S", "States": {"S": state}})
    ended = await world.core.executions.run(machine, None, Payload.of([1, 2, 3]))
    assert ended.output is not None
    assert ended.output.value == 6


async def test_while_the_disk_is_full_starts_are_refused_and_ends_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RETRY_S", 0.01)
    gate: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    world.functions.handlers["hang"] = lambda call: gate
    machine = await express_machine(world, work("hang"))
    arn = (await world.core.executions.start(machine, None, Payload.of({}))).arn
    await until(lambda: len(world.functions.calls) == 1)
    await world.core.db.write(_no_more_pages)
    gate.set_result({"precious": random_text(200_000)})
    await until(lambda: world.core.express.ledger._problem is not None)
    with pytest.raises(ServiceUnavailable, match="cannot be written now"):
        await world.core.executions.start(machine, None, Payload.of({}))
    with pytest.raises(ServiceUnavailable, match="cannot be written now"):
        await world.core.executions.run(machine, None, Payload.of({}))
    assert (await world.execution(arn)).status == "RUNNING"
    async with asyncio.timeout(10):
        while True:  # it may share its commit with one that is still too big
            with contextlib.suppress(ServiceUnavailable):
                await world.core.db.write(_any_pages)
                break
    assert (await until_closed(world, arn)).status == "SUCCEEDED"
    assert await world.output(arn) == gate.result()


async def test_a_start_that_the_disk_does_not_take_never_runs(world: World) -> None:
    machine = await express_machine(world, work())
    await world.core.db.write(_no_more_pages)
    with pytest.raises(ServiceUnavailable):
        await world.core.executions.start(machine, None, Payload.of({"big": random_text(200_000)}))
    assert (world.core.express.running, world.functions.calls) == (0, [])
    await world.core.db.write(_any_pages)
    world.functions.handlers["work"] = lambda call: "done"
    assert (await until_closed(world, (await world.core.executions.start(machine, None, Payload.of({}))).arn)).archived


def random_text(length: int) -> str:
    """What compression cannot make small."""
    return random.Random(1).randbytes(length // 2).hex()


def _no_more_pages(session: Session) -> None:
    pages = raw(session).execute("PRAGMA page_count").fetchone()[0]
    raw(session).execute(f"PRAGMA max_page_count={pages}")


def _any_pages(session: Session) -> None:
    raw(session).execute("PRAGMA max_page_count=1000000")


async def test_many_at_once_share_batches(world: World) -> None:
    machine = await express_machine(world, PASS)
    batches = 0

    def counted() -> None:
        nonlocal batches
        batches += 1

    world.core.db.on_batch = counted
    await asyncio.gather(*(world.core.executions.start(machine, None, Payload.of({"n": n})) for n in range(200)))
    await until(lambda: world.core.express.running == 0)
    await world.core.express.ledger.flushed()
    assert await world.core.db.read(partial(matching.count, wanted=matching.Filter())) == ({"SUCCEEDED": 200}, False)
    assert batches < 100, "400 writes"
