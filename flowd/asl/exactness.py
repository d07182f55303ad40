"""Whole numbers of 64 bits in JSONata: an expression that only names a value, `$states.input.id`, keeps their digits.

The engine's numbers are doubles, so it rounds beyond 2^53; AWS's are exact from -2^63 to 2^63 - 1, and doubles outside
(floci-io/floci pull requests 2676 and 2683). What an expression computes stays the engine's: nothing is evaluated here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_EXACT: Final = 1 << 53
_LONG: Final = 1 << 63
_REFERENCE: Final = re.compile(r"\s*\$([^\W\d]\w*)((?:\s*\.\s*(?:[^\W\d]\w*|`[^`]*`))*)\s*")
_NAME: Final = re.compile(r"[^\W\d]\w*|`[^`]*`")


def reference(expression: str) -> tuple[str, ...] | None:
    """The names an expression consists of, the variable's first; None if it is more than a variable and its members."""
    match = _REFERENCE.fullmatch(expression)
    if match is None:
        return None
    return (match[1], *(name.strip("`") for name in _NAME.findall(match[2])))


def restored(names: tuple[str, ...], bindings: Mapping[str, Any], found: Any) -> Any:
    """`found`, what the engine made of the reference, with the digits that it rounded away.

    It is changed in place. A way through arrays, which makes another value of what it finds, restores nothing.
    """
    named: Any = bindings
    for name in names:
        if not isinstance(named, Mapping) or name not in named:
            return found
        named = named[name]
    if not _any_rounded([named]):
        return found
    root = [found]
    todo: list[tuple[Any, Any]] = [([named], root)]
    while todo:
        before, after = todo.pop()
        if len(before) != len(after):
            continue
        for key, value in before.items() if isinstance(before, dict) else enumerate(before):
            if isinstance(value, dict | list):
                if type(after[key]) is type(value):
                    todo.append((value, after[key]))
            elif type(value) is int and -_LONG <= value < _LONG:
                after[key] = value
    return root[0]


def _any_rounded(values: list[Any]) -> bool:
    """True if a double may not hold a whole number among these values; the quick look that nearly always is all."""
    todo: list[Any] = [values]
    while todo:
        each = todo.pop()
        for value in each.values() if type(each) is dict else each:
            kind = type(value)
            if kind is int:
                if not -_EXACT <= value <= _EXACT:
                    return True
            elif kind is dict or kind is list:
                todo.append(value)
    return False
