"""Machines, schedules and health."""

from __future__ import annotations

from tests.console.conftest import Console
from tests.console.driver import goes_to, notices, sees, until
from tests.console.fake import FakeDaemon


async def test_refused_files_stand_first_with_line_column_code_and_message(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        text = await sees(pilot, "✗ 1 file rejected", 'etl.asl.json:41:17  MISSING_TRANSITION_TARGET  Missing "Next"')
        assert text.splitlines()[2].startswith("▌✗ etl.asl.json")
        await pilot.press("s")
        await until(pilot, lambda: "start: the file was rejected" in notices(pilot))


async def test_a_machine_opens_as_outline_graph_and_text_and_leads_to_its_executions(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "disk-runbook")
        await pilot.press("j", "enter")
        await sees(pilot, "machines › disk-runbook", "‖ PayAndTell  ↯ Refund")
        await pilot.press("G", "2")
        await sees(pilot, "┌┄ ‖ PayAndTell", "[✗ NotDone")
        await pilot.press("k")
        await sees(pilot, "[ƒ Refund")
        await pilot.press("3")
        await sees(pilot, '"StartAt": "CheckOrder"')
        await pilot.press("o")
        await sees(pilot, "/ machine:disk-runbook", "249 match")


async def test_start_sends_the_input_and_opens_the_execution(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sm")
        await sees(pilot, "disk-runbook")
        await pilot.press("j", "s")
        await sees(pilot, "Start disk-runbook")
        await pilot.press(*'{"a": 1}', "ctrl+s")
        await sees(pilot, "executions › order-1000")
        verb, arn, document, name = daemon.calls[0]
        assert (verb, document, name) == ("start", '{"a": 1}', "") and arn.endswith(":stateMachine:disk-runbook")


async def test_a_schedule_is_paused_resumed_and_run(console: Console, daemon: FakeDaemon) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sched")
        await sees(pilot, "Tue 24 Nov 02:00", "runs that overlap: skip · missed while down: last")
        await pilot.press("p")
        await sees(pilot, "■ nightly", "■ 2 paused")
        await pilot.press("p")
        await sees(pilot, "▶ nightly")
        await pilot.press("exclamation_mark")
        await sees(pilot, "Run nightly now?", '{"day": "yesterday"}')
        await pilot.press("y")
        await until(pilot, lambda: len(daemon.calls) == 3)
        assert daemon.calls == [("Pause", "nightly"), ("Resume", "nightly"), ("Run", "nightly")]


async def test_the_last_run_of_a_schedule_opens(console: Console) -> None:
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "sched")
        await sees(pilot, "nightly")
        await pilot.press("enter")
        await sees(pilot, "executions › 2e0cee55-0997")


async def test_health_names_problems_and_queues_nobody_polls(console: Console, daemon: FakeDaemon) -> None:
    daemon.problems = ["the disk is 97 % full"]
    async with console() as pilot:
        await sees(pilot, "● live")
        await goes_to(pilot, "health")
        await sees(pilot, "✗ 1 problem", "✗ the disk is 97 % full", "nobody polls", "/srv/workflows  ✗ 1 rejected")
