from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flowd.errors import ConfigError
from flowd.integrations.mocks import MockedRegistry, Mocks
from flowd.integrations.noop import Noop
from flowd.integrations.ports import Failed, Succeeded, TaskCall
from flowd.integrations.registry import Registry
from flowd.payload import Payload

#: The example of AWS's page on the format, with names of our own.
CONFIG: dict[str, Any] = {
    "StateMachines": {
        "Orders": {
            "TestCases": {
                "Happy": {"Charge": "Paid", "Tell": "Told"},
                "Retried": {"Charge": "PaidLate"},
            }
        }
    },
    "MockedResponses": {
        "Paid": {"0": {"Return": {"StatusCode": 200, "Payload": {"ok": True}}}},
        "Told": {"0": {"Return": {"MessageId": "m"}}},
        "PaidLate": {
            "0": {"Throw": {"Error": "Lambda.ResourceNotReadyException", "Cause": "not ready"}},
            "1-2": {"Throw": {"Error": "Lambda.TimeoutException", "Cause": "timed out"}},
            "3": {"Return": 7},
        },
    },
}


def mocks(tmp_path: Path, config: Any = CONFIG, services: frozenset[str] = frozenset()) -> Mocks:
    file = tmp_path / "MockConfigFile.json"
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    return Mocks.load(file, services)


def call(state: str = "Charge", case: str = "Happy", **members: Any) -> TaskCall:
    given: dict[str, Any] = {
        "key": "1:0:1",
        "execution_arn": "arn:aws:states:us-east-1:000000000000:execution:Orders:x",
        "machine_arn": "arn:aws:states:us-east-1:000000000000:stateMachine:Orders",
        "resource": "arn:aws:states:::lambda:invoke",
        "service": "lambda",
        "action": "invoke",
        "pattern": "",
        "parameters": Payload.of({}),
        "token": "",
    }
    return TaskCall(**{**given, "state": state, "test_case": case, **members})


def test_each_attempt_gets_its_own_answer(tmp_path: Path) -> None:
    found = mocks(tmp_path)
    heard = [found.answer(call(case="Retried", retry_count=count)) for count in range(4)]
    assert heard == [
        Failed("Lambda.ResourceNotReadyException", "not ready"),
        Failed("Lambda.TimeoutException", "timed out"),
        Failed("Lambda.TimeoutException", "timed out"),
        Succeeded(Payload.of(7)),
    ]
    assert found.cases("Orders") == ["Happy", "Retried"]


def test_a_state_that_comes_again_hears_the_first_visit_s_answers_unless_there_are_more(tmp_path: Path) -> None:
    found = mocks(tmp_path)
    assert (
        found.answer(call())
        == found.answer(call())
        == Succeeded(Payload.of({"StatusCode": 200, "Payload": {"ok": True}}))
    )
    for count in range(4):
        found.answer(call(case="Retried", retry_count=count))
    assert found.answer(call(case="Retried", retry_count=3)) == Succeeded(Payload.of(7))
    beyond = found.answer(call(case="Retried", retry_count=4))
    assert isinstance(beyond, Failed) and beyond.error == "States.Runtime"
    assert "PaidLate of state Charge has no answer for attempt 7" in (beyond.cause or "")


def test_what_no_test_case_names_is_not_mocked(tmp_path: Path) -> None:
    found = mocks(tmp_path)
    assert found.answer(call(state="Other")) is None
    assert found.answer(call(case="")) is None
    assert found.answer(call(machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:Else")) is None


async def test_the_wrapper_answers_what_is_mocked_and_runs_or_refuses_the_rest(tmp_path: Path) -> None:
    registry = MockedRegistry(Registry({"flowd": Noop()}), mocks(tmp_path))
    assert await registry.find("lambda").call(call("Tell")) == Succeeded(Payload.of({"MessageId": "m"}))
    real = call("Other", resource="arn:aws:states:::flowd:noop", service="flowd", parameters=Payload.of({"a": 1}))
    assert await registry.find("flowd").call(real) == await Noop().call(real)
    missing = await registry.find("glue").call(call("Other", resource="arn:aws:states:::glue:startJobRun"))
    assert isinstance(missing, Failed) and missing.stage == "start"
    assert "glue:startJobRun here, and state Other is not mocked" in (missing.cause or "")


async def test_a_mocked_job_is_submitted_and_then_ends_as_the_file_says(tmp_path: Path) -> None:
    registry = MockedRegistry(Registry({}), mocks(tmp_path))
    job = call(case="Retried", pattern="sync", service="glue")
    submitted = await registry.find("glue").call(job)
    assert isinstance(submitted, Succeeded)
    assert await registry.find("glue").wait(job, submitted.output) == Failed(
        "Lambda.ResourceNotReadyException", "not ready"
    )


ONLY = {
    "StateMachines": {"Orders": {"TestCases": {"Happy": {"Tell": "Told"}}}},
    "MockedResponses": CONFIG["MockedResponses"],
}


async def test_a_service_on_mock_is_answered_by_the_machine_s_only_test_case_or_fails(tmp_path: Path) -> None:
    found = mocks(tmp_path, ONLY, frozenset({"glue", "stepfunctions"}))
    registry = MockedRegistry(Registry({"flowd": Noop()}), found)
    glue = {"service": "aws-sdk:glue", "resource": "arn:aws:states:::aws-sdk:glue:startJobRun"}
    versioned = "arn:aws:states:us-east-1:000000000000:stateMachine:Orders:7"
    for machine in (versioned, versioned.removesuffix(":7")):
        told = await registry.find("aws-sdk:glue").call(call("Tell", case="", machine_arn=machine, **glue))
        assert told == Succeeded(Payload.of({"MessageId": "m"}))
    missing = await registry.find("aws-sdk:glue").call(call("Other", case="", **glue))
    assert isinstance(missing, Failed) and missing.error == "States.Runtime"
    assert missing.cause == (
        f'glue is on "mock" ([services] in flowd.toml), and {found.file} has no answer for state Other of machine '
        "Orders: name it in /StateMachines/Orders/TestCases/Happy"
    )
    real = call("Tell", case="", resource="arn:aws:states:::flowd:noop", service="flowd")
    assert await registry.find("flowd").call(real) == await Noop().call(real)
    assert (found.covers(call(case="", **glue)), found.covers(real)) == (True, False)


async def test_where_a_machine_has_several_test_cases_or_none_the_failure_says_what_to_do(tmp_path: Path) -> None:
    found = mocks(tmp_path, services=frozenset({"lambda"}))
    several = await MockedRegistry(Registry({}), found).find("lambda").call(call(case=""))
    assert isinstance(several, Failed) and "as Orders#Happy; there are: Happy, Retried" in (several.cause or "")
    other = call(case="", machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:Else")
    none = await MockedRegistry(Registry({}), found).find("lambda").call(other)
    assert isinstance(none, Failed) and "give /StateMachines/Else a test case" in (none.cause or "")


def response(value: Any) -> dict[str, Any]:
    return {"StateMachines": {}, "MockedResponses": {"R": value}}


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ("{\n  x}", ":2:3: Expecting property name"),
        ('{"a": 1, "a": 2}', "a stands twice"),
        ("[" * 100_000, "recursion"),
        ([], "/: must be an object"),
        ({}, "/: StateMachines is missing"),
        ({"StateMachines": {"M": 1}}, "/StateMachines/M: must be an object"),
        ({"StateMachines": {"M": {"TestCases": {"C": []}}}}, "/StateMachines/M/TestCases/C: must be an object"),
        ({"StateMachines": {"M": {"TestCases": {"C": {"S": "R"}}}}}, "/StateMachines/M/TestCases/C/S: must name a"),
        (response({}), "/MockedResponses/R: has no answer"),
        (response({"x": {"Return": 1}}), "/MockedResponses/R/x: must be the number of an attempt"),
        (response({"2-1": {"Return": 1}}), "/MockedResponses/R/2-1: the range ends before"),
        (response({"0-2": {"Return": 1}, "1": {"Return": 1}}), "/MockedResponses/R/1: an attempt of this range"),
        (response({"0": {"Return": 1, "Throw": {}}}), "/MockedResponses/R/0: must hold either Return or Throw"),
        (response({"0": {"Throw": {"Cause": "c"}}}), "/MockedResponses/R/0/Throw: Error is missing"),
        (response({"0": {"Throw": {"Error": 1}}}), "/MockedResponses/R/0/Throw/Error: must be text"),
        (response({"0": {"Throw": {"Error": "e", "Why": ""}}}), "/MockedResponses/R/0/Throw/Why: is not known"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_file_and_place(tmp_path: Path, config: Any, wrong: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mocks(tmp_path, config)
    assert str(caught.value).startswith(str(tmp_path / "MockConfigFile.json"))
    assert wrong in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        Mocks.load(tmp_path / "nowhere.json")
