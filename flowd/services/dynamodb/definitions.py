"""CreateTable and UpdateTable: is the definition of a table sound? DescribeTable: what is told of it. Rules only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from flowd.services.dynamodb import streams
from flowd.services.dynamodb.errors import invalid, invalid_values
from flowd.services.dynamodb.requests import choice, entries, index_name, lowered, required
from flowd.services.dynamodb.tables import Table, Tables
from flowd.services.ports import Call, Members

MOST_LOCAL: Final = 5
MOST_GLOBAL: Final = 20
_BILLING: Final = ("PROVISIONED", "PAY_PER_REQUEST")
_PROJECTIONS: Final = ("ALL", "INCLUDE", "KEYS_ONLY")


def definition(members: Members) -> dict[str, Any]:
    """The definition that a CreateTable asks for, checked."""
    attributes = entries(members, "AttributeDefinitions", 100)
    types = attribute_types(attributes)
    key = entries(members, "KeySchema", 2)
    check_key(key, types)
    local, all_over = members.get("LocalSecondaryIndexes"), members.get("GlobalSecondaryIndexes")
    _check_indexes(local, all_over, key, types)
    _check_used(types, key, [*(local or ()), *(all_over or ())])
    found = {
        "AttributeDefinitions": attributes,
        "KeySchema": key,
        **billing(members, all_over or ()),
        **{name: members[name] for name in ("TableClass", "DeletionProtectionEnabled") if name in members},
    }
    if local is not None:
        found["LocalSecondaryIndexes"] = [_index(index, members) for index in local]
    if all_over is not None:
        found["GlobalSecondaryIndexes"] = [_index(index, members) for index in all_over]
    return found


def attribute_types(attributes: Iterable[Mapping[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute in attributes:
        name, kind = required(attribute, "AttributeName"), choice(attribute, "AttributeType", ("B", "N", "S"), "")
        if found.get(name, kind) != kind:
            raise invalid_values(f"Cannot redefine an existing attribute's type: {name}")
        if name in found:
            raise invalid_values("Duplicate AttributeName in AttributeDefinitions")
        found[name] = kind
    return found


def check_key(key: Sequence[Mapping[str, str]], types: Mapping[str, str]) -> None:
    """HASH first, RANGE second, both of them defined."""
    kinds = [choice(element, "KeyType", ("HASH", "RANGE"), "") for element in key]
    if kinds[0] != "HASH":
        raise invalid_values("Missing the key HASH in KeySchema: the first KeySchemaElement is not a HASH key type")
    if len(key) > 2:
        raise invalid_values("Keys of more than one attribute of a kind are not built in flowd")
    if kinds[1:] not in ([], ["RANGE"]):
        raise invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
    names = [required(element, "AttributeName") for element in key]
    if len(set(names)) < len(names):
        raise invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    missing = [name for name in names if name not in types]
    if missing:
        raise invalid_values(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(missing)}], AttributeDefinitions: [{', '.join(types)}]"
        )


def _check_indexes(
    local: Sequence[Mapping[str, Any]] | None,
    all_over: Sequence[Mapping[str, Any]] | None,
    key: Sequence[Mapping[str, str]],
    types: Mapping[str, str],
) -> None:
    for member, given, most in (
        ("LocalSecondaryIndex", local, MOST_LOCAL),
        ("GlobalSecondaryIndex", all_over, MOST_GLOBAL),
    ):
        if given is not None and not given:
            raise invalid_values(f"List of {member}es is empty")
        if given is not None and len(given) > most:
            raise invalid_values(f"{member} count exceeds the per-table limit of {most}")
        for number, index in enumerate(given or (), 1):
            index_name(required(index, "IndexName"), f"{lowered(member)}es.{number}.member.indexName")
    if local and len(key) < 2:
        raise invalid_values(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    names = [check_index(index, types) for index in (*(local or ()), *(all_over or ()))]
    for name in names:
        if names.count(name) > 1:
            raise invalid_values(f"Duplicate index name: {name}")
    for index in local or ():
        _check_local(index, key)


def _check_local(index: Mapping[str, Any], key: Sequence[Mapping[str, str]]) -> None:
    name, schema = index["IndexName"], index["KeySchema"]
    if len(schema) < 2:
        raise invalid_values(f"Index KeySchema does not have a range key for index: {name}")
    if schema[0]["AttributeName"] != key[0]["AttributeName"]:
        raise invalid_values(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: "
            f"{name}. index hash key: {schema[0]['AttributeName']}, table hash key: {key[0]['AttributeName']}"
        )


def check_index(index: Mapping[str, Any], types: Mapping[str, str]) -> str:
    """A secondary index is sound by itself; its name."""
    name: str = required(index, "IndexName")
    check_key(entries(index, "KeySchema", 8), types)
    projection = required(index, "Projection")
    kind = choice(projection, "ProjectionType", _PROJECTIONS, "")
    included = projection.get("NonKeyAttributes")
    if kind == "INCLUDE" and not included:
        raise invalid_values("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and included is not None:
        raise invalid_values(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    return name


def _check_used(
    types: Mapping[str, str], key: Sequence[Mapping[str, str]], indexes: Iterable[Mapping[str, Any]]
) -> None:
    """Only attributes of keys are defined."""
    used = {element["AttributeName"] for element in key}
    used |= {element["AttributeName"] for index in indexes for element in index["KeySchema"]}
    if set(types) - used:
        raise invalid_values(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in "
            "AttributeDefinitions"
        )


def billing(members: Members, indexes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """BillingMode and ProvisionedThroughput. They are kept and told; this box throttles nobody."""
    mode = choice(members, "BillingMode", _BILLING, "PROVISIONED")
    provisioned = members.get("ProvisionedThroughput")
    if mode == "PROVISIONED" and provisioned is None:
        raise invalid_values(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    if mode == "PAY_PER_REQUEST" and provisioned is not None:
        raise invalid_values(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
    for index in indexes:
        if mode == "PROVISIONED" and index.get("ProvisionedThroughput") is None:
            raise invalid_values(f"ProvisionedThroughput is not specified for index: {index['IndexName']}")
    return {"BillingMode": mode, "ProvisionedThroughput": throughput(provisioned)}


def throughput(given: Mapping[str, Any] | None) -> dict[str, int]:
    found = {name: int((given or {}).get(name, 0)) for name in ("ReadCapacityUnits", "WriteCapacityUnits")}
    if given is not None and min(found.values()) < 1:
        raise invalid_values("Given value 0 for ProvisionedThroughput must be greater than or equal to 1")
    return found


def _index(index: Mapping[str, Any], members: Members) -> dict[str, Any]:
    kept = {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
    return {**kept, "ProvisionedThroughput": throughput(index.get("ProvisionedThroughput"))}


# -- what is told ------------------------------------------------------------------


def described(tables: Tables, table: Table, call: Call, status: str = "ACTIVE") -> dict[str, Any]:
    """TableDescription. Of a table that goes nothing is counted any more (API reference, DeleteTable: no indexes)."""
    said = table.definition
    arn = call.arn("dynamodb", f"table/{table.name}")
    found = {
        "AttributeDefinitions": said["AttributeDefinitions"],
        "TableName": table.name,
        "KeySchema": said["KeySchema"],
        "TableStatus": status,
        "CreationDateTime": table.created_ms / 1000,
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, **said["ProvisionedThroughput"]},
        "TableSizeBytes": table.size_bytes,
        "ItemCount": table.item_count,
        "TableArn": arn,
        "TableId": table.table_id,
        "DeletionProtectionEnabled": said.get("DeletionProtectionEnabled", False),
    }
    if said["BillingMode"] == "PAY_PER_REQUEST":
        found["BillingModeSummary"] = {
            "BillingMode": "PAY_PER_REQUEST",
            "LastUpdateToPayPerRequestDateTime": table.created_ms / 1000,
        }
    if "TableClass" in said:
        found["TableClassSummary"] = {"TableClass": said["TableClass"]}
    found |= streams.described(table, arn)
    for member, is_global in (("LocalSecondaryIndexes", False), ("GlobalSecondaryIndexes", True)):
        if said.get(member) and status != "DELETING":
            found[member] = [_described_index(tables, table, index, arn, is_global, status) for index in said[member]]
    return found


def _described_index(
    tables: Tables, table: Table, index: Mapping[str, Any], arn: str, is_global: bool, status: str
) -> dict[str, Any]:
    count, size = tables.index_counts(table, index["IndexName"])
    found = {
        "IndexName": index["IndexName"],
        "KeySchema": index["KeySchema"],
        "Projection": index["Projection"],
        "IndexSizeBytes": size,
        "ItemCount": count,
        "IndexArn": f"{arn}/index/{index['IndexName']}",
    }
    if is_global:
        building = index["IndexName"] in tables.builds(table)
        found |= {"IndexStatus": "CREATING", "Backfilling": True} if building else {"IndexStatus": status}
        found["ProvisionedThroughput"] = {"NumberOfDecreasesToday": 0, **index["ProvisionedThroughput"]}
    return found
