"""The filters of JSONPath, `[?(@.price < 10 && @.isbn)]`: what a parsed one means for a node. Parsing is elsewhere.

The operators and their odd corners (a number equals the string that spells it, an absent value differs from everything)
are Jayway's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flowd.asl.jayway import Parsed, PathError, Scope
from flowd.asl.pathwalk import read, start
from flowd.patterns import Patience

ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the filter."""

    value: Any

    def value_for(self, node: Any, scope: Scope) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class Pattern:
    """`/expression/flags`; `covers` tells whether it covers a whole text."""

    covers: Callable[[str, Patience], bool]

    def value_for(self, node: Any, scope: Scope) -> Any:
        return Matcher(self.covers, scope.budget.patience)


@dataclass(frozen=True, slots=True)
class Matcher:
    """A pattern within one evaluation of a path, all of which share the time there is."""

    covers: Callable[[str, Patience], bool]
    patience: Patience


@dataclass(frozen=True, slots=True)
class Lookup:
    """A path in the filter: `@.price`, `$.limit`."""

    path: Parsed

    def value_for(self, node: Any, scope: Scope) -> Any:
        try:
            return read(self.path, start(self.path.root, scope, node), scope)
        except PathError:
            return ABSENT


Operand = Literal | Pattern | Lookup


@dataclass(frozen=True, slots=True)
class Exists:
    """`@.isbn` alone: the path finds something (null counts)."""

    lookup: Lookup

    def __call__(self, node: Any, scope: Scope) -> bool:
        found = self.lookup.value_for(node, scope)
        return found is not ABSENT and (self.lookup.path.definite or bool(found))


@dataclass(frozen=True, slots=True)
class Relation:
    left: Operand
    operator: str
    right: Operand

    def __call__(self, node: Any, scope: Scope) -> bool:
        left, right = self.left.value_for(node, scope), self.right.value_for(node, scope)
        if type(left) is list or type(right) is list:
            lengths = [len(side) if type(side) is list else 1 for side in (left, right)]
            scope.budget.spend(lengths[0] * lengths[1] if self.operator in _PAIRWISE else sum(lengths))
        return OPERATORS[self.operator](left, right)


#: Operators that hold every item of one list against every item of the other.
_PAIRWISE: Final = frozenset({"all", "subsetof", "anyof", "noneof"})


@dataclass(frozen=True, slots=True)
class Every:
    """`a && b`."""

    tests: tuple[Test, ...]

    def __call__(self, node: Any, scope: Scope) -> bool:
        return all(test(node, scope) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Either:
    """`a || b`."""

    tests: tuple[Test, ...]

    def __call__(self, node: Any, scope: Scope) -> bool:
        return any(test(node, scope) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Negation:
    """`!a`."""

    test: Test

    def __call__(self, node: Any, scope: Scope) -> bool:
        return not self.test(node, scope)


Test = Exists | Relation | Every | Either | Negation


def same(left: Any, right: Any) -> bool:
    """JSON equality: 1 equals 1.0, true does not equal 1; objects regardless of order."""
    if type(left) in _NUMBER and type(right) in _NUMBER:
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if type(left) is list:
        return len(left) == len(right) and all(map(same, left, right))
    if type(left) is dict:
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    return bool(left == right)


_NUMBER: Final = (int, float)
_ORDERED: Final = (int, float, str)


def _equal(left: Any, right: Any) -> bool:
    if left is ABSENT or right is ABSENT:
        return False
    if type(left) is str and type(right) in _NUMBER:
        return _spells(left, right)
    if type(right) is str and type(left) in _NUMBER:
        return _spells(right, left)
    return same(left, right)


def _spells(text: str, number: float) -> bool:
    try:
        return float(text) == number
    except ValueError:
        return False


def _strictly_equal(left: Any, right: Any) -> bool:
    return left is not ABSENT and right is not ABSENT and same(left, right)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        comparable = (type(left) in _NUMBER and type(right) in _NUMBER) or (type(left) is type(right) is str)
        return comparable and test(left, right)

    return compare


def _items(value: Any) -> list[Any]:
    return value if type(value) is list else []


def _within(left: Any, right: Any) -> bool:
    return any(_equal(left, item) for item in _items(right))


def _contains(left: Any, right: Any) -> bool:
    if type(left) is str and type(right) is str:
        return right in left
    return _within(right, left)


def _size(left: Any, right: Any) -> bool:
    return type(left) in (str, list) and type(right) in _NUMBER and len(left) == right


def _empty(left: Any, right: Any) -> bool:
    return type(left) in (str, list, dict) and (len(left) == 0) is right


def _matches(left: Any, right: Any) -> bool:
    if isinstance(left, Matcher):
        left, right = right, left
    if not isinstance(right, Matcher) or isinstance(left, Matcher):
        return False
    return any(right.covers(_plain(item), right.patience) for item in (left if type(left) is list else [left]))


def _plain(value: Any) -> str:
    """The text a pattern sees: strings and numbers as they are, everything else is empty."""
    if type(value) is bool:
        return "true" if value else "false"
    return str(value) if type(value) in _ORDERED else ""


OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "===": _strictly_equal,
    "!==": lambda left, right: not _strictly_equal(left, right),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "=~": _matches,
    "in": _within,
    "nin": lambda left, right: type(right) is list and not _within(left, right),
    "all": lambda left, right: type(left) is list and all(_within(item, left) for item in _items(right)),
    "subsetof": lambda left, right: type(left) is list and all(_within(item, right) for item in left),
    "anyof": lambda left, right: any(_within(item, right) for item in _items(left)),
    "noneof": lambda left, right: type(left) is type(right) is list and not any(_within(item, right) for item in left),
    "contains": _contains,
    "size": _size,
    "empty": _empty,
}
