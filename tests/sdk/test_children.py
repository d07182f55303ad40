"""Child workflows, other executions, and a history that is begun anew."""

from __future__ import annotations

import pytest

from flowd import sdk
from flowd.sdk import Signal, gather, sleep, workflow
from flowd.sdk.testing import Simulation, WorkflowFailed
from tests.sdk.test_workflows import double


def test_a_child_workflow_gives_its_result_or_its_failure() -> None:
    @workflow
    async def part(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return await double(number)

    @workflow
    async def whole(numbers: list[int]) -> list[int | str]:
        try:
            return list(await gather(*(part(n) for n in numbers)))
        except sdk.ChildFailed as failure:
            return [failure.status, failure.type, failure.message]

    assert Simulation().run(whole, [1, 2]) == [2, 4]
    assert Simulation().run(whole, [2, 3]) == ["FAILED", "ValueError", "three"]


def test_a_started_child_can_be_signaled_and_cancelled() -> None:
    note = Signal("note", str)

    @workflow
    async def listener() -> str:
        heard = await note.receive()
        try:
            await sleep(1000)
        except sdk.CancelledError:
            return f"{heard}, then stopped"
        return heard

    @workflow
    async def parent() -> str:
        child = await listener.start_child()
        await child.signal(note, "psst")
        await child.cancel()
        return await child.result

    assert Simulation().run(parent) == "psst, then stopped"


def test_a_parent_that_is_cancelled_cancels_its_child_and_waits_for_it() -> None:
    @workflow
    async def child() -> None:
        try:
            await sleep(1000)
        finally:
            await sleep(7)

    @workflow
    async def parent() -> None:
        await child()

    simulation = Simulation()
    handle = simulation.start(parent)
    simulation.cancel(handle)
    with pytest.raises(WorkflowFailed, match="CANCELED"):
        simulation.finish(handle)
    assert [run.status for run in simulation.swf.runs] == ["CANCELED", "CANCELED"]


def test_a_child_whose_id_is_taken_is_not_accepted() -> None:
    @workflow(workflow_id="the-one")
    async def single() -> None:
        await sleep(10)

    @workflow
    async def parent() -> str:
        try:
            await gather(single(), single())
        except sdk.NotAccepted as failure:
            return failure.type
        return "both"

    assert Simulation().run(parent) == "WORKFLOW_ALREADY_RUNNING"


def test_a_signal_to_nobody_is_an_external_failure() -> None:
    note = Signal("note", str)

    @workflow
    async def sends() -> str:
        try:
            await note.send("nobody", "hello")
        except sdk.ExternalFailed as failure:
            return failure.type
        return "sent"

    assert Simulation().run(sends) == "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"


def test_continue_as_new_begins_a_short_history() -> None:
    @workflow
    async def counts(left: int) -> str:
        await sleep(60)
        if left:
            counts.continue_as_new(left - 1)
        return f"run {sdk.info().run_id}, after {sdk.info().continued_from_run_id}"

    simulation = Simulation()
    assert simulation.run(counts, 3) == "run run4, after run3"
    assert {len(run.events) for run in simulation.swf.runs} == {10}
