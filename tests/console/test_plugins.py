"""Commands of one's own, started by a key."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest

from console import actions, places, plugins
from console.app import FlowdApp
from console.screens.executions import ExecutionsScreen
from tests.console.driver import notices, sees, until

MARK = 'screen = "executions"\nkey = "ctrl+g"\n'


@pytest.fixture
def take(tmp_path: Path) -> Iterator[Callable[[str], list[str]]]:
    """Take a file; the tables of keys are put back afterwards."""
    for name in ("execution", *(module for module, _ in places.MODES.values())):
        import_module(f"console.screens.{name}")  # as if they had been imported before the file was read
    kept = dict(actions.TABLE)

    def do(text: str) -> list[str]:
        (tmp_path / plugins.FILE).write_text(text)
        return plugins.take(tmp_path / plugins.FILE)

    yield do
    actions.TABLE.update(kept)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mark", "plugins.toml: "),
        ("[mark]\nkey = 'x'", "plugins.toml: [mark]: Object missing required field `screen`"),
        (
            f"[mark]\n{MARK}command = 'true'\nshell = 'zsh'",
            "plugins.toml: [mark]: Object contains unknown field `shell`",
        ),
        ("[mark]\nscreen = 'moon'\nkey = 'ctrl+g'\ncommand = 'true'", "plugins.toml: [mark]: there is no screen moon;"),
        ("[mark]\nscreen = 'executions'\nkey = '/'\ncommand = 'true'", "on executions the key slash is filter"),
        (f"['m)']\n{MARK}command = 'true'", "a name has letters, digits, - and _"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(take: Callable[[str], list[str]], text: str, told: str) -> None:
    before = dict(actions.TABLE)
    assert told in " ".join(take(text))
    assert before == actions.TABLE


def test_fields_are_quoted_and_variables_are_left_to_the_shell() -> None:
    fields = {"name": "a'; rm -rf ~", "at": 7}
    assert plugins.filled("echo {name} {at} ${HOME}", fields) == "echo 'a'\"'\"'; rm -rf ~' 7 ${HOME}"
    with pytest.raises(plugins.UnknownField, match=r"there is no field \{x\} here; there are at, name"):
        plugins.filled("{x}", fields)


async def test_a_key_runs_a_command_aside_and_says_its_first_line(
    take: Callable[[str], list[str]], make_app: Callable[..., FlowdApp]
) -> None:
    command = 'command = "echo it is {name}; echo more; exit 3"\nbackground = true\n'
    assert take(f'[mark]\n{MARK}{command}description = "says where it stands"') == []
    async with make_app().run_test(size=(80, 40)) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "mark: it is order-1000 (exit code 3)" in notices(pilot))
        await pilot.press("question_mark", "end")
        await sees(pilot, "ctrl+g", "says where it stands")


async def test_no_key_waits_for_a_command_that_runs_aside(
    take: Callable[[str], list[str]], make_app: Callable[..., FlowdApp], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "end")
    assert take(f'[mark]\n{MARK}command = "echo ended; cat {tmp_path}/end"\nbackground = true') == []
    async with make_app().run_test(size=(80, 24)) as pilot:
        await sees(pilot, "order-1000")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionsScreen)
        await pilot.press("ctrl+g", "j")
        await until(pilot, lambda: screen.table.cursor == 1)
        assert "ended" not in notices(pilot)
        await asyncio.to_thread((tmp_path / "end").write_text, "")
        await until(pilot, lambda: "mark: ended" in notices(pilot))


async def test_a_command_that_wants_to_be_confirmed_is_shown_first_and_gets_the_terminal(
    take: Callable[[str], list[str]],
    make_app: Callable[..., FlowdApp],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    told: list[str] = []
    monkeypatch.setattr("builtins.input", told.append)
    monkeypatch.setattr(FlowdApp, "suspend", lambda self: nullcontext())
    assert take(f'[mark]\n{MARK}command = "echo {{status}} > {tmp_path}/said"\nconfirm = true') == []
    async with make_app().run_test(size=(80, 24)) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("ctrl+g")
        await sees(pilot, "Run mark?", "echo RUNNING")
        assert not (tmp_path / "said").exists()
        await pilot.press("y")
        await until(pilot, lambda: told != [])
    assert (tmp_path / "said").read_text() == "RUNNING\n"
    assert told == ["\nmark ended with exit code 0; enter leads back "]


@pytest.mark.parametrize(
    ("readonly", "said"),
    [(True, "mark: the console is read-only"), (False, "mark: there is no field {nothing} here")],
)
async def test_nothing_runs_from_a_read_only_console_or_with_an_unknown_field(
    take: Callable[[str], list[str]],
    make_app: Callable[..., FlowdApp],
    tmp_path: Path,
    readonly: bool,
    said: str,
) -> None:
    assert take(f'[mark]\n{MARK}command = "echo {{nothing}} > {tmp_path}/said"\nbackground = true') == []
    async with make_app(readonly).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("ctrl+g")
        await until(pilot, lambda: said in notices(pilot))
    assert not (tmp_path / "said").exists()
