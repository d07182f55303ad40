"""Parallel and Map: who starts when, what joins, and what the history says when a branch fails."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from flowd.asl import fanout
from flowd.asl.model import StateMachine
from flowd.asl.validate import validate
from flowd.decisions import DropBranches, Step
from flowd.frames import Execution, Frame
from flowd.history import Event, News
from flowd.payload import Payload
from tests.driver import Silence, Story, TaskError, careful_step

SQS = "arn:aws:states:::sqs:sendMessage"
TASK = {"Type": "Task", "Resource": SQS, "End": True}
PASS = {"Type": "Pass", "End": True}


def scope(state: dict[str, Any], name: str = "I") -> dict[str, Any]:
    return {"StartAt": name, "States": {name: state}}


def a_map(inner: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": scope(inner), "End": True, **fields}


def machine(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"StartAt": "S", "States": {"S": state, "Z": {"Type": "Succeed"}}, **more}


def parallel(*branches: dict[str, Any], **fields: Any) -> dict[str, Any]:
    scopes = [scope(branch, f"B{number}") for number, branch in enumerate(branches)]
    return {"Type": "Parallel", "Branches": scopes, "End": True, **fields}


def fails(error: str) -> Any:
    def handler(parameters: Any) -> Any:
        raise TaskError(error, "c")

    return handler


def silent(parameters: Any) -> Any:
    raise Silence


def test_a_map_of_one_at_a_time_chains_its_iterations() -> None:
    story = Story(machine(a_map(PASS, MaxConcurrency=1)), [5, 6]).run()
    assert story.types[1:] == [
        "2<0 MapStateEntered",
        "3<2 MapStateStarted",
        "4<3 MapIterationStarted",
        "5<4 PassStateEntered",
        "6<5 PassStateExited",
        "7<6 MapIterationSucceeded",
        "8<6 MapIterationStarted",
        "9<8 PassStateEntered",
        "10<9 PassStateExited",
        "11<10 MapIterationSucceeded",
        "12<11 MapStateSucceeded",
        "13<11 MapStateExited",
        "14<13 ExecutionSucceeded",
    ]
    assert story.details("MapStateStarted") == [{"length": 2}]
    assert story.details("MapIterationStarted") == [{"name": "S", "index": 0}, {"name": "S", "index": 1}]


def test_concurrent_iterations_start_first_and_then_take_turns() -> None:
    two = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Next": "J"}, "J": PASS}}
    story = Story(machine({"Type": "Map", "ItemProcessor": two, "End": True}), [5, 6]).run()
    assert story.types[3:13] == [
        "4<3 MapIterationStarted",
        "5<3 MapIterationStarted",
        "6<4 PassStateEntered",
        "7<6 PassStateExited",
        "8<5 PassStateEntered",
        "9<8 PassStateExited",
        "10<7 PassStateEntered",
        "11<10 PassStateExited",
        "12<11 MapIterationSucceeded",
        "13<9 PassStateEntered",
    ]


def test_an_empty_map_succeeds_at_once() -> None:
    story = Story(machine(a_map(PASS)), []).run()
    assert story.types[2:] == [
        "3<2 MapStateStarted",
        "4<3 MapStateSucceeded",
        "5<3 MapStateExited",
        "6<5 ExecutionSucceeded",
    ]
    assert story.output == []


def test_outputs_come_in_item_order_whoever_is_first() -> None:
    story = Story(machine(a_map(TASK)), ["a", "b", "c"]).begin()
    for index in (2, 0, 1):
        story.news(News.TASK_SUCCEEDED, f"0/1.{index}", output=Payload.of(index * 10))
    assert story.output == [0, 10, 20]
    assert list(story.frames) == ["0"]


@pytest.mark.parametrize(("most", "expected"), [(0, 40), (3, 3), (100, 40)])
def test_no_more_iterations_run_at_once_than_allowed(most: int, expected: int) -> None:
    story = Story(machine(a_map(TASK, MaxConcurrency=most)), list(range(60))).begin()
    assert len(story.tasks) == expected
    story.news(News.TASK_SUCCEEDED, "0/1.1", output=Payload.of(None))
    assert len(story.tasks) == expected
    assert ("0/1." + str(expected), 1) in story.tasks


def test_max_concurrency_may_be_found_in_the_input() -> None:
    state = a_map(TASK, MaxConcurrencyPath="$.n", ItemsPath="$.items")
    assert len(Story(machine(state), {"n": 2, "items": [1, 2, 3]}).begin().tasks) == 2
    story = Story(machine(state), {"n": "many", "items": []}).run()
    assert story.types[1:] == ["2<0 MapStateEntered", "3<2 ExecutionFailed"]
    assert story.error[1] is not None
    assert story.error[1].endswith(
        'The MaxConcurrencyPath field refers to value "many" which is not a valid integer: $.n'
    )


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"MaxConcurrency": "{% -1 %}"}, "The MaxConcurrency field must not be negative but was: -1"),
        ({"ToleratedFailureCount": "{% -1 %}"}, "ToleratedFailureCount cannot be negative."),
        ({"ToleratedFailurePercentage": "{% 101 %}"}, "ToleratedFailurePercentage must be between 0 and 100."),
        (
            {"ItemBatcher": {"MaxItemsPerBatch": "{% 0 %}"}},
            "The MaxItemsPerBatch field must be positive but was: 0",
        ),
    ],
)
def test_an_expression_out_of_range_can_be_caught_as_any_of_jsonata(fields: dict[str, Any], detail: str) -> None:
    config = (
        {} if "MaxConcurrency" in fields else {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}}
    )
    state: dict[str, Any] = {
        "Type": "Map",
        "QueryLanguage": "JSONata",
        "Items": [1],
        "ItemProcessor": {**config, "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}},
        "Catch": [
            {"ErrorEquals": ["States.QueryEvaluationError"], "Output": "{% $states.errorOutput.Cause %}", "Next": "C"}
        ],
        **fields,
        "End": True,
    }
    story = Story({"StartAt": "S", "States": {"S": state, "C": {"Type": "Succeed"}}}).run()
    assert story.output is not None
    assert story.output.endswith(detail)


def test_the_item_selector_sees_the_state_and_the_item() -> None:
    selector = {"all.$": "$.unit", "index.$": "$$.Map.Item.Index", "value.$": "$$.Map.Item.Value"}
    state = a_map(PASS, ItemsPath="$.items", ItemSelector=selector)
    story = Story(machine(state), {"items": ["x", "y"], "unit": 1}).run()
    assert story.output == [{"all": 1, "index": 0, "value": "x"}, {"all": 1, "index": 1, "value": "y"}]


def test_legacy_iterator_and_parameters_mean_the_same() -> None:
    state = {"Type": "Map", "Iterator": scope(PASS), "Parameters": {"v.$": "$$.Map.Item.Value"}, "End": True}
    assert Story(machine(state), [1]).run().output == [{"v": 1}]


def test_the_context_inside_an_iteration_knows_the_nearest_item() -> None:
    inner = {**PASS, "Parameters": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"}}
    nested = a_map(parallel(a_map(inner)))
    story = Story(machine(nested), [["a"], ["b", "c"]]).run()
    assert story.output == [
        [[{"i": 0, "v": "a"}]],
        [[{"i": 0, "v": "b"}, {"i": 1, "v": "c"}]],
    ]


def test_an_items_path_that_leads_nowhere_is_said_in_the_services_words_and_can_be_caught() -> None:
    data, catch = '{"found": {"status": 500}}', [{"ErrorEquals": ["States.ReferencePathConflict"], "Next": "Z"}]
    cause = f'Unable to apply step "objects" to input {data}'
    story = Story(machine(a_map(PASS, ItemsPath="$.found.objects")), text=data).run()
    assert story.error == ("States.ReferencePathConflict", cause)
    story = Story(machine(a_map(PASS, ItemsPath="$.found.objects", Catch=catch)), text=data).run()
    assert story.output == {"Error": "States.ReferencePathConflict", "Cause": cause}


def test_something_else_than_an_array_cannot_be_mapped() -> None:
    story = Story(machine(a_map(PASS)), {"a": 1}).run()
    assert story.types[1:] == ["2<0 MapStateEntered", "3<2 ExecutionFailed"]
    assert story.error[0] == "States.Runtime"
    story = Story(machine(a_map(PASS, Items="{% 'x' %}"), QueryLanguage="JSONata")).run()
    assert story.types[1:] == [
        "2<0 MapStateEntered",
        "3<0 EvaluationFailed",
        "4<3 MapStateFailed",
        "5<4 ExecutionFailed",
    ]
    assert story.error[1] is not None
    assert story.error[1].endswith("Expected 'array', but was 'string' for value: \"x\"")


def test_a_failing_iteration_aborts_the_others() -> None:
    story = Story(machine(a_map(TASK)), [1, 2, 3], {"I": silent}).begin()
    story.news(News.TASK_FAILED, "0/1.1", error="E", cause="c")
    assert story.types[15:] == [
        "16<12 TaskFailed",
        "17<16 MapIterationFailed",
        "18<16 TaskStateAborted",
        "19<16 MapIterationAborted",
        "20<16 TaskStateAborted",
        "21<16 MapIterationAborted",
        "22<16 TaskStateAborted",
        "23<16 MapStateFailed",
        "24<23 ExecutionFailed",
    ]
    assert story.error == ("E", "c")
    assert not story.news(News.TASK_SUCCEEDED, "0/1.0", output=Payload.of(1))


def test_a_failing_branch_aborts_the_others_and_may_be_caught() -> None:
    catch = [{"ErrorEquals": ["E"], "ResultPath": "$.e", "Next": "Z"}]
    state = parallel({"Type": "Wait", "Seconds": 9, "End": True}, TASK, Catch=catch)
    story = Story(machine(state), {}, {"B1": fails("E")}).run()
    assert story.types[6:] == [
        "7<6 TaskStarted",
        "8<7 TaskFailed",
        "9<8 TaskStateAborted",
        "10<8 WaitStateAborted",
        "11<8 ParallelStateFailed",
        "12<11 ParallelStateExited",
        "13<12 SucceedStateEntered",
        "14<13 SucceedStateExited",
        "15<14 ExecutionSucceeded",
    ]
    assert story.output == {"e": {"Error": "E", "Cause": "c"}}
    assert not story.alarms and list(story.frames) == ["0"]


def test_a_retry_of_a_map_leaves_no_failure_of_the_state() -> None:
    state = a_map({"Type": "Fail", "Error": "E"}, Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 1}])
    story = Story(machine(state), [1]).run()
    assert story.types[2:] == [
        "3<2 MapStateStarted",
        "4<3 MapIterationStarted",
        "5<4 FailStateEntered",
        "6<5 MapIterationFailed",
        "7<5 MapStateStarted",
        "8<7 MapIterationStarted",
        "9<8 FailStateEntered",
        "10<9 MapIterationFailed",
        "11<9 MapStateFailed",
        "12<11 ExecutionFailed",
    ]


def test_a_failure_climbs_through_nested_states_until_somebody_answers() -> None:
    inner = parallel(TASK)
    catch = [{"ErrorEquals": ["E"], "Next": "Z"}]
    story = Story(machine(a_map(inner, Catch=catch)), [1], {"B0": fails("E")}).run()
    assert story.types[9:] == [
        "10<9 TaskFailed",
        "11<10 TaskStateAborted",
        "12<10 ParallelStateFailed",
        "13<12 MapIterationFailed",
        "14<12 MapStateFailed",
        "15<14 MapStateExited",
        "16<15 SucceedStateEntered",
        "17<16 SucceedStateExited",
        "18<17 ExecutionSucceeded",
    ]


def test_a_runtime_error_inside_a_branch_fails_the_execution_at_once() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Z"}]
    state = parallel({**PASS, "InputPath": "$.missing"}, Catch=catch)
    story = Story(machine(state), {}).run()
    assert story.types[2:] == ["3<2 ParallelStateStarted", "4<3 PassStateEntered", "5<4 ExecutionFailed"]


def test_the_texts_of_the_outputs_make_the_result() -> None:
    story = Story(machine(parallel(PASS, PASS)), text='{"a" : 1.0}').run()
    assert story.closed is not None and story.closed.output is not None
    assert story.closed.output.text == '[{"a" : 1.0},{"a" : 1.0}]'


def test_inner_variables_end_with_the_branch_and_outer_ones_are_seen() -> None:
    inner = {**PASS, "Assign": {"y.$": "$x"}, "Parameters": {"x.$": "$x"}}
    states = {
        "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "S"},
        "S": a_map(inner),
    }
    story = Story({"StartAt": "A", "States": states}, [0]).run()
    assert story.output == [{"x": 1}]
    assert story.details("PassStateExited")[1]["assignedVariables"] == {"y": "1"}


def test_a_join_drops_what_it_joined() -> None:
    story = Story(machine(parallel(TASK, TASK))).begin()
    dropped: list[DropBranches] = []

    def watch(
        machine: StateMachine, execution: Execution, frames: Mapping[str, Frame], event: Event, now_ms: int, seed: bytes
    ) -> Step | None:
        step = careful_step(machine, execution, frames, event, now_ms, seed)
        if step is not None:
            dropped.extend(decision for decision in step.decisions if isinstance(decision, DropBranches))
        return step

    story.take = watch
    story.news(News.TASK_SUCCEEDED, "0/1.0", output=Payload.of(1))
    assert not dropped
    story.news(News.TASK_SUCCEEDED, "0/1.1", output=Payload.of(2))
    assert dropped == [DropBranches(prefix="0/1.")]


def test_an_item_costs_the_same_however_many_there_are() -> None:
    def per_item(count: int) -> float:
        story = Story(machine(a_map(PASS)), list(range(count)), type="EXPRESS")
        begun = time.process_time()
        story.begin()
        assert story.status == "SUCCEEDED"
        return (time.process_time() - begun) / count

    few = min(per_item(400) for _ in range(3))
    assert per_item(6400) < 6 * few  # sixteen times if each step looked at all items


def test_sixty_parallels_in_each_other_are_valid_and_run() -> None:
    state, name = dict(PASS), "Innermost"
    for level in range(60):
        branch = {"StartAt": name, "States": {name: state}}
        state, name = {"Type": "Parallel", "Branches": [branch], "End": True}, f"Level{level}"
    definition = {"StartAt": name, "States": {name: state}}
    assert validate(json.dumps(definition)) == []
    assert Story(definition, 1).run().output == json.loads("[" * 60 + "1" + "]" * 60)


# -- results that are too large to be put together ---------------------------------


def heavy(**fields: Any) -> dict[str, Any]:
    """A Map whose iterations give 40 characters each, one after the other."""
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Result": "x" * 38, "End": True}}}
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": inner, **fields}}}


def kept(story: Story) -> list[bool]:
    """Of which ended iterations the frame still has the output."""
    return [frame.output is not None for name, frame in sorted(story.frames.items()) if "/" in name]


def test_outputs_are_not_kept_once_they_are_too_much_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "MOST_CHARACTERS", 100)
    story = Story(heavy(End=True, Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]), [1, 2, 3, 4]).run()
    assert story.closed is not None
    assert (story.closed.status, story.closed.error) == ("FAILED", "States.DataLimitExceeded")
    assert kept(story) == [True, True, False, False]
    iterations = [each for each in story.history if each.type == "MapIterationSucceeded"]
    assert len(iterations) == 4  # AWS runs them all as well


def test_outputs_that_nobody_looks_at_are_not_kept_and_may_be_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "MOST_CHARACTERS", 100)
    definition = heavy(ResultPath=None, Next="W")
    definition["States"]["W"] = {"Type": "Wait", "Seconds": 1, "End": True}
    story = Story(definition, [1, 2, 3, 4]).begin()
    assert story.frames["0"].input.value == [1, 2, 3, 4]
    assert story.go_on().closed is not None
    assert story.closed is not None and story.closed.status == "SUCCEEDED"
