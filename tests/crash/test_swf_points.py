"""The daemon dies at each commit of the SWF order process, just before or just after it, and is started again.

Decider and worker are programs of their own: they keep what they have in hand and answer again. A task whose poll was
cut off by the death times out and comes again, so histories may differ; what came of the order may not.
"""

from __future__ import annotations

import contextlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.api import swf_render
from flowd.errors import ApiError
from flowd.store import history, swf, swf_reads
from flowd.swf.registration import Kind, RegisteredType
from flowd.swf_frames import WorkflowFrame
from tests.crash.doom import deaths_are_expected, dies
from tests.engine.world import World
from tests.swf import invariants
from tests.workflows.test_swf_order import decider, worker

__all__ = ["deaths_are_expected"]

DEFAULTS = {
    "defaultTaskList": "list",
    "defaultTaskStartToCloseTimeout": "30",
    "defaultTaskHeartbeatTimeout": "20",
    "defaultTaskScheduleToStartTimeout": "600",
    "defaultTaskScheduleToCloseTimeout": "NONE",
    "defaultExecutionStartToCloseTimeout": "86400",
    "defaultChildPolicy": "TERMINATE",
}
ORDER = {"orderId": "o", "card": "tok_flaky", "amount": 1, "items": ["lamp"]}


class Story:
    """One order, its client, its decider and its worker."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.in_hand: Any = None  # what a program is about to answer, again if need be

    async def play(self) -> Any:
        """Go on from wherever things stand, to the end."""
        await self._begin()
        for _ in range(200):
            await self._answer()
            row = await self._row()
            if row.close_status:
                return await self._outcome(row)
            if not (await self._decide() or await self._work()):
                await self.world.pass_time(5)
        raise AssertionError("the order comes to no end")

    async def _begin(self) -> None:
        """The client repeats its calls until they are acknowledged, or known."""
        registry, workflows = self.world.core.swf, self.world.core.workflows
        with contextlib.suppress(ApiError):
            await registry.register_domain("shop", "7", None, {})
        types: list[tuple[Kind, str]] = [("workflow", "ProcessOrder"), *(("activity", step) for step in decider.STEPS)]
        for kind, name in types:
            made = RegisteredType(kind=kind, name=name, version="1.0", created_ms=0, defaults=DEFAULTS)
            with contextlib.suppress(ApiError):
                await registry.register_type("shop", made)
        if await self.world.core.db.read(partial(swf.latest_runs, domain_id=1, workflow_id="order")):
            return
        kind_of = {"name": "ProcessOrder", "version": "1.0"}
        await workflows.start("shop", {"workflowId": "order", "workflowType": kind_of, "input": json.dumps(ORDER)})

    async def _answer(self) -> None:
        if self.in_hand is not None:
            with contextlib.suppress(ApiError):  # it was taken before the death, or has timed out
                await self.in_hand()
            self.in_hand = None
            await self.world.settle()

    async def _decide(self) -> bool:
        core = self.world.core
        task = await core.swf_tasks.poll("decision", "shop", "list", "decider", lambda: True, 0)
        if task is None:
            return False
        page = await core.db.read(partial(history.page, execution_id=task.task.execution_id, limit=1000))
        decisions = decider.decide([swf_render.event(event) for event in page])
        self.in_hand = partial(self._tasks_decide, task.task.token, decisions)
        return True

    async def _tasks_decide(self, token: str, decisions: list[Any]) -> None:
        await self.world.core.swf_tasks.decide(token, {"decisions": decisions})

    async def _work(self) -> bool:
        task = await self.world.core.swf_tasks.poll("activity", "shop", "list", "worker", lambda: True, 0)
        if task is None:
            return False
        name, _, attempt = task.frame.id.partition("/")[2].rpartition("-")
        self.in_hand = partial(self._do, task.task.token, name, int(attempt), json.loads(task.task.input.text))
        return True

    async def _do(self, token: str, name: str, attempt: int, order: Any) -> None:
        tasks = self.world.core.swf_tasks
        await tasks.heartbeat(token, "begun")
        try:
            result = worker.ACTIVITIES[name](order, attempt, lambda details: None)
        except worker.Failure as failure:
            await tasks.fail(token, failure.reason, str(failure))
        else:
            await tasks.complete(token, json.dumps(result))

    async def _row(self) -> Any:
        ((number, _),) = await self.world.core.db.read(partial(swf.latest_runs, domain_id=1, workflow_id="order"))
        return await self.world.core.db.read(partial(swf.by_id, execution_id=number))

    async def _outcome(self, row: Any) -> Any:
        """Status, result and the steps that were done, in order; the history holds what every history holds."""
        await self.world.settle()
        read = self.world.core.db.read
        events = await read(partial(history.page, execution_id=row.execution_id, limit=1000))
        root = await read(partial(swf_reads.frame, execution_id=row.execution_id, name="0"))
        assert isinstance(root, WorkflowFrame)
        invariants.check(events, root)
        by_id = {event.id: event for event in events}
        done = [
            by_id[event.details["scheduledEventId"]].details["activityType"]["name"]
            for event in events
            if event.type == "ActivityTaskCompleted"
        ]
        return row.close_status, events[-1].details["result"].text, done


async def played(world: World, at: int, after: bool) -> tuple[bool, Any]:
    """Play with a death at commit `at`; whether it struck, and what came of the order."""
    story = Story(world)
    struck, outcome = await dies(world, at, after, story.play)
    return struck, await story.play() if struck else outcome


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
async def test_a_death_at_any_commit_changes_nothing_of_the_order(tmp_path: Path, after: bool) -> None:
    at, struck = 1, True
    while struck:
        folder = tmp_path / f"death-{at}"
        folder.mkdir()
        async with World(folder) as world:
            struck, outcome = await played(world, at, after)
        expected = ("COMPLETED", '{"orderId": "o"}', list(decider.STEPS))
        assert outcome == expected, f"a death at commit {at} changed the order"
        at += 1
    assert at > 30
