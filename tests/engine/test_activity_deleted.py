"""Activities that a machine names and that somebody deleted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowd import names
from flowd.engine.machines import Machines, Wanted
from flowd.payload import Payload
from tests.engine.world import World

ARN = names.activity_arn("team")
ASK = json.dumps({"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": ARN, "End": True}}})


class Folder(World):
    """An engine with machines around it, as a daemon has them."""

    machines: Machines

    async def wire(self) -> None:
        self.machines = Machines(self.core.db, self.clock, lambda service, action, pattern: None)
        self.core.stepping.missing = self.machines.activities.missing
        await self.machines.activities.load()

    async def load(self) -> None:
        said = await self.machines.publish_machine("m", ASK, "STANDARD", "m.asl.json", "file", False)
        assert said == []

    async def go(self, name: str = "m") -> Any:
        machine = await self.machines.find(name)
        assert machine is not None
        return await self.execution(await self.start(machine))


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    async with Folder(tmp_path) as made:
        yield made


async def test_a_deleted_activity_fails_whoever_comes_to_it_until_the_next_load(folder: Folder) -> None:
    await folder.load()
    assert (await folder.go()).status == "RUNNING"
    await folder.machines.activities.delete("team")
    row = await folder.go()
    assert (row.status, row.error) == ("FAILED", "States.Runtime")
    assert row.cause == (
        "An error occurred while executing the state 'Ask' (entered at the event id #2). "
        f"The activity {ARN} does not exist."
    )
    assert await folder.types(row.arn) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]
    await folder.load()
    assert (await folder.go()).status == "RUNNING"


async def test_a_machine_made_through_the_api_does_not_bring_it_back(folder: Folder) -> None:
    await folder.machines.activities.create("team")
    await folder.machines.activities.delete("team")
    await folder.machines.create(Wanted(name="a", definition=ASK, role_arn=names.role_arn()))
    assert (await folder.go("a")).status == "FAILED"
    await folder.machines.activities.create("team")
    assert (await folder.go("a")).status == "RUNNING"


async def test_a_restarted_daemon_knows_which_exist(folder: Folder) -> None:
    await folder.load()
    await folder.machines.activities.delete("team")
    await folder.reboot()
    assert (await folder.go()).status == "FAILED"
    await folder.machines.activities.create("team")
    await folder.reboot()
    assert (await folder.go()).status == "RUNNING"


async def test_a_task_that_stands_in_the_queue_is_still_answered(folder: Folder) -> None:
    await folder.load()
    row = await folder.go()
    task = await folder.core.tasks.poll("team", None, lambda: True, 1)
    assert task is not None
    await folder.machines.activities.delete("team")
    await folder.core.tasks.succeed(task.token, Payload.of(1))
    await folder.settle()
    assert (await folder.execution(row.arn)).status == "SUCCEEDED"
