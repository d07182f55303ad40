"""Choice rules: data tests (JSONPath) and conditions (JSONata), compiled to functions of an Env and the input.

Comparing values of different types is false, never an error; a Variable that is not there is one, but for IsPresent.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from flowd.asl.context import Env
from flowd.asl.faults import runtime
from flowd.asl.model import DefinitionError, Test
from flowd.asl.paths import PathError
from flowd.asl.templates import Expression, Selector, expression, expression_text, selector
from flowd.asl.timestamps import parse_timestamp

Compare = Callable[[Any, Any], bool]

#: The fields of a rule that are not its test.
NOT_A_TEST: Final = frozenset({"Variable", "Next", "Assign", "Output", "Comment"})


def compile_condition(value: Any, location: str) -> Test:
    """A JSONata rule's Condition; `location` is its place in the state. Raises DefinitionError."""
    if isinstance(value, bool):
        return lambda env, data: value
    text = expression_text(value) if isinstance(value, str) else None
    if text is None:
        raise DefinitionError("Condition must be a boolean or a JSONata expression")
    return _condition(expression(text, location))


def _condition(condition: Expression) -> Test:
    def test(env: Env, data: Any) -> bool:
        found = condition.evaluate(env, data)
        if not isinstance(found, bool):
            raise condition.unexpected("boolean", found)
        return found

    return test


def compile_test(rule: Mapping[str, Any]) -> Test:
    """A JSONPath rule's test: And, Or, Not or a comparison. Raises DefinitionError and PathSyntaxError."""
    names = [name for name in rule if name not in NOT_A_TEST]
    if len(names) != 1:
        raise DefinitionError("A choice rule must have exactly one comparison operator")
    name, operand = names[0], rule[names[0]]
    if name in _COMBINED:
        return _COMBINED[name](operand)
    variable = selector(rule["Variable"])
    if name == "IsPresent":
        return _presence(variable, operand)
    if name in _KINDS:
        return _kind(variable, _KINDS[name], operand)
    if name == "StringMatches":
        return _against(variable, string_matcher(operand))
    compare = _COMPARISONS.get(name.removesuffix("Path"))
    if compare is None:
        raise DefinitionError(f"{name} is not a comparison operator")
    if name.endswith("Path"):
        return _with_path(variable, compare, selector(operand))
    return _against(variable, lambda found: compare(found, operand))


def _find(variable: Selector, env: Env, data: Any) -> Any:
    try:
        return variable.find(env, data)
    except PathError:
        raise runtime(
            f"Invalid path '{variable.text}': The choice state's condition path references an invalid value."
        ) from None


def _against(variable: Selector, check: Callable[[Any], bool]) -> Test:
    return lambda env, data: check(_find(variable, env, data))


def _with_path(variable: Selector, compare: Compare, operand: Selector) -> Test:
    return lambda env, data: compare(_find(variable, env, data), _find(operand, env, data))


def _kind(variable: Selector, is_kind: Callable[[Any], bool], wanted: Any) -> Test:
    return lambda env, data: is_kind(_find(variable, env, data)) is wanted


def _presence(variable: Selector, wanted: Any) -> Test:
    def test(env: Env, data: Any) -> bool:
        try:
            found = variable.find(env, data)
        except PathError:
            return wanted is False
        return (variable.path.definite or found != []) is wanted

    return test


def _all(rules: list[Mapping[str, Any]]) -> Test:
    tests = [compile_test(rule) for rule in rules]
    return lambda env, data: all(test(env, data) for test in tests)


def _any(rules: list[Mapping[str, Any]]) -> Test:
    tests = [compile_test(rule) for rule in rules]
    return lambda env, data: any(test(env, data) for test in tests)


def _not(rule: Mapping[str, Any]) -> Test:
    test = compile_test(rule)
    return lambda env, data: not test(env, data)


def string_matcher(pattern: str) -> Callable[[Any], bool]:
    """StringMatches: `*` is any run of characters, `\\*` a star, `\\\\` a backslash. Linear in the text's length."""
    pieces = _pieces(pattern)
    first, last = pieces[0], pieces[-1]

    def matches(found: Any) -> bool:
        if not isinstance(found, str):
            return False
        if len(pieces) == 1:
            return found == first
        if len(found) < len(first) + len(last) or not found.startswith(first) or not found.endswith(last):
            return False
        at, end = len(first), len(found) - len(last)
        for piece in pieces[1:-1]:
            hit = found.find(piece, at, end)
            if hit < 0:
                return False
            at = hit + len(piece)
        return True

    return matches


def _pieces(pattern: str) -> list[str]:
    """The literal runs between the stars."""
    pieces = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append("")
        else:
            pieces[-1] += next(characters, "\\") if character == "\\" else character
    return pieces


# -- comparisons --------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_timestamp(value: Any) -> bool:
    return isinstance(value, str) and parse_timestamp(value) is not None


def _strings(compare: Compare) -> Compare:
    """Strings are ordered by UTF-16 code units, as the service's own language orders them."""

    def test(left: Any, right: Any) -> bool:
        if not isinstance(left, str) or not isinstance(right, str):
            return False
        if left.isascii() and right.isascii():
            return compare(left, right)
        encoded = [text.encode("utf-16-be", "surrogatepass") for text in (left, right)]
        return compare(encoded[0], encoded[1])

    return test


def _numbers(compare: Compare) -> Compare:
    return lambda left, right: _is_number(left) and _is_number(right) and compare(left, right)


def _booleans(left: Any, right: Any) -> bool:
    return isinstance(left, bool) and left is right


def _timestamps(compare: Compare) -> Compare:
    def test(left: Any, right: Any) -> bool:
        if not isinstance(left, str) or not isinstance(right, str):
            return False
        earlier, later = parse_timestamp(left), parse_timestamp(right)
        return earlier is not None and later is not None and compare(earlier, later)

    return test


_ORDER: Final[dict[str, Compare]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_COMPARISONS: Final[dict[str, Compare]] = {
    **{f"String{name}": _strings(compare) for name, compare in _ORDER.items()},
    **{f"Numeric{name}": _numbers(compare) for name, compare in _ORDER.items()},
    **{f"Timestamp{name}": _timestamps(compare) for name, compare in _ORDER.items()},
    "BooleanEquals": _booleans,
}
_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": _is_number,
    "IsString": _is_string,
    "IsBoolean": _is_boolean,
    "IsTimestamp": _is_timestamp,
}
_COMBINED: Final[dict[str, Callable[[Any], Test]]] = {"And": _all, "Or": _any, "Not": _not}
