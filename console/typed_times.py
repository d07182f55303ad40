"""Times as people type them into a dialog. Pure."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from console.client import RemoteError
from console.text import clean

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(m|h|d|w)")
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
