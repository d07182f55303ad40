from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.pilot import Pilot

from console.client import Item, Unreachable
from console.pages import KeysetSource
from console.screens.answer import AnswerScreen
from console.screens.executions import LATE, ExecutionsScreen
from console.screens.inbox import InboxScreen
from console.typeahead import TypeAhead
from tests.console.conftest import Console
from tests.console.driver import goes_to, notices, screen_text, sees, until
from tests.console.fake import FakeDaemon


def packet(pilot: Pilot[int], *keys: str) -> None:
    """All of these keys at once, as a slow line delivers them."""
    for key in keys:
        pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_text_that_comes_together_with_tab_goes_to_the_next_field(console: Console) -> None:
    async with console(width=100, height=40) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the refund")
        await pilot.press("j", "enter")
        await sees(pilot, "E-mail *")
        await until(pilot, lambda: pilot.app.focused is not None)
        form = pilot.app.screen
        assert isinstance(form, AnswerScreen)
        packet(pilot, "right", "tab", *"hl1", "tab", *"7")
        await until(pilot, lambda: "7" in form.form.raws().values(), "the last key")
        raws = {".".join(path): raw for path, raw in form.form.raws().items()}
        assert (raws["decision"], raws["amount"], raws["retries"]) == ("reject", "hl1", "7")


async def test_a_word_typed_ahead_of_the_command_line_is_not_read_as_verbs(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        packet(pilot, "colon", *"inbox", "enter", "j")
        await until(pilot, lambda: isinstance(pilot.app.screen, InboxScreen))
        screen = pilot.app.screen
        assert isinstance(screen, InboxScreen)
        await until(pilot, lambda: screen.loaded)
        assert len(pilot.app.screen_stack) == 1


WORDS = "status:failed"
BY_COMMAND = ("colon", *f"exec {WORDS}", "enter")
BY_FILTER = ("slash", *WORDS, "enter")


@pytest.fixture
def answers(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set: the daemon answers for filtered lists. It was asked for one: `daemon.calls` has the filter."""
    may, whole = asyncio.Event(), daemon.executions

    async def executions(text: str, before: int | None, limit: int, skip: int = 0) -> Item:
        if text:
            daemon.calls.append(("filtered", text))
            await may.wait()
        return await whole(text, before, limit, skip)

    monkeypatch.setattr(daemon, "executions", executions)
    return may


@pytest.mark.parametrize("way", [BY_COMMAND, BY_FILTER])
async def test_keys_typed_ahead_of_a_filter_are_for_the_list_it_gives(
    console: Console, daemon: FakeDaemon, answers: asyncio.Event, way: tuple[str, ...]
) -> None:
    third = daemon.matching(WORDS)[2]["name"]
    async with console() as pilot:
        await sees(pilot, "order-1000")
        packet(pilot, *way, "j", "j", "enter")
        await until(pilot, lambda: ("filtered", WORDS) in daemon.calls, "the filter is asked for")
        assert len(pilot.app.screen_stack) == 1
        answers.set()
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2, "the execution")
        await sees(pilot, third)


async def test_keys_typed_ahead_are_dropped_if_the_list_does_not_come_and_its_rows_are_gone(
    console: Console, daemon: FakeDaemon, answers: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TypeAhead, "patience_s", 0.1)
    async with console() as pilot:
        await sees(pilot, "order-1000")
        packet(pilot, *BY_COMMAND, "j", "j", "enter")
        await until(pilot, lambda: "3 keys typed ahead not taken" in notices(pilot))
        assert LATE in await sees(pilot, LATE) and "order-1000" not in screen_text(pilot)
        await pilot.press("enter")
        assert len(pilot.app.screen_stack) == 1
        answers.set()
        await sees(pilot, daemon.matching(WORDS)[0]["name"])


@pytest.mark.parametrize("wrong", ["exec nonsense:x", "nonsense"])
async def test_keys_typed_ahead_of_a_command_that_leads_nowhere_are_dropped(console: Console, wrong: str) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        packet(pilot, "colon", *wrong, "enter", "j", "enter")
        await until(pilot, lambda: "2 keys typed ahead not taken" in notices(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionsScreen) and screen.table.cursor == 0


async def test_keys_typed_ahead_of_a_tab_are_for_its_rows(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, whole = asyncio.Event(), daemon.prompts

    async def prompts(closed: bool) -> list[Item]:
        if closed:
            daemon.calls.append(("closed",))
            await may.wait()
        return await whole(closed)

    monkeypatch.setattr(daemon, "prompts", prompts)
    async with console() as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the refund")
        packet(pilot, "5", "enter")
        await until(pilot, lambda: ("closed",) in daemon.calls)
        assert isinstance(pilot.app.screen, InboxScreen)
        may.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, AnswerScreen))
        screen = pilot.app.screen
        assert isinstance(screen, AnswerScreen) and screen.prompt["answer"]


async def test_a_dialog_that_is_left_for_another_screen_holds_no_keys_up(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("x")
        await sees(pilot, "Stop order-1000?")
        await pilot.press("ctrl+p", *"go to executions")
        await sees(pilot, "the executions screen")
        await pilot.press("down", "enter")
        screen = pilot.app.screen_stack[0]
        assert isinstance(screen, ExecutionsScreen)
        await until(pilot, lambda: pilot.app.screen is screen)
        await until(pilot, lambda: not screen.waiting, "no key waits")


async def test_what_is_typed_behind_a_bulk_verb_goes_to_its_dialog(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, whole = asyncio.Event(), daemon.ask

    async def ask(operation: str, **members: object) -> Item:
        if operation == "StartBatch":
            daemon.calls.append(("preview",))
            await may.wait()
        return await whole(operation, **members)

    monkeypatch.setattr(daemon, "ask", ask)
    async with console() as pilot:
        await sees(pilot, "order-1000")
        packet(pilot, "ctrl+a", "R", *"jx")
        await until(pilot, lambda: ("preview",) in daemon.calls, "the preview")
        may.set()
        await until(pilot, lambda: getattr(pilot.app.focused, "value", "") == "jx", "the reason")


async def test_a_list_read_under_the_filter_of_before_that_comes_late_is_not_shown(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, whole = {text: asyncio.Event() for text in ("status:failed", "status:running")}, daemon.executions

    async def executions(text: str, before: int | None, limit: int, skip: int = 0) -> Item:
        if text and limit > 1:  # one row is what a filter is tried with
            daemon.calls.append(("filtered", text))
            await may[text].wait()
        return await whole(text, before, limit, skip)

    monkeypatch.setattr(daemon, "executions", executions)
    async with console() as pilot:
        await sees(pilot, "order-1000")
        screen = pilot.app.screen
        assert isinstance(screen, ExecutionsScreen)
        rows: list[Item] = []
        show_rows = screen.table.show_rows

        def noted(source: KeysetSource, keep: bool) -> None:
            rows.extend(source.held())
            show_rows(source, keep)

        monkeypatch.setattr(screen.table, "show_rows", noted)
        screen.take_words("status:failed", view=False)
        await until(pilot, lambda: ("filtered", "status:failed") in daemon.calls)
        screen.take_words("status:running", view=False)
        await until(pilot, lambda: screen.text == "status:running")
        packet(pilot, "j", "enter")
        may["status:failed"].set()
        await until(pilot, lambda: ("filtered", "status:running") in daemon.calls)
        assert rows == [] and screen.waiting and len(pilot.app.screen_stack) == 1
        may["status:running"].set()
        await until(pilot, lambda: len(pilot.app.screen_stack) == 2)
        await sees(pilot, daemon.matching("status:running")[1]["name"])
        assert {row["status"] for row in rows} == {"RUNNING"}


async def test_the_rows_come_back_if_the_view_that_was_asked_for_is_none_after_all(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, whole = asyncio.Event(), daemon.ask

    async def ask(operation: str, **members: object) -> Item:
        if operation == "Attend":  # the first answer has every screen read again
            raise Unreachable
        if operation == "ListViews":
            await may.wait()
        return await whole(operation, **members)

    monkeypatch.setattr(daemon, "ask", ask)
    monkeypatch.setattr(TypeAhead, "patience_s", 0.05)
    async with console() as pilot:
        await sees(pilot, "order-1000")
        packet(pilot, "colon", *"view nowhere", "enter", "j")
        await sees(pilot, LATE)
        may.set()
        await sees(pilot, "order-1000")
        assert "there is no view nowhere" in notices(pilot)
