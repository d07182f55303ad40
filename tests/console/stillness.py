"""When the console has nothing left to do, as the event loop knows it.

Textual's pilot guesses it: it sleeps 20 ms at a time until the process used less than a millisecond of them, twice for
each key. That is mostly waiting for nothing, and on a busy machine, where the process did not get its turn, it is over
too early.
"""

from __future__ import annotations

import asyncio
from typing import Any

SOON_S = 0.02  # a timer that is due by then is part of what is being done: Textual sleeps that long
TURNS = 3  # in one the loop may only have heard what it handles in the next


async def still(min_sleep: float = SOON_S, max_sleep: float = 1.0) -> None:
    """Wait until the loop runs nothing and no timer is due soon; at most `max_sleep` seconds.

    In place of `textual._wait.wait_for_idle`, with its parameters. `min_sleep` is for those who guess.
    """
    loop: Any = asyncio.get_running_loop()
    end, turns = loop.time() + max_sleep, 0
    while turns < TURNS and loop.time() < end:
        await asyncio.sleep(0)
        due = min((timer.when() for timer in loop._scheduled if not timer.cancelled()), default=end)
        if loop._ready:
            turns = 0
        elif due <= loop.time() + SOON_S:
            await asyncio.sleep(max(0.0, due - loop.time()))
            turns = 0
        else:
            turns += 1
