"""Time to live, tags, and what a client may ask about this box: its limits, its address, its backups."""

from __future__ import annotations

from typing import Any, Final

from flowd.services.dynamodb import backfill, streams
from flowd.services.dynamodb.control import named, tags
from flowd.services.dynamodb.errors import invalid
from flowd.services.dynamodb.keys import Schema
from flowd.services.dynamodb.requests import required, table_name
from flowd.services.dynamodb.tables import Table, Tables
from flowd.services.ports import Call, Members, ServiceError

MOST_TAGS: Final = 50
AT_ONCE: Final = 500  # items that one transaction lets expire
TOKEN_MS: Final = 10 * 60 * 1000  # for how long a ClientRequestToken counts


def update_time_to_live(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    table = named(tables, members)
    said = required(members, "TimeToLiveSpecification")
    attribute, enabled = required(said, "AttributeName"), required(said, "Enabled")
    if enabled == bool(table.ttl_attribute):
        raise invalid(f"TimeToLive is already {'enabled' if enabled else 'disabled'}")
    if not enabled and attribute != table.ttl_attribute:
        raise invalid("TimeToLive is active on a different AttributeName: current AttributeName is "
                      f"{table.ttl_attribute}")  # fmt: skip
    table.ttl_attribute = attribute if enabled else ""
    tables.save_table(table)
    backfill.begin(tables, table, backfill.TIME_TO_LIVE, call)
    call.due_ms.append(call.now_ms + 1)
    return {"TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled}}


def describe_time_to_live(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    table = named(tables, members)
    attribute, going_on = table.ttl_attribute, backfill.TIME_TO_LIVE in tables.builds(table)
    if not attribute:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLING" if going_on else "DISABLED"}}
    status = "ENABLING" if going_on else "ENABLED"
    return {"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": attribute}}


def tag_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    table = _tagged(tables, members)
    table.tags = {**table.tags, **tags(required(members, "Tags"))}
    if len(table.tags) > MOST_TAGS:
        raise invalid(f"Too many tags: a table has at most {MOST_TAGS}")
    tables.save_table(table)
    return {}


def untag_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    table = _tagged(tables, members)
    for key in required(members, "TagKeys"):
        table.tags.pop(key, None)
    tables.save_table(table)
    return {}


def list_tags_of_resource(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    table = _tagged(tables, members)
    return {"Tags": [{"Key": key, "Value": value} for key, value in table.tags.items()]}


def _tagged(tables: Tables, members: Members) -> Table:
    arn = required(members, "ResourceArn")
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "dynamodb" or not parts[5].startswith("table/"):
        raise invalid(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    table = tables.table(parts[5].removeprefix("table/"))
    if table is None:
        raise ServiceError("ResourceNotFoundException", f"Requested resource not found: ResourcArn: {arn} not found")
    return table


def describe_limits(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """AWS's own of a new account; this box has none."""
    return {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }


def describe_endpoints(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    address = call.endpoint.partition("://")[2] or f"dynamodb.{call.region}.amazonaws.com"
    return {"Endpoints": [{"Address": address, "CachePeriodInMinutes": 1440}]}


def describe_continuous_backups(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """There are none: `flowd backup` copies the whole box. Tools that read a table's state ask for it."""
    name = table_name(members)
    if tables.table(name) is None:
        raise ServiceError("TableNotFoundException", f"Table not found: {name}")
    off = {"PointInTimeRecoveryStatus": "DISABLED"}
    return {
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "DISABLED",
            "PointInTimeRecoveryDescription": off,
        }
    }


def tick(tables: Tables, call: Call) -> int | None:
    """Items that have lived long enough go, as the service's own deletions; so do old tokens and stream records.

    Indexes are filled.
    """
    tables.forget_tokens(call.now_ms - TOKEN_MS)
    expired = tables.expired(call.now_ms // 1000, AT_ONCE)
    for table_id, stored in expired:
        table = tables.table_by_id(table_id)
        if table is None or backfill.expiry(table, stored.item, call.now_ms) is None:
            tables.set_expiry(stored.row, None)  # its table is gone, or has no time to live any more
        else:
            tables.drop_item(table, stored)
            streams.note(tables, table, Schema(table).key, stored.item, None, call, service=True)
    build_ms, trim_ms, due_s = backfill.work(tables, call), streams.trim(tables, call), tables.next_expiry()
    every = (build_ms, trim_ms, None if due_s is None else due_s * 1000)
    due = [due_ms for due_ms in every if due_ms is not None]
    return max(min(due), call.now_ms + 1) if due else None
