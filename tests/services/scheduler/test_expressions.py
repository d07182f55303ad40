"""EventBridge's schedule expressions: the documented examples, both clock changes, and the errors people will see."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.services.scheduler.expressions import ExpressionError, Service, parse_expression


def ms(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def fires(text: str, after: str, count: int, zone: str = "UTC") -> list[str]:
    """The next fire times in UTC."""
    expression, at_ms, found = parse_expression(text, zone), ms(after), []
    for _ in range(count):
        following = expression.next_fire(at_ms)
        if following is None:
            break
        at_ms = following
        found.append(f"{datetime.fromtimestamp(at_ms / 1000, UTC):%a %Y-%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the table of examples in the EventBridge user guide
        ("cron(15 10 * * ? *)", ["Mon 2024-01-01 10:15", "Tue 2024-01-02 10:15"]),
        ("cron(0 10 * * ? *)", ["Mon 2024-01-01 10:00", "Tue 2024-01-02 10:00"]),
        ("cron(0 18 ? * MON-FRI *)", ["Mon 2024-01-01 18:00", "Tue 2024-01-02 18:00"]),
        ("cron(0 8 1 * ? *)", ["Mon 2024-01-01 08:00", "Thu 2024-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["Mon 2024-01-01 00:15", "Mon 2024-01-01 00:30"]),
        ("cron(0/10 * ? * MON-FRI *)", ["Mon 2024-01-01 00:10", "Mon 2024-01-01 00:20"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["Mon 2024-01-01 08:00", "Mon 2024-01-01 08:05"]),
        ("cron(0 9 ? * 2#1 *)", ["Mon 2024-01-01 09:00", "Mon 2024-02-05 09:00"]),
        ("cron(0/30 20-2 ? * MON-FRI *)", ["Mon 2024-01-01 00:30", "Mon 2024-01-01 01:00"]),
        ("cron(15 10 ? * 6L 2022-2024)", ["Fri 2024-01-26 10:15", "Fri 2024-02-23 10:15"]),
        # one for each wildcard
        ("cron(1/10 0 * * ? *)", ["Mon 2024-01-01 00:01", "Mon 2024-01-01 00:11"]),
        ("cron(0 0 1,15 JAN,MAR ? *)", ["Mon 2024-01-15 00:00", "Fri 2024-03-01 00:00"]),
        ("cron(0 0 1-31/10 * ? *)", ["Thu 2024-01-11 00:00", "Sun 2024-01-21 00:00"]),
        ("cron(0 0 L * ? *)", ["Wed 2024-01-31 00:00", "Thu 2024-02-29 00:00"]),
        ("cron(0 0 LW 3,6 ? *)", ["Fri 2024-03-29 00:00", "Fri 2024-06-28 00:00"]),
        ("cron(0 0 3W * ? *)", ["Wed 2024-01-03 00:00", "Fri 2024-02-02 00:00"]),
        ("cron(0 0 1W 6,9 ? *)", ["Mon 2024-06-03 00:00", "Mon 2024-09-02 00:00"]),
        ("cron(0 0 31W 3 ? 2024)", ["Fri 2024-03-29 00:00"]),
        ("cron(0 0 31W * ? *)", ["Wed 2024-01-31 00:00", "Fri 2024-03-29 00:00"]),
        ("cron(0 0 ? * L *)", ["Sat 2024-01-06 00:00", "Sat 2024-01-13 00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["Tue 2024-01-09 00:00", "Tue 2024-02-13 00:00"]),
        ("cron(0 0 ? * fri#5 *)", ["Fri 2024-03-29 00:00", "Fri 2024-05-31 00:00"]),
        ("cron(0 0 ? * 1,7 *)", ["Sat 2024-01-06 00:00", "Sun 2024-01-07 00:00"]),
        ("cron(0 0 ? * FRI-SUN *)", ["Fri 2024-01-05 00:00", "Sat 2024-01-06 00:00"]),
        ("cron(0 0 29 2 ? *)", ["Thu 2024-02-29 00:00", "Tue 2028-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2024/50)", ["Mon 2074-01-01 00:00", "Sat 2124-01-01 00:00"]),
        ("cron(59 23 31 12 ? 2199)", ["Tue 2199-12-31 23:59"]),
        ("cron(0 0 1 1 ? 1970)", []),
        ("rate(1 minute)", ["Mon 2024-01-01 00:01", "Mon 2024-01-01 00:02"]),
        ("rate(12 hours)", ["Mon 2024-01-01 12:00", "Tue 2024-01-02 00:00"]),
        ("at(2024-11-20T13:00:00)", ["Wed 2024-11-20 13:00"]),
    ],
)
def test_an_expression_fires_when_aws_says(text: str, expected: list[str]) -> None:
    assert fires(text, "2024-01-01T00:00:00", 2) == expected


@pytest.mark.parametrize(
    ("zone", "gap_day", "expected"),
    [
        ("Europe/Berlin", "2024-03-30T00:00:00", ["Sat 2024-03-30 01:30", "Mon 2024-04-01 00:30"]),
        ("America/New_York", "2024-03-09T00:00:00", ["Sat 2024-03-09 07:30", "Mon 2024-03-11 06:30"]),
    ],
)
def test_a_time_that_the_spring_gap_swallows_is_skipped_that_day(zone: str, gap_day: str, expected: list[str]) -> None:
    assert fires("cron(30 2 * * ? *)", gap_day, 2, zone) == expected


@pytest.mark.parametrize(
    ("zone", "hour", "day", "expected"),
    [
        ("Europe/Berlin", 2, "2024-10-26", ["Sat 2024-10-26 00:30", "Sun 2024-10-27 00:30", "Mon 2024-10-28 01:30"]),
        ("America/New_York", 1, "2024-11-02", ["Sat 2024-11-02 05:30", "Sun 2024-11-03 05:30", "Mon 2024-11-04 06:30"]),
    ],
)
def test_a_time_that_autumn_brings_twice_fires_once(zone: str, hour: int, day: str, expected: list[str]) -> None:
    assert fires(f"cron(30 {hour} * * ? *)", f"{day}T00:00:00", 3, zone) == expected


def test_a_question_asked_within_the_second_pass_of_the_double_hour_is_answered_with_the_next_day() -> None:
    second_pass_ms = ms("2024-10-27T01:10:00")  # 02:10 in Berlin for the second time
    assert parse_expression("cron(30 2 * * ? *)", "Europe/Berlin").next_fire(second_pass_ms) == ms(
        "2024-10-28T01:30:00"
    )


def test_every_quarter_hour_over_the_gap_goes_on_without_a_double_or_a_hole() -> None:
    spring = fires("cron(0/15 * * * ? *)", "2024-03-31T00:30:00", 3, "Europe/Berlin")
    assert spring == ["Sun 2024-03-31 00:45", "Sun 2024-03-31 01:00", "Sun 2024-03-31 01:15"]


def test_a_rate_in_days_is_24_hours_over_both_switches() -> None:
    assert fires("rate(1 day)", "2024-03-30T10:00:00", 3, "Europe/Berlin") == [
        "Sun 2024-03-31 00:00",
        "Mon 2024-04-01 00:00",
        "Tue 2024-04-02 00:00",
    ]


def test_at_is_read_in_its_time_zone() -> None:
    assert fires("at(2024-07-01T09:00:00)", "2024-01-01T00:00:00", 2, "America/New_York") == ["Mon 2024-07-01 13:00"]


def test_a_rate_begins_with_its_start_and_keeps_its_grid() -> None:
    start_ms = ms("2024-01-01T00:07:13")
    rate = parse_expression("rate(5 minutes)")
    assert rate.next_fire(0, start_ms) == start_ms
    assert rate.next_fire(start_ms, start_ms) == start_ms + 300_000
    assert rate.next_fire(start_ms + 299_999, start_ms) == start_ms + 300_000
    assert rate.next_fire(start_ms + 300_000, start_ms, start_ms + 500_000) is None


def test_cron_and_at_respect_start_and_end() -> None:
    cron, once = parse_expression("cron(0 12 * * ? *)"), parse_expression("at(2024-01-05T12:00:00)")
    noon_ms = ms("2024-01-05T12:00:00")
    assert cron.next_fire(0, noon_ms) == noon_ms
    assert cron.next_fire(noon_ms - 1, None, noon_ms) == noon_ms
    assert cron.next_fire(noon_ms, None, noon_ms) is None
    assert once.next_fire(0) == noon_ms
    assert once.next_fire(noon_ms) is None
    assert once.next_fire(0, noon_ms + 1) is None
    assert once.next_fire(0, None, noon_ms - 1) is None


@pytest.mark.parametrize(
    ("text", "zone", "service", "said"),
    [
        (
            "cron(60 * * * ? *)",
            "UTC",
            "rule",
            "Minutes '60' is not valid (60 is out of range); allowed: 0-59 and , - * /",
        ),
        ("cron(0 24 * * ? *)", "UTC", "rule", "Hours '24'"),
        ("cron(0 0 32 * ? *)", "UTC", "rule", "Day-of-month '32'"),
        ("cron(0 0 0 * ? *)", "UTC", "rule", "Day-of-month '0'"),
        ("cron(0 0 1 FOO ? *)", "UTC", "rule", "Month 'FOO' is not valid; allowed: 1-12 or JAN-DEC"),
        ("cron(0 0 ? * 0 *)", "UTC", "rule", "Day-of-week '0'"),
        ("cron(0 0 ? * 2/2 *)", "UTC", "rule", "Day-of-week '2/2' is not valid (no increments here)"),
        ("cron(0 0 ? * 3#6 *)", "UTC", "rule", "after # stands a number from 1 to 5"),
        ("cron(0 0 ? * 3#1,6#3 *)", "UTC", "rule", "it takes a single expression"),
        ("cron(0 0 1 1 ? 2200)", "UTC", "rule", "Year '2200'"),
        ("cron(0 0 1 1 ? 2030-2020)", "UTC", "rule", "the range runs backwards"),
        ("cron(0/0 * * * ? *)", "UTC", "rule", "the increment must be a number from 1"),
        ("cron(1-2-3 * * * ? *)", "UTC", "rule", "Minutes '1-2-3'"),
        ("cron(, * * * ? *)", "UTC", "rule", "Minutes ','"),
        ("cron(² * * * ? *)", "UTC", "rule", "Minutes"),
        ("cron(0 0 W * ? *)", "UTC", "rule", "Day-of-month 'W'"),
        ("cron(0 12 * * * *)", "UTC", "rule", "exactly one of them must be ?"),
        ("cron(0 12 ? * ? *)", "UTC", "rule", "exactly one of them must be ?"),
        ("cron(0 12 * * ?)", "UTC", "rule", "has 5 fields; it takes six"),
        ("cron(0 0 30 2 ? *)", "UTC", "rule", "never comes: no such date between 1970 and 2199"),
        ("cron(0 0 29 FEB ? 2023)", "UTC", "rule", "never comes"),
        ("rate(1 minutes)", "UTC", "rule", "EventBridge rules want `1 minute`"),
        ("rate(5 minute)", "UTC", "rule", "EventBridge rules want"),
        ("rate(0 minutes)", "UTC", "scheduler", "must be 1 or more"),
        ("rate(5 seconds)", "UTC", "scheduler", "minutes, hours or days"),
        ("rate(999999999 days)", "UTC", "scheduler", "longer than 230 years"),
        ("at(2024-01-05T12:00:00)", "UTC", "rule", "allowed: cron(...) or rate(...)"),
        ("at(2024-01-05 12:00)", "UTC", "scheduler", "allowed: at(yyyy-mm-ddThh:mm:ss)"),
        ("at(2024-02-30T12:00:00)", "UTC", "scheduler", "at(2024-02-30T12:00:00) is not valid"),
        ("at(1969-02-03T12:00:00)", "UTC", "scheduler", "the year must be from 1970"),
        ("at(2024-03-31T02:30:00)", "Europe/Berlin", "scheduler", "never comes: clocks in Europe/Berlin"),
        ("cron(0 12 * * ? *)", "Europe/Bärlin", "scheduler", "Time zone 'Europe/Bärlin' is not known"),
        ("cron(0 12 * * ? *)", "Europe", "scheduler", "Time zone 'Europe' is not known"),
        ("cron(0 12 * * ? *)", "../../etc/passwd", "scheduler", "is not known"),
        ("every day", "UTC", "scheduler", "allowed: cron(...), rate(...) or at(...)"),
        ("", "UTC", "scheduler", "allowed"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong_and_what_is_allowed(
    text: str, zone: str, service: Service, said: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text, zone, service)
    assert said in str(caught.value)


def test_eventbridge_scheduler_takes_either_form_of_a_unit() -> None:
    assert parse_expression("rate(1 hours)").next_fire(0) == 3_600_000
    assert parse_expression("rate(2 hour)").next_fire(0) == 7_200_000


def test_far_times_are_answered_and_not_searched_for_ever() -> None:
    for text in ("cron(* * * * ? *)", "rate(1 minute)", "at(2024-01-01T00:00:00)"):
        assert parse_expression(text).next_fire(10**18) is None
    assert parse_expression("cron(* * * * ? *)").next_fire(-(10**15)) == 60_000


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    weekday=st.integers(1, 7),
    zone=st.sampled_from(ZONES),
    after_ms=st.integers(0, 4_000_000_000_000),
)
@settings(max_examples=60, deadline=None)
def test_the_next_fire_is_strictly_later_and_matches_its_own_fields(
    minute: int, hour: int, weekday: int, zone: str, after_ms: int
) -> None:
    expression = parse_expression(f"cron({minute} {hour} ? * {weekday} *)", zone)
    fire_ms = expression.next_fire(after_ms)
    assert fire_ms is not None
    shown = datetime.fromtimestamp(fire_ms / 1000, ZoneInfo(zone))
    assert fire_ms > after_ms
    assert (shown.minute, shown.hour, shown.isoweekday() % 7 + 1, shown.fold) == (minute, hour, weekday, 0)
    assert expression.next_fire(fire_ms - 1) == fire_ms
    assert fire_ms - after_ms <= 15 * 86_400_000  # a week, and one more when the gap swallowed it


@given(
    value=st.integers(1, 400),
    unit=st.sampled_from(["minutes", "hours", "days"]),
    start_ms=st.integers(0, 4_000_000_000_000),
    beyond_ms=st.integers(0, 10**12),
)
@settings(max_examples=60, deadline=None)
def test_a_rate_never_leaves_its_grid(value: int, unit: str, start_ms: int, beyond_ms: int) -> None:
    expression = parse_expression(f"rate({value} {unit})")
    step_ms = value * {"minutes": 60_000, "hours": 3_600_000, "days": 86_400_000}[unit]
    fire_ms = expression.next_fire(start_ms + beyond_ms, start_ms)
    if fire_ms is not None:
        assert (fire_ms - start_ms) % step_ms == 0
        assert start_ms + beyond_ms < fire_ms <= start_ms + beyond_ms + step_ms
        assert expression.next_fire(fire_ms - 1, start_ms) == fire_ms
