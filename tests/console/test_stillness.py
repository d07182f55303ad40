from __future__ import annotations

import asyncio

from tests.console.stillness import SOON_S, still


async def test_whatever_leads_to_something_is_waited_for() -> None:
    done: list[str] = []

    async def work() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await asyncio.sleep(SOON_S / 4)
        asyncio.get_running_loop().call_later(SOON_S / 2, done.append, "soon")

    working = asyncio.create_task(work())
    await still()
    assert done == ["soon"]
    assert working.done()


async def test_what_is_due_later_is_not_waited_for() -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(60, lambda: None)
    never = asyncio.create_task(asyncio.Event().wait())
    begun = loop.time()
    await still(max_sleep=60)
    assert loop.time() < begun + 30
    never.cancel()


async def test_what_never_ends_is_waited_for_only_so_long() -> None:
    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    spinning = asyncio.create_task(spin())
    await still(max_sleep=0.05)
    spinning.cancel()
