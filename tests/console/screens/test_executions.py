from __future__ import annotations

from typing import Any

import pytest

from console.screens.executions import ExecutionsScreen
from console.widgets.table import VirtualTable
from tests.console.conftest import Console
from tests.console.driver import goes_to, screen_text, sees, sees_no, until
from tests.console.fake import FakeDaemon, execution


async def test_a_filter_is_asked_of_the_daemon_and_esc_takes_it_away(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("slash", *"status:failed", "enter")
        await sees(pilot, "/ status:failed", "126 match", "2e0cee55-0997")
        assert "RUNNING" not in screen_text(pilot)
        await pilot.press("escape")
        await sees(pilot, "order-1000", "RUNNING")


async def test_tab_takes_the_word_in_grey_and_what_is_typed_next_stays_in_the_line(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("slash", *"sta")
        await sees(pilot, "status:")
        await pilot.press("tab", *"fai")
        await sees(pilot, "status:failed")
        await pilot.press("tab", "tab", "enter")
        await sees(pilot, "/ status:failed", "126 match")


async def test_a_filter_the_daemon_refuses_stays_in_the_line(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("slash", *"colour:red", "enter")
        text = await sees(pilot, "✗ unknown word in the filter: colour:red", "enter take it")
        assert "colour:red" in text.splitlines()[-2]
        await pilot.press("backspace")
        await sees_no(pilot, "✗ unknown word")


async def test_new_executions_are_counted_and_do_not_push_rows(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000", "● live")
        daemon.rows[:0] = [execution(1002), execution(1001)]
        daemon.tell({"kind": "execution", "id": 1001, "status": "RUNNING"})
        text = await sees(pilot, "▲ 2 new")
        assert text.splitlines()[3].startswith("▌▶ order-1000")
        await pilot.press("n")
        await sees_no(pilot, "▲ 2 new")
        await sees(pilot, execution(1002)["name"])


async def test_a_row_in_view_follows_its_execution(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000", "● live")
        daemon.rows[0] = daemon.rows[0] | {"status": "ABORTED", "stopDate": daemon.rows[0]["startDate"] + 5}
        daemon.tell({"kind": "execution", "id": 1000, "status": "ABORTED"})
        await sees(pilot, "■ order-1000")


async def test_the_last_of_a_thousand_rows_is_one_key_away(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("G")
        await sees(pilot, execution(1)["name"])
        assert isinstance(pilot.app.screen, ExecutionsScreen)
        item = pilot.app.screen.item()
        assert item is not None and item["id"] == 1


async def test_moving_the_cursor_repaints_two_lines(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        assert isinstance(pilot.app.screen, ExecutionsScreen)
        screen, table = pilot.app.screen, pilot.app.screen.table
        painted: list[int] = []
        monkeypatch.setattr(table, "refresh_running", lambda: None)  # a second's repaint is not the cursor's
        await until(pilot, lambda: screen.loaded and not screen._reading and not table._walking)
        spans = table.spans

        def noted(index: int, width: int) -> Any:
            painted.append(index)
            return spans(index, width)

        monkeypatch.setattr(table, "spans", noted)
        await pilot.press("j")
        await until(pilot, lambda: painted)
        assert set(painted) == {0, 1}


async def test_stop_asks_why_first_and_for_an_error_if_one_wants(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("x")
        await sees(pilot, "Stop order-1000?")
        await pilot.press(*"a mistake", "tab", *"Wrong", "ctrl+s")
        await until(pilot, lambda: daemon.calls)
        assert daemon.calls == [("stop", execution(1000)["executionArn"], "Wrong", "a mistake")]


async def test_redrive_shows_what_will_run_and_does_it_only_after_yes(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("j", "j", "j", "R")
        await sees(pilot, "Redrive 2e0cee55-0997", "ƒ Refund  ✗ Refund.Unknown", "will not run again")
        await pilot.press("escape")
        await sees_no(pilot, "Redrive")
        assert daemon.calls == []
        await pilot.press("R")
        await sees(pilot, "Redrive 2e0cee55-0997")
        await pilot.press("y")
        await until(pilot, lambda: daemon.calls == [("redrive", execution(997)["executionArn"])])


async def test_run_again_checks_the_edited_input_before_it_is_sent(console: Console, daemon: FakeDaemon) -> None:
    async with console(100, 30) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("N")
        await sees(pilot, "Run order-fulfilment again", '"order": "4711"')
        await pilot.press("x", "ctrl+s")
        await sees(pilot, "✗ line 1, column 1")
        assert daemon.calls == []
        await pilot.press("backspace", "ctrl+s")
        await until(pilot, lambda: daemon.calls)
        verb, arn, document = daemon.calls[0]
        assert (verb, arn) == ("again", execution(1000)["executionArn"]) and '"total": 1250.5' in document


async def test_an_empty_list_says_how_to_begin(console: Console, daemon: FakeDaemon) -> None:
    daemon.rows.clear()
    async with console() as pilot:
        await sees(pilot, "no executions yet", "workflows folder")
        daemon.rows.append(execution(1))
        daemon.tell({"kind": "execution", "id": 1, "status": "RUNNING"})
        await sees(pilot, execution(1)["name"])


async def test_what_ended_while_another_screen_was_open_is_seen_on_the_way_back(
    console: Console, daemon: FakeDaemon
) -> None:
    async with console() as pilot:
        assert "RUNNING" in (await sees(pilot, "order-1000")).splitlines()[2]
        await goes_to(pilot, "inbox")
        await sees(pilot, "Approve the refund")
        daemon.rows[0] = daemon.rows[0] | {"status": "ABORTED"}
        daemon.tell({"kind": "execution", "id": "1000", "status": "ABORTED"})
        await goes_to(pilot, "exec")
        await until(pilot, lambda: "order-1000" in (line := screen_text(pilot).splitlines()[2]) and "ABORTED" in line)


async def test_a_page_that_changed_out_of_view_is_right_when_one_scrolls_to_it(
    console: Console, daemon: FakeDaemon
) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("G")
        await sees(pilot, "order-5 ")
        assert "TIMED OUT" in screen_text(pilot)
        await pilot.press("g")
        await sees(pilot, "order-1000")
        last = next(place for place, row in enumerate(daemon.rows) if row["name"] == "order-5")
        daemon.rows[last] = daemon.rows[last] | {"status": "ABORTED", "stateMachineName": "another"}
        daemon.tell({"kind": "execution", "id": "5", "status": "ABORTED"})
        await until(pilot, lambda: not daemon.changes)
        await pilot.press("G")
        await sees(pilot, "another")


async def test_on_the_way_to_the_end_nothing_is_painted_that_nobody_would_see(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[VirtualTable] = []
    relayout = VirtualTable.relayout

    def counted(table: VirtualTable) -> None:
        painted.append(table)
        relayout(table)

    async with console() as pilot:
        await sees(pilot, "order-1000")
        monkeypatch.setattr(VirtualTable, "relayout", counted)
        await pilot.press("G")
        await sees(pilot, "order-5 ")
        assert painted == []
