"""What a template consists of, once it is parsed: plain values that `parse` makes and `evaluate` obeys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flowd.errors import FlowdError

LONGEST: Final = 10 * 1024 * 1024  # of a text; API Gateway's largest payload
MOST: Final = 200_000  # entries of a list that a template makes


class Invalid(FlowdError):
    """The template cannot be used. `line` and `column` count from 1 within the template."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {message}")
        self.line = line
        self.column = column


class Broken(FlowdError):
    """The template failed over the values that it was given."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a truth value, a text without references, or null."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Listed:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`[1..$n]`, both ends included; downwards if the second is less."""

    first: Expression
    last: Expression


@dataclass(frozen=True, slots=True)
class Mapped:
    items: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """`.name`."""

    name: str


@dataclass(frozen=True, slots=True)
class Method:
    """`.name(...)`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`[...]`."""

    key: Expression


@dataclass(frozen=True, slots=True)
class Reference:
    """`$name` with what follows it. `source` is how it was written: so it is shown where `name` is not known."""

    name: str
    steps: tuple[Member | Method | Index, ...]
    quiet: bool
    source: str
    escapes: int = 0  # backslashes before it


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Set:
    target: Reference
    value: Expression


@dataclass(frozen=True, slots=True)
class If:
    """The first block whose condition holds; one without a condition is `#else`."""

    branches: tuple[tuple[Expression | None, Block], ...]


@dataclass(frozen=True, slots=True)
class Foreach:
    name: str
    over: Expression
    body: Block


@dataclass(frozen=True, slots=True)
class Break:
    """`#break` leaves the loop, `#stop` the template."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Block:
    parts: tuple[Part, ...]


Part = str | Reference | Set | If | Foreach | Break
Expression = Literal | Listed | Range | Mapped | Reference | Unary | Binary | Block


@dataclass(frozen=True, slots=True)
class Template:
    """A whole template."""

    body: Block
