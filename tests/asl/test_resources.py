from __future__ import annotations

import json

import pytest

from flowd.asl.resources import split_resource
from flowd.asl.timestamps import parse_timestamp, to_ms
from flowd.asl.validate import validate
from flowd.names import UnknownName

A = "000000000000"


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"arn:aws:lambda:us-east-1:{A}:function:f:PROD", ("lambda", "lambda", "invoke", "")),
        (f"arn:aws:states:us-east-1:{A}:activity:a", ("activity", "activity", "", "")),
        ("arn:aws:states:::sqs:sendMessage", ("task", "sqs", "sendMessage", "")),
        ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", ("task", "sqs", "sendMessage", "waitForTaskToken")),
        ("arn:aws:states:::states:startExecution.sync:2", ("task", "states", "startExecution", "sync:2")),
        ("arn:aws-cn:states:::ecs:runTask.sync", ("task", "ecs", "runTask", "sync")),
        ("arn:aws:states:::aws-sdk:s3:getObject", ("task", "aws-sdk:s3", "getObject", "")),
        ("arn:aws:states:::http:invoke", ("task", "http", "invoke", "")),
        (f"arn:aws:states:us-east-1:{A}:aws-sdk:s3:getObject", ("task", "aws-sdk:s3", "getObject", "")),
    ],
)
def test_a_resource_says_its_events_its_service_and_its_pattern(arn: str, expected: tuple[str, ...]) -> None:
    assert split_resource(arn) == (arn, *expected)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:states:::sqs",
        "arn:aws:states:::sqs:",
        "arn:aws:states:::sqs:sendMessage.later",
        "arn:aws:s3:::bucket",
        "sqs",
        "",
        f"arn:aws:states:us-east-1:{A}:stateMachine:m",
        f"arn:aws:states:us-east-1:{A}:activity:",
    ],
)
def test_what_is_no_resource_is_none(arn: str) -> None:
    assert split_resource(arn) is None


def test_events_name_the_action_with_its_pattern() -> None:
    found = split_resource("arn:aws:states:::states:startExecution.sync:2")
    assert found is not None
    assert found.event_resource == "startExecution.sync:2"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.0001Z", 1),
        ("1970-01-01T00:00:00.123456789123Z", 124),
        ("1969-12-31T23:59:59Z", -1000),
        ("2016-03-14T01:59:00Z", 1_457_920_740_000),
    ],
)
def test_timestamps_are_instants_rounded_up(text: str, ms: int) -> None:
    found = parse_timestamp(text)
    assert found is not None
    assert to_ms(found) == ms


@pytest.mark.parametrize(
    "text",
    [
        "2016-13-05T21:29:29Z",
        "2016-12-05T25:29:29Z",
        "2016-12-05 21:29:29Z",
        "2016-12-05T21:29:29",
        "2016-12-05t21:29:29z",
        "05-12-2016T21:29:29Z",
        "2016-12-05T21:29:29.Z",
        "2016-12-05T21:29:29Z ",
        "2016-12-05T21:29:29+99:00",
        "",
    ],
)
def test_what_is_no_timestamp_is_none(text: str) -> None:
    assert parse_timestamp(text) is None


@pytest.mark.parametrize(
    "resource",
    ["ecs:runTask.sync:2", "lambda:invoke.sync", "http:invoke.waitForTaskToken", "aws-sdk:batch:submitJob.sync"],
)
def test_a_pattern_that_aws_does_not_have_is_refused_though_the_daemon_takes_the_action(resource: str) -> None:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True}
    text = json.dumps({"StartAt": "A", "States": {"A": task}})
    found = [each for each in validate(text, resources=lambda *_: None) if "is not recognized" in each.message]
    assert [each.location for each in found] == ["/States/A/Resource"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [("glue is not built", "INVALID_RESOURCE"), (UnknownName("there is no glue"), "SCHEMA_VALIDATION_FAILED")],
)
@pytest.mark.parametrize("resource", ["aws-sdk:glue:getJob", "glue:startJobRun"])
def test_what_aws_has_and_flowd_has_not_is_told_from_what_nobody_has(resource: str, reason: str, code: str) -> None:
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True}
    text = json.dumps({"StartAt": "A", "States": {"A": task}})
    (found,) = validate(text, resources=lambda *_: reason)
    assert (found.code, found.location) == (code, "/States/A/Resource")
    assert ("is not recognized" in found.message) == (code == "SCHEMA_VALIDATION_FAILED")
