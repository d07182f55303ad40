from __future__ import annotations

from typing import Any

import pytest

from tests.services.box import Box
from tests.services.dynamodb.shop import T, key, put, refusal

NUMBERS = ["-1000", "-2.5", "-2", "0", "0.001", "3", "10", "1000"]


def query(box: Box, condition: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return box("Query", **T, KeyConditionExpression=condition, ExpressionAttributeValues=values, **more)


def sorts(answer: dict[str, Any]) -> list[str]:
    return [item["n"]["N"] for item in answer["Items"]]


@pytest.fixture
def full(ddb: Box) -> Box:
    for number in reversed(NUMBERS):
        put(ddb, "a", number, x={"N": number})
    put(ddb, "b", 1)
    return ddb


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("", NUMBERS),
        (" AND n = :v", ["3"]),
        (" AND n < :v", NUMBERS[:5]),
        (" AND n <= :v", NUMBERS[:6]),
        (" AND n > :v", NUMBERS[6:]),
        (" AND n >= :v", NUMBERS[5:]),
        (" AND :v <= n", NUMBERS[5:]),
        (" AND n BETWEEN :v AND :w", ["3", "10"]),
    ],
)
def test_a_query_reads_a_range_in_the_order_of_numbers(full: Box, condition: str, found: list[str]) -> None:
    every = {":i": {"S": "a"}, ":v": {"N": "3"}, ":w": {"N": "10"}}
    values = {name: value for name, value in every.items() if name in f"id = :i{condition}"}
    assert sorts(query(full, f"id = :i{condition}", values)) == found
    assert sorts(query(full, f"id = :i{condition}", values, ScanIndexForward=False)) == found[::-1]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_make_the_whole(full: Box, forward: bool) -> None:
    found: list[str] = []
    start: dict[str, Any] = {}
    for _ in range(5):
        answer = query(full, "id = :i", {":i": {"S": "a"}}, Limit=2, ScanIndexForward=forward, **start)
        found += sorts(answer)
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    assert found == (NUMBERS if forward else NUMBERS[::-1])
    assert answer["Count"] == 0  # the page before ended at Limit, and DynamoDB does not look further


def test_a_page_ends_at_a_mebibyte(ddb: Box) -> None:
    for number in range(4):
        put(ddb, "a", number, x={"S": "x" * 350_000})
    answer = query(ddb, "id = :i", {":i": {"S": "a"}})
    assert sorts(answer) == ["0", "1"]
    rest = query(ddb, "id = :i", {":i": {"S": "a"}}, ExclusiveStartKey=answer["LastEvaluatedKey"])
    assert sorts(rest) == ["2", "3"]
    assert "LastEvaluatedKey" not in rest


def test_a_filter_counts_what_was_scanned_and_limits_before_it(full: Box) -> None:
    answer = query(full, "id = :i", {":i": {"S": "a"}, ":x": {"N": "0"}}, FilterExpression="x > :x", Limit=6)
    assert (answer["Count"], answer["ScannedCount"], sorts(answer)) == (2, 6, ["0.001", "3"])
    counted = query(full, "id = :i", {":i": {"S": "a"}}, Select="COUNT")
    assert counted == {"Count": 8, "ScannedCount": 8}


def test_texts_are_ordered_by_their_bytes_and_found_by_their_beginning(ddb: Box) -> None:
    ddb(
        "CreateTable",
        TableName="names",
        AttributeDefinitions=[
            {"AttributeName": "h", "AttributeType": "B"},
            {"AttributeName": "r", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    texts = ["Z", "a", "aa", "ab", "b", "ü", "\uffff", "😀"]
    for text in reversed(texts):
        ddb("PutItem", TableName="names", Item={"h": {"B": b"\x00"}, "r": {"S": text}})

    def found(condition: str, **values: Any) -> list[str]:
        given = {":h": {"B": b"\x00"}, **{f":{name}": value for name, value in values.items()}}
        members = {"KeyConditionExpression": condition, "ExpressionAttributeValues": given}
        return [item["r"]["S"] for item in ddb("Query", TableName="names", **members)["Items"]]

    assert found("h = :h") == texts
    assert found("h = :h AND begins_with(r, :p)", p={"S": "a"}) == ["a", "aa", "ab"]
    assert found("h = :h AND begins_with(r, :p)", p={"S": "😀"}) == ["😀"]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("n = :n", "Query condition missed key schema element: id"),
        ("id > :i", "Query key condition not supported"),
        ("id = :i AND x = :n", "Query condition missed key schema element: n"),
        ("id = :i OR id = :i", "Invalid operator used in KeyConditionExpression: OR"),
        ("id = :i AND n <> :n", "Invalid operator used in KeyConditionExpression: <>"),
        ("id = :i AND n = :n AND n = :n", "must only contain one condition per key"),
        ("id = :n", "Condition parameter type does not match schema type"),
        ("id = :i AND begins_with(n, :n)", "operator or function: begins_with, operand type: N"),
        ("id = :i AND n BETWEEN :n AND :m", "requires upper bound to be greater than or equal to lower bound"),
        ("id = :i AND attribute_exists(n)", "Invalid operator used in KeyConditionExpression: attribute_exists"),
        ("id.x = :i", "cannot have conditions on nested attributes"),
    ],
)
def test_a_key_condition_that_is_none_is_refused(full: Box, condition: str, words: str) -> None:
    every = {":i": {"S": "a"}, ":n": {"N": "5"}, ":m": {"N": "1"}}
    values = {name: value for name, value in every.items() if name in condition}
    told = refusal(full, "Query", T, KeyConditionExpression=condition, ExpressionAttributeValues=values)
    assert words in told


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"IndexName": "zzz"}, "The table does not have the specified index: zzz"),
        ({"FilterExpression": "n = :i"}, "can only contain non-primary key attributes: Primary key attribute: n"),
        ({"Select": "SPECIFIC_ATTRIBUTES"}, "Must specify the AttributesToGet or ProjectionExpression"),
        ({"Select": "COUNT", "ProjectionExpression": "x"}, "when choosing to get only the Count"),
        ({"Select": "ALL_PROJECTED_ATTRIBUTES"}, "only when Querying using an IndexName"),
        ({"Select": "SOME"}, "Value 'SOME' at 'select' failed to satisfy constraint"),
        ({"Limit": 0}, "Value '0' at 'limit' failed to satisfy constraint"),
        ({"ExclusiveStartKey": {"id": {"S": "a"}}}, "The provided starting key is invalid"),
        ({"ExclusiveStartKey": key("b")}, "outside query boundaries"),
    ],
)
def test_a_query_that_cannot_be_is_refused(full: Box, members: dict[str, Any], words: str) -> None:
    given = {"KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "a"}}, **members}
    assert words in refusal(full, "Query", T, **given)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Limit": -1}, "Value '-1' at 'limit' failed to satisfy constraint: Member must have value greater than or"),
        ({"IndexName": "ab"}, "'ab' at 'indexName' failed to satisfy constraint: Member must have length greater than"),
    ],
)
def test_what_the_model_excludes_is_said_before_the_table_is_looked_for(
    ddb: Box, members: dict[str, Any], words: str
) -> None:
    for operation in ("Query", "Scan"):
        assert words in refusal(ddb, operation, {"TableName": "nowhere", **members})


@pytest.mark.parametrize(
    ("operation", "members", "words"),
    [
        ("Query", {}, "Either the KeyConditions or KeyConditionExpression parameter must be specified"),
        ("Query", {"KeyConditionExpression": "id ="}, "Invalid KeyConditionExpression: Syntax error"),
        ("Query", {"KeyConditionExpression": "id = :i"}, "attribute value: :i"),
        ("Scan", {"FilterExpression": "a ="}, "Invalid FilterExpression: Syntax error"),
        ("Scan", {"ProjectionExpression": "a, a"}, "Two document paths overlap"),
        ("Scan", {"ExpressionAttributeNames": {"#a": "a"}}, "ExpressionAttributeNames can only be specified when"),
        ("Scan", {"FilterExpression": "a = b", "ScanFilter": {}}, "Can not use both expression and non-expression"),
        ("Scan", {"FilterExpression": "a = b", "IndexName": "zzz"}, "ResourceNotFoundException: Requested resource"),
    ],
)
def test_expressions_are_read_before_the_table_is_looked_for(
    full: Box, operation: str, members: dict[str, Any], words: str
) -> None:
    assert words in refusal(full, operation, TableName="nothing", **members)


def test_a_query_without_a_key_condition_is_refused(full: Box) -> None:
    assert "Either the KeyConditions or KeyConditionExpression parameter" in refusal(full, "Query", T)


# -- scans -------------------------------------------------------------------------


def test_segments_and_pages_of_a_scan_make_the_whole(ddb: Box) -> None:
    for number in range(50):
        put(ddb, f"k{number}", 1)
        put(ddb, f"k{number}", 2)
    found = []
    for segment in range(4):
        start: dict[str, Any] = {}
        while True:
            answer = ddb("Scan", **T, Segment=segment, TotalSegments=4, Limit=7, **start)
            found += [(item["id"]["S"], item["n"]["N"]) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    assert len(found) == len(set(found)) == 100
    assert ddb("Scan", **T, Select="COUNT")["Count"] == 100
    assert ddb("Scan", **T, FilterExpression="n = :v", ExpressionAttributeValues={":v": {"N": "2"}})["Count"] == 50


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Segment": 4, "TotalSegments": 4}, "Segment: 4 is not less than TotalSegments: 4"),
        ({"Segment": 0}, "The TotalSegments parameter is required"),
        ({"TotalSegments": 2}, "The Segment parameter is required"),
        ({"TotalSegments": 0, "Segment": 0}, "'totalSegments' failed to satisfy constraint"),
    ],
)
def test_segments_that_cannot_be_are_refused(ddb: Box, members: dict[str, Any], words: str) -> None:
    assert words in refusal(ddb, "Scan", T, **members)


# -- indexes -----------------------------------------------------------------------


def of_index(box: Box, index: str, condition: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return query(box, condition, values, IndexName=index, ExpressionAttributeNames={"#s": "state"}, **more)


def test_an_index_follows_every_change_of_its_items(ddb: Box) -> None:
    def found(state: str) -> list[str]:
        return sorts(of_index(ddb, "by_state", "#s = :s", {":s": {"S": state}}))

    put(ddb, "a", 2, state={"S": "new"})
    put(ddb, "b", 1, state={"S": "new"})
    put(ddb, "c", 3)
    assert (found("new"), found("old")) == (["1", "2"], [])
    ddb("UpdateItem", **T, Key=key("b", 1), UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "state"}, ExpressionAttributeValues={":s": {"S": "old"}})  # fmt: skip
    assert (found("new"), found("old")) == (["2"], ["1"])
    put(ddb, "a", 2)
    ddb("DeleteItem", **T, Key=key("b", 1))
    assert (found("new"), found("old")) == ([], [])


def test_a_global_index_shows_what_it_projects_and_no_more(ddb: Box) -> None:
    put(ddb, "a", 1, state={"S": "new"}, total={"N": "9"}, secret={"S": "x"})
    shown = of_index(ddb, "by_state", "#s = :s", {":s": {"S": "new"}})["Items"]
    assert shown == [{**key("a"), "state": {"S": "new"}, "total": {"N": "9"}}]
    given = {
        **T,
        "IndexName": "by_state",
        "KeyConditionExpression": "#s = :s",
        "ExpressionAttributeNames": {"#s": "state"},
        "ExpressionAttributeValues": {":s": {"S": "new"}},
    }
    assert "does not project [secret]" in refusal(ddb, "Query", given, ProjectionExpression="secret")
    assert "its projection type is not ALL" in refusal(ddb, "Query", given, Select="ALL_ATTRIBUTES")
    assert "Consistent reads are not supported" in refusal(ddb, "Query", given, ConsistentRead=True)


def test_a_local_index_fetches_from_the_table_what_is_asked_for(ddb: Box) -> None:
    put(ddb, "a", 1, state={"S": "new"}, total={"N": "9"})
    condition, values = "id = :i AND #s = :s", {":i": {"S": "a"}, ":s": {"S": "new"}}
    assert of_index(ddb, "by_state_here", condition, values)["Items"] == [{**key("a"), "state": {"S": "new"}}]
    every = of_index(ddb, "by_state_here", condition, values, Select="ALL_ATTRIBUTES", ConsistentRead=True)
    assert every["Items"][0]["total"] == {"N": "9"}


def test_pages_of_an_index_with_equal_keys_lose_nothing(ddb: Box) -> None:
    for name in "abcdefg":
        put(ddb, name, 1, state={"S": "new"})
    for read in ("Query", "Scan"):
        found: list[str] = []
        start: dict[str, Any] = {}
        for _ in range(5):
            given: dict[str, Any] = {"IndexName": "by_state", "Limit": 2, **start}
            if read == "Query":
                given |= {
                    "KeyConditionExpression": "#s = :s",
                    "ExpressionAttributeNames": {"#s": "state"},
                    "ExpressionAttributeValues": {":s": {"S": "new"}},
                }
            answer = ddb(read, **T, **given)
            found += [item["id"]["S"] for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            assert set(answer["LastEvaluatedKey"]) == {"id", "n", "state"}
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        assert sorted(found) == list("abcdefg")
