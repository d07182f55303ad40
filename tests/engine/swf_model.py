"""Random deciders, workers and clients against a whole engine on a simulated clock, with crashes; then the invariants.

By hand: `python -m tests.engine.swf_model 10000` plays so many histories, 40 to an engine.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlmodel import select

from flowd.errors import ValidationException
from flowd.history import HistoryEvent
from flowd.integrations.ports import Failed
from flowd.store import history, schema, swf_reads
from flowd.store.schema_swf import SwfExecution
from flowd.swf.faults import SwfFault
from flowd.swf.registration import DEPRECATED, Kind, RegisteredType
from flowd.swf_frames import WorkflowFrame
from tests.crash.doom import Crash, abandon
from tests.engine.world import World
from tests.swf import invariants

DOMAIN = "model"
FULL = {
    "defaultTaskList": "list",
    "defaultTaskStartToCloseTimeout": "30",
    "defaultTaskHeartbeatTimeout": "20",
    "defaultTaskScheduleToStartTimeout": "40",
    "defaultTaskScheduleToCloseTimeout": "60",
    "defaultExecutionStartToCloseTimeout": "500",
    "defaultChildPolicy": "REQUEST_CANCEL",
}


class Model:
    """One engine and everybody around it, driven by one random generator."""

    def __init__(self, world: World, seed: int, executions: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.executions = executions
        self.started = 0
        self.decisions: list[Any] = []  # polled tasks, answered or not: answers come late and twice
        self.activities: list[Any] = []

    async def play(self) -> int:
        """The number of histories that were made; all of them hold what must hold."""
        await self._register()
        actions = [
            *[self._poll_decision] * 6,
            *[self._decide] * 8,
            *[self._poll_activity] * 4,
            *[self._answer] * 5,
            *[self._signal] * 2,
            self._cancel,
            self._worker_dies,
            self._pass_time,
            self._pass_time,
        ]
        while self.started < self.executions or self.random.random() < 0.97:
            await self._guarded(self.random.choice(actions))
            if self.started < self.executions and self.random.random() < 0.4:
                await self._guarded(self._start)
            chance = self.random.random()
            if chance < 0.01:
                await self._crash()
            elif chance < 0.02:
                await self._guarded(self._terminate)
        await self.world.settle()
        return await self._check()

    async def _guarded(self, action: Any) -> None:
        """Whatever clients do, they get an answer or one of the service's own faults."""
        try:
            await action()
        except (SwfFault, ValidationException):
            pass

    async def _register(self) -> None:
        swf = self.world.core.swf
        await swf.register_domain(DOMAIN, "7", None, {})
        types: dict[Kind, tuple[str, ...]] = {"workflow": ("W", "Old", "Bare"), "activity": ("A", "Old", "Bare")}
        for kind, names in types.items():
            for name in names:
                made = RegisteredType(
                    kind=kind,
                    name=name,
                    version="1",
                    created_ms=0,
                    defaults={} if name == "Bare" else FULL,
                )
                await swf.register_type(DOMAIN, made)
            await swf.deprecate_type(DOMAIN, (kind, "Old", "1"))
        assert swf.domain(DOMAIN).type(("workflow", "Old", "1")).status == DEPRECATED
        self.world.functions.handlers.update(ok=lambda call: 1, bad=lambda call: Failed("ValueError", "no"))

    # -- clients --------------------------------------------------------------------

    def _workflow_id(self) -> str:
        return f"w{self.random.randrange(16)}"

    async def _start(self) -> None:
        kind = self.random.choice(["W", "W", "W", "W", "Old", "Bare", "None"])
        members: dict[str, Any] = {
            "workflowId": self._workflow_id(),
            "workflowType": {"name": kind, "version": "1"},
            "input": "x" * self.random.choice([0, 5, 2000]),
        }
        if self.random.random() < 0.7:
            members["lambdaRole"] = "role"
        await self.world.core.workflows.start(DOMAIN, members)
        self.started += 1

    async def _signal(self) -> None:
        await self.world.core.workflows.signal(DOMAIN, self._workflow_id(), None, "s", "y" * 1500)

    async def _cancel(self) -> None:
        await self.world.core.workflows.request_cancel(DOMAIN, self._workflow_id(), None)

    async def _terminate(self) -> None:
        policy = self.random.choice([None, "TERMINATE", "REQUEST_CANCEL", "ABANDON"])
        await self.world.core.workflows.terminate(DOMAIN, self._workflow_id(), None, "r", None, policy)

    async def _pass_time(self) -> None:
        await self.world.pass_time(self.random.choice([0.5, 3, 11, 35]))

    async def _crash(self) -> None:
        """A kill or a restart; what was handed out lives on in deciders and workers."""
        if self.random.random() < 0.5:
            await self._kill_writer()
            await abandon(self.world)
            await self.world.boot()
        else:
            await self.world.reboot()

    async def _kill_writer(self) -> None:
        """A dead daemon writes nothing any more: its thread must be gone before the next one counts its rows."""
        database = self.world.core.db

        def die(session: Any, batch: Any) -> None:
            raise Crash

        database._commit = die  # type: ignore[method-assign]
        database.submit(lambda session: None)
        assert database._thread is not None
        await asyncio.to_thread(database._thread.join)

    # -- workers --------------------------------------------------------------------

    async def _poll(self, kind: str, task_list: str) -> Any:
        """A poll that does not wait; the poller may vanish at any look."""
        looks = iter([True] * self.random.choice([0, 1, 2, 3, 9, 9, 9, 9, 9, 9]))
        return await self.world.core.swf_tasks.poll(kind, DOMAIN, task_list, "me", lambda: next(looks, False), 0)

    async def _poll_activity(self) -> None:
        found = await self._poll("activity", "list")
        if found is not None:
            self.activities.append(found)

    async def _answer(self) -> None:
        if not self.activities:
            return
        token = self.random.choice(self.activities[-3:]).task.token
        tasks = self.world.core.swf_tasks
        answers: list[Callable[[], Awaitable[object]]] = [
            partial(tasks.complete, token, "z" * self.random.choice([1, 3000])),
            partial(tasks.complete, token, None),
            partial(tasks.fail, token, "reason", "details"),
            partial(tasks.cancel, token, None),
            partial(tasks.heartbeat, token, "alive"),
        ]
        await self.random.choice(answers)()

    async def _worker_dies(self) -> None:
        """The process that has everything in hand; what it had sent off already may still arrive."""
        await self.world.core.swf_tasks.worker_died(DOMAIN, "list", "me", "killed")

    # -- deciders -------------------------------------------------------------------

    async def _poll_decision(self) -> None:
        found = await self._poll("decision", self.random.choice(["list", "list", "list", "mine"]))
        if found is not None:
            self.decisions.append(found)

    async def _decide(self) -> None:
        if not self.decisions:
            return
        found = self.random.choice(self.decisions[-2:])
        members: dict[str, Any] = {"decisions": self._batch()}
        if self.random.random() < 0.2:
            members.update(taskList={"name": "mine"}, taskListScheduleToStartTimeout="10")
        if self.random.random() < 0.3:
            members["executionContext"] = "context"
        await self.world.core.swf_tasks.decide(found.task.token, members)

    def _batch(self) -> list[dict[str, Any]]:
        batch = [self._decision() for _ in range(self.random.randrange(5))]
        if self.random.random() < 0.15:
            batch.append(self._closing())
        if self.random.random() < 0.03:
            batch.append(_decision("StartTimer", timerId="late", startToFireTimeout="1"))
        return batch

    def _decision(self) -> dict[str, Any]:
        number = str(self.random.randrange(4))
        kind = {"name": self.random.choice(["A", "A", "A", "Old", "Bare", "None"]), "version": "1"}
        workflow = {"name": self.random.choice(["W", "W", "W", "Old", "Bare", "None"]), "version": "1"}
        other = self._workflow_id()
        return self.random.choice(
            [
                _decision("ScheduleActivityTask", activityType=kind, activityId=number, input="i" * 1200),
                _decision("ScheduleActivityTask", activityType={"name": "A", "version": "1"}, activityId=number),
                _decision("RequestCancelActivityTask", activityId=number),
                _decision("StartTimer", timerId=number, startToFireTimeout=self.random.choice(["0", "5", "50"])),
                _decision("CancelTimer", timerId=number),
                _decision("RecordMarker", markerName="m", details="d" * 1500),
                _decision("SignalExternalWorkflowExecution", workflowId=other, signalName="s", input="k" * 1300),
                _decision("RequestCancelExternalWorkflowExecution", workflowId=other),
                _decision("StartChildWorkflowExecution", workflowType=workflow, workflowId=other, control="c"),
                _decision("ScheduleLambdaFunction", id=number, name=self.random.choice(["ok", "bad"])),
            ]
        )

    def _closing(self) -> dict[str, Any]:
        return self.random.choice(
            [
                _decision("CompleteWorkflowExecution", result="r" * 1100),
                _decision("FailWorkflowExecution", reason="why"),
                _decision("CancelWorkflowExecution"),
                _decision("ContinueAsNewWorkflowExecution", input="again"),
            ]
        )

    # -- what must hold ----------------------------------------------------------------

    async def _check(self) -> int:
        rows = await self.world.core.db.read(lambda session: list(session.exec(select(SwfExecution)).all()))
        sent: list[tuple[Any, ...]] = []
        last: dict[int, HistoryEvent] = {}
        for row in rows:
            number = row.execution_id
            events = await self.world.core.db.read(partial(history.page, execution_id=number, limit=30_000))
            root = await self.world.core.db.read(partial(swf_reads.frame, execution_id=number, name="0"))
            assert isinstance(root, WorkflowFrame)
            try:
                invariants.check(events, root)
            except AssertionError as error:
                raise AssertionError(f"{error}: {[(e.id, e.type) for e in events]}") from error
            assert root.close_status == row.close_status
            last[number] = events[-1]
            sent += [(number, *each) for each in invariants.sent(events)]
        assert len(sent) == len(set(sent)), "a signal or a request arrived twice"
        self._families(rows)
        self._continued(rows, last)
        await self._no_remains(rows)
        return len(rows)

    def _families(self, rows: list[SwfExecution]) -> None:
        """One first run for each child that a decision started."""
        first = [(row.parent_id, row.parent_event) for row in rows if row.parent_id]
        continued = sum(1 for row in rows if row.parent_id and row.close_status == "CONTINUED_AS_NEW")
        assert len(first) - len(set(first)) == continued

    @staticmethod
    def _continued(rows: list[SwfExecution], last: dict[int, HistoryEvent]) -> None:
        """The run that continues another one is there."""
        runs = {row.run_id for row in rows}
        nexts = [last[row.execution_id] for row in rows if row.close_status == "CONTINUED_AS_NEW"]
        assert {event.details["newExecutionRunId"] for event in nexts} <= runs

    async def _no_remains(self, rows: list[SwfExecution]) -> None:
        """What is closed has no task, no deadline and no frame but the workflow's."""
        over = {row.execution_id for row in rows if row.close_status}

        def read(session: Any) -> list[Any]:
            found: list[Any] = []
            for table in (schema.Task, schema.Deadline, schema.FrameRow):
                found += session.exec(select(table)).all()
            return found

        for each in await self.world.core.db.read(read):
            is_root = isinstance(each, schema.FrameRow) and each.frame == "0"
            assert each.execution_id not in over or is_root, f"{each} outlived its execution"


def _decision(kind: str, **attributes: Any) -> dict[str, Any]:
    return {"decisionType": kind, f"{kind[0].lower()}{kind[1:]}DecisionAttributes": attributes}


async def play(folder: Path, seed: int, executions: int) -> int:
    """One engine's life; a killed writer's last words are no news."""
    hook, threading.excepthook = threading.excepthook, lambda _: None
    try:
        async with World(folder) as world:
            return await Model(world, seed, executions).play()
    finally:
        threading.excepthook = hook


def main(histories: int, first_seed: int = 1) -> None:
    """Play until so many histories are made."""
    began, made, seed = time.monotonic(), 0, first_seed
    while made < histories:
        with tempfile.TemporaryDirectory() as folder:
            made += asyncio.run(play(Path(folder), seed, 40))
        seed += 1
        sys.stdout.write(f"\r{made} histories, seeds {first_seed} to {seed - 1}, {time.monotonic() - began:.0f} s")
        sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
