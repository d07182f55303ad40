"""Executions through boto3: start, stop, redrive, describe, list."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.api.box import WAIT, Box

FAIL = json.dumps({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Nope", "Cause": "because"}}})
NOWHERE = "arn:aws:states:us-east-1:000000000000:stateMachine:nowhere"


async def test_an_execution_is_described_as_aws_does(box: Box) -> None:
    machine = await box.machine()
    arn = await box.run(machine, input='{"a":  1}')
    found = await box.call("describe_execution", executionArn=arn)
    dates = (found.pop("startDate"), found.pop("stopDate"))
    assert dates[0] <= dates[1]
    assert found == {
        "executionArn": arn,
        "stateMachineArn": machine,
        "name": arn.rpartition(":")[2],
        "status": "SUCCEEDED",
        "input": '{"a":  1}',
        "inputDetails": {"included": True},
        "output": '{"Arg1":"argument1"}',
        "outputDetails": {"included": True},
        "redriveCount": 0,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    uuid.UUID(found["name"])


async def test_metadata_only_leaves_the_data_out(box: Box) -> None:
    arn = await box.run(await box.machine())
    found = await box.call("describe_execution", executionArn=arn, includedData="METADATA_ONLY")
    assert "input" not in found
    assert "output" not in found
    assert found["inputDetails"] == found["outputDetails"] == {"included": False}


async def test_the_same_name_and_input_while_running_answers_the_first_start(box: Box) -> None:
    machine = await box.machine(WAIT)
    first = await box.call("start_execution", stateMachineArn=machine, name="n", input="{}")
    assert await box.call("start_execution", stateMachineArn=machine, name="n", input="{}") == first
    code, message = await box.refused("start_execution", stateMachineArn=machine, name="n", input="{ }")
    assert (code, message) == ("ExecutionAlreadyExists", f"Execution Already Exists: '{first['executionArn']}'")


@pytest.mark.parametrize("text", ["1", '"x"', "null", "[1,2]", '{"n": 1180591620717411303424}'])
async def test_any_json_text_is_an_input(box: Box, text: str) -> None:
    arn = await box.run(await box.machine(WAIT), input=text)
    assert (await box.call("describe_execution", executionArn=arn))["input"] == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Invalid execution input."),
        (" \n", "Invalid execution input."),
        ("{", "Input data was truncated"),
        ("nothing", "JSON is malformed: invalid character (byte 4)"),
        ('{"a":1} x', "JSON is malformed: trailing characters (byte 9)"),
        ("[" * 5000, "JSON is nested too deeply"),
    ],
)
async def test_a_text_that_is_no_json_is_refused_with_the_reason(box: Box, text: str, why: str) -> None:
    machine = await box.machine()
    assert await box.refused("start_execution", stateMachineArn=machine, input=text) == (
        "InvalidExecutionInput",
        f"Invalid State Machine Execution Input: '{why}'",
    )


async def test_the_payload_limit_counts_bytes(box: Box) -> None:
    machine = await box.machine(WAIT)
    assert await box.run(machine, input=json.dumps("x" * 262_142))
    for text in (json.dumps("x" * 262_143), json.dumps("\u20ac" * 100_000, ensure_ascii=False)):
        code, message = await box.refused("start_execution", stateMachineArn=machine, input=text)
        assert code == "ValidationException"
        assert message.endswith(
            "at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144"
        )


async def test_start_checks_arn_machine_name_and_input_in_this_order(box: Box) -> None:
    machine = await box.machine()
    long = "n" * 81
    assert await box.refused("start_execution", stateMachineArn="x", name=long) == (
        "InvalidArn",
        "Invalid Arn: 'Invalid ARN prefix: x'",
    )
    assert (await box.refused("start_execution", stateMachineArn=NOWHERE, name=long))[0] == "ValidationException"
    assert await box.refused("start_execution", stateMachineArn=NOWHERE, name="a b", input="{") == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{NOWHERE}'",
    )
    assert await box.refused("start_execution", stateMachineArn=machine, name="a b", input="{") == (
        "InvalidName",
        "Invalid Name: 'a b'",
    )
    assert (await box.refused("start_execution", stateMachineArn=machine, name="ab", input="{"))[0] == (
        "InvalidExecutionInput"
    )


async def test_region_and_account_of_an_arn_do_not_matter(box: Box) -> None:
    machine = await box.machine()
    foreign = machine.replace("us-east-1:000000000000", "eu-central-1:123456789012")
    arn = await box.run(foreign)
    assert arn.startswith("arn:aws:states:us-east-1:000000000000:execution:m:")
    assert await box.call("describe_execution", executionArn=arn.replace("us-east-1", "eu-central-1"))


async def test_other_kinds_of_arn_are_refused(box: Box) -> None:
    machine = await box.machine()
    express = "arn:aws:states:us-east-1:000000000000:express:m:n:r"
    for operation in ("describe_execution", "stop_execution", "get_execution_history"):
        assert await box.refused(operation, executionArn=express) == (
            "InvalidArn",
            "Invalid Arn: 'Resource type not valid in this context: express'",
        )
        assert (await box.refused(operation, executionArn=machine))[0] == "InvalidArn"
        assert (await box.refused(operation, executionArn="x"))[1] == "Invalid Arn: 'Invalid ARN prefix: x'"
        gone = "arn:aws:states:us-east-1:000000000000:execution:m:gone"
        assert await box.refused(operation, executionArn=gone) == (
            "ExecutionDoesNotExist",
            f"Execution Does Not Exist: '{gone}'",
        )


async def test_a_labelled_machine_arn_is_refused_with_its_reason(box: Box) -> None:
    with pytest.raises(box.sdk.exceptions.ValidationException) as caught:
        await box.call("start_execution", stateMachineArn=f"{NOWHERE}/Label")
    assert caught.value.response["reason"] == "API_DOES_NOT_SUPPORT_LABELED_ARNS"


async def test_stop_keeps_error_and_cause_and_is_noted(box: Box) -> None:
    arn = await box.run(await box.machine(WAIT))
    stopped = await box.call("stop_execution", executionArn=arn, error="E", cause="C")
    found = await box.call("describe_execution", executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "E", "C")
    assert found["stopDate"] == stopped["stopDate"]
    assert found["redriveStatus"] == "REDRIVABLE"
    assert "outputDetails" not in found
    assert (await box.call("stop_execution", executionArn=arn)) == stopped
    entries = (await box.flowd("ListAudit"))["entries"]
    assert [entry["verb"] for entry in entries] == ["StopExecution", "StopExecution", "CreateStateMachine"]
    assert entries[1]["target"] == arn


async def test_a_failed_execution_is_redriven_once_for_one_token(box: Box) -> None:
    arn = await box.run(await box.machine(FAIL))
    found = await box.call("describe_execution", executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Nope", "because")
    first = await box.call("redrive_execution", executionArn=arn, clientToken="t")
    await box.world.settle()
    assert await box.call("redrive_execution", executionArn=arn, clientToken="t") == first
    found = await box.call("describe_execution", executionArn=arn)
    assert (found["redriveCount"], found["redriveDate"]) == (1, first["redriveDate"])


async def test_what_cannot_be_redriven_says_why(box: Box) -> None:
    arn = await box.run(await box.machine())
    assert await box.refused("redrive_execution", executionArn=arn) == (
        "ExecutionNotRedrivable",
        "Execution is SUCCEEDED and cannot be redriven",
    )


async def test_a_timed_out_execution_shows_neither_error_nor_cause(box: Box) -> None:
    arn = await box.run(await box.machine(json.dumps({**json.loads(WAIT), "TimeoutSeconds": 5})))
    await box.world.pass_time(6)
    found = await box.call("describe_execution", executionArn=arn)
    assert found["status"] == "TIMED_OUT"
    assert "error" not in found
    assert "cause" not in found


async def test_lists_are_newest_first_and_paged(box: Box) -> None:
    machine = await box.machine()
    arns = [await box.run(machine, name=f"n{number}") for number in range(7)]
    first = await box.call("list_executions", stateMachineArn=machine, maxResults=3)
    assert [item["executionArn"] for item in first["executions"]] == arns[:3:-1]
    rest = await box.call("list_executions", stateMachineArn=machine, nextToken=first["nextToken"])
    assert [item["executionArn"] for item in rest["executions"]] == arns[3::-1]
    assert "nextToken" not in rest
    item = rest["executions"][0]
    assert set(item) == {
        *("executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "redriveCount"),
    }


async def test_a_page_token_is_good_for_its_own_request_and_a_day(box: Box) -> None:
    machine, other = await box.machine(), await box.machine(name="other")
    for _ in range(2):
        await box.run(machine)
    token = (await box.call("list_executions", stateMachineArn=machine, maxResults=1))["nextToken"]
    wrong = ("InvalidToken", "Invalid Token: 'Invalid token'")
    assert await box.refused("list_executions", stateMachineArn=other, nextToken=token) == wrong
    assert await box.refused("list_activities", nextToken=token) == wrong
    assert await box.refused("list_executions", stateMachineArn=machine, nextToken="x" + token) == wrong
    assert await box.refused("list_executions", stateMachineArn=machine, nextToken="\u00e4") == wrong
    assert await box.call("list_executions", stateMachineArn=machine, nextToken=token)
    box.world.clock.advance(24 * 3600 + 1)
    assert await box.refused("list_executions", stateMachineArn=machine, nextToken=token) == wrong


async def test_lists_filter_by_status_and_version(box: Box) -> None:
    machine = await box.machine(WAIT, publish=True)
    version = await box.run(f"{machine}:1")
    plain = await box.run(machine)
    await box.call("stop_execution", executionArn=plain)

    async def listed(arn: str, **members: str) -> list[str]:
        answer = await box.call("list_executions", stateMachineArn=arn, **members)
        return [item["executionArn"] for item in answer["executions"]]

    assert await listed(machine) == [plain, version]
    assert await listed(machine, statusFilter="RUNNING") == [version]
    assert await listed(f"{machine}:1") == [version]
    found = await box.call("describe_execution", executionArn=version)
    assert found["stateMachineVersionArn"] == f"{machine}:1"
    assert found["stateMachineArn"] == machine


async def test_lists_of_map_runs_and_of_nothing_are_refused(box: Box) -> None:
    machine = await box.machine()
    express = await box.machine(name="x", type="EXPRESS")
    assert (await box.refused("list_executions"))[0] == "ValidationException"
    assert (await box.refused("list_executions", mapRunArn="a"))[0] == "InvalidArn"
    assert (await box.refused("list_executions", stateMachineArn=machine, mapRunArn="a"))[0] == "ValidationException"
    assert (await box.refused("list_executions", stateMachineArn=NOWHERE))[0] == "StateMachineDoesNotExist"
    assert await box.refused("list_executions", stateMachineArn=express) == (
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )


async def test_a_deleting_machine_refuses_starts(box: Box) -> None:
    machine = await box.machine(WAIT)
    await box.run(machine)
    await box.services.machines.delete("m")
    assert (await box.refused("start_execution", stateMachineArn=machine))[0] == "StateMachineDeleting"
