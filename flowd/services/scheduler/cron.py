"""EventBridge's `cron(...)` grammar, translated to a trigger of APScheduler. It knows neither time zones nor a clock.

EventBridge cron is not Unix cron: six fields, weekday 1 is Sunday, one of the two day fields must be `?`, and there are
`L`, `LW`, `W` and `#`. Every number field becomes a list of numbers that APScheduler's CronTrigger understands; the two
wildcards it lacks (`W`, `LW`) are expressions of ours in its day field.
Source: EventBridge user guide, "Cron expressions reference"; EventBridge Scheduler user guide, "Schedule types".
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime
from typing import Any, ClassVar, NamedTuple

from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.cron.expressions import AllExpression
from apscheduler.triggers.cron.fields import BaseField, DayOfMonthField

from flowd.errors import FlowdError

FIRST_YEAR, LAST_YEAR = 1970, 2199


class ExpressionError(FlowdError):
    """The schedule expression is not valid."""


class Field(NamedTuple):
    """One of the six fields: its range, its names (for `low`, `low + 1`, ...) and what AWS's table allows in it."""

    name: str
    low: int
    high: int
    names: tuple[str, ...]
    wildcards: str
    allowed: str


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

FIELDS = (
    Field("Minutes", 0, 59, (), ",-*/", "0-59 and , - * /"),
    Field("Hours", 0, 23, (), ",-*/", "0-23 and , - * /"),
    Field("Day-of-month", 1, 31, (), ",-*?/LW", "1-31 and , - * ? / L W"),
    Field("Month", 1, 12, _MONTHS, ",-*/", "1-12 or JAN-DEC and , - * /"),
    Field("Day-of-week", 1, 7, _WEEKDAYS, ",-*?L#", "1-7 or SUN-SAT (1 is Sunday) and , - * ? L #"),
    Field("Year", FIRST_YEAR, LAST_YEAR, (), ",-*/", "1970-2199 and , - * /"),
)
_DAY, _WEEKDAY = FIELDS[2], FIELDS[4]
_ORDINALS = ("1st", "2nd", "3rd", "4th", "5th")


def cron_trigger(body: str) -> CronTrigger:
    """The trigger for what stands between the brackets of `cron(...)`; its times are wall-clock times written as UTC.

    Raises ExpressionError that names field, value and what is allowed, also for a date that never comes.
    """
    texts = body.split()
    if len(texts) != len(FIELDS):
        wanted = " ".join(field.name for field in FIELDS)
        raise ExpressionError(f"cron({body}) has {len(texts)} fields; it takes six: {wanted}")
    minutes, hours, day, months, weekday, years = texts
    _check_days(body, day, weekday)
    trigger = _Trigger(
        year=_years(years),
        month=_numbers(FIELDS[3], months),
        day=_day(day) if weekday == "?" else _positions(weekday),
        day_of_week=None if weekday == "?" or _is_position(weekday) else _weekdays(weekday),
        hour=_numbers(FIELDS[1], hours),
        minute=_numbers(FIELDS[0], minutes),
        second="0",
        timezone=UTC,
    )
    if trigger.get_next_fire_time(None, datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)) is None:
        raise ExpressionError(f"cron({body}) never comes: no such date between {FIRST_YEAR} and {LAST_YEAR}")
    return trigger


def _check_days(body: str, day: str, weekday: str) -> None:
    if (day == "?") == (weekday == "?"):
        raise ExpressionError(
            f"cron({body}): Day-of-month is {day} and Day-of-week is {weekday}; exactly one of them must be ?"
        )


def _refuse(field: Field, text: str, reason: str = "") -> ExpressionError:
    because = f" ({reason})" if reason else ""
    return ExpressionError(f"{field.name} {text!r} is not valid{because}; allowed: {field.allowed}")


# ---- fields of plain numbers ---------------------------------------------------------------------------------------


def _numbers(field: Field, text: str) -> str:
    return "*" if text == "*" else ",".join(map(str, sorted(_values(field, text))))


def _years(text: str) -> str:
    return f"{FIRST_YEAR}-{LAST_YEAR}" if text == "*" else _numbers(FIELDS[5], text)


def _values(field: Field, text: str) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        values.update(_part(field, part, text))
    return values


def _part(field: Field, part: str, whole: str) -> list[int]:
    """One element of a list: `5`, `MON`, `1-5`, `*`, or any of them with `/step`."""
    span, slash, step_text = part.partition("/")
    if slash and "/" not in field.wildcards:
        raise _refuse(field, whole, "no increments here")
    step = _step(field, step_text, whole) if slash else 1
    first_text, dash, last_text = span.partition("-")
    if span == "*":
        first, last = field.low, field.high
    elif dash:
        first, last = _number(field, first_text, whole), _number(field, last_text, whole)
    else:
        first = _number(field, span, whole)
        last = field.high if slash else first
    return _span(field, first, last, step, whole)


def _span(field: Field, first: int, last: int, step: int, whole: str) -> list[int]:
    """The numbers of a range; `FRI-MON` and `22-2` go round the end, as in Quartz, whose grammar this is."""
    if first <= last:
        return list(range(first, last + 1, step))
    if field.low == FIRST_YEAR:
        raise _refuse(field, whole, "the range runs backwards")
    size = field.high - field.low + 1
    return [field.low + (value - field.low) % size for value in range(first, last + size + 1, step)]


def _number(field: Field, text: str, whole: str) -> int:
    name = text.upper()
    if name in field.names:
        return field.low + field.names.index(name)
    if not (text.isascii() and text.isdigit()):
        raise _refuse(field, whole)
    value = int(text[:9])
    if not field.low <= value <= field.high:
        raise _refuse(field, whole, f"{text} is out of range")
    return value


def _step(field: Field, text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= field.high:
        raise _refuse(field, whole, "the increment must be a number from 1")
    return int(text[:9])


# ---- the two day fields --------------------------------------------------------------------------------------------


def _day(text: str) -> str:
    """Day-of-month for APScheduler: numbers, `last`, and our `lastweekday` and `weekday N`."""
    if text == "*":
        return "*"
    words = []
    for part in text.split(","):
        upper = part.upper()
        if upper == "L":
            words.append("last")
        elif upper == "LW":
            words.append("lw")
        elif upper.endswith("W"):
            words.append(f"w{_number(_DAY, part[:-1], text)}")
        else:
            words.extend(map(str, _part(_DAY, part, text)))
    return ",".join(words)


def _is_position(text: str) -> bool:
    return "#" in text or re.search(r"[^,-]L(,|$)", text.upper()) is not None


def _positions(text: str) -> str:
    """Day-of-week with `#` or `6L` picks days of the month: APScheduler says `2nd tue`, `last fri` in its day field."""
    if not _is_position(text):
        return "*"
    parts = text.split(",")
    if len(parts) > 1:
        raise _refuse(_WEEKDAY, text, "with # or L it takes a single expression")
    day_text, hash_sign, nth = text.partition("#")
    if not hash_sign:
        return f"last {_weekday_name(_number(_WEEKDAY, text[:-1], text))}"
    if nth not in ("1", "2", "3", "4", "5"):
        raise _refuse(_WEEKDAY, text, "after # stands a number from 1 to 5")
    return f"{_ORDINALS[int(nth) - 1]} {_weekday_name(_number(_WEEKDAY, day_text, text))}"


def _weekdays(text: str) -> str:
    """Weekdays for APScheduler, where Monday is 0. A bare `L` is the last day of the week, Saturday."""
    if text == "*":
        return "*"
    values: set[int] = set()
    for part in text.split(","):
        values.update([7] if part.upper() == "L" else _part(_WEEKDAY, part, text))
    return ",".join(str((value + 5) % 7) for value in sorted(values))


def _weekday_name(number: int) -> str:
    return _WEEKDAYS[number - 1].lower()


# ---- what APScheduler lacks ----------------------------------------------------------------------------------------


class _NearestWeekday(AllExpression):  # type: ignore[misc]
    """`15W`: Monday to Friday nearest to the 15th, within the same month. A month without that day is left out."""

    value_re = re.compile(r"w(?P<day>\d+)$")

    def __init__(self, day: str) -> None:
        super().__init__(None)
        self.day = int(day)

    def get_next_value(self, current: date, field: BaseField) -> int | None:
        last = monthrange(current.year, current.month)[1]
        if self.day > last:
            return None
        found = _nearest_weekday(current.year, current.month, self.day, last)
        return found if found >= current.day else None


class _LastWeekday(AllExpression):  # type: ignore[misc]
    """`LW`: the last Monday to Friday of the month."""

    value_re = re.compile(r"lw$")

    def __init__(self) -> None:
        super().__init__(None)

    def get_next_value(self, current: date, field: BaseField) -> int | None:
        last = monthrange(current.year, current.month)[1]
        found = last - max(0, date(current.year, current.month, last).weekday() - 4)
        return found if found >= current.day else None


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    weekday = date(year, month, day).weekday()
    if weekday == 5:  # Saturday: Friday before, or the Monday after where that would leave the month
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


class _DayField(DayOfMonthField):  # type: ignore[misc]
    COMPILERS: ClassVar[list[Any]] = [*DayOfMonthField.COMPILERS, _NearestWeekday, _LastWeekday]


class _Trigger(CronTrigger):  # type: ignore[misc]
    FIELDS_MAP: ClassVar[dict[str, Any]] = {**CronTrigger.FIELDS_MAP, "day": _DayField}
