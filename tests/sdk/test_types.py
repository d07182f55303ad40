"""What a type checker knows of workflow code. mypy runs over this file: an error that does not come is an error."""

from __future__ import annotations

from typing import assert_type

import pytest

from flowd import sdk
from flowd.sdk import Queue, Signal, activity, workflow
from flowd.sdk.testing import Simulation, WorkflowFailed


@activity
def price(sku: str, quantity: int = 1) -> int:
    return len(sku) * quantity


@activity(start_to_close=5)
async def name(number: int) -> str:
    return str(number)


paid = Signal("paid", int)
desk = Queue("desk", bool)


@workflow
async def typed(sku: str) -> tuple[int, str]:
    cost = await price(sku, quantity=2)
    assert_type(cost, int)
    both = await sdk.gather(price(sku), name(cost))
    assert_type(both, tuple[int, str])
    which, value = await sdk.first(sdk.start(paid.receive()), sdk.sleep(1))
    assert_type(which, int)
    assert_type(value, int | None)
    assert_type(await sdk.any_of(name(1), name(2)), str)
    return cost, both[1]


@workflow
async def parent() -> int:
    result = await typed("sku")
    assert_type(result, tuple[int, str])
    child = await typed.with_options(workflow_id="one").start_child("sku")
    assert_type((await child.result)[0], int)
    return result[0] if await desk.ask("Fine?") else 0


@workflow
async def wrong() -> None:
    await price(5)  # type: ignore[arg-type]
    await price("a", number=2)  # type: ignore[call-arg]
    await paid.send("other", "five")  # type: ignore[arg-type]


def test_the_declared_types_hold_when_it_runs() -> None:
    simulation = Simulation()
    simulation.when_asked(desk, lambda asked: True)
    assert simulation.run(parent) == 6
    with pytest.raises(WorkflowFailed, match=r"DataError: .*Expected `str`, got `int`"):
        simulation.run(wrong)
