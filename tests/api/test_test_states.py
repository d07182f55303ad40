"""TestState through boto3: what is run for real, what is shown at each level, what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from flowd.api import test_states
from flowd.integrations.ports import Failed, TaskCall
from tests.api.box import ROLE, Box, activity_machine

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


def text(**members: Any) -> str:
    end = {} if "Next" in members else {"End": True}
    return json.dumps({**members, **end})


TASK = text(Type="Task", Resource=FUNCTION)


async def test_a_task_is_really_run_and_acknowledged(box: Box) -> None:
    functions = box.world.functions
    functions.handlers["f"] = lambda call: {"got": call.parameters.value}
    answer = await box.call("test_state", definition=TASK, roleArn=ROLE, input='{"a":1}', inspectionLevel="DEBUG")
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '{"got":{"a":1}}')
    assert answer["inspectionData"]["result"] == '{"got":{"a":1}}'
    (call,) = functions.calls
    assert functions.acknowledged == [call.key]


async def test_info_shows_no_data_and_nothing_is_kept(box: Box) -> None:
    answer = await box.call("test_state", definition=text(Type="Pass", Next="B"), input='{"a" : 1}')
    assert answer == {"status": "SUCCEEDED", "output": '{"a" : 1}', "nextState": "B"}
    assert (await box.call("list_state_machines"))["stateMachines"] == []


async def test_a_failed_task_tells_who_would_answer(box: Box) -> None:
    box.world.functions.handlers["f"] = lambda call: Failed("Boom", "it burst")
    retry = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 3}]
    definition = text(Type="Task", Resource=FUNCTION, Retry=retry)
    answer = await box.call("test_state", definition=definition, roleArn=ROLE, inspectionLevel="TRACE")
    assert (answer["status"], answer["error"], answer["cause"]) == ("RETRIABLE", "Boom", "it burst")
    assert answer["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 3}


async def test_a_mock_runs_nothing(box: Box) -> None:
    answer = await box.call("test_state", definition=TASK, mock={"result": '"mocked"'})
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '"mocked"')
    assert box.world.functions.calls == []


async def test_the_context_object_is_that_of_an_express_execution(box: Box) -> None:
    definition = text(Type="Pass", Parameters={"c.$": "$$"})
    answer = await box.call("test_state", definition=definition, roleArn=ROLE, input="[1]")
    context = json.loads(answer["output"])["c"]
    name = context["Execution"]["Name"]
    machine = context["StateMachine"]["Name"]
    assert context["Execution"]["Id"] == f"arn:aws:states:us-east-1:000000000000:express:{machine}:{name}"
    assert (context["Execution"]["Input"], context["Execution"]["RoleArn"]) == ([1], ROLE)
    assert "RedriveCount" not in context["Execution"]
    assert context["State"]["Name"] == "StateName"


async def test_a_state_of_a_machine_is_tested_whatever_else_the_machine_needs(box: Box) -> None:
    machine = json.loads(activity_machine("arn:aws:states:::aws-sdk:glacier:listJobs"))
    machine["States"]["Ask"] |= {"End": False, "Next": "Last", "Parameters": {}}
    del machine["States"]["Ask"]["End"]
    machine["States"]["Last"] = {"Type": "Succeed"}
    definition = json.dumps(machine)
    assert (await box.call("test_state", definition=definition, stateName="Last"))["status"] == "SUCCEEDED"
    code, message = await box.refused("test_state", definition=definition, stateName="Ask", roleArn=ROLE)
    assert code == "InvalidDefinition"
    assert "the integration glacier is not built in flowd" in message


async def test_a_wait_is_waited_for(box: Box) -> None:
    past = text(Type="Wait", Timestamp="2001-01-01T00:00:00Z")
    assert (await box.call("test_state", definition=past))["status"] == "SUCCEEDED"


async def test_a_test_ends_in_time(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_states, "LIMIT_S", 0.05)
    answer = await box.call("test_state", definition=text(Type="Wait", Seconds=60))
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Timeout")

    async def never(call: TaskCall) -> None:
        await asyncio.Event().wait()

    functions = box.world.functions
    functions.handlers["f"] = never
    answer = await box.call("test_state", definition=TASK, roleArn=ROLE)
    assert (answer["status"], answer["error"]) == ("FAILED", "States.Timeout")
    assert functions.cancelled == [functions.calls[0].key]


async def test_a_task_keeps_its_own_time_limit(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_states, "_allowed_s", lambda task: task.timeout_ms / 1_000_000)

    async def never(call: TaskCall) -> None:
        await asyncio.Event().wait()

    box.world.functions.handlers["f"] = never
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]
    definition = text(Type="Task", Resource=FUNCTION, TimeoutSeconds=20, Catch=catch)
    answer = await box.call("test_state", definition=definition, roleArn=ROLE)
    assert (answer["status"], answer["error"], answer["nextState"]) == ("CAUGHT_ERROR", "States.Timeout", "Late")


async def test_jsonata_is_worked_out(box: Box) -> None:
    definition = text(Type="Pass", QueryLanguage="JSONata", Output="{% $states.input.a + $x %}")
    answer = await box.call(
        "test_state", definition=definition, input='{"a":1}', variables='{"x":2}', inspectionLevel="DEBUG"
    )
    assert answer["output"] == "3"
    assert answer["inspectionData"] == {"input": '{"a":1}', "variables": '{"x":2}'}


PASS = text(Type="Pass")
MACHINE = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})

START = "arn:aws:states:::states:startExecution"


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({"definition": "{"}, "InvalidDefinition", "INVALID_JSON_DESCRIPTION"),
        (
            {"definition": '{"Type":"Pass","Type":"Fail"}'},
            "InvalidDefinition",
            "more than once at [line: 1, column: 16]",
        ),
        ({"definition": '{"Type":"Choice"}'}, "InvalidDefinition", "[Choices] at /States/StateName'"),
        ({"definition": "[]"}, "InvalidDefinition", "Definition must be a valid JSON object"),
        ({"definition": MACHINE}, "InvalidDefinition", "These fields are required: [Type] at /States/StateName"),
        ({"definition": MACHINE, "stateName": "B"}, "ValidationException", "State not found in definition"),
        ({"definition": text(Type="Parallel", Branches=[])}, "InvalidDefinition", "at /States/StateName/Branches"),
        ({"definition": PASS, "input": "{"}, "InvalidExecutionInput", "Input data was truncated"),
        ({"definition": PASS, "variables": "[]"}, "ValidationException", "variables"),
        ({"definition": PASS, "roleArn": "me"}, "InvalidArn", "me"),
        ({"definition": PASS, "context": "{}"}, "ValidationException", "context"),
        ({"definition": PASS, "stateConfiguration": {"retrierRetryCount": 1}}, "ValidationException", "mock"),
        ({"definition": TASK}, "ValidationException", "RoleArn must be specified when testing a Task state"),
        (
            {"definition": TASK, "mock": {"result": "1"}, "revealSecrets": True},
            "ValidationException",
            "TestState does not support RevealSecrets when a mock is specified.",
        ),
        (
            {
                "definition": text(Type="Task", Resource=START, Parameters={"StateMachineArn": "m"}),
                "mock": {"result": "{}"},
            },
            "ValidationException",
            "Mock result schema validation error: Required field 'ExecutionArn' is missing",
        ),
        ({"definition": PASS, "input": '"' + "é" * 140_000 + '"'}, "ValidationException", "'input'"),
    ],
)
async def test_what_cannot_be_tested_is_refused(box: Box, members: dict[str, Any], code: str, said: str) -> None:
    found, message = await box.refused("test_state", **members)
    assert found == code
    assert said in message


async def test_a_mock_without_checks_takes_anything(box: Box) -> None:
    definition = text(Type="Task", Resource=START, Parameters={"StateMachineArn": "m"})
    answer = await box.call("test_state", definition=definition, mock={"result": "5", "fieldValidationMode": "NONE"})
    assert answer["output"] == "5"


async def test_a_state_may_lead_to_itself(box: Box) -> None:
    answer = await box.call("test_state", definition=text(Type="Pass", Next="StateName"))
    assert (answer["status"], answer["nextState"]) == ("SUCCEEDED", "StateName")
