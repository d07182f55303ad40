"""The methods of a text that take a regular expression, as Java has them, in the time that a run has left. Pure.

Source: java.lang.String (matches, replaceAll, replaceFirst, split) and java.util.regex.Matcher (appendReplacement).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from flowd.patterns import Expression, Patience, compiled
from flowd.velocity.nodes import LONGEST, MOST, Broken


def _matches(patience: Patience, text: str, pattern: Any) -> bool:
    return _expression(pattern).covers(text, patience)


def _replace_all(patience: Patience, text: str, pattern: Any, new: Any) -> str:
    return _replaced(text, _expression(pattern), new, patience, None)


def _replace_first(patience: Patience, text: str, pattern: Any, new: Any) -> str:
    return _replaced(text, _expression(pattern), new, patience, 1)


def _split(patience: Patience, text: str, pattern: Any, limit: Any = 0) -> list[str]:
    """Without a limit empty texts at the end are dropped; a match of nothing at the beginning leads no empty one."""
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise ValueError("a whole number is wanted")
    parts: list[str] = []
    done = 0
    for found in _expression(pattern).found(text, patience):
        if limit > 0 and len(parts) == limit - 1:
            break
        if found.end() == 0:
            continue
        if len(parts) == MOST:
            raise ValueError(f"a list has {MOST:,} entries at most")
        parts.append(text[done : found.start()])
        done = found.end()
    if not parts:
        return [text]
    parts.append(text[done:])
    while limit == 0 and parts and not parts[-1]:
        parts.pop()
    return parts


def _expression(pattern: Any) -> Expression:
    if not isinstance(pattern, str):
        raise ValueError("a text is wanted")
    return compiled(pattern)


def _replaced(text: str, expression: Expression, new: Any, patience: Patience, most: int | None) -> str:
    if not isinstance(new, str):
        raise ValueError("a text is wanted")
    pieces = _replacement(new, expression)
    made: list[str] = []
    done, size = 0, len(text)
    for number, found in enumerate(expression.found(text, patience), 1):
        put = "".join(piece if isinstance(piece, str) else found[piece[0]] or "" for piece in pieces)
        size += len(put) - (found.end() - found.start())
        if size > LONGEST:
            raise Broken(f"a text of more than {LONGEST:,} characters")
        made += (text[done : found.start()], put)
        done = found.end()
        if number == most:
            break
    return "".join((*made, text[done:]))


_PIECE: Final = re.compile(r"\\(?P<plain>.)|\$\{(?P<name>[A-Za-z][A-Za-z0-9]*)\}|\$(?P<number>\d+)|[^\\$]+", re.DOTALL)


def _replacement(text: str, expression: Expression) -> list[str | tuple[int | str]]:
    """Java's: `$1` and `${name}` are groups, a backslash makes the next character plain. Of `$12` as many digits count
    as there is a group for. Raises ValueError for what Java calls an illegal group reference."""
    pieces: list[str | tuple[int | str]] = []
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise ValueError(f"a {text[at]} of the replacement names no group; \\{text[at]} is the character itself")
        at = found.end()
        if found["number"]:
            digits = found["number"]
            taken = digits[:1]
            while len(taken) < len(digits) and int(digits[: len(taken) + 1]) <= expression.groups:
                taken = digits[: len(taken) + 1]
            if int(taken) > expression.groups:
                raise ValueError(f"the pattern has no group {taken}")
            pieces += [(int(taken),), digits[len(taken) :]]
        elif found["name"]:
            if found["name"] not in expression.names:
                raise ValueError(f"the pattern has no group {found['name']}")
            pieces.append((found["name"],))
        else:
            pieces.append(found["plain"] or found[0])
    return pieces


METHODS: Final[dict[str, Callable[..., Any]]] = {
    "matches": _matches,
    "replaceAll": _replace_all,
    "replaceFirst": _replace_first,
    "split": _split,
}
