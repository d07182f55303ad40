"""ReturnConsumedCapacity and ReturnItemCollectionMetrics: what a request costs on AWS. Nothing is throttled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from flowd.services.dynamodb.keys import Index, Schema
from flowd.services.dynamodb.requests import CAPACITY, METRICS, choice
from flowd.services.dynamodb.tables import Table, Tables
from flowd.services.dynamodb.values import Item

READ_UNIT: Final = 4096
WRITE_UNIT: Final = 1024
GIB: Final = 1 << 30


def read_units(size: int, consistent: bool) -> float:
    units = max(1, -(-size // READ_UNIT))
    return float(units) if consistent else units / 2


def write_units(size: int) -> float:
    return float(max(1, -(-size // WRITE_UNIT)))


class Meter:
    """What one request consumes, table by table. `factor` is two in a transaction."""

    def __init__(self, members: Mapping[str, Any], factor: int = 1) -> None:
        self.mode = choice(members, "ReturnConsumedCapacity", CAPACITY, "NONE")
        self._factor = factor
        self._units: dict[str, dict[Index | None, float]] = defaultdict(lambda: defaultdict(float))

    def add(self, table: Table, units: float, index: Index | None = None) -> None:
        self._units[table.name][index] += units * self._factor

    def one(self) -> dict[str, Any]:
        """The member of an answer about one table."""
        told = self._told()
        return {"ConsumedCapacity": told[0]} if told else {}

    def many(self) -> dict[str, Any]:
        """The member of an answer about many tables."""
        told = self._told()
        return {"ConsumedCapacity": told} if told else {}

    def _told(self) -> list[dict[str, Any]]:
        if self.mode == "NONE":
            return []
        return [self._table(name, units) for name, units in self._units.items()]

    def _table(self, name: str, units: Mapping[Index | None, float]) -> dict[str, Any]:
        found: dict[str, Any] = {"TableName": name, "CapacityUnits": sum(units.values())}
        if self.mode != "INDEXES":
            return found
        found["Table"] = {"CapacityUnits": units.get(None, 0.0)}
        for index, amount in units.items():
            if index is not None:
                member = "GlobalSecondaryIndexes" if index.is_global else "LocalSecondaryIndexes"
                found.setdefault(member, {})[index.name] = {"CapacityUnits": amount}
        return found


def collection(
    tables: Tables, table: Table, schema: Schema, key: Item, members: Mapping[str, Any]
) -> dict[str, Any] | None:
    """ItemCollectionMetrics; None for a table without local indexes, or where nobody asked."""
    if choice(members, "ReturnItemCollectionMetrics", METRICS, "NONE") == "NONE" or not schema.has_collections:
        return None
    partition = schema.key.partition
    size = tables.collection_size(table, schema.key.partition_key(key[partition.name])) / GIB
    return {
        "ItemCollectionKey": {partition.name: key[partition.name]},
        "SizeEstimateRangeGB": [float(int(size)), float(int(size) + 1)],
    }
