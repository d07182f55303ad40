"""The parameters from before there were expressions: Expected, AttributeUpdates, KeyConditions and their like.

They become the same conditions and updates that expressions become.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flowd.services.dynamodb.errors import invalid, invalid_values
from flowd.services.dynamodb.requests import choice
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
    Update,
)
from flowd.services.dynamodb.values import SETS, Value, checked, compare, kind

_OLD: Final = (
    *("Expected", "ConditionalOperator", "AttributeUpdates", "AttributesToGet"),
    *("KeyConditions", "QueryFilter", "ScanFilter"),
)
_NEW: Final = (
    *("ConditionExpression", "UpdateExpression", "ProjectionExpression", "KeyConditionExpression"),
    *("FilterExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"),
)
_COMPARATORS: Final = {"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}


def check_not_mixed(members: Mapping[str, Any]) -> None:
    """A request speaks one of the two languages."""
    old = [name for name in _OLD if members.get(name) is not None]
    new = [name for name in _NEW if members.get(name) is not None]
    if old and new:
        raise invalid(
            "Can not use both expression and non-expression parameters in the same request: Non-expression "
            f"parameters: {{{', '.join(old)}}} Expression parameters: {{{', '.join(new)}}}"
        )


def expected(members: Mapping[str, Any]) -> Condition | None:
    """`Expected` of a write."""
    check_not_mixed(members)
    given = members.get("Expected")
    if not given:
        return None
    return _joined(members, [_expectation(Path((name,)), said) for name, said in given.items()])


def _expectation(path: Path, said: Mapping[str, Any]) -> Condition:
    if said.get("ComparisonOperator") is not None:
        return _comparison(path, said)
    name, exists, value = path.parts[0], said.get("Exists"), said.get("Value")
    if said.get("AttributeValueList") is not None:
        raise invalid_values(f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}")
    if exists is False:
        if value is not None:
            raise invalid_values(f"Value cannot be used when Exists is false for Attribute: {name}")
        return Function("attribute_not_exists", (path,))
    if value is None:
        shown = "null" if exists is None else "true"
        raise invalid_values(f"Value must be provided when Exists is {shown} for Attribute: {name}")
    return Comparison("=", path, Constant(checked(value)))


def filter_of(members: Mapping[str, Any], member: str) -> Condition | None:
    """`QueryFilter` or `ScanFilter`."""
    given = members.get(member)
    if not given:
        return None
    return _joined(members, [_comparison(Path((name,)), said) for name, said in given.items()])


def key_conditions(members: Mapping[str, Any]) -> Condition | None:
    given = members.get("KeyConditions")
    if not given:
        return None
    return _every([_comparison(Path((name,)), said) for name, said in given.items()])


def _every(conditions: Sequence[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else Every(tuple(conditions))


def _joined(members: Mapping[str, Any], conditions: Sequence[Condition]) -> Condition:
    if choice(members, "ConditionalOperator", ("AND", "OR"), "AND") == "OR" and len(conditions) > 1:
        return Either(tuple(conditions))
    return _every(conditions)


def _comparison(path: Path, said: Mapping[str, Any]) -> Condition:
    """A ComparisonOperator with its AttributeValueList (or Value)."""
    name = choice(said, "ComparisonOperator", tuple(_OPERATORS), "")
    given = said.get("AttributeValueList")
    values = [said["Value"]] if given is None and "Value" in said else list(given or ())
    count, make = _OPERATORS[name]
    if count != len(values) and not (count is None and values):
        raise invalid_values(f"Invalid number of argument(s) for the {name} ComparisonOperator")
    constants = [Constant(checked(value)) for value in values]
    if name not in ("EQ", "NE", "NOT_NULL", "NULL"):
        for constant in constants:
            _check_scalar(name, constant)
    if len({kind(constant.value) for constant in constants}) > 1:
        raise invalid_values("AttributeValues inside AttributeValueList must be of same type")
    if name == "BETWEEN" and (compare(*(constant.value for constant in constants)) or 0) > 0:
        raise invalid(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )
    return make(path, constants)


def _check_scalar(name: str, constant: Constant) -> None:
    allowed = ("S", "B") if name == "BEGINS_WITH" else ("S", "N", "B")
    if kind(constant.value) not in allowed:
        raise invalid_values(f"ComparisonOperator {name} is not valid for {kind(constant.value)} AttributeValue type")


Make = Callable[[Path, list[Constant]], Condition]


def _compares(sign: str) -> tuple[int | None, Make]:
    return 1, lambda path, values: Comparison(sign, path, values[0])


def _asks(function: str, count: int) -> tuple[int | None, Make]:
    return count, lambda path, values: Function(function, (path, *values))


def _contains_not(path: Path, values: list[Constant]) -> Condition:
    """Unlike NOT contains(), false where the attribute is missing (LegacyConditionalParameters)."""
    return Every((Function("attribute_exists", (path,)), Not(Function("contains", (path, *values)))))


_OPERATORS: Final[dict[str, tuple[int | None, Make]]] = {
    **{name: _compares(sign) for name, sign in _COMPARATORS.items()},
    "BEGINS_WITH": _asks("begins_with", 1),
    "BETWEEN": (2, lambda path, values: Between(path, *values)),
    "CONTAINS": _asks("contains", 1),
    "IN": (None, lambda path, values: In(path, tuple(values))),
    "NOT_CONTAINS": (1, _contains_not),
    "NOT_NULL": _asks("attribute_exists", 0),
    "NULL": _asks("attribute_not_exists", 0),
}


def attribute_updates(members: Mapping[str, Any]) -> Update | None:
    """`AttributeUpdates`: PUT, ADD, DELETE of whole attributes."""
    check_not_mixed(members)
    given = members.get("AttributeUpdates")
    if not given:
        return None
    sets: list[tuple[Path, Operand]] = []
    removes: list[Path] = []
    adds: list[tuple[Path, Operand]] = []
    deletes: list[tuple[Path, Operand]] = []
    for name, said in given.items():
        path, action = Path((name,)), choice(said, "Action", ("ADD", "PUT", "DELETE"), "PUT")
        value = None if said.get("Value") is None else checked(said["Value"])
        if value is None:
            if action != "DELETE":
                raise invalid_values("Only DELETE action is allowed when no attribute value is specified")
            removes.append(path)
        elif action == "PUT":
            sets.append((path, Constant(value)))
        elif action == "ADD" and kind(value) == "L":
            sets.append((path, _appended(path, value)))
        elif kind(value) not in (*SETS, *(("N",) if action == "ADD" else ())):
            what = "ADD action" if action == "ADD" else "DELETE action with value"
            raise invalid_values(f"{what} is not supported for the type {kind(value)}")
        else:
            (adds if action == "ADD" else deletes).append((path, Constant(value)))
    return Update(tuple(sets), tuple(removes), tuple(adds), tuple(deletes))


def _appended(path: Path, value: Value) -> Operand:
    """ADD of a list, which the reference does not mention: to the end of the list, or of none."""
    return Function("list_append", (Function("if_not_exists", (path, Constant({"L": []}))), Constant(value)))


def attributes_to_get(members: Mapping[str, Any]) -> tuple[Path, ...]:
    check_not_mixed(members)
    names = members.get("AttributesToGet")
    if names is None:
        return ()
    if len(set(names)) < len(names) or not names:
        raise invalid_values("Duplicate value in attribute name list, or none")
    return tuple(Path((name,)) for name in names)
