"""What expressions are made of, and the tokens they are written with. Values only; `grammar` reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from flowd.services.dynamodb.errors import invalid_in

LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Path:
    """A document path: names of attributes and members, places in lists."""

    parts: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"[{', '.join(f'[{part}]' if isinstance(part, int) else part for part in self.parts)}]"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`:value`, until it is bound."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A bound `:value`."""

    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Sum:
    """`left + right` or `left - right`, in SET."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Comparison:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    operand: Operand
    lower: Operand
    upper: Operand


@dataclass(frozen=True, slots=True)
class In:
    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """AND."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """OR."""

    conditions: tuple[Condition, ...]


Operand: TypeAlias = "Path | Placeholder | Constant | Function | Sum"
Condition: TypeAlias = "Comparison | Between | In | Not | Every | Either | Function"


@dataclass(frozen=True, slots=True)
class Update:
    """The actions of an update expression, section by section."""

    sets: tuple[tuple[Path, Operand], ...] = ()
    removes: tuple[Path, ...] = ()
    adds: tuple[tuple[Path, Operand], ...] = ()
    deletes: tuple[tuple[Path, Operand], ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """What it changes, in the order of the sections."""
        pairs = (*self.sets, *self.adds, *self.deletes)
        return (*(path for path, _ in pairs), *self.removes)


# -- tokens ----------------------------------------------------------------------


class Token(NamedTuple):
    """`kind`: name, #name, :value, number, or the sign itself; the end is `<EOF>`."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<alias>\#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)"
    r"|(?P<number>[0-9]+)|(?P<sign><>|<=|>=|[=<>()\[\],.+-]))",
    re.ASCII,
)


def tokens(text: str, place: str) -> list[Token]:
    """All tokens and an end. `place` is the parameter that holds the text."""
    if not text.strip():
        raise invalid_in(place, "The expression can not be empty;")
    if len(text.encode()) > LONGEST:
        size = len(text.encode())
        raise invalid_in(place, f"Expression size has exceeded the maximum allowed size; expression size: {size}")
    found: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            sign = text[at:].lstrip()[0]
            start = text.index(sign, at)
            raise unexpected(text, [*found, Token(sign, sign, start, start + 1)], len(found), place)
        name = match.lastgroup or ""
        word = match.group(name)
        found.append(Token(word if name == "sign" else name, word, match.start(name), match.end()))
        at = match.end()
    return [*found, Token("<EOF>", "<EOF>", end, end)]


def unexpected(text: str, found: list[Token], index: int, place: str) -> Exception:
    """A syntax error, with what stands beside it."""
    start = found[max(0, index - 1)].start
    end = found[min(len(found) - 1, index + 1)].end
    token = found[index].text
    return invalid_in(place, f'Syntax error; token: "{token}", near: "{text[start:end]}"')
