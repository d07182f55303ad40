from __future__ import annotations

from typing import Any

import pytest

from tests.services.box import Box
from tests.services.dynamodb.shop import T, get, key, put, refusal

HASH = [{"AttributeName": "id", "KeyType": "HASH"}]
SIMPLE: dict[str, Any] = {
    "TableName": "simple",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": HASH,
    "BillingMode": "PAY_PER_REQUEST",
}
INDEX: dict[str, Any] = {"IndexName": "by_id", "KeySchema": HASH, "Projection": {"ProjectionType": "ALL"}}


def test_a_table_is_described_as_it_was_made(ddb: Box) -> None:
    made = ddb("CreateTable", **SIMPLE)["TableDescription"]
    assert made["TableStatus"] == "CREATING"
    told = ddb("DescribeTable", TableName="simple")["Table"]
    assert told["TableStatus"] == "ACTIVE"
    assert told["TableArn"] == "arn:aws:dynamodb:us-east-1:000000000000:table/simple"
    assert told["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert {name: made[name] for name in made if name != "TableStatus"} == {
        name: told[name] for name in told if name != "TableStatus"
    }
    assert ddb("DescribeTable", **T)["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"TableName": "x"}, "TableName must be at least 3 characters long and at most 255"),
        ({"TableName": None}, "Value null at 'tableName'"),
        ({"KeySchema": []}, "'keySchema' failed to satisfy constraint: Member must have length greater than or equal"),
        ({"KeySchema": [{"AttributeName": "zzz", "KeyType": "HASH"}]}, "not defined in AttributeDefinitions"),
        ({"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]}, "first KeySchemaElement is not a HASH key type"),
        ({"KeySchema": [*HASH, *HASH]}, "The second KeySchemaElement is not a RANGE key type"),
        ({"KeySchema": [*HASH, {"AttributeName": "id", "KeyType": "RANGE"}]}, "have the same name"),
        ({"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "SS"}]}, "enum value set: [B, N, S]"),
        ({"AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("id", "more")]},
         "does not exactly match number of attributes defined in AttributeDefinitions"),
        ({"BillingMode": "PROVISIONED"}, "ReadCapacityUnits and WriteCapacityUnits must both be specified"),
        ({"BillingMode": "FREE"}, "Value 'FREE' at 'billingMode'"),
        ({"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}, "Neither ReadCapacityUnits nor"),
        ({"LocalSecondaryIndexes": [INDEX]}, "Table KeySchema does not have a range key"),
        ({"GlobalSecondaryIndexes": []}, "List of GlobalSecondaryIndexes is empty"),
        ({"GlobalSecondaryIndexes": [INDEX, INDEX]}, "Duplicate index name: by_id"),
        ({"GlobalSecondaryIndexes": [{**INDEX, "Projection": {"ProjectionType": "INCLUDE"}}]},
         "NonKeyAttributes is not specified"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_is_refused(ddb: Box, change: dict[str, Any], words: str) -> None:
    assert words in refusal(ddb, "CreateTable", {**SIMPLE, **change})
    assert ddb("ListTables")["TableNames"] == ["orders"]


def test_a_name_is_given_once(ddb: Box) -> None:
    ddb("CreateTable", **SIMPLE)
    assert refusal(ddb, "CreateTable", SIMPLE) == "ResourceInUseException: Table already exists: simple"


def test_a_deleted_table_takes_all_with_it(ddb: Box) -> None:
    put(ddb, "a", state={"S": "new"})
    definition = ddb("DescribeTable", **T)["Table"]
    assert ddb("DeleteTable", **T)["TableDescription"]["TableStatus"] == "DELETING"
    said = "ResourceNotFoundException: Requested resource not found: Table: orders not found"
    assert refusal(ddb, "DescribeTable", T) == refusal(ddb, "DeleteTable", T) == said
    again = {name: definition[name] for name in ("TableName", "AttributeDefinitions", "KeySchema")}
    indexes = [
        {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
        for index in definition["LocalSecondaryIndexes"]
    ]
    again["AttributeDefinitions"] = definition["AttributeDefinitions"]
    ddb("CreateTable", **again, LocalSecondaryIndexes=indexes, BillingMode="PAY_PER_REQUEST")
    assert get(ddb, "a") is None
    assert ddb("Scan", **T, IndexName="by_state_here")["Count"] == 0


def test_a_protected_table_stays(ddb: Box) -> None:
    ddb("UpdateTable", **T, DeletionProtectionEnabled=True)
    assert "protected against deletion" in refusal(ddb, "DeleteTable", T)


def test_tables_are_listed_page_by_page(ddb: Box) -> None:
    for name in ("ccc", "aaa", "bbb"):
        ddb("CreateTable", **{**SIMPLE, "TableName": name})
    first = ddb("ListTables", Limit=3)
    assert first == {"TableNames": ["aaa", "bbb", "ccc"], "LastEvaluatedTableName": "ccc"}
    assert ddb("ListTables", ExclusiveStartTableName="ccc") == {"TableNames": ["orders"]}
    assert "'limit' failed" in refusal(ddb, "ListTables", Limit=101)


def test_an_index_made_later_holds_what_is_there_and_goes_again(ddb: Box) -> None:
    put(ddb, "a", 1, total={"N": "3"})
    put(ddb, "b", 1, total={"S": "what does not fit stays outside"})
    put(ddb, "c", 1)
    create: dict[str, Any] = {
        "IndexName": "by_total",
        "KeySchema": [{"AttributeName": "total", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    attributes = [{"AttributeName": "total", "AttributeType": "N"}]
    ddb("UpdateTable", **T, AttributeDefinitions=attributes, GlobalSecondaryIndexUpdates=[{"Create": create}])
    query: dict[str, Any] = {**T, "IndexName": "by_total", "KeyConditionExpression": "#t = :t"}
    query |= {"ExpressionAttributeNames": {"#t": "total"}, "ExpressionAttributeValues": {":t": {"N": "3.0"}}}
    assert [item["id"]["S"] for item in ddb("Query", **query)["Items"]] == ["a"]
    assert "already exists" in refusal(ddb, "UpdateTable", T, AttributeDefinitions=attributes,
                                       GlobalSecondaryIndexUpdates=[{"Create": create}])  # fmt: skip
    told = ddb("UpdateTable", **T, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_total"}}])
    names = {found["AttributeName"] for found in told["TableDescription"]["AttributeDefinitions"]}
    assert names == {"id", "n", "state"}
    assert "does not have the specified index: by_total" in refusal(ddb, "Query", query)
    assert "Index: zzz not found" in refusal(
        ddb, "UpdateTable", T, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "zzz"}}]
    )


def test_billing_is_kept_and_told(ddb: Box) -> None:
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    ddb("UpdateTable", **T, BillingMode="PROVISIONED", ProvisionedThroughput=units)
    told = ddb("DescribeTable", **T)["Table"]
    assert told["ProvisionedThroughput"] == {"NumberOfDecreasesToday": 0, **units}
    assert "BillingModeSummary" not in told
    zero = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 6}
    assert "greater than or equal to 1" in refusal(ddb, "UpdateTable", T, ProvisionedThroughput=zero)


# -- time to live, tags, limits ------------------------------------------------------


def test_items_go_when_their_time_has_come(ddb: Box) -> None:
    now_s = ddb.now_ms // 1000
    put(ddb, "before", ends={"N": str(now_s + 5)})
    ddb("UpdateTimeToLive", **T, TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True})
    put(ddb, "soon", ends={"N": str(now_s + 10)})
    put(ddb, "text", ends={"S": str(now_s)})
    put(ddb, "old", ends={"N": "1"})
    assert ddb.call is not None
    assert ddb.tick() == (now_s + 5) * 1000
    ddb.pass_time(5)
    assert ddb.tick() == (now_s + 10) * 1000
    assert (get(ddb, "before"), get(ddb, "soon") is not None) == (None, True)
    ddb.pass_time(5)
    assert ddb.tick() is None
    assert ddb("Scan", **T, Select="COUNT")["Count"] == 2
    assert ddb("DescribeTable", **T)["Table"]["ItemCount"] == 2


def test_an_item_that_will_end_wants_a_tick(ddb: Box) -> None:
    ddb("UpdateTimeToLive", **T, TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True})
    ends_s = ddb.now_ms // 1000 + 60
    put(ddb, "a", ends={"N": str(ends_s)})
    assert ddb.call is not None
    assert ddb.call.due_ms == [ends_s * 1000]


def test_time_to_live_is_described_and_changed_once(ddb: Box) -> None:
    assert ddb("DescribeTimeToLive", **T)["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    on = {"AttributeName": "ends", "Enabled": True}
    assert "already disabled" in refusal(ddb, "UpdateTimeToLive", T, TimeToLiveSpecification={**on, "Enabled": False})
    ddb("UpdateTimeToLive", **T, TimeToLiveSpecification=on)
    told = {"TimeToLiveStatus": "ENABLED", "AttributeName": "ends"}
    assert ddb("DescribeTimeToLive", **T)["TimeToLiveDescription"] == told
    assert "already enabled" in refusal(ddb, "UpdateTimeToLive", T, TimeToLiveSpecification=on)
    other = {"AttributeName": "zzz", "Enabled": False}
    assert "different AttributeName" in refusal(ddb, "UpdateTimeToLive", T, TimeToLiveSpecification=other)
    put(ddb, "a", ends={"N": str(ddb.now_ms // 1000 + 1)})
    ddb("UpdateTimeToLive", **T, TimeToLiveSpecification={**on, "Enabled": False})
    ddb.pass_time(2)
    assert ddb.tick() is None
    assert get(ddb, "a") is not None


def test_tags_come_and_go(ddb: Box) -> None:
    arn = ddb("DescribeTable", **T)["Table"]["TableArn"]
    ddb("TagResource", ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ddb("UntagResource", ResourceArn=arn, TagKeys=["a", "zzz"])
    assert ddb("ListTagsOfResource", ResourceArn=arn) == {"Tags": [{"Key": "b", "Value": "2"}]}
    assert "Invalid ResourceArn provided" in refusal(ddb, "TagResource", ResourceArn="orders", Tags=[])
    assert "ResourceNotFoundException" in refusal(ddb, "ListTagsOfResource", ResourceArn=arn + "zzz")


def test_limits_and_endpoints_are_told(ddb: Box) -> None:
    assert ddb("DescribeLimits")["TableMaxReadCapacityUnits"] == 40_000
    assert ddb("DescribeEndpoints")["Endpoints"][0]["Address"] == "127.0.0.1:8083"
    told = ddb("DescribeContinuousBackups", **T)["ContinuousBackupsDescription"]
    assert told["ContinuousBackupsStatus"] == "DISABLED"
    assert "TableNotFoundException" in refusal(ddb, "DescribeContinuousBackups", TableName="zzz")


def test_keys_of_requests_are_told_apart_by_their_lengths(ddb: Box) -> None:
    """`a` + `bc` is not `ab` + `c` in an index."""
    for name, state in (("a", "bc"), ("ab", "c")):
        put(ddb, name, 1, state={"S": state})
    assert ddb("Scan", **T, IndexName="by_state")["Count"] == 2
    assert get(ddb, "a") == {**key("a"), "state": {"S": "bc"}}


@pytest.mark.parametrize("members", [{}, {"GlobalSecondaryIndexUpdates": []}])
def test_an_update_that_asks_for_nothing_is_refused(ddb: Box, members: dict[str, Any]) -> None:
    said = refusal(ddb, "UpdateTable", {**T, **members})
    assert "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled" in said
