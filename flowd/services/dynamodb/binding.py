"""Placeholders of a request put into its expressions: every one is defined, every definition is used.

Bound paths hold real names, bound operands canonical values; the operands' types are checked as far as they are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, overload

from flowd.services.dynamodb import grammar, typing_rules
from flowd.services.dynamodb.errors import invalid, invalid_in
from flowd.services.dynamodb.reserved import is_reserved
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
    Placeholder,
    Sum,
    Update,
)
from flowd.services.dynamodb.values import Value, checked, refusal_of
from flowd.services.ports import ServiceError

#: The parameters that hold expressions, as refusals list them.
EXPRESSIONS: Final = (
    *("UpdateExpression", "ConditionExpression", "KeyConditionExpression"),
    *("FilterExpression", "ProjectionExpression"),
)


class Binder:
    """The placeholders of one request (or of one of the parts of a batch)."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._names: Mapping[str, str] = members.get("ExpressionAttributeNames") or {}
        self._members = members
        self._used: set[str] = set()
        _check_names(members)
        self._values = _checked_values(members)

    def condition(self, member: str) -> Condition | None:
        """The bound condition of a parameter, if it is given."""
        text = self._members.get(member)
        if text is None:
            return None
        bound = self._condition(grammar.condition(text, member), member)
        typing_rules.check_condition(bound, member)
        return bound

    def projection(self) -> tuple[Path, ...]:
        """The paths to be shown; none = all."""
        text = self._members.get("ProjectionExpression")
        if text is None:
            return ()
        paths = tuple(self._path(path, "ProjectionExpression") for path in grammar.projection(text))
        typing_rules.check_overlaps(paths, "ProjectionExpression")
        return paths

    def update(self) -> Update:
        text = self._members.get("UpdateExpression")
        if text is None:
            return Update()
        place = "UpdateExpression"
        said = grammar.update(text)
        bound = Update(
            sets=tuple((self._path(path, place), self._operand(value, place)) for path, value in said.sets),
            removes=tuple(self._path(path, place) for path in said.removes),
            adds=tuple((self._path(path, place), self._operand(value, place)) for path, value in said.adds),
            deletes=tuple((self._path(path, place), self._operand(value, place)) for path, value in said.deletes),
        )
        typing_rules.check_update(bound)
        return bound

    def finish(self) -> None:
        """Refuse what was defined and not used."""
        for member, given in (("ExpressionAttributeNames", self._names), ("ExpressionAttributeValues", self._values)):
            unused = [name for name in given if name not in self._used]
            if unused:
                keys = ", ".join(unused)
                raise invalid(f"Value provided in {member} unused in expressions: keys: {{{keys}}}")

    # -- parts -------------------------------------------------------------------

    def _condition(self, node: Condition, place: str) -> Condition:
        match node:
            case Every(parts):
                return Every(tuple(self._condition(part, place) for part in parts))
            case Either(parts):
                return Either(tuple(self._condition(part, place) for part in parts))
            case Not(part):
                return Not(self._condition(part, place))
            case Comparison(operator, left, right):
                return Comparison(operator, self._operand(left, place), self._operand(right, place))
            case Between(operand, lower, upper):
                return Between(*(self._operand(part, place) for part in (operand, lower, upper)))
            case In(operand, options):
                return In(self._operand(operand, place), tuple(self._operand(part, place) for part in options))
            case Function():
                return self._operand(node, place)

    @overload
    def _operand(self, node: Function, place: str) -> Function: ...
    @overload
    def _operand(self, node: Operand, place: str) -> Operand: ...
    def _operand(self, node: Operand, place: str) -> Operand:
        match node:
            case Path():
                return self._path(node, place)
            case Placeholder(name):
                return Constant(self._value(name, place))
            case Function(name, arguments):
                return Function(name, tuple(self._operand(part, place) for part in arguments))
            case Sum(operator, left, right):
                return Sum(operator, self._operand(left, place), self._operand(right, place))
            case Constant():
                return node

    def _value(self, name: str, place: str) -> Value:
        if name not in self._values:
            reason = f"An expression attribute value used in expression is not defined; attribute value: {name}"
            raise invalid_in(place, reason)
        self._used.add(name)
        return self._values[name]

    def _path(self, path: Path, place: str) -> Path:
        return Path(tuple(part if isinstance(part, int) else self._name(part, place) for part in path.parts))

    def _name(self, part: str, place: str) -> str:
        if not part.startswith("#"):
            if is_reserved(part):
                raise invalid_in(place, f"Attribute name is a reserved keyword; reserved keyword: {part}")
            return part
        if part not in self._names:
            reason = f"An expression attribute name used in the document path is not defined; attribute name: {part}"
            raise invalid_in(place, reason)
        self._used.add(part)
        return self._names[part]


def _check_names(members: Mapping[str, Any]) -> None:
    names = members.get("ExpressionAttributeNames")
    if names is None:
        return
    if not any(members.get(member) is not None for member in EXPRESSIONS):
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    if not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    for key in names:
        if not _is_placeholder(key, "#"):
            raise invalid(f'ExpressionAttributeNames contains invalid key: Syntax error; key: "{key}"')


def _checked_values(members: Mapping[str, Any]) -> dict[str, Value]:
    values = members.get("ExpressionAttributeValues")
    if values is None:
        return {}
    possible = _expressions_of(members)
    if not any(members.get(member) is not None for member in possible):
        verb = "is" if len(possible) == 1 else "are"
        reason = f"{' and '.join(possible)} {verb} null"
        raise invalid(f"ExpressionAttributeValues can only be specified when using expressions: {reason}")
    if not values:
        raise invalid("ExpressionAttributeValues must not be empty")
    found: dict[str, Value] = {}
    for key, value in values.items():
        if not _is_placeholder(key, ":"):
            raise invalid(f'ExpressionAttributeValues contains invalid key: Syntax error; key: "{key}"')
        try:
            found[key] = checked(value)
        except ServiceError as error:
            raise refusal_of(error, "ExpressionAttributeValues contains invalid value: ", f" for key {key}") from None
    return found


def _expressions_of(members: Mapping[str, Any]) -> Sequence[str]:
    """The expressions with values that this kind of request may have."""
    if "Item" in members:
        return ("ConditionExpression",)
    if "Key" in members:
        return ("UpdateExpression", "ConditionExpression")
    return ("FilterExpression", "KeyConditionExpression")


def _is_placeholder(key: str, sign: str) -> bool:
    rest = key[1:]
    return key[:1] == sign and bool(rest) and rest.isascii() and rest.replace("_", "a").isalnum()
