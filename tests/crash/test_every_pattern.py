"""kill -9 of a real daemon, again and again, while every integration is called in every pattern.

All rows of `patterns` run at once and the moments are random, so that each kill meets many calls: before they were
made, in their middle, and after their effect. Nothing may be lost, nothing happen twice, and the histories must be
those of a calm run. FLOWD_CRASH_KILLS and FLOWD_CRASH_SEED make longer and other storms.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from flowd import names
from tests.crash.patterns import ROWS, Places, Row
from tests.crash.real_box import Box, twice, unbroken
from tests.crash.world_outside import ABSENT_S, ONE_TRY, Outside, Web

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("FLOWD_CRASH_KILLS", "4"))
SEED = int(os.environ.get("FLOWD_CRASH_SEED", "1"))
RUNS = 2  # executions of each row for each kill
STARTERS = 4
RUNNER_KILLS = 2
LONGEST_S = 1.0  # from the first start of a round to its kill
FUNCTION = """
import time

def handler(event, context):
    with open(event["book"], "a") as book:
        book.write(f"{event['tag']} {event.get('token', '')}\\n")
    time.sleep(event["seconds"])
    return event["tag"]
"""
JOB = {
    "containerDefinitions": [
        {
            "name": "main",
            "image": "local/shell",
            "memory": 128,
            "command": ["/bin/sh", "-c", 'echo "$TAG $TOKEN" >> $BOOK; sleep 0.1'],
        }
    ]
}
SETTINGS = '[services]\nsecretsmanager = "http://{web}"\n'
FAILURES = ("TaskFailed", "TaskSubmitFailed", "LambdaFunctionFailed")
_ENTER, _EXIT = "TaskStateEntered", "TaskStateExited"


@dataclass
class Storm:
    """What came of it."""

    box: Box
    outside: Outside
    arns: dict[str, str]  # of the machines, by row
    starter: Any  # a client that tries once

    @staticmethod
    def runs(number: int) -> range:
        """The executions of each row that begin before the kill of this number, in the middle of which it comes."""
        return range(number * RUNS, number * RUNS + RUNS)

    def begin(self, row: Row, run: int) -> None:
        """Start an execution; a start that was not answered is made again."""
        given = {"name": f"r{run}", "input": json.dumps({"tag": f"{row.name}-{run}"})}

        def started() -> bool:
            try:
                self.starter.start_execution(stateMachineArn=self.arns[row.name], **given)
            except self.starter.exceptions.ExecutionAlreadyExists:
                pass  # and is over
            except BotoCoreError:
                time.sleep(ABSENT_S)
                return False
            return True

        self.box.until("the start is answered", started)

    def found(self, row: Row) -> list[str]:
        """The tags where a row leaves its effects, each as often as it stands there."""
        if row.effects in ("table", "bucket"):
            return self._items() if row.effects == "table" else self._keys()
        return self.outside.arrived("sent" if row.effects == "children" else row.effects)

    def _items(self) -> list[str]:
        """An item that was added to twice counts twice."""
        pages = self.box.client("dynamodb").get_paginator("scan").paginate(TableName="things")
        items = [item for page in pages for item in page["Items"]]
        return [item["id"]["S"] for item in items for _ in range(int(item.get("n", {"N": "1"})["N"]))]

    def _keys(self) -> list[str]:
        pages = self.box.client("s3").get_paginator("list_objects_v2").paginate(Bucket="things")
        return [found["Key"] for page in pages for found in page["Contents"]]


def _passing(url: str) -> dict[str, Any]:
    """A child: what it was given goes into a queue."""
    parameters = {"QueueUrl": url, "MessageBody.$": "States.JsonToString($)"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters, "End": True}
    return {"StartAt": "Send", "States": {"Send": task}}


def _furnish(box: Box, web: Web) -> tuple[Places, dict[str, str]]:
    """The resources that Tasks call."""
    sqs, sns, tables, events = (box.client(service) for service in ("sqs", "sns", "dynamodb", "events"))
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("sent", "told", "heard")}
    queue = "arn:aws:sqs:us-east-1:000000000000:"
    topic = sns.create_topic(Name="things")["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue + "told", Attributes=raw)
    events.put_rule(Name="r", EventPattern=json.dumps({"source": ["crash"]}))
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue + "heard", "InputPath": "$.detail"}])
    box.client("s3").create_bucket(Bucket="things")
    tables.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    row = next(row for row in ROWS if row.name == "delete")
    for run in range(KILLS * RUNS):
        seeds = [f"seed-{row.name}-{run}-{step}" for step in range(row.steps)]
        requests = [{"PutRequest": {"Item": {"id": {"S": seed}}}} for seed in seeds]
        tables.batch_write_item(RequestItems={"things": requests})
    (box.functions / "work.py").write_text(FUNCTION)
    (box.workflows / "job.taskdef.json").write_text(json.dumps(JOB))
    for name in ("told-child", "asking-child"):
        box.drop(name, _passing(urls["sent"]))
    return Places(str(box.home / "book"), urls["sent"], topic, web.address), urls


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storm]:
    """All rows have run, and the daemon was killed all the while."""
    web = Web()
    box = Box(tmp_path_factory.mktemp("storm"))
    (box.home / "flowd.toml").write_text(SETTINGS.format(web=web.address))
    box.environ |= {
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # to pass calls through
    chance = random.Random(SEED)
    try:
        with web.serving():
            box.start()
            places, urls = _furnish(box, web)
            for row in ROWS:
                box.drop(row.name, row.machine(places))
            arns = {row.name: box.machine(row.name) for row in ROWS}
            outside = Outside(box, web, Path(places.book), urls)
            with outside.at_work():
                storm = Storm(box, outside, arns, box.client(**ONE_TRY))
                for number in range(KILLS):
                    with ThreadPoolExecutor(STARTERS) as pool:
                        runs = [(row, run) for row in ROWS for run in storm.runs(number)]
                        begun = [pool.submit(storm.begin, *each) for each in chance.sample(runs, len(runs))]
                        time.sleep(chance.uniform(0, LONGEST_S))  # no condition: the moment is to be any
                        box.again()
                        for each in begun:
                            each.result()
                yield storm
    finally:
        box.close()


def attempts(events: list[dict[str, Any]]) -> list[list[tuple[str, ...]]]:
    """By state: what each of its attempts left."""
    states: list[list[tuple[str, ...]]] = []
    for event in events:
        if event["type"] == _ENTER:
            states.append([])
        elif event["type"].endswith("Scheduled"):
            states[-1].append((event["type"],))
        elif states and event["type"] != _EXIT and not event["type"].startswith(("Execution", "Succeed")):
            states[-1][-1] += (event["type"],)
    return states


def checked(storm: Storm, row: Row, runs: Iterable[int], *, may_fail: bool) -> None:
    """Executions of a row have succeeded with AWS's history, and each Task had its effect once.

    `may_fail`: an attempt that was lost has failed, and another one was made; each had its effect at most once.
    """
    tried = 0
    for run in runs:
        arn = names.execution_arn(row.name, f"r{run}")
        ended, events = storm.box.ended(arn), storm.box.history(arn)
        assert ended["status"] == "SUCCEEDED", (ended, events[-3:])
        unbroken(events)
        states = attempts(events)
        assert len(states) == row.steps
        assert all(each[-1] in row.events for each in states), states
        failed = [attempt for each in states for attempt in each[:-1]]
        assert all(attempt[-1] in FAILURES for attempt in failed), failed
        assert may_fail or not failed, events
        tried += sum(len(each) for each in states)
    if row.effects:
        tags = {f"{row.name}-{run}-{step}" for run in runs for step in range(row.steps)}
        storm.box.until("all effects are there", lambda: tags <= set(storm.found(row)))
        found = [tag for tag in storm.found(row) if tag in tags]
        assert len(found) <= tried if may_fail else twice(found) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_nothing_is_lost_and_nothing_happens_twice(storm: Storm, row: Row) -> None:
    checked(storm, row, range(KILLS * RUNS), may_fail=bool(row.lost))


def test_a_runner_that_is_killed_loses_attempts_and_retry_makes_others(storm: Storm) -> None:
    rows = [row for row in ROWS if row.runner]
    first = KILLS * RUNS

    def arrived(least: int) -> bool:
        return sum(tag.split("-")[-2] == str(first) for tag in storm.outside.arrived("book")) > least

    for row in rows:
        storm.begin(row, first)
    for number in range(RUNNER_KILLS):
        storm.box.until("some of it runs", partial(arrived, number))
        storm.box.until("there is a runner", storm.box.runner)  # after the first kill: again
        storm.box.kill_runner()
    for row in rows:
        checked(storm, row, [first], may_fail=True)
