"""The cluster over a real database: tasks from the call to their end, through restarts of daemon and runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowd.clock import ManualClock
from flowd.containers import ContainerEnd, ContainerSpec
from flowd.engine.cluster import LOST, Cluster
from flowd.functions import Unknown
from flowd.services.ecs.definitions import InvalidDefinition, Site
from flowd.services.ports import ServiceError
from flowd.store.database import Database

JOB = {
    "family": "job",
    "containerDefinitions": [{"name": "main", "image": "local/job", "command": ["./job"], "memory": 128}],
}
BOTH = {
    "family": "both",
    "containerDefinitions": [
        {"name": "main", "image": "local/job", "command": ["./job"], "memory": 128},
        {"name": "side", "image": "local/log", "command": ["./log"], "memory": 128, "essential": False},
    ],
}


class Host:
    """A runner whose containers end when the test says so."""

    def __init__(self, started_ms: int = 0) -> None:
        self.started_ms = started_ms
        self.specs: dict[str, ContainerSpec] = {}
        self.ends: dict[str, asyncio.Future[ContainerEnd]] = {}
        self.stopped: list[str] = []
        self.acknowledged: list[str] = []

    async def run(self, key: str, spec: ContainerSpec) -> ContainerEnd:
        self.specs[key] = spec
        return await asyncio.shield(self.ends.setdefault(key, asyncio.get_running_loop().create_future()))

    async def attach(self, key: str) -> ContainerEnd | Unknown:
        return await asyncio.shield(self.ends[key]) if key in self.ends else Unknown()

    async def stop(self, key: str) -> None:
        self.stopped.append(key.rpartition("#")[2])
        if key in self.ends and not self.ends[key].done():
            self.ends[key].set_result(ContainerEnd(exit_code=143, started_ms=1, ended_ms=2))

    async def acknowledge(self, key: str) -> None:
        self.acknowledged.append(key)

    def end(self, name: str, **end: Any) -> None:
        """The newest container of this name ends."""
        key = [key for key in self.ends if key.endswith(f"#{name}")][-1]
        self.ends[key].set_result(ContainerEnd(**{"started_ms": 1_000, "ended_ms": 2_000, **end}))


class Stage:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "flowd.db"
        self.clock = ManualClock()
        self.host = Host()
        self.db: Database
        self.cluster: Cluster

    async def boot(self) -> None:
        self.db = Database(self.path, "id")
        await self.db.start()
        site = Site(region="us-east-1", account="000000000000")
        self.cluster = Cluster(self.db, self.clock, self.host, site)
        await self.cluster.start()

    async def halt(self) -> None:
        await self.cluster.stop()
        await self.db.stop()

    async def running(self, count: int = 1) -> None:
        """Until the host has been asked for so many containers."""
        async with asyncio.timeout(10):
            while len(self.host.ends) < count or self.db.busy:
                await asyncio.sleep(0)

    async def run(self, name: str = "job", key: str = "1:0:1", **members: Any) -> str:
        """The id of a task that was begun."""
        [task] = await self.cluster.run({"taskDefinition": name, **members}, key)
        return str(task["taskArn"]).rpartition("/")[2]

    async def shown(self, task_id: str) -> dict[str, Any]:
        return (await self.cluster.describe([task_id]))[task_id]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    made = Stage(tmp_path)
    await made.boot()
    await made.cluster.definitions.register(JOB)
    await made.cluster.definitions.register(BOTH)
    yield made
    await made.halt()


async def test_a_task_runs_to_its_end_and_its_log_is_kept(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    async with asyncio.timeout(10):
        while (await stage.shown(task_id))["lastStatus"] != "RUNNING":
            await asyncio.sleep(0)
    stage.host.end("main", exit_code=0, log="done\n")
    ended = await stage.cluster.ended(task_id)
    assert (ended.succeeded, ended.log) == (True, "done\n")
    assert ended.description["stopCode"] == "EssentialContainerExited"
    assert (await stage.shown(task_id)) == ended.description
    assert stage.cluster.open == 0


async def test_an_exit_code_that_is_not_zero_is_a_failure(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    stage.host.end("main", exit_code=2)
    ended = await stage.cluster.ended(task_id)
    assert not ended.succeeded
    assert ended.description["containers"][0]["exitCode"] == 2


async def test_an_essential_container_takes_the_others_along(stage: Stage) -> None:
    task_id = await stage.run("both")
    await stage.running(2)
    stage.host.end("main", exit_code=0, log="m")
    ended = await stage.cluster.ended(task_id)
    assert stage.host.stopped == ["side"]
    assert ended.succeeded
    assert ended.log == "==> main <==\nm\n"


async def test_the_end_of_a_container_that_is_not_essential_is_only_noted(stage: Stage) -> None:
    task_id = await stage.run("both")
    await stage.running(2)
    stage.host.end("side", exit_code=1)
    await asyncio.sleep(0)
    assert stage.host.stopped == []
    stage.host.end("main", exit_code=0)
    assert (await stage.cluster.ended(task_id)).succeeded


async def test_a_key_is_run_once(stage: Stage) -> None:
    assert await stage.run() == await stage.run()
    assert await stage.run(key="1:0:2") != await stage.run(key="1:0:3")
    await stage.running(3)
    assert len(stage.host.specs) == 3


async def test_a_task_is_stopped_on_request(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    shown = await stage.cluster.stop_task(task_id, "enough")
    assert (shown["desiredStatus"], shown["stoppedReason"]) == ("STOPPED", "enough")
    ended = await stage.cluster.ended(task_id)
    assert not ended.succeeded
    assert (ended.description["stopCode"], ended.description["stoppedReason"]) == ("UserInitiated", "enough")
    assert (await stage.cluster.stop_task(task_id, "again"))["stoppedReason"] == "enough"


async def test_what_cannot_start_says_so(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    stage.host.end("main", reason="CannotStartContainerError: no", started_ms=0)
    shown = (await stage.cluster.ended(task_id)).description
    assert (shown["stopCode"], shown["stoppedReason"]) == ("TaskFailedToStart", "CannotStartContainerError: no")


async def test_a_restarted_daemon_finds_its_tasks_at_the_runner(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    await stage.halt()
    stage.host.end("main", exit_code=0, log="meanwhile")
    stage.host.specs.clear()
    await stage.boot()
    ended = await stage.cluster.ended(task_id)
    assert (ended.succeeded, ended.log) == (True, "meanwhile")
    assert stage.host.specs == {}  # nothing was run again


async def test_a_task_whose_runner_died_is_lost_and_not_run_again(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    await stage.halt()
    stage.host = Host(started_ms=stage.clock.now_ms() + 1)
    await stage.boot()
    ended = await stage.cluster.ended(task_id)
    assert not ended.succeeded
    assert (ended.description["stopCode"], ended.description["stoppedReason"]) == ("TerminationNotice", LOST)
    assert stage.host.specs == {}


async def test_a_task_that_the_runner_was_never_asked_for_is_run_by_the_next_daemon(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    await stage.halt()
    stage.host = Host()  # it was there before the task, and has never heard of it
    await stage.boot()
    await stage.running()
    stage.host.end("main", exit_code=0)
    assert (await stage.cluster.ended(task_id)).succeeded


async def test_a_task_that_was_to_be_stopped_is_stopped_by_the_next_daemon(stage: Stage) -> None:
    task_id = await stage.run()
    await stage.running()
    held = dict(stage.host.ends)
    stage.host.ends.clear()  # the wish does not reach it
    await stage.cluster.stop_task(task_id, "enough")
    await stage.halt()
    stage.host.ends = held
    await stage.boot()
    assert (await stage.cluster.ended(task_id)).description["stopCode"] == "UserInitiated"


async def test_several_tasks_are_run_by_one_call(stage: Stage) -> None:
    begun = await stage.cluster.run({"taskDefinition": "job", "count": 3}, "k")
    assert len({each["taskArn"] for each in begun}) == 3
    with pytest.raises(ServiceError, match="count must be from 1 to 10"):
        await stage.cluster.run({"taskDefinition": "job", "count": 11}, "k")


@pytest.mark.parametrize("name", ["nothing", "job:9"])
async def test_an_unknown_definition_is_not_found(stage: Stage, name: str) -> None:
    with pytest.raises(ServiceError) as raised:
        await stage.run(name)
    assert (raised.value.code, raised.value.message) == ("ClientException", "TaskDefinition not found.")


async def test_revisions_count_on_and_the_newest_active_one_is_run(stage: Stage) -> None:
    definitions = stage.cluster.definitions
    second = await definitions.register(JOB)
    assert second.revision == 2
    await definitions.deregister(second)
    assert (await definitions.find("job")).revision == 1
    with pytest.raises(ServiceError, match="TaskDefinition is inactive"):
        await definitions.find("job:2")
    await stage.halt()
    await stage.boot()
    assert (await stage.cluster.definitions.find("job")).revision == 1


async def test_a_file_that_says_the_same_gets_no_new_revision(stage: Stage) -> None:
    definitions = stage.cluster.definitions
    first = await definitions.register({**JOB, "family": "file"}, folder="/w", source="file.taskdef.json")
    again = await definitions.register({**JOB, "family": "file"}, folder="/w", source="file.taskdef.json")
    assert again == first
    with pytest.raises(InvalidDefinition, match=r"belongs to file\.taskdef\.json"):
        await definitions.register({**JOB, "family": "file"}, folder="/w", source="other.taskdef.json")
    gone = await definitions.retire(lambda family, source: False)
    assert [(each.family, each.status) for each in gone] == [("file", "INACTIVE")]
    assert (await definitions.register({**JOB, "family": "file"}, folder="/w", source="x")).revision == 2
