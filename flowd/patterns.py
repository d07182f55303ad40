"""Regular expressions and wildcards over texts of strangers, in bounded time. Pure but for a clock that stops them.

The standard library's `re` has no end for some texts, and holds everybody up meanwhile: it must not be used where a
text comes from a request. Expressions are in Java's dialect, which API Gateway, Velocity and Jayway have.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import regex

from flowd.errors import FlowdError

#: What the matches of one piece of work may take together.
SECONDS: Final = 1.0
LONGEST: Final = 10_000  # characters of an expression, and what its counted groups come to when written out
ANYWAY: Final = regex.DOTALL  # a dot is a line's end too
IGNORING_CASE: Final = regex.IGNORECASE
BY_LINE: Final = regex.MULTILINE


class PatternError(FlowdError):
    """The expression cannot be read, or takes too long with this text."""


class Patience:
    """The time that is left for the matches of one piece of work."""

    __slots__ = ("_left",)

    def __init__(self, seconds: float | None = None) -> None:
        self._left = SECONDS if seconds is None else seconds

    @contextmanager
    def spent(self) -> Iterator[float]:
        """Around a match: how long it may take. Raises PatternError when nothing is left."""
        begun = time.monotonic()
        try:
            if self._left <= 0:
                raise TimeoutError
            yield self._left
        except TimeoutError:
            self._left = 0
            raise PatternError("it takes too long with this text") from None
        finally:
            self._left -= time.monotonic() - begun


class Deadline:
    """When a piece of work of any kind is over, whatever its steps cost."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._at


class Expression:
    """A regular expression."""

    def __init__(self, code: regex.Pattern[str]) -> None:
        self._code = code

    @property
    def groups(self) -> int:
        return self._code.groups

    @property
    def names(self) -> Sequence[str]:
        """Of its named groups."""
        return tuple(self._code.groupindex)

    def covers(self, text: str, patience: Patience) -> bool:
        """Whether it fits the whole text. Raises PatternError."""
        with patience.spent() as left:
            return self._code.fullmatch(text, timeout=left) is not None

    def is_in(self, text: str, patience: Patience) -> bool:
        """Whether it fits some part of the text. Raises PatternError."""
        with patience.spent() as left:
            return self._code.search(text, timeout=left) is not None

    def found(self, text: str, patience: Patience) -> Iterator[Any]:
        """Where it fits, from left to right: matches as `re` has them. Raises PatternError."""
        with patience.spent() as left:
            yield from self._code.finditer(text, timeout=left)


def compiled(source: str, flags: int = 0) -> Expression:
    """An expression of Java's dialect. `flags`: ANYWAY, IGNORING_CASE, BY_LINE. Raises PatternError."""
    if len(source) > LONGEST:
        raise PatternError(f"a regular expression has {LONGEST:,} characters at most")
    return _compiled(source, flags)


@lru_cache(maxsize=200)
def _compiled(source: str, flags: int) -> Expression:
    written = _JAVA.sub(_in_python, source)
    if _written_out(written) > LONGEST:
        raise PatternError(f"its counted groups come to more than {LONGEST:,} characters when they are written out")
    try:
        return Expression(regex.compile(written, flags | regex.VERSION1, cache_pattern=False))
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise PatternError(str(error) or "it cannot be read") from None


#: What Java writes otherwise than Python.
_JAVA: Final = re.compile(r"\\Q(?P<plain>.*?)(?:\\E|\Z)|\\k<(?P<name>\w+)>|\\.", re.DOTALL)
_ESCAPES: Final = {
    r"\d": "[0-9]",  # in Java's classes there is nothing beyond ASCII
    r"\D": "[^0-9]",
    r"\w": "[a-zA-Z0-9_]",
    r"\W": "[^a-zA-Z0-9_]",
    r"\s": r"[ \t\n\x0b\f\r]",
    r"\S": r"[^ \t\n\x0b\f\r]",
    r"\Z": r"(?=\n?\z)",
    r"\e": r"\x1b",
}


def _in_python(found: re.Match[str]) -> str:
    if found["plain"] is not None:
        return re.escape(found["plain"])
    return f"(?P={found['name']})" if found["name"] else _ESCAPES.get(found[0], found[0])


_PART: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|(?P<open>\()|(?P<close>\))(?:\{(?P<least>\d*)(?:,(?P<most>\d*))?\})?|.", re.DOTALL
)


def _written_out(source: str) -> int:
    """The size of an expression with every counted group as often as its count says: so it is kept when compiled."""
    sizes = [0]
    for part in _PART.finditer(source):
        if part["open"]:
            sizes.append(0)
        elif part["close"] and len(sizes) > 1:
            times = max(1, _number(part["least"]), _number(part["most"]))
            inner = sizes.pop()
            sizes[-1] += min(inner * times, LONGEST + 1)
        sizes[-1] += 1
    return sum(sizes)


def _number(digits: str | None) -> int:
    return min(int(digits[:9]), LONGEST) if digits else 0


# -- wildcards -------------------------------------------------------------------------


class Wild(Enum):
    """What stands for other text."""

    ANY = "any text, also none"
    ONE = "one character"


class Wildcard:
    """Text with wildcards in it. However many there are, a text is gone through once."""

    def __init__(self, parts: Sequence[str | Wild]) -> None:
        pieces: list[list[str | Wild]] = [[]]
        for part in parts:
            if part is Wild.ANY:
                pieces.append([])
            else:
                pieces[-1].append(part)
        self._pieces = [
            re.compile("".join("." if part is Wild.ONE else re.escape(str(part)) for part in piece), re.DOTALL)
            for piece in pieces
        ]
        self._last = sum(1 if part is Wild.ONE else len(str(part)) for part in pieces[-1])

    def covers(self, text: str) -> bool:
        """Whether it fits the whole text."""
        first, *others = self._pieces
        if not others:
            return first.fullmatch(text) is not None
        found = first.match(text)
        for piece in others[:-1]:
            found = piece.search(text, found.end()) if found else None  # the first place leaves most for the others
        end = len(text) - self._last
        return found is not None and end >= found.end() and others[-1].fullmatch(text, end) is not None
