"""A counter in DynamoDB that Tasks count up while the daemon is killed: once each. Real processes, boto3 over TCP."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.crash.real_box import Box, unbroken
from tests.crash.test_dynamodb_points import LARGE

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


def test_a_counter_is_counted_once_for_each_task_however_often_the_daemon_is_killed(box: Box) -> None:
    tables = box.client("dynamodb")
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


def test_a_table_that_is_deleted_when_the_daemon_is_killed_is_whole_or_gone_and_its_items_follow(box: Box) -> None:
    tables = box.client("dynamodb")
    count = 1_000
    tables.create_table(**LARGE)
    for first in range(0, count, 25):
        puts = [{"PutRequest": {"Item": {"id": {"S": str(first + n)}, "kind": {"S": "k"}}}} for n in range(25)]
        tables.batch_write_item(RequestItems={"large": puts})
    for number in range(3):
        with suppress(BotoCoreError, ClientError):
            if number:
                tables.delete_table(TableName="large")
            else:  # nobody hears whether it was deleted
                Thread(target=_delete, args=(box.client("dynamodb"),)).start()
        box.again()
        if "large" in tables.list_tables()["TableNames"]:
            assert tables.scan(TableName="large", Select="COUNT")["Count"] == count
    with suppress(ClientError):
        tables.delete_table(TableName="large")
    tables.create_table(**LARGE)
    assert tables.scan(TableName="large", IndexName="by_kind", Select="COUNT")["Count"] == 0
    box.until("nothing is left of the table", lambda: _left(box) == 0)


def _delete(tables: Any) -> None:
    with suppress(BotoCoreError, ClientError):
        tables.delete_table(TableName="large")


def _left(box: Box) -> int:
    """Items that no table has."""
    with closing(sqlite3.connect(f"file:{box.data / 'flowd.db'}?mode=ro", uri=True)) as file:
        query = "SELECT count(*) FROM dynamodb_item WHERE table_id NOT IN (SELECT id FROM dynamodb_table)"
        return int(file.execute(query).fetchone()[0])
