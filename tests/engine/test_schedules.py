from __future__ import annotations

from typing import Any

from sqlmodel import select

from flowd.sam.schedules import SamSchedule
from flowd.store import schema
from tests.engine.world import World

HOUR = 3600
INSTANT = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
LONG = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 10 * HOUR, "End": True}}}


def hourly(**fields: Any) -> SamSchedule:
    return SamSchedule(name="hourly", machine="machine", expression="cron(0 * * * ? *)", **fields)


async def runs(world: World) -> list[schema.Execution]:
    return await world.core.db.read(lambda s: list(s.exec(select(schema.Execution)).all()))


async def row(world: World) -> schema.Schedule:
    return await world.core.db.read(lambda s: s.exec(select(schema.Schedule)).one())


async def pass_hours(world: World, hours: int) -> None:
    for _ in range(hours * 2):
        await world.pass_time(HOUR / 2)


async def test_a_schedule_starts_its_machine_once_per_fire_time(world: World) -> None:
    await world.machine(INSTANT)
    await world.core.schedules.set_schedules([hourly()])
    await pass_hours(world, 3)
    started = await runs(world)
    assert len(started) == 3
    assert {run.trigger for run in started} == {"schedule:hourly"}
    assert (await row(world)).last_arn == started[-1].arn


async def test_only_the_last_missed_run_is_made_up_for_and_it_is_said(world: World) -> None:
    await world.machine(INSTANT)
    await world.core.schedules.set_schedules([hourly()])
    await world.settle()
    await world.core.stop()
    world.clock.advance(30 * HOUR)
    await world.boot()
    await world.settle()
    assert len(await runs(world)) == 1


async def test_an_overlapping_run_is_skipped_or_waits_as_its_policy_says(world: World) -> None:
    await world.machine(LONG)
    await world.core.schedules.set_schedules([hourly(overlap="skip")])
    await pass_hours(world, 3)
    assert len(await runs(world)) == 1
    assert "skipped" in ((await row(world)).last_note or "")
    await world.core.schedules.set_schedules([hourly(overlap="queue")])
    await pass_hours(world, 12)
    assert len(await runs(world)) == 2


async def test_a_paused_schedule_does_not_fire_and_a_resumed_one_leaves_out_what_passed(world: World) -> None:
    await world.machine(INSTANT)
    await world.core.schedules.set_schedules([hourly()])
    await world.core.schedules.pause("hourly", "eva")
    await pass_hours(world, 5)
    assert await runs(world) == []
    await world.core.schedules.set_schedules([hourly()])
    assert (await row(world)).paused_by == "eva"
    await world.core.schedules.resume("hourly")
    await pass_hours(world, 1)
    assert len(await runs(world)) == 1


async def test_a_run_by_hand_starts_at_once(world: World) -> None:
    await world.machine(INSTANT)
    await world.core.schedules.set_schedules([hourly(input='{"by": "<aws.scheduler.schedule-arn>"}')])
    arn = await world.core.schedules.run_now("hourly")
    await world.settle()
    assert (await world.output(arn))["by"].endswith("schedule/default/hourly")


async def test_a_schedule_whose_machine_is_gone_says_so_and_goes_on(world: World) -> None:
    await world.core.schedules.set_schedules([hourly()])
    await pass_hours(world, 2)
    assert "could not start" in ((await row(world)).last_note or "")
    assert ((await row(world)).next_ms or 0) > world.clock.now_ms()


async def test_a_clock_that_is_set_back_by_an_hour_repeats_no_run(world: World) -> None:
    await world.machine(INSTANT)
    await world.core.schedules.set_schedules([hourly()])
    await pass_hours(world, 3)
    world.clock.advance(-HOUR)
    world.core.alarms.moved()
    await pass_hours(world, 1)
    assert len(await runs(world)) == 3
    await pass_hours(world, 1)
    assert len(await runs(world)) == 4


async def test_a_clock_that_was_a_year_ahead_is_set_right_and_schedules_go_on_from_there(world: World) -> None:
    await world.machine(INSTANT)
    await world.core.schedules.set_schedules([hourly()])
    await pass_hours(world, 1)
    world.clock.advance(365 * 24 * HOUR)
    world.core.alarms.moved()
    await pass_hours(world, 1)
    in_the_wrong_year = len(await runs(world))
    world.clock.advance(-365 * 24 * HOUR)
    world.core.alarms.moved()
    await world.settle()
    assert "the clock was set back from" in ((await row(world)).last_note or "")
    await pass_hours(world, 2)
    assert len(await runs(world)) == in_the_wrong_year + 2
