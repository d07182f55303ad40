"""Schedule expressions of EventBridge: `cron(...)`, `rate(...)`, `at(...)`, and when they fire next. Pure: no clock.

APScheduler's CronTrigger does the calendar; ours are the grammar and the two days a year on which clocks are moved.
(Its IntervalTrigger is not used: it counts in floats and can lose a run that is 1 ms away.) A cron expression is
evaluated on wall-clock time: a time that the spring gap swallows is skipped, a time that autumn brings twice fires the
first time only (EventBridge Scheduler user guide, "Daylight savings time"). `rate` is a fixed number of milliseconds,
so a `day` is 24 hours. Times are int milliseconds since the epoch.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from flowd.services.scheduler.cron import LAST_YEAR, ExpressionError, cron_trigger

__all__ = ["SET_BACK_MS", "At", "Cron", "Expression", "ExpressionError", "Rate", "Service", "parse_expression"]

#: A clock that is set back further than this was wrong, as cron has it; by less, fire times that have been do not come
#: again, as in the hour that comes twice in autumn.
SET_BACK_MS = 3 * 3_600_000
# Rules (SAM `Schedule`) know no `at` and no time zone; EventBridge Scheduler (SAM `ScheduleV2`) knows both.
Service = Literal["rule", "scheduler"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = int((datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1))
_FORM = re.compile(r"(cron|rate|at)\((.*)\)", re.DOTALL)
_RATE = re.compile(r"([0-9]{1,9})\s+(minute|hour|day)(s?)")
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")
_SECONDS = {"minute": 60, "hour": 3_600, "day": 86_400}


class Expression(Protocol):
    """A parsed schedule expression."""

    @property
    def text(self) -> str: ...

    @property
    def timezone(self) -> str: ...

    def next_fire(self, after_ms: int, start_ms: int | None = None, end_ms: int | None = None) -> int | None:
        """The first time it fires strictly after `after_ms`, not before `start_ms` and not after `end_ms`; or None."""
        ...


class Cron(NamedTuple):
    """`cron(...)` in a time zone."""

    text: str
    timezone: str
    trigger: CronTrigger

    def next_fire(self, after_ms: int, start_ms: int | None = None, end_ms: int | None = None) -> int | None:
        floor_ms = _floor(after_ms, start_ms)
        if floor_ms >= _LAST_MS:
            return None
        zone = _zone(self.timezone)
        wall = _at(max(floor_ms, 0)).astimezone(zone).replace(tzinfo=UTC, fold=0)
        while True:
            wall = self.trigger.get_next_fire_time(None, wall + timedelta(milliseconds=1))
            if wall is None:
                return None
            fire_ms = _instant(wall, zone)
            # None: the gap in spring. Not later: the second pass through autumn's double hour.
            if fire_ms is not None and fire_ms > floor_ms:
                return fire_ms if end_ms is None or fire_ms <= end_ms else None


class Rate(NamedTuple):
    """`rate(...)`: a grid that begins at `start_ms`; without a start it counts from the epoch, so restarts keep it."""

    text: str
    timezone: str
    interval_ms: int

    def next_fire(self, after_ms: int, start_ms: int | None = None, end_ms: int | None = None) -> int | None:
        floor_ms = _floor(after_ms, start_ms)
        if floor_ms >= _LAST_MS:
            return None
        begin_ms = start_ms or 0
        steps = (floor_ms - begin_ms) // self.interval_ms + 1
        fire_ms = begin_ms + steps * self.interval_ms
        return fire_ms if end_ms is None or fire_ms <= end_ms else None


class At(NamedTuple):
    """`at(...)`: once."""

    text: str
    timezone: str
    at_ms: int

    def next_fire(self, after_ms: int, start_ms: int | None = None, end_ms: int | None = None) -> int | None:
        in_time = self.at_ms > _floor(after_ms, start_ms) and (end_ms is None or self.at_ms <= end_ms)
        return self.at_ms if in_time else None


def parse_expression(text: str, timezone: str = "UTC", service: Service = "scheduler") -> Expression:
    """The expression, ready to be asked. Raises ExpressionError that says which part is wrong and what is allowed."""
    return _parse(text, timezone or "UTC", service)


@lru_cache(maxsize=1024)
def _parse(text: str, timezone: str, service: Service) -> Expression:
    match = _FORM.fullmatch(text.strip())
    allowed = "cron(...) or rate(...)" if service == "rule" else "cron(...), rate(...) or at(...)"
    if match is None or (match[1] == "at" and service == "rule"):
        raise ExpressionError(f"Schedule expression {text!r} is not valid; allowed: {allowed}")
    _zone(timezone)
    kind, body = match[1], match[2].strip()
    if kind == "cron":
        return Cron(text, timezone, cron_trigger(body))
    if kind == "rate":
        return Rate(text, timezone, _interval_ms(body, service))
    return At(text, timezone, _at_ms(body, timezone))


def _interval_ms(body: str, service: Service) -> int:
    match = _RATE.fullmatch(body)
    if match is None:
        raise ExpressionError(f"rate({body}) is not valid; allowed: a whole number and minutes, hours or days")
    value, unit, plural = int(match[1]), match[2], match[3]
    if value == 0:
        raise ExpressionError(f"rate({body}) is not valid: the number must be 1 or more")
    # EventBridge rules insist on `1 hour` and `5 hours`; EventBridge Scheduler takes either form.
    if service == "rule" and (value == 1) == bool(plural):
        raise ExpressionError(f"rate({body}) is not valid: EventBridge rules want `1 {unit}` and `2 {unit}s`")
    if value * _SECONDS[unit] * 1000 > _LAST_MS:
        raise ExpressionError(f"rate({body}) is not valid: longer than 230 years")
    return value * _SECONDS[unit] * 1000


def _at_ms(body: str, timezone: str) -> int:
    try:
        if _AT.fullmatch(body) is None:
            raise ValueError("not of that form")
        wall = datetime.fromisoformat(body).replace(tzinfo=UTC)
    except ValueError as problem:
        raise ExpressionError(f"at({body}) is not valid ({problem}); allowed: at(yyyy-mm-ddThh:mm:ss)") from None
    if not 1970 <= wall.year <= LAST_YEAR:
        raise ExpressionError(f"at({body}) is not valid: the year must be from 1970 to {LAST_YEAR}")
    fire_ms = _instant(wall, _zone(timezone))
    if fire_ms is None:
        raise ExpressionError(f"at({body}) never comes: clocks in {timezone} are set forward over that time")
    return fire_ms


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ExpressionError(
            f"Time zone {name!r} is not known; allowed: names of the IANA database such as UTC or Europe/Berlin"
        ) from None


def _instant(wall: datetime, zone: ZoneInfo) -> int | None:
    """The moment at which clocks in `zone` first show `wall` (written as UTC), or None if they never do."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shown = moment.astimezone(zone).replace(tzinfo=UTC, fold=0)
    return _ms(moment) if shown == wall else None


def _floor(after_ms: int, start_ms: int | None) -> int:
    return after_ms if start_ms is None else max(after_ms, start_ms - 1)


def _at(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
