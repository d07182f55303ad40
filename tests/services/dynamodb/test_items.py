from __future__ import annotations

import re
from typing import Any

import pytest

from tests.services.box import Box
from tests.services.dynamodb.shop import T, get, key, put, refusal, update

EVERYTHING: dict[str, Any] = {
    "s": {"S": "ü"},
    "b": {"B": b"\x00\xff"},
    "bool": {"BOOL": False},
    "none": {"NULL": True},
    "list": {"L": [{"N": "1"}, {"M": {"x": {"S": ""}}}]},
    "ns": {"NS": ["-1", "2", "10"]},
    "ss": {"SS": ["a", "b"]},
    "bs": {"BS": [b"a", b"b"]},
}


def test_an_item_comes_back_as_it_was_put_with_canonical_numbers(ddb: Box) -> None:
    put(ddb, "a", "1.0", **EVERYTHING)
    assert get(ddb, "a", "1e0") == {**key("a", "1"), **EVERYTHING}
    assert get(ddb, "b") is None


def test_putting_again_replaces_the_whole_item(ddb: Box) -> None:
    put(ddb, "a", x={"S": "1"})
    answer = ddb("PutItem", **T, Item={**key("a"), "y": {"S": "2"}}, ReturnValues="ALL_OLD")
    assert answer["Attributes"] == {**key("a"), "x": {"S": "1"}}
    assert get(ddb, "a") == {**key("a"), "y": {"S": "2"}}


def test_deleting_tells_what_was_there_and_does_not_mind_if_nothing_was(ddb: Box) -> None:
    put(ddb, "a")
    assert ddb("DeleteItem", **T, Key=key("a"), ReturnValues="ALL_OLD")["Attributes"] == key("a")
    assert ddb("DeleteItem", **T, Key=key("a"), ReturnValues="ALL_OLD") == {}
    assert ddb("DescribeTable", **T)["Table"]["ItemCount"] == 0


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"id": {"S": "a"}}, "Missing the key n in the item"),
        ({"id": {"N": "1"}, "n": {"N": "1"}}, "Type mismatch for key id expected: S actual: N"),
        ({"id": {"S": ""}, "n": {"N": "1"}}, "cannot contain an empty string value. Key: id"),
        ({"id": {"S": "x" * 2049}, "n": {"N": "1"}}, "maximum size limit of2048 bytes"),
        ({**key("a"), "x": {}}, "must contain exactly one of the supported datatypes"),
        ({**key("a"), "x": {"S": "a", "N": "1"}}, "more than one datatypes set"),
        ({**key("a"), "x": {"NULL": False}}, "Null attribute value types must have the value of true"),
        ({**key("a"), "x": {"SS": []}}, "An string set  may not be empty"),
        ({**key("a"), "x": {"SS": ["a", "a"]}}, r"Input collection \[a, a\] contains duplicates"),
        ({**key("a"), "x": {"NS": ["1", "1.0"]}}, "Input collection contains duplicates"),
        ({**key("a"), "x": {"N": "one"}}, "cannot be converted to a numeric value: one"),
        ({**key("a"), "x": {"S": "x" * 410_000}}, "Item size has exceeded the maximum allowed size"),
        ({**key("a"), "state": {"N": "1"}}, "Type mismatch for Index Key state Expected: S Actual: N IndexName: by_"),
        ({**key("a"), "state": {"S": ""}}, "IndexName: by_state_here, IndexKey: state"),
    ],
)
def test_an_item_that_cannot_be_kept_is_refused_in_aws_s_words(ddb: Box, item: Any, words: str) -> None:
    told = refusal(ddb, "PutItem", T, Item=item)
    assert told.startswith("ValidationException: ")
    assert re.search(words, told), told


def test_lists_in_lists_end_at_level_32(ddb: Box) -> None:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(31):
        value = {"L": [value]}
    put(ddb, "a", deep=value)
    assert "Nesting Levels" in refusal(ddb, "PutItem", T, Item={**key("a"), "deep": {"L": [value]}})


@pytest.mark.parametrize(
    "wrong", [{"id": {"S": "a"}}, {**key("a"), "x": {"S": "a"}}, {"id": {"S": "a"}, "n": {"S": "1"}}]
)
def test_a_key_that_is_not_the_table_s_is_refused(ddb: Box, wrong: Any) -> None:
    said = "ValidationException: The provided key element does not match the schema"
    assert refusal(ddb, "GetItem", T, Key=wrong) == said


def test_a_table_that_is_not_there_is_a_resource_not_found(ddb: Box) -> None:
    said = "ResourceNotFoundException: Requested resource not found"
    assert refusal(ddb, "GetItem", TableName="nothing", Key=key("a")) == said


def test_a_missing_or_impossible_member_is_told_as_the_model_does(ddb: Box) -> None:
    begin = "ValidationException: 1 validation error detected: Value "
    assert refusal(ddb, "PutItem", T) == (
        begin + "null at 'item' failed to satisfy constraint: Member must not be null"
    )
    assert refusal(ddb, "PutItem", TableName="/x", Item={}) == (
        begin + "'/x' at 'tableName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        "[a-zA-Z0-9_.-]+"
    )
    assert "ReturnValues can only be ALL_OLD or NONE" in refusal(
        ddb, "PutItem", T, Item=key("a"), ReturnValues="ALL_NEW"
    )


def test_a_table_may_be_named_by_its_arn(ddb: Box) -> None:
    put(ddb, "a")
    arn = ddb("DescribeTable", **T)["Table"]["TableArn"]
    assert ddb("GetItem", TableName=arn, Key=key("a"))["Item"] == key("a")


def test_a_projection_shows_parts_in_their_structure(ddb: Box) -> None:
    put(ddb, "a", m={"M": {"x": {"S": "1"}, "y": {"S": "2"}}}, l={"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]})
    answer = ddb(
        "GetItem",
        **T,
        Key=key("a"),
        ProjectionExpression="#m.x, l[2], l[0], zzz.x[7].y",
        ExpressionAttributeNames={"#m": "m"},
    )
    assert answer["Item"] == {"m": {"M": {"x": {"S": "1"}}}, "l": {"L": [{"N": "0"}, {"N": "2"}]}}
    told = refusal(ddb, "GetItem", T, Key=key("a"), ProjectionExpression="m, m.x")
    assert "Two document paths overlap with each other" in told
    assert "path one: [m], path two: [m, x]" in told


def test_capacity_is_told_to_who_asks(ddb: Box) -> None:
    big = {"S": "x" * 5000}
    answer = ddb("PutItem", **T, Item={**key("a"), "state": {"S": "new"}, "x": big}, ReturnConsumedCapacity="INDEXES")
    told = answer["ConsumedCapacity"]
    assert told["Table"]["CapacityUnits"] == 5.0
    assert told["GlobalSecondaryIndexes"] == {"by_state": {"CapacityUnits": 1.0}}
    assert told["CapacityUnits"] == 7.0
    read = ddb("GetItem", **T, Key=key("a"), ReturnConsumedCapacity="TOTAL", ConsistentRead=True)
    assert read["ConsumedCapacity"] == {"TableName": "orders", "CapacityUnits": 2.0}
    size = ddb("DeleteItem", **T, Key=key("a"), ReturnItemCollectionMetrics="SIZE")["ItemCollectionMetrics"]
    assert size == {"ItemCollectionKey": {"id": {"S": "a"}}, "SizeEstimateRangeGB": [0.0, 1.0]}


def test_an_update_makes_the_item_that_is_not_there(ddb: Box) -> None:
    assert update(ddb, "ADD hits :one", {":one": {"N": "1"}}, ReturnValues="ALL_NEW")["Attributes"] == {
        **key("a"),
        "hits": {"N": "1"},
    }


def test_an_update_that_only_takes_away_makes_nothing(ddb: Box) -> None:
    update(ddb, "REMOVE x")
    assert get(ddb, "a") is None
