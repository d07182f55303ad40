"""Maps, and states within others, run alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.asl import mocking, teststate
from flowd.asl.host import new_execution
from flowd.asl.teststate import Mock, Setting, Subject, Trial, Verdict
from flowd.entropy import Entropy
from flowd.errors import ValidationException
from flowd.payload import Payload
from tests.asl.test_teststate import BOOM, PASS, RETRY, TASK, map_state, result, run, shown, value


def test_a_map_shows_what_its_own_fields_come_to() -> None:
    fields: dict[str, Any] = {
        "ItemsPath": "$.in",
        "ItemSelector": {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index"},
        "MaxConcurrency": 2,
        "ToleratedFailureCount": 1,
        "ToleratedFailurePercentage": 50,
    }
    found = shown(run(map_state(**fields), {"in": [7, 8]}, mock=result([1, 2])))
    assert found["afterItemsPath"] == [7, 8]
    assert found["afterItemSelector"] == [{"v": 7, "i": 0}, {"v": 8, "i": 1}]
    assert (found["maxConcurrency"], found["toleratedFailureCount"]) == (2, 1)
    assert repr(found["toleratedFailurePercentage"]) == "50.0"


def test_a_map_shows_the_batches_its_children_would_get() -> None:
    batcher = {"MaxItemsPerBatchPath": "$.most", "BatchInput": {"b.$": "$.most"}}
    state = map_state(ItemsPath="$.in", ItemBatcher=batcher)
    found = shown(run(state, {"in": [7, 8, 9], "most": 2}, mock=result([1])))
    assert found["afterItemBatcher"] == [
        {"Items": [7, 8], "BatchInput": {"b": 2}},
        {"Items": [9], "BatchInput": {"b": 2}},
    ]
    assert "afterItemSelector" not in found


def test_item_selector_sees_the_item_beside_a_given_context_object() -> None:
    state = map_state("INLINE", ItemSelector={"v.$": "$$.Map.Item.Value", "n.$": "$$.State.Name"})
    found = shown(run(state, [1], mock=result([1]), context={"State": {"Name": "N"}}))
    assert found["afterItemSelector"] == [{"v": 1, "n": "N"}]


def test_a_map_without_an_array_fails_before_its_mock() -> None:
    verdict = run(map_state("INLINE", ItemsPath="$$"), [1], mock=result([1]), context={"State": {}})
    assert (verdict.error, verdict.cause) == ("States.Runtime", 'Reference path "$" must point to array.')
    assert set(shown(verdict)) == {"input", "afterInputPath"}


@pytest.mark.parametrize(
    ("fields", "failed", "status"),
    [
        ({}, 0, "SUCCEEDED"),
        ({}, 1, "FAILED"),
        ({"ToleratedFailureCount": 1}, 1, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, 2, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 50}, 3, "FAILED"),
        ({"ToleratedFailureCount": 4, "ToleratedFailurePercentage": 25}, 2, "FAILED"),
    ],
)
def test_failed_iterations_count_against_what_is_tolerated(fields: dict[str, Any], failed: int, status: str) -> None:
    verdict = run(map_state(**fields), [1, 2, 3, 4], mock=result([]), failed_iterations=failed)
    assert verdict.status == status
    assert verdict.error == (None if status == "SUCCEEDED" else "States.ExceedToleratedFailureThreshold")


def test_no_more_iterations_can_fail_than_there_are() -> None:
    with pytest.raises(ValidationException, match="less than or equal to the number of Map iterations"):
        run(map_state(), [1], mock=result([1]), failed_iterations=2)


def test_items_of_a_reader_take_the_place_of_those_in_the_input() -> None:
    state = map_state(ItemsPath="$.none", ItemReader=reader({"InputType": "JSON"}))
    verdict = run(state, {}, mock=result([1]), reader_data="[1, 2]", failed_iterations=0)
    assert verdict.status == "SUCCEEDED"
    assert "afterItemsPath" not in shown(verdict)


def reader(config: dict[str, Any], action: str = "getObject") -> dict[str, Any]:
    return {"Resource": f"arn:aws:states:::s3:{action}", "ReaderConfig": config}


@pytest.mark.parametrize(
    ("given", "text", "items"),
    [
        (reader({"InputType": "JSON"}), "[1, 2]", [1, 2]),
        (reader({}), "[1, 2]", [1, 2]),
        (reader({"InputType": "JSON", "MaxItems": 1}), "[1, 2]", [1]),
        (reader({"InputType": "JSON", "MaxItemsPath": "$.most"}), "[1, 2, 3]", [1, 2]),
        (reader({"InputType": "JSON", "ItemsPointer": "/a"}), '{"a": [3]}', [3]),
        (reader({"InputType": "JSONL"}), '{"a":1}\n\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (reader({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}), 'h\r\n"x\ny"\r\n', [{"h": "x\ny"}]),
        (reader({}, "listObjectsV2"), '[{"Key": "k"}]', [{"Key": "k"}]),
        (reader({"InputType": "JSONL", "Transformation": "LOAD_AND_FLATTEN"}, "listObjectsV2"), "1\n2", [1, 2]),
    ],
)
def test_the_data_of_a_reader_are_read_as_its_file_would_be(given: dict[str, Any], text: str, items: list[Any]) -> None:
    state = map_state(ItemReader=given, ItemSelector={"v.$": "$$.Map.Item.Value"})
    found = shown(run(state, {"most": 2}, mock=result([1]), reader_data=text))
    assert found["afterItemSelector"] == [{"v": item} for item in items]
    assert found.get("afterItemsPointer") == (items if "ItemsPointer" in given["ReaderConfig"] else None)


def test_data_that_a_reader_cannot_read_fail_the_state_as_the_file_would() -> None:
    state = map_state(ItemReader=reader({"InputType": "JSONL"}), Retry=[])
    verdict = run(state, {}, mock=result([1]), reader_data='{"a":1}\n{')
    assert (verdict.status, verdict.error) == ("FAILED", "States.ItemReaderFailed")
    assert str(verdict.cause).startswith("Line 2 is not JSON")


def nested(inner: dict[str, Any], kind: str = "Map", **outer: Any) -> Subject:
    scope = {"StartAt": "S", "States": {"S": {"End": True, **inner}}}
    holder = {"ItemProcessor": scope} if kind == "Map" else {"Branches": [PASS, scope]}
    machine = {"StartAt": "O", "States": {"O": {"Type": kind, "End": True, **holder, **outer}}}
    found = teststate.find(json.dumps(machine), "S")
    assert found is not None
    return found


def run_nested(found: Subject, given: Any, **setting: Any) -> Verdict:
    payload = Payload.parse(json.dumps(given))
    made = Trial(found, Setting(payload, **setting), new_execution(payload.text, 1_000), Entropy(b"seed"))
    assert made.begin(1_000) is None
    return made.verdict()


def test_a_state_of_a_map_is_its_first_iteration() -> None:
    found = nested({"Type": "Pass", "Parameters": {"m.$": "$$.Map.Item"}})
    verdict = run_nested(found, {"a": 1})
    assert (verdict.status, verdict.next) == ("SUCCEEDED", None)
    assert value(verdict.output) == {"m": {"Index": 0, "Value": {"a": 1}, "Source": "STATE_DATA"}}


@pytest.mark.parametrize("kind", ["Map", "Parallel"])
def test_a_failure_climbs_to_the_state_around(kind: str) -> None:
    catch = [{"ErrorEquals": ["Else"], "Next": "O"}, {"ErrorEquals": ["Boom"], "Next": "O"}]
    verdict = run_nested(nested(TASK, kind, Catch=catch), {}, mock=Mock(failure=BOOM))
    assert (verdict.status, verdict.next, verdict.error) == ("CAUGHT_ERROR", "O", "Boom")
    assert verdict.details == {"catchIndex": 1}


def test_a_retrier_around_is_asked_when_the_state_has_none_left() -> None:
    found = nested({**TASK, "Retry": [{"ErrorEquals": ["Boom"], "MaxAttempts": 1}]}, Retry=RETRY)
    verdict = run_nested(found, {}, mock=Mock(failure=BOOM), retries=2)
    assert (verdict.status, verdict.details) == ("RETRIABLE", {"retryIndex": 0, "retryBackoffIntervalSeconds": 4})


def test_a_failure_that_nobody_answers_fails_the_test() -> None:
    verdict = run_nested(nested(TASK), {}, mock=Mock(failure=BOOM))
    assert (verdict.status, verdict.error, verdict.cause) == ("FAILED", "Boom", "it burst")
    verdict = run_nested(nested({"Type": "Pass", "InputPath": "$.gone"}), {})
    assert (verdict.status, verdict.error) == ("FAILED", "States.Runtime")


def test_the_retries_used_are_those_of_the_request_or_of_the_context_object() -> None:
    context = {"State": {"RetryCount": 3}}
    assert [mocking.retries(1, context), mocking.retries(None, context), mocking.retries(None, None)] == [1, 3, 0]
