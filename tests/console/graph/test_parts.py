"""The pieces of the layout: conditions, columns, walking over a drawing, the story that colours it."""

from __future__ import annotations

from typing import Any

import pytest

from console.graph.canvas import Owner
from console.graph.conditions import condition
from console.graph.drawing import Box, draw
from console.graph.layout import LINES, View
from console.graph.placing import pooled
from console.graph.reading import read
from console.graph.steps import at, fitting, following, nearest, shown
from console.graph.story import story
from console.journal import Journal, Path
from console.looks import joined
from console.outline import outline
from tests.console import stories
from tests.console.stories import NOW, ORDER


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"Variable": "$.order.total", "NumericGreaterThan": 1000}, "total>1000"),
        ({"Variable": "$.state", "StringEquals": "done"}, 'state="done"'),
        ({"Variable": "$.a", "NumericLessThanEqualsPath": "$.b"}, "a≤$.b"),
        ({"Variable": "$.a", "IsPresent": True}, "a is present"),
        ({"Variable": "$.a", "IsNull": False}, "a is not null"),
        ({"Not": {"Variable": "$.a", "BooleanEquals": True}}, "not a=true"),
        ({"And": [{"Variable": "$.a", "IsNull": True}] * 4}, "a is null and a is null and 2 more"),
        ({"Condition": "{%  $states.input.x >\n 3 %}"}, "$states.input.x > 3"),
        ({"Variable": 3, "Unknown": {}}, ""),
        ({"Or": "text"}, ""),
    ],
)
def test_a_condition_in_a_few_characters(rule: dict[str, Any], told: str) -> None:
    assert condition(rule) == told


def test_pooling_keeps_gaps_and_moves_as_little_as_can_be() -> None:
    assert pooled([0, 10], [1, 1], [5]) == [0, 10]
    assert pooled([5, 5], [1, 1], [4]) == [3, 7]
    assert pooled([5, 5], [3, 1], [4]) == [4, 8]


def test_the_nearest_state_in_a_direction() -> None:
    boxes: dict[Path, Box] = {("a",): Box(10, 0, 5, 1), ("b",): Box(10, 2, 5, 1), ("c",): Box(30, 2, 5, 1)}
    assert nearest(boxes, ("a",), 0, 1) == ("b",)
    assert nearest(boxes, ("b",), 1, 0) == ("c",)
    assert nearest(boxes, ("c",), -1, 0) == ("b",)
    assert nearest(boxes, ("c",), 1, 0) == ("c",)
    assert nearest({}, ("x",), 1, 0) == ("x",)


def test_what_is_under_the_mouse_is_the_innermost_state() -> None:
    boxes = draw(ORDER, View(LINES, 76)).boxes
    inner = boxes["PayAndTell", "0", "Charge"]
    assert at(boxes, inner.x + 1, inner.y) == ("PayAndTell", "0", "Charge")
    assert at(boxes, boxes["PayAndTell",].x, inner.y) == ("PayAndTell",)
    assert at(boxes, 0, 0) is None


def test_a_state_that_is_folded_away_is_shown_by_what_holds_it() -> None:
    boxes = draw(ORDER, View(0, 76)).boxes
    assert shown(boxes, ("PayAndTell", "0", "Charge")) == ("PayAndTell",)


def test_the_next_failure_goes_round() -> None:
    order = [("a",), ("b",), ("c",)]
    assert following(order, [("a",), ("c",)], ("a",)) == ("c",)
    assert following(order, [("a",), ("c",)], ("c",)) == ("a",)
    assert following(order, [], ("c",)) is None


def test_boxes_are_used_while_they_fit() -> None:
    assert fitting(read(ORDER), 100, 60)[0] == 2
    assert fitting(read(ORDER), 100, 20)[0] == 1


def test_a_story_has_the_way_that_was_taken() -> None:
    journal = Journal()
    journal.add(stories.failed(NOW).events)
    told = story(outline(ORDER, journal), journal)
    assert (("PayAndTell",), ("Refund",)) in told.taken and (("PayAndTell",), ("BigOrder",)) not in told.taken
    assert (("EachItem", "*", "Reserve"), ("EachItem", "*", "Label")) in told.taken
    assert joined(told.counts(("EachItem",))) == "3: 3✓"
    kinds = draw(ORDER).edges
    assert told.tone(Owner("edge", (), ((("PayAndTell",), ("Refund",)),)), kinds) == "late"
    assert told.tone(Owner("edge", (), ((("CheckOrder",), ("EachItem",)),)), kinds) == "ok"
    assert told.tone(Owner("edge", (), ((("Ship",), ("Done",)),)), kinds) == "faint"
    assert told.look(("Refund",)).glyph == "✗" and told.tone(Owner("label", ("Ship",)), kinds) == "dim"
