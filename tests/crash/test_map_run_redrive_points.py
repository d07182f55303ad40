"""The daemon dies at its 1st, 2nd, 3rd ... commit of a story in which a failed Map Run is redriven.

Whatever the point: every item succeeds, what has succeeded never runs again, and the history is that of a calm day.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from flowd import names
from flowd.errors import ExecutionAlreadyExists, ExecutionNotRedrivable
from flowd.integrations.ports import Failed
from flowd.payload import Payload
from flowd.store import mapruns, schema
from tests.crash.doom import deaths_are_expected, dies
from tests.engine.test_mapruns import distributed
from tests.engine.world import World, function

__all__ = ["deaths_are_expected"]
STORY = distributed(
    {"Type": "Task", "Resource": function("work"), "End": True}, MaxConcurrency=2, ToleratedFailureCount=1
)
ITEMS = [0, 1, 2, 3, 4]
ODD = (0, 1)  # fail at first
NAME = "run-1"


def work(call: Any) -> Any:
    number = call.parameters.value
    first = call.key.rpartition(":")[2] == "1"
    return Failed("Odd", None) if number in ODD and first else number


async def play(world: World) -> Any:
    """From wherever things stand to the end; what came of it."""
    world.functions.handlers["work"] = work
    known = await world.core.db.read(lambda session: session.exec(select(schema.StateMachine)).first())
    machine = known or await world.machine(STORY)
    with contextlib.suppress(ExecutionAlreadyExists):
        await world.core.executions.start(machine, NAME, Payload.of(ITEMS))
    await world.settle()
    arn = names.execution_arn("machine", NAME)
    if (await world.execution(arn)).redrive_count == 0:
        with contextlib.suppress(ExecutionNotRedrivable):
            await world.core.executions.redrive(arn, None)
    await world.settle()
    row = await world.execution(arn)
    runs = await world.core.db.read(partial(mapruns.of_execution, execution_id=row.id or 0, before=None, limit=9))
    children = [
        (each.row.map_item, each.row.status, each.row.redrive_count)
        for run in runs
        for each in await world.core.db.read(partial(mapruns.results, run_id=run.id or 0, after=-1, limit=99))
    ]
    events = [(event.id, event.previous, event.type) for event in await world.history(arn)]
    return row.status, events, await world.output(arn), children, [(run.status, run.redrive_count) for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
async def test_a_death_at_any_commit_of_a_redriven_map_run_changes_nothing(tmp_path: Path, after: bool) -> None:
    async with World(tmp_path / "calm") as world:
        expected = await play(world)
    assert (expected[0], expected[2], expected[4]) == ("SUCCEEDED", ITEMS, [("SUCCEEDED", 1)])
    assert [count for _, _, count in expected[3]] == [1, 1, 0, 0, 0]
    at, struck = 1, True
    while struck:
        async with World(tmp_path / f"death-{at}") as world:
            struck, _ = await dies(world, at, after, partial(play, world))
            assert await play(world) == expected, f"a death at commit {at} changed the story"
            worked = Counter(call.parameters.value for call in world.functions.calls)
            assert all(worked[number] <= (2 if number in ODD else 1) for number in ITEMS), f"commit {at}: {worked}"
        at += 1
    assert at > 8
