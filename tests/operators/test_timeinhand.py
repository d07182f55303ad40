from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flowd.clock import ManualClock, ScaledClock
from flowd.engine.alarms import ApschedulerAlarms
from flowd.operators.timeinhand import TimeInHand, remembered
from flowd.sam.schedules import SamSchedule
from flowd.swf.draft import list_key
from flowd.swf.registration import RegisteredType
from tests.engine.world import World, function
from tests.swf.test_decider import decision

HOUR_MS = 3_600_000
DOMAIN = "shop"
LONG_S, SHORT_S = 20.0, 0.2  # patience with what comes to its end, and with what never does


class MovableWorld(World):
    """A world whose clock is the one of a test daemon."""

    def __init__(self, folder: Path, patience_s: float = LONG_S) -> None:
        super().__init__(folder)
        self.patience_s = patience_s
        self.machine_clock = self.clock
        self.clock = ScaledClock(self.machine_clock)  # type: ignore[assignment]
        self.own_lists: list[str] = []

    @property
    def time(self) -> TimeInHand:
        assert isinstance(self.clock, ScaledClock)
        return TimeInHand(self.clock, self.path.parent, self.core, lambda: self.own_lists, self.patience_s)


def waits(*seconds: int) -> dict[str, Any]:
    states = {
        f"W{i}": {
            "Type": "Wait",
            "Seconds": s,
            **({"Next": f"W{i + 1}"} if i < len(seconds) - 1 else {"End": True}),
        }
        for i, s in enumerate(seconds)
    }
    return {"StartAt": "W0", "States": states}


async def register(world: World) -> None:
    """A domain with a workflow type."""
    await world.core.swf.register_domain(DOMAIN, "7", None, {})
    defaults = {
        "defaultTaskList": "list",
        "defaultTaskStartToCloseTimeout": "30",
        "defaultExecutionStartToCloseTimeout": "500",
        "defaultChildPolicy": "ABANDON",
    }
    await world.core.swf.register_type(
        DOMAIN, RegisteredType(kind="workflow", name="W", version="1", created_ms=0, defaults=defaults)
    )


def test_a_scaled_clock_goes_faster_and_never_back() -> None:
    machine = ManualClock(1_000_000)
    clock = ScaledClock(machine, 60)
    machine.advance(2)
    assert clock.now_ms() == 1_000_000 + 120_000
    assert clock.skip_to(1_000_000 + 150_000) == 30_000
    assert clock.skip_to(5) == 0
    machine.advance(1)
    assert clock.now_ms() == 1_000_000 + 150_000 + 60_000
    assert ScaledClock(machine, 1, start_ms=9_000_000).now_ms() == 9_000_000


class Scheduler:
    """Remembers when it was told to ring."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def add_job(self, job: Any, trigger: Any, **_: Any) -> None:
        self.at.append(trigger.run_date.timestamp())

    def start(self) -> None: ...


async def test_an_alarm_is_set_in_the_machine_s_time_also_after_a_skip() -> None:
    machine = ManualClock(1_700_000_000_000)
    clock = ScaledClock(machine, 10)
    alarms = ApschedulerAlarms(clock, 10, machine)
    scheduler = alarms._scheduler = Scheduler()
    rung: list[int] = []
    alarms.start(lambda: rung.append(clock.now_ms()))
    alarms.arm(clock.now_ms() + 50_000)
    assert scheduler.at == [1_700_000_030, 1_700_000_005]
    clock.skip_to(clock.now_ms() + HOUR_MS)
    alarms.moved()
    assert rung == [1_700_003_600_000]
    assert scheduler.at[-1] == 1_700_000_030  # 300 s of its own time
    alarms.arm(clock.now_ms() + 20_000)
    assert scheduler.at[-1] == 1_700_000_002
    assert datetime.fromtimestamp(scheduler.at[-1], UTC).year == 2023


async def test_a_skip_goes_to_each_deadline_in_turn_and_returns_after_its_effect(tmp_path: Path) -> None:
    async with MovableWorld(tmp_path) as world:
        began_ms = world.clock.now_ms()
        arn = await world.start(await world.machine(waits(HOUR_MS // 1000, 60)))
        first = await world.time.skip()
        assert (first.skipped_ms, first.now_ms) == (HOUR_MS, began_ms + HOUR_MS)
        assert first.deadline is not None
        assert (first.deadline.purpose, first.deadline.arn, first.deadline.state) == ("wait", arn, "W0")
        assert remembered(tmp_path) == first.now_ms
        second = await world.time.skip()
        assert second.skipped_ms == 60_000
        assert (await world.execution(arn)).status == "SUCCEEDED"
        third = await world.time.skip()
        assert (third.deadline, third.skipped_ms) == (None, 0)


async def test_a_skip_waits_for_a_call_under_way_but_not_for_ever(tmp_path: Path) -> None:
    async with MovableWorld(tmp_path, SHORT_S) as world:
        task = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:hang", "End": True}
        machine = await world.machine({"StartAt": "T", "States": {"T": {**task, "TimeoutSeconds": 300}}})
        never = asyncio.get_running_loop().create_future()
        world.functions.handlers["hang"] = lambda call: never
        arn = await world.start(machine)
        began = asyncio.get_running_loop().time()
        skipped = await world.time.skip()
        assert asyncio.get_running_loop().time() - began >= SHORT_S
        assert skipped.deadline is not None and skipped.deadline.purpose == "timeout"
        assert (await world.execution(arn)).error == "States.Timeout"


async def test_a_skip_returns_when_all_that_became_due_has_come_to_its_end(tmp_path: Path) -> None:
    """A Wait, then a child that calls nine functions in a row: each answer is news for the next, off the loop."""
    async with MovableWorld(tmp_path) as world:
        world.functions.handlers["slow"] = lambda call: asyncio.sleep(0.01, {"n": "x" * 40_000})
        chain: dict[str, Any] = {
            f"T{i}": {"Type": "Task", "Resource": function("slow"), "Next": f"T{i + 1}"} for i in range(8)
        }
        chain["T8"] = {"Type": "Task", "Resource": function("slow"), "End": True}
        definition = waits(60)
        definition["States"]["W0"] = {"Type": "Wait", "Seconds": 60, "Next": "T0"}
        definition["States"].update(chain)
        arn = await world.start(await world.machine(definition))
        await world.time.skip()
        assert (await world.execution(arn)).status == "SUCCEEDED"


async def test_a_skip_waits_for_workers_of_this_daemon_and_for_no_others(tmp_path: Path) -> None:
    async with MovableWorld(tmp_path) as world:
        await register(world)
        await world.core.workflows.start(DOMAIN, {"workflowId": "w", "workflowType": {"name": "W", "version": "1"}})
        world.own_lists = [list_key("decision", DOMAIN, "list")]
        time = world.time
        skipping = asyncio.create_task(time.skip())
        task = await world.core.swf_tasks.poll("decision", DOMAIN, "list", None, lambda: True, 5)
        assert task is not None
        timer = decision("StartTimer", timerId="1", startToFireTimeout="3")
        await world.core.swf_tasks.decide(task.task.token, {"decisions": [timer]})
        time.patience_s = SHORT_S  # the timer fires, and what that wants is waited for in vain: nobody polls
        first = await skipping
        assert first.deadline is not None and first.deadline.purpose == "timer"
        world.own_lists = []
        second = await world.time.skip()
        assert second.deadline is not None and second.deadline.purpose == "execution"


async def test_a_schedule_s_next_run_is_a_deadline_too(tmp_path: Path) -> None:
    async with MovableWorld(tmp_path) as world:
        await world.start(await world.machine(waits(7200), "m"))
        await world.core.schedules.set_schedules([SamSchedule(name="s", machine="m", expression="rate(1 hour)")])
        skipped = await world.time.skip()
        assert skipped.deadline is not None
        assert (skipped.deadline.purpose, skipped.deadline.name) == ("schedule", "s")
        assert skipped.now_ms == skipped.deadline.due_ms


@pytest.mark.parametrize("text", ["", "soon", "-"])
def test_a_broken_memory_of_the_clock_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "test-clock").write_text(text)
    assert remembered(tmp_path) == 0
