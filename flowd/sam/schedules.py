"""A schedule as data, and what is due of it: missed runs, overlapping runs, and the input of a run. Pure: no clock.

AWS has no word for runs that were missed because the box was off, nor for a run that begins while the last one still
goes; both policies are flowd's own and stand in the machine's `Metadata` (`Flowd: {MissedRuns: ..., Overlap: ...}`),
which AWS ignores.
"""

from __future__ import annotations

import json
from typing import Literal, get_args

import msgspec

from flowd.clock import iso8601
from flowd.names import ACCOUNT, REGION
from flowd.services.scheduler.expressions import Expression, Service, parse_expression

Missed = Literal["skip", "last", "all"]
Overlap = Literal["allow", "skip", "queue"]
State = Literal["ENABLED", "DISABLED"]
MISSED: tuple[str, ...] = get_args(Missed)
OVERLAP: tuple[str, ...] = get_args(Overlap)

ON_TIME_MS = 60_000  # EventBridge invokes within 60 seconds; a run later than that counts as missed
MOST_RUNS = 100  # `all` never hands out more than this, the newest; a year of missed minutes would be half a million


class SamSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """One schedule of one machine."""

    name: str
    machine: str  # the machine's name, or the ARN of another target (a function, queue, topic, bus)
    expression: str
    timezone: str = "UTC"
    service: Service = "scheduler"  # `rule`: SAM Schedule; `scheduler`: SAM ScheduleV2
    input: str | None = None  # JSON text; None: what EventBridge sends by itself, see `run_input`
    state: State = "ENABLED"
    start_ms: int | None = None
    end_ms: int | None = None
    missed: Missed = "last"
    overlap: Overlap = "allow"
    max_age_ms: int | None = None  # a missed run older than this is not made up for
    source: str = ""  # the template, relative to the drop folder
    line: int = 0

    def parsed(self) -> Expression:
        """The parsed expression. It cannot fail: a schedule with a wrong expression is never built."""
        return parse_expression(self.expression, self.timezone, self.service)

    def next_fire(self, after_ms: int) -> int | None:
        """The first fire time strictly after `after_ms`, within the schedule's own dates."""
        return self.parsed().next_fire(after_ms, self.start_ms, self.end_ms)


class Due(msgspec.Struct, frozen=True):
    """What to start now, oldest first, and whether older fire times were left out by policy, age or number."""

    runs: tuple[int, ...] = ()
    left_out: bool = False


def due_runs(schedule: SamSchedule, last_ms: int, now_ms: int) -> Due:
    """The fire times in (last_ms, now_ms] that are to be started now.

    `last_ms` is the time up to which the schedule has been dealt with. Bounded: at most 100 runs and a few thousand
    steps of the calendar, however long the box was off.
    """
    if last_ms >= now_ms or not _fires(schedule, last_ms, now_ms):
        return Due()
    oldest_ms = last_ms if schedule.max_age_ms is None else max(last_ms, now_ms - schedule.max_age_ms - 1)
    if schedule.missed == "skip":
        oldest_ms = max(oldest_ms, now_ms - ON_TIME_MS - 1)
    runs: list[int] = []
    until_ms = now_ms
    while len(runs) < (MOST_RUNS if schedule.missed == "all" else 1):
        run_ms = _latest(schedule, oldest_ms, until_ms)
        if run_ms is None:
            break
        runs.append(run_ms)
        until_ms = run_ms - 1
    runs.reverse()
    return Due(tuple(runs), _fires(schedule, last_ms, runs[0] - 1 if runs else now_ms))


def _fires(schedule: SamSchedule, after_ms: int, until_ms: int) -> bool:
    fire_ms = schedule.next_fire(after_ms)
    return fire_ms is not None and fire_ms <= until_ms


def _latest(schedule: SamSchedule, after_ms: int, until_ms: int) -> int | None:
    """The last fire time in (after_ms, until_ms]: looks back in growing windows, then halves the window it found."""
    span_ms = 60_000
    while True:
        begin_ms = max(after_ms, until_ms - span_ms)
        if _fires(schedule, begin_ms, until_ms):
            break
        if begin_ms == after_ms:
            return None
        span_ms *= 4
    found_ms = schedule.next_fire(begin_ms)
    while found_ms is not None and _fires(schedule, found_ms, until_ms):
        middle_ms = (found_ms + until_ms) // 2
        later_ms = schedule.next_fire(middle_ms)
        if later_ms is not None and later_ms <= until_ms:
            found_ms = later_ms
        else:
            until_ms = middle_ms
    return found_ms


def admit(overlap: Overlap, running: int) -> Literal["start", "skip", "queue"]:
    """What becomes of a run that is due while `running` executions of the same schedule are open."""
    if overlap == "allow" or running == 0:
        return "start"
    return "skip" if overlap == "skip" else "queue"


def run_input(schedule: SamSchedule, scheduled_ms: int, run_id: str) -> str:
    """The execution input of one run, as JSON text; `run_id` is what AWS makes up per invocation.

    EventBridge Scheduler replaces its `<aws.scheduler.*>` keywords in the input. Without an input both services send an
    event that says which schedule it was (EventBridge user guide, "Scheduled event"; Scheduler user guide, "Context
    attributes").
    """
    arn = schedule_arn(schedule)
    time = _second(scheduled_ms)
    if schedule.input is None:
        return json.dumps(_scheduled_event(schedule, arn, time, run_id), separators=(",", ":"))
    if schedule.service == "rule":
        return schedule.input
    keywords = {"schedule-arn": arn, "scheduled-time": time, "execution-id": run_id, "attempt-number": "1"}
    text = schedule.input
    for keyword, value in keywords.items():
        text = text.replace(f"<aws.scheduler.{keyword}>", value)
    return text


def _scheduled_event(schedule: SamSchedule, arn: str, time: str, run_id: str) -> dict[str, object]:
    rule = schedule.service == "rule"
    return {
        "version": "0",
        "id": run_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events" if rule else "aws.scheduler",
        "account": ACCOUNT,
        "time": time,
        "region": REGION,
        "resources": [arn],
        "detail": {} if rule else "{}",
    }


def schedule_arn(schedule: SamSchedule) -> str:
    """The ARN that its service would give it."""
    if schedule.service == "rule":
        return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{schedule.name}"
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{schedule.name}"


def _second(ms: int) -> str:
    return iso8601(ms)[:19] + "Z"
