"""The daemon dies at its 1st, 2nd, 3rd ... commit, just before it or just after it, and is started again.

Whatever the point: the same history, the same close status, no function run twice without a Retry (law 6).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from flowd import names
from flowd.errors import ExecutionAlreadyExists
from flowd.integrations.ports import Failed
from flowd.payload import Payload
from flowd.store import schema
from tests.crash.doom import deaths_are_expected, dies
from tests.engine.world import World, function

__all__ = ["deaths_are_expected"]


def step(name: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": function(name), **fields}


def branch(name: str) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: step(name, End=True)}}


STORY = {
    "StartAt": "Reserve",
    "TimeoutSeconds": 86_400,
    "States": {
        "Reserve": step("reserve", ResultPath="$.reserved", Next="Charge"),
        "Charge": step(
            "charge",
            Retry=[{"ErrorEquals": ["Busy"], "IntervalSeconds": 5, "MaxAttempts": 3}],
            ResultPath="$.charged",
            Next="Cool",
        ),
        "Cool": {"Type": "Wait", "Seconds": 60, "Next": "Pack"},
        "Pack": {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 2,
            "ItemProcessor": branch("pack"),
            "ResultPath": "$.packed",
            "Next": "Both",
        },
        "Both": {
            "Type": "Parallel",
            "Branches": [branch("label"), branch("invoice")],
            "ResultPath": None,
            "Next": "Ask",
        },
        "Ask": {
            "Type": "Task",
            "Resource": names.activity_arn("desk"),
            "Parameters": {"Prompt": {"Title": "Ship it?"}},
            "TimeoutSeconds": 3600,
            "ResultPath": "$.answer",
            "End": True,
        },
    },
}
INPUT = {"items": [1, 2, 3], "note": "n" * 3000}


class Story:
    """One order from its start to its end, by a client that repeats what was not acknowledged."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.charges = 0
        world.functions.handlers.update(
            reserve=lambda call: "ok",
            charge=self._charge,
            pack=lambda call: call.parameters.value * 10,
            label=lambda call: "l" * 2000,
            invoice=lambda call: "i",
        )

    def _charge(self, call: Any) -> Any:
        self.charges += 1
        return Failed("Busy", "later") if self.charges < 3 else {"paid": True}

    async def play(self) -> tuple[str, list[tuple[int, int, str]], Any]:
        """Go on from wherever things stand; returns status, history and output."""
        machine = await self._machine()
        arn = (await self.world.core.executions.start(machine, "order-1", Payload.of(INPUT))).arn
        await self.world.settle()
        for _ in range(10):
            await self.world.pass_time(30)
            task = await self._prompt()
            if task is not None:
                await self.world.core.tasks.succeed(task.token or "", Payload.of("yes"))
                await self.world.settle()
        events = await self.world.history(arn)
        row = await self.world.execution(arn)
        return row.status, [(e.id, e.previous, e.type) for e in events], await self.world.output(arn)

    async def _machine(self) -> schema.StateMachine:
        known = await self.world.core.db.read(lambda session: session.exec(select(schema.StateMachine)).first())
        return known or await self.world.machine(STORY)

    async def _prompt(self) -> schema.Task | None:
        return await self.world.core.db.read(
            lambda session: session.exec(select(schema.Task).where(col(schema.Task.prompt).is_not(None))).first()
        )


async def play_to_the_end(world: World, story: Story, at: int, after: bool) -> tuple[bool, Any]:
    """Play with a death at commit `at`; returns whether it struck, and what came of the story."""
    struck, outcome = await dies(world, at, after, story.play)
    return struck, await _finish(story) if struck else outcome


async def _finish(story: Story) -> Any:
    """The client sends its start again; a closed execution of that name is the one it meant."""
    try:
        return await story.play()
    except ExecutionAlreadyExists:
        arn = names.execution_arn("machine", "order-1")
        row = await story.world.execution(arn)
        events = await story.world.history(arn)
        return row.status, [(e.id, e.previous, e.type) for e in events], await story.world.output(arn)


@pytest.mark.parametrize(
    "after", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["before the commit", "after the commit"]
)
async def test_a_death_at_any_commit_changes_nothing(tmp_path: Path, after: bool) -> None:
    (tmp_path / "calm").mkdir()
    async with World(tmp_path / "calm") as world:
        expected = await Story(world).play()
    assert expected[0] == "SUCCEEDED"
    at, struck = 1, True
    while struck:
        folder = tmp_path / f"death-{at}"
        folder.mkdir()
        async with World(folder) as world:
            story = Story(world)
            struck, result = await play_to_the_end(world, story, at, after)
            assert result == expected, f"a death at commit {at} changed the story"
            keys = [call.key for call in world.functions.calls]
            assert len(keys) == len(set(keys)), f"a death at commit {at} ran a function twice"
            assert story.charges == 3
        at += 1
    assert at > 10  # how many commits a story takes depends on which steps met in a batch
