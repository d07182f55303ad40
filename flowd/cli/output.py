"""How commands print: tables, points in time, JSON. What comes from executions is foreign text: control characters of
a terminal never pass."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flowd.clock import SystemClock

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: Any) -> str:
    """Foreign text on one line, harmless to a terminal."""
    return _CONTROL.sub("?", str(text)).replace("\n", " ").replace("\t", " ")


def block(text: Any) -> str:
    """Foreign text of several lines, harmless to a terminal."""
    return _CONTROL.sub("?", str(text))


def cause_text(cause: str) -> str:
    """A cause as people read it: of a workflow file's failure, which is JSON with a traceback in it, the traceback."""
    try:
        told = json.loads(cause) if cause.startswith("{") else None
    except ValueError:
        told = None
    trace = told.get("traceback") if isinstance(told, dict) else None
    return trace.rstrip() if isinstance(trace, str) and trace else cause


def print_json(value: Any) -> None:
    """The daemon's answer; readable for people and for jq, harmless because control characters are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print(_CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text))


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Columns as wide as their content, two blanks apart; the sentence `empty` (on stderr) if there are no rows."""
    if not rows:
        print(empty, file=sys.stderr)
        return
    cells = [[clean("" if value is None else value) for value in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(head, *cells, strict=True)]
    for row in (list(head), *cells):
        line = "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def moment(seconds: float | None) -> str:
    """A point in time of the API in the local zone, to the second; empty for none."""
    if seconds is None:
        return ""
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def fine_moment(seconds: float | None) -> str:
    """As `moment`, with milliseconds."""
    return f"{moment(seconds)}.{round((seconds or 0) % 1 * 1000) % 1000:03d}"


def span(start: float | None, end: float | None) -> str:
    """How long something took, or takes until now."""
    if start is None:
        return ""
    seconds = (end if end is not None else SystemClock().now_ms() / 1000) - start
    return duration(max(0.0, seconds))


def duration(seconds: float) -> str:
    """`0.25s`, `42s`, `3m 5s`, `2h 4m`, `9d 3h`."""
    if seconds < 10:
        return f"{seconds:.3g}s"
    whole = round(seconds)
    for name, size, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            return f"{whole // size}{name} {whole % size // part}{smaller}"
    return f"{whole}s"


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def complain(text: str) -> None:
    """A line on stderr."""
    print(block(text), file=sys.stderr)
