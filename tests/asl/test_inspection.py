"""What a look into one state shows while the interpreter runs it."""

from __future__ import annotations

import json
from typing import Any

from flowd.asl.draft import Draft
from flowd.asl.host import new_execution
from flowd.asl.inspection import Inspection
from flowd.asl.interpreter import enter
from flowd.asl.parse import parse
from flowd.entropy import Entropy
from flowd.frames import Frame
from flowd.payload import Payload


def look(state: dict[str, Any], given: Any, context: dict[str, Any] | None = None) -> Inspection:
    machine = parse(json.dumps({"StartAt": "S", "States": {"S": state}}))
    execution = new_execution(json.dumps(given), 0)
    inspection = Inspection(context)
    frame = Frame(state="S", input=execution.input)
    draft = Draft(machine, execution, {frame.id: frame}, 0, Entropy(b"x"), inspection)
    enter(draft, draft.put(frame))
    return inspection


def values(inspection: Inspection) -> dict[str, Any]:
    return {name: found.value if isinstance(found, Payload) else found for name, found in inspection.stages.items()}


def test_every_stage_of_the_data_is_noted() -> None:
    state = {
        "Type": "Pass",
        "InputPath": "$.in",
        "Parameters": {"x.$": "$.a"},
        "ResultPath": "$.out",
        "OutputPath": "$.out",
        "Assign": {"v.$": "$.x"},
        "End": True,
    }
    found = look(state, {"in": {"a": 1}, "rest": 2})
    assert values(found) == {
        "afterInputPath": {"a": 1},
        "afterParameters": {"x": 1},
        "result": {"x": 1},
        "afterResultSelector": {"x": 1},
        "afterResultPath": {"in": {"a": 1}, "rest": 2, "out": {"x": 1}},
        "variables": {"v": 1},
    }
    assert found.failures == []


def test_a_given_context_object_takes_the_place_of_the_real_one() -> None:
    found = look({"Type": "Pass", "InputPath": "$$.State.Name", "End": True}, {}, {"State": {"Name": "Other"}})
    assert values(found)["afterInputPath"] == "Other"


def test_failures_are_noted_with_a_cause_that_names_no_event() -> None:
    found = look({"Type": "Pass", "InputPath": "$.gone", "End": True}, {})
    assert [(name, failure.error) for name, failure in found.failures] == [("S", "States.Runtime")]
    assert str(found.failures[0][1].cause).startswith("Invalid path '$.gone'")


def test_a_map_shows_its_items_and_its_limit() -> None:
    processor = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "ItemsPath": "$.in", "MaxConcurrency": 3, "ItemProcessor": processor, "End": True}
    found = values(look(state, {"in": [1, 2]}))
    assert (found["afterItemsPath"], found["maxConcurrency"]) == ([1, 2], 3)
