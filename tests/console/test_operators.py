"""Stories of operators on a real engine and API in this process, keys only; the clock stands still."""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from console.app import FlowdApp
from console.client import SocketDaemon
from flowd.api.wire import app as wire
from flowd.operators import batches
from tests.api.box import Box, activity_machine
from tests.console import driver
from tests.console.driver import goes_to, quiet, screen_text, sees, until

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
