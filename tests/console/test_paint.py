"""What does not fit into a line says so; what a list says when it is empty is folded."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from console.looks import Span, joined
from console.widgets.jsonview import JsonView, panned
from console.widgets.paint import PAINTS, LineView, key_at, within
from tests.console.driver import screen_text

LONG = [Span("a line that", "bold"), Span(" goes on and on", "dim")]


@pytest.mark.parametrize("width", range(1, 30))
def test_a_line_that_is_cut_ends_in_a_mark_and_never_is_wider_than_its_room(width: int) -> None:
    shown = joined(list(within(LONG, width)))
    assert cell_len(shown) <= width
    assert shown == joined(LONG) or shown.endswith("…")


def test_what_is_wide_is_cut_by_cells() -> None:
    assert joined(list(within([Span("注文を確認する")], 8))) == "注文を …"


def test_blanks_at_the_end_are_no_reason_for_a_mark() -> None:
    assert joined(list(within([Span("12345"), Span("     ")], 5))).rstrip() == "12345"


def test_a_line_that_was_moved_to_the_left_says_that_something_stands_there() -> None:
    line = [Span("    ", "faint"), Span('"key"', "key"), Span(": 1", "num")]
    assert joined(panned(line, 8)) == "…: 1"
    assert joined(panned([Span("        "), Span("deep")], 4)) == "    deep"


def test_a_key_that_can_be_pressed_can_be_clicked() -> None:
    bar = [Span("x", "press"), Span(" stop  "), Span("y", "faint"), Span(" copy", "faint")]
    assert [key_at(bar, x) for x in (0, 3, 9)] == ["x", "x", ""]


class Empty(LineView):
    empty = "nothing is here\n\nput a definition into the workflows folder, and it will be here in a moment"

    def length(self) -> int:
        return 0

    def spans(self, index: int, width: int) -> Sequence[Span]:
        return ()


class Views(App[int]):
    COMPONENT_CLASSES = PAINTS
    CSS = "Empty { height: 10; } JsonView { height: 5; }"

    def compose(self) -> ComposeResult:
        yield Empty()
        yield JsonView()


async def test_a_long_value_and_a_long_hint_are_whole_or_say_that_they_are_not() -> None:
    async with Views().run_test(size=(40, 16)) as pilot:
        view = pilot.app.query_one(JsonView)
        view.show_value({"text": "x" * 100, "next": 1})
        await pilot.pause()
        lines = screen_text(pilot).splitlines()
        assert [line.strip() for line in lines[:6]] == [
            "", "nothing is here", "", "put a definition into the workflows", "folder, and it will be here in a",
            "moment",
        ]  # fmt: skip
        assert next(line for line in lines if "xxx" in line).rstrip().endswith("x…")
        view.focus()
        await pilot.press("l", "l")
        assert next(line for line in screen_text(pilot).splitlines() if "xxx" in line).strip("▌ ").startswith("…")
