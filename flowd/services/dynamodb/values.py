"""Attribute values as boto3 shows them (`{"S": "x"}`): checked and made canonical, measured, compared.

A canonical value has canonical numbers and sets in order, so that two are equal where DynamoDB says that they are.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from flowd.services.dynamodb import numbers
from flowd.services.dynamodb.errors import invalid, invalid_values, too_deep
from flowd.services.ports import ServiceError

Value = dict[str, Any]
Item = dict[str, Value]
MOST_ITEM: Final = 400 * 1024
DEEPEST: Final = 32
SETS: Final = frozenset({"SS", "NS", "BS"})
TYPES: Final = ("B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M")
WORDS: Final = {
    **{"S": "STRING", "N": "NUMBER", "B": "BINARY", "SS": "STRING_SET", "NS": "NUMBER_SET", "BS": "BINARY_SET"},
    **{"L": "LIST", "M": "MAP", "BOOL": "BOOLEAN", "NULL": "NULL"},
}


def kind(value: Mapping[str, Any]) -> str:
    """`S`, `N`, ..."""
    return next(iter(value))


def content(value: Mapping[str, Any]) -> Any:
    return next(iter(value.values()))


def checked(value: Mapping[str, Any], depth: int = 1) -> Value:
    """The canonical form of a value that a client sent."""
    if not value:
        raise invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    if len(value) > 1:
        raise invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
            "datatypes"
        )
    if depth > DEEPEST:
        raise too_deep()
    name, inner = kind(value), content(value)
    return {name: _CHECKS[name](inner, depth)}


def checked_item(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """The canonical form of all attributes; the size is looked at by who stores it."""
    found: Item = {}
    for name, value in item.items():
        if not name:
            raise invalid_values("Item attribute names must not be empty")
        found[name] = checked(value)
    return found


def _same(inner: Any, depth: int) -> Any:
    return inner


def _null(inner: Any, depth: int) -> Any:
    if inner is not True:
        raise invalid_values("Null attribute value types must have the value of true")
    return True


def _number(inner: Any, depth: int) -> Any:
    return numbers.canonical(inner)


def _list(inner: Any, depth: int) -> Any:
    return [checked(value, depth + 1) for value in inner]


def _map(inner: Any, depth: int) -> Any:
    return {name: checked(value, depth + 1) for name, value in inner.items()}


def _strings(inner: Any, depth: int) -> Any:
    if not inner:
        raise invalid_values("An string set  may not be empty")
    return _distinct(inner, f"Input collection [{', '.join(inner)}] contains duplicates.")


def _numbers(inner: Any, depth: int) -> Any:
    if not inner:
        raise invalid_values("An number set  may not be empty")
    found = [numbers.canonical(text) for text in inner]
    if len(set(found)) < len(found):
        raise invalid("Input collection contains duplicates")
    return sorted(found, key=Decimal)


def _binaries(inner: Any, depth: int) -> Any:
    if not inner:
        raise invalid_values("Binary sets should not be empty")
    shown = ", ".join(base64.b64encode(value).decode() for value in inner)
    return _distinct(inner, f"Input collection [{shown}]of type BS contains duplicates.")


def _distinct(inner: list[Any], refusal: str) -> list[Any]:
    if len(set(inner)) < len(inner):
        raise invalid_values(refusal)
    return sorted(inner)


_CHECKS: Final[dict[str, Callable[[Any, int], Any]]] = {
    **{"S": _same, "B": _same, "BOOL": _same, "NULL": _null, "N": _number},
    **{"L": _list, "M": _map, "SS": _strings, "NS": _numbers, "BS": _binaries},
}


def a_set(name: str, members: Iterable[Any]) -> Value:
    """A canonical set; it has members."""
    return {name: sorted(members, key=Decimal if name == "NS" else None)}


# -- sizes -----------------------------------------------------------------------


def size(value: Mapping[str, Any]) -> int:
    """In bytes, by the rules of "DynamoDB item sizes and formats"."""
    name, inner = kind(value), content(value)
    match name:
        case "S":
            return len(inner.encode("utf-8", "surrogatepass"))
        case "B":
            return len(inner)
        case "N":
            return _number_size(inner)
        case "L":
            return 3 + sum(1 + size(member) for member in inner)
        case "M":
            return 3 + sum(1 + len(key.encode()) + size(member) for key, member in inner.items())
        case "SS" | "NS" | "BS":
            return sum(size({name[0]: member}) for member in inner)
        case _:
            return 1


def _number_size(text: str) -> int:
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(len(name.encode("utf-8", "surrogatepass")) + size(value) for name, value in item.items())


def length(value: Mapping[str, Any]) -> int | None:
    """What the function `size` says; None where it has no answer."""
    name, inner = kind(value), content(value)
    if name == "S":
        return len(str(inner).encode("utf-8", "surrogatepass"))
    return len(inner) if name in ("B", "L", "M", *SETS) else None


# -- comparison ------------------------------------------------------------------


def compare(left: Mapping[str, Any], right: Mapping[str, Any]) -> int | None:
    """Below, at or above zero; None where the two have no order."""
    name = kind(left)
    if name != kind(right) or name not in ("S", "N", "B"):
        return None
    one, other = _rank(left), _rank(right)
    return int(one > other) - int(one < other)


def _rank(value: Mapping[str, Any]) -> Any:
    """Text is ordered by its UTF-8 bytes."""
    inner = content(value)
    match kind(value):
        case "N":
            return Decimal(inner)
        case "S":
            return inner.encode("utf-8", "surrogatepass")
        case _:
            return inner


def contains(whole: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    """The function `contains`: a part of a text, a member of a set or of a list."""
    name, inner = kind(whole), content(whole)
    if name == "L":
        return part in inner
    if name in ("S", "B"):
        return kind(part) == name and content(part) in inner
    return name in SETS and kind(part) == name[0] and content(part) in inner


def begins_with(whole: Mapping[str, Any], part: Mapping[str, Any]) -> bool:
    same = kind(whole) == kind(part) and kind(whole) in ("S", "B")
    return same and bool(content(whole).startswith(content(part)))


def refusal_of(error: ServiceError, prefix: str, suffix: str) -> ServiceError:
    """The same refusal, told of a value that stands in a placeholder."""
    return invalid(f"{prefix}{error.message}{suffix}")
