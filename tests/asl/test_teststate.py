"""One state run alone: what TestState decides and shows, with mocks and without."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.asl import mocking, teststate
from flowd.asl.faults import Failure
from flowd.asl.host import new_execution
from flowd.asl.teststate import Mock, Setting, Subject, Trial, Verdict
from flowd.decisions import ScheduleTask, StartTimer
from flowd.entropy import Entropy
from flowd.errors import InvalidDefinition, InvalidExecutionInput, ValidationException
from flowd.frames import ROOT
from flowd.history import Event, News
from flowd.payload import Payload

LAMBDA = "arn:aws:states:::lambda:invoke"
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
BOOM = Failure("Boom", "it burst")
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def subject(state: dict[str, Any]) -> Subject:
    ends = {} if "Next" in state or state["Type"] in ("Choice", "Succeed", "Fail") else {"End": True}
    found = teststate.find(teststate.as_machine(json.dumps({**state, **ends})), teststate.ALONE)
    assert found is not None
    return found


def trial(state: dict[str, Any], given: Any, **setting: Any) -> Trial:
    payload = Payload.parse(json.dumps(given))
    execution = new_execution(payload.text, 1_000, type="EXPRESS")
    return Trial(subject(state), Setting(payload, **setting), execution, Entropy(b"seed"))


def run(state: dict[str, Any], given: Any = None, **setting: Any) -> Verdict:
    made = trial(state, {} if given is None else given, **setting)
    assert made.begin(1_000) is None
    return made.verdict()


def result(value: Any) -> Mock:
    return Mock(result=Payload.of(value))


def shown(verdict: Verdict) -> dict[str, Any]:
    return {name: each.value if isinstance(each, Payload) else each for name, each in verdict.stages.items()}


def map_state(mode: str = "DISTRIBUTED", **fields: Any) -> dict[str, Any]:
    config = {"Mode": mode, "ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {"Mode": mode}
    return {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **PASS}, **fields}


def value(payload: Payload | None) -> Any:
    assert payload is not None
    return payload.value


# -- types of states ------------------------------------------------------------


def test_a_pass_shows_its_data_at_every_stage_and_names_the_next_state() -> None:
    verdict = run({"Type": "Pass", "InputPath": "$.in", "ResultPath": "$.out", "Next": "B"}, {"in": 1})
    assert (verdict.status, value(verdict.output), verdict.next) == ("SUCCEEDED", {"in": 1, "out": 1}, "B")
    assert shown(verdict) == {
        "input": {"in": 1},
        "afterInputPath": 1,
        "afterParameters": 1,
        "afterResultSelector": 1,
        "afterResultPath": {"in": 1, "out": 1},
    }


def test_a_pass_with_a_result_shows_no_input_stages() -> None:
    verdict = run({"Type": "Pass", "InputPath": "$.in", "Result": 2}, {"in": 1})
    assert shown(verdict) == {"input": {"in": 1}, "result": 2, "afterResultSelector": 2, "afterResultPath": 2}


@pytest.mark.parametrize(("language", "stages"), [("JSONPath", ["input", "afterInputPath"]), ("JSONata", ["input"])])
def test_a_fail_gives_its_error_and_cause(language: str, stages: list[str]) -> None:
    verdict = run({"Type": "Fail", "QueryLanguage": language, "Error": "E", "Cause": "C"}, {"a": 1})
    assert (verdict.status, verdict.error, verdict.cause, verdict.output) == ("FAILED", "E", "C", None)
    assert shown(verdict) == {stage: {"a": 1} for stage in stages}


def test_a_choice_shows_what_it_chose_from() -> None:
    rule = {"Variable": "$.a", "NumericEquals": 1, "Next": "One"}
    verdict = run({"Type": "Choice", "Choices": [rule], "Default": "Else"}, {"a": 1})
    assert (verdict.status, verdict.next) == ("SUCCEEDED", "One")
    assert set(shown(verdict)) == {"input", "afterInputPath"}


def test_a_choice_that_matches_nothing_fails_without_naming_an_event() -> None:
    rule = {"Variable": "$.a", "NumericEquals": 1, "Next": "One"}
    verdict = run({"Type": "Choice", "Choices": [rule]}, {"a": 2})
    assert (verdict.status, verdict.error) == ("FAILED", "States.Runtime")
    assert str(verdict.cause).startswith("Failed to transition")


def test_a_wait_asks_for_its_time() -> None:
    made = trial({"Type": "Wait", "Seconds": 5, "Next": "B"}, {"a": 1})
    timer = made.begin(1_000)
    assert isinstance(timer, StartTimer)
    assert timer.due_ms == 6_000
    made.deliver(Event(News.TIMER_FIRED, ROOT, timer.attempt), 6_000)
    assert (made.verdict().status, made.verdict().next) == ("SUCCEEDED", "B")


def test_a_task_without_mock_is_handed_out_and_its_outcome_goes_through_the_state() -> None:
    state = {"Type": "Task", "Resource": LAMBDA, "Parameters": {"FunctionName.$": "$.f"}, "ResultPath": "$.r"}
    made = trial(state, {"f": "x"})
    task = made.begin(1_000)
    assert isinstance(task, ScheduleTask)
    assert task.parameters.value == {"FunctionName": "x"}
    made.deliver(Event(News.TASK_SUCCEEDED, ROOT, task.attempt, {"output": Payload.of(7)}), 2_000)
    verdict = made.verdict()
    assert (verdict.status, value(verdict.output)) == ("SUCCEEDED", {"f": "x", "r": 7})
    assert shown(verdict) == {
        "input": {"f": "x"},
        "afterInputPath": {"f": "x"},
        "afterParameters": {"FunctionName": "x"},
        "result": 7,
        "afterResultSelector": 7,
        "afterResultPath": {"f": "x", "r": 7},
    }


def test_a_failed_call_can_be_caught() -> None:
    catch = [{"ErrorEquals": ["Else"], "Next": "A"}, {"ErrorEquals": ["Boom"], "Next": "B", "ResultPath": "$.e"}]
    made = trial({"Type": "Task", "Resource": LAMBDA, "Catch": catch}, {"f": "x"})
    task = made.begin(1_000)
    assert isinstance(task, ScheduleTask)
    made.deliver(Event(News.TASK_FAILED, ROOT, task.attempt, {"error": "Boom", "cause": "it burst"}), 2_000)
    verdict = made.verdict()
    assert (verdict.status, verdict.next, verdict.details) == ("CAUGHT_ERROR", "B", {"catchIndex": 1})
    assert (verdict.error, verdict.cause) == ("Boom", "it burst")
    assert value(verdict.output)["e"] == {"Error": "Boom", "Cause": "it burst"}


# -- mocks ------------------------------------------------------------------------


def test_a_mocked_result_keeps_its_text() -> None:
    mock = Mock(result=Payload.parse("[1,  2.0]"))
    verdict = run({"Type": "Parallel", "Branches": [PASS, PASS]}, mock=mock)
    assert verdict.output is not None
    assert verdict.output.text == "[1,  2.0]"
    assert set(shown(verdict)) == {"input", "afterResultSelector", "afterResultPath"}


def test_a_jsonata_task_shows_arguments_and_result() -> None:
    state = {
        "Type": "Task",
        "QueryLanguage": "JSONata",
        "Resource": LAMBDA,
        "Arguments": {"FunctionName": "{% $states.input.f %}"},
        "Output": "{% $states.result.Payload %}",
    }
    verdict = run(state, {"f": "x"}, mock=result({"Payload": 3}))
    assert value(verdict.output) == 3
    assert shown(verdict) == {
        "input": {"f": "x"},
        "afterArguments": {"FunctionName": "x"},
        "result": {"Payload": 3},
    }


RETRY = [{"ErrorEquals": ["Boom"], "IntervalSeconds": 1, "MaxAttempts": 5, "BackoffRate": 2}]


@pytest.mark.parametrize(
    ("used", "status", "details"),
    [
        (0, "RETRIABLE", {"retryIndex": 0, "retryBackoffIntervalSeconds": 1}),
        (4, "RETRIABLE", {"retryIndex": 0, "retryBackoffIntervalSeconds": 16}),
        (5, "FAILED", {"retryIndex": 0}),
    ],
)
def test_retries_are_counted_from_those_used(used: int, status: str, details: dict[str, int]) -> None:
    verdict = run({"Type": "Task", "Resource": LAMBDA, "Retry": RETRY}, mock=Mock(failure=BOOM), retries=used)
    assert (verdict.status, verdict.details, verdict.error, verdict.output) == (status, details, "Boom", None)


def test_a_catcher_answers_when_the_retrier_is_used_up() -> None:
    state = {"Type": "Task", "Resource": LAMBDA, "Retry": RETRY, "Catch": [{"ErrorEquals": ["Boom"], "Next": "B"}]}
    verdict = run(state, mock=Mock(failure=BOOM), retries=5)
    assert (verdict.status, verdict.next) == ("CAUGHT_ERROR", "B")
    assert verdict.details == {"retryIndex": 0, "catchIndex": 0}


def test_a_catcher_that_fails_itself_gives_its_own_error() -> None:
    catch = [{"ErrorEquals": ["Boom"], "Next": "B", "ResultPath": "$.a.b"}]
    verdict = run({"Type": "Task", "Resource": LAMBDA, "Catch": catch}, {"a": 1}, mock=Mock(failure=BOOM))
    assert (verdict.status, verdict.error) == ("FAILED", "States.ReferencePathConflict")


def test_an_activity_and_a_callback_take_their_mock_as_the_answer() -> None:
    activity = "arn:aws:states:us-east-1:000000000000:activity:ask"
    assert value(run({"Type": "Task", "Resource": activity}, mock=result(5)).output) == 5
    state = {"Type": "Task", "Resource": CALLBACK, "Parameters": {"MessageBody.$": "$$.Task.Token"}}
    verdict = run(state, mock=result(6), context={"Task": {"Token": "t"}})
    assert value(verdict.output) == 6
    assert shown(verdict)["afterParameters"] == {"MessageBody": "t"}


def test_a_given_context_object_is_seen_as_it_is() -> None:
    state = {"Type": "Task", "Resource": LAMBDA, "ResultSelector": {"c.$": "$$"}}
    assert value(run(state, mock=result({}), context={"State": {}}).output) == {"c": {"State": {}}}


def test_variables_are_there_and_shown_with_those_assigned() -> None:
    state = {"Type": "Pass", "Parameters": {"x.$": "$old"}, "Assign": {"new.$": "$.x"}}
    verdict = run(state, variables=Payload.of({"old": 1}))
    assert value(verdict.output) == {"x": 1}
    assert shown(verdict)["variables"] == {"old": 1, "new": 1}


# -- Map ----------------------------------------------------------------------------


# -- finding the state, reading what is given --------------------------------------------


def test_a_state_is_found_at_any_depth_of_its_machine() -> None:
    machine = json.dumps({"StartAt": "M", "States": {"M": {**map_state(), "End": True}}})
    found = teststate.find(machine, "P")
    assert found is not None
    assert (found.state.name, found.source) == ("P", {"Type": "Pass", "End": True})
    assert teststate.find(machine, "Q") is None


def test_the_targets_of_a_single_state_exist() -> None:
    text = '{"Type": "Choice",  "Choices": [{"Variable":"$.a","IsNull":true,"Next":"A"}], "Default":"StateName"}'
    made = teststate.as_machine(text)
    assert text in made
    assert set(json.loads(made)["States"]) == {"StateName", "A"}


TASK = {"Type": "Task", "Resource": LAMBDA}


@pytest.mark.parametrize(
    ("state", "text", "said"),
    [
        (TASK, "no JSON", "Mocked result must be valid JSON"),
        ({"Type": "Pass"}, "1", "State type 'Pass' is not supported when a mock is specified"),
        ({"Type": "Parallel", "Branches": [PASS]}, "{}", "Mocked result must be an array."),
        ({"Type": "Parallel", "Branches": [PASS]}, "[]", "Mocked result must contain the same number of items"),
        (map_state(), "{}", "Mocked result must be an array."),
        (map_state(ResultWriter={}), "[]", "Mocked result must be a JSON object."),
    ],
)
def test_a_mocked_result_fits_its_state(state: dict[str, Any], text: str, said: str) -> None:
    with pytest.raises(ValidationException) as caught:
        mocking.read_mock(subject(state), text, None, None, failing=False)
    assert caught.value.message.startswith(said)


def test_a_mock_is_a_result_or_an_error() -> None:
    for text, error, failing in (("1", "E", True), (None, None, False), (None, None, True)):
        with pytest.raises(ValidationException):
            mocking.read_mock(subject(TASK), text, error, None, failing=failing)
    assert mocking.read_mock(subject(TASK), None, "E", None, failing=True).failure is not None


@pytest.mark.parametrize(
    ("state", "role", "error"),
    [
        (map_state(), "r", InvalidDefinition),
        ({"Type": "Parallel", "Branches": [PASS]}, "r", InvalidDefinition),
        ({"Type": "Task", "Resource": CALLBACK}, "r", InvalidDefinition),
        ({"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:a"}, "r", InvalidDefinition),
        (TASK, None, ValidationException),
    ],
)
def test_what_cannot_be_run_needs_a_mock(state: dict[str, Any], role: str | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        mocking.require_runnable(subject(state), role)
    mocking.require_runnable(subject(TASK), "r")
    mocking.require_runnable(subject({"Type": "Succeed"}), None)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"Map": {}}, "'Map' field is not supported when mocking a Context object"),
        ({"Other": {}}, "Field 'Other' is not allowed"),
        ({"Execution": {"x": 1}}, "Field 'x' is not allowed"),
        ({"Execution": {"Id": 1}}, "Execution.Id must be a string"),
        ({"State": {"RetryCount": "1"}}, "State.RetryCount must be a number"),
        ({"State": 1}, "State must be an object"),
        ({"Task": {"Token": "t"}}, "'Task' field is only supported"),
    ],
)
def test_a_context_object_has_the_members_of_the_real_one(context: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationException) as caught:
        mocking.read_context(subject(TASK), json.dumps(context))
    assert caught.value.message.startswith(f"Invalid Context object provided: {said}")


def test_a_right_context_object_is_taken() -> None:
    given = {"Execution": {"Input": [1]}, "State": {"RetryCount": 1}, "Task": {"Token": "t"}}
    assert mocking.read_context(subject({"Type": "Task", "Resource": CALLBACK}), json.dumps(given)) == given
    for text in ("[]", "{"):
        with pytest.raises(ValidationException):
            mocking.read_context(subject(TASK), text)


def test_an_error_comes_from_a_state_inside() -> None:
    mocking.check_origin(subject(map_state()), "P")
    with pytest.raises(ValidationException, match="Q"):
        mocking.check_origin(subject(map_state()), "Q")


def test_only_a_reader_has_data_and_must_have_them() -> None:
    reader = map_state(ItemReader={"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSONL"}})
    manifest = map_state(
        ItemReader={"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "MANIFEST"}}
    )
    assert mocking.check_reader_data(subject(reader), "1") == "1"
    assert mocking.check_reader_data(subject(TASK), None) is None
    for state, text in ((reader, None), (TASK, "[]"), (manifest, "{}")):
        with pytest.raises(ValidationException):
            mocking.check_reader_data(subject(state), text)


def test_input_and_variables_are_json() -> None:
    assert mocking.read_input(None).value == {}
    assert mocking.read_object('{"a":1}', "variables").value == {"a": 1}
    with pytest.raises(InvalidExecutionInput):
        mocking.read_input("{")
    for text in ("[]", "{"):
        with pytest.raises(ValidationException, match="variables"):
            mocking.read_object(text, "variables")


# -- a state within others -----------------------------------------------------------
