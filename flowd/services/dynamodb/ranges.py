"""What a key condition reads: one partition, and sort keys from one to another. Bound conditions in, bytes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from flowd.services.dynamodb.errors import invalid, invalid_in, invalid_values
from flowd.services.dynamodb.keys import KeyAttribute, KeySchema, encoded
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
from flowd.services.dynamodb.tables import Bounds, RowKey
from flowd.services.dynamodb.values import Value, content, kind

_PLACE: Final = "KeyConditionExpression"
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


class Range(NamedTuple):
    """The part of a table or index that a query reads."""

    partition: RowKey
    bounds: Bounds


def range_of(condition: Condition, schema: KeySchema) -> Range:
    """Raises what AWS says of a condition that is none of a key."""
    parts: dict[str, Condition] = {}
    for part in _parts(condition):
        name = _attribute(part)
        if name in parts:
            raise invalid_in(_PLACE, "KeyConditionExpressions must only contain one condition per key")
        parts[name] = part
    if schema.partition.name not in parts:
        raise invalid(f"Query condition missed key schema element: {schema.partition.name}")
    first = parts.pop(schema.partition.name)
    if not isinstance(first, Comparison) or first.operator != "=":
        raise invalid("Query key condition not supported")
    value = _constants(first, schema.partition)[0]
    if not parts:
        return Range(schema.partition_key(value), Bounds())
    if schema.sort is None or schema.sort.name not in parts:
        missing = next(iter(parts)) if schema.sort is None else schema.sort.name
        raise invalid("Query key condition not supported" if schema.sort is None else
                      f"Query condition missed key schema element: {missing}")  # fmt: skip
    if len(parts) > 1:
        raise invalid("Conditions can be of length 1 or 2 only")
    return Range(schema.partition_key(value), _bounds(parts[schema.sort.name], schema.sort))


def _parts(condition: Condition) -> Iterator[Condition]:
    match condition:
        case Every(parts):
            for part in parts:
                yield from _parts(part)
        case Either() | Not() | In():
            word = {Either: "OR", Not: "NOT", In: "IN"}[type(condition)]
            raise invalid_in(_PLACE, f"Invalid operator used in KeyConditionExpression: {word}")
        case Comparison("<>"):
            raise invalid_in(_PLACE, "Invalid operator used in KeyConditionExpression: <>")
        case Function(name) if name != "begins_with":
            raise invalid_in(_PLACE, f"Invalid operator used in KeyConditionExpression: {name}")
        case _:
            yield condition


def _operands(condition: Condition) -> tuple[Operand, ...]:
    match condition:
        case Comparison(_, left, right):
            return left, right
        case Between(operand, lower, upper):
            return operand, lower, upper
        case Function(_, arguments):
            return arguments
    return ()


def _attribute(condition: Condition) -> str:
    """The attribute that one condition is about: one path of one part, beside constants."""
    operands = _operands(condition)
    paths = [operand for operand in operands if isinstance(operand, Path)]
    first_is_path = isinstance(operands[0], Path) or isinstance(condition, Comparison)
    if len(paths) != 1 or not first_is_path:
        raise invalid_in(_PLACE, "KeyConditionExpressions must compare a key with values")
    if len(paths[0].parts) > 1:
        raise invalid_in(_PLACE, "KeyConditionExpressions cannot have conditions on nested attributes")
    if not all(isinstance(operand, Path | Constant) for operand in operands):
        raise invalid("Query key condition not supported")
    return str(paths[0].parts[0])


def _constants(condition: Condition, attribute: KeyAttribute) -> list[Value]:
    """The values that an attribute is compared with; they have its type and are not empty."""
    found = [dict(operand.value) for operand in _operands(condition) if isinstance(operand, Constant)]
    for value in found:
        if kind(value) != attribute.type:
            raise invalid_values("Condition parameter type does not match schema type")
        if kind(value) != "N" and not content(value) and not isinstance(condition, Function):
            word = "string" if kind(value) == "S" else "binary"
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty {word} value. Key: {attribute.name}"
            )
    return found


_BOUNDS: Final[dict[str, Callable[[bytes], Bounds]]] = {
    "=": lambda key: Bounds(key, key + b"\0"),
    "<": lambda key: Bounds(None, key),
    "<=": lambda key: Bounds(None, key + b"\0"),
    ">": lambda key: Bounds(key + b"\0", None),
    ">=": lambda key: Bounds(key, None),
}


def _bounds(condition: Condition, attribute: KeyAttribute) -> Bounds:
    """No key lies between a key and the same key with a zero byte more."""
    values = [encoded(value) for value in _constants(condition, attribute)]
    match condition:
        case Comparison(operator, left):
            sign = operator if isinstance(left, Path) else _MIRRORED[operator]
            return _BOUNDS[sign](values[0])
        case Between():
            return Bounds(values[0], values[1] + b"\0")
    if attribute.type == "N":
        reason = "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"
        raise invalid_in(_PLACE, reason)
    return Bounds(values[0], _behind(values[0]))


def _behind(prefix: bytes) -> bytes | None:
    """The first key that does not begin with a prefix; None if there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
