"""What only a daemon for tests does: skips in time and test cases; any other refuses them and says why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.api import test_cases
from flowd.client import RemoteError
from flowd.errors import ValidationException
from tests.api.box import PASS, Box
from tests.integrations.test_mocks import mocks


async def test_a_daemon_for_real_work_refuses_to_skip(box: Box) -> None:
    with pytest.raises(RemoteError, match="not started for testing") as caught:
        await box.flowd("SkipToNextDeadline")
    assert caught.value.code == "ValidationException"


async def test_a_daemon_without_mocks_refuses_a_test_case(box: Box) -> None:
    arn = await box.machine(PASS)
    code, message = await box.refused("start_execution", stateMachineArn=f"{arn}#Happy")
    assert code == "ValidationException"
    assert "--mocks MockConfigFile.json" in message


async def test_a_test_case_is_taken_from_the_arn_and_must_exist(box: Box) -> None:
    config: dict[str, Any] = {"StateMachines": {"m": {"TestCases": {"Happy": {}, "Sad": {}}}}}
    object.__setattr__(box.services, "mocks", mocks(box.folder, config))
    arn = await box.machine(PASS)
    started = await box.call("start_execution", stateMachineArn=f"{arn}#Happy", name="x", input=json.dumps({"a": 1}))
    assert started["executionArn"].endswith(":m:x")
    shown = await box.flowd("GetExecution", executionArn=started["executionArn"])
    assert shown["trigger"] == "test:Happy"
    _, message = await box.refused("start_execution", stateMachineArn=f"{arn}#Other")
    assert "no test case 'Other' for m; there are: Happy, Sad" in message
    assert test_cases.chosen(box.services, arn, "task:1:0:1") == (arn, "task:1:0:1")
    with pytest.raises(ValidationException, match="only a client's own start"):
        test_cases.chosen(box.services, f"{arn}#Happy", "task:1:0:1")


WAITS = json.dumps({"StartAt": "Charge", "States": {"Charge": {
    "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": "q", "MessageBody": "x"},
    "End": True}}})  # fmt: skip


@pytest.mark.parametrize(("operation", "type"), [("start_execution", "STANDARD"), ("start_sync_execution", "EXPRESS")])
async def test_a_test_case_that_names_no_task_of_the_machine_is_refused_with_its_place(
    box: Box, operation: str, type: str
) -> None:
    answers = {"Works": {"0": {"Return": {"MessageId": "1"}}}}
    cases = {"Typo": {"Chagre": "Works"}, "Right": {"Charge": "Works"}}
    config: dict[str, Any] = {"StateMachines": {"m": {"TestCases": cases}}, "MockedResponses": answers}
    object.__setattr__(box.services, "mocks", mocks(box.folder, config))
    arn = await box.machine(WAITS, type=type)
    code, message = await box.refused(operation, stateMachineArn=f"{arn}#Typo", name="x")
    assert code == "ValidationException"
    assert "/StateMachines/m/TestCases/Typo/Chagre: m has no Task 'Chagre'" in message and "mean Charge?" in message
    started = await box.call(operation, stateMachineArn=f"{arn}#Right", name="x")
    assert started["executionArn"]
