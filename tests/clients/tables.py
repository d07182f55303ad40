"""Amazon DynamoDB and the streams of its tables."""

from __future__ import annotations

from typing import Any, Final

from tests.clients.rows import Calls

ddb, streams = Calls("dynamodb"), Calls("dynamodbstreams")
T: Final = {"TableName": "orders"}
NONE: Final = {"TableName": "nothing"}
ARN: Final = "arn:aws:dynamodb:us-east-1:000000000000:table"
LOST: Final = "ResourceNotFoundException"
WRONG: Final = "ValidationException"
FAILED: Final = "ConditionalCheckFailedException"


def key(value: str) -> dict[str, Any]:
    return {"id": {"S": value}}


KEYS: Final = {
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ONLY_NEW: Final = {"ConditionExpression": "attribute_not_exists(id)"}
_TABLES: Final = [
    ddb.good(
        "CreateTable",
        {**T, **KEYS, "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}},
        "TableDescription.TableName == 'orders'",
    ),
    ddb.bad("CreateTable", "ResourceInUseException", **T, **KEYS),
    ddb.bad("CreateTable", WRONG, TableName="x y z", **KEYS),
    ddb.good("DescribeTable", T, "Table.TableStatus == 'ACTIVE'", stream="Table.LatestStreamArn"),
    ddb.bad("DescribeTable", LOST, **NONE),
    ddb.good("ListTables", {"Limit": 1}, "TableNames[0]"),
    ddb.bad("ListTables", WRONG, Limit=101),
    ddb.good(
        "UpdateTable",
        {**T, "BillingMode": "PROVISIONED", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}},
    ),
    ddb.bad("UpdateTable", LOST, **NONE, BillingMode="PAY_PER_REQUEST"),
    ddb.good("UpdateTimeToLive", {**T, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}}),
    ddb.bad("UpdateTimeToLive", WRONG, **T, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}),
    ddb.good("DescribeTimeToLive", T, "TimeToLiveDescription.AttributeName == 'ttl'"),
    ddb.bad("DescribeTimeToLive", LOST, **NONE),
    ddb.good("DescribeContinuousBackups", T, "ContinuousBackupsDescription"),
    ddb.bad("DescribeContinuousBackups", "TableNotFoundException", **NONE),
    ddb.good("DescribeLimits", {}, "TableMaxReadCapacityUnits"),
    ddb.strange("DescribeLimits"),
    ddb.good("DescribeEndpoints", {}, "Endpoints[0].Address"),
    ddb.strange("DescribeEndpoints"),
    ddb.good("TagResource", {"ResourceArn": f"{ARN}/orders", "Tags": [{"Key": "team", "Value": "a"}]}),
    ddb.bad("TagResource", LOST, ResourceArn=f"{ARN}/nothing", Tags=[{"Key": "team", "Value": "a"}]),
    ddb.good("ListTagsOfResource", {"ResourceArn": f"{ARN}/orders"}, "Tags[0].Key == 'team'"),
    ddb.bad("ListTagsOfResource", LOST, ResourceArn=f"{ARN}/nothing"),
    ddb.good("UntagResource", {"ResourceArn": f"{ARN}/orders", "TagKeys": ["team"]}),
    ddb.bad("UntagResource", LOST, ResourceArn=f"{ARN}/nothing", TagKeys=["team"]),
]
_ITEMS: Final = [
    ddb.good(
        "PutItem", {**T, "Item": {**key("a"), "n": {"N": "1"}, "b": {"B": b"\x00\xff"}, "l": {"L": [{"NULL": True}]}}}
    ),
    ddb.bad("PutItem", FAILED, **T, Item=key("a"), **ONLY_NEW),
    ddb.bad("PutItem", LOST, **NONE, Item=key("a")),
    ddb.bad("PutItem", WRONG, **T, Item={"n": {"N": "1"}}),
    ddb.good("GetItem", {**T, "Key": key("a"), "ConsistentRead": True}, "Item.n.N == '1' && Item.l.L[0].NULL"),
    ddb.bad("GetItem", WRONG, **T, Key={"id": {"N": "1"}}),
    ddb.good(
        "UpdateItem",
        {
            **T,
            "Key": key("a"),
            "UpdateExpression": "SET n = n + :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
            "ReturnValues": "ALL_NEW",
        },
        "Attributes.n.N == '2'",
    ),
    ddb.bad("UpdateItem", WRONG, **T, Key=key("a"), UpdateExpression="SET n = "),
    ddb.bad(
        "UpdateItem", FAILED, **T, Key=key("b"), UpdateExpression="REMOVE n", ConditionExpression="attribute_exists(id)"
    ),
    ddb.good("DeleteItem", {**T, "Key": key("none")}),
    ddb.bad("DeleteItem", FAILED, **T, Key=key("b"), ConditionExpression="attribute_exists(id)"),
    ddb.good("BatchWriteItem", {"RequestItems": {"orders": [{"PutRequest": {"Item": key("b")}}]}}, "!UnprocessedItems"),
    ddb.bad("BatchWriteItem", LOST, RequestItems={"nothing": [{"PutRequest": {"Item": key("b")}}]}),
    ddb.bad("BatchWriteItem", WRONG, RequestItems={"orders": [{"PutRequest": {"Item": key("b")}}] * 2}),
    ddb.good(
        "BatchGetItem", {"RequestItems": {"orders": {"Keys": [key("a"), key("b")]}}}, "length(Responses.orders) == `2`"
    ),
    ddb.bad("BatchGetItem", LOST, RequestItems={"nothing": {"Keys": [key("a")]}}),
    ddb.good(
        "Query",
        {**T, "KeyConditionExpression": "id = :a", "ExpressionAttributeValues": {":a": {"S": "a"}}},
        "Count == `1`",
    ),
    ddb.bad("Query", WRONG, **T, KeyConditionExpression="n = :a", ExpressionAttributeValues={":a": {"S": "a"}}),
    ddb.good("Scan", {**T, "Limit": 1}, "Items[0].id.S"),
    ddb.bad("Scan", LOST, **NONE),
    ddb.good("TransactWriteItems", {"TransactItems": [{"Put": {**T, "Item": key("c")}}], "ClientRequestToken": "once"}),
    ddb.bad(
        "TransactWriteItems",
        "TransactionCanceledException",
        TransactItems=[{"Put": {**T, "Item": key("c"), **ONLY_NEW}}],
    ),
    ddb.bad(
        "TransactWriteItems",
        "IdempotentParameterMismatchException",
        TransactItems=[{"Put": {**T, "Item": key("d")}}],
        ClientRequestToken="once",
    ),
    ddb.good("TransactGetItems", {"TransactItems": [{"Get": {**T, "Key": key("c")}}]}, "Responses[0].Item.id.S == 'c'"),
    ddb.bad("TransactGetItems", LOST, TransactItems=[{"Get": {**NONE, "Key": key("c")}}]),
    ddb.good("ExecuteStatement", {"Statement": "SELECT * FROM orders WHERE id = 'a'"}, "Items[0].n.N == '2'"),
    ddb.bad("ExecuteStatement", WRONG, Statement="SELEKT"),
    ddb.bad("ExecuteStatement", "DuplicateItemException", Statement="INSERT INTO orders VALUE {'id': 'a'}"),
    ddb.good(
        "BatchExecuteStatement",
        {
            "Statements": [
                {"Statement": "SELECT * FROM orders WHERE id = ?", "Parameters": [{"S": "b"}]},
                {"Statement": "SELEKT"},
            ]
        },
        "Responses[0].Item.id.S == 'b' && Responses[1].Error.Code == 'ValidationError'",
    ),
    ddb.bad(
        "BatchExecuteStatement",
        WRONG,
        Statements=[{"Statement": f"SELECT * FROM orders WHERE id = '{n}'"} for n in range(26)],
    ),
    ddb.good(
        "ExecuteTransaction",
        {"TransactStatements": [{"Statement": "UPDATE orders SET n = 3 WHERE id = 'a'"}]},
    ),
    ddb.bad(
        "ExecuteTransaction",
        "TransactionCanceledException",
        TransactStatements=[{"Statement": "INSERT INTO orders VALUE {'id': 'a'}"}],
    ),
]
_STREAMS: Final = [
    streams.good("ListStreams", {**T}, "length(Streams) == `1`"),
    streams.bad("ListStreams", WRONG, Limit=101),
    streams.good("DescribeStream", {"StreamArn": "<stream>"}, shard="StreamDescription.Shards[0].ShardId"),
    streams.bad("DescribeStream", LOST, StreamArn=f"{ARN}/orders/stream/2001-01-01T00:00:00.000"),
    streams.good(
        "GetShardIterator",
        {"StreamArn": "<stream>", "ShardId": "<shard>", "ShardIteratorType": "TRIM_HORIZON"},
        iterator="ShardIterator",
    ),
    streams.bad(
        "GetShardIterator",
        LOST,
        StreamArn="<stream>",
        ShardId="shardId-00000000000000000000-none",
        ShardIteratorType="LATEST",
    ),
    streams.good("GetRecords", {"ShardIterator": "<iterator>"}, "Records[0].eventName == 'INSERT'"),
    streams.bad("GetRecords", WRONG, ShardIterator="nonsense"),
]
_ENDS: Final = [
    ddb.good("DeleteTable", T, "TableDescription.TableStatus == 'DELETING'"),
    ddb.bad("DeleteTable", LOST, **NONE),
]
ROWS: Final = [*_TABLES, *_ITEMS, *_STREAMS, *_ENDS]
