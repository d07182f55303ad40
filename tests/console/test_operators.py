"""Stories of operators on a real engine and API in this process, keys only; the clock stands still."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import FlowdApp
from console.client import SocketDaemon
from flowd.api.wire import app as wire
from flowd.operators import batches
from flowd.sam.schedules import SamSchedule
from tests.api.box import Box, activity_machine
from tests.console import driver
from tests.console.driver import goes_to, notices, quiet, screen_text, sees, until

ME = getpass.getuser()
DESK = "arn:aws:states:us-east-1:000000000000:activity:desk"
DECLINED = json.dumps(
    {
        "StartAt": "Charge",
        "States": {"Charge": {"Type": "Fail", "Error": "CardDeclined", "Cause": "limit of IBAN CH93"}},
    }
)


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    monkeypatch.setattr(driver, "DEADLINE_S", 60.0)
    made = Box(tmp_path)
    await made.start()
    yield made
    await made.stop()


@asynccontextmanager
async def attached(box: Box, height: int = 30) -> AsyncIterator[Pilot[int]]:
    app = quiet(FlowdApp(SocketDaemon(box.folder / "s"), state_dir=box.folder, settle=0))
    async with app.run_test(size=(120, height)) as pilot:
        await sees(pilot, "● live")
        yield pilot
    assert app.faults == []


@pytest.mark.slow
async def test_a_failed_payment_is_found_by_its_text_and_all_like_it_are_retried_and_cancelled_half_way(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "AT_ONCE", 10)
    machine = await box.machine(DECLINED, name="payments")
    for number in range(60):
        await box.call(
            "start_execution",
            stateMachineArn=machine,
            name=f"p{number}",
            input=json.dumps({"order": f"ORD-{number:04}"}),
        )
    await box.world.settle()
    redrive, gate, reached = box.services.core.executions.redrive, asyncio.Event(), asyncio.Event()
    calls: list[str] = []

    async def gated(arn: str, token: str | None) -> int:
        calls.append(arn)
        if len(calls) > 20:
            reached.set()
            await gate.wait()
        return await redrive(arn, token)

    monkeypatch.setattr(box.services.core.executions, "redrive", gated)
    async with attached(box) as pilot:
        await sees(pilot, "✗ 60")
        await pilot.press("slash", *"ord-0042", "enter")
        await sees(pilot, "1 match", "p42", "CardDeclined")
        await pilot.press("slash", *["backspace"] * 8, *'"IBAN CH93"', "enter")
        await sees(pilot, "60 match")
        await pilot.press("ctrl+a", "R")
        await sees(pilot, "Redrive 60 executions?")
        await pilot.press(*"the bank is back", "enter")
        await sees(pilot, "batches", "the bank is back")
        await reached.wait()
        await sees(pilot, "20 of 60")
        await pilot.press("x")
        await sees(pilot, "Cancel batch 1 (redrive)?")
        await pilot.press("y")
        await sees(pilot, "cancelled")
        gate.set()
        await sees(pilot, "30 of 60", "30 left")
        await goes_to(pilot, "audit")
        await sees(pilot, "CancelBatch", "batch 1: the bank is back")
    await box.world.settle()
    found = await box.flowd("ListExecutions", limit=100)
    assert sum(row["redriveCount"] for row in found["executions"]) == 30


async def test_a_failed_payment_is_found_by_its_text_its_cause_is_seen_and_it_is_redriven(box: Box) -> None:
    bank = activity_machine("arn:aws:states:us-east-1:000000000000:activity:bank")
    machine = await box.machine(bank, name="payments")
    for order in ("ORD-0041", "ORD-0042"):
        document = json.dumps({"order": order})
        await box.call("start_execution", stateMachineArn=machine, name=f"pay-{order}", input=document)
    await box.world.settle()
    for order in ("ORD-0041", "ORD-0042"):
        task = await box.call("get_activity_task", activityArn="arn:aws:states:us-east-1:000000000000:activity:bank")
        assert order in task["input"]
        if order == "ORD-0042":
            cause = "the limit of IBAN CH93 is reached"
            await box.call("send_task_failure", taskToken=task["taskToken"], error="CardDeclined", cause=cause)
    await box.world.settle()
    async with attached(box) as pilot:
        await sees(pilot, "▶ 1", "✗ 1")
        await pilot.press("slash", *"ord-0042", "enter")
        await sees(pilot, "1 match", "pay-ORD-0042", "CardDeclined")
        await pilot.press("enter")
        await sees(pilot, "✗ FAILED", "CardDeclined", "the limit of IBAN CH93 is reached")
        await pilot.press("R")
        await sees(pilot, "Redrive pay-ORD-0042", "runs again", "ƒ Ask")
        await pilot.press("y")
        await sees(pilot, "▶ RUNNING", "redrive 1")
        again = await box.call("get_activity_task", activityArn="arn:aws:states:us-east-1:000000000000:activity:bank")
        await box.call("send_task_success", taskToken=again["taskToken"], output='{"paid": true}')
        await sees(pilot, "✓ SUCCEEDED")
        await pilot.press("4")
        await sees(pilot, '"paid": true')
        await goes_to(pilot, "audit")
        await sees(pilot, "RedriveExecution")


@pytest.mark.slow
async def test_a_schedule_is_paused_resumed_and_the_runs_it_missed_are_made_up_for(box: Box) -> None:
    await box.machine(json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}), name="report")
    hourly = SamSchedule(name="hourly", machine="report", expression="cron(0 * * * ? *)", timezone="UTC")
    await box.services.core.schedules.set_schedules([hourly])
    await box.world.settle()
    async with attached(box) as pilot:
        await goes_to(pilot, "sched")
        await sees(pilot, "▶  hourly", "1 schedule")
        await pilot.press("p")
        await sees(pilot, "■  hourly", "■ 1 paused", f"by {ME}")
        since = datetime.fromtimestamp(box.world.clock.now_ms() / 1000).astimezone()
        await box.world.pass_time(5 * 3600)
        assert (await box.flowd("CountExecutions"))["total"] == 0
        await pilot.press("p")
        await sees(pilot, "▶  hourly")
        await pilot.press("b")
        await sees(pilot, "Backfill hourly")
        await pilot.press(*keys(since.strftime("%Y-%m-%dT%H:%M")), "tab")
        until_then = since + timedelta(hours=5)
        await pilot.press(*keys(until_then.strftime("%Y-%m-%dT%H:%M")), "ctrl+s")
        await sees(pilot, "Start 5 runs?", "5 runs: ")
        await pilot.press(*"the disk was full", "ctrl+s")
        await until(pilot, lambda: "5 runs started" in notices(pilot))
        await box.world.settle()
        await goes_to(pilot, "exec")
        await sees(pilot, "✓ 5")
        await goes_to(pilot, "audit")
        await sees(pilot, "BackfillSchedule", "5 runs: the disk was full", "PauseSchedule", "ResumeSchedule")


def keys(text: str) -> list[str]:
    """What is pressed to type a text."""
    return [{"-": "minus", ":": "colon"}.get(char, char) for char in text]


async def test_a_prompt_that_two_consoles_want_goes_to_one_and_the_other_is_told(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = activity_machine(DESK, Parameters={"Prompt": {"Title": "Refund?"}}, TimeoutSeconds=86_400)
    await box.run(await box.machine(asking))
    async with attached(box) as here, attached(box) as there:
        for pilot in (here, there):
            await goes_to(pilot, "inbox")
            await sees(pilot, "Refund?")
        await here.press("c")
        await sees(here, "▣ claimed by you")
        monkeypatch.setattr(wire, "user_name", lambda uid: "eva")
        await there.press("r")
        await sees(there, "Reject: Refund?")
        await there.press("enter")
        await sees(there, f"is claimed by {ME}")
        await there.press("escape", "c")
        await sees(there, f"Take it from {ME}?")
        await there.press("y")
        await sees(there, "eva*")
        await sees(here, "eva*")


async def test_a_stuck_callback_is_resolved_by_hand(box: Box) -> None:
    arn = await box.run(await box.machine(activity_machine(DESK)))
    async with attached(box) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "1 open token")
        await pilot.press("enter")
        await sees(pilot, "The JSON that SendTaskSuccess gives")
        await pilot.press(*"7", "ctrl+s")
        await sees(pilot, "nothing waits for you")
    await box.world.settle()
    assert (await box.call("describe_execution", executionArn=arn))["output"] == "7"


async def test_a_draft_is_there_in_the_next_console_after_a_restart(box: Box) -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"note": {"type": "string"}}}
    asking = activity_machine(DESK, Parameters={"Prompt": {"Title": "Why?", "Schema": schema}}, TimeoutSeconds=86_400)
    await box.run(await box.machine(asking))
    async with attached(box) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Why?")
        await pilot.press("enter")
        await sees(pilot, "note")
        await pilot.press(*"half a line")
        store = box.services.desk.holds

        async def kept() -> bool:
            draft = (await store.about("1", ME)).draft
            return draft is not None and "half a line" in draft.body

        while not await kept():
            await pilot.pause()
            await asyncio.sleep(0.05)
    await box.restart()
    async with attached(box) as pilot:
        await goes_to(pilot, "inbox")
        await sees(pilot, "Why?")
        await pilot.press("enter")
        await sees(pilot, "half a line")
        await until(pilot, lambda: "half a line" in screen_text(pilot))
