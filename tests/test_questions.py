"""What a Prompt object asks for."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.questions import (
    Reminder,
    choices_of,
    limited,
    meant_for,
    misnamed,
    names_of,
    reminder_of,
    waits_for_group,
    wanted,
)


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


def test_names_are_one_or_a_list_of_them() -> None:
    assert (names_of("eva"), names_of(["eva", 7, "bob"]), names_of({"eva": 1}), names_of(None)) == (
        ["eva"],
        ["eva", "bob"],
        None,
        None,
    )
    assert misnamed({"Assignees": "eva", "Groups": ["ops"]}) == [] == misnamed({"Groups": [], "Assignees": None})
    assert misnamed({"Assignees": ["eva", 7], "Groups": 7}) == ["Assignees", "Groups"]


def test_who_is_named_by_a_person_counts_in_place_of_whom_the_definition_names() -> None:
    asked = {"assignees": ["eva"], "groups": ["ops", "desk"]}
    assert meant_for(asked) == ["eva", "@ops", "@desk"]
    assert meant_for({**asked, "assignedTo": "bob"}) == ["bob"]
    assert meant_for({}) == []


@pytest.mark.parametrize(
    ("listed", "waits"),
    [
        ({"groups": ["ops"], "yourGroups": ["ops"]}, True),
        ({"groups": ["ops"]}, False),
        ({"groups": ["ops"], "yourGroups": ["ops"], "claimedBy": "eva"}, False),
        ({"groups": ["ops"], "yourGroups": ["ops"], "assignedTo": "eva"}, False),
    ],
)
def test_a_group_has_what_none_of_it_took(listed: dict[str, Any], waits: bool) -> None:
    assert waits_for_group(listed) is waits
