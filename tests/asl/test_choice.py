"""Choice rules: every operator, its Path twin, and what they do with values of another type."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.asl.choice import string_matcher
from flowd.asl.model import DefinitionError
from flowd.asl.parse import parse
from flowd.payload import dumps
from tests.driver import Story


def decide(rule: dict[str, Any], given: Any, **fields: Any) -> bool | tuple[str | None, str | None]:
    """True if the rule matched, False if Default was taken, else the error."""
    states = {
        "C": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No", **fields},
        "Yes": {"Type": "Pass", "Result": True, "End": True},
        "No": {"Type": "Pass", "Result": False, "End": True},
    }
    story = Story({"StartAt": "C", "States": states}, given).run()
    return bool(story.output) if story.status == "SUCCEEDED" else story.error


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", 1, "1", False),
        ("StringLessThan", "a", "b", True),
        ("StringLessThan", "\U0001f600", "\uffff", True),  # by UTF-16 code units, not by code points
        ("StringGreaterThan", "b", "a", True),
        ("StringLessThanEquals", "a", "a", True),
        ("StringGreaterThanEquals", "a", "b", False),
        ("NumericEquals", 1, 1.0, True),
        ("NumericEquals", True, 1, False),
        ("NumericEquals", "1", 1, False),
        ("NumericLessThan", 2**70, 2**70 + 1, True),
        ("NumericGreaterThan", 1.5, 1, True),
        ("NumericLessThanEquals", 1, 1, True),
        ("NumericGreaterThanEquals", 0, 1, False),
        ("BooleanEquals", True, True, True),
        ("BooleanEquals", 1, True, False),
        ("TimestampEquals", "2020-01-01T00:00:00Z", "2020-01-01T01:00:00.000+01:00", True),
        ("TimestampLessThan", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00.000000001Z", True),
        ("TimestampGreaterThan", "2020-01-01", "2019-01-01T00:00:00Z", False),
        ("TimestampLessThanEquals", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", True),
        ("TimestampGreaterThanEquals", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z", True),
    ],
)
def test_comparisons_and_their_path_twins(operator: str, left: Any, right: Any, expected: bool) -> None:
    assert decide({"Variable": "$.l", operator: right}, {"l": left}) is expected
    assert decide({"Variable": "$.l", f"{operator}Path": "$.r"}, {"l": left, "r": right}) is expected


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("IsNull", None, True),
        ("IsNull", 0, False),
        ("IsPresent", None, True),
        ("IsNumeric", 1.5, True),
        ("IsNumeric", True, False),
        ("IsString", "", True),
        ("IsBoolean", False, True),
        ("IsTimestamp", "2020-01-01T00:00:00Z", True),
        ("IsTimestamp", "2020-01-01", False),
    ],
)
def test_type_tests_must_equal_their_operand(operator: str, value: Any, expected: bool) -> None:
    assert decide({"Variable": "$.v", operator: True}, {"v": value}) is expected
    assert decide({"Variable": "$.v", operator: False}, {"v": value}) is not expected


def test_an_absent_variable_is_an_error_but_for_is_present() -> None:
    assert decide({"Variable": "$.x", "IsPresent": True}, {}) is False
    assert decide({"Variable": "$.x", "IsPresent": False}, {}) is True
    assert decide({"Variable": "$.x", "IsNull": True}, {}) == (
        "States.Runtime",
        "An error occurred while executing the state 'C' (entered at the event id #2). Invalid path '$.x': The choice "
        "state's condition path references an invalid value.",
    )


def test_and_or_and_not_combine_and_stop_early() -> None:
    one = {"Variable": "$.a", "NumericEquals": 1}
    bad = {"Variable": "$.missing", "NumericEquals": 1}
    assert decide({"And": [one, {"Not": {"Variable": "$.a", "IsString": True}}]}, {"a": 1}) is True
    assert decide({"Or": [one, bad]}, {"a": 1}) is True
    assert decide({"And": [{"Not": one}, bad]}, {"a": 1}) is False


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("log-*.txt", "log-2024.txt", True),
        ("log-*.txt", "log-.txt", True),
        ("log-*.txt", "log-.txt2", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("*b*", "abc", True),
        ("a*b*c", "a-b-b-c", True),
        ("\\*", "*", True),
        ("\\*", "x", False),
        ("a\\\\*", "a\\xyz", True),
        ("plain", "plain", True),
        ("", "", True),
        ("*a*a*a*a*a*a*a*a*b", "a" * 5000, False),
    ],
)
def test_a_pattern_of_string_matches_has_stars_and_meets_texts_only(pattern: str, text: str, expected: bool) -> None:
    assert string_matcher(pattern)(text) is expected
    assert string_matcher(pattern)(1) is False


def test_the_context_can_be_compared() -> None:
    assert decide({"Variable": "$$.Execution.Input.a", "NumericEquals": 1}, {"a": 1}) is True


def test_a_condition_that_is_no_boolean_fails() -> None:
    jsonata = {"QueryLanguage": "JSONata"}
    assert decide({"Condition": "{% $states.input.a > 1 %}"}, {"a": 2}, **jsonata) is True
    assert decide({"Condition": "{% $states.input.a > 1 %}"}, {"a": 0}, **jsonata) is False
    assert decide({"Condition": True}, {}, **jsonata) is True
    found = decide({"Condition": "{% 1 %}"}, {}, **jsonata)
    assert isinstance(found, tuple) and found[0] == "States.QueryEvaluationError"


def test_a_matched_rules_assign_counts_and_the_states_only_by_default() -> None:
    choice = {
        "Type": "Choice",
        "Choices": [{"Variable": "$", "NumericEquals": 1, "Assign": {"by": "rule"}, "Next": "Z"}],
        "Assign": {"by": "default"},
        "Default": "Z",
    }
    machine = {"StartAt": "C", "States": {"C": choice, "Z": {"Type": "Succeed"}}}
    for given, by in ((1, "rule"), (2, "default")):
        assert Story(machine, given).run().details("ChoiceStateExited")[0]["assignedVariables"] == {"by": f'"{by}"'}


def test_a_rule_without_an_operator_is_refused_with_its_place() -> None:
    choice = {"Type": "Choice", "Choices": [{"Variable": "$", "Next": "C"}]}
    with pytest.raises(DefinitionError, match=r"operator at /States/C/Choices\[0\]"):
        parse(dumps({"StartAt": "C", "States": {"C": choice}}))
