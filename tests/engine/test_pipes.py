"""Pipes of templates: a queue and a stream that start machines, and call functions with bare records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from flowd.engine.sources.mappings import Mappings
from flowd.names import is_valid_name
from flowd.store import schema
from tests.engine.projectbox import Box

PROJECT = """\
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  Notes:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: work, Handler: app.handler, Runtime: python3.12}
  Look:
    Type: AWS::Serverless::StateMachine
    Properties: {Definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}}
  Role: {Type: AWS::IAM::Role}
  Pipe:
    Type: AWS::Pipes::Pipe
    Properties:
      RoleArn: !GetAtt Role.Arn
"""
ONTO_MACHINE = "TargetParameters: {StepFunctionStateMachineParameters: {InvocationType: FIRE_AND_FORGET}}"
FROM_QUEUE = "Source: !GetAtt Jobs.Arn"
FROM_STREAM = "Source: !GetAtt Notes.StreamArn"


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with Box(tmp_path) as made:
        made.host.code["Work"] = lambda event: None
        yield made


def project(*lines: str) -> str:
    return PROJECT + "".join(f"      {line}\n" for line in lines)


async def inputs(box: Box) -> list[Any]:
    """Of all executions, which give out what they were given, in the order of their starts."""
    rows = await box.core.db.read(lambda session: list(session.exec(select(schema.Execution))))
    return [await box.output(row.arn) for row in sorted(rows, key=lambda row: row.id or 0)]


async def waiting(box: Box) -> int:
    told = await box.ask("sqs", "GetQueueAttributes", QueueUrl="http://h/0/shop-Jobs", AttributeNames=["All"])
    attributes = told["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])


async def test_a_queue_starts_a_machine_with_its_records(box: Box) -> None:
    found = await box.drop(project(FROM_QUEUE, "Target: !Ref Look", ONTO_MACHINE), "work")
    assert found["Pipe"] == "loaded"
    await box.send("shop-Jobs", '{"n": 1}')
    await box.settle()
    [[record]] = await inputs(box)
    assert (record["body"], record["eventSource"]) == ('{"n": 1}', "aws:sqs")
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:shop-Jobs"
    assert await waiting(box) == 0
    [row] = await box.core.db.read(lambda session: list(session.exec(select(schema.Execution))))
    assert is_valid_name(row.name)


async def test_a_stream_starts_a_machine_with_the_records_that_a_filter_wants(box: Box) -> None:
    pattern = """{"dynamodb": {"NewImage": {"id": {"S": [{"prefix": "b"}]}}}}"""
    said = f"""{{FilterCriteria: {{Filters: [{{Pattern: '{pattern}'}}]}},
        DynamoDBStreamParameters: {{StartingPosition: TRIM_HORIZON, BatchSize: 1}}}}"""
    await box.drop(project(FROM_STREAM, f"SourceParameters: {said}", "Target: !Ref Look", ONTO_MACHINE), "work")
    for name in ("a", "b1", "b2"):
        await box.ask("dynamodb", "PutItem", TableName="shop-Notes", Item={"id": {"S": name}})
    await box.settle()
    seen = [[each["dynamodb"]["Keys"]["id"]["S"] for each in records] for records in await inputs(box)]
    assert sorted(seen) == [["b1"], ["b2"]]


async def test_a_function_gets_bare_records_and_says_which_of_them_failed(box: Box) -> None:
    box.host.code["Work"] = lambda event: {"batchItemFailures": [{"itemIdentifier": event[0]["messageId"]}]}
    await box.drop(project(FROM_QUEUE, "Target: !GetAtt Work.Arn"), "work")
    await box.send("shop-Jobs", "x")
    await box.settle()
    [(name, [record])] = box.host.events
    assert (name, record["body"]) == ("Work", "x")
    assert await waiting(box) == 1  # it comes back


async def test_a_pipe_that_is_stopped_takes_nothing(box: Box) -> None:
    await box.drop(project(FROM_QUEUE, "DesiredState: STOPPED", "Target: !GetAtt Work.Arn"), "work")
    await box.send("shop-Jobs", "x")
    assert (box.host.events, await waiting(box)) == ([], 1)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((FROM_QUEUE, "Target: !Ref Look"), "InvocationType: FIRE_AND_FORGET starts it"),
        ((FROM_QUEUE, "Target: !GetAtt Jobs.Arn"), "a pipe starts a machine or calls a function here"),
        ((FROM_QUEUE, "Target: !Ref Look", ONTO_MACHINE, "Enrichment: !GetAtt Work.Arn"), "let the target ask it"),
        (
            (FROM_QUEUE, "Target: !GetAtt Work.Arn", "TargetParameters: {InputTemplate: x}"),
            "InputTemplate is not built",
        ),
        (("Source: arn:aws:kinesis:us-east-1:0:stream/s", "Target: !GetAtt Work.Arn"), "must be the ARN of a queue or"),
        ((FROM_STREAM, "Target: !GetAtt Work.Arn"), "it must be TRIM_HORIZON or LATEST"),
        ((FROM_QUEUE, "SourceParameters: [x]", "Target: !GetAtt Work.Arn"), "SourceParameters must be a mapping"),
    ],
)
async def test_what_a_pipe_cannot_do_is_refused(box: Box, lines: tuple[str, ...], words: str) -> None:
    found = await box.drop(project(*lines), "work")
    assert found["Pipe"].startswith("refused")
    assert words in found["Pipe"]


async def test_a_pipe_is_no_event_source_mapping(box: Box) -> None:
    await box.drop(project(FROM_QUEUE, "Target: !GetAtt Work.Arn"), "work")
    assert Mappings(box.core.db, box.sources, lambda name: name).every() == []
    assert [each.name for each in box.sources.of_files] == ["Pipe"]
