"""Streams of tables: what a change leaves behind, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flowd.services.dynamodb import SERVICE
from flowd.services.dynamodb.streamreads import SERVICE as STREAMS
from flowd.services.ports import ServiceError
from flowd.store.dynamodb import DynamodbTables
from tests.services.box import Box

DAY = 86_400
A = {"TableName": "notes", "Key": {"id": {"S": "a"}}}


class StreamBox(Box):
    """DynamoDB and its streams over the same tables."""

    def stream(self, operation: str, /, **members: Any) -> dict[str, Any]:
        return STREAMS.operations[operation](self.tables, members, self.new_call())

    def arn(self, table: str = "notes") -> str:
        return str(self("DescribeTable", TableName=table)["Table"]["LatestStreamArn"])

    def shard(self, arn: str | None = None) -> dict[str, Any]:
        told = self.stream("DescribeStream", StreamArn=arn or self.arn())["StreamDescription"]
        [shard] = told["Shards"]
        return dict(shard)

    def iterator(self, kind: str = "TRIM_HORIZON", arn: str | None = None, **more: Any) -> str:
        arn = arn or self.arn()
        members = {"StreamArn": arn, "ShardId": self.shard(arn)["ShardId"], "ShardIteratorType": kind, **more}
        return str(self.stream("GetShardIterator", **members)["ShardIterator"])

    def records(self, kind: str = "TRIM_HORIZON", arn: str | None = None, **more: Any) -> list[dict[str, Any]]:
        return list(self.stream("GetRecords", ShardIterator=self.iterator(kind, arn, **more))["Records"])

    def refused(self, operation: str, /, **members: Any) -> str:
        with pytest.raises(ServiceError) as caught:
            self.stream(operation, **members)
        return f"{caught.value.code}: {caught.value.message}"


def make(box: StreamBox, view: str = "NEW_AND_OLD_IMAGES", name: str = "notes") -> None:
    box(
        "CreateTable",
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
    )


def change(box: StreamBox) -> None:
    """An insert, a change, a deletion."""
    box("PutItem", TableName="notes", Item={"id": {"S": "a"}, "n": {"N": "1"}})
    box("UpdateItem", **A, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": {"N": "1"}})
    box("DeleteItem", **A)


@pytest.fixture
def box() -> Iterator[StreamBox]:
    made = StreamBox(SERVICE, DynamodbTables)
    make(made)
    yield made
    made.close()


def test_a_change_leaves_a_record_with_both_images(box: StreamBox) -> None:
    change(box)
    insert, modify, remove = box.records()
    old, new = {"id": {"S": "a"}, "n": {"N": "1"}}, {"id": {"S": "a"}, "n": {"N": "2"}}
    assert insert == {
        "eventID": insert["eventID"],
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_700_000_000,
            "Keys": {"id": {"S": "a"}},
            "NewImage": old,
            "SequenceNumber": insert["dynamodb"]["SequenceNumber"],
            "SizeBytes": 3 + 3 + 3,  # the key, and the image: id, a; n, 1
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    assert (modify["eventName"], modify["dynamodb"]["OldImage"], modify["dynamodb"]["NewImage"]) == ("MODIFY", old, new)
    assert (remove["eventName"], remove["dynamodb"]["OldImage"]) == ("REMOVE", new)
    assert "NewImage" not in remove["dynamodb"]
    numbers = [each["dynamodb"]["SequenceNumber"] for each in (insert, modify, remove)]
    assert numbers == sorted(set(numbers)) and all(21 <= len(number) <= 40 for number in numbers)


@pytest.mark.parametrize(
    ("view", "images"),
    [
        ("KEYS_ONLY", [set(), set(), set()]),
        ("NEW_IMAGE", [{"NewImage"}, {"NewImage"}, set()]),
        ("OLD_IMAGE", [set(), {"OldImage"}, {"OldImage"}]),
    ],
)
def test_a_view_type_says_which_images_are_shown(view: str, images: list[set[str]]) -> None:
    box = StreamBox(SERVICE, DynamodbTables)
    make(box, view)
    change(box)
    assert [{"NewImage", "OldImage"} & set(each["dynamodb"]) for each in box.records()] == images
    box.close()


def test_what_changes_nothing_leaves_no_record(box: StreamBox) -> None:
    item = {"id": {"S": "a"}, "tags": {"SS": ["x", "y"]}, "n": {"N": "1"}}
    box("PutItem", TableName="notes", Item=item)
    box("PutItem", TableName="notes", Item={**item, "tags": {"SS": ["y", "x"]}, "n": {"N": "1.0"}})
    box("UpdateItem", **A, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "1"}})
    box("DeleteItem", TableName="notes", Key={"id": {"S": "nobody"}})
    with pytest.raises(ServiceError, match="conditional request failed"):
        box("DeleteItem", **A, ConditionExpression="attribute_not_exists(id)")
    assert [each["eventName"] for each in box.records()] == ["INSERT"]


def test_batches_and_transactions_leave_a_record_for_each_item(box: StreamBox) -> None:
    items = [{"PutRequest": {"Item": {"id": {"S": name}}}} for name in "ab"]
    box("BatchWriteItem", RequestItems={"notes": items})
    put = {"Put": {"TableName": "notes", "Item": {"id": {"S": "c"}}}}
    box("TransactWriteItems", TransactItems=[put, {"Delete": A}])
    told = [(each["eventName"], each["dynamodb"]["Keys"]["id"]["S"]) for each in box.records()]
    assert told == [("INSERT", "a"), ("INSERT", "b"), ("INSERT", "c"), ("REMOVE", "a")]


def test_an_item_that_has_lived_long_enough_is_removed_by_the_service(box: StreamBox) -> None:
    ends = {"AttributeName": "ends", "Enabled": True}
    box("UpdateTimeToLive", TableName="notes", TimeToLiveSpecification=ends)
    box("PutItem", TableName="notes", Item={"id": {"S": "a"}, "ends": {"N": str(box.now_ms // 1000 + 5)}})
    box.pass_time(5)
    box.tick()
    _, removed = box.records()
    assert removed["eventName"] == "REMOVE"
    assert removed["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}


def test_an_iterator_stands_where_it_was_asked_for(box: StreamBox) -> None:
    latest = box.iterator("LATEST")
    moment = box.now_ms / 1000 + 1
    box("PutItem", TableName="notes", Item={"id": {"S": "a"}})
    box.pass_time(2)
    box("DeleteItem", **A)
    first, second = box.records()
    number = first["dynamodb"]["SequenceNumber"]
    assert box.records("AT_SEQUENCE_NUMBER", SequenceNumber=number) == [first, second]
    assert box.records("AFTER_SEQUENCE_NUMBER", SequenceNumber=number) == [second]
    assert box.records("AT_TIMESTAMP", Timestamp=moment) == [second]
    assert box.records("LATEST") == []
    page = box.stream("GetRecords", ShardIterator=latest, Limit=1)
    assert page["Records"] == [first]
    page = box.stream("GetRecords", ShardIterator=page["NextShardIterator"])
    assert page["Records"] == [second]
    assert box.stream("GetRecords", ShardIterator=page["NextShardIterator"])["Records"] == []


def test_a_page_of_records_has_a_mebibyte(box: StreamBox) -> None:
    for name in "abc":
        box("PutItem", TableName="notes", Item={"id": {"S": name}, "text": {"S": "x" * 400_000}})
    page = box.stream("GetRecords", ShardIterator=box.iterator())
    assert len(page["Records"]) == 2
    assert len(box.stream("GetRecords", ShardIterator=page["NextShardIterator"])["Records"]) == 1


def test_records_are_kept_for_a_day(box: StreamBox) -> None:
    box("PutItem", TableName="notes", Item={"id": {"S": "a"}})
    [first] = box.records()
    number = first["dynamodb"]["SequenceNumber"]
    due_ms = box.tick()
    box.pass_time(DAY)
    box("DeleteItem", **A)
    assert [each["eventName"] for each in box.records()] == ["REMOVE"]
    arn = box.arn()
    members = {"StreamArn": arn, "ShardId": box.shard()["ShardId"], "SequenceNumber": number}
    said = "TrimmedDataAccessException: The operation attempted to read past the oldest stream record in a shard."
    assert box.refused("GetShardIterator", ShardIteratorType="AT_SEQUENCE_NUMBER", **members) == said
    assert due_ms is not None
    box.now_ms = due_ms
    box.tick()
    assert box.session.connection().exec_driver_sql("SELECT count(*) FROM dynamodb_record").scalar() == 1


def test_a_disabled_stream_is_read_to_its_end_and_forgotten_after_a_day(box: StreamBox) -> None:
    box("PutItem", TableName="notes", Item={"id": {"S": "a"}})
    arn = box.arn()
    off = box("UpdateTable", TableName="notes", StreamSpecification={"StreamEnabled": False})["TableDescription"]
    assert "StreamSpecification" not in off and off["LatestStreamArn"] == arn
    box("DeleteItem", **A)
    told = box.stream("DescribeStream", StreamArn=arn)["StreamDescription"]
    [record] = box.records(arn=arn)
    assert told["StreamStatus"] == "DISABLED"
    assert told["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"] == record["dynamodb"]["SequenceNumber"]
    page = box.stream("GetRecords", ShardIterator=box.iterator(arn=arn))
    assert "NextShardIterator" not in page
    box.pass_time(DAY)
    assert "ResourceNotFoundException" in box.refused("DescribeStream", StreamArn=arn)
    box.tick()
    assert box.stream("ListStreams")["Streams"] == []


def test_a_stream_that_is_enabled_again_is_another_one(box: StreamBox) -> None:
    first = box.arn()
    on = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    with pytest.raises(ServiceError, match="Table already has an enabled stream: TableName: notes"):
        box("UpdateTable", TableName="notes", StreamSpecification=on)
    box("UpdateTable", TableName="notes", StreamSpecification={"StreamEnabled": False})
    with pytest.raises(ServiceError, match="does not have a stream to disable"):
        box("UpdateTable", TableName="notes", StreamSpecification={"StreamEnabled": False})
    box("UpdateTable", TableName="notes", StreamSpecification=on)
    second = box.arn()
    assert second != first
    newest = box.stream("DescribeStream", StreamArn="arn:aws:dynamodb:r:1:table/notes/stream/latest")
    assert newest["StreamDescription"]["StreamArn"] == second
    box("DeleteTable", TableName="notes")
    make(box)
    listed = [each["StreamArn"] for each in box.stream("ListStreams", TableName="notes")["Streams"]]
    assert listed == [first, second, box.arn()]
    page = box.stream("ListStreams", Limit=2)
    assert page["LastEvaluatedStreamArn"] == second
    assert len(box.stream("ListStreams", ExclusiveStartStreamArn=second)["Streams"]) == 1


@pytest.mark.parametrize(
    ("specification", "words"),
    [
        ({"StreamEnabled": True}, "StreamViewType must be specified"),
        ({"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"}, "StreamViewType cannot be specified"),
        ({"StreamEnabled": True, "StreamViewType": "ALL"}, "Value 'ALL' at 'streamViewType'"),
        ({"StreamViewType": "KEYS_ONLY"}, "'streamEnabled'"),
    ],
)
def test_a_stream_that_cannot_be_is_refused(box: StreamBox, specification: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        box("UpdateTable", TableName="notes", StreamSpecification=specification)
    assert caught.value.code == "ValidationException"


def test_what_is_no_stream_shard_or_iterator_is_refused(box: StreamBox) -> None:
    arn, shard = box.arn(), box.shard()["ShardId"]
    at = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "AT_SEQUENCE_NUMBER"}
    assert "ValidationException" in box.refused("DescribeStream", StreamArn="notes")
    gone = arn.replace("notes", "others")
    assert box.refused("DescribeStream", StreamArn=gone) == (
        f"ResourceNotFoundException: Requested resource not found: Stream: {gone} not found"
    )
    assert "ResourceNotFound" in box.refused("GetShardIterator", **{**at, "ShardId": "shardId-1"}, SequenceNumber="1")
    assert "must be specified" in box.refused("GetShardIterator", **at)
    assert "Invalid SequenceNumber" in box.refused("GetShardIterator", **at, SequenceNumber="7")
    assert "Invalid SequenceNumber" in box.refused("GetShardIterator", **at, SequenceNumber="1" + "9" * 20)
    for iterator in ("x", f"{arn}|1|", f"{arn}|1|!!", f"{arn}|1|\ud800", "x|1|MDow"):
        assert box.refused("GetRecords", ShardIterator=iterator) == "ValidationException: Invalid ShardIterator"
    iterator = box.iterator()
    assert "Member must have value less than or equal to 1000" in box.refused(
        "GetRecords", ShardIterator=iterator, Limit=1001
    )
    box.pass_time(901)
    assert box.refused("GetRecords", ShardIterator=iterator) == "ExpiredIteratorException: Iterator expired"
