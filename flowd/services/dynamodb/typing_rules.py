"""What can be wrong with a bound expression before any item is looked at: functions, operands, types, overlaps.

Pure checks; a condition that passes them never fails when it is evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from flowd.services.dynamodb.errors import invalid_in
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
    Sum,
    Update,
)
from flowd.services.dynamodb.values import SETS, TYPES, WORDS, compare, content, kind

#: Function -> number of operands; those of conditions, then those of updates.
CONDITIONS: Final = {
    **{"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2},
    **{"begins_with": 2, "contains": 2, "size": 1},
}
UPDATES: Final = {"if_not_exists": 2, "list_append": 2}
MOST_OPTIONS: Final = 100
_UPDATE: Final = "UpdateExpression"


def check_condition(node: Condition, place: str) -> None:
    """Raises what AWS would say of it."""
    match node:
        case Every(parts) | Either(parts):
            for part in parts:
                check_condition(part, place)
        case Not(part):
            check_condition(part, place)
        case Comparison(operator, left, right):
            _check_operands((left, right), place)
            _check_comparison(operator, left, right, place)
        case Between(operand, lower, upper):
            _check_operands((operand, lower, upper), place)
            _check_between(lower, upper, place)
        case In(operand, options):
            _check_operands((operand, *options), place)
            if len(options) > MOST_OPTIONS:
                raise _count("IN", len(options) + 1, place)
        case Function():
            _check_predicate(node, place)


def _check_operands(operands: Iterable[Operand], place: str) -> None:
    """Within a comparison only `size` may be called."""
    for operand in operands:
        if isinstance(operand, Function):
            _check_function(operand, place)
            if operand.name != "size":
                raise _misused(operand, place)


def _check_predicate(node: Function, place: str) -> None:
    _check_function(node, place)
    if node.name == "size":
        raise _misused(node, place)
    first, *rest = node.arguments
    for argument in node.arguments:
        if isinstance(argument, Function) and argument.name != "size":
            raise _misused(argument, place)
    for other in rest:
        if isinstance(first, Path) and first == other:
            raise _same(node.name, first, place)
    _PREDICATES[node.name](node, place)


def _check_function(node: Function, place: str) -> None:
    if node.name not in CONDITIONS:
        if node.name in UPDATES:
            reason = f"The function is not allowed in a condition expression; function: {node.name}"
            raise invalid_in(place, reason)
        raise invalid_in(place, f"Invalid function name; function: {node.name}")
    if len(node.arguments) != CONDITIONS[node.name]:
        raise _count(node.name, len(node.arguments), place)
    if node.name == "size":
        operand = node.arguments[0]
        if isinstance(operand, Function):
            _check_function(operand, place)
            raise _misused(operand, place)
        if isinstance(operand, Constant) and kind(operand.value) in ("N", "BOOL", "NULL"):
            raise _mistyped("size", kind(operand.value), place)


def _needs_path(node: Function, place: str) -> None:
    if not isinstance(node.arguments[0], Path):
        reason = f"Operator or function requires a document path; operator or function: {node.name}"
        raise invalid_in(place, reason)


def _begins_with(node: Function, place: str) -> None:
    for argument in node.arguments:
        if isinstance(argument, Constant) and kind(argument.value) not in ("S", "B"):
            raise _mistyped("begins_with", kind(argument.value), place)


def _type_name(node: Function, place: str) -> None:
    operand = node.arguments[1]
    if not isinstance(operand, Constant) or kind(operand.value) != "S":
        found = kind(operand.value) if isinstance(operand, Constant) else "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
        raise _mistyped("attribute_type", found, place)
    if content(operand.value) not in TYPES:
        name, known = content(operand.value), ",".join(TYPES)
        reason = f"Invalid attribute type name found; type: {name}, valid types: {{{known}}}"
        raise invalid_in(place, reason)


def _no_rule(node: Function, place: str) -> None:
    pass


_PREDICATES: Final[dict[str, Callable[[Function, str], None]]] = {
    **{"attribute_exists": _needs_path, "attribute_not_exists": _needs_path},
    **{"attribute_type": _type_name, "begins_with": _begins_with, "contains": _no_rule},
}


def _check_comparison(operator: str, left: Operand, right: Operand, place: str) -> None:
    if isinstance(left, Path) and left == right:
        raise _same(operator, left, place)
    for operand in (left, right) if operator not in ("=", "<>") else ():
        if isinstance(operand, Constant) and kind(operand.value) not in ("S", "N", "B"):
            raise _mistyped(operator, kind(operand.value), place)


def _check_between(lower: Operand, upper: Operand, place: str) -> None:
    for operand in (lower, upper):
        if isinstance(operand, Constant) and kind(operand.value) not in ("S", "N", "B"):
            raise _mistyped("BETWEEN", kind(operand.value), place)
    if not isinstance(lower, Constant) or not isinstance(upper, Constant):
        return
    found = f"lower bound operand: {_told(lower)}, upper bound operand: {_told(upper)}"
    order = compare(lower.value, upper.value)
    if order is None:
        reason = f"The BETWEEN operator requires same data type for lower and upper bounds; {found}"
        raise invalid_in(place, reason)
    if order > 0:
        reason = f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {found}"
        raise invalid_in(place, reason)


def _told(constant: Constant) -> str:
    return f"AttributeValue: {{{kind(constant.value)}:{content(constant.value)}}}"


# -- updates -----------------------------------------------------------------------


def check_update(update: Update) -> None:
    """Raises what AWS would say of it."""
    for _, operand in update.sets:
        _check_set(operand)
    for _, operand in update.adds:
        _check_value("ADD", operand, ("N", *SETS), "ALLOWED_FOR_ADD_OPERAND")
    for _, operand in update.deletes:
        _check_value("DELETE", operand, tuple(SETS), "ALLOWED_FOR_DELETE_OPERAND")
    check_overlaps(update.paths, _UPDATE)


def _check_value(operator: str, operand: Operand, allowed: Sequence[str], name: str) -> None:
    assert isinstance(operand, Constant)
    found = kind(operand.value)
    if found not in allowed:
        reason = (
            f"Incorrect operand type for operator or function; operator: {operator}, "
            f"operand type: {WORDS[found]}, typeSet: {name}"
        )
        raise invalid_in(_UPDATE, reason)


def _check_set(operand: Operand) -> None:
    match operand:
        case Sum(operator, left, right):
            for part in (left, right):
                _check_set(part)
                if isinstance(part, Constant) and kind(part.value) != "N":
                    raise _mistyped(operator, kind(part.value), _UPDATE)
        case Function(name, arguments):
            _check_set_function(operand)
            for part in arguments:
                if isinstance(part, Function) and part.name == "list_append":
                    raise _misused(part, _UPDATE)  # AWS takes it as the whole of a value only
                _check_set(part)
                if name == "list_append" and isinstance(part, Constant) and kind(part.value) != "L":
                    raise _mistyped(name, kind(part.value), _UPDATE)


def _check_set_function(node: Function) -> None:
    if node.name not in UPDATES:
        if node.name in CONDITIONS:
            reason = f"The function is not allowed in an update expression; function: {node.name}"
            raise invalid_in(_UPDATE, reason)
        raise invalid_in(_UPDATE, f"Invalid function name; function: {node.name}")
    if len(node.arguments) != UPDATES[node.name]:
        raise _count(node.name, len(node.arguments), _UPDATE)
    if node.name == "if_not_exists":
        _needs_path(node, _UPDATE)


def check_overlaps(paths: Sequence[Path], place: str) -> None:
    """No path may be another one, stand within it, or want its parent to be of another kind."""
    for index, one in enumerate(paths):
        for other in paths[:index]:
            verb = _relation(other.parts, one.parts)
            if verb:
                reason = (
                    f"Two document paths {verb} with each other; must remove or rewrite one of these paths; "
                    f"path one: {other}, path two: {one}"
                )
                raise invalid_in(place, reason)


def _relation(one: Sequence[Any], other: Sequence[Any]) -> str:
    for left, right in zip(one, other, strict=False):
        if isinstance(left, int) is not isinstance(right, int):
            return "conflict"
        if left != right:
            return ""
    return "overlap"


# -- refusals ----------------------------------------------------------------------


def _misused(node: Function, place: str) -> Exception:
    reason = f"The function is not allowed to be used this way in an expression; function: {node.name}"
    return invalid_in(place, reason)


def _count(name: str, found: int, place: str) -> Exception:
    reason = (
        f"Incorrect number of operands for operator or function; operator or function: {name}, "
        f"number of operands: {found}"
    )
    return invalid_in(place, reason)


def _mistyped(name: str, found: str, place: str) -> Exception:
    reason = f"Incorrect operand type for operator or function; operator or function: {name}, operand type: {found}"
    return invalid_in(place, reason)


def _same(name: str, path: Path, place: str) -> Exception:
    reason = (
        "The first operand must be distinct from the remaining operands for this operator or function; "
        f"operator: {name}, first operand: {path}"
    )
    return invalid_in(place, reason)


def paths_in(node: Condition | Operand) -> Iterator[Path]:
    """All document paths of a condition."""
    match node:
        case Path():
            yield node
        case Every(parts) | Either(parts) | Function(_, parts):
            for part in parts:
                yield from paths_in(part)
        case Not(part):
            yield from paths_in(part)
        case Comparison(_, left, right) | Sum(_, left, right):
            yield from paths_in(left)
            yield from paths_in(right)
        case Between(operand, lower, upper):
            for part in (operand, lower, upper):
                yield from paths_in(part)
        case In(operand, options):
            for part in (operand, *options):
                yield from paths_in(part)
