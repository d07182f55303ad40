"""Graphs as plain text, and what must hold of the graph of every definition there is."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from console.graph.canvas import DOWN, LEFT, RIGHT, UP
from console.graph.drawing import Box, Drawing, draw
from console.graph.layout import BOXES, FOLDED, LINES, View
from console.graph.reading import Edge, Part, read
from flowd.asl.yamltext import compose, plain
from tests.console.stories import ORDER

ROOT = Path(__file__).parents[3]
CORPUS = sorted([*ROOT.glob("tests/asl/definitions/**/*.asl.*"), *ROOT.glob("workflows/**/*.asl.*")])
VIEWS = [View(zoom, width) for zoom in (FOLDED, LINES, BOXES) for width in (60, 156)]


def definition(path: Path) -> Any:
    text = path.read_text(errors="replace")
    try:
        return json.loads(text) if path.suffix == ".json" else plain(compose(text))
    except ValueError:
        return text


def chain(*names: str) -> dict[str, Any]:
    states: dict[str, Any] = {a: {"Type": "Pass", "Next": b} for a, b in itertools.pairwise(names)}
    return {"StartAt": names[0], "States": {**states, names[-1]: {"Type": "Succeed"}}}


def crowd(amount: int) -> dict[str, Any]:
    """A long way with a choice at each state that leads far away, and a handler for all."""
    names = [f"Step{n:02}" for n in range(amount)]
    made = chain(*names)
    for n, name in enumerate(names[:-1]):
        state = made["States"][name]
        state |= {"Type": "Task", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Mend"}]}
        if n % 3 == 0:
            made["States"][f"Ask{n:02}"] = {
                "Type": "Choice",
                "Choices": [{"Variable": "$.x", "NumericEquals": n, "Next": names[(n * 7) % amount]}],
                "Default": names[n + 1],
            }
            state["Next"] = f"Ask{n:02}"
    made["States"]["Mend"] = {"Type": "Pass", "Next": names[-1]}
    return made


MADE = {
    "order": ORDER, "crowd": crowd(30), "one": chain("Only", "End"), 
    "wide": chain("漢字の状態", "Ünïcödé 名前", "x" * 80),
    "loop": {"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Next": "A"}], "Default": "A"}}},
    "swap": {"StartAt": "S", "States": {
        "S": {"Type": "Choice", "Choices": [{"Next": "A"}, {"Next": "B"}]},
        "A": {"Type": "Choice", "Choices": [{"Next": "C"}, {"Next": "D"}, {"Next": "E"}]},
        "B": {"Type": "Choice", "Choices": [{"Next": "E"}, {"Next": "D"}, {"Next": "C"}]},
        "C": {"Type": "Succeed"}, "D": {"Type": "Succeed"}, "E": {"Type": "Fail"},
    }},
}  # fmt: skip


@pytest.fixture(scope="module")
def everything() -> dict[str, Any]:
    """Every definition of the corpora and those made here, by name."""
    return MADE | {str(path.relative_to(ROOT)): definition(path) for path in CORPUS}


@pytest.fixture(scope="module")
def drawings(everything: dict[str, Any]) -> dict[tuple[str, View], Drawing]:
    return {(name, view): draw(machine, view) for name, machine in everything.items() for view in VIEWS}


def edges(part: Part, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Edge]]:
    yield from ((path, edge) for edge in [*part.edges, *part.loose])
    for name, state in part.states.items():
        for key, inner in state.parts:
            yield from edges(inner, (*path, name, key))


def apart(a: Box, b: Box) -> bool:
    return a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y


Drawings = dict[tuple[str, View], Drawing]


def test_no_two_states_overlap_and_each_lies_in_its_container(drawings: Drawings) -> None:
    for (name, _), drawing in drawings.items():
        for (path, box), (other, second) in itertools.combinations(drawing.boxes.items(), 2):
            outer, inner = (path, other) if len(path) < len(other) else (other, path)
            if inner[: len(outer)] == outer:
                around, within = (box, second) if outer == path else (second, box)
                assert around.x < within.x and within.x + within.width < around.x + around.width, (name, inner)
                assert around.y < within.y and within.y + within.height < around.y + around.height, (name, inner)
            else:
                assert apart(box, second), (name, path, other)


def test_every_state_is_drawn_and_every_edge_is_a_line_or_a_chip(
    everything: dict[str, Any], drawings: Drawings
) -> None:
    for (name, view), drawing in drawings.items():
        for path, edge in edges(read(everything[name])) if view.zoom != FOLDED else ():
            source = (*path, edge.source)
            chips = [chip.target for chip in drawing.chips.get(source, [])]
            assert source in drawing.boxes, (name, source)
            assert (source, (*path, edge.target)) in drawing.edges or edge.target in chips, (name, edge)


def test_every_line_leads_from_its_state_to_its_target(drawings: Drawings) -> None:
    for (name, _), drawing in drawings.items():
        for key in drawing.edges:
            source, target = (drawing.boxes[path] for path in key)
            start = (source.x + source.width // 2, source.y + source.height)
            end = (target.x + target.width // 2, target.y - 1)
            assert end in reached(drawing, start), (name, key)


def reached(drawing: Drawing, start: tuple[int, int]) -> set[tuple[int, int]]:
    """The cells that lines lead to from a cell."""
    steps = {UP: (0, -1, DOWN), DOWN: (0, 1, UP), LEFT: (-1, 0, RIGHT), RIGHT: (1, 0, LEFT)}
    found, todo = {start}, [start]
    while todo:
        x, y = todo.pop()
        for way, (dx, dy, back) in steps.items():
            there = (x + dx, y + dy)
            if there in found or not (0 <= there[0] < drawing.canvas.width and 0 <= there[1] < drawing.canvas.height):
                continue
            if drawing.canvas.directions(x, y) & way and drawing.canvas.directions(*there) & back:
                found.add(there)
                todo.append(there)
    return found


def test_the_same_definition_is_drawn_the_same(everything: dict[str, Any], drawings: Drawings) -> None:
    for (name, view), drawing in drawings.items():
        assert draw(json.loads(json.dumps(everything[name])), view).text() == drawing.text(), name


def test_a_row_has_the_width_of_the_canvas(drawings: Drawings) -> None:
    for drawing in drawings.values():
        assert {sum(cell_len(run.text) for run in row) for row in drawing.rows} <= {drawing.canvas.width}


@pytest.mark.parametrize(
    "broken",
    [
        None, 7, "text", [], {}, {"States": []}, {"StartAt": 3, "States": {"A": None, "B": {"Type": 4}}},
        {"States": {"A": {"Type": "Choice", "Choices": {"a": 1}, "Default": 3, "Next": ["x"]}}},
        {"StartAt": "A", "States": {"A": {"Next": "Nowhere", "Catch": [{"Next": "Lost"}, 4, {"Next": 1}]}}},
        {"StartAt": "A", "States": {"QueryLanguage": "JSONata", "A": {"Type": "Parallel", "Branches": [3, {}, None]}}},
        {"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Not": {"And": 3}, "Next": "A"}, 4]}}},
        {"States": {"\x1b[31mred": {"Type": "Pass", "Next": "[bold]"}, "[bold]": {"Type": "\x07"}}},
    ],
)  # fmt: skip
def test_nothing_raises_on_a_broken_definition(broken: Any) -> None:
    for view in VIEWS:
        assert "\x1b" not in draw(broken, view).text()


def test_a_target_that_does_not_exist_is_told_beside_its_state() -> None:
    text = draw({"StartAt": "Load", "States": {"Load": {"Type": "Task", "Next": "Lod"}}}, View(LINES)).text()
    assert text.strip() == "ƒ Load   ✗ Lod"


def test_what_is_nested_very_deep_is_one_box() -> None:
    deep: dict[str, Any] = chain("In", "Out")
    for _ in range(200):
        deep = {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [deep], "End": True}}}
    drawing = draw(deep, View(BOXES, 80))
    assert 20 < len(drawing.boxes) < 30


def test_only_what_was_visited_can_be_shown() -> None:
    only = frozenset({("CheckOrder",), ("PayAndTell",), ("PayAndTell", "0", "Charge"), ("Refund",)})
    assert set(draw(ORDER, View(BOXES, 80, only=only)).boxes) == only


def test_branches_are_wrapped_at_the_width_of_the_view() -> None:
    branches = [chain(f"First{n}", f"Second{n}") for n in range(12)]
    wide = {"StartAt": "Fan", "States": {"Fan": {"Type": "Parallel", "Branches": branches, "End": True}}}
    assert draw(wide, View(BOXES, 80)).canvas.width <= 80 < draw(wide, View(BOXES)).canvas.width


def test_crowds_use_chips_instead_of_long_lines() -> None:
    drawing = draw(crowd(30), View(LINES, 156))
    kinds = {chip.kind for chips in drawing.chips.values() for chip in chips}
    assert kinds == {"catch", "far", "loop"}


GOLDEN_LINES = """\
              ƒ CheckOrder
                     ▼
┌┄ ▤ EachItem  ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┐
┆              ƒ Reserve                 ┆
┆                   ▼                    ┆
┆               · Label                  ┆
└┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┬┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘
                     ▼
   ┌┄ ‖ PayAndTell  ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┐
   ┆  ƒ Charge      ƒ TellCustomer    ┆
   └┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┬┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┘
                     ├───────────────╮
                     ▼               ▼
               ◆ BigOrder       ƒ Refund
                ╭────┴────╮          │
     total>1000 ▼         │          ▼
           ƒ Approve      │     ✗ NotDone
                ├─────────╯
                ▼ else
            ƒ Ship
                ▼
            ✓ Done"""

GOLDEN_BOXES = """\
╭───────────╮
│ ƒ First   │
╰─────┬─────╯
      ▼
╭───────────╮
│ ◆ Ready   │
│ ↺ First   │
╰─────┬─────╯
      ▼ else
╭──────────╮
│ ✓ Done   │
╰──────────╯"""


def test_the_order_as_lines() -> None:
    assert draw(ORDER, View(LINES, 76)).text() == GOLDEN_LINES


def test_a_loop_as_boxes() -> None:
    loop = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Task", "Next": "Ready"},
            "Ready": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.ok", "BooleanEquals": False, "Next": "First"}],
                "Default": "Done",
            },
            "Done": {"Type": "Succeed"},
        },
    }
    assert draw(loop, View(BOXES, 76)).text() == GOLDEN_BOXES
