"""A new index, or time to live, of a large table: piece by piece, while others write."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.services.dynamodb import backfill
from tests.services.box import Box
from tests.services.dynamodb.shop import T, get, key, put, refusal

INDEX = {
    "IndexName": "by_kind",
    "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "ALL"},
}
CREATE: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "kind", "AttributeType": "S"}],
    "GlobalSecondaryIndexUpdates": [{"Create": INDEX}],
}
COUNT = 7


@pytest.fixture(autouse=True)
def pieces_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "AT_ONCE", 3)


def fill(ddb: Box) -> None:
    for number in range(COUNT):
        put(ddb, f"i{number}", kind={"S": "k"})
    put(ddb, "odd", kind={"N": "1"})  # does not fit the index, and is left out of it


def status(ddb: Box) -> tuple[str, bool]:
    indexes = ddb("DescribeTable", **T)["Table"]["GlobalSecondaryIndexes"]
    [made] = [index for index in indexes if index["IndexName"] == "by_kind"]
    return made["IndexStatus"], made.get("Backfilling", False)


def query(kind: str = "k") -> dict[str, Any]:
    values = {":k": {"S": kind}}
    return {"IndexName": "by_kind", "KeyConditionExpression": "kind = :k", "ExpressionAttributeValues": values}


def finish(ddb: Box) -> int:
    """The transactions that are needed until nothing is left to do."""
    count = 0
    while ddb.session.connection().exec_driver_sql("SELECT count(*) FROM dynamodb_build").scalar():
        due_ms = ddb.tick()
        assert due_ms == ddb.now_ms + 1
        count += 1
    return count


def test_an_index_of_a_large_table_is_filled_piece_by_piece(ddb: Box) -> None:
    fill(ddb)
    told = ddb("UpdateTable", **T, **CREATE)["TableDescription"]
    assert ddb.call is not None and ddb.call.due_ms == [ddb.now_ms + 1]
    assert [index["IndexStatus"] for index in told["GlobalSecondaryIndexes"]] == ["UPDATING", "CREATING"]
    assert status(ddb) == ("CREATING", True)
    words = "ValidationException: Cannot read from backfilling global secondary index: by_kind"
    assert refusal(ddb, "Query", T, **query()) == refusal(ddb, "Scan", T, IndexName="by_kind") == words
    assert finish(ddb) == 2
    assert status(ddb) == ("ACTIVE", False)
    assert ddb("Query", **T, **query())["Count"] == COUNT


def test_what_is_written_meanwhile_is_in_the_index_once(ddb: Box) -> None:
    fill(ddb)
    ddb("UpdateTable", **T, **CREATE)
    for number in range(COUNT):  # before and behind the piece that is done
        change = {"UpdateExpression": "SET kind = :k", "ExpressionAttributeValues": {":k": {"S": "other"}}}
        ddb("UpdateItem", **T, Key=key(f"i{number}"), **change)
    put(ddb, "new", kind={"S": "k"})
    ddb("DeleteItem", **T, Key=key("i0"))
    finish(ddb)
    assert ddb("Query", **T, **query())["Count"] == 1
    assert ddb("Query", **T, **query("other"))["Count"] == COUNT - 1


def test_only_one_index_is_made_at_a_time_and_it_may_be_given_up(ddb: Box) -> None:
    fill(ddb)
    ddb("UpdateTable", **T, **CREATE)
    second = {**CREATE, "GlobalSecondaryIndexUpdates": [{"Create": {**INDEX, "IndexName": "second"}}]}
    assert "LimitExceededException" in refusal(ddb, "UpdateTable", T, **second)
    ddb("UpdateTable", **T, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_kind"}}])
    assert finish(ddb) == 1
    ddb("UpdateTable", **T, **second)
    assert finish(ddb) == 2


def test_an_index_of_a_large_table_goes_piece_by_piece_and_none_comes_meanwhile(ddb: Box) -> None:
    fill(ddb)
    ddb("UpdateTable", **T, **CREATE)
    finish(ddb)
    ddb("UpdateTable", **T, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by_kind"}}])
    assert ddb.call is not None and ddb.call.due_ms == [ddb.now_ms + 1]
    assert "does not have the specified index" in refusal(ddb, "Query", T, **query())
    assert "LimitExceededException" in refusal(ddb, "UpdateTable", T, **CREATE)
    put(ddb, "i0", kind={"S": "other"})
    ddb("DeleteItem", **T, Key=key("i6"))
    assert finish(ddb) == 2
    assert ddb.tick() is None
    ddb("UpdateTable", **T, **CREATE)
    finish(ddb)
    assert (ddb("Query", **T, **query())["Count"], ddb("Query", **T, **query("other"))["Count"]) == (COUNT - 2, 1)


def test_a_table_that_goes_takes_what_is_being_made_with_it(ddb: Box) -> None:
    fill(ddb)
    ddb("UpdateTable", **T, **CREATE)
    ddb("DeleteTable", **T)
    assert finish(ddb) == 2  # the index is no more work, the items are
    assert (left(ddb), ddb.tick()) == ((0, 0), None)


def test_a_large_table_gets_its_time_to_live_piece_by_piece(ddb: Box) -> None:
    for number in range(COUNT):
        put(ddb, f"i{number}", ends={"N": str(ddb.now_ms // 1000 + 60)})
    on = {"TimeToLiveSpecification": {"AttributeName": "ends", "Enabled": True}}
    ddb("UpdateTimeToLive", **T, **on)
    told = ddb("DescribeTimeToLive", **T)["TimeToLiveDescription"]
    assert told == {"TimeToLiveStatus": "ENABLING", "AttributeName": "ends"}
    while ddb("DescribeTimeToLive", **T)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLING":
        ddb.tick()
    ddb.pass_time(61)
    ddb.tick()
    assert ddb("Scan", **T)["Count"] == 0


def test_nothing_goes_once_time_to_live_is_off_also_before_all_items_know(ddb: Box) -> None:
    for number in range(COUNT):
        put(ddb, f"i{number}", ends={"N": str(ddb.now_ms // 1000 + 60)})
    for enabled in (True, False):
        ddb("UpdateTimeToLive", **T, TimeToLiveSpecification={"AttributeName": "ends", "Enabled": enabled})
        if enabled:
            finish(ddb)
    assert ddb("DescribeTimeToLive", **T)["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLING"}
    ddb.pass_time(61)
    ddb.tick()
    finish(ddb)
    assert ddb("Scan", **T)["Count"] == COUNT
    assert get(ddb, "i0") is not None
    assert ddb.tick() is None


def left(ddb: Box) -> tuple[int, int]:
    """Items and entries that lie in the tables of the store."""
    items, entries = (
        ddb.session.connection().exec_driver_sql(f"SELECT count(*) FROM dynamodb_{kind}").scalar()
        for kind in ("item", "entry")
    )
    return int(items or 0), int(entries or 0)


def again(ddb: Box, table: dict[str, Any]) -> None:
    """A table of the name and keys of one that is gone."""
    definition = {name: table[name] for name in ("TableName", "AttributeDefinitions", "KeySchema")}
    used = {"id", "n"}
    types = [each for each in definition["AttributeDefinitions"] if each["AttributeName"] in used]
    ddb("CreateTable", **{**definition, "AttributeDefinitions": types}, BillingMode="PAY_PER_REQUEST")


def test_a_large_table_is_gone_at_once_and_its_items_piece_by_piece(ddb: Box) -> None:
    ttl = {"AttributeName": "ends", "Enabled": True}
    ddb("UpdateTimeToLive", **T, TimeToLiveSpecification=ttl)
    ends = {"N": str(ddb.now_ms // 1000 - 1)}
    for number in range(COUNT):
        put(ddb, f"i{number}", state={"S": "new"}, ends=ends)
    table = ddb("DescribeTable", **T)["Table"]
    told = ddb("DeleteTable", **T)["TableDescription"]
    assert (told["TableStatus"], told["ItemCount"]) == ("DELETING", COUNT)
    assert "ResourceNotFound" in refusal(ddb, "GetItem", {**T, "Key": key("i6")})
    assert left(ddb) == (4, 8)  # two indexes: of the first piece nothing is left
    again(ddb, table)
    put(ddb, "i6", total={"N": "1"})
    assert ddb("Scan", **T)["Count"] == 1
    assert finish(ddb) == 2
    assert (left(ddb), ddb("Scan", **T)["Count"]) == ((1, 0), 1)
