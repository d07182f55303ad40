"""Operations about tables: create, describe, update, delete, list. What is made is there at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from flowd.services.dynamodb import backfill, definitions, streams
from flowd.services.dynamodb.errors import in_use, invalid, invalid_values, table_not_found
from flowd.services.dynamodb.keys import Schema
from flowd.services.dynamodb.requests import index_name, new_table_name, required, table_name, whole
from flowd.services.dynamodb.tables import Table, Tables
from flowd.services.ports import Call, Members, ServiceError

#: What UpdateTable can be asked for, and what AWS says where nothing is asked (measured by others, its words).
_CHANGES: Final = (
    *("ProvisionedThroughput", "BillingMode", "StreamSpecification", "GlobalSecondaryIndexUpdates", "SSESpecification"),
    *("ReplicaUpdates", "MultiRegionConsistency", "DeletionProtectionEnabled", "OnDemandThroughput", "WarmThroughput"),
    "TableClass",
)
_NOTHING: Final = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, "
    "SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, "
    "DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required"
)
MOST_TABLES: Final = 2500
PAGE: Final = 100


def named(tables: Tables, members: Members) -> Table:
    """The table that a request is about."""
    name = table_name(members)
    table = tables.table(name)
    if table is None:
        raise table_not_found(name)
    return table


def create_table(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    name = new_table_name(members)
    definition = definitions.definition(members)
    view = streams.check(members.get("StreamSpecification"))
    if tables.table(name) is not None:
        raise in_use(f"Table already exists: {name}")
    if tables.count() >= MOST_TABLES:
        message = f"Subscriber limit exceeded: the number of tables is limited to {MOST_TABLES}"
        raise ServiceError("LimitExceededException", message)
    table = Table(0, name, call.new_id(), definition, call.now_ms, tags=tags(members.get("Tags") or ()))
    if view:
        streams.enable(tables, table, view, call)
    tables.add_table(table)
    return {"TableDescription": definitions.described(tables, table, call, "CREATING")}


def describe_table(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    return {"Table": definitions.described(tables, named(tables, members), call)}


def delete_table(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    table = named(tables, members)
    if table.definition.get("DeletionProtectionEnabled"):
        raise invalid("Resource cannot be deleted as it is currently protected against deletion. "
                      "Disable deletion protection first.")  # fmt: skip
    told = definitions.described(tables, table, call, "DELETING")
    streams.disable(tables, table, call)
    tables.drop_table(table)
    backfill.clear(tables, table, call)
    return {"TableDescription": told}


def list_tables(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    limit = whole(members, "Limit", 1, PAGE) or PAGE
    names = list(tables.names(members.get("ExclusiveStartTableName") or "", limit + 1))
    more = {"LastEvaluatedTableName": names[limit - 1]} if len(names) > limit else {}
    return {"TableNames": names[:limit], **more}


def tags(given: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as a request has them, each key once."""
    pairs = [(required(tag, "Key"), required(tag, "Value")) for tag in given]
    if len(dict(pairs)) < len(pairs):
        raise invalid("One or more parameter values were not valid: duplicate tag keys")
    return dict(pairs)


def update_table(tables: Tables, members: Members, call: Call) -> dict[str, Any]:
    """Billing, protection, class, stream, one global index more or less, which `backfill` fills."""
    if not any(members.get(name) not in (None, []) for name in _CHANGES):
        raise invalid(_NOTHING)
    table = named(tables, members)
    definition = dict(table.definition)
    for name in ("TableClass", "DeletionProtectionEnabled"):
        if name in members:
            definition[name] = members[name]
    if "BillingMode" in members:
        definition.update(definitions.billing(members, ()))
    elif "ProvisionedThroughput" in members:
        if definition["BillingMode"] == "PAY_PER_REQUEST":
            raise invalid_values(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
        definition["ProvisionedThroughput"] = definitions.throughput(members["ProvisionedThroughput"])
    table.definition = definition
    streams.change(tables, table, members.get("StreamSpecification"), call)
    changes = members.get("GlobalSecondaryIndexUpdates") or ()
    going_on = len(tables.builds(table) - {backfill.TIME_TO_LIVE})
    if going_on * any("Create" in change for change in changes) or (
        sum("Create" in change or "Delete" in change for change in changes) > 1
    ):
        message = "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
        raise ServiceError("LimitExceededException", message)
    for change in changes:
        _change_index(tables, table, change, members.get("AttributeDefinitions") or (), call)
    tables.save_table(table)
    return {"TableDescription": definitions.described(tables, table, call, "UPDATING")}


def _change_index(tables: Tables, table: Table, change: Mapping[str, Any], attributes: Any, call: Call) -> None:
    if len(change) != 1:
        raise invalid_values("Exactly one of Create, Update and Delete is expected in a GlobalSecondaryIndexUpdate")
    action, said = next(iter(change.items()))
    name = index_name(required(said, "IndexName"))
    known = table.definition.get("GlobalSecondaryIndexes") or []
    there = any(index["IndexName"] == name for index in known)
    if action == "Create":
        if name in Schema(table).indexes:
            raise invalid(f"Attempting to create an index which already exists: {name}")
        _create_index(tables, table, said, attributes, call)
    elif not there:
        raise ServiceError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
    elif action == "Delete":
        kept = [index for index in known if index["IndexName"] != name]
        table.definition["GlobalSecondaryIndexes"] = kept
        _forget_attributes(table)
        backfill.drop_index(tables, table, name, call)
    else:
        units = definitions.throughput(said.get("ProvisionedThroughput"))
        table.definition["GlobalSecondaryIndexes"] = [
            {**index, "ProvisionedThroughput": units} if index["IndexName"] == name else index for index in known
        ]


def _create_index(tables: Tables, table: Table, said: Mapping[str, Any], attributes: Any, call: Call) -> None:
    known = {found["AttributeName"]: found for found in table.definition["AttributeDefinitions"]}
    types = definitions.attribute_types(attributes)
    for name, kind in types.items():
        if name in known and known[name]["AttributeType"] != kind:
            raise invalid_values(f"Cannot redefine an existing attribute's type: {name}")
    every = {name: found["AttributeType"] for name, found in known.items()} | types
    definitions.check_index(said, every)
    if len(table.definition.get("GlobalSecondaryIndexes") or ()) >= definitions.MOST_GLOBAL:
        raise invalid_values(f"GlobalSecondaryIndex count exceeds the per-table limit of {definitions.MOST_GLOBAL}")
    index = {key: said[key] for key in ("IndexName", "KeySchema", "Projection")}
    index["ProvisionedThroughput"] = definitions.throughput(said.get("ProvisionedThroughput"))
    table.definition["GlobalSecondaryIndexes"] = [*(table.definition.get("GlobalSecondaryIndexes") or ()), index]
    added = [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items() if name not in known]
    table.definition["AttributeDefinitions"] = [*table.definition["AttributeDefinitions"], *added]
    _forget_attributes(table)
    backfill.begin(tables, table, said["IndexName"], call)


def _forget_attributes(table: Table) -> None:
    """Attributes that no key uses any more are not defined any more."""
    said = table.definition
    schemas = [said["KeySchema"]]
    for member in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        schemas += [index["KeySchema"] for index in said.get(member) or ()]
    used = {element["AttributeName"] for schema in schemas for element in schema}
    said["AttributeDefinitions"] = [found for found in said["AttributeDefinitions"] if found["AttributeName"] in used]
