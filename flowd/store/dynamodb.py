"""The tables of DynamoDB over one session: what `flowd.services.dynamodb` asks of them, on the driver's own connection.

An item is read and written some ten thousand times a second; the ORM would cost as much as all the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlmodel import Session

from flowd.services.dynamodb.tables import Bounds, Build, RowKey, Stored, Table
from flowd.services.dynamodb.values import Item
from flowd.store.database import raw
from flowd.store.dynamodb_streams import DynamodbStreams

_pack, _unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
_json, _unjson = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
_TABLE: Final = (
    "SELECT id, name, table_id, definition, created_ms, ttl_attribute, tags, item_count, size_bytes FROM dynamodb_table"
)
_ITEM: Final = "SELECT id, body, size FROM dynamodb_item"
_ENTRY: Final = "SELECT i.id, i.body, i.size FROM dynamodb_entry AS e JOIN dynamodb_item AS i ON i.id = e.item_id"
_FIRST: Final = b""


class DynamodbTables(DynamodbStreams):
    """One transaction's view of the tables."""

    def __init__(self, session: Session) -> None:
        self._sql = raw(session)

    # -- tables ------------------------------------------------------------------

    def table(self, name: str) -> Table | None:
        return self._table("WHERE name = ?", name)

    def table_by_id(self, table_id: int) -> Table | None:
        return self._table("WHERE id = ?", table_id)

    def _table(self, where: str, value: Any) -> Table | None:
        row = self._sql.execute(f"{_TABLE} {where}", (value,)).fetchone()
        if row is None:
            return None
        number, name, table_id, definition, created_ms, ttl, tags, count, size = row
        return Table(number, name, table_id, _unjson(definition), created_ms, ttl, _unjson(tags), count, size)

    def names(self, after: str, limit: int) -> Sequence[str]:
        query = "SELECT name FROM dynamodb_table WHERE name > ? ORDER BY name LIMIT ?"
        return [name for (name,) in self._sql.execute(query, (after, limit))]

    def count(self) -> int:
        (found,) = self._sql.execute("SELECT count(*) FROM dynamodb_table").fetchone()
        return int(found)

    def add_table(self, table: Table) -> None:
        made = self._sql.execute(
            "INSERT INTO dynamodb_table (name, table_id, definition, tags, ttl_attribute, item_count, size_bytes, "
            "created_ms) VALUES (?, ?, ?, ?, '', 0, 0, ?)",
            (table.name, table.table_id, _text(table.definition), _text(table.tags), table.created_ms),
        )
        table.id = made.lastrowid or 0

    def save_table(self, table: Table) -> None:
        self._sql.execute(
            "UPDATE dynamodb_table SET definition = ?, tags = ?, ttl_attribute = ? WHERE id = ?",
            (_text(table.definition), _text(table.tags), table.ttl_attribute, table.id),
        )

    def drop_table(self, table: Table) -> None:
        self._sql.execute("DELETE FROM dynamodb_build WHERE table_id = ?", (table.id,))
        self._sql.execute("DELETE FROM dynamodb_table WHERE id = ?", (table.id,))

    def drop_left(self, table_id: int, limit: int) -> bool:
        query = "SELECT id FROM dynamodb_item WHERE table_id = ? LIMIT ?"
        rows = self._sql.execute(query, (table_id, limit)).fetchall()
        self._sql.executemany("DELETE FROM dynamodb_entry WHERE item_id = ?", rows)
        self._sql.executemany("DELETE FROM dynamodb_item WHERE id = ?", rows)
        return len(rows) == limit

    # -- items -------------------------------------------------------------------

    def item(self, table: Table, key: RowKey) -> Stored | None:
        query = f"{_ITEM} WHERE table_id = ? AND bucket = ? AND partition = ? AND sort = ?"
        return _stored(self._sql.execute(query, (table.id, key.bucket, key.partition, key.sort)).fetchone())

    def put_item(
        self, table: Table, key: RowKey, old: Stored | None, item: Item, size: int, expires_s: int | None
    ) -> int:
        body = _pack(item)
        if old is not None:
            change = "UPDATE dynamodb_item SET body = ?, size = ?, expires_s = ? WHERE id = ?"
            self._sql.execute(change, (body, size, expires_s, old.row))
            self._counted(table, 0, size - old.size)
            return old.row
        made = self._sql.execute(
            "INSERT INTO dynamodb_item (table_id, bucket, partition, sort, size, expires_s, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (table.id, key.bucket, key.partition, key.sort, size, expires_s, body),
        )
        self._counted(table, 1, size)
        return made.lastrowid or 0

    def drop_item(self, table: Table, old: Stored) -> None:
        self._sql.execute("DELETE FROM dynamodb_entry WHERE item_id = ?", (old.row,))
        self._sql.execute("DELETE FROM dynamodb_item WHERE id = ?", (old.row,))
        self._counted(table, -1, -old.size)

    def _counted(self, table: Table, items: int, size: int) -> None:
        change = "UPDATE dynamodb_table SET item_count = item_count + ?, size_bytes = size_bytes + ? WHERE id = ?"
        self._sql.execute(change, (items, size, table.id))

    def items(
        self, table: Table, partition: RowKey, bounds: Bounds, after: RowKey | None, forward: bool
    ) -> Iterator[Stored]:
        where, values = _within(bounds, "sort")
        if after is not None:
            where += f" AND sort {'>' if forward else '<'} ?"
            values.append(after.sort)
        query = f"{_ITEM} WHERE table_id = ? AND bucket = ? AND partition = ?{where} ORDER BY sort {_way(forward)}"
        return self._each(query, table.id, partition.bucket, partition.partition, *values)

    def all_items(self, table: Table, buckets: tuple[int, int], after: RowKey | None) -> Iterator[Stored]:
        start = RowKey(buckets[0], _FIRST) if after is None else after
        sign = ">=" if after is None else ">"
        query = (
            f"{_ITEM} WHERE table_id = ? AND bucket < ? AND (bucket, partition, sort) {sign} (?, ?, ?) "
            "ORDER BY bucket, partition, sort"
        )
        return self._each(query, table.id, buckets[1], start.bucket, start.partition, start.sort)

    def collection_size(self, table: Table, partition: RowKey) -> int:
        query = "SELECT coalesce(sum(size), 0) FROM dynamodb_item WHERE table_id = ? AND bucket = ? AND partition = ?"
        (found,) = self._sql.execute(query, (table.id, partition.bucket, partition.partition)).fetchone()
        return int(found)

    # -- indexes -----------------------------------------------------------------

    def set_entry(self, table: Table, index: str, row: int, key: RowKey | None) -> None:
        self._sql.execute("DELETE FROM dynamodb_entry WHERE item_id = ? AND index_name = ?", (row, index))
        if key is not None:
            self._sql.execute(
                "INSERT INTO dynamodb_entry (table_id, index_name, bucket, partition, sort, item, item_id) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (table.id, index, *key, row),
            )

    def drop_entries(self, table_id: int, index: str, limit: int) -> bool:
        query = "SELECT id FROM dynamodb_entry WHERE table_id = ? AND index_name = ? LIMIT ?"
        rows = self._sql.execute(query, (table_id, index, limit)).fetchall()
        self._sql.executemany("DELETE FROM dynamodb_entry WHERE id = ?", rows)
        return len(rows) == limit

    def index_counts(self, table: Table, index: str) -> tuple[int, int]:
        query = (
            "SELECT count(*), coalesce(sum(i.size), 0) FROM dynamodb_entry AS e JOIN dynamodb_item AS i "
            "ON i.id = e.item_id WHERE e.table_id = ? AND e.index_name = ?"
        )
        count, size = self._sql.execute(query, (table.id, index)).fetchone()
        return count, size

    def entries(
        self, table: Table, index: str, partition: RowKey, bounds: Bounds, after: RowKey | None, forward: bool
    ) -> Iterator[Stored]:
        where, values = _within(bounds, "e.sort")
        if after is not None:
            where += f" AND (e.sort, e.item) {'>' if forward else '<'} (?, ?)"
            values += [after.sort, after.item]
        way = _way(forward)
        query = (
            f"{_ENTRY} WHERE e.table_id = ? AND e.index_name = ? AND e.bucket = ? AND e.partition = ?{where} "
            f"ORDER BY e.sort {way}, e.item {way}"
        )
        return self._each(query, table.id, index, partition.bucket, partition.partition, *values)

    def all_entries(self, table: Table, index: str, buckets: tuple[int, int], after: RowKey | None) -> Iterator[Stored]:
        start = RowKey(buckets[0], _FIRST) if after is None else after
        sign = ">=" if after is None else ">"
        query = (
            f"{_ENTRY} WHERE e.table_id = ? AND e.index_name = ? AND e.bucket < ? "
            f"AND (e.bucket, e.partition, e.sort, e.item) {sign} (?, ?, ?, ?) "
            "ORDER BY e.bucket, e.partition, e.sort, e.item"
        )
        return self._each(query, table.id, index, buckets[1], *start)

    # -- what is being built -------------------------------------------------------

    def builds(self, table: Table) -> frozenset[str]:
        query = "SELECT name FROM dynamodb_build WHERE table_id = ?"
        return frozenset(name for (name,) in self._sql.execute(query, (table.id,)))

    def first_build(self) -> tuple[int, Build] | None:
        row = self._sql.execute("SELECT table_id, name, bucket, partition, sort FROM dynamodb_build LIMIT 1").fetchone()
        return None if row is None else (row[0], Build(row[1], RowKey(*row[2:])))

    def save_build(self, table_id: int, build: Build) -> None:
        assert build.after is not None
        change = (
            "INSERT OR REPLACE INTO dynamodb_build (table_id, name, bucket, partition, sort) VALUES (?, ?, ?, ?, ?)"
        )
        self._sql.execute(change, (table_id, build.name, *build.after[:3]))

    def end_build(self, table_id: int, name: str) -> None:
        self._sql.execute("DELETE FROM dynamodb_build WHERE table_id = ? AND name = ?", (table_id, name))

    # -- time to live, tokens ------------------------------------------------------

    def set_expiry(self, row: int, expires_s: int | None) -> None:
        self._sql.execute("UPDATE dynamodb_item SET expires_s = ? WHERE id = ?", (expires_s, row))

    def expired(self, now_s: int, limit: int) -> Sequence[tuple[int, Stored]]:
        query = (
            "SELECT table_id, id, body, size FROM dynamodb_item WHERE expires_s IS NOT NULL AND expires_s <= ? LIMIT ?"
        )
        rows = self._sql.execute(query, (now_s, limit)).fetchall()
        return [(table_id, Stored(row, _unpack(body), size)) for table_id, row, body, size in rows]

    def next_expiry(self) -> int | None:
        query = "SELECT min(expires_s) FROM dynamodb_item WHERE expires_s IS NOT NULL"
        (found,) = self._sql.execute(query).fetchone()
        return None if found is None else int(found)

    def token(self, token: str, since_ms: int) -> tuple[bytes, dict[str, Any]] | None:
        query = "SELECT digest, answer FROM dynamodb_token WHERE token = ? AND at_ms > ?"
        row = self._sql.execute(query, (token, since_ms)).fetchone()
        return None if row is None else (row[0], _unpack(row[1]))

    def remember_token(self, token: str, digest: bytes, answer: dict[str, Any], now_ms: int) -> None:
        change = "INSERT OR REPLACE INTO dynamodb_token (token, digest, answer, at_ms) VALUES (?, ?, ?, ?)"
        self._sql.execute(change, (token, digest, _pack(answer), now_ms))

    def forget_tokens(self, before_ms: int) -> None:
        self._sql.execute("DELETE FROM dynamodb_token WHERE at_ms <= ?", (before_ms,))

    # -- how -----------------------------------------------------------------------

    def _each(self, query: str, *values: Any) -> Iterator[Stored]:
        for row in self._sql.execute(query, values):
            yield Stored(row[0], _unpack(row[1]), row[2])


def _stored(row: Any) -> Stored | None:
    return None if row is None else Stored(row[0], _unpack(row[1]), row[2])


def _within(bounds: Bounds, column: str) -> tuple[str, list[Any]]:
    where, values = "", []
    if bounds.lower is not None:
        where += f" AND {column} >= ?"
        values.append(bounds.lower)
    if bounds.upper is not None:
        where += f" AND {column} < ?"
        values.append(bounds.upper)
    return where, values


def _way(forward: bool) -> str:
    return "ASC" if forward else "DESC"


def _text(value: Any) -> str:
    return _json(value).decode()
