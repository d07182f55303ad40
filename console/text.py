"""Text for the terminal: cleaned, cut to cells, and numbers and times in the fewest readable characters.

Pure. `now` and the zone are always arguments. Nothing that came from outside may reach the screen except through
`clean` (or `block` where lines matter): control characters of a task's output could otherwise drive the terminal.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len, set_cell_size

#: Sequences that drive a terminal (colours, cursor, titles): gone as a whole, not only their first character.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[@-Z\\^_])"
)
_BLOCKS = "▁▂▃▄▅▆▇█"
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class _Harmless(dict[int, str]):
    """What each character becomes; asked for once each, since `str.translate` looks them up here."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char in "\n\t\r":
            found = " "
        elif 0x1F1E6 <= code <= 0x1F1FF:  # half a flag: terminals do not agree how wide it is, so it is a letter
            found = chr(ord("A") + code - 0x1F1E6)
        elif unicodedata.category(char) in _DROPPED or _alters(code):
            found = ""
        else:
            found = "\ufffd" if unicodedata.category(char) == "Cn" else char
        self[code] = found
        return found


def _alters(code: int) -> bool:
    """Variation selectors and tones of skin: terminals do not agree how wide they make what stands before them."""
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x1F3FB <= code <= 0x1F3FF


HARMLESS = _Harmless()


def clean(value: object, limit: int = 4000) -> str:
    """One line of plain text: control, format and bidi characters are gone, line ends and tabs are blanks."""
    text = value if isinstance(value, str) else str(value)
    text = text[:limit] + "…" if len(text) > limit else text
    if text.isascii() and text.isprintable():
        return text
    return _SEQUENCE.sub("", text).translate(HARMLESS)


def block(value: str, tab: int = 4) -> list[str]:
    """The lines of a text, each one cleaned; tabs become blanks."""
    return [clean(line.expandtabs(tab), 100_000) for line in _SEQUENCE.sub("", value).replace("\r\n", "\n").split("\n")]


def clip(text: str, width: int) -> str:
    """At most `width` cells; what is cut off shows as one `…`."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 1 else "…"


def in_lines(text: str, width: int) -> list[str]:
    """The lines of a text of ours, folded at blanks."""
    return [part for line in text.split("\n") for part in textwrap.wrap(line, max(1, width)) or [""]]


def clip_middle(text: str, width: int, tail: int = 8) -> str:
    """At most `width` cells, cut in the middle: names made by a schedule or a program differ at their end."""
    if cell_len(text) <= width or width < 3 * tail // 2:
        return clip(text, width)
    end = text[-tail:]
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(text, width - cell_len(end) - 1).rstrip() + "…" + end


def pad(text: str, width: int, right: bool = False) -> str:
    """Exactly `width` cells, clipped or filled with blanks; `right` aligns to the right."""
    text = clip(text, width)
    gap = " " * max(0, width - cell_len(text))
    return gap + text if right else text + gap


def unbroken(text: str) -> str:
    """The text with blanks at which no line is folded; painted, they are blanks like any other."""
    return text.replace(" ", "\u00a0")


def number(value: float) -> str:
    return f"{value:,}"


def size(count: int) -> str:
    """Bytes as `820 B`, `1.2 KB`, `352 MB`."""
    amount, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def took(seconds: float) -> str:
    """A length of time in at most six characters: `979ms`, `4.8s`, `3m43s`, `2h05m`, `3d04h`, `214d`."""
    if seconds < 0:
        return "0ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{int(seconds * 10 + 0.01) / 10:.1f}s"  # cut, not rounded: never "60.0s"
    whole = int(seconds)
    for upper, one, two, unit, below in ((3600, 60, 1, "m", "s"), (86_400, 3600, 60, "h", "m")):
        if whole < upper:
            return f"{whole // one}{unit}{whole % one // two:02d}{below}"
    days = whole // 86_400
    return f"{days}d{whole % 86_400 // 3600:02d}h" if days < 100 else f"{days}d"


def ago(at: float, now: float) -> str:
    """`29m ago`, the largest unit only."""
    return "just now" if now - at < 1 else f"{coarse(now - at)} ago"


def until(at: float, now: float) -> str:
    """`in 12m`, or `12m late` when it has passed."""
    return f"in {coarse(at - now)}" if at >= now else f"{coarse(now - at)} late"


def coarse(seconds: float) -> str:
    """A length of time in its largest unit: `12s`, `29m`, `6h`, `3d`."""
    for limit, one, unit in ((60, 1, "s"), (3600, 60, "m"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // one)}{unit}"
    return f"{int(seconds // 86_400)}d"


def local(at: float, zone: tzinfo | None) -> datetime:
    """A point in time (epoch seconds) in the zone, or in the machine's own zone when that is None."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def moment(at: float, now: float, zone: tzinfo | None, width: int = 12) -> str:
    """A date for a column: the time of day if it is today, else the day (with the time where 12 cells allow it)."""
    then, today = local(at, zone), local(now, zone)
    if then.date() == today.date():
        return then.strftime("%H:%M:%S")
    if then.year == today.year:
        return then.strftime("%d %b %H:%M" if width >= 12 else "%d %b")
    return then.strftime("%Y-%m-%d" if width >= 10 else "%b %Y")


def stamp(at: float, zone: tzinfo | None) -> str:
    """A full date for details: `2026-11-23 10:22:06.118`."""
    return local(at, zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def clock(at: float, zone: tzinfo | None) -> str:
    """The time of day with milliseconds, for a list of events."""
    return local(at, zone).strftime("%H:%M:%S.%f")[:-3]


def left_alone(amount: int) -> str:
    return f"{number(amount)} {'is' if amount == 1 else 'are'} left alone"


def count_of(amount: int, one: str, many: str = "") -> str:
    """`1 row`, `3 rows`."""
    return f"{number(amount)} {one if amount == 1 else many or one + 's'}"


def sparkline(values: Sequence[int], width: int) -> str:
    """One cell for each of the last values, or for sums of neighbours if there are more; nothing is `·`-less blank."""
    if width <= 0 or not values:
        return ""
    size = -(-len(values) // width)
    start = len(values) % size
    sums = [sum(values[max(0, i) : i + size]) for i in range(start - size if start else 0, len(values), size)]
    most = max(sums)
    return "".join(_BLOCKS[min(7, -(-value * 8 // most) - 1)] if value else " " for value in sums)
