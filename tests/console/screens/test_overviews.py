"""The lists about the whole daemon, driven by keys: batches, dead letters, deploys, queues, audit, log."""

from __future__ import annotations

import pytest

from console.screens.batches import BatchScreen
from console.screens.executions import ExecutionsScreen
from tests.console.conftest import Console
from tests.console.driver import goes_to, notices, screen_text, sees, sees_no, until
from tests.console.fake import FakeDaemon


async def test_marked_executions_are_redriven_by_the_daemon_after_a_reason(
    console: Console, daemon: FakeDaemon
) -> None:
    async with console(100, 30) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("space", "j", "j", "space")
        await sees(pilot, "● 2 marked")
        await pilot.press("R")
        await sees(pilot, "Redrive 1 execution?", "2 match:", "1 is left alone")
        await pilot.press("enter")
        await sees(pilot, "reason: say why")
        await pilot.press(*"bank is back", "enter")
        await until(pilot, lambda: daemon.asked)
        assert daemon.asked == [("StartBatch", {"verb": "redrive", "reason": "bank is back", "ids": [997, 1000]})]
        await sees(pilot, "batches", "bank is back")
        await goes_to(pilot, "exec")
        await sees_no(pilot, "marked")


@pytest.mark.parametrize("key", ["ctrl+@", "ctrl+space"])
async def test_a_range_is_marked_from_the_last_mark_to_the_cursor(console: Console, key: str) -> None:
    async with console(100, 30) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("j", "space", "j", "j", "j", key)
        await sees(pilot, "● 5 marked")
        await pilot.press("escape")
        await sees_no(pilot, "marked")


async def test_all_that_match_are_stopped_only_after_the_word(console: Console, daemon: FakeDaemon) -> None:
    async with console(100, 30) as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("slash", *"status:running", "enter")
        await sees(pilot, "match", "/ status:running")
        await pilot.press("ctrl+a")
        await sees(pilot, "● all 127 marked")
        await pilot.press("x")
        await sees(pilot, "Stop 127 executions?", "to confirm, type the word stop")
        await pilot.press(*"wrong input", "enter")
        await sees(pilot, "✗ to do this to so many")
        assert daemon.asked == []
        await pilot.press("tab", "tab", *"stop", "ctrl+s")
        await until(pilot, lambda: daemon.asked)
        assert daemon.asked[0][1] == {"verb": "stop", "reason": "wrong input", "filter": "status:running"}


async def test_esc_unmarks_before_it_takes_the_filter_away(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("slash", *"status:failed", "enter")
        await sees(pilot, "126 match")
        await pilot.press("ctrl+a")
        await sees(pilot, "● all 126")
        await pilot.press("escape")
        await sees_no(pilot, "● all")
        assert "126 match" in screen_text(pilot)
        await pilot.press("escape")
        await sees(pilot, "order-1000")


async def test_a_verb_that_fits_none_of_the_marked_says_so(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("space", "R")
        await until(pilot, lambda: "it is for none of the 1 that are marked" in notices(pilot))


async def test_the_filter_line_completes_keys_and_values(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("slash", *"sta", "right", *"f", "right", "enter")
        await sees(pilot, "/ status:failed", "126 match")


async def test_a_view_is_saved_listed_and_called(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        await pilot.press("slash", *"status:aborted", "enter")
        await sees(pilot, "/ status:aborted")
        await pilot.press("W")
        await sees(pilot, "Keep this filter")
        await pilot.press(*"stopped", "enter")
        await until(pilot, lambda: daemon.asked == [("SaveView", {"name": "stopped", "filter": "status:aborted"})])
        await goes_to(pilot, "view failed today")
        await sees(pilot, "/ status:failed", "126 match")
        await pilot.press("v")
        await sees(pilot, "Your views", "stopped")
        await pilot.press("j", "enter")
        await sees(pilot, "/ status:aborted")
        await goes_to(pilot, "view none")
        await until(pilot, lambda: "there is no view none; yours are: failed today, stopped" in notices(pilot))


async def test_a_batch_is_followed_looked_into_and_cancelled(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await goes_to(pilot, "batch")
        await sees(pilot, "21,333 of 60,014", "12 failed", "38,669 left", "▶ 1 under way")
        await sees(pilot, "✗ 12  ExecutionNotRedrivable")
        daemon.batches[0] |= {"done": 30_000}
        daemon.tell({"kind": "batch", "id": "3"})
        await sees(pilot, "30,000 of 60,014")
        await pilot.press("x")
        await sees(pilot, "Cancel batch 3 (redrive)?", "30,002 are left alone")
        await pilot.press("y")
        await until(pilot, lambda: daemon.asked == [("CancelBatch", {"id": 3})])
        await sees(pilot, "■", "cancelled by you")
        await pilot.press("x")
        await until(pilot, lambda: "cancel: it is over" in notices(pilot))
        await pilot.press("enter")
        await sees(pilot, "batches › 3 redrive", "Execution has exceeded the redrivable period")
        assert isinstance(pilot.app.screen, BatchScreen)
        await pilot.press("enter")
        await sees(pilot, "states")


async def test_a_group_of_dead_letters_is_opened_and_redriven(console: Console, daemon: FakeDaemon) -> None:
    async with console(100, 30) as pilot:
        await goes_to(pilot, "dead")
        await sees(pilot, "✗ 24 in 3 groups", "CardDeclined", "1m ago")
        await pilot.press("R")
        await sees(pilot, "Redrive all that ended with CardDeclined in Charge")
        await pilot.press(*"bank", "enter")
        await until(pilot, lambda: daemon.asked)
        assert daemon.asked[0][1]["filter"] == "status:failed machine:order-fulfilment"
        await goes_to(pilot, "dead")
        await sees(pilot, "CardDeclined")
        await pilot.press("enter")
        await sees(pilot, "/ status:failed machine:order-fulfilment")
        assert isinstance(pilot.app.screen, ExecutionsScreen)


async def test_deploys_show_refused_files_first_and_compare_versions(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await goes_to(pilot, "deploy")
        text = await sees(pilot, "✗ 1 file refused", "etl.asl.json", "MISSING_TRANSITION_TARGET")
        assert "etl.asl.json" in text.splitlines()[2]
        await pilot.press("j", "d")
        await sees(pilot, "order-fulfilment v8 › v9", "the two are the same")
        await pilot.press("escape", "G", "d")
        await until(pilot, lambda: "mark two versions with space" in notices(pilot))


async def test_queues_tell_who_polls(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await goes_to(pilot, "act")
        await sees(pilot, "✗ nobody polls 1 queue", "encode", "nobody polls")
        await pilot.press("s")
        await sees(pilot, "by queue ▲")
        await pilot.press("slash", *"char", "enter")
        await sees(pilot, "1 match")


async def test_the_audit_opens_the_execution_it_is_about(console: Console) -> None:
    async with console(120, 30) as pilot:
        await goes_to(pilot, "audit")
        await sees(pilot, "RedriveExecution", "batch 3: the bank is back")
        await pilot.press("slash", *"!redrive pause", "enter")
        await sees(pilot, "1 match", "PauseSchedule")
        await pilot.press("enter")
        await until(pilot, lambda: "not done to an execution" in notices(pilot))
        await pilot.press("escape", "g", "enter")
        await sees(pilot, "states")


async def test_the_log_is_harmless_and_can_stand_still(console: Console) -> None:
    async with console(100, 24) as pilot:
        await goes_to(pilot, "log")
        text = await sees(pilot, "notice dropped after 12 tries: evil [red]", "▼ follows")
        assert "\x1b" not in text
        await pilot.press("F")
        await sees(pilot, "■ stands still")


async def test_the_way_back_through_the_screens(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "order-1000")
        for word, seen in (("inbox", "Approve the refund"), ("dead", "CardDeclined")):
            await goes_to(pilot, word)
            await sees(pilot, seen)
        await pilot.press("left_square_bracket")
        await sees(pilot, "Approve the refund")
        await pilot.press("left_square_bracket")
        await sees(pilot, "order-1000")
        await pilot.press("right_square_bracket", "right_square_bracket")
        await sees(pilot, "CardDeclined")
        await pilot.press("minus")
        await sees(pilot, "Approve the refund")
        await pilot.press("minus")
        await sees(pilot, "CardDeclined")


async def test_the_header_tells_that_others_are_here(console: Console, daemon: FakeDaemon) -> None:
    daemon.attached = [{"who": "eva", "console": "other", "looksAt": "inbox", "since": 1.0}]
    async with console() as pilot:
        await sees(pilot, "+1 here", "● live")


@pytest.mark.parametrize("word", ["batch", "dead", "deploy", "act", "audit", "log"])
async def test_a_read_only_console_shows_them_without_verbs(console: Console, word: str) -> None:
    async with console(80, 24, readonly=True) as pilot:
        await goes_to(pilot, word)
        text = await sees(pilot, "read-only", "? help")
        assert "redrive" not in text.splitlines()[-1] and "cancel" not in text.splitlines()[-1]


async def test_schedules_are_paused_in_bulk_and_all_at_once(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await goes_to(pilot, "sched")
        await sees(pilot, "nightly", "year-end")
        await pilot.press("space", "j", "space", "p")
        await until(pilot, lambda: daemon.asked == [("PauseSchedules", {"names": ["nightly", "year-end"]})])
        await pilot.press("P")
        await sees(pilot, "Pause all schedules?")
        await pilot.press("y")
        await until(pilot, lambda: daemon.asked[-1] == ("PauseSchedules", {}))


async def test_a_backfill_shows_its_runs_before_it_starts_them(console: Console, daemon: FakeDaemon) -> None:
    async with console(120, 30) as pilot:
        await goes_to(pilot, "sched")
        await sees(pilot, "nightly")
        await pilot.press("b")
        await sees(pilot, "Backfill nightly")
        await pilot.press(*"soon", "enter")
        await sees(pilot, "'soon': write 2026-01-31")
        await pilot.press(*["backspace"] * 4, *"2026-11-01T02:00", "enter")
        await sees(pilot, "Start 3 runs?", "Sun 01 Nov 2026 02:00")
        await pilot.press(*"was down", "enter")
        await until(pilot, lambda: daemon.asked)
        assert daemon.asked == [
            ("BackfillSchedule", {"name": "nightly", "since": 1793498400.0, "reason": "was down"}),
        ]
        await until(pilot, lambda: "2 runs started, 1 had run already" in notices(pilot))


async def test_health_draws_the_last_hour(console: Console) -> None:
    async with console(120, 40) as pilot:
        await goes_to(pilot, "health")
        await sees(pilot, "started", "in 60 min", "95 % within 42.0s", "the oldest task waits 9m02s")
