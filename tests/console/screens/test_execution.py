from __future__ import annotations

import json

import pytest

from console.screens.execution import ExecutionScreen
from tests.console import stories
from tests.console.conftest import Console
from tests.console.driver import notices, screen_text, sees, until
from tests.console.fake import FakeDaemon, execution
from tests.console.stories import NOW


async def test_the_states_come_first_and_the_cursor_tells_more(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("j", "enter")
        await sees(pilot, "6a7be1b7-0999", "128: 128✓", "▣ prompt 19c2")
        await pilot.press(*"kkkkk")
        await sees(pilot, "PayAndTell › Charge", "3 attempts")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("2", "┌┄ ‖ PayAndTell"),
        ("3", "ActivityStarted"),
        ("4", '"total": 1250.5'),
        ("5", "checking 4711"),
        ("6", '"Approve": {'),
    ],
)
async def test_every_view_has_a_number(console: Console, key: str, expected: str) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter")
        await sees(pilot, "BigOrder")
        await pilot.press(key)
        await sees(pilot, expected)


async def test_what_tasks_print_is_neither_markup_nor_a_command(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter", "5")
        await sees(pilot, "busy    [red]not markup[/red]")


async def test_f_goes_from_failure_to_failure_and_enter_to_the_events_of_a_state(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("j", "j", "j", "enter")
        await sees(pilot, "✗ FAILED", "Refund.Unknown")
        await pilot.press("f", "f", "f")
        await sees(pilot, "no such payment")
        await pilot.press("enter")
        text = await sees(pilot, '"name": "Refund"')
        assert "▌" in next(line for line in text.splitlines() if "TaskStateEntered" in line and "Refund" in line)


async def test_a_search_marks_hits_and_n_goes_on(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter", "6")
        await sees(pilot, '"Approve": {')
        await pilot.press("slash", *"refund", "enter")
        await until(pilot, lambda: " hits" in notices(pilot))
        assert isinstance(pilot.app.screen, ExecutionScreen)
        view = pilot.app.screen.focused_view()
        first = view.cursor
        await pilot.press("n")
        assert view.cursor > first


async def test_news_of_the_execution_bring_its_new_events(
    console: Console, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = stories.waiting(NOW - 420)
    monkeypatch.setattr(daemon, "_story", lambda row: story)
    arn = execution(1000)["executionArn"]
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter")
        await sees(pilot, "▶ RUNNING", "▣ prompt 19c2")
        story.after(400).add("ActivitySucceeded", output="{}").add("TaskStateExited", name="Approve", output="{}")
        story.task("Ship", 1).add("ExecutionSucceeded", output="{}")
        daemon.rows[0] = daemon.rows[0] | {"status": "SUCCEEDED"}
        daemon.tell({"kind": "execution", "id": 1000, "executionArn": arn, "status": "SUCCEEDED"})
        text = await sees(pilot, "✓ SUCCEEDED")
        assert "✓ ok" in next(line for line in text.splitlines() if "ƒ Ship" in line)


async def test_an_execution_that_does_not_exist_is_told(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        pilot.app.push_screen(ExecutionScreen("arn:nowhere", "nowhere"))
        await until(pilot, lambda: "ExecutionDoesNotExist" in notices(pilot))
        await pilot.press("escape")
        await sees(pilot, "flowd › executions")


async def test_answering_is_one_key_from_the_execution(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("enter")
        await sees(pilot, "BigOrder")
        await pilot.press("a")
        await sees(pilot, "inbox › ", "ctrl+s submit")


async def test_input_and_cause_that_hold_json_are_opened_up(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("j", "j", "j", "enter", "4")
        text = await sees(pilot, '"errorMessage": "no such payment"')
        assert json.dumps("Refund.Unknown") in text and "Traceback" not in screen_text(pilot)
