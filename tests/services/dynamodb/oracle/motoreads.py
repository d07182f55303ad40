"""How moto reads a condition where it is known to be wrong, one mistake by one: what explains an answer of its.

Without mistakes it is the service's own reading (`flowd.services.dynamodb.conditions`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any, Final

from flowd.services.dynamodb.conditions import evaluate, holds
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
)

#: The mistakes, in moto's code: `OpEqual` compares Python values, where what is missing is None as NULL is; they have
#: no types, True is 1, and `FuncContains` asks Python's `in`; `FuncBeginsWith` and `FuncContains` know no bytes.
NULLS: Final = "moto takes what is missing for NULL"
UNTYPED: Final = "moto compares values without their types: True is 1"
BYTES: Final = "moto knows no beginning and no part of bytes"
#: `scan` drops an item that lacks an attribute of a ScanFilter, whatever the operator.
LACKING: Final = "moto's ScanFilter lets no NE hold where the attribute is missing"
#: `FuncSize` is Python's `len`; the guide counts the length of a text in bytes ("Supported data types": String).
LENGTHS: Final = "moto's size counts characters, not bytes"
MISTAKES: Final = (NULLS, UNTYPED, BYTES, LACKING, LENGTHS)

_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def sets_of_mistakes() -> Iterator[tuple[str, ...]]:
    """The fewest first."""
    for count in range(1, len(MISTAKES) + 1):
        yield from combinations(MISTAKES, count)


def read(node: Condition, item: Any, mistakes: tuple[str, ...]) -> bool:
    if LENGTHS in mistakes:
        node = _counted(node, item)
    match node:
        case Every(parts):
            return all(read(part, item, mistakes) for part in parts)
        case Either(parts):
            return any(read(part, item, mistakes) for part in parts)
        case Not(part):
            return not read(part, item, mistakes)
        case Comparison("=" | "<>" as sign, left, right):
            return _equal(left, right, item, mistakes) is (sign == "=")
        case In(operand, options):
            return any(_equal(operand, option, item, mistakes) for option in options)
        case Comparison(sign, left, right) if UNTYPED in mistakes:
            return _ordered(sign, left, right, item)
        case Between(operand, lower, upper) if UNTYPED in mistakes:
            return _ordered(">=", operand, lower, item) and _ordered("<=", operand, upper, item)
        case Function("begins_with" | "contains" as name, (whole, part)):
            return _part(name, whole, part, item, mistakes)
    return holds(node, item)


def _counted(node: Condition, item: Any) -> Condition:
    """A comparison whose sizes of texts are told in characters."""
    if not isinstance(node, Comparison):
        return node
    sides: list[Operand] = []
    for side in (node.left, node.right):
        whole = evaluate(side.arguments[0], item) if isinstance(side, Function) and side.name == "size" else None
        sides.append(Constant({"N": str(len(whole["S"]))}) if whole and "S" in whole else side)
    return Comparison(node.operator, *sides)


def _equal(left: Operand, right: Operand, item: Any, mistakes: tuple[str, ...]) -> bool:
    one, other = evaluate(left, item), evaluate(right, item)
    if LACKING in mistakes and one is None:
        return True  # so that NE does not hold; EQ is not asked, it says the same here and there
    if NULLS in mistakes and any(value is None or "NULL" in value for value in (one, other)):
        return all(value is None or "NULL" in value for value in (one, other))
    if one is None or other is None:
        return False
    return bool(plain(one) == plain(other)) if UNTYPED in mistakes else one == other


def _ordered(sign: str, left: Operand, right: Operand, item: Any) -> bool:
    one, other = plain(evaluate(left, item)), plain(evaluate(right, item))
    if one is None or other is None:
        return False
    try:
        return bool(_ORDERS[sign](one, other))
    except TypeError:
        return False


def _part(name: str, whole: Operand, part: Operand, item: Any, mistakes: tuple[str, ...]) -> bool:
    one, other = evaluate(whole, item), evaluate(part, item)
    if one is None or (other is None and NULLS not in mistakes):
        return False
    if BYTES in mistakes and "B" in one:
        return False
    if name == "contains" and UNTYPED in mistakes and not one.keys() & {"M", "N", "B", "BOOL", "NULL"}:
        try:
            return plain(other) in plain(one)
        except TypeError:
            return False
    return holds(Function(name, (whole, part)), item)


def plain(value: Any) -> Any:
    """The Python value that moto compares."""
    if value is None:
        return None
    kind, inner = next(iter(value.items()))
    match kind:
        case "N":
            return Decimal(inner)
        case "SS" | "NS" | "BS":
            return {plain({kind[0]: one}) for one in inner}
        case "L":
            return [plain(one) for one in inner]
        case "M":
            return {name: plain(one) for name, one in inner.items()}
        case "NULL":
            return None
    return inner
