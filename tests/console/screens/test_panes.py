"""The borders between the panes of an execution: dragged, moved with keys, kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.geometry import Offset
from textual.pilot import Pilot

from console.app import FlowdApp
from console.screens.execution import ExecutionScreen
from console.split import LEAST
from console.widgets.inspector import Inspector
from console.widgets.outline import OutlineView
from console.widgets.panes import Panes
from console.widgets.table import VirtualTable
from tests.console.conftest import Console
from tests.console.driver import notices, sees, until
from tests.console.fake import FakeDaemon


def at(pilot: Pilot[int]) -> tuple[int, int]:
    """Where the inspector begins, in cells of the panes: the border's place as it is painted."""
    place = pilot.app.screen.query_one(Inspector).region.offset - pilot.app.screen.query_one(Panes).region.offset
    return place.x, place.y


async def opened(pilot: Pilot[int]) -> None:
    await sees(pilot, "order-1000")
    await pilot.press("j", "j", "j", "enter")
    await sees(pilot, "no such payment", "[tries]")


async def drag(pilot: Pilot[int], begin: tuple[int, int], end: tuple[int, int]) -> None:
    """By places in the panes."""
    top = pilot.app.screen.query_one(Panes).region.offset
    await pilot.mouse_down(offset=top + begin)
    await pilot.hover(offset=top + end)
    await pilot.mouse_up(offset=top + end)


async def test_keys_move_the_border_of_two_panes_and_every_execution_has_it_there(
    make_app: Callable[..., FlowdApp],
) -> None:
    async with make_app().run_test(size=(130, 30)) as pilot:
        await opened(pilot)
        assert at(pilot) == (78, 0)
        await pilot.press("left_parenthesis", "left_parenthesis")
        await until(pilot, lambda: at(pilot) == (70, 0))
        await pilot.press("right_parenthesis")
        await until(pilot, lambda: at(pilot) == (74, 0))
        await pilot.press("left_curly_bracket")
        await until(pilot, lambda: "no panes stand one above the other here" in notices(pilot))
        await pilot.press("escape", "k", "enter")
        await until(pilot, lambda: at(pilot) == (74, 0))
    async with make_app(behind=FakeDaemon()).run_test(size=(130, 30)) as pilot:
        await opened(pilot)
        assert at(pilot) == (74, 0)


async def test_the_mouse_drags_the_border_and_selects_nothing_on_its_way(console: Console) -> None:
    async with console(130, 30) as pilot:
        await opened(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionScreen)
        selected = screen.selected
        await drag(pilot, (78, 5), (60, 9))
        await until(pilot, lambda: at(pilot) == (60, 0))
        assert screen.selected == selected and not screen.selections
        assert pilot.app.mouse_captured is None
        await drag(pilot, (40, 5), (50, 9))  # not a border
        await drag(pilot, (60, 3), (2, 3))
        await until(pilot, lambda: at(pilot) == (LEAST["columns"], 0))


async def test_four_panes_have_two_borders_and_a_corner_that_drags_both(console: Console) -> None:
    async with console(160, 48) as pilot:
        await opened(pilot)
        x, y = at(pilot)
        assert x == 72
        await drag(pilot, (71, 3), (81, 3))  # the frame of the left pane
        await until(pilot, lambda: at(pilot) == (82, y))
        await drag(pilot, (20, y), (20, y - 6))
        await until(pilot, lambda: at(pilot) == (82, y - 6))
        await drag(pilot, (82, y - 6), (70, y))
        await until(pilot, lambda: at(pilot) == (70, y))
        await pilot.press("left_curly_bracket", "left_parenthesis")
        await until(pilot, lambda: at(pilot) == (66, y - 2))
        await pilot.press("right_curly_bracket")
        await until(pilot, lambda: at(pilot) == (66, y))


async def test_the_proportion_outlives_a_resize(console: Console) -> None:
    async with console(130, 30) as pilot:
        await opened(pilot)
        await drag(pilot, (78, 5), (65, 5))
        await until(pilot, lambda: at(pilot) == (65, 0))
        await pilot.resize_terminal(150, 30)
        await until(pilot, lambda: at(pilot) == (75, 0))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: not pilot.app.screen.query_one(Inspector).display)
        await pilot.press("right_parenthesis")
        await until(pilot, lambda: "no panes stand side by side here" in notices(pilot))
        await pilot.resize_terminal(130, 30)
        await until(pilot, lambda: at(pilot) == (65, 0))


async def test_events_have_the_inspector_below_them_and_a_border_there(console: Console, tmp_path: Path) -> None:
    async with console(80, 24) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter", "3")
        await sees(pilot, "ActivityStarted")
        await until(pilot, lambda: at(pilot)[1] > 0)
        y = at(pilot)[1]
        await drag(pilot, (7, y), (7, y - 3))
        await until(pilot, lambda: at(pilot) == (0, y - 3))
        await until(pilot, lambda: "below-rows" in (tmp_path / "panes.json").read_text())


async def test_a_drag_ends_where_a_dialog_comes_between(console: Console) -> None:
    async with console(130, 30) as pilot:
        await opened(pilot)
        panes = pilot.app.screen.query_one(Panes)
        await pilot.mouse_down(offset=Offset(78, 5) + panes.region.offset)
        await until(pilot, lambda: pilot.app.mouse_captured is panes)
        await pilot.press("question_mark")
        await until(pilot, lambda: pilot.app.mouse_captured is None)
        await pilot.press("escape")
        await pilot.hover(offset=Offset(50, 5) + panes.region.offset)
        await pilot.pause()
        assert at(pilot) == (78, 0)


async def test_a_click_in_a_framed_pane_selects_the_row_under_the_mouse(console: Console) -> None:
    async with console(160, 48) as pilot:
        await opened(pilot)
        view = pilot.app.screen.query_one(OutlineView)
        await pilot.click(view, offset=(10, 1 + view.head + 2))  # the frame is the first line
        await until(pilot, lambda: view.cursor == 2)


async def test_a_border_that_moves_does_not_hide_the_row_of_the_cursor(console: Console) -> None:
    async with console(160, 48) as pilot:
        await opened(pilot)
        table = pilot.app.screen.query_one(VirtualTable)
        before = table.page_height()
        await pilot.press("3", *"gjjjjjjjjjjjj")
        await until(pilot, lambda: table.cursor == 12 and table.scroll_offset.y == 0)
        await pilot.press(*["right_curly_bracket"] * 4)
        await until(pilot, lambda: table.page_height() == before - 8)
        await until(pilot, lambda: table.scroll_offset.y == 12 - table.page_height() + 1)
