"""Times as people type them, into a dialog or behind a command. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time, tzinfo

from console.client import RemoteError
from console.text import clean

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(m|h|d|w)")
_HOURS = re.compile(r"(\d{1,2})(?::(\d{2}))?-(\d{1,2})(?::(\d{2}))?", re.ASCII)
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def moment_of(text: str, now: float, zone: tzinfo | None) -> float:
    """A date, or a span from now, as epoch seconds; a date without a zone of its own is in the console's."""
    if span := _SPAN.fullmatch(text):
        return now + float(span[1]) * _SECONDS[span[2]]
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=zone) if zone else at.astimezone()).timestamp()
    except (ValueError, OverflowError):  # also a year that is none in the zone
        raise RemoteError("not a date", f"'{clean(text, 40)}': write 2026-01-31 or 2026-01-31T12:00") from None


def hours_of(text: str) -> tuple[time, time]:
    """Two times of day, `22-7` or `22:30-06:45`. Raises ValueError."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return time(int(found[1]), int(found[2] or 0)), time(int(found[3]), int(found[4] or 0))
