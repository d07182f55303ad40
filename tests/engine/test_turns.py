"""Turns: nobody overtakes, and nothing is kept of a name that is not in use."""

from __future__ import annotations

import asyncio

from flowd.engine.turns import Turns


async def test_who_comes_while_others_wait_waits_behind_them() -> None:
    turns, told = Turns(), list[str]()
    gates = [asyncio.Event() for _ in range(3)]

    async def take(number: int) -> None:
        async with turns.alone("order-7"):
            told.append(f"in {number}")
            await gates[number].wait()
            told.append(f"out {number}")

    first = asyncio.create_task(take(0))
    second = asyncio.create_task(take(1))
    await asyncio.sleep(0)
    gates[0].set()
    await first  # the lock is free for a moment, and the second one is still to take it
    third = asyncio.create_task(take(2))
    gates[1].set()
    gates[2].set()
    await asyncio.gather(second, third)
    assert told == ["in 0", "out 0", "in 1", "out 1", "in 2", "out 2"]
    assert len(turns) == 0


async def test_another_name_does_not_wait_and_a_failure_frees_the_turn() -> None:
    turns = Turns()
    async with turns.alone("a"), turns.alone("b"):
        assert len(turns) == 2
    try:
        async with turns.alone("a"):
            raise ValueError
    except ValueError:
        pass
    assert len(turns) == 0
