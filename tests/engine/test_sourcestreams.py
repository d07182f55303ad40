"""Streams and queues of templates that call functions: order, retries, filters, and a restart in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from flowd.engine.sources.filters import wanted, wrong_in
from flowd.engine.sources.sources import Sources
from tests.engine.projectbox import Box

TABLE = """\
Resources:
  Notes:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  Lost: {Type: AWS::SQS::Queue}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: work
      Handler: app.handler
      Runtime: python3.12
      Events:
        Changes:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Notes.StreamArn, StartingPosition: TRIM_HORIZON, MORE}
"""
TOPIC = "arn:aws:sns:us-east-1:000000000000:shop-News"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with Box(tmp_path) as made:
        made.host.code["Work"] = lambda event: None
        yield made


def project(more: str = "BatchSize: 10") -> str:
    return TABLE.replace("MORE", more)


async def put(box: Box, *names: str, **more: Any) -> None:
    for name in names:
        item = {"id": {"S": name}, **more}
        await box.core.embedded.invoke("dynamodb", "PutItem", {"TableName": "shop-Notes", "Item": item})


async def pause(box: Box) -> Callable[[], Any]:
    """The daemon's sources stop; what is returned starts them again, as a new daemon would."""
    await box.settle()
    sources = box.scanner.scan().sources
    await box.sources.stop()

    async def again() -> None:
        box.sources = Sources(box.core.db, box.core.embedded, box.host, box.core.deliveries.put, pause_s=0.001)
        await box.sources.set_sources(sources)
        await box.settle()

    return again


def keys(event: Any) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]


def batches(box: Box) -> list[list[str]]:
    return [keys(event) for name, event in box.host.events if name == "Work"]


async def test_a_change_of_an_item_calls_the_function(box: Box) -> None:
    found = await box.drop(project(), "work")
    assert {text.partition(" ")[0] for text in found.values()} == {"made", "loaded"}, found
    await put(box, "a", raw={"B": b"\xff"})
    await box.settle()
    [(_, event)] = box.host.events
    [record] = event["Records"]
    label = (await box.ask("dynamodb", "DescribeTable", TableName="shop-Notes"))["Table"]["LatestStreamLabel"]
    assert record["eventSourceARN"] == f"arn:aws:dynamodb:us-east-1:000000000000:table/shop-Notes/stream/{label}"
    assert (record["eventName"], record["eventSource"], record["awsRegion"]) == ("INSERT", "aws:dynamodb", "us-east-1")
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "raw": {"B": "/w=="}}
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], int)


async def test_an_item_that_has_lived_long_enough_is_told_as_the_services_doing(box: Box) -> None:
    await box.drop(project(), "work")
    ttl = {"AttributeName": "ends", "Enabled": True}
    await box.ask("dynamodb", "UpdateTimeToLive", TableName="shop-Notes", TimeToLiveSpecification=ttl)
    await put(box, "a", ends={"N": str(box.clock.now_ms() // 1000 + 5)})
    await box.settle()
    await box.pass_time(10)
    await box.settle()
    record = box.host.events[-1][1]["Records"][-1]
    assert record["eventName"] == "REMOVE"
    assert record["userIdentity"] == {"principalId": "dynamodb.amazonaws.com", "type": "Service"}


async def test_a_restart_goes_on_behind_what_was_taken(box: Box) -> None:
    await box.drop(project(), "work")
    await put(box, "a")
    again = await pause(box)
    await put(box, "b", "c")
    await again()
    assert batches(box) == [["a"], ["b", "c"]]


async def test_latest_begins_with_what_comes(box: Box) -> None:
    text = project().replace("TRIM_HORIZON", "LATEST")
    await box.drop(text.replace("Type: DynamoDB\n", "Type: Kinesis\n"), "work")
    await put(box, "old")
    await box.drop(text, "work")
    await put(box, "new")
    await box.settle()
    assert batches(box) == [["new"]]


async def test_a_stream_is_read_to_its_end_before_the_one_that_follows_it(box: Box) -> None:
    await box.drop(project(), "work")
    await put(box, "a")
    again = await pause(box)
    await put(box, "b")
    table = {"TableName": "shop-Notes"}
    await box.ask("dynamodb", "UpdateTable", **table, StreamSpecification={"StreamEnabled": False})
    on = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    await box.ask("dynamodb", "UpdateTable", **table, StreamSpecification=on)
    await put(box, "c")
    await again()
    assert batches(box) == [["a"], ["b"], ["c"]]


async def test_a_batch_that_fails_holds_the_rest_up_until_it_is_taken(box: Box) -> None:
    left = [3]

    def work(event: Any) -> None:
        left[0] -= 1
        if left[0] > 0:
            raise ValueError

    box.host.code["Work"] = work
    await box.drop(project("BatchSize: 1"), "work")
    await put(box, "a", "b")
    await box.settle()
    assert batches(box) == [["a"], ["a"], ["a"], ["b"]]


async def test_a_batch_is_halved_and_what_fails_too_often_is_told_to_a_queue(box: Box) -> None:
    def work(event: Any) -> None:
        if "c" in keys(event):
            raise ValueError("c")

    box.host.code["Work"] = work
    more = (
        "BatchSize: 4, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 1, "
        "DestinationConfig: {OnFailure: {Destination: !GetAtt Lost.Arn}}"
    )
    await box.drop(project(more), "work")
    again = await pause(box)
    await put(box, "a", "b", "c", "d")
    await again()
    assert batches(box) == [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["c"], ["d"]]
    [text] = await box.received("shop-Lost")
    told = json.loads(text)
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 2
    assert told["requestContext"]["functionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:Work"
    batch = told["DDBStreamBatchInfo"]
    assert (batch["batchSize"], batch["startSequenceNumber"]) == (1, batch["endSequenceNumber"])


async def test_an_answer_may_name_the_first_record_that_failed(box: Box) -> None:
    failed: list[str] = []

    def work(event: Any) -> Any:
        bad = [each["dynamodb"]["SequenceNumber"] for each in event["Records"] if keys({"Records": [each]}) == ["b"]]
        if not bad or failed:
            return {"batchItemFailures": []}
        failed.extend(bad)
        return {"batchItemFailures": [{"itemIdentifier": bad[0]}]}

    box.host.code["Work"] = work
    await box.drop(project("BatchSize: 10, FunctionResponseTypes: [ReportBatchItemFailures]"), "work")
    again = await pause(box)
    await put(box, "a", "b", "c")
    await again()
    assert batches(box) == [["a", "b", "c"], ["b", "c"]]


async def test_records_that_are_too_old_are_given_up(box: Box) -> None:
    await box.drop(project("BatchSize: 10, MaximumRecordAgeInSeconds: 60"), "work")
    again = await pause(box)
    await put(box, "old")
    await box.pass_time(62)
    await put(box, "new")
    await again()
    assert batches(box) == [["new"]]


async def test_what_no_filter_wants_is_passed_over(box: Box) -> None:
    pattern = json.dumps({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["order"]}}}})
    await box.drop(project(f"FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}}"), "work")
    await put(box, "a", kind={"S": "gossip"})
    await put(box, "b", kind={"S": "order"})
    await put(box, "b", kind={"S": "order"}, more={"S": "x"})
    await box.settle()
    assert batches(box) == [["b"]]


async def test_a_template_that_is_broken_for_a_while_keeps_its_sources(box: Box) -> None:
    await box.drop(project(), "work")
    await box.drop("Resources: [", "work")
    await put(box, "a")
    await box.settle()
    assert batches(box) == [["a"]]
    await box.drop("Resources: {}", "work")
    await put(box, "b")
    await box.settle()
    assert batches(box) == [["a"]]


QUEUE = """\
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  News: {Type: AWS::SNS::Topic}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: work
      Handler: app.handler
      Runtime: python3.12
      Events:
"""
FILTERED = """\
        Batch: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, FilterCriteria: {Filters: [{Pattern: 'PATTERN'}]}}}
"""
HEARD = "        Heard: {Type: SNS, Properties: {Topic: !Ref News, SqsSubscription: HOW}}\n"


def filtered(pattern: str) -> str:
    return QUEUE + FILTERED.replace("PATTERN", pattern)


async def test_a_message_that_no_filter_wants_is_deleted_unseen(box: Box) -> None:
    await box.drop(filtered('{"body": {"n": [{"numeric": [">", 5]}]}}'), "work")
    for text in ('{"n": 3}', '{"n": 7}', "seven"):
        await box.send("shop-Jobs", text)
    await box.settle()
    assert [each["body"] for _, event in box.host.events for each in event["Records"]] == ['{"n": 7}']
    asked = {"QueueUrl": "http://h/0/shop-Jobs", "AttributeNames": ["All"]}
    counts = (await box.ask("sqs", "GetQueueAttributes", **asked))["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


@pytest.mark.parametrize("how", ["true", "{QueueArn: !GetAtt Jobs.Arn, QueueUrl: !Ref Jobs, BatchSize: 5}"])
async def test_a_topic_calls_a_function_by_way_of_a_queue(box: Box, how: str) -> None:
    found = await box.drop(QUEUE + HEARD.replace("HOW", how), "work")
    assert {text.partition(" ")[0] for text in found.values()} == {"made", "loaded"}, found
    await box.ask("sns", "Publish", TopicArn=TOPIC, Message="hello")
    await box.settle()
    [record] = [each for _, event in box.host.events for each in event["Records"]]
    assert (record["eventSource"], json.loads(record["body"])["Message"]) == ("aws:sqs", "hello")
    own = "shop-WorkHeardQueue" if how == "true" else "shop-Jobs"
    assert record["eventSourceARN"].endswith(f":{own}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            project("MaximumRetryAttempts: -2"),
            "Attempts is -2; it must be a whole number from -1 to 10,000",
        ),
        (project("TumblingWindowInSeconds: 5"), "tumbling windows are not built"),
        (
            project().replace("TRIM_HORIZON", "AT_TIMESTAMP"),
            "StartingPosition is AT_TIMESTAMP; it must be",
        ),
        (project("DestinationConfig: {OnFailure: {Destination: 'arn:aws:s3:::x'}}"), "the ARN of a queue or topic"),
        (project("FilterCriteria: {Filters: [{}]}"), "a list of objects with a Pattern each"),
        (project("FilterCriteria: {Filters: [{Pattern: '{\"a\": 1}'}]}"), "FilterCriteria are refused: filter 1"),
        (project().replace("!GetAtt Notes.StreamArn", "!GetAtt Lost.Arn"), "Stream is the ARN of a queue"),
        (project().replace("!GetAtt Notes.StreamArn", "!GetAtt Notes.Arn"), "a queue or of a table's stream"),
        (filtered('{"body": ["a"], "messageId": ["b"]}'), "only `body` can be filtered, not messageId"),
    ],
)
async def test_a_source_that_cannot_be_is_refused_with_its_place(box: Box, text: str, words: str) -> None:
    await box.drop(text, "work")
    said = [each for file in box.scanner.scan().files for each in file.diagnostics if words in each.message]
    assert len(said) == 1 and said[0].severity == "ERROR" and (said[0].line or 0) > 1
    assert box.scanner.scan().sources == ()


@pytest.mark.parametrize(
    ("pattern", "body", "fits"),
    [
        ({"body": ["hello"]}, "hello", True),
        ({"body": ["hello"]}, '{"hello": 1}', False),
        ({"body": {"a": [1]}}, "hello", False),
        ({"body": {"a": [{"exists": False}]}}, "hello", False),
        ({"body": {"a": [{"exists": False}]}}, '{"b": 1}', True),
        ({"body": {"a": [1]}}, '[{"a": 1}]', True),
    ],
)
def test_texts_and_json_do_not_fit_each_other(pattern: Any, body: str, fits: bool) -> None:
    assert wanted({"body": body}, (json.dumps(pattern),)) is fits


def test_a_source_has_ten_filters_at_most() -> None:
    pattern = '{"body": ["a"]}'
    assert wrong_in("sqs", (pattern,) * 10) == ""
    assert wrong_in("sqs", (pattern,) * 11) == "there are 11 filters; a source has at most 10"
