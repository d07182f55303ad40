"""Event patterns: is one well formed, and does an event match it? Pure; a pattern is compiled once per text.

The grammar is that of EventBridge's user guide ("Event patterns"): values and operators are in lists, of which one must
fit; of an event's array one element must.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from flowd.patterns import Wild, Wildcard
from flowd.services.ports import ServiceError

Value = Callable[[Any], bool]  # does a leaf of an event fit?
Matcher = Callable[[Any], bool]  # does a part of an event fit?
LONGEST: Final = 4_096
DEEPEST: Final = 100  # levels; AWS says no number
FURTHEST: Final = 5_000_000_000  # numbers compare up to here, both ways
_MISSING: Final = object()
_ABSENT: Final = "absent"  # stands for `{"exists": false}` among the values of a field


def invalid(reason: str) -> ServiceError:
    return ServiceError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {reason}")


@lru_cache(maxsize=2_000)
def compiled(text: str) -> Matcher:
    """A pattern as a function of events; raises ServiceError with what is wrong in it."""
    if len(text) > LONGEST:
        raise ServiceError("ValidationException", f"An event pattern has {LONGEST:,} characters at most.")
    try:
        pattern = json.loads(text, object_pairs_hook=_members, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise invalid(f"it is no JSON: {error}") from None
    if not isinstance(pattern, dict):
        raise invalid("Filter is not an object")
    if _is_deeper(pattern, DEEPEST):
        raise invalid(f"it has more than {DEEPEST} levels")
    return _object(pattern, "")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(f"Path {twice} cannot be allowed multiple times")
    return found


def _constant(name: str) -> Any:
    raise invalid(f"it is no JSON: {name}")


def _is_deeper(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


# -- structure ---------------------------------------------------------------------


def _object(pattern: Mapping[str, Any], place: str) -> Matcher:
    if not pattern:
        raise invalid(f"Empty objects are not allowed{_at(place)}")
    fields = [(name, _field(part, f"{place}.{name}")) for name, part in pattern.items() if name != "$or"]
    choices = _choices(pattern["$or"], place) if "$or" in pattern else None

    def match(event: Any) -> bool:
        if isinstance(event, list) and event:
            return any(match(each) for each in event)
        if not isinstance(event, dict):
            event = {}
        return all(fits(event.get(name, _MISSING)) for name, fits in fields) and (choices is None or choices(event))

    return match


def _choices(given: Any, place: str) -> Matcher:
    if not isinstance(given, list) or len(given) < 2 or not all(isinstance(each, dict) for each in given):
        raise invalid(f"There must be at least 2 objects in the array of $or{_at(place)}")
    parts = [_object(each, place) for each in given]
    return lambda event: any(part(event) for part in parts)


def _field(part: Any, place: str) -> Matcher:
    if isinstance(part, dict):
        return _object(part, place)
    if not isinstance(part, list):
        raise invalid(f'"{place.rpartition(".")[2]}" must be an object or an array{_at(place)}')
    if not part:
        raise invalid(f"Empty arrays are not allowed{_at(place)}")
    values = [_value(each, place) for each in part]
    absent_fits = any(value == _ABSENT for value in values)
    tests = [value for value in values if not isinstance(value, str)]

    def match(event: Any) -> bool:
        leaves = list(_leaves(event))
        if not leaves:
            return absent_fits
        return any(test(leaf) for leaf in leaves for test in tests)

    return match


def _leaves(event: Any) -> list[Any]:
    """The simple values of a field; an object is none (`exists` is about leaves)."""
    if event is _MISSING or isinstance(event, dict):
        return []
    if isinstance(event, list):
        return [leaf for each in event for leaf in _leaves(each)]
    return [event]


def _value(part: Any, place: str) -> Value | str:
    if isinstance(part, list):
        raise invalid(f"Arrays within an array are not allowed{_at(place)}")
    if not isinstance(part, dict):
        return _same(part)
    if len(part) != 1:
        raise invalid(f"Only one key allowed in match expression{_at(place)}")
    [(name, operand)] = part.items()
    make = _OPERATORS.get(name)
    if make is None:
        raise invalid(f"Unrecognized match type {name}{_at(place)}")
    return make(operand, place)


def _same(wanted: Any) -> Value:
    """Numbers are the same as written: 1 is not 1.0 (user guide)."""
    return lambda leaf: type(leaf) is type(wanted) and leaf == wanted


def _at(place: str) -> str:
    return f" at {place.removeprefix('.')}" if place else ""


# -- operators ---------------------------------------------------------------------


def _text(operand: Any, name: str, place: str) -> str:
    if not isinstance(operand, str):
        raise invalid(f"{name} match pattern must be a string{_at(place)}")
    if not operand:
        raise invalid(f"{name} match pattern must not be empty{_at(place)}")
    return operand


def _affix(name: str, test: Callable[[str, str], bool]) -> Callable[[Any, str], Value]:
    """`prefix` and `suffix`, also as `{"prefix": {"equals-ignore-case": TEXT}}`."""

    def make(operand: Any, place: str) -> Value:
        if isinstance(operand, dict) and list(operand) == ["equals-ignore-case"]:
            folded = _text(operand["equals-ignore-case"], name, place).casefold()
            return lambda leaf: isinstance(leaf, str) and test(leaf.casefold(), folded)
        wanted = _text(operand, name, place)
        return lambda leaf: isinstance(leaf, str) and test(leaf, wanted)

    return make


def _ignoring_case(operand: Any, place: str) -> Value:
    if not isinstance(operand, str):
        raise invalid(f"equals-ignore-case match pattern must be a string{_at(place)}")
    folded = operand.casefold()
    return lambda leaf: isinstance(leaf, str) and leaf.casefold() == folded


def _wildcard(operand: Any, place: str) -> Value:
    r"""`*` is any text, `\*` a star; two stars side by side are refused."""
    text = _text(operand, "wildcard", place)
    parts = re.findall(r"\\[*\\]|\\|\*|[^\\*]+", text)
    if "\\" in parts:
        raise invalid(f"Invalid escape character in wildcard{_at(place)}")
    if any(first == second == "*" for first, second in pairwise(parts)):
        raise invalid(f"Consecutive wildcard characters are not allowed{_at(place)}")
    pattern = Wildcard([Wild.ANY if part == "*" else part[-1] if part[0] == "\\" else part for part in parts])
    return lambda leaf: isinstance(leaf, str) and pattern.covers(leaf)


_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _numeric(operand: Any, place: str) -> Value:
    """`["=", 5]`, `[">", 0, "<=", 5]`."""
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise invalid(f"Value of numeric must be an array of a comparison and a number, or two of both{_at(place)}")
    tests: list[tuple[Callable[[float, float], bool], float]] = []
    for sign, number in zip(operand[::2], operand[1::2], strict=True):
        if sign not in _COMPARE:
            raise invalid(f"Unrecognized numeric range operator: {sign}{_at(place)}")
        if isinstance(number, bool) or not isinstance(number, int | float) or abs(number) > FURTHEST:
            raise invalid(f"Value of {sign} must be a number from -{FURTHEST} to {FURTHEST}{_at(place)}")
        tests.append((_COMPARE[sign], number))
    if len(operand) == 4 and (operand[0][0] not in "<>" or operand[2][0] not in "<>" or operand[0][0] == operand[2][0]):
        raise invalid(f"A numeric range has a lower and an upper end{_at(place)}")
    return lambda leaf: (
        isinstance(leaf, int | float)
        and not isinstance(leaf, bool)
        and abs(leaf) <= FURTHEST
        and all(test(leaf, number) for test, number in tests)
    )


def _exists(operand: Any, place: str) -> Value | str:
    if not isinstance(operand, bool):
        raise invalid(f"exists match pattern must be either true or false{_at(place)}")
    return (lambda leaf: True) if operand else _ABSENT


def _cidr(operand: Any, place: str) -> Value:
    try:
        network = ipaddress.ip_network(_text(operand, "cidr", place), strict=False)
    except ValueError:
        raise invalid(f"Malformed CIDR: {operand}{_at(place)}") from None

    def match(leaf: Any) -> bool:
        try:
            return isinstance(leaf, str) and ipaddress.ip_address(leaf) in network
        except ValueError:
            return False

    return match


def _anything_but(operand: Any, place: str) -> Value:
    """A value, a list of them, or an operator with one text or several: none of them may fit."""
    tests: list[Value]
    if isinstance(operand, dict):
        if len(operand) != 1 or next(iter(operand)) not in _BUT:
            raise invalid(f"Unsupported anything-but pattern: {json.dumps(operand)}{_at(place)}")
        [(name, inner)] = operand.items()
        texts = inner if isinstance(inner, list) else [inner]
        tests = [_BUT[name](text, place) for text in texts]
    else:
        values = operand if isinstance(operand, list) else [operand]
        if not values or any(isinstance(value, dict | list | bool) or value is None for value in values):
            raise invalid(f"Inside anything but list, only texts and numbers are allowed{_at(place)}")
        tests = [_same(value) for value in values]
    return lambda leaf: not any(test(leaf) for test in tests)


_BUT: Final[dict[str, Callable[[Any, str], Value]]] = {
    "prefix": _affix("prefix", str.startswith),
    "suffix": _affix("suffix", str.endswith),
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
}
_OPERATORS: Final[dict[str, Callable[[Any, str], Value | str]]] = {
    **_BUT,
    "anything-but": _anything_but,
    "cidr": _cidr,
    "exists": _exists,
    "numeric": _numeric,
}
