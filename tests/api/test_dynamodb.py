"""Unmodified boto3: client, resource, waiters and paginators of DynamoDB over TCP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from flowd.engine.cloud import Cloud
from flowd.integrations.dynamodb import Dynamodb
from flowd.integrations.sdk import Sdk
from tests.api.box import Box

TABLE: dict[str, Any] = {
    "TableName": "orders",
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": "n", "AttributeType": "N"},
    ],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def resource_of(box: Box) -> Any:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    return boto3.resource("dynamodb", endpoint_url=box.server.url, region_name="us-east-1", **keys)


@pytest.fixture
async def client(box: Box) -> AsyncIterator[Any]:
    made = box.aws("dynamodb")
    await asyncio.to_thread(made.create_table, **TABLE)
    yield made


async def test_a_table_is_waited_for_used_and_deleted(client: Any) -> None:
    def use() -> None:
        client.get_waiter("table_exists").wait(TableName="orders")
        arn = client.describe_table(TableName="orders")["Table"]["TableArn"]
        client.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
        assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
        assert client.list_tables()["TableNames"] == ["orders"]
        client.update_time_to_live(
            TableName="orders", TimeToLiveSpecification={"AttributeName": "ends", "Enabled": True}
        )
        client.delete_table(TableName="orders")
        client.get_waiter("table_not_exists").wait(TableName="orders")
        with pytest.raises(client.exceptions.ResourceNotFoundException, match="Table: orders not found"):
            client.describe_table(TableName="orders")

    await asyncio.to_thread(use)


async def test_the_resource_speaks_python(box: Box, client: Any) -> None:
    def use() -> None:
        table = resource_of(box).Table("orders")
        with table.batch_writer() as batch:
            for number in range(60):
                batch.put_item(Item={"id": "a", "n": number, "half": Decimal(number) / 2, "tags": {"x"}, "raw": b"\0"})
        found = table.query(KeyConditionExpression=Key("id").eq("a") & Key("n").between(58, 99))["Items"]
        assert [(item["n"], item["half"], item["tags"], bytes(item["raw"])) for item in found] == [
            (58, 29, {"x"}, b"\0"),
            (59, Decimal("29.5"), {"x"}, b"\0"),
        ]
        assert table.scan(FilterExpression=Attr("half").lt(1) | Attr("n").is_in([7]))["Count"] == 3
        answer = table.update_item(
            Key={"id": "a", "n": 0},
            UpdateExpression="SET hits = if_not_exists(hits, :zero) + :one",
            ConditionExpression=Attr("n").exists(),
            ExpressionAttributeValues={":zero": 0, ":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        assert answer["Attributes"] == {"hits": 1}
        assert table.item_count == 60

    await asyncio.to_thread(use)


async def test_pages_by_the_paginator(client: Any) -> None:
    def use() -> None:
        for number in range(5):
            client.put_item(TableName="orders", Item={"id": {"S": "a"}, "n": {"N": str(number)}})
        pages = client.get_paginator("scan").paginate(TableName="orders", PaginationConfig={"PageSize": 2})
        assert [page["Count"] for page in pages] == [2, 2, 1]

    await asyncio.to_thread(use)


async def test_refusals_are_classes_with_their_members(client: Any) -> None:
    def use() -> None:
        item = {"id": {"S": "a"}, "n": {"N": "1"}, "raw": {"B": b"\x00\xff"}}
        client.put_item(TableName="orders", Item=item)
        key = {"id": {"S": "a"}, "n": {"N": "1"}}
        with pytest.raises(client.exceptions.ConditionalCheckFailedException) as failed:
            client.put_item(
                TableName="orders",
                Item=key,
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        assert failed.value.response["Item"] == item
        assert failed.value.response["Error"]["Message"] == "The conditional request failed"
        check = {"TableName": "orders", "Key": key, "ConditionExpression": "attribute_exists(zzz)"}
        with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
            client.transact_write_items(TransactItems=[{"ConditionCheck": check}])
        assert cancelled.value.response["CancellationReasons"][0]["Code"] == "ConditionalCheckFailed"
        with pytest.raises(ClientError, match="Invalid UpdateExpression: Syntax error; token") as invalid:
            client.update_item(TableName="orders", Key=key, UpdateExpression="SET")
        assert invalid.value.response["Error"]["Code"] == "ValidationException"
        assert invalid.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400

    await asyncio.to_thread(use)


async def test_what_is_not_built_says_so(client: Any) -> None:
    def use() -> None:
        with pytest.raises(ClientError, match="CreateBackup is an operation of DynamoDB that is not built"):
            client.create_backup(TableName="orders", BackupName="b")

    await asyncio.to_thread(use)


async def test_tables_outlive_the_daemon_and_items_end_in_their_time(box: Box, client: Any) -> None:
    def fill() -> None:
        ends = {"AttributeName": "ends", "Enabled": True}
        client.update_time_to_live(TableName="orders", TimeToLiveSpecification=ends)
        for number, after_s in enumerate((60, 3600)):
            ends_s = box.world.clock.now_ms() // 1000 + after_s
            item = {"id": {"S": "a"}, "n": {"N": str(number)}, "ends": {"N": str(ends_s)}}
            client.put_item(TableName="orders", Item=item)

    await asyncio.to_thread(fill)
    await box.restart()
    await box.world.pass_time(61)
    found = await asyncio.to_thread(box.aws("dynamodb").scan, TableName="orders")
    assert [item["n"]["N"] for item in found["Items"]] == ["1"]


# -- Tasks -------------------------------------------------------------------------


def machine(action: str, parameters: dict[str, Any], service: str = "dynamodb") -> str:
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{service}:{action}", "Parameters": parameters, "End": True}
    return json.dumps({"StartAt": "T", "States": {"T": state}})


async def ended(box: Box, definition: str) -> Any:
    """DescribeExecution of a machine that asks DynamoDB."""
    cloud = Cloud(box.world.core.embedded, {})
    rows = box.world.registry.rows
    rows["dynamodb"], rows["aws-sdk:dynamodb"] = Dynamodb(cloud, box.world.clock), Sdk(cloud)
    arn = await box.machine(definition, name=f"m{abs(hash(definition))}")
    return await box.call("describe_execution", executionArn=await box.run(arn))


KEY = {"id": {"S": "a"}, "n": {"N": "1"}}
COUNT = {
    "TableName": "orders",
    "Key": KEY,
    "UpdateExpression": "ADD hits :one",
    "ExpressionAttributeValues": {":one": {"N": "1"}},
    "ReturnValues": "UPDATED_NEW",
}


async def test_a_task_is_answered_with_the_item_and_what_the_sdk_saw_of_http(box: Box, client: Any) -> None:
    output = json.loads((await ended(box, machine("updateItem", COUNT)))["output"])
    assert output["Attributes"] == {"hits": {"N": "1"}}
    headers = output["SdkHttpMetadata"]["HttpHeaders"]
    assert set(headers) == {
        *("Server", "Connection", "x-amzn-RequestId", "x-amz-crc32", "Content-Length", "Date", "Content-Type")
    }
    assert headers["Content-Length"] == str(len('{"Attributes":{"hits":{"N":"1"}}}'))
    got = json.loads((await ended(box, machine("getItem", {"TableName": "orders", "Key": KEY})))["output"])
    assert got["Item"] == {**KEY, "hits": {"N": "1"}}
    plain = await ended(box, machine("updateItem", COUNT, "aws-sdk:dynamodb"))
    assert json.loads(plain["output"]) == {"Attributes": {"hits": {"N": "2"}}}


@pytest.mark.parametrize(
    ("action", "parameters", "error", "words"),
    [
        ("putItem", {"TableName": "orders", "Item": KEY, "ConditionExpression": "attribute_exists(id)"},
         "ConditionalCheckFailedException", "The conditional request failed (Service: AmazonDynamoDBv2; Status Code"),
        ("putItem", {"TableName": "zzz", "Item": KEY}, "ResourceNotFoundException",
         "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ResourceNotFound"),
        ("putItem", {"TableName": "orders", "Item": None}, "AmazonDynamoDBException",
         "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"),
        ("deleteItem", {"TableName": "/x", "Key": KEY}, "AmazonDynamoDBException", "Value '/x' at 'tableName'"),
    ],
)  # fmt: skip
async def test_a_task_fails_with_the_error_s_name(
    box: Box, client: Any, action: str, parameters: dict[str, Any], error: str, words: str
) -> None:
    found = await ended(box, machine(action, parameters))
    assert found["error"] == f"DynamoDB.{error}"
    assert words in found["cause"]


async def test_aws_sdk_tasks_have_names_of_their_own(box: Box, client: Any) -> None:
    failed = await ended(box, machine("putItem", {"TableName": "zzz", "Item": KEY}, "aws-sdk:dynamodb"))
    assert failed["error"] == "DynamoDb.ResourceNotFoundException"
    assert "Requested resource not found (Service: DynamoDb, Status Code: 400, Request ID: " in failed["cause"]
    wrong = await ended(box, machine("updateItem", {**COUNT, "UpdateExpression": "FROB"}, "aws-sdk:dynamodb"))
    assert wrong["error"] == "DynamoDb.DynamoDbException"


async def test_a_stream_is_followed(box: Box) -> None:
    client, streams = box.aws("dynamodb"), box.aws("dynamodbstreams")

    def use() -> None:
        view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        made = client.create_table(**TABLE, StreamSpecification=view)["TableDescription"]
        assert made["StreamSpecification"] == view
        client.put_item(TableName="orders", Item={"id": {"S": "a"}, "n": {"N": "1"}, "raw": {"B": b"\xff"}})
        [listed] = streams.list_streams(TableName="orders")["Streams"]
        assert listed["StreamArn"] == made["LatestStreamArn"]
        told = streams.describe_stream(StreamArn=listed["StreamArn"])["StreamDescription"]
        assert (told["StreamStatus"], told["KeySchema"]) == ("ENABLED", TABLE["KeySchema"])
        iterator = streams.get_shard_iterator(
            StreamArn=listed["StreamArn"],
            ShardId=told["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        [record] = streams.get_records(ShardIterator=iterator)["Records"]
        assert (record["eventName"], record["dynamodb"]["NewImage"]["raw"]) == ("INSERT", {"B": b"\xff"})
        assert record["dynamodb"]["ApproximateCreationDateTime"].tzinfo is not None
        with pytest.raises(streams.exceptions.ResourceNotFoundException):
            streams.describe_stream(StreamArn=listed["StreamArn"].replace("orders", "others"))

    await asyncio.to_thread(use)


async def test_statements_of_partiql_are_run(client: Any) -> None:
    def use() -> None:
        insert = "INSERT INTO orders VALUE {'id': ?, 'n': 1, 'raw': ?}"
        client.execute_statement(Statement=insert, Parameters=[{"S": "a"}, {"B": b"\xff"}])
        [item] = client.execute_statement(Statement="SELECT * FROM orders WHERE id = 'a'")["Items"]
        assert item == {"id": {"S": "a"}, "n": {"N": "1"}, "raw": {"B": b"\xff"}}
        with pytest.raises(client.exceptions.DuplicateItemException):
            client.execute_statement(Statement=insert, Parameters=[{"S": "a"}, {"B": b""}])
        told = client.batch_execute_statement(Statements=[{"Statement": "DELETE FROM orders"}])
        assert told["Responses"][0]["Error"]["Code"] == "ValidationError"
        with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
            client.execute_transaction(
                TransactStatements=[{"Statement": "INSERT INTO orders VALUE {'id': 'a', 'n': 1}"}]
            )
        assert caught.value.response["CancellationReasons"][0]["Code"] == "DuplicateItem"

    await asyncio.to_thread(use)
