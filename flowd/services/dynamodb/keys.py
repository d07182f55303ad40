"""Key schemas of tables and indexes: which attributes make a key, whether an item fits, its key as ordered bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from flowd.services.dynamodb import numbers
from flowd.services.dynamodb.errors import invalid, invalid_values
from flowd.services.dynamodb.tables import RowKey, Table
from flowd.services.dynamodb.values import Item, Value, checked, content, kind

BUCKETS: Final = 1 << 32
MOST_PARTITION: Final = 2048
MOST_SORT: Final = 1024
MISMATCH: Final = "The provided key element does not match the schema"


def encoded(value: Value) -> bytes:
    """Bytes that sort as the values of one type do."""
    match kind(value):
        case "S":
            return bytes(content(value).encode("utf-8", "surrogatepass"))
        case "N":
            return numbers.ordered(content(value))
        case _:
            return bytes(content(value))


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class KeySchema:
    """A partition key and perhaps a sort key."""

    partition: KeyAttribute
    sort: KeyAttribute | None

    @classmethod
    def of(cls, elements: Iterable[Mapping[str, str]], types: Mapping[str, str]) -> KeySchema:
        found = {element["KeyType"]: element["AttributeName"] for element in elements}
        sort = found.get("RANGE")
        partition = KeyAttribute(found["HASH"], types[found["HASH"]])
        return cls(partition, None if sort is None else KeyAttribute(sort, types[sort]))

    @property
    def attributes(self) -> tuple[KeyAttribute, ...]:
        return (self.partition,) if self.sort is None else (self.partition, self.sort)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.attributes)

    def part(self, item: Item) -> Item:
        """The key's attributes of an item that has them."""
        return {name: item[name] for name in self.names}

    def fits(self, item: Item) -> bool:
        """True if the item has all attributes of the key, in their types."""
        return all(
            attribute.name in item and kind(item[attribute.name]) == attribute.type for attribute in self.attributes
        )

    def row_key(self, item: Item) -> RowKey:
        partition = encoded(item[self.partition.name])
        sort = b"" if self.sort is None else encoded(item[self.sort.name])
        return RowKey(zlib.crc32(partition), partition, sort)

    def partition_key(self, value: Value) -> RowKey:
        partition = encoded(value)
        return RowKey(zlib.crc32(partition), partition)

    def checked_key(self, key: Mapping[str, Mapping[str, Any]]) -> Item:
        """The `Key` of a request: exactly these attributes, in their types."""
        if set(key) != set(self.names):
            raise invalid(MISMATCH)
        found = {name: checked(value) for name, value in key.items()}
        for attribute in self.attributes:
            if kind(found[attribute.name]) != attribute.type:
                raise invalid(MISMATCH)
        self.check_content(found)
        return found

    def check_item(self, item: Item) -> None:
        """An item that is put has the key."""
        for attribute in self.attributes:
            if attribute.name not in item:
                raise invalid_values(f"Missing the key {attribute.name} in the item")
            found = kind(item[attribute.name])
            if found != attribute.type:
                reason = f"Type mismatch for key {attribute.name} expected: {attribute.type} actual: {found}"
                raise invalid_values(reason)
        self.check_content(item)

    def check_content(self, item: Item) -> None:
        """Keys are neither empty nor too long."""
        for attribute in self.attributes:
            value = item[attribute.name]
            if kind(value) != "N" and not content(value):
                word = "string" if kind(value) == "S" else "binary"
                raise invalid(
                    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain "
                    f"an empty {word} value. Key: {attribute.name}"
                )
        if len(encoded(item[self.partition.name])) > MOST_PARTITION:
            raise invalid_values("Size of hashkey has exceeded the maximum size limit of2048 bytes")
        if self.sort is not None and len(encoded(item[self.sort.name])) > MOST_SORT:
            raise invalid_values("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: its own key, and what of an item it shows."""

    name: str
    is_global: bool
    schema: KeySchema
    projection: str  # ALL | KEYS_ONLY | INCLUDE
    included: frozenset[str]

    def shows(self, attribute: str, table: KeySchema) -> bool:
        return self.projection == "ALL" or attribute in {*self.schema.names, *table.names, *self.included}

    def projected(self, item: Item, table: KeySchema) -> Item:
        if self.projection == "ALL":
            return item
        return {name: value for name, value in item.items() if self.shows(name, table)}

    def row_key(self, item: Item, table: KeySchema) -> RowKey | None:
        """The item's entry, or None: an index holds those items only that have its key."""
        if not all(name in item for name in self.schema.names):
            return None
        return self.schema.row_key(item)._replace(item=_identity(table.row_key(item)))

    def check_item(self, item: Item) -> None:
        """An attribute that an index is sorted by has its type, and something in it."""
        for attribute in self.schema.attributes:
            value = item.get(attribute.name)
            if value is None:
                continue
            if kind(value) != attribute.type:
                raise invalid_values(
                    f"Type mismatch for Index Key {attribute.name} Expected: {attribute.type} Actual: {kind(value)} "
                    f"IndexName: {self.name}"
                )
            if kind(value) != "N" and not content(value):
                word = "string" if kind(value) == "S" else "binary"
                raise invalid(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not "
                    f"supported. The AttributeValue for a key attribute cannot contain an empty {word} value. "
                    f"IndexName: {self.name}, IndexKey: {attribute.name}"
                )


def _identity(key: RowKey) -> bytes:
    return len(key.partition).to_bytes(2, "big") + key.partition + key.sort


class Schema:
    """The key and the indexes of one table."""

    def __init__(self, table: Table) -> None:
        self._definition = table.definition
        self._types = {
            attribute["AttributeName"]: attribute["AttributeType"]
            for attribute in table.definition["AttributeDefinitions"]
        }
        self.key = KeySchema.of(table.definition["KeySchema"], self._types)

    @cached_property
    def indexes(self) -> dict[str, Index]:
        """By name, local ones first."""
        found = [*self._of_kind("LocalSecondaryIndexes", False), *self._of_kind("GlobalSecondaryIndexes", True)]
        return {index.name: index for index in found}

    @property
    def has_collections(self) -> bool:
        """Item collections are measured in tables with local indexes only."""
        return bool(self._definition.get("LocalSecondaryIndexes"))

    def _of_kind(self, member: str, is_global: bool) -> list[Index]:
        return [
            Index(
                index["IndexName"],
                is_global,
                KeySchema.of(index["KeySchema"], self._types),
                index["Projection"]["ProjectionType"],
                frozenset(index["Projection"].get("NonKeyAttributes", ())),
            )
            for index in self._definition.get(member) or ()
        ]
