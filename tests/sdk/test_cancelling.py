"""Cancelling workflows, blocks and activities."""

from __future__ import annotations

import pytest

from flowd import sdk
from flowd.sdk import Signal, activity, sleep, workflow
from flowd.sdk.testing import Simulation, WorkflowFailed, never
from tests.sdk.test_workflows import kinds


def test_a_cancelled_workflow_cleans_up_and_is_canceled() -> None:
    undone: list[str] = []

    @activity
    def undo(what: str) -> None:
        undone.append(what)

    @workflow
    async def careful() -> None:
        try:
            await sleep(1000)
        finally:
            await undo("booking")
            await sleep(5)
            await undo("hotel")

    simulation = Simulation()
    handle = simulation.start(careful)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert undone == ["booking", "hotel"]


def test_a_workflow_may_refuse_to_be_cancelled() -> None:
    @workflow
    async def stays() -> str:
        try:
            await sleep(1000)
        except sdk.CancelledError:
            return "no"
        return "yes"

    simulation = Simulation()
    handle = simulation.start(stays)
    simulation.cancel(handle)
    assert handle.result() == "no"


def test_a_shielded_block_is_finished_before_the_cancel_request_is_heard() -> None:
    done: list[str] = []

    @activity
    def step(what: str) -> None:
        done.append(what)

    @workflow
    async def careful() -> None:
        async with sdk.shield():
            await step("pay")
            await sleep(100)
            await step("book")
        await step("never")

    simulation = Simulation()
    handle = simulation.start(careful)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert done == ["pay", "book"]


def test_a_timeout_ends_a_block_and_its_activity_is_asked_to_stop() -> None:
    @activity
    def endless() -> None:
        raise AssertionError("replaced")

    @workflow
    async def impatient() -> str:
        try:
            async with sdk.timeout(30):
                await endless()
        except TimeoutError as error:
            return str(error)
        return "done"

    simulation = Simulation()
    simulation.replace(endless, never)
    handle = simulation.start(impatient)
    assert simulation.finish(handle) == "not over after 30 s"
    assert "ActivityTaskCancelRequested" in kinds(handle.history)


def test_a_cancel_from_outside_is_no_timeout() -> None:
    @workflow
    async def impatient() -> str:
        try:
            async with sdk.timeout(30):
                await sleep(1000)
        except TimeoutError:
            return "timeout"
        return "done"

    simulation = Simulation()
    handle = simulation.start(impatient)
    simulation.cancel(handle)
    assert handle.status == "CANCELED"


def test_a_cancel_scope_ends_quietly() -> None:
    stop = Signal("stop")

    @workflow
    async def scoped() -> str:
        async with sdk.cancel_scope() as scope:

            async def watch() -> None:
                await stop.receive()
                scope.cancel()

            sdk.start(watch())
            await sleep(1000)
        return "stopped" if scope.cancelled else "slept"

    simulation = Simulation()
    handle = simulation.start(scoped)
    simulation.signal(handle, stop, None)
    assert handle.result() == "stopped"


def test_an_activity_is_asked_to_stop_and_waited_for_if_it_wishes_so() -> None:
    @activity(on_cancel="wait")
    def slow() -> None:
        raise AssertionError("replaced")

    @workflow
    async def waits() -> None:
        await slow()

    simulation = Simulation()
    simulation.replace(slow, never)
    handle = simulation.start(waits)
    simulation.cancel(handle)
    assert handle.status == "OPEN"
    (task,) = handle.run.tasks.values()
    simulation.swf.ended(task, "Canceled")
    simulation.settle()
    assert handle.status == "CANCELED"
