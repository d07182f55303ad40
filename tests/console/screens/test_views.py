"""The views of one execution: the graph, one selection for all, the inspector, filters, looking back, room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from console import terminal
from console.app import FlowdApp
from console.screens.execution import ExecutionScreen
from console.widgets.graph import GraphView
from console.widgets.inspector import Inspector
from tests.console.conftest import Console
from tests.console.driver import notices, screen_text, sees, sees_no, until


def screen(pilot: Pilot[int]) -> ExecutionScreen:
    assert isinstance(pilot.app.screen, ExecutionScreen)
    return pilot.app.screen


async def failed(pilot: Pilot[int], *keys: str) -> None:
    """The execution whose card was declined, and more keys."""
    await sees(pilot, "order-1000")
    await pilot.press("j", "j", "j", "enter")
    await sees(pilot, "✗ FAILED", "Refund.Un")
    await pilot.press(*keys)


async def test_the_graph_begins_at_what_failed_and_is_walked_with_hjkl(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "2")
        await sees(pilot, "[ƒ Refund ✗]", "no such payment")
        await pilot.press("k")
        await sees(pilot, "TellCustomer ✓]", "PayAndTell › TellCustomer  Task  ✓ succeeded")
        await pilot.press("h")
        await sees(pilot, "[ƒ Charge ✗]")
        await pilot.press("f")
        await sees(pilot, "[ƒ Refund ✗]")


async def test_what_is_selected_in_the_graph_is_selected_in_the_other_views(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "2", "k", "h")
        await sees(pilot, "[ƒ Charge ✗]")
        await pilot.press("1")
        text = await sees(pilot, "came to")
        assert next(line for line in text.splitlines() if line.startswith("▌")).strip("▌ │").startswith("ƒ Charge")
        await pilot.press("6")
        text = await sees(pilot, '"Charge": {')
        assert next(line for line in text.splitlines() if line.startswith("▌")).strip().endswith('"Charge": {')
        await pilot.press("3")
        await until(pilot, lambda: '"name": "Charge"' in screen_text(pilot))


async def test_the_graph_is_zoomed_folded_and_cut_to_what_was_visited(console: Console) -> None:
    async with console(100, 40) as pilot:
        await failed(pilot, "2")
        await sees(pilot, "ƒ Approve", "◆ BigOrder")
        await pilot.press("v")
        await sees_no(pilot, "BigOrder")
        await pilot.press("v", "plus")
        await sees(pilot, "╭")
        await pilot.press("minus", "minus")
        await sees(pilot, "‖ PayAndTell ↯ +2")
        await pilot.press("plus", "k", "z")
        await sees_no(pilot, "ƒ Charge")
        await sees(pilot, "‖ PayAndTell ↯ +2", "ƒ Reserve")


async def test_a_click_selects_the_state(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "2")
        await sees(pilot, "[ƒ Refund ✗]")
        lines = screen_text(pilot).splitlines()
        y = next(i for i, line in enumerate(lines) if "Label" in line)
        await pilot.click(offset=(lines[y].index("Label"), y))
        await sees(pilot, "EachItem › Label")


async def clicks(pilot: Pilot[int], text: str) -> None:
    """Click on the first letter of a text."""
    lines = screen_text(pilot).splitlines()
    y = next(i for i, line in enumerate(lines) if text in line)
    await pilot.click(offset=(cell_len(lines[y].partition(text)[0]), y))


async def test_the_keys_that_are_shown_can_be_clicked(console: Console) -> None:
    async with console(100, 30) as pilot:
        await failed(pilot)
        await clicks(pilot, "events  4")
        await sees(pilot, "TaskStateEntered")
        await clicks(pilot, "redrive  K")
        await sees(pilot, "Redrive 2e0cee55-0997", "esc leave it")
        await clicks(pilot, "leave it")
        await sees_no(pilot, "leave it")
        await clicks(pilot, "? help")
        await sees(pilot, "keys · execution")
        await pilot.press("escape")
        await clicks(pilot, "inbox 4")
        await sees(pilot, "flowd › inbox", "5 done")
        await clicks(pilot, "5 done")
        await sees(pilot, "answered", "by")


async def test_a_value_is_copied_and_a_large_one_goes_to_a_file(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with console(100, 30) as pilot:
        app = pilot.app
        assert isinstance(app, FlowdApp)
        app.state_dir = tmp_path
        await failed(pilot, "c")
        await until(pilot, lambda: "stand on a value first" in notices(pilot))
        await pilot.press("4")
        await sees(pilot, '"order": "4711"')
        monkeypatch.setattr(terminal, "MOST_COPIED", 50)
        await pilot.press("c")
        kept = tmp_path / "copied.json"
        await until(pilot, lambda: f"it is in {kept}" in notices(pilot).replace("\n", ""))
        assert json.loads(kept.read_text())["error"] == "Refund.Unknown" and kept.stat().st_mode & 0o077 == 0
        monkeypatch.setattr(terminal, "MOST_COPIED", 50_000)
        await pilot.press("j", "c")
        await until(pilot, lambda: "the value sent to the terminal's clipboard" in notices(pilot))


async def test_tab_lays_the_inspector_over_a_small_view(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "tab")
        await sees(pilot, "[tries]", "refund.py:12 in handler")
        await pilot.press("i")
        await sees(pilot, "[input]")
        await pilot.press("escape")
        await sees(pilot, "came to")


async def test_a_wide_terminal_has_the_inspector_beside_the_view(console: Console) -> None:
    async with console(130, 30) as pilot:
        await failed(pilot)
        await sees(pilot, "came to", "[tries]")
        await pilot.press("k", "k", "k")
        await until(pilot, lambda: screen(pilot).selected == ("Ship",))
        assert screen(pilot).query_one(Inspector).stage is None


async def test_a_large_terminal_shows_four_panes_and_one_of_them_alone(console: Console) -> None:
    async with console(160, 48) as pilot:
        await failed(pilot)
        await sees(pilot, "┌┄ ‖ PayAndTell", "came to", "ExecutionFailed", "[tries]")
        await pilot.press("1")
        await sees_no(pilot, "┌┄ ‖ PayAndTell")
        await pilot.press("1")
        await sees(pilot, "┌┄ ‖ PayAndTell", "came to")


async def test_events_are_filtered_by_an_expression_or_its_opposite(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "3", "slash", *"failed|timed", "enter")
        await sees(pilot, "/failed|ti… 6/52")
        await pilot.press("slash", *["backspace"] * 12, *"!state(entered|exited)", "enter")
        await until(pilot, lambda: screen(pilot)._filter_text == "!state(entered|exited)")
        await sees_no(pilot, "TaskStateEntered")
        await pilot.press("slash", *["backspace"] * 30, *"(", "enter")
        await until(pilot, lambda: "missing )" in notices(pilot))


async def test_looking_back_shows_it_as_it_was(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "2", "t")
        await sees(pilot, "event 52 of 52", "< > leap  t now")
        await pilot.press("comma", "comma")
        await sees(pilot, "event 50 of 52", "ƒ Refund ▶")
        await pilot.press("less_than_sign", "less_than_sign", "less_than_sign")
        await sees(pilot, "event 35 of 52", "‖ PayAndTell ▶")
        await pilot.press("full_stop")
        await sees(pilot, "event 36 of 52")
        await pilot.press("escape")
        await sees(pilot, "ƒ Refund ✗")
        await sees_no(pilot, " of 52 ")


async def test_time_keys_say_what_they_need(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "comma")
        await until(pilot, lambda: "press t first" in notices(pilot))


async def test_logs_follow_their_end_until_one_goes_up(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot, "5")
        await sees(pilot, "checking 4711")
        view = screen(pilot).focused_view()
        assert view.follow
        await pilot.press("k")
        assert not view.follow
        await pilot.press("slash", *"busy", "enter")
        await until(pilot, lambda: "1 hit" in notices(pilot))
        await pilot.press("w", "F")
        assert view.wrap and view.follow


async def test_an_execution_without_states_says_where_to_look(console: Console) -> None:
    async with console() as pilot:
        await failed(pilot)
        known = screen(pilot).known
        assert known.item is not None
        known.item["type"], known.definition = "SWF", None
        known.journal.visits.clear()
        screen(pilot).paint()
        await pilot.press("2")
        await sees(pilot, "a program outside decides")
        assert screen(pilot).query_one(GraphView).drawing.boxes == {}
