"""BatchGetItem, BatchWriteItem and TransactGetItems: many items of many tables in one request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd.services.dynamodb.capacity import Meter, collection
from flowd.services.dynamodb.errors import invalid, no_such_table
from flowd.services.dynamodb.items import fetch, paths_of
from flowd.services.dynamodb.keys import Schema
from flowd.services.dynamodb.requests import checked_name, entries, required, table
from flowd.services.dynamodb.tables import RowKey, Table, Tables
from flowd.services.dynamodb.values import Item, item_size
from flowd.services.dynamodb.writing import Change, commit, prepare_delete, prepare_put
from flowd.services.ports import Call, Members

MOST_KEYS: Final = 100
MOST_WRITES: Final = 25
MOST_ACTIONS: Final = 100
MOST_BYTES: Final = 16 << 20  # of a BatchGetItem's answer
MOST_TRANSACTION: Final = 4 << 20
_TWICE: Final = "Provided list of item keys contains duplicates"


def batch_get_item(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    asked = entries(members, "RequestItems", MOST_KEYS)
    total = sum(len(entries(said, "Keys", 1_000_000)) for said in asked.values())
    if total > MOST_KEYS:
        raise invalid("Too many items requested for the BatchGetItem call")
    meter, size = Meter(members), 0
    responses: dict[str, list[Item]] = {}
    left: dict[str, Any] = {}
    for name, said in asked.items():
        found = _named(tables, name)
        schema, paths = Schema(found), paths_of(said)
        keys = [schema.key.row_key(schema.key.checked_key(key)) for key in said["Keys"]]
        if len(set(keys)) < len(keys):
            raise invalid(_TWICE)
        shown = responses.setdefault(name, [])
        for place, key in enumerate(said["Keys"]):
            item = fetch(tables, found, key, paths, meter, bool(said.get("ConsistentRead")))
            size += 0 if item is None else item_size(item)
            if size > MOST_BYTES:
                left[name] = {**said, "Keys": said["Keys"][place:]}
                break
            if item is not None:
                shown.append(item)
    return {"Responses": responses, "UnprocessedKeys": left, **meter.many()}


def batch_write_item(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """Here it is all or nothing, which AWS does not promise."""
    asked = entries(members, "RequestItems", MOST_WRITES)
    if sum(len(entries(asked, name, 1_000_000)) for name in asked) > MOST_WRITES:
        raise invalid("Too many items requested for the BatchWriteItem call")
    meter = Meter(members)
    metrics: dict[str, list[Any]] = {}
    for name, writes in asked.items():
        found = _named(tables, name)
        changes = [_batched(tables, found, write) for write in writes]
        _check_distinct(changes, _TWICE)
        for change in changes:
            commit(tables, change, call, meter)
        told = [collection(tables, found, change.schema, change.key, members) for change in changes]
        if any(told):
            metrics[name] = [one for one in told if one is not None]
    more = {"ItemCollectionMetrics": metrics} if metrics else {}
    return {"UnprocessedItems": {}, **more, **meter.many()}


def _batched(tables: Tables, found: Table, write: Mapping[str, Any]) -> Change:
    if len(write) != 1:
        raise invalid(
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
            "datatypes"
            if write
            else "Supplied WriteRequest is empty: it has a PutRequest or a DeleteRequest"
        )
    action, members = next(iter(write.items()))
    return (prepare_put if action == "PutRequest" else prepare_delete)(tables, members, found)


def _check_distinct(changes: list[Change], refusal: str) -> None:
    keys: set[tuple[int, RowKey]] = {(change.table.id, change.row_key) for change in changes}
    if len(keys) < len(changes):
        raise invalid(refusal)


def _named(tables: Tables, name: str) -> Table:
    found = tables.table(checked_name(name, "requestItems"))
    if found is None:
        raise no_such_table()
    return found


def transact_get_items(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """All as of one moment."""
    meter, size = Meter(members, 2), 0
    responses: list[dict[str, Any]] = []
    for action in entries(members, "TransactItems", MOST_ACTIONS):
        said = required(action, "Get")
        found = table(tables, said)
        item = fetch(tables, found, required(said, "Key"), paths_of(said), meter, True)
        size += 0 if item is None else item_size(item)
        if size > MOST_TRANSACTION:
            raise invalid("Collection size of the items requested exceeds 4MB limit")
        responses.append({} if item is None else {"Item": item})
    return {"Responses": responses, **meter.many()}
