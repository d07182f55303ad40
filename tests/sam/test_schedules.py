"""What is due of a schedule after a pause, what overlaps, and what a run is given as its input."""

from __future__ import annotations

import json

import pytest

from flowd.sam.schedules import Missed, Overlap, SamSchedule, admit, due_runs, run_input

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOON = 1_704_110_400_000  # 2024-01-01T12:00:00Z


def hourly(missed: Missed = "last", max_age_ms: int | None = None) -> SamSchedule:
    return SamSchedule(name="hourly", machine="m", expression="cron(0 * * * ? *)", missed=missed, max_age_ms=max_age_ms)


def test_a_run_on_time_is_due_under_every_policy() -> None:
    for missed in ("skip", "last", "all"):
        due = due_runs(hourly(missed), NOON - HOUR, NOON + 40)
        assert due.runs == (NOON,)
        assert not due.left_out


def test_nothing_is_due_before_the_next_fire_time_and_after_a_clock_was_set_back() -> None:
    assert due_runs(hourly("all"), NOON, NOON + HOUR - 1).runs == ()
    assert due_runs(hourly("all"), NOON, NOON - DAY).runs == ()


@pytest.mark.parametrize(
    ("missed", "runs", "left_out"),
    [
        ("skip", (), True),
        ("last", (NOON,), True),
        ("all", (NOON - 2 * HOUR, NOON - HOUR, NOON), False),
    ],
)
def test_what_was_missed_is_made_up_for_as_the_policy_says(
    missed: Missed, runs: tuple[int, ...], left_out: bool
) -> None:
    due = due_runs(hourly(missed), NOON - 3 * HOUR, NOON + 30 * MINUTE)
    assert (due.runs, due.left_out) == (runs, left_out)


def test_a_run_older_than_its_greatest_age_is_not_started() -> None:
    due = due_runs(hourly("all", max_age_ms=90 * MINUTE), NOON - DAY, NOON + 30 * MINUTE)
    assert (due.runs, due.left_out) == ((NOON - HOUR, NOON), True)


def test_a_year_of_missed_minutes_is_answered_with_the_newest_hundred() -> None:
    asked = 0

    class Counting(SamSchedule, frozen=True):
        def next_fire(self, after_ms: int) -> int | None:
            nonlocal asked
            asked += 1
            return super().next_fire(after_ms)

    for expression in ("cron(* * * * ? *)", "rate(1 minute)"):
        schedule = Counting(name="n", machine="m", expression=expression, timezone="Europe/Berlin", missed="all")
        due = due_runs(schedule, NOON - 365 * DAY, NOON + 10)
        assert due.runs == tuple(NOON - MINUTE * back for back in range(99, -1, -1))
        assert due.left_out
    assert asked < 2_000


def test_the_last_run_of_a_rare_and_of_an_irregular_schedule_is_found() -> None:
    yearly = SamSchedule(name="y", machine="m", expression="cron(0 0 1 1 ? *)")
    assert due_runs(yearly, NOON - 3 * 365 * DAY, NOON).runs == (NOON - 12 * HOUR,)
    bursts = SamSchedule(name="b", machine="m", expression="cron(0-4 9 1 * ? *)", missed="all")
    nine = NOON - 3 * HOUR
    assert due_runs(bursts, NOON - 20 * DAY, NOON + 20 * DAY).runs == tuple(nine + MINUTE * n for n in range(5))


@pytest.mark.parametrize(
    ("overlap", "running", "verdict"),
    [
        ("allow", 3, "start"),
        ("skip", 0, "start"),
        ("skip", 1, "skip"),
        ("queue", 0, "start"),
        ("queue", 1, "queue"),
    ],
)
def test_a_run_that_meets_a_running_one_is_treated_as_the_policy_says(
    overlap: Overlap, running: int, verdict: str
) -> None:
    assert admit(overlap, running) == verdict


def test_a_rule_gives_its_input_as_it_stands_and_the_scheduler_fills_in_its_keywords() -> None:
    text = '{"at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}'
    rule = SamSchedule(name="n", machine="m", expression="rate(1 day)", service="rule", input=text)
    assert run_input(rule, NOON, "r1") == text
    scheduler = SamSchedule(name="n", machine="m", expression="rate(1 day)", input=text)
    assert json.loads(run_input(scheduler, NOON, "r1")) == {"at": "2024-01-01T12:00:00Z", "id": "r1"}


def test_without_an_input_a_run_is_told_which_schedule_it_is() -> None:
    rule = SamSchedule(name="nightly", machine="m", expression="rate(1 day)", service="rule")
    event = json.loads(run_input(rule, NOON, "r1"))
    assert event["source"] == "aws.events"
    assert event["detail-type"] == "Scheduled Event"
    assert event["time"] == "2024-01-01T12:00:00Z"
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/nightly"]
    scheduled = json.loads(run_input(SamSchedule(name="n", machine="m", expression="rate(1 day)"), NOON, "r1"))
    assert scheduled["source"] == "aws.scheduler"
    assert scheduled["resources"] == ["arn:aws:scheduler:us-east-1:000000000000:schedule/default/n"]
