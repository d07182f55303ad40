"""JSONPath segments in Jayway's dialect, which AWS uses: how they are written and what they select.

Objects are dicts and arrays are lists; a segment hands out parts of what it is given and never changes it. Which root a
path begins at, and what a missing value means, is the business of `paths`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn

from flowd.errors import FlowdError
from flowd.patterns import Patience

#: Nodes that one evaluation of a path may look at, those of its filters included: about a second.
MAX_STEPS: Final = 3_000_000
MAX_DEPTH: Final = 40  # of filters inside of filters, in the text


class PathSyntaxError(FlowdError):
    """The text is not a path."""


class PathError(FlowdError):
    """A path found nothing, or something of the wrong shape; the message is AWS's detail text."""


class PathTooLong(FlowdError):
    """Following a path takes too long. No PathError: where a path may find nothing, this is not "nothing"."""


class Budget:
    """What one evaluation of a path may still look at. `..` within `..`, and filters within filters, multiply.
    `patience`: the time for the patterns of its filters."""

    __slots__ = ("_left", "patience")

    def __init__(self) -> None:
        self.patience = Patience()
        self._left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Raises PathTooLong when all is spent."""
        self._left -= steps
        if self._left < 0:
            raise PathTooLong(f"it looks at more than {MAX_STEPS:,} nodes")


class Scope(NamedTuple):
    """What a filter may look at beside the node it tests: the path's document, the Context object, the variables."""

    root: Any
    context: Any
    variables: Mapping[str, Any]
    budget: Budget


@dataclass(frozen=True, slots=True)
class Keys:
    """`.a`, `['a']`, `['a','b']`."""

    names: tuple[str, ...]
    merged: bool = False  # several names at the end of a path: one object with those members

    @property
    def definite(self) -> bool:
        return self.merged or len(self.names) == 1

    def select(self, node: Any, scope: Scope) -> Iterator[Any]:
        if type(node) is not dict:
            return
        if self.merged:
            yield {name: node[name] for name in self.names if name in node}
            return
        for name in self.names:
            if name in node:
                yield node[name]

    def __str__(self) -> str:
        return "[" + ",".join(f"'{name}'" for name in self.names) + "]"


@dataclass(frozen=True, slots=True)
class Indexes:
    """`[0]`, `[-1]`, `[0,2]`."""

    numbers: tuple[int, ...]

    @property
    def definite(self) -> bool:
        return len(self.numbers) == 1

    def select(self, node: Any, scope: Scope) -> Iterator[Any]:
        if type(node) is list:
            for number in self.numbers:
                if -len(node) <= number < len(node):
                    yield node[number]

    def __str__(self) -> str:
        return "[" + ",".join(map(str, self.numbers)) + "]"


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:3]`, `[:2]`, `[-2:]`. With both ends given Jayway counts from first to last as they stand: `[1:-1]` is
    nothing, and a negative first with a positive last passes zero."""

    first: int | None
    last: int | None
    definite = False

    def select(self, node: Any, scope: Scope) -> Iterator[Any]:
        if type(node) is not list:
            return
        if self.first is None or self.last is None:
            yield from node[self.first : self.last]
            return
        for number in range(max(self.first, -len(node)), min(self.last, len(node))):
            yield node[number]

    def __str__(self) -> str:
        return f"[{'' if self.first is None else self.first}:{'' if self.last is None else self.last}]"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`[*]` or `.*`: the items of an array, the member values of an object."""

    definite = False

    def select(self, node: Any, scope: Scope) -> Iterator[Any]:
        if type(node) is list:
            yield from node
        elif type(node) is dict:
            yield from node.values()

    def __str__(self) -> str:
        return "[*]"


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(...)]`: the items of an array that pass, or the object itself if it does."""

    accepts: Callable[[Any, Scope], bool]
    definite = False

    def select(self, node: Any, scope: Scope) -> Iterator[Any]:
        if type(node) is dict:
            if self.accepts(node, scope):
                yield node
        elif type(node) is list:
            for item in node:
                scope.budget.spend(1)
                if self.accepts(item, scope):
                    yield item

    def __str__(self) -> str:
        return "[?]"


@dataclass(frozen=True, slots=True)
class Descend:
    """`..`: what the next segment selects in the node and in everything below it, outermost first."""

    inner: Keys | Indexes | Slice | Wildcard | Filter
    definite = False

    def select(self, node: Any, scope: Scope) -> Iterator[Any]:
        waiting = [node]
        while waiting:
            scope.budget.spend(1)
            node = waiting.pop()
            if type(node) is dict:
                waiting.extend(reversed(node.values()))
            elif type(node) is list:
                waiting.extend(reversed(node))
            else:
                continue
            if self._looks_at(node, scope):
                yield from self.inner.select(node, scope)

    def _looks_at(self, node: Any, scope: Scope) -> bool:
        if isinstance(self.inner, Filter):  # an array's items are met on their own: not twice
            return type(node) is dict or self.inner.accepts(node, scope)
        if isinstance(self.inner, Keys) and self.inner.merged:
            return type(node) is dict and all(name in node for name in self.inner.names)
        return True

    def __str__(self) -> str:
        return f"..{self.inner}"


Segment = Keys | Indexes | Slice | Wildcard | Filter | Descend


@dataclass(frozen=True, slots=True)
class Call:
    """`.length()`, `.sum($.other)`: a function at the end of a path. Arguments are literals or parsed paths."""

    name: str
    arguments: tuple[Any, ...] = ()


class Parsed(NamedTuple):
    """A path taken apart: `root` is `$`, `@`, `$$` or the name of a variable."""

    root: str
    segments: tuple[Segment, ...]
    calls: tuple[Call, ...]

    @property
    def definite(self) -> bool:
        return bool(self.calls) or all(segment.definite for segment in self.segments)


class Scanner:
    """A text and a position in it. Every failure is a PathSyntaxError that names the position."""

    __slots__ = ("depth", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def fail(self, message: str) -> NoReturn:
        raise PathSyntaxError(f"{message} at position {self.position + 1} of {self.text!r}")

    def peek(self, count: int = 1) -> str:
        return self.text[self.position : self.position + count]

    def take(self, expected: str) -> bool:
        """True, and moves on, if `expected` comes next."""
        if not self.text.startswith(expected, self.position):
            return False
        self.position += len(expected)
        return True

    def need(self, expected: str) -> None:
        if not self.take(expected):
            self.fail(f"expected '{expected}'")

    def blanks(self) -> None:
        while self.peek() == " ":
            self.position += 1

    def then(self, expected: str) -> bool:
        """`take`, after blanks."""
        self.blanks()
        return self.take(expected)

    def run(self, accepts: Callable[[str], bool]) -> str:
        """The characters from here on that `accepts` likes."""
        begin = self.position
        while self.position < len(self.text) and accepts(self.text[self.position]):
            self.position += 1
        return self.text[begin : self.position]

    def integer(self) -> int | None:
        """A decimal integer with an optional minus, None if there is none."""
        begin = self.position
        self.take("-")
        digits = self.run(lambda c: c in "0123456789")
        if not digits:
            self.position = begin
            return None
        if len(digits) > 10:
            self.fail("a number too long for an index")
        return int(self.text[begin : self.position])

    def quoted(self, escapes: Mapping[str, str] | None) -> str:
        """A string in single or double quotes. Without `escapes` a backslash protects only the quote and itself is
        kept before anything else, as recorded for `$['Test\\""Name"']` [test_escape_sequence_parsing]."""
        quote = self.peek()
        self.position += 1
        out: list[str] = []
        while not self.take(quote):
            char = self.peek() or self.fail("a string that is not closed")
            self.position += 1
            if char == "\\":
                char = self._escape(quote, escapes)
            out.append(char)
        return "".join(out)

    def _escape(self, quote: str, escapes: Mapping[str, str] | None) -> str:
        char = self.peek() or self.fail("a string that is not closed")
        self.position += 1
        if escapes is None:
            return char if char == quote else "\\" + char
        if char == "u":
            digits = self.peek(4)
            if len(digits) != 4 or not all(c in "0123456789abcdefABCDEF" for c in digits):
                self.fail("a bad \\u escape")
            self.position += 4
            return chr(int(digits, 16))
        return escapes.get(char, char)
