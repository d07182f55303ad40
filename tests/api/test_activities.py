"""Activities, their workers, and the answers to tasks, through boto3."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from flowd.api import activities as module
from tests.api.box import PASS, ROLE, Box, activity_machine

UNKNOWN = "0" * 48


async def queue(box: Box, name: str = "q") -> str:
    return str((await box.call("create_activity", name=name))["activityArn"])


async def test_an_activity_is_created_once_described_listed_and_deleted(box: Box) -> None:
    first = await box.call("create_activity", name="q.1")
    assert await box.call("create_activity", name="q.1", tags=[{"key": "a", "value": "b"}]) == first
    arn = first["activityArn"]
    assert arn == "arn:aws:states:us-east-1:000000000000:activity:q.1"
    assert await box.call("describe_activity", activityArn=arn) == {
        "activityArn": arn,
        "name": "q.1",
        "creationDate": first["creationDate"],
        "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
    }
    await queue(box, "q.0")
    page = await box.call("list_activities", maxResults=1)
    rest = await box.call("list_activities", nextToken=page["nextToken"])
    assert [item["name"] for item in page["activities"] + rest["activities"]] == ["q.0", "q.1"]
    for _ in range(2):
        assert await box.call("delete_activity", activityArn=arn) == {}
    gone = ("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
    assert await box.refused("describe_activity", activityArn=arn) == gone
    assert await box.refused("get_activity_task", activityArn=arn) == gone
    assert await box.refused("describe_activity", activityArn="q") == (
        "InvalidArn",
        "Invalid Arn: 'Invalid ARN prefix: q'",
    )


KEY = {
    "type": "CUSTOMER_MANAGED_KMS_KEY",
    "kmsKeyId": "arn:aws:kms:us-east-1:000000000000:key/1",
    "kmsDataKeyReusePeriodSeconds": 60,
}


async def test_the_key_of_an_activity_is_shown_and_cannot_be_another_one(box: Box) -> None:
    first = await box.call("create_activity", name="q", encryptionConfiguration=KEY)
    arn = first["activityArn"]
    assert (await box.call("describe_activity", activityArn=arn))["encryptionConfiguration"] == KEY
    assert await box.call("create_activity", name="q") == first
    assert await box.call("create_activity", name="q", encryptionConfiguration=KEY) == first
    refused = await box.refused("create_activity", name="q", encryptionConfiguration={"type": "AWS_OWNED_KEY"})
    assert refused == ("ActivityAlreadyExists", f"Activity Already Exists: '{arn}'")


async def test_a_key_of_ones_own_must_be_named(box: Box) -> None:
    nameless = {"type": "CUSTOMER_MANAGED_KMS_KEY"}
    for operation, more in (
        ("create_activity", {}),
        ("create_state_machine", {"definition": PASS, "roleArn": ROLE}),
    ):
        code, message = await box.refused(operation, name="x", encryptionConfiguration=nameless, **more)
        assert (code, "kmsKeyId" in message) == ("InvalidEncryptionConfiguration", True)


async def test_a_worker_takes_a_task_and_answers_it(box: Box) -> None:
    arn = await queue(box)
    execution = await box.run(await box.machine(activity_machine(arn)), input='{"n":  1}')
    task = await box.call("get_activity_task", activityArn=arn, workerName="w1")
    assert task["input"] == '{"n":  1}'
    assert await box.call("send_task_heartbeat", taskToken=task["taskToken"]) == {}
    assert await box.call("send_task_success", taskToken=task["taskToken"], output='{"done":  true}') == {}
    found = await box.call("describe_execution", executionArn=execution)
    assert (found["status"], found["output"]) == ("SUCCEEDED", '{"done":  true}')
    for operation, members in (
        ("send_task_success", {"output": "1"}),
        ("send_task_failure", {}),
        ("send_task_heartbeat", {}),
    ):
        assert (await box.refused(operation, taskToken=task["taskToken"], **members))[0] == "TaskTimedOut"


async def test_a_worker_that_waits_gets_the_task_when_it_comes(box: Box) -> None:
    arn = await queue(box)
    machine = await box.machine(activity_machine(arn))
    poll = asyncio.create_task(box.call("get_activity_task", activityArn=arn))
    while not box.world.core.waiters.pollers("q"):
        await asyncio.sleep(0.005)
    await box.run(machine)
    async with asyncio.timeout(5):
        assert (await poll)["taskToken"]


async def test_an_empty_poll_answers_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.05)
    assert await box.call("get_activity_task", activityArn=await queue(box)) == {}


async def test_a_worker_that_went_away_gets_no_task(box: Box) -> None:
    arn = await queue(box)
    machine = await box.machine(activity_machine(arn))
    body = json.dumps({"activityArn": arn})
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": "AWSStepFunctions.GetActivityTask"}
    client = httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(box.own.socket)))
    poll = asyncio.create_task(client.post("http://flowd/", content=body, headers=headers))
    while not box.world.core.waiters.pollers("q"):
        await asyncio.sleep(0.005)
    poll.cancel()
    await client.aclose()
    waiting = box.world.core.waiters._waiting["q"][0]
    while waiting.still_there():
        await asyncio.sleep(0.005)
    await box.run(machine)
    assert (await box.call("get_activity_task", activityArn=arn))["taskToken"]


async def test_a_task_may_fail_with_or_without_words(box: Box) -> None:
    arn = await queue(box)
    machine = await box.machine(activity_machine(arn))
    for members in ({"error": "E", "cause": "C"}, {}):
        execution = await box.run(machine)
        task = await box.call("get_activity_task", activityArn=arn)
        assert await box.call("send_task_failure", taskToken=task["taskToken"], **members) == {}
        found = await box.call("describe_execution", executionArn=execution)
        assert found["status"] == "FAILED"
        assert {key: found[key] for key in ("error", "cause") if key in found} == members


async def test_wrong_tokens_and_outputs_are_told_apart(box: Box) -> None:
    arn = await queue(box)
    await box.run(await box.machine(activity_machine(arn)))
    task = await box.call("get_activity_task", activityArn=arn)
    assert (await box.refused("send_task_success", taskToken="x", output="1"))[0] == "InvalidToken"
    assert (await box.refused("send_task_success", taskToken=UNKNOWN, output="1"))[0] == "TaskTimedOut"
    assert (await box.refused("send_task_success", taskToken=task["taskToken"], output="{"))[0] == "InvalidOutput"
    large = json.dumps("\u20ac" * 100_000, ensure_ascii=False)
    assert (await box.refused("send_task_success", taskToken=task["taskToken"], output=large))[
        0
    ] == "ValidationException"
    assert await box.call("send_task_success", taskToken=task["taskToken"], output="1") == {}


async def test_a_stop_answers_pollers_at_once(box: Box) -> None:
    arn = await queue(box)
    core = box.world.core
    own = core.db.changes.followers  # the daemon's own services follow too
    poll: asyncio.Task[Any] = asyncio.create_task(box.call("get_activity_task", activityArn=arn))
    watch: asyncio.Task[Any] = asyncio.create_task(box.flowd("Watch"))
    while not (core.waiters.pollers("q") and core.db.changes.followers > own):
        await asyncio.sleep(0.005)
    async with asyncio.timeout(5):
        await box.server.stop()
    assert await poll == {}
    assert (await watch)["changes"] == []
    await box.server.stop()


async def test_activities_that_a_definition_names_exist_from_then_on(box: Box) -> None:
    await box.machine(activity_machine("arn:aws:states:eu-west-1:123456789012:activity:team"))
    found = await box.call("describe_activity", activityArn="arn:aws:states:eu-west-1:123456789012:activity:team")
    assert found["activityArn"] == "arn:aws:states:us-east-1:000000000000:activity:team"
