"""Query and Scan: pages of items in the order of keys, of a table or of one of its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from flowd.services.dynamodb import legacy
from flowd.services.dynamodb.binding import Binder
from flowd.services.dynamodb.capacity import Meter, read_units
from flowd.services.dynamodb.conditions import holds
from flowd.services.dynamodb.errors import invalid, invalid_values
from flowd.services.dynamodb.keys import BUCKETS, Index, KeySchema, Schema
from flowd.services.dynamodb.paths import project
from flowd.services.dynamodb.ranges import Range, range_of
from flowd.services.dynamodb.requests import choice, index_name, table, whole
from flowd.services.dynamodb.syntax import Condition, Path
from flowd.services.dynamodb.tables import RowKey, Stored, Table, Tables
from flowd.services.dynamodb.typing_rules import paths_in
from flowd.services.dynamodb.values import Item, checked, kind
from flowd.services.ports import Call, Members

PAGE: Final = 1 << 20
SELECTS: Final = ("ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT")
MOST_SEGMENTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Read:
    """What a Query and a Scan have in common."""

    table: Table
    schema: Schema
    index: Index | None
    select: str
    paths: tuple[Path, ...]
    filter: Condition | None
    limit: int | None
    consistent: bool

    @property
    def key(self) -> KeySchema:
        """That of what is read."""
        return self.schema.key if self.index is None else self.index.schema

    @property
    def key_names(self) -> set[str]:
        """The attributes of a LastEvaluatedKey."""
        return {*self.schema.key.names, *self.key.names}

    def visible(self, item: Item) -> Item:
        """What there is of an item to be filtered and shown. A local index fetches from the table what it has not."""
        if self.index is None:
            return item
        if not self.index.is_global and self.select in ("ALL_ATTRIBUTES", "SPECIFIC_ATTRIBUTES"):
            return item
        return self.index.projected(item, self.schema.key)

    def row_key(self, item: Item) -> RowKey | None:
        if self.index is None:
            return self.schema.key.row_key(item)
        return self.index.row_key(item, self.schema.key)


class Said(NamedTuple):
    """What the expressions of a request say, or its legacy parameters."""

    key: Condition | None
    paths: tuple[Path, ...]
    filter: Condition | None


def _said(members: Members, old_filter: str, *, key: bool) -> Said:
    """What AWS looks at before it looks for the table (as dynalite does, which was measured against AWS)."""
    whole(members, "Limit", 1)
    if members.get("IndexName") is not None:
        index_name(members["IndexName"])
    legacy.check_not_mixed(members)
    binder = Binder(members)
    condition = (legacy.key_conditions(members) or binder.condition("KeyConditionExpression")) if key else None
    if key and condition is None:
        raise invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    paths = legacy.attributes_to_get(members) or binder.projection()
    wanted = legacy.filter_of(members, old_filter) or binder.condition("FilterExpression")
    binder.finish()
    return Said(condition, paths, wanted)


def query(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    said = _said(members, "QueryFilter", key=True)
    assert said.key is not None
    found = table(tables, members)
    schema, index = _place(tables, found, members)
    read = _read(found, schema, index, members, said)
    reach = range_of(said.key, read.key)
    _check_filter(read)
    after = _start(read, members, reach)
    forward = members.get("ScanIndexForward", True)
    if index is None:
        rows = tables.items(found, reach.partition, reach.bounds, after, forward)
    else:
        rows = tables.entries(found, index.name, reach.partition, reach.bounds, after, forward)
    return _page(read, rows, Meter(members))


def scan(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    buckets = _segment(members)
    said = _said(members, "ScanFilter", key=False)
    found = table(tables, members)
    schema, index = _place(tables, found, members)
    read = _read(found, schema, index, members, said)
    after = _start(read, members, None)
    if after is not None and not buckets[0] <= after.bucket < buckets[1]:
        raise invalid("The provided starting key is outside query boundaries based on provided conditions")
    if index is None:
        rows = tables.all_items(found, buckets, after)
    else:
        rows = tables.all_entries(found, index.name, buckets, after)
    return _page(read, rows, Meter(members))


def _place(tables: Tables, found: Table, members: Members) -> tuple[Schema, Index | None]:
    schema = Schema(found)
    name = members.get("IndexName")
    if name is None:
        return schema, None
    index = schema.indexes.get(name)
    if index is None:
        raise invalid(f"The table does not have the specified index: {name}")
    if index.is_global and members.get("ConsistentRead"):
        raise invalid("Consistent reads are not supported on global secondary indexes")
    if index.is_global and name in tables.builds(found):
        raise invalid(f"Cannot read from backfilling global secondary index: {name}")
    return schema, index


def _read(found: Table, schema: Schema, index: Index | None, members: Members, said: Said) -> Read:
    return Read(
        table=found,
        schema=schema,
        index=index,
        select=_select(members, schema, index, said.paths),
        paths=said.paths,
        filter=said.filter,
        limit=members.get("Limit"),
        consistent=bool(members.get("ConsistentRead")),
    )


def _select(members: Members, schema: Schema, index: Index | None, paths: tuple[Path, ...]) -> str:
    otherwise = "SPECIFIC_ATTRIBUTES" if paths else "ALL_ATTRIBUTES" if index is None else "ALL_PROJECTED_ATTRIBUTES"
    select = choice(members, "Select", SELECTS, otherwise)
    if paths and select != "SPECIFIC_ATTRIBUTES":
        words = {"COUNT": "only the Count", "ALL_ATTRIBUTES": "ALL_ATTRIBUTES"}.get(select, select)
        raise invalid(f"Cannot specify the ProjectionExpression when choosing to get {words}")
    if select == "SPECIFIC_ATTRIBUTES" and not paths:
        raise invalid(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and index is None:
        raise invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if index is not None and index.is_global:
        if select == "ALL_ATTRIBUTES" and index.projection != "ALL":
            raise invalid_values(
                f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} because its "
                "projection type is not ALL"
            )
        hidden = sorted({str(path.parts[0]) for path in paths if not index.shows(str(path.parts[0]), schema.key)})
        if hidden:
            raise invalid_values(f"Global secondary index {index.name} does not project [{', '.join(hidden)}]")
    return select


def _check_filter(read: Read) -> None:
    """A filter of a query is over what the key condition is not."""
    for path in () if read.filter is None else paths_in(read.filter):
        if path.parts[0] in read.key.names:
            raise invalid(
                f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {path.parts[0]}"
            )


def _segment(members: Members) -> tuple[int, int]:
    """The buckets of one segment of a parallel scan."""
    total = whole(members, "TotalSegments", 1, MOST_SEGMENTS)
    segment = whole(members, "Segment", 0, MOST_SEGMENTS - 1)
    for given, name, other in ((total, "TotalSegments", "Segment"), (segment, "Segment", "TotalSegments")):
        if given is None and members.get(other) is not None:
            raise invalid(
                f"The {name} parameter is required but was not present in the request when parameter {other} is present"
            )
    if total is None or segment is None:
        return 0, BUCKETS
    if segment >= total:
        raise invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return BUCKETS * segment // total, BUCKETS * (segment + 1) // total


def _start(read: Read, members: Members, reach: Range | None) -> RowKey | None:
    """Where the page before has ended."""
    said = members.get("ExclusiveStartKey")
    if not said:
        return None
    if set(said) != read.key_names:
        raise invalid("The provided starting key is invalid")
    item = {name: checked(value) for name, value in said.items()}
    for attribute in (*read.schema.key.attributes, *read.key.attributes):
        if kind(item[attribute.name]) != attribute.type:
            raise invalid("The provided starting key is invalid: The provided key element does not match the schema")
    after = read.row_key(item)
    assert after is not None
    if reach is not None:
        if after.partition != reach.partition.partition:
            raise invalid("The provided starting key is outside query boundaries based on provided conditions")
        lower, upper = reach.bounds
        if (lower is not None and after.sort < lower) or (upper is not None and after.sort >= upper):
            raise invalid("The provided starting key does not match the range key predicate")
    return after


def _page(read: Read, rows: Iterator[Stored], meter: Meter) -> dict[str, Any]:
    """As much as a page holds: a mebibyte of what was read, or Limit items of it, before the filter."""
    items: list[Item] = []
    count = scanned = size = 0
    last: Mapping[str, Any] | None = None
    for stored in rows:
        if (scanned and size + stored.size > PAGE) or scanned == read.limit:
            break
        scanned, size, last = scanned + 1, size + stored.size, stored.item
        item = read.visible(stored.item)
        if read.filter is not None and not holds(read.filter, item):
            continue
        count += 1
        if read.select != "COUNT":
            items.append(project(item, read.paths) if read.paths else item)
    else:
        # AWS does not look further than Limit: it does not know whether that was all.
        last = last if scanned == read.limit else None
    meter.add(read.table, read_units(size, read.consistent), read.index)
    answer: dict[str, Any] = {} if read.select == "COUNT" else {"Items": items}
    answer |= {"Count": count, "ScannedCount": scanned, **meter.one()}
    if last is not None:
        answer["LastEvaluatedKey"] = {name: last[name] for name in last if name in read.key_names}
    return answer
