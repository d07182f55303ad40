"""How a runner of another version makes room: after an upgrade the one that the daemon before has started still runs.

It is given nothing new. What it runs may end, and is fetched; then it is told to go, and the daemon starts its own.
Nothing here knows how a runner is started or reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from flowd.runner import protocol
from flowd.runner.protocol import AnyAnswer, Counts, Request, Welcome

LOOK_S = 1.0
#: Outcomes that are still held after so many looks belong to calls that are over: nobody will ask for them.
_PATIENT_LOOKS = 10


class Line(Protocol):
    """The line to it, for as long as it is there."""

    def next_number(self) -> int: ...

    async def ask(self, request: Request) -> AnyAnswer: ...


def refusal(socket: Path, welcome: Welcome) -> str:
    """Why a runner that somebody else started gets no work, and what to do."""
    return (
        f"the runner on {socket} (process {welcome.pid}) is of another version of flowd (it speaks {welcome.version}, "
        f"this daemon {protocol.VERSION}): restart it once nothing runs there, as with `systemctl restart flowd-runner`"
    )


def waiting_for(socket: Path, pid: int, running: int) -> str:
    """What is going on, and what will happen."""
    begun = f"what it has begun ends ({running} going on)" if running else "what it holds is fetched"
    return (
        f"the runner on {socket} (process {pid}) is of another version of flowd: new calls wait until {begun}, then it "
        f"is replaced by itself; `kill -9 {pid}` replaces it now and fails what it runs"
    )


async def see_off(line: Line, say: Callable[[int], None], is_there: Callable[[], bool]) -> None:
    """Look until it has nothing to do, then tell it to end. `say` hears how much it still runs, when that changes."""
    looks, said = 0, None
    while is_there():
        counts = await line.ask(protocol.Status(line.next_number()))
        if not isinstance(counts, Counts) or not is_there():
            return
        looks = 0 if counts.running else looks + 1
        if not counts.running and (not counts.held or looks > _PATIENT_LOOKS):
            # Now: it would wait for acknowledgements that nobody owes it.
            await line.ask(protocol.ShutdownWhenIdle(line.next_number(), now=True))
            return
        if counts.running != said:
            said = counts.running
            say(counts.running)
        await asyncio.sleep(LOOK_S)
