"""Applies a bound update to an item: all operands are read from the item as it was. The result is a new item."""

from __future__ import annotations

from copy import deepcopy
from typing import Final

from flowd.services.dynamodb import numbers
from flowd.services.dynamodb.errors import invalid, too_deep
from flowd.services.dynamodb.paths import find, put, remove
from flowd.services.dynamodb.syntax import Constant, Function, Operand, Path, Sum, Update
from flowd.services.dynamodb.values import DEEPEST, Item, Value, a_set, checked, content, kind

_SUMS: Final = {"+": numbers.add, "-": numbers.subtract}


def mistyped() -> Exception:
    return invalid("An operand in the update expression has an incorrect data type")


def missing() -> Exception:
    return invalid("The provided expression refers to an attribute that does not exist in the item")


def apply(update: Update, old: Item) -> Item:
    """The item afterwards."""
    sets = [(path, _evaluate(operand, old)) for path, operand in update.sets]
    sets += [(path, _added(find(old, path), _constant(operand))) for path, operand in update.adds]
    left = [(path, _without(find(old, path), _constant(operand))) for path, operand in update.deletes]
    removed = [*update.removes, *(path for path, value in left if value is None)]
    sets += [(path, value) for path, value in left if value is not None]
    new = deepcopy(old)
    # Places in one list are taken in their order: what is set behind its end keeps that order.
    for path, value in sorted(sets, key=lambda pair: [part for part in pair[0].parts if isinstance(part, int)]):
        put(new, path, deepcopy(value))
        if len(path.parts) > 1:
            _check_depth(new, path)
    remove(new, removed, old)
    return new


def only_takes_away(update: Update) -> bool:
    """Such an update makes no item where there is none."""
    return bool(update.removes or update.deletes) and not (update.sets or update.adds)


def _check_depth(item: Item, path: Path) -> None:
    if len(path.parts) > DEEPEST:
        raise too_deep()
    checked(item[str(path.parts[0])])


def _constant(operand: Operand) -> Value:
    assert isinstance(operand, Constant)
    return dict(operand.value)


def _evaluate(operand: Operand, item: Item) -> Value:
    """The value of an operand of SET."""
    match operand:
        case Path():
            value = find(item, operand)
            if value is None:
                raise missing()
            return value
        case Sum(operator, left, right):
            one, other = _evaluate(left, item), _evaluate(right, item)
            if kind(one) != "N" or kind(other) != "N":
                raise mistyped()
            return {"N": _SUMS[operator](content(one), content(other))}
        case Function("if_not_exists", (Path() as path, otherwise)):
            value = find(item, path)
            return _evaluate(otherwise, item) if value is None else value
        case Function("list_append", (first, second)):
            one, other = _evaluate(first, item), _evaluate(second, item)
            if kind(one) != "L" or kind(other) != "L":
                raise mistyped()
            return {"L": [*content(one), *content(other)]}
    return _constant(operand)


def _added(old: Value | None, value: Value) -> Value:
    """ADD: to a number or to a set; to nothing, it is the value."""
    if old is None:
        return value
    if kind(old) != kind(value):
        raise mistyped()
    if kind(value) == "N":
        return {"N": numbers.add(content(old), content(value))}
    return a_set(kind(value), {*content(old), *content(value)})


def _without(old: Value | None, value: Value) -> Value | None:
    """DELETE: a set without members of it; None if nothing is left."""
    if old is None:
        return None
    if kind(old) != kind(value):
        raise mistyped()
    rest = set(content(old)) - set(content(value))
    return a_set(kind(value), rest) if rest else None
