from __future__ import annotations

from typing import Any

import pytest

from flowd.services.ports import ServiceError
from tests.services.box import Box
from tests.services.dynamodb.shop import T, get, key, put, refusal


def counter(name: str, amount: int = 1) -> dict[str, Any]:
    return {
        "Update": {
            **T,
            "Key": key(name),
            "UpdateExpression": "ADD hits :v",
            "ExpressionAttributeValues": {":v": {"N": str(amount)}},
        }
    }


def there(name: str, show: str = "NONE") -> dict[str, Any]:
    check = {**T, "Key": key(name), "ConditionExpression": "attribute_exists(id)"}
    return {"ConditionCheck": {**check, "ReturnValuesOnConditionCheckFailure": show}}


def hits(box: Box, name: str) -> str | None:
    item = get(box, name)
    return None if item is None else str(item["hits"]["N"])


def test_a_batch_gets_what_is_there(ddb: Box) -> None:
    put(ddb, "a", x={"S": "1"})
    keys = {"Keys": [key("a"), key("zzz")], "ProjectionExpression": "x"}
    answer = ddb("BatchGetItem", RequestItems={"orders": keys}, ReturnConsumedCapacity="TOTAL")
    assert answer["Responses"] == {"orders": [{"x": {"S": "1"}}]}
    assert answer["UnprocessedKeys"] == {}
    assert answer["ConsumedCapacity"] == [{"TableName": "orders", "CapacityUnits": 1.0}]


def test_a_batch_hands_back_what_is_too_much_for_one_answer(ddb: Box) -> None:
    for number in range(45):
        put(ddb, "a", number, x={"S": "x" * 390_000})
    left = {"orders": {"Keys": [key("a", number) for number in range(45)]}}
    found: list[str] = []
    while left:
        answer = ddb("BatchGetItem", RequestItems=left)
        found += [item["n"]["N"] for item in answer["Responses"]["orders"]]
        left = answer["UnprocessedKeys"]
    assert found == [str(number) for number in range(45)]


def test_a_batch_writes_and_deletes(ddb: Box) -> None:
    put(ddb, "a")
    writes = [{"DeleteRequest": {"Key": key("a")}}, {"PutRequest": {"Item": key("b")}}]
    assert ddb("BatchWriteItem", RequestItems={"orders": writes}) == {"UnprocessedItems": {}}
    assert (get(ddb, "a"), get(ddb, "b")) == (None, key("b"))


PUT: dict[str, Any] = {"PutRequest": {"Item": key("a")}}


@pytest.mark.parametrize(
    ("operation", "asked", "words"),
    [
        ("BatchWriteItem", {"orders": [PUT] * 26}, "Too many items requested for the BatchWriteItem call"),
        ("BatchWriteItem", {"orders": [PUT, PUT]}, "Provided list of item keys contains duplicates"),
        ("BatchWriteItem", {"orders": [{}]}, "Supplied WriteRequest is empty"),
        ("BatchWriteItem", {"orders": []}, "'orders' failed to satisfy constraint"),
        ("BatchWriteItem", {}, "'requestItems' failed to satisfy constraint"),
        ("BatchWriteItem", {"zzz": [PUT]}, "ResourceNotFoundException: Requested resource not found"),
        ("BatchGetItem", {"orders": {"Keys": [key("a", n) for n in range(101)]}}, "Too many items requested"),
        ("BatchGetItem", {"orders": {"Keys": [key("a"), key("a", "1.0")]}}, "contains duplicates"),
        ("BatchGetItem", {"orders": {"Keys": [{"id": {"S": "a"}}]}}, "does not match the schema"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(ddb: Box, operation: str, asked: Any, words: str) -> None:
    assert words in refusal(ddb, operation, RequestItems=asked)
    assert get(ddb, "a") is None


def test_a_transaction_does_all(ddb: Box) -> None:
    put(ddb, "a")
    put(ddb, "b")
    actions = [
        there("a"),
        counter("c"),
        {"Put": {**T, "Item": key("d")}},
        {"Delete": {**T, "Key": key("b")}},
    ]
    answer = ddb("TransactWriteItems", TransactItems=actions, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == [{"TableName": "orders", "CapacityUnits": 8.0}]
    assert (get(ddb, "a"), get(ddb, "b"), hits(ddb, "c"), get(ddb, "d")) == (key("a"), None, "1", key("d"))


def test_a_transaction_of_which_one_part_fails_does_nothing_and_says_why(ddb: Box) -> None:
    put(ddb, "a", x={"S": "1"})
    put(ddb, "text", hits={"S": "one"})
    taken = {**T, "Item": key("a"), "ConditionExpression": "attribute_not_exists(id)",
             "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}  # fmt: skip
    with pytest.raises(ServiceError) as caught:
        ddb("TransactWriteItems", TransactItems=[counter("c"), there("zzz"), {"Put": taken}, counter("text")])
    assert caught.value.code == "TransactionCanceledException"
    assert caught.value.message == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, ConditionalCheckFailed, ConditionalCheckFailed, ValidationError]"
    )
    said = "The conditional request failed"
    assert caught.value.extras["CancellationReasons"] == [
        {"Code": "None"},
        {"Code": "ConditionalCheckFailed", "Message": said},
        {"Code": "ConditionalCheckFailed", "Message": said, "Item": {**key("a"), "x": {"S": "1"}}},
        {"Code": "ValidationError", "Message": "An operand in the update expression has an incorrect data type"},
    ]
    assert get(ddb, "c") is None


def test_a_token_makes_a_transaction_count_once(ddb: Box) -> None:
    given = {"TransactItems": [counter("a")], "ClientRequestToken": "t"}
    first = ddb("TransactWriteItems", **given)
    assert ddb("TransactWriteItems", **given) == first
    assert hits(ddb, "a") == "1"
    told = refusal(ddb, "TransactWriteItems", TransactItems=[counter("a", 2)], ClientRequestToken="t")
    assert told.startswith("IdempotentParameterMismatchException")
    ddb.pass_time(601)
    ddb("TransactWriteItems", **given)
    assert hits(ddb, "a") == "2"


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([], "'transactItems' failed to satisfy constraint"),
        ([counter(f"k{n}") for n in range(101)], "Member must have length less than or equal to 100"),
        ([counter("a"), there("a")], "Transaction request cannot include multiple operations on one item"),
        ([there("b"), {"Put": {**T, "Item": key("b")}}], "ValidationException: Transaction request cannot include"),
        ([{}], "TransactItems can only contain one of Check, Put, Update or Delete"),
        ([{"ConditionCheck": {**T, "Key": key("a")}}], "Value null at 'conditionExpression'"),
        ([{"Put": {"TableName": "zzz", "Item": key("a")}}], "ResourceNotFoundException"),
        # Values are read before any table is looked for; the type of a key is the table's, so it is a reason.
        ([{"Delete": {"TableName": "zzz", "Key": key("a")}}, {"Put": {**T, "Item": {**key("b"), "x": {"SS": []}}}}],
         "ValidationException: One or more parameter values were invalid: An string set  may not be empty"),
        ([{"Put": {**T, "Item": {**key("b"), "x": {"N": "1e126"}}}}], "ValidationException: Number overflow"),
        ([{"Put": {**T, "Item": key("")}}], "ValidationException: One or more parameter values are not valid"),
        ([{"Delete": {**T, "Key": {"id": {"S": "b"}, "n": {"N": "x"}}}}], "ValidationException: The parameter"),
        ([{"Put": {**T, "Item": {**key("b"), "n": {"S": "1"}}}}], "TransactionCanceledException"),
    ],
)  # fmt: skip
def test_a_transaction_that_cannot_be_is_refused(ddb: Box, actions: Any, words: str) -> None:
    put(ddb, "a")
    assert words in refusal(ddb, "TransactWriteItems", TransactItems=actions)
    assert get(ddb, "a") == key("a")


def test_a_transaction_reads_in_its_order(ddb: Box) -> None:
    put(ddb, "a", x={"S": "1"}, y={"S": "2"})
    gets = [{"Get": {**T, "Key": key("zzz")}}, {"Get": {**T, "Key": key("a"), "ProjectionExpression": "y"}}]
    assert ddb("TransactGetItems", TransactItems=gets)["Responses"] == [{}, {"Item": {"y": {"S": "2"}}}]
    assert "Value null at 'get'" in refusal(ddb, "TransactGetItems", TransactItems=[{}])
