"""References and expressions of a template -> nodes, by precedence: or, and, comparison, sum, product, not.

A string in single quotes is as it stands; one in double quotes is a template. Neither knows backslash escapes; a quote
within is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from flowd.velocity import methods
from flowd.velocity.nodes import (
    Binary,
    Block,
    Expression,
    Index,
    Listed,
    Literal,
    Mapped,
    Member,
    Method,
    Range,
    Reference,
    Unary,
)
from flowd.velocity.scanner import NAME, Scanner

_NUMBER = re.compile(r"-?\d+(?:\.\d+(?:[eE][+-]?\d+)?)?")
_WORD = re.compile(r"(?:true|false|null)\b")
#: From what binds least to what binds most; words mean what the marks before them do.
_LEVELS: Final = (
    re.compile(r"\|\||or\b"),
    re.compile(r"&&|and\b"),
    re.compile(r"==|!=|<=|>=|<|>|(?:eq|ne|le|ge|lt|gt)\b"),
    re.compile(r"[+-]"),
    re.compile(r"[*/%]"),
)
_SAME: Final = {"or": "||", "and": "&&", "eq": "==", "ne": "!=", "le": "<=", "ge": ">=", "lt": "<", "gt": ">"}
_NOT = re.compile(r"!(?!=)|not\b")
_DEEPEST: Final = 100
_LONGEST_NUMBER: Final = 1_000


class Expressions:
    """Reads expressions where its scanner stands. `text` parses the inside of a string in double quotes."""

    def __init__(
        self, scanner: Scanner, members: Mapping[str, frozenset[str]], text: Callable[[Scanner, int], Block]
    ) -> None:
        self._scanner = scanner
        self._members = members
        self._text = text
        self._within = 0
        self.depth = 0

    def whole(self) -> Expression:
        return self._level(0)

    def _level(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while True:
            begins = self._scanner.at
            self._scanner.blanks()
            operator = self._scanner.match(_LEVELS[level])
            if operator is None:
                self._scanner.at = begins
                return left
            left = Binary(_SAME.get(operator, operator), left, self._level(level + 1))

    def _unary(self) -> Expression:
        self._scanner.blanks()
        self._within += 1
        if self._within > _DEEPEST:
            self._scanner.fail("nested too deeply")
        try:
            if self._scanner.match(_NOT) is not None:
                return Unary("!", self._unary())
            return self._primary()
        finally:
            self._within -= 1

    def _primary(self) -> Expression:
        scanner = self._scanner
        if scanner.next == "$":
            found = self.reference(0)
            return scanner.fail("$ is followed by a name") if found is None else found
        if scanner.next in ("'", '"'):
            return self._string(scanner.next)
        if scanner.take("("):
            inner = self.whole()
            scanner.want(")")
            return inner
        if scanner.take("["):
            return self._list()
        if scanner.take("{"):
            return self._map()
        number = scanner.match(_NUMBER)
        if number is not None:
            if len(number) > _LONGEST_NUMBER:
                scanner.fail(f"a number of more than {_LONGEST_NUMBER:,} digits")
            return Literal(int(number) if number.lstrip("-").isdecimal() else float(number))
        word = scanner.match(_WORD)
        if word is None:
            shown = scanner.text[scanner.at : scanner.at + 12].split("\n")[0]
            scanner.fail(f"a value is missing before {shown!r}" if shown else "a value is missing at the end")
        return Literal({"true": True, "false": False, "null": None}[word])

    def _string(self, quote: str) -> Expression:
        scanner = self._scanner
        begins = scanner.at
        scanner.at += 1
        inside = scanner.at
        while True:
            end = scanner.text.find(quote, scanner.at)
            if end < 0:
                scanner.fail(f"the text has no end ({quote})", begins)
            scanner.at = end + 1
            if not scanner.take(quote):
                break
        text = scanner.text[inside:end].replace(quote * 2, quote)
        if quote == "'" or ("$" not in text and "#" not in text):
            return Literal(text)
        return self._text(scanner.inner(text, inside), self.depth)

    def _list(self) -> Expression:
        scanner = self._scanner
        scanner.blanks()
        if scanner.take("]"):
            return Listed(())
        first = self.whole()
        scanner.blanks()
        if scanner.take(".."):
            last = self.whole()
            scanner.want("]")
            return Range(first, last)
        items = [first, *self._more()]
        scanner.want("]")
        return Listed(tuple(items))

    def _map(self) -> Expression:
        scanner = self._scanner
        scanner.blanks()
        if scanner.take("}"):
            return Mapped(())
        items = []
        while True:
            key = self.whole()
            scanner.want(":")
            items.append((key, self.whole()))
            scanner.blanks()
            if not scanner.take(","):
                break
        scanner.want("}")
        return Mapped(tuple(items))

    def _more(self) -> list[Expression]:
        found = []
        self._scanner.blanks()
        while self._scanner.take(","):
            found.append(self.whole())
            self._scanner.blanks()
        return found

    # -- references --------------------------------------------------------------------

    def reference(self, escapes: int) -> Reference | None:
        """The reference that begins here, or None, past the `$`, if it is text."""
        scanner = self._scanner
        begins = scanner.at
        scanner.at += 1
        quiet = scanner.take("!")
        braced = scanner.take("{")
        name = scanner.match(NAME)
        if name is None:
            scanner.at = begins + 1
            return None
        steps = self._steps(name)
        if braced and not scanner.take("}"):
            if scanner.next == "|":
                scanner.fail("a default within a reference (${x|...}) is not built in flowd")
            scanner.fail("} is missing at the end of the reference", begins)
        return Reference(name, steps, quiet, scanner.text[begins : scanner.at], escapes)

    def _steps(self, root: str) -> tuple[Member | Method | Index, ...]:
        scanner = self._scanner
        steps: list[Member | Method | Index] = []
        while True:
            begins = scanner.at
            if scanner.take("["):
                steps.append(Index(self.whole()))
                scanner.want("]")
                continue
            name = scanner.match(NAME) if scanner.take(".") else None
            if name is None:
                scanner.at = begins
                return tuple(steps)
            self._check(root, name, begins, first=not steps)
            if scanner.take("("):
                scanner.blanks()
                arguments = () if scanner.next == ")" else (self.whole(), *self._more())
                scanner.want(")")
                if (steps or root not in self._members) and name not in methods.NAMES:
                    scanner.fail(f"there is no method {name}() in flowd's templates", begins)
                steps.append(Method(name, arguments))
            else:
                steps.append(Member(name))

    def _check(self, root: str, name: str, at: int, *, first: bool) -> None:
        known = self._members.get(root)
        if first and known is not None and name not in known:
            self._scanner.fail(f"${root} has no {name}; it has {', '.join(sorted(known))}", at)
