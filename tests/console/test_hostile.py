"""Texts that want to harm, on every screen and dialog: nothing is interpreted, no column shifts, nothing raises."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.segment import ControlType, Segment
from textual.color import Color
from textual.pilot import Pilot

from console.app import FlowdApp
from console.harmless import Harmless
from console.plainglyphs import PlainGlyphs
from console.screens.dialogs import CommandLine, Dialog
from console.screens.shell import Shell
from console.screens.verbs import MOST_LINES, pretty
from console.text import clean
from console.widgets.form import SchemaForm
from tests.console.driver import notices, screen_text, until
from tests.console.hostile import EVIL, LONG, Evil, strange

MakeApp = Callable[..., FlowdApp]
#: The screens by the keys that lead to them from the list of executions; `:` commands end in enter.
SCREENS: dict[str, list[str]] = {
    "executions": [],
    "filtered": ["slash", *"status:failed", "enter"],
    "bulk": ["ctrl+a", "x"],
    "views": ["v"],
    "command": ["colon", "d"],
    "states": ["enter"],
    "failed": ["j", "j", "j", "enter"],
    "graph": ["j", "j", "j", "enter", "2"],
    "events": ["enter", "3"],
    "in and out": ["j", "j", "j", "enter", "4"],
    "logs": ["j", "j", "j", "enter", "5"],
    "definition": ["enter", "6"],
    "inspector": ["j", "j", "j", "enter", "f", "tab", "i"],
    "redrive": ["j", "j", "j", "enter", "R"],
    "edit": ["j", "j", "j", "enter", "E"],
    "again": ["j", "j", "j", "enter", "N"],
    "test of a state": ["j", "j", "j", "enter", "T"],
    "stop": ["x"],
    "resolve": ["j", "enter", "X"],
    "compare": ["j", "j", "j", "enter", "d"],
    "help": ["question_mark"],
    "inbox": ["colon", *"inbox", "enter"],
    "done": ["colon", *"inbox", "enter", "5"],
    "of groups": ["colon", *"inbox", "enter", "3"],
    "form": ["colon", *"inbox", "enter", "j", "enter"],
    "refused form": ["colon", *"inbox", "enter", "j", "enter", "ctrl+s"],
    "approve": ["colon", *"inbox", "enter", "j", "j", "a"],
    "assign": ["colon", *"inbox", "enter", "A"],
    "machines": ["colon", *"sm", "enter"],
    "machine": ["colon", *"sm", "enter", "j", "enter"],
    "aliases": ["colon", *"sm", "enter", "j", "a"],
    "a new alias": ["colon", *"sm", "enter", "j", "a", "N"],
    "start": ["colon", *"sm", "enter", "j", "s"],
    "schedules": ["colon", *"sched", "enter"],
    "run now": ["colon", *"sched", "enter", "exclamation_mark"],
    "queues": ["colon", *"queues", "enter"],
    "dead": ["colon", *"dead", "enter"],
    "redrive of a group": ["colon", *"dead", "enter", "R"],
    "batches": ["colon", *"batch", "enter"],
    "batch": ["colon", *"batch", "enter", "enter"],
    "deploys": ["colon", *"deploy", "enter"],
    "audit": ["colon", *"audit", "enter"],
    "log": ["colon", *"log", "enter"],
    "health": ["colon", *"health", "enter"],
}


async def rests(pilot: Pilot[int]) -> None:
    """Wait until what is on the screen has been read, and has stood still for a moment."""
    app = pilot.app
    assert isinstance(app, FlowdApp)
    await until(pilot, lambda: app.link.up and all(s.loaded for s in app.screen_stack if isinstance(s, Shell)))
    before = ""
    while before != (before := screen_text(pilot)):
        await pilot.pause(0.02)


async def walked(app: FlowdApp, keys: list[str], size: tuple[int, int]) -> tuple[list[str], str]:
    """What is wrong after these keys, and what the screen says."""
    async with app.run_test(size=size) as pilot:
        await rests(pilot)
        for key in keys:
            await pilot.press(key)
            if key == "enter" or key == keys[-1]:
                await rests(pilot)
        shown = pilot.app.screen
        if isinstance(shown, Dialog):
            box, last = shown.query_one("#box").region, shown.query_one("#keys").region
            assert box.contains_region(last), f"its keys are out of sight\n{screen_text(pilot)}"
            typed = list(shown.query("TextArea, Input"))
            assert all(box.contains_region(each.region) and each.region.height for each in typed), screen_text(pilot)
        assert isinstance(shown, (Shell, Dialog, CommandLine))
        return strange(pilot), screen_text(pilot)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
@pytest.mark.parametrize("tail", ["", LONG], ids=["evil", "evil and long"])
@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_of_hostile_texts(name: str, tail: str, size: tuple[int, int], make_app: MakeApp) -> None:
    wrong, shown = await walked(make_app(behind=Evil(tail)), SCREENS[name], size)
    assert wrong == [], shown


@pytest.mark.parametrize("name", ["executions", "failed", "logs", "edit", "machines", "audit"])
async def test_a_screen_of_hostile_texts_at_once(name: str, make_app: MakeApp) -> None:
    """Some of them, so that whoever breaks it hears of it before the slow tests run."""
    wrong, shown = await walked(make_app(behind=Evil()), SCREENS[name], (80, 24))
    assert wrong == [], shown


@pytest.mark.parametrize("name", ["bulk", "resolve", "again", "a new alias"])
async def test_a_dialog_on_the_smallest_terminal_has_its_fields_and_keys_in_sight(name: str, make_app: MakeApp) -> None:
    wrong, shown = await walked(make_app(), SCREENS[name], (60, 16))
    assert wrong == [] and "esc leave it" in shown, shown


async def test_options_of_a_form_are_text_not_markup(make_app: MakeApp) -> None:
    """Markup in a list to choose from ended the console of everybody who opened the form."""
    app = make_app(behind=Evil())
    async with app.run_test(size=(80, 48)) as pilot:
        await rests(pilot)
        await pilot.press("colon", *"inbox", "enter")
        await rests(pilot)
        await pilot.press("j", "enter")
        await until(pilot, lambda: app.screen.query(SchemaForm))
        await until(pilot, lambda: "CH[bold" in screen_text(pilot))


async def test_a_notice_is_text_not_markup_and_does_not_cover_the_screen(make_app: MakeApp) -> None:
    app = make_app(behind=Evil())
    async with app.run_test(size=(80, 24)) as pilot:
        await rests(pilot)
        app.screen.notify(f"{EVIL}{LONG}", markup=True, title=EVIL)
        await pilot.pause()
        assert notices(pilot).startswith("[bold red]x[/]") and len(notices(pilot)) < 700
        assert strange(pilot) == []


@pytest.mark.parametrize("plain", [False, True])
def test_the_filters_stay_the_same_ones_so_that_a_line_remembers_what_they_made_of_it(
    plain: bool, make_app: MakeApp
) -> None:
    """With new ones each key looked at every line of the screen again."""
    app = make_app(plain=plain)
    first, again = app.get_line_filters(), app.get_line_filters()
    assert [*map(id, first)] == [*map(id, again)]
    assert sum(isinstance(each, (Harmless, PlainGlyphs)) for each in first) == 1 + plain


def test_what_a_field_holds_is_shown_without_what_drives_the_terminal_and_as_wide() -> None:
    for text in (EVIL, "\x9b2J", "a\u202eb", "👩\u200d👩\u200d👧 |", "❤\ufe0f|", "soft\xadhyphen", "🇨🇭|"):
        (line,) = Harmless().apply([Segment(text)], Color(0, 0, 0))
        assert cell_len(line.text) == cell_len(text)
        assert line.text.translate({0x20: "", 0x3000: ""}).isprintable()
    kept = [Segment("漢字 ▶ é"), Segment("\x1b[2J", None, [(ControlType.CLEAR,)])]
    assert Harmless().apply(kept, Color(0, 0, 0)) == kept


def test_what_an_editor_would_break_lines_at_or_hide_is_written_as_an_escape_and_comes_back() -> None:
    given = {EVIL: f"{EVIL}\x85\u2028\u2029", "漢字": "é"}
    shown = pretty(json.dumps(given))
    assert shown.split("\n") == shown.splitlines() and len(shown.splitlines()) == 4
    assert json.loads(shown) == given and "漢字" in shown and "\\u202e" in shown


def test_very_many_values_are_shown_to_an_editor_in_one_line_and_come_back() -> None:
    given = [1] * (2 * MOST_LINES)
    shown = pretty(json.dumps(given))
    assert "\n" not in shown and json.loads(shown) == given
    assert len(pretty(json.dumps(given[: MOST_LINES // 2])).splitlines()) == MOST_LINES // 2 + 2


def test_characters_of_whose_width_terminals_do_not_agree_become_such_that_they_agree_on() -> None:
    assert clean("🇨🇭 👍🏽 ❤\ufe0f 👩\u200d👧") == "CH 👍 ❤ 👩👧"
    assert clean("new \U0001faf8?") == ("new \ufffd?" if sys.version_info < (3, 12) else "new \U0001faf8?")
