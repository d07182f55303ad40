"""The daemon dies at its 1st, 2nd, 3rd ... commit while a Map Run goes on, just before the commit or just after it.

Whatever the point: the parent's history, the output and the children are the same, and no item is worked on twice.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from flowd import names
from flowd.errors import ExecutionAlreadyExists
from flowd.integrations.ports import Failed
from flowd.payload import Payload
from flowd.store import mapruns, schema
from tests.crash.doom import deaths_are_expected, dies
from tests.engine.world import World, function

__all__ = ["deaths_are_expected"]

ITEMS = [{"n": number, "text": "t" * 400} for number in range(7)]
STORY = {
    "StartAt": "All",
    "States": {
        "All": {
            "Type": "Map",
            "MaxConcurrency": 3,
            "ToleratedFailureCount": 1,
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:getObject",
                "Parameters": {"Bucket": "rows", "Key": "file.jsonl"},
                "ReaderConfig": {"InputType": "JSONL"},
            },
            "ItemSelector": {"n.$": "$$.Map.Item.Value.n"},
            "ItemBatcher": {"MaxItemsPerBatch": 2},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "Work",
                "States": {
                    "Work": {"Type": "Task", "Resource": function("work"), "Next": "Rest"},
                    "Rest": {"Type": "Wait", "Seconds": 10, "End": True},
                },
            },
            "Label": "L",
            "ResultSelector": {"kinds.$": "$[*]['Status','done']"},
            "End": True,
        }
    },
}
NAME = "run-1"


def work(call: Any) -> Any:
    numbers = [item["n"] for item in call.parameters.value["Items"]]
    return Failed("Odd", "six") if 6 in numbers else {"done": numbers}


async def play(world: World) -> Any:
    """From wherever things stand to the end; what came of it."""
    world.functions.handlers["work"] = work
    known = await world.core.db.read(lambda session: session.exec(select(schema.StateMachine)).first())
    machine = known or await world.machine(STORY)
    with contextlib.suppress(ExecutionAlreadyExists):
        await world.core.executions.start(machine, NAME, Payload.of({}))
    await world.settle()
    for _ in range(6):
        await world.pass_time(10)
    arn = names.execution_arn("machine", NAME)
    row = await world.execution(arn)
    runs = await world.core.db.read(partial(mapruns.of_execution, execution_id=row.id or 0, before=None, limit=9))
    children = [
        (each.row.map_item, each.row.item_count, each.row.status, each.input)
        for run in runs
        for each in await world.core.db.read(partial(mapruns.results, run_id=run.id or 0, after=-1, limit=99))
    ]
    events = [(event.id, event.previous, event.type) for event in await world.history(arn)]
    return row.status, events, await world.output(arn), children, [run.status for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
async def test_a_death_at_any_commit_of_a_map_run_changes_nothing(tmp_path: Path, after: bool) -> None:
    async with new_world(tmp_path / "calm") as world:
        expected = await play(world)
    assert (expected[0], len(expected[3])) == ("SUCCEEDED", 4)
    at, struck = 1, True
    while struck:
        async with new_world(tmp_path / f"death-{at}") as world:
            struck, _ = await dies(world, at, after, partial(play, world))
            assert await play(world) == expected, f"a death at commit {at} changed the story"
            worked = Counter(call.parameters.text for call in world.functions.calls)
            assert set(worked.values()) == {1}, f"a death at commit {at} worked on an item twice"
        at += 1
    assert at > 8


def new_world(folder: Path) -> World:
    bucket = folder / "s3" / "rows"
    bucket.mkdir(parents=True)
    (bucket / "file.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return World(folder)
