"""The differences from moto that AWS's documentation settles, each as narrow as its reason.

docs/integrations/dynamodb.md lists them with who says so. A difference that no class here explains fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final

from flowd.services.dynamodb import legacy
from flowd.services.dynamodb.binding import Binder
from flowd.services.dynamodb.conditions import holds
from flowd.services.dynamodb.syntax import Condition, Function, Operand, Path, Sum, Update
from flowd.services.dynamodb.values import checked
from flowd.services.ports import ServiceError
from tests.services.dynamodb.oracle.motoreads import read, sets_of_mistakes
from tests.services.dynamodb.oracle.pair import Members, Refused


@dataclass(frozen=True)
class Difference:
    """One request whose two outcomes differ: `before`, `mine`, `theirs` are the item, of a write to one."""

    operation: str
    members: Members
    here: Any
    there: Any
    before: Any = None
    mine: Any = None
    theirs: Any = None

    @property
    def refused(self) -> str:
        return self.here.message if isinstance(self.here, Refused) else ""

    @property
    def moto(self) -> str:
        return self.there.message if isinstance(self.there, Refused) else ""

    @property
    def both_answer(self) -> bool:
        return not isinstance(self.here, Refused) and not isinstance(self.there, Refused)

    @property
    def update(self) -> Update:
        """Nothing if it is refused or none."""
        try:
            return legacy.attribute_updates(self.members) or Binder(self.members).update()
        except ServiceError:
            return Update()

    def condition(self) -> Condition | None:
        try:
            binder = Binder(self.members)
            old = legacy.expected(self.members) or legacy.filter_of(self.members, "ScanFilter")
            return old or binder.condition("ConditionExpression") or binder.condition("FilterExpression")
        except ServiceError:
            return None


def same(here: Any, there: Any) -> bool:
    """A refusal is its code and what it shows; a scan has no order."""
    if isinstance(here, Refused) and isinstance(there, Refused):
        return (here.code, here.shown) == (there.code, there.shown)
    return bool(here == there)


def known(found: Difference) -> str:
    """Why the two differ, if that is settled; "" if it is not."""
    return next((name for name, holds_for in CLASSES.items() if holds_for(found)), "") or _misread(found)


# -- what is refused here ----------------------------------------------------------


def _says(*starts: str) -> Callable[[Difference], bool]:
    return lambda found: found.refused.startswith(starts)


def _in(*words: str) -> Callable[[Difference], bool]:
    return lambda found: any(word in found.refused for word in words)


def _mistyped(found: Difference) -> bool:
    return (
        re.match(
            r"Invalid (Condition|Filter)Expression: (Incorrect operand|The BETWEEN|The first operand must be distinct)",
            found.refused,
        )
        is not None
    )


def _condition_first(found: Difference) -> bool:
    return found.refused.startswith("Invalid UpdateExpression: ") and found.moto == "The conditional request failed"


def _half_done(found: Difference) -> bool:
    return found.operation == "UpdateItem" and bool(found.refused and found.moto) and found.mine == found.before


# -- what is changed ---------------------------------------------------------------


def _only_takes_away(found: Difference) -> bool:
    update = found.update
    only = bool(update.removes or update.deletes) and not (update.sets or update.adds)
    return found.before is None and found.both_answer and only


def _shares(found: Difference) -> bool:
    """SET takes what stands at a path, and another action changes a part of it."""
    update = found.update
    taken = [path for _, operand in update.sets for path in _paths(operand)]
    return not found.refused and any(_is_below(changed, path) for changed in update.paths for path in taken)


def copies(found: Difference) -> bool:
    """SET takes what stands at a path: moto's two attributes share it from then on."""
    return not found.refused and any(_paths(operand) for _, operand in found.update.sets)


def _paths(operand: Operand) -> list[Path]:
    match operand:
        case Path():
            return [operand]
        case Sum(_, left, right):
            return [*_paths(left), *_paths(right)]
        case Function(_, arguments):
            return [path for argument in arguments for path in _paths(argument)]
    return []


def _is_below(path: Path, other: Path) -> bool:
    return path.parts[: len(other.parts)] == other.parts


def _appends_unordered(found: Difference) -> bool:
    """Two places of one list are filled, the later one first: by SET, or by ADD and SET, whose order is moto's own."""
    sets, adds = ([path.parts for path, _ in pairs] for pairs in (found.update.sets, found.update.adds))
    later_first = any(one > other for one, other in _of_one_list(sets, sets) if sets.index(one) < sets.index(other))
    return _only_lists_differ(found) and (later_first or any(_of_one_list(sets, adds)))


def _removes_before_it_sets(found: Difference) -> bool:
    """REMOVE of an element moves those behind it, and SET means the places that there were."""
    removes, sets = [path.parts for path in found.update.removes], [path.parts for path, _ in found.update.sets]
    return _only_lists_differ(found) and any(one < other for one, other in _of_one_list(removes, sets))


def _of_one_list(ones: list[Any], others: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Each pair of different places in the same list."""
    for one in ones:
        for other in others:
            if isinstance(one[-1], int) and isinstance(other[-1], int) and one[:-1] == other[:-1] and one != other:
                yield one, other


def _only_lists_differ(found: Difference) -> bool:
    return found.both_answer and bool(_without_li(found.mine) == _without_li(found.theirs))


# -- what is found -----------------------------------------------------------------


def _size_of_nothing(found: Difference) -> bool:
    starts = ("Bad Filter Expression", "Invalid attribute name", "Invalid filter expression")
    text = str(found.members.get("ConditionExpression", "")) + str(found.members.get("FilterExpression", ""))
    return "size(" in text and found.moto.startswith(starts)


def _ignores_attributes_to_get(found: Difference) -> bool:
    """Of a Query: all attributes come, and those that were asked for are the same."""
    names = found.members.get("AttributesToGet")
    if found.operation != "Query" or names is None or not found.both_answer:
        return False
    shown = [{name: item[name] for name in names if name in item} for item in found.there["Items"]]
    return bool(shown == found.here["Items"])


def _of_a_key(found: Difference) -> bool:
    """A filter of a Query of an index names an attribute of the index's key."""
    return "IndexName" in found.members and found.refused.startswith("Filter Expression can only contain non-primary")


def _shows_nothing(found: Difference) -> bool:
    return found.both_answer and "Attributes" not in found.here and found.there == {**found.here, "Attributes": {}}


def _updated(found: Difference) -> bool:
    """Of UPDATED_OLD and UPDATED_NEW: parts of attributes, keys of what is new, and what stayed the same."""
    if not found.both_answer or found.mine != found.theirs or "UPDATED" not in found.members.get("ReturnValues", ""):
        return False
    mine, theirs = (answer.get("Attributes", {}) for answer in (found.here, found.there))
    before, after = found.before or {}, found.mine or {}
    apart = {name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name)}
    parts = {path.parts[0] for path in found.update.paths if len(path.parts) > 1}
    keys = set() if found.before else {*found.members["Key"]} - {*mine}
    stayed = {name for name in mine if before.get(name) == after.get(name) and name not in theirs}
    return bool(apart) and apart <= parts | keys | stayed


def _empties(found: Difference) -> bool:
    """DELETE of AttributeUpdates takes all members of a set, or some of none."""
    if "AttributeUpdates" not in found.members or not found.both_answer or found.theirs is None:
        return False
    left = {name: value for name, value in found.theirs.items() if value not in ({"SS": []}, {"NS": []})}
    return left != found.theirs and bool(left == (found.mine or found.members["Key"]))


def _default_of_a_path(found: Difference) -> bool:
    """`if_not_exists` of a path that leads through what is no map and no list."""
    text = found.members.get("UpdateExpression", "")
    said = found.moto.startswith("The document path provided in the update expression is invalid")
    return said and not found.refused and re.search(r"if_not_exists\([a-z]+[.\[]", text) is not None


def _older_types(found: Difference) -> bool:
    """PUT of AttributeUpdates; ADD and DELETE look at no type."""
    put = [said.get("Value", {}) for said in found.members.get("AttributeUpdates", {}).values()]
    mistyped = bool(put) and found.refused.startswith("An operand in the update expression has an incorrect data")
    return mistyped or any(value.keys() & {"BOOL", "NULL", "B", "BS"} for value in put)


def _behind_a_local_index(found: Difference) -> bool:
    """What the index does not show is fetched from the table."""
    if found.members.get("IndexName") != "by_b" or "ProjectionExpression" not in found.members or not found.both_answer:
        return False
    kept = [{name: value for name, value in item.items() if name in ("id", "n", "b")} for item in found.here["Items"]]
    return bool(_in_order(kept) == _in_order(found.there["Items"]))


def _last_of_a_list(found: Difference) -> bool:
    """Two places of one list are shown: only the last of them is."""
    text = str(found.members)
    places = re.findall(r"li\[\d\]", text[text.find("ProjectionExpression") :])
    if len(places) < 2 or not found.both_answer:
        return False
    here, there = _without_li(found.here), _without_li(found.there)
    if found.operation == "Scan":  # whose items come in no order
        here, there = ({**answer, "Items": _in_order(answer["Items"])} for answer in (here, there))
    return bool(here == there)


def _without_li(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_li(inner) for name, inner in value.items() if name not in ("li", "LastEvaluatedKey")}
    return [_without_li(inner) for inner in value] if isinstance(value, list) else value


def _reason_told(found: Difference) -> bool:
    """What only an item shows is a reason against the transaction: in moto it is the refusal."""
    cancelled = isinstance(found.here, Refused) and found.here.code == "TransactionCanceledException"
    return cancelled and {"Code": "ValidationError"} in found.here.shown and "incorrect data type" in found.moto


def _updates_nothing(found: Difference) -> bool:
    """UPDATE of PartiQL makes no item, and says so."""
    updates = found.operation == "ExecuteStatement" and found.members["Statement"].startswith("UPDATE")
    return updates and found.before is None and found.refused == "The conditional request failed"


def _rounds(found: Difference) -> bool:
    """Sums of more than 28 digits, Python's usual precision."""
    if not found.both_answer or found.mine == found.theirs:
        return False
    return bool(_rounded(found.mine) == _rounded(found.theirs))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return Context(prec=27).plus(value) if isinstance(value, Decimal) else value


def _in_order(items: Any) -> Any:
    return sorted(items, key=repr)


def _looks_further(found: Difference) -> bool:
    if "Limit" not in found.members or not found.both_answer:
        return False
    return {**found.here, "LastEvaluatedKey": None} == {**found.there, "LastEvaluatedKey": None}


def _misread(found: Difference) -> str:
    """The mistakes with which moto's reading of the condition gives its outcome."""
    condition = found.condition()
    if condition is None:
        return ""
    for mistakes in sets_of_mistakes():
        if _explains(found, condition, mistakes):
            return " + ".join(mistakes)
    return ""


def _explains(found: Difference, condition: Condition, mistakes: tuple[str, ...]) -> bool:
    if "ConditionExpression" in found.members or "Expected" in found.members:
        codes = [answer.code if isinstance(answer, Refused) else "" for answer in (found.here, found.there)]
        passed = [code != "ConditionalCheckFailedException" for code in codes]
        item = found.before or {}
        return passed[0] is not passed[1] and [holds(condition, item), read(condition, item, mistakes)] == passed
    if not found.both_answer:
        return False
    mine, theirs = found.here.get("Items", []), found.there.get("Items", [])
    apart = [item for item in mine if item not in theirs] + [item for item in theirs if item not in mine]
    return bool(apart) and all(read(condition, _shown(item), mistakes) is (item in theirs) for item in apart)


def _shown(item: Any) -> Any:
    """An item as the service keeps it, numbers as text."""

    def told(value: Any) -> Any:
        name, inner = next(iter(value.items()))
        if name == "N":
            return {"N": str(inner)}
        if name == "NS":
            return {"NS": [str(one) for one in inner]}
        if name == "L":
            return {"L": [told(one) for one in inner]}
        if name == "M":
            return {"M": {key: told(one) for key, one in inner.items()}}
        return value

    return {name: checked(told(value)) for name, value in item.items()}


CLASSES: Final[dict[str, Callable[[Difference], bool]]] = {
    "moto crashes": lambda found: isinstance(found.there, Refused) and found.there.code == "crash",
    "moto looks at no operand's type": _mistyped,
    "moto looks at the condition before it reads the update": _condition_first,
    "moto sees not all overlaps of the paths of an update": _says("Invalid UpdateExpression: Two document paths"),
    "moto makes an item of an update that only takes away": _only_takes_away,
    "moto sets or removes nothing where a path leads nowhere": _says("The document path provided in the update"),
    "moto lets an update put another type into an index's key": lambda found: "Type mismatch for" in found.refused,
    "moto refuses the size of what is not there": _size_of_nothing,
    "moto knows no AttributesToGet of a Query": _ignores_attributes_to_get,
    "moto sees no overlaps of the paths of a projection": _says("Invalid ProjectionExpression: Two document paths"),
    "moto filters a Query of an index by its key": _of_a_key,
    "moto shows attributes where there are none to be shown": _shows_nothing,
    "moto shows another part of what was updated": _updated,
    "moto's AttributeUpdates know no booleans, nulls and bytes, and ADD and DELETE no types": _older_types,
    "moto's AttributeUpdates leave a set without members": _empties,
    "moto refuses if_not_exists where a path leads nowhere": _default_of_a_path,
    "moto knows no NOT NOT": lambda found: "NOT expression NOT NOT" in found.moto,
    "moto fetches nothing that a local index does not show": _behind_a_local_index,
    "moto takes sets that are empty or hold a member twice": _in(" not be empty", "contains duplicates"),
    "moto takes any number": _in("Number overflow", "Number underflow", "more than 38 significant digits"),
    "moto shows only the last of two elements of a list": _last_of_a_list,
    "moto refuses a transaction for what is a reason against it": _reason_told,
    "moto's sums have 28 digits": _rounds,
    "moto's PartiQL puts an item over another": lambda found: (
        found.operation == "ExecuteStatement" and found.refused == "Duplicate primary key exists in table"
    ),
    "moto's PartiQL updates nothing where there is no item": _updates_nothing,
    "moto looks further than Limit": _looks_further,
    "moto appends to a list in the order of the text, not of the places": _appends_unordered,
    "moto removes from a list before it sets": _removes_before_it_sets,
    "moto shares parts between attributes": _shares,
    "moto leaves a failed update half done": _half_done,
}
