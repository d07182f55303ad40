"""One change of one item: prepared with all its checks against what is there, then done.

The two are apart so that a transaction can prepare all its changes before it does any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flowd.services.dynamodb import legacy, streams, updates
from flowd.services.dynamodb.backfill import expiry
from flowd.services.dynamodb.binding import Binder
from flowd.services.dynamodb.capacity import Meter, write_units
from flowd.services.dynamodb.conditions import require
from flowd.services.dynamodb.errors import invalid, invalid_values
from flowd.services.dynamodb.keys import KeySchema, Schema
from flowd.services.dynamodb.requests import SHOWN, choice, required, table
from flowd.services.dynamodb.syntax import Condition, Update
from flowd.services.dynamodb.tables import RowKey, Stored, Table, Tables
from flowd.services.dynamodb.values import MOST_ITEM, Item, checked_item, item_size
from flowd.services.ports import Call


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one item; `new` None takes it away. A check changes nothing."""

    table: Table
    schema: Schema
    key: Item
    row_key: RowKey
    old: Stored | None
    new: Item | None
    changes: bool = True
    update: Update = field(default_factory=Update)

    @property
    def old_item(self) -> Item:
        return {} if self.old is None else self.old.item


@dataclass(frozen=True, slots=True)
class Bound:
    """What a request says by itself: its item or key, and its expressions or the parameters that were before them."""

    item: Item
    condition: Condition | None
    update: Update


def bind(members: Mapping[str, Any]) -> Bound:
    """AWS reads all values and expressions before it looks for a table or an item. Raises what is wrong with them."""
    item = checked_item(members.get("Item") or members.get("Key") or {})
    binder = Binder(members)
    update = legacy.attribute_updates(members) or binder.update()
    condition = legacy.expected(members) or binder.condition("ConditionExpression")
    binder.finish()
    return Bound(item, condition, update)


def prepare_put(
    tables: Tables, members: Mapping[str, Any], shown: Table | None = None, bound: Bound | None = None
) -> Change:
    """PutItem, up to its effect. Raises what it refuses with."""
    required(members, "Item")
    said = bound or bind(members)
    found = shown or table(tables, members)
    schema, item = Schema(found), said.item
    schema.key.check_item(item)
    for index in schema.indexes.values():
        index.check_item(item)
    if item_size(item) > MOST_ITEM:
        raise invalid("Item size has exceeded the maximum allowed size")
    row_key = schema.key.row_key(item)
    old = tables.item(found, row_key)
    require(said.condition, None if old is None else old.item, _failure(members))
    return Change(found, schema, schema.key.part(item), row_key, old, item)


def prepare_delete(
    tables: Tables, members: Mapping[str, Any], shown: Table | None = None, bound: Bound | None = None
) -> Change:
    return _keyed(tables, members, shown, bound, changes=True)


def prepare_check(
    tables: Tables, members: Mapping[str, Any], shown: Table | None = None, bound: Bound | None = None
) -> Change:
    """A ConditionCheck of a transaction."""
    required(members, "ConditionExpression")
    return _keyed(tables, members, shown, bound, changes=False)


def _keyed(
    tables: Tables, members: Mapping[str, Any], shown: Table | None, bound: Bound | None, *, changes: bool
) -> Change:
    given = required(members, "Key")
    said = bound or bind(members)
    found = shown or table(tables, members)
    schema = Schema(found)
    key = schema.key.checked_key(given)
    row_key = schema.key.row_key(key)
    old = tables.item(found, row_key)
    require(said.condition, None if old is None else old.item, _failure(members))
    return Change(found, schema, key, row_key, old, None, changes)


def prepare_update(
    tables: Tables, members: Mapping[str, Any], shown: Table | None = None, bound: Bound | None = None
) -> Change:
    given = required(members, "Key")
    said = bound or bind(members)
    update = said.update
    found = shown or table(tables, members)
    schema = Schema(found)
    key = schema.key.checked_key(given)
    _check_key_untouched(schema.key, update)
    row_key = schema.key.row_key(key)
    old = tables.item(found, row_key)
    require(said.condition, None if old is None else old.item, _failure(members))
    if old is None and updates.only_takes_away(update):
        updates.apply(update, key)  # what is wrong with it is still said
        return Change(found, schema, key, row_key, None, None, False, update)
    new = updates.apply(update, key if old is None else old.item)
    for index in schema.indexes.values():
        index.check_item(new)
    if item_size(new) > MOST_ITEM:
        raise invalid("Item size to update has exceeded the maximum allowed size")
    return Change(found, schema, key, row_key, old, new, True, update)


PREPARE: Final[dict[str, Callable[[Tables, Mapping[str, Any], Table | None, Bound | None], Change]]] = {
    "ConditionCheck": prepare_check,
    "Put": prepare_put,
    "Delete": prepare_delete,
    "Update": prepare_update,
}


def _failure(members: Mapping[str, Any]) -> str:
    return choice(members, "ReturnValuesOnConditionCheckFailure", SHOWN, "NONE")


def _check_key_untouched(key: KeySchema, update: Update) -> None:
    for path in update.paths:
        if path.parts[0] in key.names:
            raise invalid_values(f"Cannot update attribute {path.parts[0]}. This attribute is part of the key")


def commit(tables: Tables, change: Change, call: Call, meter: Meter) -> None:
    """Do it: the item, its entries in all indexes, its end."""
    size = 0 if change.new is None else item_size(change.new)
    meter.add(change.table, write_units(max(size, 0 if change.old is None else change.old.size)))
    if not change.changes:
        return
    if change.new is None:
        if change.old is not None:
            _meter_indexes(change, meter)
            tables.drop_item(change.table, change.old)
            streams.note(tables, change.table, change.schema.key, change.old.item, None, call)
        return
    expires_s = expiry(change.table, change.new, call.now_ms)
    if expires_s is not None:
        call.due_ms.append(expires_s * 1000)
    row = tables.put_item(change.table, change.row_key, change.old, change.new, size, expires_s)
    for index in change.schema.indexes.values():
        before = None if change.old is None else index.row_key(change.old.item, change.schema.key)
        after = index.row_key(change.new, change.schema.key)
        if after != before:
            tables.set_entry(change.table, index.name, row, after)
    before_it = None if change.old is None else change.old.item
    streams.note(tables, change.table, change.schema.key, before_it, change.new, call)
    _meter_indexes(change, meter)


def _meter_indexes(change: Change, meter: Meter) -> None:
    """An index costs a write where what it shows is another; two, where the entry moves."""
    if meter.mode == "NONE":
        return
    key = change.schema.key
    for index in change.schema.indexes.values():
        places = [None if not item else index.row_key(item, key) for item in (change.old_item, change.new or {})]
        shown = [index.projected(item, key) for item in (change.old_item, change.new or {})]
        if places[0] == places[1] and shown[0] == shown[1]:
            continue
        moved = [item for item, place in zip(shown, places, strict=True) if place is not None]
        sizes = [item_size(item) for item in moved]
        units = [max(sizes)] if sizes and places[0] == places[1] else sizes
        for size in units:
            meter.add(change.table, write_units(size), index)
