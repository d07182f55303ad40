"""The streams of DynamoDB's tables over one session: what `flowd.services.dynamodb` asks of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from flowd.services.dynamodb.tables import Record, Stream

_pack, _unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode
_json, _unjson = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
_STREAM: Final = "SELECT id, table_name, label, view, key_schema, created_ms, ended_ms FROM dynamodb_stream"


class DynamodbStreams:
    """One transaction's view of the streams, on the driver's own connection."""

    _sql: Any

    def add_stream(self, stream: Stream) -> None:
        made = self._sql.execute(
            "INSERT INTO dynamodb_stream (table_name, label, view, key_schema, created_ms, ended_ms) "
            "VALUES (?, ?, ?, ?, ?, 0)",
            (stream.table, stream.label, stream.view, _json(stream.key_schema).decode(), stream.created_ms),
        )
        stream.id = made.lastrowid or 0

    def end_stream(self, table: str, label: str, now_ms: int) -> None:
        change = "UPDATE dynamodb_stream SET ended_ms = ? WHERE table_name = ? AND label = ?"
        self._sql.execute(change, (now_ms, table, label))

    def stream(self, table: str, label: str | None) -> Stream | None:
        query = f"{_STREAM} WHERE table_name = ?1 AND (?2 IS NULL OR label = ?2) ORDER BY id DESC LIMIT 1"
        row = self._sql.execute(query, (table, label)).fetchone()
        return None if row is None else _stream(row)

    def streams(self, table: str | None, after: int, limit: int) -> Sequence[Stream]:
        query = f"{_STREAM} WHERE id > ? AND (? IS NULL OR table_name = ?) ORDER BY id LIMIT ?"
        return [_stream(row) for row in self._sql.execute(query, (after, table, table, limit))]

    def add_record(self, table: str, label: str, now_ms: int, body: dict[str, Any]) -> None:
        self._sql.execute(
            "INSERT INTO dynamodb_record (stream_id, at_ms, body) "
            "SELECT id, ?, ? FROM dynamodb_stream WHERE table_name = ? AND label = ?",
            (now_ms, _pack(body), table, label),
        )

    def records(self, stream: Stream, after: int, since_ms: int, limit: int) -> Iterator[Record]:
        query = (
            "SELECT id, at_ms, body FROM dynamodb_record WHERE stream_id = ? AND id > ? AND at_ms > ? "
            "ORDER BY id LIMIT ?"
        )
        for row, at_ms, body in self._sql.execute(query, (stream.id, after, since_ms, limit)):
            yield Record(row, at_ms, _unpack(body))

    def last_record(self, stream: Stream, before_ms: int | None = None) -> int:
        query = "SELECT coalesce(max(id), 0) FROM dynamodb_record WHERE stream_id = ? AND (? IS NULL OR at_ms < ?)"
        (found,) = self._sql.execute(query, (stream.id, before_ms, before_ms)).fetchone()
        return int(found)

    def trim_streams(self, before_ms: int, limit: int) -> None:
        self._sql.execute(
            "DELETE FROM dynamodb_record WHERE id IN (SELECT id FROM dynamodb_record WHERE at_ms <= ? LIMIT ?)",
            (before_ms, limit),
        )
        self._sql.execute(
            "DELETE FROM dynamodb_stream WHERE ended_ms BETWEEN 1 AND ? "
            "AND NOT EXISTS (SELECT 1 FROM dynamodb_record WHERE stream_id = dynamodb_stream.id)",
            (before_ms,),
        )

    def oldest_of_streams(self) -> int | None:
        query = (
            "SELECT min(at_ms) FROM (SELECT min(at_ms) AS at_ms FROM dynamodb_record UNION ALL "
            "SELECT min(ended_ms) FROM dynamodb_stream WHERE ended_ms > 0)"
        )
        (found,) = self._sql.execute(query).fetchone()
        return None if found is None else int(found)


def _stream(row: Any) -> Stream:
    number, table, label, view, keys, created_ms, ended_ms = row
    return Stream(number, table, label, view, _unjson(keys), created_ms, ended_ms)
