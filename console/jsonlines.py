"""A JSON text as flat lines that can be folded and searched. Pure; a quarter of a megabyte takes a tenth of a second.

Each line knows where its block ends, so folding is skipping: nothing is rebuilt, and no tree of widgets exists.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from console.looks import Span
from console.text import clean

LONGEST = 2000  # characters of one string shown in place


Marks = Mapping[tuple[str | int, ...], str]


class Mark(NamedTuple):
    """Where a value stands among the marks; what is inside of something marked has its sign."""

    marks: Marks
    path: tuple[str | int, ...]
    around: str = ""

    @property
    def sign(self) -> str:
        return self.around or self.marks.get(self.path, "")

    def inside(self, step: str | int) -> Mark:
        return Mark(self.marks, (*self.path, step), self.sign)


class JsonLine(NamedTuple):
    """One line: its depth, key (or None), text, tone, and for an opening bracket the closing line and the members."""

    depth: int
    key: str | None
    text: str
    tone: str
    end: int = 0
    members: int = 0
    mark: str = ""  # + or ~ where it differs from something else

    @property
    def opens(self) -> bool:
        return self.end > 0


def value_at(value: Any, lines: Sequence[JsonLine], index: int) -> Any:
    """The value that a line shows, or begins, or ends."""
    at = next((i for i, line in enumerate(lines[:index]) if line.end == index), index)
    steps: list[int] = []
    while lines[at].depth:
        depth = lines[at].depth - 1
        above = next(i for i in range(at - 1, -1, -1) if lines[i].depth == depth and lines[i].end > at)
        place, here = 0, above + 1
        while here < at:
            place, here = place + 1, (lines[here].end or here) + 1
        steps.append(place)
        at = above
    for step in reversed(steps):
        value = list(value.values())[step] if isinstance(value, dict) else value[step]
    return value


def parse(text: str) -> tuple[Any, str]:
    """The value of a JSON text and "", or the text itself and what is wrong with it, with line and column."""
    try:
        return json.loads(text), ""
    except ValueError as error:
        return text, explain(error)


def explain(error: ValueError) -> str:
    """`line 3, column 7: Expecting value`."""
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return clean(error)


def flatten(value: Any, marks: Marks | None = None) -> list[JsonLine]:
    """All lines of a value, unfolded; `marks` are signs by path (see `changes.marks`)."""
    lines: list[JsonLine] = []
    _put(lines, value, None, 0, "", Mark(marks or {}, ()))
    return lines


def _put(lines: list[JsonLine], value: Any, key: str | None, depth: int, comma: str, mark: Mark) -> None:
    shown = None if key is None else clean(key, 200)
    if not isinstance(value, (dict, list)) or not value:
        lines.append(JsonLine(depth, shown, _scalar(value) + comma, _tone(value), mark=mark.sign))
        return
    opened, closed = ("{", "}") if isinstance(value, dict) else ("[", "]")
    start = len(lines)
    lines.append(JsonLine(depth, shown, opened, "dim", mark=mark.sign))
    pairs: Iterable[tuple[str | int, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for place, (name, member) in enumerate(pairs, 1):
        inner = mark.inside(name) if mark.marks else mark
        _put(
            lines, member, name if isinstance(name, str) else None, depth + 1, "," if place < len(value) else "", inner
        )
    lines[start] = lines[start]._replace(end=len(lines), members=len(value))
    lines.append(JsonLine(depth, None, closed + comma, "dim", mark=mark.sign))


def line_of(value: Any, path: Sequence[str | int]) -> int:
    """The number of the line where the member at a path begins, or the nearest one around it."""
    line = 0
    for step in path:
        if isinstance(value, dict) and step in value:
            before: Iterable[Any] = list(value.values())[: list(value).index(step)]
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            before = value[:step]
        else:
            break
        line += 1 + sum(map(height, before))
        value = value[step]
    return line


def height(value: Any) -> int:
    """How many lines a value has."""
    if not isinstance(value, (dict, list)) or not value:
        return 1
    return 2 + sum(map(height, value.values() if isinstance(value, dict) else value))


def _scalar(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return clean(text, LONGEST)


def _tone(value: Any) -> str:
    if isinstance(value, str):
        return "str"
    if isinstance(value, bool) or value is None:
        return "lit"
    return "num" if isinstance(value, (int, float)) else "dim"


def visible(lines: list[JsonLine], folded: set[int]) -> list[int]:
    """Indexes of the lines that show while the blocks opening at `folded` are closed."""
    shown, index = [], 0
    while index < len(lines):
        shown.append(index)
        index = lines[index].end + 1 if index in folded else index + 1
    return shown


def hits(lines: list[JsonLine], wanted: str) -> list[int]:
    """Indexes of the lines that contain the text, whatever its case."""
    low = wanted.lower()
    return [i for i, line in enumerate(lines) if low and (low in line.text.lower() or low in (line.key or "").lower())]


def around(folded: set[int], lines: list[JsonLine], index: int) -> set[int]:
    """The folds that remain when the line at `index` has to show."""
    return {start for start in folded if not start < index <= lines[start].end}


def deeper_than(lines: list[JsonLine], depth: int) -> set[int]:
    """The folds that close every block at this depth and below."""
    return {i for i, line in enumerate(lines) if line.opens and line.depth >= depth}


def spans(line: JsonLine, is_folded: bool) -> list[Span]:
    """One line with its fold mark, key and value."""
    mark = ("▸ " if is_folded else "▾ ") if line.opens else "  "
    shown = [Span("  " * line.depth + mark, "faint")]
    if line.mark:
        shown.insert(0, Span(line.mark + " ", "ok" if line.mark == "+" else "late"))
    if line.key is not None:
        shown += [Span(json.dumps(line.key, ensure_ascii=False), "key"), Span(": ", "dim")]
    shown.append(Span(line.text, line.tone))
    if is_folded:
        shown.append(Span(f" … {line.members} " + ("}" if line.text == "{" else "]"), "dim"))
    return shown
