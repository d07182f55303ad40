"""EXPRESS executions through boto3: StartExecution, StartSyncExecution, and what is refused as on AWS."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig

from tests.api.box import PASS, ROLE, WAIT, Box

FAIL = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad", "Cause": "no luck"}}})


async def sync(box: Box, arn: str, **members: Any) -> Any:
    return await box.call("start_sync_execution", stateMachineArn=arn, **members)


async def ended(box: Box, arn: str) -> Any:
    async with asyncio.timeout(10):
        while (shown := await box.flowd("GetExecution", executionArn=arn))["status"] == "RUNNING":
            await asyncio.sleep(0.002)
    return shown


async def test_a_synchronous_start_answers_with_everything(box: Box) -> None:
    arn = await box.machine(type="EXPRESS")
    answer = await sync(box, arn, name="now", input='{"in": 1}', traceHeader="Root=1")
    assert answer.pop("executionArn").startswith(arn.replace("stateMachine", "express") + ":now:")
    assert answer.pop("stopDate") - answer.pop("startDate") < timedelta(seconds=1)
    assert answer == {
        "stateMachineArn": arn,
        "name": "now",
        "status": "SUCCEEDED",
        "input": '{"in": 1}',
        "inputDetails": {"included": True},
        "output": '{"Arg1":"argument1"}',
        "outputDetails": {"included": True},
        "traceHeader": "Root=1",
        "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": 100},
    }


async def test_a_failure_is_an_answer_too(box: Box) -> None:
    answer = await sync(box, await box.machine(FAIL, type="EXPRESS"))
    assert (answer["status"], answer["error"], answer["cause"], answer["input"]) == ("FAILED", "Bad", "no luck", "{}")
    assert "output" not in answer
    assert answer["outputDetails"] == {"included": True}


async def test_an_answer_may_leave_the_data_out(box: Box) -> None:
    answer = await sync(box, await box.machine(type="EXPRESS"), includedData="METADATA_ONLY")
    assert "input" not in answer
    assert "output" not in answer
    assert answer["inputDetails"] == answer["outputDetails"] == {"included": False}


async def test_a_synchronous_start_waits_and_bills_what_it_took(box: Box) -> None:
    arn = await box.machine(WAIT, type="EXPRESS")
    waiting = asyncio.create_task(sync(box, arn))
    async with asyncio.timeout(10):
        while not box.world.core.express.running:
            await asyncio.sleep(0.002)
    await box.world.pass_time(60.001)
    assert (await waiting)["billingDetails"]["billedDurationInMilliseconds"] == 60_100


async def test_a_synchronous_start_has_five_minutes(box: Box) -> None:
    long = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}})
    waiting = asyncio.create_task(sync(box, await box.machine(long, type="EXPRESS")))
    async with asyncio.timeout(10):
        while not box.world.core.express.running:
            await asyncio.sleep(0.002)
    await box.world.pass_time(300)
    answer = await waiting
    assert (answer["status"], answer["stopDate"] - answer["startDate"]) == ("TIMED_OUT", timedelta(minutes=5))


async def test_a_client_that_puts_sync_before_the_host_is_answered(box: Box) -> None:
    """boto3 does so unless `inject_host_prefix=False`; where the name resolves, the request comes with that Host."""
    arn = await box.machine(type="EXPRESS")
    client = await asyncio.to_thread(
        boto3.client,
        "stepfunctions",
        endpoint_url=box.server.url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=ClientConfig(retries={"total_max_attempts": 1}),
    )
    hosts: list[str] = []

    def resolve(request: Any, **_: Any) -> None:
        """As a line `127.0.0.1 sync-127.0.0.1` in /etc/hosts would."""
        host = request.url.split("/")[2]
        hosts.append(host)
        request.headers["Host"] = host
        request.url = request.url.replace("//sync-", "//")

    client.meta.events.register("before-send.stepfunctions.*", resolve)
    answer = await asyncio.to_thread(client.start_sync_execution, stateMachineArn=arn)
    await asyncio.to_thread(client.close)
    assert answer["status"] == "SUCCEEDED"
    assert [host.partition(":")[0] for host in hosts] == ["sync-127.0.0.1"]


async def test_an_asynchronous_start_is_never_idempotent_and_flowd_shows_it(box: Box) -> None:
    machine = await box.machine(type="EXPRESS")
    arns = [await box.run(machine, name="same", input='{"x": [1]}') for _ in range(2)]
    assert arns[0] != arns[1]
    shown = await ended(box, arns[0])
    assert (shown["type"], shown["name"], shown["status"], shown["input"]) == (
        "EXPRESS",
        "same",
        "SUCCEEDED",
        '{"x": [1]}',
    )
    elsewhere = arns[0].replace("us-east-1:000000000000", "eu-west-1:123456789012")
    history = await box.flowd("GetHistory", executionArn=elsewhere)
    assert [event["type"] for event in history["events"]][-1] == "ExecutionSucceeded"
    listed = await box.flowd("ListExecutions", filter="type:express")
    assert {each["executionArn"] for each in listed["executions"]} == set(arns)


async def test_what_aws_refuses_on_express_executions(box: Box) -> None:
    machine = await box.machine(type="EXPRESS")
    arn = await box.run(machine)
    await ended(box, arn)
    said = ("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    operations = ("describe_execution", "stop_execution", "get_execution_history", "redrive_execution")
    for operation in (*operations, "describe_state_machine_for_execution"):
        assert await box.refused(operation, executionArn=arn) == said
    assert (await box.refused("list_executions", stateMachineArn=machine))[0] == "StateMachineTypeNotSupported"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"input": ""}, "InvalidExecutionInput"),
        ({"input": "{"}, "InvalidExecutionInput"),
        ({"name": "a b"}, "InvalidName"),
        ({"name": "n" * 81}, "ValidationException"),
        ({"input": json.dumps("x" * 262_144)}, "ValidationException"),
        ({"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:nowhere"}, "StateMachineDoesNotExist"),
        ({"stateMachineArn": "nowhere"}, "InvalidArn"),
    ],
)
async def test_bad_synchronous_starts_are_refused(box: Box, members: dict[str, Any], code: str) -> None:
    arn = await box.machine(type="EXPRESS")
    assert (await box.refused("start_sync_execution", **{"stateMachineArn": arn, **members}))[0] == code


async def test_a_standard_machine_is_not_started_synchronously(box: Box) -> None:
    assert await box.refused("start_sync_execution", stateMachineArn=await box.machine()) == (
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )


async def test_a_machine_is_deleted_with_the_executions_that_still_run(box: Box) -> None:
    machine = await box.machine(WAIT, type="EXPRESS")
    arn = await box.run(machine)
    await box.call("delete_state_machine", stateMachineArn=machine)
    assert (await ended(box, arn))["status"] == "ABORTED"
    async with asyncio.timeout(10):
        while (await box.call("list_state_machines"))["stateMachines"]:
            await asyncio.sleep(0.01)
    assert (await box.refused("describe_state_machine", stateMachineArn=machine))[0] == "StateMachineDoesNotExist"


async def test_a_version_runs_its_own_definition(box: Box) -> None:
    made = await box.call("create_state_machine", name="v", definition=PASS, roleArn=ROLE, type="EXPRESS", publish=True)
    await box.call("update_state_machine", stateMachineArn=made["stateMachineArn"], definition=FAIL)
    assert (await sync(box, made["stateMachineArn"]))["status"] == "FAILED"
    answer = await sync(box, made["stateMachineVersionArn"])
    assert (answer["status"], answer["stateMachineArn"]) == ("SUCCEEDED", made["stateMachineArn"])
