"""Calls and the end of the daemon."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlmodel import select

from flowd.integrations.ports import TaskCall
from flowd.payload import Payload
from flowd.store import schema
from tests.engine.world import World, function


async def test_executions_that_start_each_other_do_not_keep_a_daemon_from_ending(tmp_path: Path) -> None:
    begun = 0
    twenty = asyncio.Event()
    async with World(tmp_path) as world:
        task = {"Type": "Task", "Resource": function("again"), "End": True}
        machine = await world.machine({"StartAt": "T", "States": {"T": task}})

        async def again(call: TaskCall) -> str:
            nonlocal begun
            begun += 1
            if begun == 20:
                twenty.set()
            for _ in range(2):
                await world.core.executions.start(machine, None, Payload.of({}))
            return "started"

        world.functions.handlers["again"] = again
        async with asyncio.timeout(60):
            await world.core.executions.start(machine, None, Payload.of({}))
            await twenty.wait()
            await world.core.stop()
        world.functions.handlers["again"] = lambda call: "enough"
        await world.boot()
        rows = await world.core.db.read(lambda session: session.exec(select(schema.Execution)).all())
        assert len(rows) >= 20
        assert {row.status for row in rows} == {"SUCCEEDED"}
