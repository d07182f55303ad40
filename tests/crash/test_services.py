"""kill -9 of a real daemon while Tasks change tables, send messages and put events: each of it happens once.

None of these effects can be repeated without being seen: a counter is added to, messages and events are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.crash.real_box import Box, twice

pytestmark = pytest.mark.slow
ITEMS = 120
KILLS = 4
RULE = json.dumps({"source": ["crash"]})


def task(resource: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        "ResultPath": None,
        **more,
    }


def effects(url: str) -> dict[str, Any]:
    """Each item adds to a counter, sends a message, puts an event that a rule sends to another queue."""
    add = {
        "TableName": "counters",
        "Key": {"id": {"S": "all"}},
        "UpdateExpression": "ADD #n :one",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    entry = {"Source": "crash", "DetailType": "d", "Detail": {"item.$": "$.item"}}
    states = {
        "Add": task("dynamodb:updateItem", add, Next="Send"),
        "Send": task("aws-sdk:sqs:sendMessage", {"QueueUrl": url, "MessageBody.$": "$.item"}, Next="Put"),
        "Put": task("events:putEvents", {"Entries": [entry]}, End=True),
    }
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 4,
        "ItemSelector": {"item.$": "States.Format('i{}', $$.Map.Item.Value)"},
        "ItemProcessor": {"StartAt": "Add", "States": states},
        "End": True,
    }
    return {"StartAt": "All", "States": {"All": each}}


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()


def queue(sqs: Any, name: str) -> tuple[str, str]:
    """URL and ARN of a new queue."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, answer["Attributes"]["QueueArn"]


def drained(sqs: Any, url: str) -> list[str]:
    """All bodies that lie in a queue."""
    found: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_tasks_at_embedded_services_have_their_effect_once_whenever_the_daemon_is_killed(box: Box) -> None:
    sqs, tables, events = (box.client(service) for service in ("sqs", "dynamodb", "events"))
    sent, _ = queue(sqs, "sent")
    heard, heard_arn = queue(sqs, "heard")
    tables.create_table(
        TableName="counters",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    events.put_rule(Name="r", EventPattern=RULE)
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": heard_arn, "InputPath": "$.detail.item"}])
    box.drop("effects", effects(sent))
    arn = box.machine("effects")
    run = box.sdk.start_execution(stateMachineArn=arn, input=json.dumps({"items": list(range(ITEMS))}))["executionArn"]

    def count(least: int = 0) -> int:
        """How often the counter was added to; 0 below `least`."""
        item = tables.get_item(TableName="counters", Key={"id": {"S": "all"}}, ConsistentRead=True).get("Item")
        found = int(item["n"]["N"]) if item else 0
        return found if found >= least else 0

    for number in range(1, KILLS + 1):
        box.until("some more of it has happened", partial(count, number * ITEMS // (KILLS + 2)))
        box.again()
    assert box.ended(run)["status"] == "SUCCEEDED"
    assert count() == ITEMS
    bodies = drained(sqs, sent)
    assert (len(bodies), twice(bodies)) == (ITEMS, [])
    told: list[str] = []

    def hear() -> bool:
        told.extend(drained(sqs, heard))
        return len(told) >= ITEMS

    box.until("all events are there", hear)
    assert (len(told), twice(told)) == (ITEMS, [])
    failed = [event for event in box.history(run) if event["type"] == "TaskFailed"]
    assert failed == []
