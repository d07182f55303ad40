"""Keys of one's own, themes, ASCII signs, and the editor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.pilot import Pilot

from console import actions, looks, places, preferences, themes
from console.app import FlowdApp
from console.places import Opening
from console.plainglyphs import PlainGlyphs, table, wanted
from console.widgets.graph import GraphView
from tests.console.driver import notices, quiet, screen_text, sees, until
from tests.console.fake import ZONE, FakeDaemon
from tests.console.stories import NOW, ORDER

App = Callable[..., FlowdApp]


@pytest.fixture
def app(daemon: FakeDaemon, tmp_path: Path) -> Iterator[App]:
    """An app with settings; the tables of keys are put back afterwards."""
    for name in ("execution", *(module for module, _ in places.MODES.values())):
        import_module(f"console.screens.{name}")  # they take their keys when they are imported
    kept, everywhere = dict(actions.TABLE), actions.EVERYWHERE

    def make(keys: str = "", **settings: Any) -> FlowdApp:
        made = FlowdApp(daemon, now=lambda: NOW, zone=ZONE, state_dir=tmp_path, settle=0, **settings)
        (tmp_path / "keys.toml").write_text(keys)
        made.take_keys(tmp_path / "keys.toml")
        return quiet(made)

    yield make
    actions.TABLE.update(kept)
    actions.EVERYWHERE = everywhere


async def test_a_key_of_ones_own_works_and_is_shown(app: App) -> None:
    async with app('[execution]\nview_graph = "ctrl+g"\n[everywhere]\nhelp = "f1"\n').run_test(size=(80, 24)) as pilot:
        await sees(pilot, "order-1000", "f1 help")
        await pilot.press("enter")
        await sees(pilot, "BigOrder")
        await pilot.press("2")
        await pilot.press("ctrl+g")
        await sees(pilot, "┌┄ ‖ PayAndTell")
        await pilot.press("f1")
        await sees(pilot, "keys · execution")


async def test_wrong_keys_are_told_and_the_rest_holds(app: App) -> None:
    text = '[execution]\nfly = "x"\nfork = 3\n[nowhere]\na = "b"\n'
    async with app(text).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "[execution] has no action fly" in notices(pilot))
        assert 'execution.fork must be a text like "ctrl+k"' in notices(pilot)
        assert "there is no screen [nowhere]" in notices(pilot)


def test_a_file_of_keys_that_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    assert preferences.read_keys(path) == ({}, [])
    path.write_text("[execution")
    assert preferences.read_keys(path)[0] == {} and "keys.toml" in preferences.read_keys(path)[1][0]
    path.write_text('[execution]\nfork = "x"\n')
    assert preferences.read_keys(path)[1] == ["keys.toml: on execution the key x is both fork and stop"]


def test_no_key_means_two_things() -> None:
    assert preferences.clashes({}) == []


@pytest.mark.parametrize("name", [theme.name for theme in themes.THEMES])
async def test_every_theme_paints_every_tone(app: App, name: str) -> None:
    async with app(theme=name).run_test(size=(100, 40)) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter", "2")
        await sees(pilot, "┌┄ ‖ PayAndTell")
        graph = pilot.app.screen.focused
        assert isinstance(graph, GraphView)
        styles = {str(graph.tone(tone)) for tone in ("ok", "bad", "late", "run")}
        assert len(styles) == 4


async def test_the_theme_that_was_chosen_last_is_there_again(app: App, tmp_path: Path) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await sees(pilot, "order-1000")
        pilot.app.theme = "flowd-light"
        await until(pilot, lambda: preferences.chosen_theme(tmp_path) == "flowd-light")
    assert app().theme == "flowd-light"
    (tmp_path / "theme").write_text("no-such-theme\n")
    assert app().theme == "flowd"


async def test_plain_signs_are_ascii_everywhere(app: App) -> None:
    async with app(plain=True).run_test(size=(160, 48)) as pilot:
        await until(pilot, lambda: "order-1000" in screen_text(pilot))
        await pilot.press("j", "j", "j", "enter")
        text = await sees(pilot, "[f Refund x]", "+- = PayAndTell !", "refund.py")
        assert text.isascii(), sorted({char for char in text if not char.isascii()})


def test_every_sign_of_ours_has_a_plain_one() -> None:
    signs = [look.glyph for look in [*looks.VISIT.values(), *looks.WAITING.values(), *looks.FILE.values()]]
    for sign in [*signs, *looks.STATE_TYPE.values(), *looks.CHIP.values(), "…", "▌", "█", "┳", "╭"]:
        assert cell_len(sign) == 1
        assert sign.isascii() or table()[ord(sign)].isascii()
    found = PlainGlyphs().apply([Segment("✓ Zürich 漢")], Color(0, 0, 0))
    assert found[0].text == "+ Zürich 漢"


def test_ascii_is_asked_for_by_option_or_environment() -> None:
    assert wanted(True, {}) and wanted(False, {"FLOWD_ASCII": "1"})
    assert not wanted(False, {"FLOWD_ASCII": "0"})


async def test_the_console_opens_where_it_is_told_to(app: App, daemon: FakeDaemon) -> None:
    opening = Opening(daemon.rows[3]["executionArn"], "graph", "Charge")
    async with app(opening=opening).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "[ƒ Charge ✗]")
        await pilot.press("Y")
        await until(pilot, lambda: "the command that opens this view" in notices(pilot))


class Editor:
    """Writes something into the file it is given."""

    def __init__(self, text: str) -> None:
        self.text, self.seen = text, ""

    def __call__(self, path: Path) -> None:
        self.seen = path.read_text()
        path.write_text(self.text)


async def edit(pilot: Pilot[int], editor: Editor) -> None:
    vars(pilot.app)["edit_file"] = editor
    await sees(pilot, "order-1000")
    await pilot.press("enter")
    await sees(pilot, "BigOrder")
    await pilot.press("e")


async def test_a_file_is_edited_where_it_lies_and_checked(app: App, daemon: FakeDaemon, tmp_path: Path) -> None:
    file = tmp_path / "order-fulfilment.asl.json"
    file.write_text("{}")
    made = app()
    async with made.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "order-1000")
        made.link.health["workflowsDirectory"] = str(tmp_path)
        await edit(pilot, Editor('{"StartAt": "Nowhere"}'))
        await sees(pilot, "Not valid, not in force: order-fulfilment.asl.json", "Missing target: Nowhere")
        await pilot.press("escape")
        await edit_again(pilot, Editor('{"StartAt": "A"}'))
        await until(pilot, lambda: "is valid; it becomes a new version" in notices(pilot))
        await edit_again(pilot, Editor('{"StartAt": "A"}'))
        await until(pilot, lambda: "nothing was changed" in notices(pilot))
        assert daemon.calls == []


async def edit_again(pilot: Pilot[int], editor: Editor) -> None:
    vars(pilot.app)["edit_file"] = editor
    await sees(pilot, "BigOrder")
    await pilot.press("e")


async def test_a_file_that_lies_elsewhere_is_told(app: App) -> None:
    async with app().run_test(size=(80, 24)) as pilot:
        await edit(pilot, Editor(""))
        await until(pilot, lambda: "is not on this machine" in notices(pilot))


async def test_a_read_only_console_opens_no_editor(app: App, daemon: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "order-fulfilment.asl.json").write_text("{}")
    made, editor = app(readonly=True), Editor("changed")
    async with made.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "order-1000")
        made.link.health["workflowsDirectory"] = str(tmp_path)
        await edit(pilot, editor)
        await until(pilot, lambda: "edit: the console is read-only" in notices(pilot))
        assert editor.seen == ""


async def test_a_machine_of_the_api_is_edited_as_a_copy_and_changed_after_a_question(
    app: App, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = daemon.rows[0]["stateMachineArn"]

    async def machines() -> list[dict[str, object]]:
        return [{"name": "order-fulfilment", "stateMachineArn": arn, "owner": "api"}]

    monkeypatch.setattr(daemon, "machines", machines)
    editor = Editor('{"StartAt": "A"}')
    async with app().run_test(size=(80, 24)) as pilot:
        await edit(pilot, editor)
        await sees(pilot, "Change order-fulfilment?")
        assert '"StartAt": "CheckOrder"' in editor.seen and len(editor.seen) > len(ORDER)
        await pilot.press("y")
        await until(pilot, lambda: daemon.calls == [("update", arn, '{"StartAt": "A"}')])


def test_a_terminal_of_sixteen_colours_gets_its_own_unless_one_has_chosen() -> None:
    assert [themes.default(found) for found in ("standard", "256", "truecolor", None)] == ["flowd-16", *["flowd"] * 3]


async def test_the_cursor_of_sixteen_colours_is_a_row_turned_round_without_other_colours(app: App) -> None:
    async with app(theme="flowd-16").run_test(size=(100, 40)) as pilot:
        await sees(pilot, "order-1000")
        await until(pilot, lambda: len(_row_styles(pilot)) == 1)
        assert all(style is not None and style.reverse for style in _row_styles(pilot))


def _row_styles(pilot: Pilot[int]) -> set[Style | None]:
    """The styles on the row of the cursor."""
    row = next(s for s in pilot.app.screen._compositor.render_strips() if "order-1000" in s.text)
    return {segment.style for segment in row if segment.text.strip()}
