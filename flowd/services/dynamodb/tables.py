"""What DynamoDB needs of its tables: definitions, items by key, and reads in the order of keys. `store` implements it.

Keys come as bytes that sort as the values do; the store knows nothing of attribute values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from flowd.services.dynamodb.values import Item


class RowKey(NamedTuple):
    """The key of an item, or of its entry in an index. `bucket` is a hash of the partition: scans go by it.

    `item` tells entries of an index with equal keys apart; in a table it is empty.
    """

    bucket: int
    partition: bytes
    sort: bytes = b""
    item: bytes = b""


class Bounds(NamedTuple):
    """Sort keys to be read: from `lower` up to before `upper`; None = no bound."""

    lower: bytes | None = None
    upper: bytes | None = None


@dataclass(slots=True)
class Table:
    """One table. `definition` has TableDescription's members, as far as somebody decided them."""

    id: int
    name: str
    table_id: str
    definition: dict[str, Any]
    created_ms: int
    ttl_attribute: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    item_count: int = 0
    size_bytes: int = 0


class Stored(NamedTuple):
    """An item as it is kept."""

    row: int
    item: Item
    size: int


@dataclass(slots=True)
class Stream:
    """A stream of a table: it outlives the table for a day. `ended_ms` 0 = open."""

    id: int
    table: str
    label: str
    view: str
    key_schema: list[dict[str, str]]
    created_ms: int
    ended_ms: int = 0


class Record(NamedTuple):
    """A change of an item. `body` has id, name, keys, service, size, and the images `new` and `old` that are shown."""

    row: int
    at_ms: int
    body: dict[str, Any]


class Build(NamedTuple):
    """Something that is being worked out for all items of a table, and the last item that is done."""

    name: str  # of an index; "" = time to live
    after: RowKey | None


class Streams(Protocol):
    """The streams of one box."""

    def add_stream(self, stream: Stream) -> None:
        """Its id is not looked at."""
        ...

    def end_stream(self, table: str, label: str, now_ms: int) -> None: ...

    def stream(self, table: str, label: str | None) -> Stream | None:
        """None as the label: the newest of the table."""
        ...

    def streams(self, table: str | None, after: int, limit: int) -> Sequence[Stream]:
        """In the order of their ids."""
        ...

    def add_record(self, table: str, label: str, now_ms: int, body: dict[str, Any]) -> None: ...

    def records(self, stream: Stream, after: int, since_ms: int, limit: int) -> Iterator[Record]:
        """What was written behind a row and after `since_ms`."""
        ...

    def last_record(self, stream: Stream, before_ms: int | None = None) -> int:
        """The row of its last record (of those before a moment); 0 = none."""
        ...

    def trim_streams(self, before_ms: int, limit: int) -> None:
        """Drop records from up to `before_ms`, `limit` at most, and streams that had ended by then."""
        ...

    def oldest_of_streams(self) -> int | None:
        """When the oldest record was written, or the first stream ended that is still known."""
        ...


class Tables(Streams, Protocol):
    """The tables of one box."""

    def table(self, name: str) -> Table | None: ...

    def names(self, after: str, limit: int) -> Sequence[str]:
        """In their order."""
        ...

    def count(self) -> int: ...

    def add_table(self, table: Table) -> None:
        """Its id is not looked at."""
        ...

    def save_table(self, table: Table) -> None:
        """Its definition, tags and time to live; not its counts."""
        ...

    def drop_table(self, table: Table) -> None:
        """Its items are left, and seen by nobody."""
        ...

    def drop_left(self, table_id: int, limit: int) -> bool:
        """So many items of a table that is gone, with their entries; True if there may be more."""
        ...

    # -- items -------------------------------------------------------------------

    def item(self, table: Table, key: RowKey) -> Stored | None: ...

    def put_item(
        self, table: Table, key: RowKey, old: Stored | None, item: Item, size: int, expires_s: int | None
    ) -> int:
        """Put it in the place of `old`; its row."""
        ...

    def drop_item(self, table: Table, old: Stored) -> None:
        """With its entries in indexes."""
        ...

    def items(
        self, table: Table, partition: RowKey, bounds: Bounds, after: RowKey | None, forward: bool
    ) -> Iterator[Stored]:
        """Those of one partition, by their sort keys."""
        ...

    def all_items(self, table: Table, buckets: tuple[int, int], after: RowKey | None) -> Iterator[Stored]:
        """By their keys, of buckets from one up to before another."""
        ...

    def collection_size(self, table: Table, partition: RowKey) -> int:
        """Bytes in one partition."""
        ...

    # -- indexes -----------------------------------------------------------------

    def set_entry(self, table: Table, index: str, row: int, key: RowKey | None) -> None:
        """The entry of an item in an index, or that it has none."""
        ...

    def drop_entries(self, table_id: int, index: str, limit: int) -> bool:
        """Some entries of an index that is gone; False when no more are left."""
        ...

    def index_counts(self, table: Table, index: str) -> tuple[int, int]:
        """Entries, and their bytes."""
        ...

    def entries(
        self, table: Table, index: str, partition: RowKey, bounds: Bounds, after: RowKey | None, forward: bool
    ) -> Iterator[Stored]:
        """The items behind the entries of one partition, by their sort keys."""
        ...

    def all_entries(
        self, table: Table, index: str, buckets: tuple[int, int], after: RowKey | None
    ) -> Iterator[Stored]: ...

    # -- what is being built -------------------------------------------------------

    def builds(self, table: Table) -> frozenset[str]:
        """The names of what is being built for a table."""
        ...

    def first_build(self) -> tuple[int, Build] | None:
        """(table's id, build) of any table."""
        ...

    def save_build(self, table_id: int, build: Build) -> None: ...

    def end_build(self, table_id: int, name: str) -> None: ...

    # -- time to live, tokens ------------------------------------------------------

    def set_expiry(self, row: int, expires_s: int | None) -> None: ...

    def expired(self, now_s: int, limit: int) -> Sequence[tuple[int, Stored]]:
        """(table's id, item) of what has lived long enough."""
        ...

    def next_expiry(self) -> int | None:
        """In seconds since the epoch."""
        ...

    def table_by_id(self, table_id: int) -> Table | None: ...

    def token(self, token: str, since_ms: int) -> tuple[bytes, dict[str, Any]] | None:
        """What a transaction with this ClientRequestToken asked for (a digest) and was answered."""
        ...

    def remember_token(self, token: str, digest: bytes, answer: dict[str, Any], now_ms: int) -> None: ...

    def forget_tokens(self, before_ms: int) -> None: ...
