"""The parameters from before there were expressions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.services.box import Box
from tests.services.dynamodb.shop import T, get, key, put, refusal

ONE, TWO = {"N": "1"}, {"N": "2"}


def op(name: str, *values: Any) -> dict[str, Any]:
    return {"ComparisonOperator": name, **({"AttributeValueList": list(values)} if values else {})}


@pytest.mark.parametrize(
    ("expected", "holds"),
    [
        ({"x": {"Value": ONE}}, True),
        ({"x": {"Value": TWO}}, False),
        ({"y": {"Exists": False}}, True),
        ({"x": {"Exists": False}}, False),
        ({"x": op("BETWEEN", ONE, TWO), "s": op("BEGINS_WITH", {"S": "a"})}, True),
        ({"x": op("IN", TWO, ONE), "s": op("CONTAINS", {"S": "b"})}, True),
        ({"s": op("NOT_CONTAINS", {"S": "z"}), "y": op("NULL"), "x": op("NOT_NULL")}, True),
        ({"y": op("NOT_CONTAINS", {"S": "z"})}, False),
        ({"x": op("GT", ONE)}, False),
        ({"x": op("NE", TWO)}, True),
        ({"y": op("NE", TWO)}, True),
    ],
)
def test_expectations(ddb: Box, expected: Any, holds: bool) -> None:
    put(ddb, "a", x=ONE, s={"S": "abc"})
    given = {**T, "Key": key("a"), "Expected": expected}
    if holds:
        ddb("DeleteItem", **given)
    else:
        assert "ConditionalCheckFailedException" in refusal(ddb, "DeleteItem", given)


def test_one_of_many_is_enough_with_or(ddb: Box) -> None:
    put(ddb, "a", x=ONE)
    expected = {"x": op("EQ", TWO), "y": op("NULL")}
    assert "conditional" in refusal(ddb, "DeleteItem", T, Key=key("a"), Expected=expected)
    ddb("DeleteItem", **T, Key=key("a"), Expected=expected, ConditionalOperator="OR")


def test_whole_attributes_are_put_added_and_deleted(ddb: Box) -> None:
    put(ddb, "a", hits=ONE, old={"S": "x"}, tags={"SS": ["a", "b"]})
    changes = {
        "new": {"Value": {"S": "y"}},
        "hits": {"Action": "ADD", "Value": TWO},
        "old": {"Action": "DELETE"},
        "tags": {"Action": "DELETE", "Value": {"SS": ["a"]}},
    }
    answer = ddb("UpdateItem", **T, Key=key("a"), AttributeUpdates=changes, ReturnValues="ALL_NEW")
    after = {**key("a"), "new": {"S": "y"}, "hits": {"N": "3"}, "tags": {"SS": ["b"]}}
    assert answer["Attributes"] == get(ddb, "a") == after


def test_a_list_is_added_to_the_end_of_a_list(ddb: Box) -> None:
    put(ddb, "a", li={"L": [ONE]}, s={"S": "x"})
    more = {"Action": "ADD", "Value": {"L": [TWO]}}
    ddb("UpdateItem", **T, Key=key("a"), AttributeUpdates={"li": more, "new": more})
    assert get(ddb, "a") == {**key("a"), "s": {"S": "x"}, "li": {"L": [ONE, TWO]}, "new": {"L": [TWO]}}
    words = refusal(ddb, "UpdateItem", T, Key=key("a"), AttributeUpdates={"s": more})
    assert "incorrect data type" in words


def test_queries_and_scans_by_conditions(ddb: Box) -> None:
    for number in range(4):
        put(ddb, "a", number, x={"N": str(number % 2)})
    keys = {"id": op("EQ", {"S": "a"}), "n": op("GE", ONE)}
    answer = ddb("Query", **T, KeyConditions=keys, QueryFilter={"x": op("EQ", ONE)}, AttributesToGet=["n"])
    assert answer["Items"] == [{"n": {"N": "1"}}, {"n": {"N": "3"}}]
    assert ddb("Scan", **T, ScanFilter={"x": op("EQ", ONE)})["Count"] == 2


@pytest.mark.parametrize(
    ("operation", "members", "words"),
    [
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": {"Exists": True}}}, "must be provided when Exists is true"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": {}}}, "when Exists is null for Attribute: x"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": {"AttributeValueList": [ONE]}}}, "with a Comparison"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": op("IN", ONE, {"S": "1"})}}, "must be of same type"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": op("BETWEEN", TWO, ONE)}}, "lower bound is greater than"),
        ("Scan", {"ScanFilter": {"x": op("BETWEEN", ONE, {"S": "1"})}}, "must be of same type"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": op("EQ")}}, "Invalid number of argument(s) for the EQ"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": op("FROB", ONE)}}, "'comparisonOperator' failed"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": op("LT", {"L": []})}}, "LT is not valid for L"),
        ("DeleteItem", {"Key": key("a"), "Expected": {"x": op("NULL")}, "ConditionExpression": "id = id"},
         "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
         "{Expected} Expression parameters: {ConditionExpression}"),
        ("UpdateItem", {"Key": key("a"), "AttributeUpdates": {"x": {"Action": "ADD"}}}, "Only DELETE action is"),
        ("UpdateItem", {"Key": key("a"), "AttributeUpdates": {"x": {"Action": "DELETE", "Value": ONE}}},
         "DELETE action with value is not supported for the type N"),
        ("UpdateItem", {"Key": key("a"), "AttributeUpdates": {"id": {"Value": {"S": "b"}}}}, "part of the key"),
        ("GetItem", {"Key": key("a"), "AttributesToGet": ["x", "x"]}, "Duplicate value in attribute name list"),
        ("Query", {"KeyConditions": {"id": op("NE", {"S": "a"})}}, "Invalid operator used"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(ddb: Box, operation: str, members: dict[str, Any], words: str) -> None:
    assert words in refusal(ddb, operation, {**T, **members})
