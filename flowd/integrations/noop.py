"""`arn:aws:states:::flowd:noop`: a Task that answers its parameters on a later turn of the loop.

It exists to measure the engine with an integration registered like any other; it does no I/O.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from flowd.decisions import Pattern
from flowd.integrations.ports import Outcome, Succeeded, TaskCall
from flowd.payload import Payload


class Noop:
    """Echoes its parameters."""

    on_restart: Literal["reattach", "fail", "again"] = "again"

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        return None if action == "noop" and not pattern else f"flowd:{action} is not an action"

    async def call(self, task: TaskCall) -> Outcome:
        await asyncio.sleep(0)
        return Succeeded(task.parameters)

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Succeeded(submitted)

    async def cancel(self, task: TaskCall) -> None:
        return None

    async def acknowledge(self, task: TaskCall) -> None:
        return None
