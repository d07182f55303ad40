"""What is known of one execution, without a screen: stages, changes, filters, places in a definition, looking back."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

from console.changes import Change, changes, marks, pointer, summary
from console.eventfilter import wanted
from console.jsonlines import flatten, height, line_of
from console.known import Known, definition_path
from console.looks import joined
from console.stages import Stage, log, merged, stages, trial_of, variables_before
from tests.console import stories
from tests.console.stories import NOW, ORDER


def known(story: stories.Story) -> Known:
    told = Known()
    told.learn({"definition": json.dumps(ORDER), "status": "FAILED"}, story.events)
    return told


def test_the_stages_of_a_state_come_from_its_own_events() -> None:
    told = known(stories.failed(NOW))
    charge = told.visits(("PayAndTell", "0", "Charge"))[0]
    found = stages(told.events_of(charge), UTC)
    assert [stage.title for stage in found] == ["input", "tries"]
    assert [text for text, _ in found[1].lines][:3] == [
        "attempt 1   19:14:11.750   function:charge", "  ✗ Card.Busy after 1.1s", "    the terminal is in use",
    ]  # fmt: skip
    check = told.visits(("CheckOrder",))[0]
    assert [(stage.name, stage.value) for stage in stages(told.events_of(check), UTC)][1:3] == [
        ("result", {"ok": True}), ("output", {"ok": True}),
    ]  # fmt: skip


def test_stages_that_the_history_lacks_are_asked_for_with_its_result_as_the_mock() -> None:
    found = [Stage("input", {"a": 1}), Stage("result", {"b": 2})]
    members = trial_of("Charge", "Task", found, {"n": 1})
    assert members is not None and json.loads(members["mock"]["result"]) == {"b": 2}
    assert json.loads(members["variables"]) == {"n": 1}
    assert trial_of("Charge", "Task", found[:1], {}) is None and trial_of("W", "Wait", found, {}) is None
    data = {
        "inspectionData": {
            "input": "7",
            "afterInputPath": '{"a": 9}',
            "afterParameters": '{"a": 9}',
            "afterResultSelector": "no json",
        }
    }
    assert [(stage.name, stage.worked_out) for stage in merged(found, data)] == [
        ("input", False), ("afterInputPath", True), ("result", False),
    ]  # fmt: skip


def test_variables_are_those_assigned_before_in_the_frames_around() -> None:
    def left(number: int, frame: str, **assigned: Any) -> dict[str, Any]:
        texts = {name: json.dumps(value) for name, value in assigned.items()}
        details = {"name": "S", "assignedVariables": texts}
        return {"id": number, "frame": frame, "type": "TaskStateExited", "stateExitedEventDetails": details}

    events = [left(1, "0", a=1), left(2, "0/1.0", b=2), left(3, "0/1.1", c=3), left(4, "0", a=9)]
    assert variables_before(events, 4, "0/1.0") == {"a": 1, "b": 2}


def test_the_log_of_one_visit_is_its_own() -> None:
    outputs: list[dict[str, Any]] = [
        {"frame": "0", "state": "A", "attempt": 1, "text": "x\x1b[31my\n"},
        {"frame": "1", "state": "A"},
    ]
    found = log(outputs, "0", "A")
    assert found is not None and [text for text, _ in found.lines] == ["xy"]
    assert log(outputs, "0", "B") is None


def test_changes_name_their_place() -> None:
    before, after = {"a": 1, "b": [1, 2], "c": {"d": 1}}, {"a": 1.0, "b": [1], "c": {"d": 2, "e": 3}}
    assert list(changes(before, after)) == [
        Change(("a",), "~", 1, 1.0), Change(("b", 1), "-", 2), Change(("c", "d"), "~", 1, 2),
        Change(("c", "e"), "+", None, 3),
    ]  # fmt: skip
    assert joined(summary(before, after)) == "+ 1 new  ~ 2 changed  - 1 gone  "
    assert joined(summary(before, before)) == "the same"
    assert pointer(("order", "items", 2, "price")) == "order.items[2].price" and pointer(()) == "(all)"


def test_lines_of_what_is_new_are_marked_inside_too() -> None:
    lines = flatten({"a": {"b": 1}, "c": 2}, marks({"c": 1}, {"a": {"b": 1}, "c": 2}))
    assert [line.mark for line in lines] == ["", "+", "+", "+", "~", ""]


def test_a_state_is_found_in_the_text_of_its_definition() -> None:
    lines = flatten(ORDER)
    for path in [("Ship",), ("PayAndTell", "1", "TellCustomer"), ("EachItem", "*", "Label")]:
        line = lines[line_of(ORDER, definition_path(ORDER, path))]
        assert line.key == path[-1] and line.opens
    assert height(ORDER) == len(lines)
    assert line_of(ORDER, definition_path(None, ("Nowhere", "0", "X"))) <= len(lines)


def test_a_filter_of_events() -> None:
    event = {"type": "TaskFailed", "state": "Charge", "taskFailedEventDetails": {"error": "Card.Busy"}}
    for text, passes in [("", True), ("busy", True), ("!busy", False), ("^task.*charge", True), ("! nothing", True)]:
        found, wrong = wanted(text)
        assert found is not None and not wrong and found(event) is passes, text
    assert wanted("(")[0] is None and "(" in wanted("(")[1]


def test_looking_back_and_forth_gives_what_a_fresh_reading_gives() -> None:
    told = known(stories.failed(NOW))
    for count in (52, 20, 21, 40, 3, 52, 1):
        told.look_back(count)
        fresh = known(stories.failed(NOW))
        fresh.look_back(count)
        assert told.shown.visits == fresh.shown.visits
    told.look_back(None)
    assert told.shown is told.journal and told.moment(5.0) == 5.0
