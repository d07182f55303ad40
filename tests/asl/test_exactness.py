"""Whole numbers of 64 bits in JSONata: what an expression only names keeps its digits."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.asl import exactness, jsonata
from flowd.entropy import Entropy
from tests.driver import Story

LONG = 2**63 - 1


def run(expression: str, **variables: Any) -> Any:
    return jsonata.evaluate(expression, variables, 0, Entropy(b""))


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("$x", ("x",)),
        (" $states.input . `a b`.c ", ("states", "input", "a b", "c")),
        ("$größe.ü", ("größe", "ü")),
        ("$states.input.", None),
        ("$states.input.a[0]", None),
        ("$x + 1", None),
        ("$x.1", None),
        ("$f()", None),
        ("$", None),
        ("a.b", None),
    ],
)
def test_a_reference_is_a_variable_and_members(expression: str, names: tuple[str, ...] | None) -> None:
    assert exactness.reference(expression) == names


@pytest.mark.parametrize("number", [LONG, -(2**63), 2**53 + 1, -(2**53) - 1, 1234567890123456789])
def test_a_number_of_64_bits_that_is_only_named_keeps_its_digits(number: int) -> None:
    assert run("$x", x=number) == number
    assert run("$x.`a b`", x={"a b": number}) == number
    deep = {"list": [number, "1234567890123456789", {"n": number, "f": 1.5, "small": 1}], "none": None}
    assert run("$states.input", states={"input": deep}) == deep


def test_a_number_beyond_64_bits_is_a_double() -> None:
    assert run("$x", x=2**63) == 9223372036854776000
    assert run("$x", x=[-(2**63) - 1, LONG]) == [-9223372036854776000, LONG]


def test_a_way_through_an_array_and_what_is_computed_are_the_engines() -> None:
    assert run("$x.n", x=[{"n": LONG}, {"n": 1}]) == [9223372036854776000, 1]
    assert run("$x * 1", x=2**53 + 1) == 2**53


def test_a_whole_number_written_as_a_fraction_stays_what_the_engine_makes_of_it() -> None:
    assert run("$x", x={"a": 1.0, "b": LONG}) == {"a": 1, "b": LONG}


NUMBERS = st.integers(-(2**63), LONG) | st.integers(-5, 5)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=4) | st.from_regex("[0-9]{17}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_whatever_is_named_passes_through_and_is_not_touched(value: Any) -> None:
    before = copy.deepcopy(value)
    assert run("$v", v=value) == before
    assert run("$v.a", v={"a": value, "b": 1}) == before
    assert value == before


def test_an_identifier_goes_through_a_machine_with_all_its_digits() -> None:
    state = {"Type": "Pass", "Output": {"id": "{% $states.input.id %}"}, "Assign": {"all": "{% $states.input %}"}}
    end = {"Type": "Pass", "Output": {"id": "{% $states.input.id %}", "all": "{% $all %}"}, "End": True}
    definition = {"StartAt": "S", "QueryLanguage": "JSONata", "States": {"S": {**state, "Next": "E"}, "E": end}}
    assert Story(definition, {"id": LONG}).run().output == {"id": LONG, "all": {"id": LONG}}
