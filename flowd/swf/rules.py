"""Rules of SWF for names, durations, priorities and tags, and its limits (API reference; developer guide, quotas)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowd.errors import ValidationException

NONE = "NONE"
LONGEST_S = 31_536_000  # a year
LAMBDA_S = 900
PRIORITIES = range(-(2**31), 2**31)
CHILD_POLICIES = ("TERMINATE", "REQUEST_CANCEL", "ABANDON")
_FORBIDDEN = re.compile(r"[:/|\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Limits:
    """Counts at which SWF refuses; settings of the daemon, the service's own by default."""

    domains: int = 100
    types: int = 10_000  # of each kind, per domain
    open_executions: int = 100_000  # per domain
    open_activities: int = 1000  # per execution, as the following
    open_timers: int = 1000
    open_children: int = 1000
    open_functions: int = 1000
    events: int = 25_000


def check_name(value: str, member: str, *, trimmed: bool = False) -> str:
    """The name if SWF takes it; `trimmed`: nothing blank at its ends (domains, polled task lists)."""
    if _FORBIDDEN.search(value):
        raise broken(value, member, "Member must not contain a : / | or a control character")
    if value == "arn":
        raise broken(value, member, "Member must not be the literal string arn")
    if trimmed and value != value.strip():
        raise broken(value, member, "Member must not start or end with whitespace")
    return value


def check_duration(value: str, member: str, *, none: bool = True, least: int = 0, most: int = LONGEST_S) -> str:
    """A duration in seconds as text, or NONE where that is allowed."""
    if value == NONE and none:
        return value
    if not (value.isascii() and value.isdecimal() and least <= int(value) <= most):
        allowed = f"an integer from {least} to {most}" + (f" or {NONE}" if none else "")
        raise broken(value, member, f"Member must be {allowed}")
    return value


def check_priority(value: str, member: str) -> str:
    """A task priority: a 32-bit integer as text."""
    if not re.fullmatch(r"-?\d{1,10}", value, re.ASCII) or int(value) not in PRIORITIES:
        raise broken(value, member, "Member must be an integer from -2147483648 to 2147483647")
    return value


def check_tags(tags: list[str]) -> tuple[str, ...]:
    """The tags of an execution: at most 5 of at most 256 characters each (the model says no least length)."""
    for number, tag in enumerate(tags, 1):
        if len(tag) > 256:
            raise broken(tag, f"tagList.{number}.member", "Member must have length less than or equal to 256")
    return tuple(tags)


def broken(value: str, member: str, constraint: str) -> ValidationException:
    """As the service words a broken constraint of its model."""
    return ValidationException(
        f"1 validation error detected: Value '{value[:4096]}' at '{member}' failed to satisfy constraint: {constraint}"
    )


def millis(duration: str | None) -> int:
    """A duration in milliseconds; 0 for NONE and for none, which is why 0 seconds are one millisecond."""
    return 0 if duration is None or duration == NONE else int(duration) * 1000 or 1
