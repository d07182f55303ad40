"""Work in the background of a program: how it is let go. What the work is, its owner knows."""

from __future__ import annotations

import asyncio
from typing import Any


async def end(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancel these and wait until nothing of them goes on; None stands for what was never begun.

    How they end is told to nobody: an owner that wants to know looks before.
    """
    going = [task for task in tasks if task is not None]
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)


def look_away(task: asyncio.Future[Any]) -> None:
    """For `add_done_callback`: whoever waits for the task hears of its failure; if nobody does any more, it is of no
    interest, and asyncio need not complain."""
    if not task.cancelled():
        task.exception()
