"""Who waits for the end of an execution: a future each, settled after the commit that closes it. No polling.

Nothing is kept on disk: whoever waits asks again after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial

from flowd.store import executions
from flowd.store.database import Database


class Closings:
    """Waiters by execution."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[int, set[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return sum(map(len, self._waiting.values()))

    async def wait(self, arn: str) -> None:
        """Return when the execution is over, or at once if there is none of this ARN."""
        row = await self._db.read(partial(executions.by_arn, arn=arn))
        if row is None or row.status != "RUNNING":
            return
        execution_id = row.id or 0
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(execution_id, set()).add(told)
        try:
            # It may have closed between the first look and the future's being there: look again.
            again = await self._db.read(partial(executions.by_arn, arn=arn))
            if again is not None and again.status == "RUNNING":
                await told
        finally:
            self._leave(execution_id, told)

    def _leave(self, execution_id: int, told: asyncio.Future[None]) -> None:
        waiters = self._waiting.get(execution_id)
        if waiters is not None:
            waiters.discard(told)
            if not waiters:
                del self._waiting[execution_id]

    def tell(self, closed: Iterable[int]) -> None:
        """These executions are over, and that is on disk."""
        for execution_id in closed:
            for told in self._waiting.pop(execution_id, ()):
                if not told.done():
                    told.set_result(None)
