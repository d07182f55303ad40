"""Queues that call functions: what a function is told, and what its answer says about the batch."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.engine.sources.queues import failures, record
from flowd.sam.project import SamSource

SOURCE = SamSource(name="s", arn="arn:aws:sqs:eu-west-1:1:jobs", function="f")


def test_a_message_is_told_as_lambda_tells_it() -> None:
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "b",
        "MD5OfBody": "d",
        "MD5OfMessageAttributes": "e",
        "Attributes": {"SentTimestamp": "1"},
        "MessageAttributes": {
            "t": {"DataType": "String", "StringValue": "x"},
            "b": {"DataType": "Binary", "BinaryValue": b"\xff"},
        },
    }
    told = record(message, SOURCE, "eu-west-1")
    lists: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    assert told["messageAttributes"] == {
        "t": {"stringValue": "x", "dataType": "String", **lists},
        "b": {"binaryValue": "/w==", "dataType": "Binary", **lists},
    }
    assert (told["eventSource"], told["awsRegion"], told["attributes"]) == (
        "aws:sqs",
        "eu-west-1",
        {"SentTimestamp": "1"},
    )


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        (None, set()),
        ("null", set()),
        ("{}", set()),
        ('{"batchItemFailures":[]}', set()),
        ('{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}', {"a", "b"}),
        ('{"batchItemFailures":[{"itemIdentifier":""}]}', None),
        ('{"batchItemFailures":[{"id":"a"}]}', None),
        ('{"batchItemFailures":"a"}', None),
        ("not json", None),
    ],
)
def test_an_answer_names_what_is_to_come_back_or_all_comes_back(text: str | None, failed: set[str] | None) -> None:
    assert failures(text) == failed
