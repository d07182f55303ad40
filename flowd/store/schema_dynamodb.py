"""The tables of DynamoDB: definitions, items, entries in secondary indexes, streams.

Keys are bytes in the order of values.
This module holds no queries.
"""

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, Index, SQLModel


def _blob() -> Column[bytes]:
    return Column(LargeBinary, nullable=False)


class DynamodbTable(SQLModel, table=True):
    """A table. `definition` is what CreateTable and UpdateTable said of it, as JSON."""

    __tablename__ = "dynamodb_table"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    table_id: str
    definition: str
    tags: str = "{}"
    ttl_attribute: str = ""
    item_count: int = 0
    size_bytes: int = 0
    created_ms: int = 0

    __table_args__ = ({"sqlite_autoincrement": True},)


class DynamodbItem(SQLModel, table=True):
    """An item. `bucket` is a hash of the partition key: scans and their segments go by it."""

    __tablename__ = "dynamodb_item"
    id: int | None = Field(default=None, primary_key=True)
    table_id: int
    bucket: int
    partition: bytes = Field(sa_column=_blob())
    sort: bytes = Field(sa_column=_blob())
    size: int
    expires_s: int | None = None
    body: bytes = Field(sa_column=_blob())  # msgpack

    __table_args__ = (Index("dynamodb_item_key", "table_id", "bucket", "partition", "sort", unique=True),)


class DynamodbEntry(SQLModel, table=True):
    """An item's entry in one secondary index. `item` tells entries with equal keys apart."""

    __tablename__ = "dynamodb_entry"
    id: int | None = Field(default=None, primary_key=True)
    table_id: int
    index_name: str
    bucket: int
    partition: bytes = Field(sa_column=_blob())
    sort: bytes = Field(sa_column=_blob())
    item: bytes = Field(sa_column=_blob())
    item_id: int

    __table_args__ = (
        Index("dynamodb_entry_key", "table_id", "index_name", "bucket", "partition", "sort", "item", unique=True),
        Index("dynamodb_entry_item", "item_id", "index_name"),
    )


class DynamodbToken(SQLModel, table=True):
    """A ClientRequestToken of a transaction: what was asked for, and the answer."""

    __tablename__ = "dynamodb_token"
    token: str = Field(primary_key=True)
    digest: bytes = Field(sa_column=_blob())
    answer: bytes = Field(sa_column=_blob())
    at_ms: int = Field(index=True)


class DynamodbStream(SQLModel, table=True):
    """A stream of a table, known for a day after it has ended. `key_schema` is JSON."""

    __tablename__ = "dynamodb_stream"
    id: int | None = Field(default=None, primary_key=True)
    table_name: str
    label: str
    view: str
    key_schema: str
    created_ms: int
    ended_ms: int = 0

    __table_args__ = (
        Index("dynamodb_stream_name", "table_name", "label", unique=True),
        {"sqlite_autoincrement": True},
    )


class DynamodbRecord(SQLModel, table=True):
    """A change of an item, in the order of the ids."""

    __tablename__ = "dynamodb_record"
    id: int | None = Field(default=None, primary_key=True)
    stream_id: int
    at_ms: int = Field(index=True)
    body: bytes = Field(sa_column=_blob())  # msgpack

    __table_args__ = (Index("dynamodb_record_order", "stream_id", "id"), {"sqlite_autoincrement": True})


class DynamodbBuild(SQLModel, table=True):
    """What is being worked out for all items of a table, and the key of the last item that is done."""

    __tablename__ = "dynamodb_build"
    table_id: int = Field(primary_key=True)
    name: str = Field(primary_key=True)  # of an index; "" = time to live
    bucket: int
    partition: bytes = Field(sa_column=_blob())
    sort: bytes = Field(sa_column=_blob())
