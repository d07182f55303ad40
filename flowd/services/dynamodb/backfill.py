"""What has to be done for every item of a table: its entry in a new index, the end of its life, its end with the table.

A small table is done at once, a large one piece by piece, each in a transaction of its own, so that others can write in
between. Until it is done the index shows nothing (IndexStatus CREATING, Backfilling), as on AWS. A table that is
deleted is gone at once; what is left of it belongs to no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd.services.dynamodb.keys import BUCKETS, Schema
from flowd.services.dynamodb.tables import Build, RowKey, Stored, Table, Tables
from flowd.services.ports import Call

AT_ONCE: Final = 250  # items of one transaction: some 20 ms, which nobody notices
BYTES_AT_ONCE: Final = 4 << 20
TIME_TO_LIVE: Final = ""  # stands for no index
GONE: Final = " "  # stands for the end of all items, before a name for that of an index; no index begins so
_NOWHERE: Final = RowKey(0, b"")
_MISTAKE_S: Final = 5 * 365 * 86_400


def begin(tables: Tables, table: Table, name: str, call: Call) -> None:
    """Fill an index by its name, or TIME_TO_LIVE; what one transaction does not hold is done by `work`."""
    tables.end_build(table.id, name)
    _go_on(tables, table, Build(name, None), call)


def clear(tables: Tables, table: Table, call: Call) -> None:
    """Drop the items of a table that has just been dropped."""
    if tables.drop_left(table.id, AT_ONCE):
        tables.save_build(table.id, Build(GONE, _NOWHERE))
        call.due_ms.append(call.now_ms + 1)


def drop_index(tables: Tables, table: Table, name: str, call: Call) -> None:
    """Drop the entries of an index that has just been dropped. Until they are gone the table can have no new index, as
    on AWS: one of the same name would show them."""
    tables.end_build(table.id, name)
    if tables.drop_entries(table.id, name, AT_ONCE):
        tables.save_build(table.id, Build(GONE + name, _NOWHERE))
        call.due_ms.append(call.now_ms + 1)


def work(tables: Tables, call: Call) -> int | None:
    """One piece of one table; when to come again, or None."""
    found = tables.first_build()
    if found is None:
        return None
    table_id, build = found
    if build.name == GONE:
        if not tables.drop_left(table_id, AT_ONCE):
            tables.end_build(table_id, GONE)
        return call.now_ms + 1
    table = tables.table_by_id(table_id)
    if build.name.startswith(GONE):
        if not tables.drop_entries(table_id, build.name.removeprefix(GONE), AT_ONCE):
            tables.end_build(table_id, build.name)
    elif table is not None:
        _go_on(tables, table, build, call)
    return call.now_ms + 1


def _go_on(tables: Tables, table: Table, build: Build, call: Call) -> None:
    schema = Schema(table)
    piece: list[Stored] = []
    size, more = 0, False
    for stored in tables.all_items(table, (0, BUCKETS), build.after):
        if len(piece) == AT_ONCE or (piece and size + stored.size > BYTES_AT_ONCE):
            more = True
            break
        piece.append(stored)
        size += stored.size
    for stored in piece:
        _fill(tables, table, schema, build.name, stored, call)
    if more:
        tables.save_build(table.id, Build(build.name, schema.key.row_key(piece[-1].item)))
        call.due_ms.append(call.now_ms + 1)
    else:
        tables.end_build(table.id, build.name)


def _fill(tables: Tables, table: Table, schema: Schema, name: str, stored: Stored, call: Call) -> None:
    if name == TIME_TO_LIVE:
        expires_s = expiry(table, stored.item, call.now_ms)
        tables.set_expiry(stored.row, expires_s)
        return
    index = schema.indexes[name]
    if index.schema.fits(stored.item):  # AWS leaves out of a new index what does not fit it
        tables.set_entry(table, name, stored.row, index.row_key(stored.item, schema.key))


def expiry(table: Table, item: Mapping[str, Any], now_ms: int) -> int | None:
    """When an item has lived long enough, in seconds; what is over for more than five years is taken for a mistake."""
    value = item.get(table.ttl_attribute, {}).get("N") if table.ttl_attribute else None
    if value is None or "." in value or len(value) > 15:
        return None
    return int(value) if int(value) > now_ms // 1000 - _MISTAKE_S else None
