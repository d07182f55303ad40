"""From text to machine: defaults, scopes, and refusals that name their place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.asl.model import DefinitionError, Map, Parallel, Retrier, Task
from flowd.asl.parse import parse

SQS = "arn:aws:states:::sqs:sendMessage"


def machine(states: dict[str, Any], **more: Any) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states, **more})


def test_scopes_are_found_by_the_path_that_frames_carry() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Task", "Resource": SQS, "End": True}}}
    fan = {"Type": "Parallel", "Branches": [inner], "Next": "M"}
    legacy = {"StartAt": "J", "States": {"J": {"Type": "Pass", "End": True}}}
    parsed = parse(machine({"P": fan, "M": {"Type": "Map", "Iterator": legacy, "End": True}}))
    assert set(parsed.scopes) == {(), ("States", "P", "Branches", 0), ("States", "M", "Iterator")}
    assert isinstance(parsed.state((), "P"), Parallel)
    assert isinstance(parsed.state((), "M"), Map)
    assert [task.name for task in parsed.tasks()] == ["I"]


def test_defaults_are_filled_in() -> None:
    task = {"Type": "Task", "Resource": SQS, "Retry": [{"ErrorEquals": ["E"]}], "End": True}
    parsed = parse(machine({"T": task}, TimeoutSeconds=9))
    state = parsed.state((), "T")
    assert isinstance(state, Task)
    assert state.retriers == (
        Retrier(error_equals=("E",), interval_s=1, max_attempts=3, backoff_rate=2.0, max_delay_s=None),
    )
    assert parsed.timeout_seconds == 9
    assert parse(machine({"T": task})).timeout_seconds == 0


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"Type": "Nap", "End": True}, "'Nap' is not a type of state at /States/S/Type"),
        ({"Type": "Task", "Resource": "x", "End": True}, "x is not recognized at /States/S/Resource"),
        ({"Type": "Task", "End": True}, "'Resource'.* at /States/S"),
        ({"Type": "Pass", "InputPath": "not a path", "End": True}, "at /States/S"),
        ({"Type": "Pass", "Parameters": {"a.$": "States.Nothing("}, "End": True}, "at /States/S"),
        ({"Type": "Wait", "End": True}, "A Wait needs .* at /States/S"),
        ({"Type": "Map", "End": True}, "ItemProcessor at /States/S"),
        ({"Type": "Parallel", "Branches": [{}], "End": True}, r"at /States/S/Branches\[0\]"),
    ],
)
def test_what_cannot_run_is_refused_with_its_place(state: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said) as caught:
        parse(machine({"S": state}))
    assert caught.value.location.startswith("/States/S")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"StartAt":"A","States":{}}'])
def test_what_is_no_machine_is_refused(text: str) -> None:
    with pytest.raises(DefinitionError):
        parse(text)


@pytest.mark.parametrize(
    ("path", "searches"),
    [
        ("$.a", False),
        ("$.a[*].b", False),
        ("States.Format('{}, {}', $.a, $.b)", False),
        ("$..a", True),
        ("$.a[*].b[*]", True),
        ("$.a[?(@.b)]", True),
        ("$.a[0,1]", True),
        ("States.ArrayLength($..a)", True),
    ],
)
def test_steps_leave_the_loop_if_a_path_may_look_at_many_nodes(path: str, searches: bool) -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Pass", "Parameters": {"x": [{"y.$": path}]}, "End": True}}}
    assert parse(machine({"P": {"Type": "Parallel", "Branches": [inner], "End": True}})).evaluates is searches
