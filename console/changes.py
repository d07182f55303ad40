"""What differs between two JSON values, by path: for stages of a state's data and for two executions. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from console.looks import Span

ValuePath = tuple[str | int, ...]
ADDED, CHANGED = "+", "~"


class Change(NamedTuple):
    """One difference. `sign` is +, ~ or -; `before` or `after` is None where there was nothing."""

    path: ValuePath
    sign: str
    before: Any = None
    after: Any = None


def changes(before: Any, after: Any, path: ValuePath = ()) -> Iterator[Change]:
    """The differences, outermost first; what is wholly new or gone is one difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key not in after:
                yield Change((*path, key), "-", before[key])
        for key, value in after.items():
            if key not in before:
                yield Change((*path, key), ADDED, None, value)
            else:
                yield from changes(before[key], value, (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        for place, (old, new) in enumerate(zip(before, after, strict=False)):
            yield from changes(old, new, (*path, place))
        for place in range(len(after), len(before)):
            yield Change((*path, place), "-", before[place])
        for place in range(len(before), len(after)):
            yield Change((*path, place), ADDED, None, after[place])
    elif type(before) is not type(after) or before != after:
        yield Change(path, CHANGED, before, after)


def marks(before: Any, after: Any) -> dict[ValuePath, str]:
    """The signs to put beside the lines of `after`; those of everything inside of what is new too."""
    return {change.path: change.sign for change in changes(before, after) if change.sign != "-"}


def summary(before: Any, after: Any) -> list[Span]:
    """`1 new, 2 changed, 1 gone`, or that nothing changed."""
    counts = {ADDED: 0, CHANGED: 0, "-": 0}
    for change in changes(before, after):
        counts[change.sign] += 1
    words = ((ADDED, "new", "ok"), (CHANGED, "changed", "late"), ("-", "gone", "bad"))
    told = [Span(f"{sign} {counts[sign]} {word}  ", tone) for sign, word, tone in words if counts[sign]]
    return told or [Span("the same", "faint")]


def pointer(path: ValuePath) -> str:
    """A path as people write it: `order.items[2].price`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "(all)"
