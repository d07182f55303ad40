"""RFC 3339 timestamps as the States Language wants them: capital T, and Z or an offset. Pure text to integers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(text: str) -> int | None:
    """Nanoseconds since the epoch, or None if the text is no such timestamp. Digits beyond the ninth are dropped."""
    match = _FORM.fullmatch(text)
    if match is None or not text.isascii():
        return None
    whole, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(whole + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        return None
    nanoseconds = int((fraction or "0")[:9].ljust(9, "0"))
    return (moment - _EPOCH) // timedelta(seconds=1) * 1_000_000_000 + nanoseconds


def to_ms(nanoseconds: int) -> int:
    """Milliseconds since the epoch, rounded up: a Wait never ends early."""
    return -(-nanoseconds // 1_000_000)
