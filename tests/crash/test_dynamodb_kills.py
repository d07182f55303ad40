"""A counter in DynamoDB that Tasks count up while the daemon is killed: once each. Real processes, boto3 over TCP."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import partial
from typing import Any

import boto3
import pytest

from tests.crash.real_box import Box, unbroken

pytestmark = pytest.mark.slow
ROUNDS, TASKS = 4, 40

COUNT: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::dynamodb:updateItem",
    "Parameters": {
        "TableName": "counters",
        "Key": {"id": {"S.$": "$.id"}},
        "UpdateExpression": "ADD hits :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
        "ReturnValues": "UPDATED_NEW",
    },
    "ResultPath": "$.counted",
}
PUT: dict[str, Any] = {
    "Type": "Task",
    "Resource": "arn:aws:states:::dynamodb:putItem",
    "Parameters": {
        "TableName": "counters",
        "Item": {"id": {"S.$": "States.Format('put-{}-{}', $.id, $.counted.Attributes.hits.N)"}},
        "ConditionExpression": "attribute_not_exists(id)",
    },
    "ResultPath": None,
}


def machine() -> dict[str, Any]:
    """Counts, puts what must not be there yet, and so on: a Task that ran twice would be seen in both."""
    states: dict[str, Any] = {}
    for number in range(TASKS // 2):
        states[f"Count{number}"] = {**COUNT, "Next": f"Put{number}"}
        states[f"Put{number}"] = {**PUT, "Next": f"Count{number + 1}"}
    states[f"Count{TASKS // 2}"] = {**COUNT, "End": True}
    return {"StartAt": "Count0", "States": states}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("dynamodb"))
    box.drop("count", machine())
    box.start()
    yield box
    box.close()


def client(box: Box) -> Any:
    settings = json.loads(box.command("env", "--json"))
    return boto3.client(
        "dynamodb",
        endpoint_url=settings["AWS_ENDPOINT_URL_SFN"],
        region_name=settings["AWS_REGION"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )


def test_a_counter_is_counted_once_for_each_task_however_often_the_daemon_is_killed(box: Box) -> None:
    tables = client(box)
    tables.create_table(
        TableName="counters",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    arn = box.machine("count")
    chance = random.Random(7)
    runs = [
        box.sdk.start_execution(stateMachineArn=arn, input=json.dumps({"id": f"c{number}"}))["executionArn"]
        for number in range(3)
    ]
    before = 0
    for _ in range(ROUNDS):
        target = before + chance.randint(5, 15)
        box.until("some Tasks have ended", partial(_got_on, box, tables, runs, target))
        box.again()
        before = _hits(tables)
    for number, run in enumerate(runs):
        assert box.ended(run)["status"] == "SUCCEEDED", box.history(run)[-2:]
        unbroken(box.history(run))
        item = tables.get_item(TableName="counters", Key={"id": {"S": f"c{number}"}})["Item"]
        assert item["hits"]["N"] == str(TASKS // 2 + 1)


def _hits(tables: Any) -> int:
    found = tables.scan(TableName="counters", FilterExpression="attribute_exists(hits)")["Items"]
    return sum(int(item["hits"]["N"]) for item in found)


def _got_on(box: Box, tables: Any, runs: list[str], target: int) -> bool:
    return _hits(tables) >= target or _over(box, runs)


def _over(box: Box, runs: list[str]) -> bool:
    return all(box.sdk.describe_execution(executionArn=run)["status"] != "RUNNING" for run in runs)
