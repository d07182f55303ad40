"""Distributed Map as its own execution sees it: the plan that is handed over, and what the history says of the run."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.decisions import Batching, MapRunPlan, Reading, StartMapRun, Writing
from flowd.history import News
from flowd.payload import Payload
from tests.driver import Story

PASS = {"Type": "Pass", "End": True}
READER: dict[str, Any] = {
    "Resource": "arn:aws:states:::s3:getObject",
    "Parameters": {"Bucket.$": "$.bucket", "Key": "rows.csv"},
    "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
}


def distributed(inner: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I",
        "States": {"I": inner or PASS},
    }
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def machine(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"StartAt": "S", "States": {"S": state, "Z": {"Type": "Succeed"}}, **more}


def begun(state: dict[str, Any], given: Any, **more: Any) -> tuple[Story, StartMapRun]:
    story = Story(machine(state, **more), given).begin()
    (run,) = story.map_runs.values()
    return story, run


def test_a_run_begins_and_its_end_lets_the_state_go_on() -> None:
    story, run = begun(distributed(Label="L", MaxConcurrency=7), [1, 2])
    assert story.types[1:] == ["2<0 MapStateEntered", "3<2 MapStateStarted", "4<3 MapRunStarted"]
    assert story.history[2].details == {"length": 2}
    assert story.history[3].details == {"mapRunArn": run.arn}
    assert ":mapRun:machine/L:" in run.arn
    assert run.machine_arn.endswith(":stateMachine:machine/L")
    assert run.plan == MapRunPlan(concurrency=7, tolerated_count=0)
    assert story.frames["0"].items == story.execution.input
    assert story.news(News.MAP_RUN_ENDED, output=Payload.of(["a", "b"]))
    assert story.types[4:] == [
        "5<4 MapRunSucceeded",
        "6<5 MapStateSucceeded",
        "7<4 MapStateExited",
        "8<7 ExecutionSucceeded",
    ]
    assert story.output == ["a", "b"]
    assert not story.map_runs
    assert not story.news(News.MAP_RUN_ENDED, attempt=1, output=Payload.of([])), "told twice"


def test_a_failed_run_can_be_caught_and_fails_the_execution_otherwise() -> None:
    catch = [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Z"}]
    for state, last in (
        (distributed(), ["7<6 ExecutionFailed"]),
        (
            distributed(Catch=catch),
            ["7<6 MapStateExited", "8<7 SucceedStateEntered", "9<8 SucceedStateExited", "10<9 ExecutionSucceeded"],
        ),
    ):
        story, _ = begun(state, [1])
        story.news(News.MAP_RUN_ENDED, error="States.ExceedToleratedFailureThreshold", cause="too many")
        assert story.types[4:] == ["5<4 MapRunFailed", "6<5 MapStateFailed", *last]


def test_a_retry_is_a_new_run() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5}]
    story, first = begun(distributed(Retry=retry), [1])
    story.news(News.MAP_RUN_ENDED, error="States.ItemReaderFailed", cause="c")
    story.wait(5)
    (second,) = story.map_runs.values()
    assert second.arn != first.arn
    assert second.machine_arn == first.machine_arn, "the generated label stays"
    assert story.types[5:] == ["6<5 MapStateStarted", "7<6 MapRunStarted"]


def test_all_fields_are_worked_out_once() -> None:
    state = distributed(
        ItemReader={**READER, "ReaderConfig": {**READER["ReaderConfig"], "MaxItemsPath": "$.most"}},
        ItemBatcher={"MaxItemsPerBatchPath": "$.per", "MaxInputBytesPerBatch": 5000, "BatchInput": {"x.$": "$.x"}},
        ResultWriter={
            "Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "out", "Prefix": "p"},
            "WriterConfig": {"OutputType": "JSONL"},
        },
        ToleratedFailurePercentagePath="$.share",
        MaxConcurrencyPath="$.at",
    )
    given = {"bucket": "in", "most": 100_000_001, "per": "3", "x": 9, "share": 1.1, "at": 4}
    story, run = begun(state, given)
    assert run.plan == MapRunPlan(
        concurrency=4,
        tolerated_count=None,
        tolerated_percentage=1.1,
        reading=Reading(
            action="getObject",
            bucket="in",
            key="rows.csv",
            config={"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            max_items=100_000_000,
        ),
        batching=Batching(max_items=3, max_bytes=5000, batch_input={"x": 9}, has_input=True),
        writing=Writing(bucket="out", prefix="p", output_type="JSONL"),
    )
    assert story.history[2].details == {"length": 0}
    assert story.frames["0"].items is None


def test_fields_in_jsonata_are_worked_out_too() -> None:
    state = distributed(
        Items="{% $states.input.list %}",
        ToleratedFailureCount="{% 1 + 1 %}",
        ItemReader=None,
        Output="{% $count($states.result) %}",
    )
    del state["ItemReader"]
    story, run = begun(state, {"list": [1, 2, 3]}, QueryLanguage="JSONata")
    assert run.plan == MapRunPlan(tolerated_count=2)
    story.news(News.MAP_RUN_ENDED, output=Payload.of([1, 2, 3]))
    assert story.output == 3


@pytest.mark.parametrize(
    ("fields", "given", "detail"),
    [
        (
            {"ToleratedFailureCountPath": "$.v"},
            {},
            'The ToleratedFailureCountPath field refers to value "{}" which is not a valid integer: $.v',
        ),
        ({"ToleratedFailureCountPath": "$.v"}, -1, "ToleratedFailureCount cannot be negative."),
        (
            {"ToleratedFailurePercentagePath": "$.v"},
            "NoNumber",
            'The ToleratedFailurePercentagePath field refers to value "NoNumber" which is not a valid float: $.v',
        ),
        ({"ToleratedFailurePercentagePath": "$.v"}, 100.1, "ToleratedFailurePercentage must be between 0 and 100."),
        ({"ToleratedFailurePercentagePath": "$.v"}, -1.1, "ToleratedFailurePercentage must be between 0 and 100."),
        (
            {"ItemReader": {**READER, "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.v"}}},
            1.5,
            'The MaxItemsPath field refers to value "1.5" which is not a valid integer: $.v',
        ),
        (
            {"ItemBatcher": {"MaxItemsPerBatchPath": "$.v"}},
            0,
            "The MaxItemsPerBatchPath field must be positive but was: 0",
        ),
    ],
)
def test_a_bad_setting_fails_the_execution_behind_map_state_started(
    fields: dict[str, Any], given: Any, detail: str
) -> None:
    story = Story(machine(distributed(ItemsPath="$.items", **fields)), {"v": given, "items": [0], "bucket": "b"}).run()
    assert story.types[2:] == ["3<2 MapStateStarted", "4<3 ExecutionFailed"]
    prefix = "An error occurred while executing the state 'S' (entered at the event id #2). "
    assert story.error == ("States.Runtime", prefix + detail)


def test_a_negative_number_of_items_fails_the_run() -> None:
    reader = {**READER, "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.v"}}
    story = Story(machine(distributed(ItemReader=reader)), {"v": -1, "bucket": "b"}).run()
    assert story.types[2:] == [
        "3<2 MapStateStarted",
        "4<3 MapRunStarted",
        "5<4 MapRunFailed",
        "6<5 MapStateFailed",
        "7<6 ExecutionFailed",
    ]
    assert story.error == ("States.ItemReaderFailed", "field MaxItems must be positive")


def test_a_run_beside_a_failing_branch_is_aborted() -> None:
    branches = [
        {"StartAt": "M", "States": {"M": distributed()}},
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "F"}, "F": {"Type": "Fail"}}},
    ]
    story = Story(machine({"Type": "Parallel", "Branches": branches, "End": True}), [1]).begin()
    assert len(story.map_runs) == 1
    story.wait(1)
    kinds = [event.type for event in story.history]
    assert kinds[-4:] == ["MapRunAborted", "MapStateAborted", "ParallelStateFailed", "ExecutionFailed"]
    assert not story.map_runs


def test_a_redrive_goes_on_with_the_run_that_failed() -> None:
    story, run = begun(distributed(), [1, 2])
    assert story.news(News.MAP_RUN_ENDED, error="Boom", cause="it burst")
    assert story.redrive(story.clock.now_ms())
    assert story.types[-2:] == ["8<7 ExecutionRedriven", "9<8 MapRunRedriven"]
    assert story.details("MapRunRedriven") == [{"mapRunArn": run.arn, "redriveCount": 1}]
    assert story.news(News.MAP_RUN_ENDED, output=Payload.of(["a", "b"]))
    assert story.types[-4:] == [
        "10<9 MapRunSucceeded",
        "11<10 MapStateSucceeded",
        "12<9 MapStateExited",
        "13<12 ExecutionSucceeded",
    ]


def test_a_redrive_goes_on_with_the_run_of_a_stopped_execution() -> None:
    story, run = begun(distributed(), [1, 2])
    assert story.news(News.STOPPED, attempt=0)
    assert story.redrive(story.clock.now_ms())
    assert story.details("MapRunRedriven") == [{"mapRunArn": run.arn, "redriveCount": 1}]


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(distributed(OutputPath="$.no"), id="a path that finds nothing in the result"),
        pytest.param(distributed(OutputPath="$[0]", Retry=[{"ErrorEquals": ["States.ALL"]}]), id="a later attempt"),
    ],
)
def test_a_redrive_begins_a_new_run_where_the_old_one_is_of_no_use(state: dict[str, Any]) -> None:
    story, run = begun(state, [1])
    if "Retry" in state:
        assert story.news(News.MAP_RUN_ENDED, error="Boom")  # it waits for its next attempt
        assert story.news(News.STOPPED, attempt=0)
    else:
        assert story.news(News.MAP_RUN_ENDED, output=Payload.of(["a"]))
    assert story.closed is not None
    assert story.redrive(story.clock.now_ms())
    assert story.details("MapRunRedriven") == []
    (_, again) = story.details("MapRunStarted")
    assert again["mapRunArn"] != run.arn
