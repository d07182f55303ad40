"""The API called from inside: what an integration asks goes through the same table as a client's request.

It opens no connection and checks no signature; the caller is named in the audit by its task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

from flowd.api.wire.app import Operation
from flowd.api.wire.caller import Caller
from flowd.api.wire.unbuilt import STATES, no_such_operation
from flowd.errors import ServiceUnavailable
from flowd.payload import dumps

RETRY_S = 1.0
#: Executions that Tasks start at once. Others wait, so that machines that start each other hold up no client.
STARTS_AT_ONCE = 50


class LocalOperations:
    """The daemon's own operations. Made before the engine, which the operations need; `bind` fills it."""

    def __init__(self) -> None:
        self._table: Mapping[str, Operation] = {}
        self._closed: Callable[[str], Awaitable[None]] | None = None
        self._draining = asyncio.Event()
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)

    def bind(self, table: Mapping[str, Operation], closed: Callable[[str], Awaitable[None]]) -> None:
        """`table` by full target; `closed` waits for the end of an execution."""
        self._table = table
        self._closed = closed

    def offers(self, operation: str, service: str = STATES) -> bool:
        return f"{service}.{operation}" in self._table

    async def invoke(
        self,
        operation: str,
        members: Mapping[str, Any],
        task: str,
        *,
        follows: bool = False,
        service: str = STATES,
    ) -> dict[str, Any]:
        """As a client's request, but while the store takes nothing it waits: a full disk fails no execution."""
        target = f"{service}.{operation}"
        row = self._table.get(target)
        if row is None:
            raise no_such_operation("POST", "/", target, {}, b"")
        request = row.reader.read(dumps(dict(members)).encode())
        waiting = True
        trigger = f"{'sync' if follows else 'task'}:{task}"
        caller = Caller(f"task {task}", lambda: waiting, self._draining, trigger)
        try:
            while True:
                try:
                    async with self._starts if operation == "StartExecution" else nullcontext():
                        return await row.handle(request, caller) or {}
                except ServiceUnavailable:
                    await asyncio.sleep(RETRY_S)
        finally:
            waiting = False

    async def closed(self, execution_arn: str) -> None:
        if self._closed is None:
            raise RuntimeError("the operations are not bound to an engine")
        await self._closed(execution_arn)
