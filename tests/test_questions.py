"""What a Prompt object asks for."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.questions import Reminder, choices_of, limited, reminder_of, wanted


@pytest.mark.parametrize(
    ("given", "reminder"),
    [
        (60, Reminder(60)),
        ({"Seconds": 60}, Reminder(60)),
        ({"Seconds": 60, "Times": 3, "EscalateTo": "boss"}, Reminder(60, 3, "boss")),
        ({"Seconds": 60, "Times": "x", "EscalateTo": 7}, Reminder(60)),
        (0, None), (-5, None), (True, None), ("60", None), ({}, None), ({"Seconds": 0}, None), (None, None),
    ],
)  # fmt: skip
def test_a_reminder_is_taken_as_far_as_it_makes_sense(given: Any, reminder: Reminder | None) -> None:
    assert reminder_of({"Reminder": given}) == reminder


def test_no_prompt_has_no_reminder() -> None:
    assert reminder_of("text") is None and wanted([]) is True


def test_choices_are_values_or_objects_with_value_or_label() -> None:
    assert choices_of(["a", {"Label": "b"}, {"label": "c", "Value": 3}, {"x": 1}]) == ["a", "b", 3, {"x": 1}]
    assert choices_of("a") == []


@pytest.mark.parametrize(
    ("schema", "limits"),
    [
        ({"type": "string"}, {"type": "string", "enum": ["a"]}),
        ({"type": "object"}, {"type": "object"}),
        ({"properties": {"x": {}}}, {"properties": {"x": {"enum": ["a"]}}}),
        ({"properties": {"x": {}, "Choice": {}}}, {"properties": {"x": {}, "Choice": {"enum": ["a"]}}}),
        ({"properties": {"x": {}, "y": {}}}, {"properties": {"x": {}, "y": {}}}),
        ({"properties": {"x": {"enum": ["b"]}}}, {"properties": {"x": {"enum": ["b"]}}}),
        ({"properties": {"x": {"type": "integer"}}}, {"properties": {"x": {"type": "integer"}}}),
    ],
)
def test_choices_limit_the_member_they_are_meant_for(schema: dict[str, Any], limits: dict[str, Any]) -> None:
    assert limited(schema, ["a"]) == limits == wanted({"Schema": schema, "Choices": ["a"]})
