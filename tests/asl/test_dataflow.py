"""Data through a state: the fields in their order, and what each does to the others' ground."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from flowd.asl import jayway
from tests.driver import Story

SQS = "arn:aws:states:::sqs:sendMessage"


def run(state: dict[str, Any], given: Any, result: Any = None, **more: Any) -> Story:
    story = Story({"StartAt": "S", "States": {"S": {"End": True, **state}}, **more}, given, {"S": lambda _: result})
    return story.run()


def test_the_fields_of_a_task_work_in_their_order() -> None:
    state = {
        "Type": "Task",
        "Resource": SQS,
        "InputPath": "$.in",
        "Parameters": {"p.$": "$.a"},
        "ResultSelector": {"picked.$": "$.r"},
        "ResultPath": "$.in.out",
        "OutputPath": "$.in",
    }
    story = run(state, {"in": {"a": 1}, "else": 2}, {"r": 3, "x": 4})
    assert story.calls[0].parameters.value == {"p": 1}
    assert story.output == {"a": 1, "out": {"picked": 3}}


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({}, {"a": 1}),
        ({"InputPath": None}, {}),
        ({"OutputPath": None}, {}),
        ({"InputPath": "$.a"}, 1),
        ({"Result": {"x.$": "$.a"}}, {"x.$": "$.a"}),
        ({"Result": 2, "ResultPath": "$.b.c"}, {"a": 1, "b": {"c": 2}}),
        ({"Result": 2, "ResultPath": None}, {"a": 1}),
        ({"Result": {"b": 3}, "OutputPath": "$.b"}, 3),
        ({"Parameters": {"list": [{"a.$": "$.a"}, 5]}}, {"list": [{"a": 1}, 5]}),
        ({"InputPath": "$$.Execution.Name"}, "run"),
    ],
)
def test_a_pass_and_its_fields(fields: dict[str, Any], output: Any) -> None:
    assert run({"Type": "Pass", **fields}, {"a": 1}).output == output


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"InputPath": "$.x"}, "States.Runtime", "Invalid path '$.x' : No results for path: $['x']"),
        ({"OutputPath": "$.x"}, "States.Runtime", "Invalid path '$.x' : No results for path: $['x']"),
        (
            {"Parameters": {"y": {"z.$": "$.x"}}},
            "States.Runtime",
            "The JSONPath '$.x' specified for the field 'z.$' could not be found in the input '{\"a\": 1}'",
        ),
        (
            {"InputPath": "$.a", "Parameters": {"y.$": "$.x"}},
            "States.Runtime",
            "The JSONPath '$.x' specified for the field 'y.$' could not be found in the input '1'",
        ),
    ],
)
def test_what_cannot_be_found_is_said_in_the_services_words(fields: dict[str, Any], error: str, said: str) -> None:
    story = run({"Type": "Pass", **fields}, {"a": 1})
    prefix = "An error occurred while executing the state 'S' (entered at the event id #2). "
    assert story.error == (error, prefix + said)


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Parameters": {"y.$": "$..*..*"}},
        {"Type": "Pass", "InputPath": "$..*..*"},
        {"Type": "Pass", "Parameters": {"y.$": "States.ArrayLength($..*..*)"}},
        {"Type": "Choice", "Choices": [{"Variable": "$..*..*", "IsPresent": True, "Next": "S"}], "Default": "S"},
    ],
)
def test_a_path_that_takes_too_long_is_told_apart_from_one_that_finds_nothing(
    state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jayway, "MAX_STEPS", 50)
    story = run(state, {"a": [[0]] * 20})
    assert story.error is not None
    assert story.error[0] == "States.Runtime"
    assert "The JSONPath '$..*..*' cannot be evaluated: it looks at more than 50 nodes" in str(story.error[1])


@pytest.mark.parametrize(
    ("path", "data", "what"),
    [
        ("$.a.b", '{"a": 1}', 'step "a"'),
        ("$.b", "[1, 2]", 'step "b"'),
        ("$.b", '"in"', "ReferencePath $.b"),
        ("$.a[1]", '{"a": []}', "ReferencePath $.a[1]"),
    ],
)
def test_a_result_that_does_not_fit_is_said_in_the_services_words(path: str, data: str, what: str) -> None:
    definition = {"StartAt": "S", "States": {"S": {"Type": "Pass", "Result": 1, "ResultPath": path, "End": True}}}
    story = Story(definition, text=data).run()
    assert story.error == ("States.ReferencePathConflict", f"Unable to apply {what} to input {data}")


@pytest.mark.parametrize("name", ["States.ReferencePathConflict", "States.ResultPathMatchFailure", "States.ALL"])
def test_a_result_that_does_not_fit_can_be_caught_in_a_task(name: str) -> None:
    task = {"Type": "Task", "Resource": SQS, "ResultPath": "$.a.b", "Catch": [{"ErrorEquals": [name], "Next": "Z"}]}
    states = {"S": {**task, "Next": "Z"}, "Z": {"Type": "Succeed"}}
    story = Story({"StartAt": "S", "States": states}, {"a": 1}).run()
    assert story.output["Error"] == "States.ReferencePathConflict"


def test_members_of_a_template_come_out_in_the_order_of_the_service() -> None:
    parameters = {"Iterations.$": "$.i", "Values.$": "$.v", "fixed": 1, "also": 2}
    story = run({"Type": "Pass", "Parameters": parameters}, {"i": 1, "v": 2})
    assert list(story.output) == ["fixed", "also", "Values", "Iterations"]


def test_assign_sees_the_old_values_and_the_next_state_the_new_ones() -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"x": 1, "y": "old"}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"x": 2, "z.$": "$x"}, "Parameters": {"x.$": "$x"}, "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y", "z.$": "$z"}, "End": True},
    }
    story = Story({"StartAt": "A", "States": states}).run()
    assert story.details("PassStateExited")[1]["output"] == {"x": 1}
    assert story.output == {"x": 2, "y": "old", "z": 1}
    assert story.wire[2]["stateExitedEventDetails"]["assignedVariables"] == {"x": "1", "y": '"old"'}
    assert story.wire[2]["stateExitedEventDetails"]["assignedVariablesDetails"] == {"truncated": False}


def test_jsonata_works_out_arguments_output_and_assign() -> None:
    state = {
        "Type": "Task",
        "Resource": SQS,
        "Arguments": {"twice": "{% $states.input.a * 2 %}", "literal": "{%x"},
        "Output": {"got": "{% $states.result.r %}", "from": "{% $states.input.a %}", "v": "{% $exists($v) %}"},
        "Assign": {"v": "{% $states.result.r + 1 %}"},
    }
    story = run(state, {"a": 4}, {"r": 5}, QueryLanguage="JSONata")
    assert story.calls[0].parameters.value == {"twice": 8, "literal": "{%x"}
    assert story.output == {"got": 5, "from": 4, "v": False}
    assert story.details("TaskStateExited")[0]["assignedVariables"] == {"v": "6"}


def test_the_default_output_of_jsonata_is_the_result_of_work_and_else_the_input() -> None:
    assert run({"Type": "Task", "Resource": SQS}, 1, 2, QueryLanguage="JSONata").output == 2
    assert run({"Type": "Pass"}, 1, QueryLanguage="JSONata").output == 1


def test_one_state_may_speak_the_other_language() -> None:
    states = {
        "A": {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"x": "{% 1 + 1 %}"}, "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"x.$": "$x"}, "End": True},
    }
    assert Story({"StartAt": "A", "States": states}).run().output == {"x": 2}


def test_errors_of_jsonata_name_the_expression_and_the_field() -> None:
    story = run({"Type": "Pass", "Output": {"a": ["{% $nothing() %}"]}}, 1, QueryLanguage="JSONata")
    assert story.error[0] == "States.QueryEvaluationError"
    assert story.error[1] is not None
    assert "The JSONata expression '$nothing()' specified for the field 'Output/a[0]' threw an error" in story.error[1]
    story = run({"Type": "Pass", "Output": "{% $sum %}"}, 1, QueryLanguage="JSONata")
    assert story.error[1] is not None and story.error[1].endswith("returned an unsupported result type.")


def test_a_timeout_from_a_path_must_be_a_positive_whole_number() -> None:
    state = {"Type": "Task", "Resource": SQS, "TimeoutSecondsPath": "$.t"}
    assert run(state, {"t": 9}).calls[0].timeout_ms == 9000
    for given in ({"t": "9"}, {"t": 0}, {"t": 1.5}, {}):
        assert run(state, given).error[0] == "States.Runtime"


def test_an_argument_of_a_function_that_finds_nothing_is_said_in_the_services_words_and_never_caught() -> None:
    given = {"v.$": "States.Format('{}', $.nope)"}
    cause = (
        "An error occurred while executing the state 'S' (entered at the event id #2). The function "
        "'States.Format('{}', $.nope)' had the following error: The JsonPath argument for the field '$.nope' could not "
        "be found in the input '{\"a\": 1}'"
    )
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]
    for state in ({"Type": "Pass"}, {"Type": "Task", "Resource": SQS, "Catch": catch}):
        assert run({**state, "Parameters": given}, {"a": 1}).error == ("States.Runtime", cause)


def test_an_intrinsic_failure_can_be_caught_where_there_is_a_catch() -> None:
    call = {"n.$": "States.MathAdd('a', 1)"}
    assert run({"Type": "Pass", "Parameters": call}, {}).error[0] == "States.Runtime"
    catch = [{"ErrorEquals": ["States.IntrinsicFailure"], "Next": "Z"}]
    task = {"Type": "Task", "Resource": SQS, "Parameters": call, "Catch": catch, "Next": "Z"}
    story = Story({"StartAt": "S", "States": {"S": task, "Z": {"Type": "Succeed"}}}).run()
    assert story.output["Error"] == "States.IntrinsicFailure"


TEXT = "x" * 200_000
TOO_LARGE = "The state/task 'S' returned a result with a size exceeding the maximum number of bytes service limit."


@pytest.mark.parametrize(
    "fields",
    [
        {"Parameters": {f"a{n}.$": "$.text" for n in range(3_000)}},
        {"Parameters": {"a": [{"b": {"c.$": "$.text"}} for _ in range(3_000)]}},
        {"Parameters": {"a.$": "$..*"}},
        {"OutputPath": "$..*"},
        {"Parameters": {"a.$": f"$.deep[{','.join(['0'] * 3_000)}]"}},
        {"Assign": {f"a{n}.$": "$.text" for n in range(3_000)}},
        {"Assign": {"a.$": "$.text", "b.$": "$.text"}},
    ],
    ids=["members", "nested members", "deep hits", "deep output", "one index many times", "variables", "an Assign"],
)
def test_data_that_would_be_there_thousands_of_times_is_refused_before_it_is(fields: dict[str, Any]) -> None:
    deep: Any = TEXT
    for _ in range(400):
        deep = [deep]
    tracemalloc.start()
    try:
        story = run({"Type": "Pass", **fields}, {"text": TEXT, "deep": deep})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert story.error == ("States.DataLimitExceeded", TOO_LARGE)
    assert peak < 100_000_000


@pytest.mark.parametrize("call", ["States.Format('{}', {})", "States.JsonToString(States.Array({}))"])
def test_arguments_of_functions_are_measured_before_they_are_put_together(call: str) -> None:
    many = ", ".join(["$.text"] * 5_000)
    text = call.replace("'{}'", f"'{'{}' * 5_000}'").replace(", {})", f", {many})").replace("({})", f"({many})")
    story = run({"Type": "Pass", "Parameters": {"a.$": text}}, {"text": TEXT})
    assert story.error[0] == "States.Runtime"
    assert "have more than 1048576 bytes" in str(story.error[1])


def test_all_variables_together_have_ten_mebibytes() -> None:
    names = [f"v{n}" for n in range(60)]
    states = {
        name: {"Type": "Pass", "Assign": {name: TEXT}, "Next": following}
        for name, following in zip(names, [*names[1:], "Z"], strict=True)
    }
    story = Story({"StartAt": "v0", "States": {**states, "Z": {"Type": "Succeed"}}}, {}).run()
    assert story.error[0] == "States.DataLimitExceeded"
    assert "The state/task 'v52'" in str(story.error[1])


NOTHING = "{% $missing %}"
BRANCH = {"StartAt": "B", "States": {"B": {"Type": "Fail", "Error": "E"}}}
CHOICES = [{"Condition": "{% false %}", "Next": "Z"}]


@pytest.mark.parametrize(
    ("state", "location"),
    [
        ({"Type": "Choice", "Choices": [*CHOICES, {"Condition": NOTHING, "Next": "Z"}]}, "Choices[1]/Condition"),
        ({"Type": "Choice", "Choices": [*CHOICES, {"Condition": "{% 1 %}", "Next": "Z"}]}, "Choices[1]/Condition"),
        (
            {"Type": "Choice", "Choices": [*CHOICES, {"Condition": True, "Next": "Z", "Output": {"a": [NOTHING]}}]},
            "Choices[1]/Output/a[0]",
        ),
        (
            {"Type": "Choice", "Choices": [{"Condition": True, "Next": "Z", "Assign": {"v": NOTHING}}]},
            "Choices[0]/Assign/v",
        ),
        ({"Type": "Choice", "Choices": [{"Condition": True, "Next": "Z"}], "Output": NOTHING}, "Output"),
        (
            {
                "Type": "Parallel",
                "Branches": [BRANCH],
                "Catch": [
                    {"ErrorEquals": ["Other"], "Next": "Z"},
                    {"ErrorEquals": ["States.ALL"], "Next": "Z", "Output": {"a": NOTHING}},
                ],
                "Next": "Z",
            },
            "Catch[1]/Output/a",
        ),
        (
            {
                "Type": "Parallel",
                "Branches": [BRANCH],
                "Catch": [{"ErrorEquals": ["E"], "Next": "Z", "Assign": {"v": NOTHING}}],
                "Next": "Z",
            },
            "Catch[0]/Assign/v",
        ),
        ({"Type": "Wait", "Seconds": NOTHING, "Next": "Z"}, "Seconds"),
    ],
)
def test_a_jsonata_field_of_a_rule_or_catcher_is_named_under_its_index(state: dict[str, Any], location: str) -> None:
    machine = {"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": state, "Z": {"Type": "Succeed"}}}
    story = Story(machine, {}).run()
    failed = next(event for event in story.history if event.type == "EvaluationFailed")
    assert failed.details["location"] == location
    assert f"specified for the field '{location}' returned" in failed.details["cause"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"Type": "Wait", "Seconds": "{% 1.5 %}", "Next": "Z"}, "Expected 'integer', but was 'number' for value: 1.5"),
        ({"Type": "Wait", "Seconds": "{% 'a' %}", "Next": "Z"}, "Expected 'number', but was 'string' for value: \"a\""),
    ],
)
def test_a_number_that_is_not_whole_is_told_from_what_is_no_number(state: dict[str, Any], said: str) -> None:
    machine = {"QueryLanguage": "JSONata", "StartAt": "S", "States": {"S": state, "Z": {"Type": "Succeed"}}}
    assert str(Story(machine, {}).run().error[1]).endswith(said)
