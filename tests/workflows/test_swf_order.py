"""The order example: its three programs on a daemon's API, as they are shipped."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.api.box import Box
from tests.workflows.code import WORKFLOWS


def program(name: str) -> ModuleType:
    """One of the example's scripts as a module."""
    spec = importlib.util.spec_from_file_location(f"swf_order_{name}", WORKFLOWS / "swf-order" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


starter, decider, worker = program("starter"), program("decider"), program("worker")


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    made = Box(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def processed(box: Box, card: str = "tok_ok", cancel: bool = False) -> Any:
    """An order to its end; DescribeWorkflowExecution's info and the types of its history."""
    swf = box.swf_sdk
    await asyncio.to_thread(starter.register, swf)
    await asyncio.to_thread(starter.register, swf)  # once more changes nothing
    run = await asyncio.to_thread(starter.start, swf, "order-1", card)
    core = box.world.core
    if cancel:
        await box.swf("request_cancel_workflow_execution", domain="shop", workflowId="order-1")
    while True:
        execution = {"workflowId": "order-1", "runId": run}
        info = (await box.swf("describe_workflow_execution", domain="shop", execution=execution))["executionInfo"]
        if info["executionStatus"] == "CLOSED":
            history = await box.swf("get_workflow_execution_history", domain="shop", execution=execution)
            return info, history["events"]
        if await core.swf_tasks.count("decision", "shop", "order-decisions"):
            await asyncio.to_thread(decider.step, swf)
        elif await core.swf_tasks.count("activity", "shop", "order-work"):
            await asyncio.to_thread(worker.step, swf)
        else:
            await box.world.pass_time(1)


async def test_an_order_is_processed_by_three_programs(box: Box) -> None:
    info, events = await processed(box)
    assert info["closeStatus"] == "COMPLETED"
    done = [event for event in events if event["eventType"] == "ActivityTaskCompleted"]
    assert len(done) == len(decider.STEPS)
    assert decider.attributes(events[-1])["result"] == '{"orderId": "order-1"}'


async def test_a_bank_that_does_not_answer_is_asked_again_after_a_while(box: Box) -> None:
    info, events = await processed(box, "tok_flaky")
    assert info["closeStatus"] == "COMPLETED"
    assert [event["eventType"] for event in events].count("TimerFired") == 1


async def test_a_declined_card_ends_the_order(box: Box) -> None:
    info, events = await processed(box, "tok_declined")
    assert info["closeStatus"] == "FAILED"
    assert decider.attributes(events[-1])["reason"] == "ChargeCreditCard: CardDeclined"


async def test_a_customer_may_change_their_mind(box: Box) -> None:
    info, _ = await processed(box, cancel=True)
    assert info["closeStatus"] == "CANCELED"
