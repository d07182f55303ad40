"""Filter policies: which messages a subscription wants. Pure: a policy and what it looks at in, a verdict out.

Source: SNS developer guide, "Filter policy syntax". A key of the policy is a condition, all keys must hold, one entry
of a key's list is enough. Over attributes the keys are their names; over the body, the policy nests as the body does.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from flowd.patterns import Wild, Wildcard
from flowd.services.ports import ServiceError
from flowd.services.sns.names import invalid

_MOST_BYTES: Final = 262_144
_MOST_KEYS: Final = 5
_MOST_COMBINATIONS: Final = 150
_ABSENT: Final = object()


# -- does it match -------------------------------------------------------------------


def attributes_match(policy: Mapping[str, Any], attributes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether message attributes satisfy a policy of the scope MessageAttributes."""
    return _holds(policy, [{name: _values_of(value) for name, value in attributes.items()}])


def body_matches(policy: Mapping[str, Any], body: str) -> bool:
    """Whether a message whose text is a JSON object satisfies a policy of the scope MessageBody."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and _holds(policy, [value])


def _values_of(attribute: Mapping[str, Any]) -> Any:
    """What a policy sees of an attribute: text, number, or the elements of a String.Array; of binary, nothing."""
    kind, text = str(attribute.get("DataType", "")), attribute.get("StringValue")
    try:
        if kind == "String.Array":
            return json.loads(str(text))
        if kind.startswith("Number"):
            return float(str(text))
    except ValueError:
        return str(text)
    return _ABSENT if kind.startswith("Binary") else str(text)


def _holds(policy: Mapping[str, Any], found: list[Any]) -> bool:
    """`found` are the objects at this level; there are several below a list of objects."""
    for key, condition in policy.items():
        if key == "$or" and isinstance(condition, list):
            if not any(_holds(each, found) for each in condition):
                return False
            continue
        below = list(_flat([item[key] for item in found if isinstance(item, dict) and key in item]))
        if isinstance(condition, dict):
            if not _holds(condition, below):
                return False
        elif not any(_one(entry, below) for entry in condition):
            return False
    return True


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        elif value is not _ABSENT:
            yield value


def _one(entry: Any, values: list[Any]) -> bool:
    """One entry of a key's list against all values of the key."""
    if isinstance(entry, dict):
        ((name, argument),) = entry.items()
        if name == "exists":
            return bool(argument) is bool([value for value in values if not isinstance(value, dict)])
        return any(_OPERATORS[name](argument, value) for value in values)
    return any(_equal(entry, value) for value in values)


def _equal(wanted: Any, value: Any) -> bool:
    """Numbers by value, booleans apart from them; a boolean or null over attributes stands as its word in a text."""
    if isinstance(wanted, bool) or wanted is None:
        return value is wanted
    if isinstance(wanted, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool) and float(wanted) == float(value)
    return bool(isinstance(value, str) and value == wanted)


def _anything_but(argument: Any, value: Any) -> bool:
    if isinstance(argument, dict):
        ((name, inner),) = argument.items()
        each = inner if isinstance(inner, list) else [inner]
        return not any(_OPERATORS[name](one, value) for one in each)
    each = argument if isinstance(argument, list) else [argument]
    return not any(_equal(one, value) for one in each)


def _numeric(argument: list[Any], value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    pairs = zip(argument[::2], argument[1::2], strict=True)
    return all(_COMPARE[sign](float(value), float(bound)) for sign, bound in pairs)


def _cidr(argument: str, value: Any) -> bool:
    try:
        return ipaddress.ip_address(str(value)) in ipaddress.ip_network(argument, strict=False)
    except ValueError:
        return False


def _wildcard(argument: str, value: Any) -> bool:
    """`*` is any text; a backslash takes its meaning away."""
    parts = re.findall(r"\\.|\*|[^\\*]+|\\", argument, re.DOTALL)
    pattern = Wildcard([Wild.ANY if part == "*" else part[1:] if part[0] == "\\" else part for part in parts])
    return isinstance(value, str) and pattern.covers(value)


def _prefix(argument: Any, value: Any) -> bool:
    if isinstance(argument, dict):
        return isinstance(value, str) and value.casefold().startswith(str(argument["equals-ignore-case"]).casefold())
    return isinstance(value, str) and value.startswith(argument)


def _suffix(argument: Any, value: Any) -> bool:
    if isinstance(argument, dict):
        return isinstance(value, str) and value.casefold().endswith(str(argument["equals-ignore-case"]).casefold())
    return isinstance(value, str) and value.endswith(argument)


def _ignoring_case(argument: str, value: Any) -> bool:
    return isinstance(value, str) and value.casefold() == argument.casefold()


_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _ignoring_case,
    "exists": lambda argument, value: False,  # decided for all values at once
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
}
_WITHIN_ANYTHING_BUT: Final = ("prefix", "suffix", "wildcard", "equals-ignore-case", "cidr")


# -- may it be ------------------------------------------------------------------------


def read(text: str, scope: str) -> dict[str, Any]:
    """A policy that can be matched. Raises InvalidParameter with what is wrong in it."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        raise _refuse("failed to parse JSON") from None
    if not isinstance(policy, dict):
        raise _refuse("Filter policy must be an object")
    if len(text.encode()) > _MOST_BYTES:
        raise _refuse("Filter policy is too large")
    counted = _check(policy, nested=scope == "MessageBody")
    keys, combinations = len(counted), 1
    for number in counted:
        combinations *= number
    if keys > _MOST_KEYS:
        raise ServiceError("FilterPolicyLimitExceeded", "Filter policy can not have more than 5 keys", status=403)
    if combinations > _MOST_COMBINATIONS:
        raise _refuse("Filter policy is too complex")
    return policy


def _check(policy: Mapping[str, Any], nested: bool) -> list[int]:
    """How many entries each of its keys has."""
    counted: list[int] = []
    for key, condition in policy.items():
        if key == "$or" and isinstance(condition, list):
            if len(condition) < 2 or not all(isinstance(each, dict) and each for each in condition):
                raise _refuse('"$or" must be a list of at least two objects')
            for each in condition:
                counted += _check(each, nested)
        elif isinstance(condition, dict):
            if not nested or not condition:
                raise _refuse(
                    "Filter policy scope MessageAttributes does not support nested filter policy"
                    if condition
                    else "Empty objects are not allowed"
                )
            counted += _check(condition, nested)
        elif isinstance(condition, list):
            if not condition:
                raise _refuse("Empty arrays are not allowed")
            for entry in condition:
                _check_entry(entry)
            counted.append(len(condition))
        else:
            raise _refuse(f'"{key}" must be an object or an array')
    return counted


def _check_entry(entry: Any) -> None:
    if isinstance(entry, list):
        raise _refuse("Match value must be String, number, true, false, or null")
    if not isinstance(entry, dict):
        return
    if len(entry) != 1:
        raise _refuse("Only one key allowed in match expression")
    ((name, argument),) = entry.items()
    if name not in _OPERATORS:
        raise _refuse(f"Unrecognized match type {name}")
    _CHECKS.get(name, _check_text)(name, argument)


def _check_text(name: str, argument: Any) -> None:
    if not isinstance(argument, str):
        raise _refuse(f"{name} match pattern must be a string")


def _check_fix(name: str, argument: Any) -> None:
    if isinstance(argument, dict) and list(argument) == ["equals-ignore-case"]:
        argument = argument["equals-ignore-case"]
    _check_text(name, argument)


def _check_exists(name: str, argument: Any) -> None:
    if not isinstance(argument, bool):
        raise _refuse("exists match pattern must be either true or false.")


def _check_numeric(name: str, argument: Any) -> None:
    if not isinstance(argument, list) or not argument or len(argument) % 2:
        raise _refuse("Value of numeric must be an array of comparisons and numbers")
    for sign, bound in zip(argument[::2], argument[1::2], strict=True):
        if sign not in _COMPARE:
            raise _refuse(f"Unrecognized numeric range operator: {sign}")
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise _refuse(f"Value of {sign} must be numeric")
    if len(argument) > 4 or (len(argument) == 4 and (argument[0][0] != ">" or argument[2][0] != "<")):
        raise _refuse("A numeric range has a lower bound, then an upper one")


def _check_anything_but(name: str, argument: Any) -> None:
    if isinstance(argument, dict):
        if len(argument) != 1 or next(iter(argument)) not in _WITHIN_ANYTHING_BUT:
            raise _refuse(f"Unsupported anything-but pattern: {', '.join(argument)}")
        ((inner, value),) = argument.items()
        for each in value if isinstance(value, list) else [value]:
            _CHECKS.get(inner, _check_text)(inner, each)
        return
    each = argument if isinstance(argument, list) else [argument]
    if not each or not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in each):
        raise _refuse("Inside anything-but list, entries must be strings or numbers")


def _check_cidr(name: str, argument: Any) -> None:
    try:
        ipaddress.ip_network(argument, strict=False)
    except (TypeError, ValueError):
        raise _refuse(f"Malformed CIDR, one '/' required: {argument}") from None


_CHECKS: Final[dict[str, Callable[[str, Any], None]]] = {
    "anything-but": _check_anything_but,
    "cidr": _check_cidr,
    "exists": _check_exists,
    "numeric": _check_numeric,
    "prefix": _check_fix,
    "suffix": _check_fix,
}


def _refuse(reason: str) -> ServiceError:
    return invalid(f"FilterPolicy: {reason}")
