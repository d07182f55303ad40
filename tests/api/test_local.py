"""Operations that are called from inside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowd.api import local as module
from flowd.api.local import STARTS_AT_ONCE, LocalOperations
from flowd.api.wire.app import Operation
from flowd.api.wire.unbuilt import STATES
from flowd.errors import ServiceUnavailable


class Plain:
    """Reads nothing of a request."""

    def read(self, body: bytes) -> Any:
        return body


async def test_so_many_executions_are_started_at_once_and_others_wait_their_turn() -> None:
    here = most = 0

    async def start(request: Any, caller: Any) -> dict[str, Any]:
        nonlocal here, most
        here += 1
        most = max(most, here)
        await asyncio.sleep(0)
        here -= 1
        return {"executionArn": "a"}

    local = LocalOperations()
    local.bind({f"{STATES}.StartExecution": Operation(Plain(), start)}, closed=lambda arn: asyncio.sleep(0))
    found = await asyncio.gather(*(local.invoke("StartExecution", {}, f"task {n}") for n in range(200)))
    assert len(found) == 200
    assert most == STARTS_AT_ONCE


async def test_a_store_that_takes_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0)
    tries = 0

    async def start(request: Any, caller: Any) -> dict[str, Any]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ServiceUnavailable("full")
        return {}

    local = LocalOperations()
    local.bind({f"{STATES}.StartExecution": Operation(Plain(), start)}, closed=lambda arn: asyncio.sleep(0))
    assert await local.invoke("StartExecution", {}, "task") == {}
    assert tries == 2
