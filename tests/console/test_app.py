from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest

from console.app import FlowdApp
from console.screens.executions import ExecutionsScreen
from console.screens.inbox import InboxScreen
from console.screens.shell import Shell
from console.terminal import Bell
from console.widgets.bars import Header
from tests.console.conftest import Console
from tests.console.driver import Expected, goes_to, notices, screen_text, sees, sees_no, until
from tests.console.fake import FakeDaemon, prompt


async def test_ctrl_z_gives_the_terminal_back_to_the_shell(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []
    monkeypatch.setattr(FlowdApp, "action_suspend_process", lambda app: stopped.append(app.current_mode))
    async with console() as pilot:
        await sees(pilot, "● live")
        await pilot.press("ctrl+z", "slash")
        await until(pilot, lambda: stopped == ["executions"])


async def test_the_console_opens_on_the_executions_with_counts_and_the_inbox_badge(console: Console) -> None:
    async with console() as pilot:
        text = await sees(pilot, "● live", "order-1000", "▣ inbox 4 (1 due)")
        assert "▶ 127  ✓ 499  ✗ 126" in text


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("inbox", "Approve the refund"),
        ("sm", "order-fulfilment"),
        ("sched", "cron(0 2 * * ? *)"),
        ("health", "pid 812"),
    ],
)
async def test_a_word_after_the_colon_goes_to_a_screen_and_esc_comes_back(
    console: Console, word: str, expected: str
) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await goes_to(pilot, word)
        await sees(pilot, expected)
        await pilot.press("escape")
        await sees(pilot, "flowd › executions")


async def test_an_unknown_word_is_told_and_the_beginning_of_one_is_enough(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await goes_to(pilot, "nowhere")
        await until(pilot, lambda: "no such screen: nowhere" in notices(pilot))
        await goes_to(pilot, "inbx")
        await until(pilot, lambda: "no such screen: inbx; did you mean :inbox?" in notices(pilot))
        await goes_to(pilot, "de")
        await until(pilot, lambda: "de may be dead or deploys" in notices(pilot))
        await goes_to(pilot, "sch")
        await sees(pilot, "nightly")


async def test_a_word_may_have_a_filter_behind_it(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await goes_to(pilot, "machines order-")
        await sees(pilot, "/ order-", "1 match", "order-fulfilment")
        await goes_to(pilot, "exec status:failed")
        await sees(pilot, "/ status:failed", "126 match")
        await goes_to(pilot, "health now")
        await until(pilot, lambda: "health takes no filter: now" in notices(pilot))
        await goes_to(pilot, "view failed today")
        await sees(pilot, "/ status:failed")


async def test_q_on_the_first_screen_ends_the_console(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("q")
        await until(pilot, lambda: pilot.app._exit)
        assert pilot.app.return_value == 0


async def test_help_is_made_from_the_actions_and_says_why_something_cannot_be_done(console: Console) -> None:
    async with console(120, 40) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("question_mark")
        text = await sees(pilot, "keys · executions")
        assert "not now: it is still running" in text and ":exec :inbox" in text
        await pilot.press("escape")
        await sees_no(pilot, "keys · executions")


async def test_a_daemon_that_goes_away_greys_the_data_disables_verbs_and_comes_back(
    console: Console, daemon: FakeDaemon
) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        daemon.cut()
        await sees(pilot, "✗ no daemon, again in", "order-1000")
        assert pilot.app.screen.has_class("-stale")
        await pilot.press("x")
        await until(pilot, lambda: "stop: no daemon answers" in notices(pilot))
        daemon.mend()
        await pilot.press("ctrl+r")
        await sees(pilot, "● live")
        assert not pilot.app.screen.has_class("-stale")


async def test_a_daemon_that_is_not_there_at_first_is_waited_for(console: Console, daemon: FakeDaemon) -> None:
    daemon.up = False
    async with console() as pilot:
        await sees(pilot, "✗ no daemon")
        daemon.mend()
        await pilot.press("ctrl+r")
        await sees(pilot, "● live", "order-1000")


async def test_a_terminal_that_is_too_small_gets_a_sentence(console: Console) -> None:
    async with console(50, 12) as pilot:
        await sees(pilot, "flowd needs 60 columns and 16 rows")
        await goes_to(pilot, "inbox")  # its panel shows and hides itself
        await until(pilot, lambda: isinstance(pilot.app.screen, InboxScreen) and pilot.app.screen.item() is not None)
        assert "Customer" not in await sees(pilot, "flowd needs 60 columns and 16 rows")
        await goes_to(pilot, "exec")
        await pilot.resize_terminal(80, 24)
        await sees(pilot, "order-1000")


async def test_a_readonly_console_offers_no_verbs_and_refuses_their_keys(console: Console) -> None:
    async with console(readonly=True) as pilot:
        text = await sees(pilot, "read-only", "order-1000")
        assert "redrive" not in text and "stop" not in text
        await pilot.press("x")
        await until(pilot, lambda: "stop: the console is read-only" in notices(pilot))


async def test_an_unexpected_error_becomes_a_notice_with_its_place_and_a_log(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with console(100, 30) as pilot:
        await sees(pilot, "order-1000")

        def broken(self: ExecutionsScreen) -> None:
            raise Expected("title")

        monkeypatch.setattr(ExecutionsScreen, "do_copy", broken)
        await pilot.press("y")
        await until(pilot, lambda: "Expected: 'title'" in notices(pilot))
        assert "test_app.py:" in notices(pilot) and "Traceback" not in screen_text(pilot)
        assert "Traceback" in (tmp_path / "console.log").read_text()
        await pilot.press("j")
        assert isinstance(pilot.app.screen, ExecutionsScreen) and pilot.app.screen.table.cursor == 1


async def test_the_palette_holds_the_actions_of_the_screen(console: Console) -> None:
    async with console(120, 40) as pilot:
        await sees(pilot, "order-1000")
        assert isinstance(pilot.app, FlowdApp)
        titles = [command.title for command in pilot.app.get_system_commands(pilot.app.screen)]
        assert {"redrive", "run again", "go to inbox"} <= set(titles)


async def test_the_link_survives_an_answer_of_the_wrong_form(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")

        async def odd(cursor: object) -> dict[str, object]:
            await asyncio.sleep(0.01)
            raise Expected("cursor")

        monkeypatch.setattr(daemon, "watch", odd)
        daemon.tell({"kind": "execution", "id": 1})
        await until(pilot, lambda: isinstance(pilot.app, FlowdApp) and pilot.app.faults)
        await sees(pilot, "order-1000")


async def test_news_of_the_line_reach_a_screen_that_is_being_taken_down(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        shell = pilot.app.screen
        assert isinstance(shell, Shell)
        await shell.query_one(Header).remove()
        shell.refresh_bars()


async def test_the_palette_has_what_the_console_can_do_and_nothing_of_the_toolkit(console: Console) -> None:
    async with console(80, 40) as pilot:
        await sees(pilot, "order-1000")
        names = {command.title for command in pilot.app.get_system_commands(pilot.app.screen)}
        assert {"open", "copy id", "go to inbox", "theme", "quit"} <= names
        assert not names & {"Maximize", "Screenshot", "Keys"}


@pytest.mark.parametrize(("quiet", "rung"), [(None, 1), ((time(19), time(20)), 0), ((time(20), time(19)), 1)])
async def test_a_prompt_that_opens_rings_but_for_the_quiet_hours_of_the_consoles_zone(
    quiet: tuple[time, time] | None,
    rung: int,
    make_app: Callable[..., FlowdApp],
    daemon: FakeDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is 19:14 there."""
    app = make_app()
    written: list[str] = []
    app.bells = Bell(quiet)
    async with app.run_test(size=(80, 24)) as pilot:
        await sees(pilot, "inbox 4")
        assert app._driver is not None
        write = app._driver.write

        def noted(data: str) -> None:
            written.append(data)
            write(data)

        monkeypatch.setattr(app._driver, "write", noted)
        daemon.open.append(prompt("beef", title="Ring the bell"))
        daemon.tell({"kind": "prompt", "id": "beef"})
        await sees(pilot, "inbox 5")
        assert sum("Ring the bell" in data for data in written) == rung
