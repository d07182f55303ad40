"""Streams of tables: what a change of an item leaves behind, written in the change's own transaction.

A stream has one shard, open until the stream is disabled. Its records are kept for 24 hours, and a disabled stream as
long. Source: DynamoDB developer guide, "Change data capture for DynamoDB Streams".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flowd.services.dynamodb.errors import invalid, invalid_values
from flowd.services.dynamodb.keys import KeySchema
from flowd.services.dynamodb.requests import choice, required
from flowd.services.dynamodb.tables import Stream, Table, Tables
from flowd.services.dynamodb.values import Item, item_size
from flowd.services.ports import Call

VIEWS: Final = ("NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY")
KEPT_MS: Final = 24 * 3600 * 1000
ROUND_MS: Final = 60_000  # what is too old is dropped once a minute; nobody is shown it meanwhile
AT_ONCE: Final = 5_000  # records that one transaction drops


def check(specification: Mapping[str, Any] | None) -> str:
    """The view type that a StreamSpecification asks for; "" = no stream."""
    if specification is None:
        return ""
    enabled = required(specification, "StreamEnabled")
    view = specification.get("StreamViewType")
    if not enabled:
        if view is not None:
            raise invalid_values("StreamViewType cannot be specified when StreamEnabled is false")
        return ""
    if view is None:
        raise invalid_values("StreamViewType must be specified when StreamEnabled is true")
    return choice(specification, "StreamViewType", VIEWS, "")


def enable(tables: Tables, table: Table, view: str, call: Call) -> None:
    """A new stream from now on; who saves the table does so afterwards."""
    made_ms = call.now_ms
    while tables.stream(table.name, label_of(made_ms)) is not None:  # labels are names: two of a moment get two
        made_ms += 1
    label = label_of(made_ms)
    stream = Stream(0, table.name, label, view, list(table.definition["KeySchema"]), call.now_ms)
    tables.add_stream(stream)
    table.definition["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    table.definition["LatestStreamLabel"] = label
    call.wake.append(news(table.name))


def change(tables: Tables, table: Table, specification: Mapping[str, Any] | None, call: Call) -> None:
    """UpdateTable's StreamSpecification: on or off. A view type changes only by way of off."""
    if specification is None:
        return
    view, on = check(specification), "StreamSpecification" in table.definition
    if view and on:
        raise invalid(f"Table already has an enabled stream: TableName: {table.name}")
    if view:
        enable(tables, table, view, call)
    elif not on:
        raise invalid(f"Table does not have a stream to disable: TableName: {table.name}")
    else:
        disable(tables, table, call)


def disable(tables: Tables, table: Table, call: Call) -> None:
    """End the table's stream, if it has one; its records can be read until they are too old."""
    if table.definition.pop("StreamSpecification", None) is None:
        return
    tables.end_stream(table.name, table.definition["LatestStreamLabel"], call.now_ms)
    call.wake.append(news(table.name))
    call.due_ms.append(call.now_ms + KEPT_MS + ROUND_MS)


def note(
    tables: Tables,
    table: Table,
    key: KeySchema,
    old: Item | None,
    new: Item | None,
    call: Call,
    *,
    service: bool = False,
) -> None:
    """Write down that an item has changed; nothing for a table without a stream, or where nothing is another.

    `service` is true for what DynamoDB did by itself: an item whose time to live was over.
    """
    said = table.definition.get("StreamSpecification")
    if said is None or old == new:
        return
    view = said["StreamViewType"]
    keys = key.part(new if new is not None else old or {})
    record: dict[str, Any] = {
        "id": call.new_id().replace("-", ""),
        "name": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "keys": keys,
        "service": service,
    }
    if old is not None and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        record["old"] = old
    if new is not None and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        record["new"] = new
    record["size"] = item_size(keys) + sum(item_size(record[name]) for name in ("old", "new") if name in record)
    tables.add_record(table.name, table.definition["LatestStreamLabel"], call.now_ms, record)
    call.wake.append(news(table.name))
    call.due_ms.append(call.now_ms + KEPT_MS + ROUND_MS)


def trim(tables: Tables, call: Call) -> int | None:
    """Drop what is too old; when there will be something to drop again."""
    tables.trim_streams(call.now_ms - KEPT_MS, AT_ONCE)
    oldest_ms = tables.oldest_of_streams()
    return None if oldest_ms is None else oldest_ms + KEPT_MS + ROUND_MS


def news(table: str) -> str:
    """What readers of a table's stream wait for."""
    return f"dynamodbstreams:{table}"


def label_of(at_ms: int) -> str:
    """As AWS names streams: by the moment, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at_ms % 1000:03d}"


def described(table: Table, arn: str) -> dict[str, Any]:
    """What TableDescription tells of streams: of the last one also when it is over."""
    label = table.definition.get("LatestStreamLabel")
    if label is None:
        return {}
    on = table.definition.get("StreamSpecification")
    told = {"LatestStreamLabel": label, "LatestStreamArn": f"{arn}/stream/{label}"}
    return told if on is None else {"StreamSpecification": on, **told}
