"""The daemon dies at each commit while a parent starts a child, signals it and hears of its end: each happens once."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.errors import ApiError
from flowd.history import HistoryEvent
from flowd.store import history, swf, swf_reads
from flowd.swf.registration import RegisteredType
from flowd.swf_frames import WorkflowFrame
from tests.crash.doom import deaths_are_expected, dies
from tests.crash.test_swf_points import DEFAULTS
from tests.engine.world import World
from tests.swf import invariants
from tests.swf.test_decider import decision

__all__ = ["deaths_are_expected"]
TYPE = {"name": "W", "version": "1"}


def parent(events: Sequence[HistoryEvent]) -> list[dict[str, Any]]:
    """Start a child; signal it once it runs; end with what it ended with."""
    types = {event.type for event in events}
    if "ChildWorkflowExecutionCompleted" in types:
        (end,) = [event for event in events if event.type == "ChildWorkflowExecutionCompleted"]
        return [decision("CompleteWorkflowExecution", result=end.details["result"].text)]
    if "StartChildWorkflowExecutionInitiated" not in types:
        return [decision("StartChildWorkflowExecution", workflowType=TYPE, workflowId="kid", taskList={"name": "kids"})]
    if "ChildWorkflowExecutionStarted" in types and "SignalExternalWorkflowExecutionInitiated" not in types:
        return [decision("SignalExternalWorkflowExecution", workflowId="kid", signalName="go", input="x" * 2000)]
    return []


def child(events: Sequence[HistoryEvent]) -> list[dict[str, Any]]:
    """Once more as a new run, which waits for the signal and says how often it came, to either of them."""
    signals = sum(1 for event in events if event.type == "WorkflowExecutionSignaled")
    if "continuedExecutionRunId" not in events[0].details:
        return [decision("ContinueAsNewWorkflowExecution", taskList={"name": "kids"}, input=str(signals))]
    signals += int(events[0].details["input"].text)
    return [decision("CompleteWorkflowExecution", result=f"signals: {signals}")] if signals else []


class Family:
    """Both deciders; they keep the answer that was not acknowledged and give it again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.in_hand: Any = None

    async def play(self) -> list[tuple[str, str, str]]:
        await self._begin()
        for _ in range(200):
            if self.in_hand is not None:
                with contextlib.suppress(ApiError):
                    await self.in_hand()
                self.in_hand = None
            await self.world.settle()
            if not (await self._decide("kids", child) or await self._decide("list", parent)):
                if await self._over():
                    return await self._outcome()
                await self.world.pass_time(5)
        raise AssertionError("the family comes to no end")

    async def _begin(self) -> None:
        core = self.world.core
        with contextlib.suppress(ApiError):
            await core.swf.register_domain("shop", "7", None, {})
        with contextlib.suppress(ApiError):
            made = RegisteredType(kind="workflow", name="W", version="1", created_ms=0, defaults=DEFAULTS)
            await core.swf.register_type("shop", made)
        if not await self._runs("parent"):
            await core.workflows.start("shop", {"workflowId": "parent", "workflowType": TYPE})

    async def _runs(self, workflow_id: str) -> list[tuple[int, str]]:
        return await self.world.core.db.read(partial(swf.latest_runs, domain_id=1, workflow_id=workflow_id))

    async def _decide(self, task_list: str, decide: Any) -> bool:
        core = self.world.core
        task = await core.swf_tasks.poll("decision", "shop", task_list, None, lambda: True, 0)
        if task is None:
            return False
        events = await core.db.read(partial(history.page, execution_id=task.task.execution_id))
        self.in_hand = partial(self._answer, task.task.token, decide(events))
        return True

    async def _answer(self, token: str, decisions: list[Any]) -> None:
        await self.world.core.swf_tasks.decide(token, {"decisions": decisions})

    async def _over(self) -> bool:
        ((number, _),) = await self._runs("parent")
        row = await self.world.core.db.read(partial(swf.by_id, execution_id=number))
        return row is not None and row.close_status != ""

    async def _outcome(self) -> list[tuple[str, str, str]]:
        """Of each run, the oldest first: its id, how it closed, with what."""
        found = []
        for workflow_id in ("parent", "kid"):
            for number, _ in reversed(await self._runs(workflow_id)):
                events = await self.world.core.db.read(partial(history.page, execution_id=number))
                root = await self.world.core.db.read(partial(swf_reads.frame, execution_id=number, name="0"))
                assert isinstance(root, WorkflowFrame)
                invariants.check(events, root)
                result = events[-1].details.get("result")
                found.append((workflow_id, root.close_status, result.text if result else ""))
        return found


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
async def test_a_death_at_any_commit_changes_nothing_of_the_family(tmp_path: Path, after: bool) -> None:
    at, struck = 1, True
    while struck:
        folder = tmp_path / f"death-{at}"
        folder.mkdir()
        async with World(folder) as world:
            family = Family(world)
            struck, outcome = await dies(world, at, after, family.play)
            if struck:
                outcome = await family.play()
        expected = [
            ("parent", "COMPLETED", "signals: 1"),
            ("kid", "CONTINUED_AS_NEW", ""),
            ("kid", "COMPLETED", "signals: 1"),
        ]
        assert outcome == expected, f"a death at commit {at} changed the family"
        at += 1
    assert at > 15
