"""Whether a bound condition holds for an item. Total: what an item lacks makes a comparison false, never an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flowd.services.dynamodb import values
from flowd.services.dynamodb.errors import ConditionFailed
from flowd.services.dynamodb.paths import find
from flowd.services.dynamodb.syntax import (
    Between,
    Comparison,
    Condition,
    Constant,
    Either,
    Every,
    Function,
    In,
    Not,
    Operand,
    Path,
)
from flowd.services.dynamodb.values import Item, Value

_ORDERS: Final[dict[str, Callable[[int], bool]]] = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def require(condition: Condition | None, item: Item | None, show: str | None) -> None:
    """Raises ConditionFailed if it does not hold; `show` is ReturnValuesOnConditionCheckFailure."""
    if condition is not None and not holds(condition, item or {}):
        raise ConditionFailed(item if show == "ALL_OLD" else None)


def holds(node: Condition, item: Item) -> bool:
    match node:
        case Every(parts):
            return all(holds(part, item) for part in parts)
        case Either(parts):
            return any(holds(part, item) for part in parts)
        case Not(part):
            return not holds(part, item)
        case Comparison(operator, left, right):
            return _compare(operator, evaluate(left, item), evaluate(right, item))
        case Between(operand, lower, upper):
            value = evaluate(operand, item)
            above = _compare(">=", value, evaluate(lower, item))
            return above and _compare("<=", value, evaluate(upper, item))
        case In(operand, options):
            value = evaluate(operand, item)
            return any(_compare("=", value, evaluate(option, item)) for option in options)
        case Function(name, arguments):
            return _PREDICATES[name](*(evaluate(argument, item) for argument in arguments))


def _compare(operator: str, left: Value | None, right: Value | None) -> bool:
    """What is missing equals nothing, so `<>` holds where a side is missing (the guide does not say it)."""
    if operator in ("=", "<>"):
        return (left is not None and left == right) is (operator == "=")
    order = None if left is None or right is None else values.compare(left, right)
    return order is not None and _ORDERS[operator](order)


def evaluate(operand: Operand, item: Item) -> Value | None:
    """The value of an operand; None if there is none."""
    match operand:
        case Path():
            return find(item, operand)
        case Constant(value):
            return dict(value)
        case Function("size", (argument,)):
            whole = evaluate(argument, item)
            length = None if whole is None else values.length(whole)
            return None if length is None else {"N": str(length)}
    return None


def _is_of_type(value: Value | None, name: Value | None) -> bool:
    return value is not None and name is not None and values.kind(value) == values.content(name)


def _both(test: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]) -> Callable[..., bool]:
    return lambda one, other: one is not None and other is not None and test(one, other)


_PREDICATES: Final[dict[str, Callable[..., bool]]] = {
    "attribute_exists": lambda value: value is not None,
    "attribute_not_exists": lambda value: value is None,
    "attribute_type": _is_of_type,
    "begins_with": _both(values.begins_with),
    "contains": _both(values.contains),
}
