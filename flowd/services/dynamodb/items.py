"""GetItem, PutItem, UpdateItem, DeleteItem: one item by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd.services.dynamodb import legacy
from flowd.services.dynamodb.binding import Binder
from flowd.services.dynamodb.capacity import Meter, collection, read_units
from flowd.services.dynamodb.errors import invalid
from flowd.services.dynamodb.keys import Schema
from flowd.services.dynamodb.paths import project
from flowd.services.dynamodb.requests import choice, required, table
from flowd.services.dynamodb.syntax import Path
from flowd.services.dynamodb.tables import Table, Tables
from flowd.services.dynamodb.values import Item
from flowd.services.dynamodb.writing import Change, commit, prepare_delete, prepare_put, prepare_update
from flowd.services.ports import Call, Members

RETURNS: Final = ("ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")


def paths_of(members: Mapping[str, Any]) -> tuple[Path, ...]:
    """What a read shows of an item; none = all."""
    old = legacy.attributes_to_get(members)
    binder = Binder(members)
    paths = old or binder.projection()
    binder.finish()
    return paths


def fetch(
    tables: Tables,
    found: Table,
    key: Mapping[str, Any],
    paths: tuple[Path, ...],
    meter: Meter,
    consistent: bool,
) -> Item | None:
    """One item as it is shown."""
    schema = Schema(found)
    stored = tables.item(found, schema.key.row_key(schema.key.checked_key(key)))
    meter.add(found, read_units(0 if stored is None else stored.size, consistent))
    if stored is None:
        return None
    return project(stored.item, paths) if paths else stored.item


def get_item(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    key, meter = required(members, "Key"), Meter(members)
    found = table(tables, members)
    paths = paths_of(members)
    item = fetch(tables, found, key, paths, meter, bool(members.get("ConsistentRead")))
    return {**({} if item is None else {"Item": item}), **meter.one()}


def put_item(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    shown = _returns(members)
    if shown not in ("NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")
    return _write(tables, prepare_put(tables, members), shown, members, call)


def delete_item(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    shown = _returns(members)
    if shown not in ("NONE", "ALL_OLD"):
        raise invalid("ReturnValues can only be ALL_OLD or NONE")
    return _write(tables, prepare_delete(tables, members), shown, members, call)


def update_item(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return _write(tables, prepare_update(tables, members), _returns(members), members, call)


def _returns(members: Members) -> str:
    return choice(members, "ReturnValues", RETURNS, "NONE")


def _write(tables: Tables, change: Change, shown: str, members: Members, call: Call) -> dict[str, Any]:
    meter = Meter(members)
    commit(tables, change, call, meter)
    answer = meter.one()
    attributes = _attributes(change, shown)
    if attributes:
        answer["Attributes"] = attributes
    metrics = collection(tables, change.table, change.schema, change.key, members)
    if metrics is not None:
        answer["ItemCollectionMetrics"] = metrics
    return answer


def _attributes(change: Change, shown: str) -> Item:
    match shown:
        case "ALL_OLD":
            return change.old_item
        case "ALL_NEW":
            return change.new or {}
        case "UPDATED_OLD":
            return project(change.old_item, change.update.paths)
        case "UPDATED_NEW":
            return project(change.new or {}, change.update.paths)
        case _:
            return {}
