"""A redrive lets a Map Run go on: what succeeded is kept, what did not runs again, and nothing runs twice."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from flowd.errors import ExecutionNotRedrivable
from flowd.store import mapruns, schema
from tests.engine.test_mapruns import TASK, children, distributed, fails_for, put, reader, the_run
from tests.engine.world import World, function

HANG = {"Type": "Task", "Resource": function("hang"), "End": True}


def calls(world: World) -> list[Any]:
    return [call.parameters.value for call in world.functions.calls]


async def redrive(world: World, arn: str) -> None:
    await world.core.executions.redrive(arn, None)
    await world.settle()


async def failed(
    world: World, *numbers: int, kind: str = "STANDARD", task: dict[str, Any] = TASK, **fields: Any
) -> str:
    """An execution whose Map Run over 0, 1, 2, 3 has failed; the functions called so far are forgotten."""
    for name in ("work", "hang"):
        world.functions.handlers[name] = fails_for(*numbers)
    machine = await world.machine(distributed(task, kind, MaxConcurrency=1, **fields))
    arn = await world.start(machine, [0, 1, 2, 3])
    assert (await world.execution(arn)).status == "FAILED"
    world.functions.calls.clear()
    for name in ("work", "hang"):
        world.functions.handlers[name] = fails_for()
    return arn


async def hanging(world: World) -> str:
    """An execution whose Map Run was redriven: the first of two children that had failed hangs, the other waits."""
    arn = await failed(world, 0, 1, task=HANG, ToleratedFailureCount=1)
    world.functions.handlers["hang"] = lambda call: asyncio.Event().wait()
    await redrive(world, arn)
    return arn


async def test_only_what_did_not_succeed_runs_again(world: World) -> None:
    arn = await failed(world, 1)
    before = await the_run(world, arn)
    await redrive(world, arn)
    assert (await world.output(arn), calls(world)) == (["ok"] * 4, [1, 2, 3])
    run = await the_run(world, arn)
    assert (run.arn, run.status, run.redrive_count) == (before.arn, "SUCCEEDED", 1)
    history = await world.history(arn)
    assert [f"{e.id}<{e.previous} {e.type}" for e in history[6:]] == [
        "7<6 ExecutionFailed",
        "8<7 ExecutionRedriven",
        "9<8 MapRunRedriven",
        "10<9 MapRunSucceeded",
        "11<10 MapStateSucceeded",
        "12<9 MapStateExited",
        "13<12 ExecutionSucceeded",
    ]
    assert history[8].details == {"mapRunArn": run.arn, "redriveCount": 1}


async def test_a_standard_child_goes_on_in_its_own_history(world: World) -> None:
    arn = await failed(world, 1)
    names = [child.name for child in await children(world, arn)]
    await redrive(world, arn)
    made = await children(world, arn)
    assert [child.name for child in made][: len(names)] == names
    assert [(child.map_item, child.redrive_count) for child in made] == [(0, 0), (1, 1), (2, 0), (3, 0)]
    assert "ExecutionRedriven" in await world.types(made[1].arn)


async def test_instead_of_an_express_child_another_one_gets_the_item(world: World) -> None:
    arn = await failed(world, 1, kind="EXPRESS")
    old = (await children(world, arn))[1]
    await redrive(world, arn)
    made = await children(world, arn)
    assert [(child.map_item, child.status, child.redrive_count) for child in made] == [
        (number, "SUCCEEDED", 0) for number in range(4)
    ]
    assert old.arn not in [child.arn for child in made]
    assert (await world.execution(old.arn)).status == "FAILED"
    assert (await world.output(arn), calls(world)) == (["ok"] * 4, [1, 2, 3])


async def test_a_run_that_fails_again_can_be_redriven_again(world: World) -> None:
    arn = await failed(world, 1)
    world.functions.handlers["work"] = fails_for(3)
    await redrive(world, arn)
    assert (await world.execution(arn)).status == "FAILED"
    world.functions.handlers["work"] = fails_for()
    world.functions.calls.clear()
    await redrive(world, arn)
    assert (await world.output(arn), calls(world)) == (["ok"] * 4, [3])
    redriven = [e for e in await world.history(arn) if e.type == "MapRunRedriven"]
    assert [e.details["redriveCount"] for e in redriven] == [1, 2]
    assert (await the_run(world, arn)).redrive_count == 2


async def test_the_thresholds_count_what_fails_after_the_redrive(world: World) -> None:
    arn = await failed(world, 0, 1, ToleratedFailureCount=1)
    world.functions.handlers["work"] = fails_for(1)
    await redrive(world, arn)
    assert (await world.execution(arn)).status == "SUCCEEDED"
    assert sorted(calls(world)) == [0, 1, 2, 3]


async def test_a_stopped_execution_goes_on_with_its_run(world: World) -> None:
    world.functions.handlers["hang"] = lambda call: asyncio.Event().wait()
    arn = await world.start(await world.machine(distributed(HANG)), [0, 1])
    await world.core.executions.stop(arn, None, None)
    world.functions.handlers["hang"] = lambda call: call.parameters.value
    await redrive(world, arn)
    assert await world.output(arn) == [0, 1]
    assert [child.redrive_count for child in await children(world, arn)] == [1, 1]


async def test_children_wait_for_room_and_are_counted_as_pending(world: World) -> None:
    arn = await hanging(world)
    run = await the_run(world, arn)
    tally = await world.core.db.read(partial(mapruns.tally, run_id=run.id or 0))
    assert (tally.waiting, len(tally.open_children), tally.children.get("FAILED", 0)) == (1, 1, 0)


async def test_a_redrive_goes_on_over_a_restart(world: World) -> None:
    arn = await hanging(world)
    world.functions.handlers["hang"] = fails_for()
    await world.reboot()
    assert (await world.output(arn), (await the_run(world, arn)).status) == (["ok"] * 4, "SUCCEEDED")
    assert [child.redrive_count for child in await children(world, arn)][:2] == [1, 1]


async def test_children_that_waited_when_the_run_ended_are_failed_again(world: World) -> None:
    arn = await hanging(world)
    await world.core.executions.stop(arn, None, None)
    await world.settle()
    assert [(child.status, child.waiting) for child in await children(world, arn)] == [("ABORTED", ""), ("FAILED", "")]


async def test_a_result_that_was_too_large_begins_a_new_run(world: World) -> None:
    world.functions.handlers["work"] = lambda call: "x" * 200_000
    arn = await world.start(await world.machine(distributed(TASK)), [0, 1])
    assert (await world.execution(arn)).error == "States.DataLimitExceeded"
    world.functions.handlers["work"] = fails_for()
    await redrive(world, arn)
    assert await world.output(arn) == ["ok", "ok"]
    assert len(await runs(world, arn)) == 2


async def test_a_run_that_read_nothing_begins_anew(world: World) -> None:
    world.functions.handlers["work"] = fails_for()
    arn = await world.start(await world.machine(distributed(TASK, ItemReader=reader("JSON"))), {})
    assert (await world.execution(arn)).error == "States.ItemReaderFailed"
    put(world, "file", "[0, 1]")
    await redrive(world, arn)
    assert await world.output(arn) == ["ok", "ok"]
    assert len(await runs(world, arn)) == 2


async def test_a_dataset_is_not_read_again_if_every_item_has_a_child(world: World) -> None:
    put(world, "file", "[0, 1]")
    world.functions.handlers["work"] = fails_for(1)
    arn = await world.start(await world.machine(distributed(TASK, ItemReader=reader("JSON"))), {})
    assert (await world.execution(arn)).status == "FAILED"
    put(world, "file", "gone")
    world.functions.handlers["work"] = fails_for()
    await redrive(world, arn)
    assert await world.output(arn) == ["ok", "ok"]


async def test_a_map_run_inside_of_a_child_goes_on_too(world: World) -> None:
    inner = distributed(TASK, MaxConcurrency=1)["States"]["All"]
    world.functions.handlers["work"] = fails_for(2)
    arn = await world.start(await world.machine(distributed(inner)), [[1, 2], [3]])
    assert (await world.execution(arn)).status == "FAILED"
    world.functions.handlers["work"] = fails_for()
    await redrive(world, arn)
    assert await world.output(arn) == [["ok", "ok"], ["ok"]]
    child = (await children(world, arn))[0]
    assert (await the_run(world, child.arn)).redrive_count == 1


async def test_a_child_is_redriven_by_its_run_only(world: World) -> None:
    arn = await failed(world, 1)
    child = (await children(world, arn))[1]
    with pytest.raises(ExecutionNotRedrivable, match="child of a Map Run"):
        await world.core.executions.redrive(child.arn, None)


async def runs(world: World, arn: str) -> list[schema.MapRun]:
    row = await world.execution(arn)
    read = partial(mapruns.of_execution, execution_id=row.id or 0, before=None, limit=10)
    return await world.core.db.read(read)


async def test_a_run_beside_a_branch_that_failed_goes_on_with_that(world: World) -> None:
    world.functions.handlers["hang"] = lambda call: asyncio.Event().wait()
    world.functions.handlers["work"] = fails_for(7)
    fan = distributed(HANG)["States"]["All"]
    branches = [
        {"StartAt": "All", "States": {"All": {**fan, "ItemsPath": "$.items"}}},
        {
            "StartAt": "Later",
            "States": {"Later": {"Type": "Wait", "Seconds": 9, "Next": "One"}, "One": {**TASK, "InputPath": "$.one"}},
        },
    ]
    machine = {"StartAt": "Both", "States": {"Both": {"Type": "Parallel", "Branches": branches, "End": True}}}
    arn = await world.start(await world.machine(machine), {"items": [0, 1], "one": 7})
    await world.pass_time(9)
    assert (await world.execution(arn)).error == "Boom"
    assert (await the_run(world, arn)).status == "ABORTED"
    for name in ("work", "hang"):
        world.functions.handlers[name] = fails_for()
    await redrive(world, arn)
    assert await world.output(arn) == [["ok", "ok"], "ok"]
    run = await the_run(world, arn)
    assert (run.status, run.redrive_count) == ("SUCCEEDED", 1)


async def test_a_run_that_was_begun_again_by_a_retry_is_the_one_that_goes_on(world: World) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 1}]
    world.functions.handlers["work"] = fails_for(1)
    arn = await world.start(await world.machine(distributed(TASK, Retry=retry, MaxConcurrency=1)), [0, 1])
    await world.pass_time(2)
    assert (await world.execution(arn)).status == "FAILED"
    world.functions.handlers["work"] = fails_for()
    world.functions.calls.clear()
    await redrive(world, arn)
    assert (await world.output(arn), calls(world)) == (["ok", "ok"], [1])
    assert [run.redrive_count for run in await runs(world, arn)] == [1, 0]  # newest first
