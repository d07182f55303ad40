"""Code-first workflow files in force: versions, snapshots, worker processes, and what happens when they die."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flowd.clock import ManualClock
from flowd.containers import ContainerEnd, ContainerSpec
from flowd.engine.codefiles import DOMAIN, CodeFiles, task_list
from flowd.engine.codeworkers import REFUSED, CodeWorkers, Site
from flowd.engine.dropfolder.snapshot import WorkflowFile
from flowd.engine.swf.registry import Registry
from flowd.functions import Unknown
from flowd.store.database import Database
from flowd.store.schema_swf import SwfExecution
from flowd.swf.registration import RegisteredType


class Processes:
    """A runner whose processes live until the test ends them. Checks end at once, as `checked` says."""

    def __init__(self) -> None:
        self.running: dict[str, asyncio.Future[ContainerEnd]] = {}
        self.specs: list[ContainerSpec] = []
        self.checked: Callable[[ContainerSpec], ContainerEnd] = lambda spec: ContainerEnd(exit_code=0)
        self.begun = asyncio.Condition()

    async def run(self, key: str, spec: ContainerSpec) -> ContainerEnd:
        if "--check" in spec.command:
            return self.checked(spec)
        if key not in self.running:
            self.specs.append(spec)
            self.running[key] = asyncio.get_running_loop().create_future()
            async with self.begun:
                self.begun.notify_all()
        return await asyncio.shield(self.running[key])

    async def attach(self, key: str) -> ContainerEnd | Unknown:
        return await asyncio.shield(self.running[key]) if key in self.running else Unknown()

    async def stop(self, key: str) -> None:
        self.end(key, ContainerEnd(exit_code=0, log="ended\n"))

    async def acknowledge(self, key: str) -> None:
        self.running.pop(key, None)

    async def output(self, key: str) -> str:
        return f"{key} says\n" if key in self.running else ""

    def end(self, key: str, end: ContainerEnd) -> None:
        future = self.running.get(key)
        if future is not None and not future.done():
            future.set_result(end)

    async def started(self, count: int) -> None:
        async with asyncio.timeout(5), self.begun:
            await self.begun.wait_for(lambda: len(self.specs) >= count)


class World:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.processes = Processes()
        self.pauses: list[float] = []
        self.db = Database(folder / "flowd.db")
        self.swf = Registry(self.db, self.clock)
        self.code = self._new()

    def _new(self) -> CodeFiles:
        workers = CodeWorkers(self.processes, self.clock, Site(["python"], ["--socket", "s"]), self._pause)
        return CodeFiles(self.db, self.clock, self.swf, workers, self.folder / "code")

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def restart(self) -> None:
        """Another daemon on the same data, while the runner and its processes go on."""
        await self.code.stop(and_processes=False)
        self.code = self._new()
        await self.code.start()

    async def set(self, *files: WorkflowFile, kept: tuple[str, ...] = ()) -> dict[str, list[str]]:
        said = await self.code.set_files(files, lambda path: path in kept)
        return {path: [f"{d.line}:{d.column} {d.code} {d.message}" for d in found] for path, found in said.items()}

    def current(self, name: str = "flow") -> str | None:
        row = self.code.current(name)
        return row.version if row is not None else None


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    it = World(folder)
    await it.db.start()
    await it.code.start()
    try:
        yield it
    finally:
        await it.code.stop(and_processes=True)
        await it.db.stop()


def flow(version: str, text: str = "x = 1\n", path: str = "deep/flow.py") -> WorkflowFile:
    return WorkflowFile(path=path, version=version, names=("flow",), texts={"flow.py": text, "more/part.py": ""})


async def test_a_file_is_run_from_a_snapshot_of_its_texts_by_a_worker_of_its_version(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        assert await it.set(flow("v1")) == {"deep/flow.py": []}
        assert await it.set(flow("v1")) == {}
        await it.processes.started(1)
        snapshot = tmp_path / "code" / "v1"
        assert (snapshot / "flow.py").read_text() == "x = 1\n" and (snapshot / "more/part.py").exists()
        (spec,) = it.processes.specs
        assert spec.command == [
            *("python", "flow.py", "--version", "v1", "--task-list", "flow-v1"),
            *("--identity", "code:v1", "--socket", "s"),
        ]
        assert spec.files == {"flow.py": "x = 1\n", "more/part.py": ""}
        assert spec.environment["PYTHONHASHSEED"] == "0"
        assert await it.code.workers.log("v1") == "code:v1 says\n"


async def test_a_change_goes_to_new_executions_and_the_old_version_goes_with_its_last_one(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.set(flow("v1"))
        await _register(it, "v1")
        await _execution(it, 1, "v1", "")
        await it.set(flow("v2", "x = 2\n"))
        await it.processes.started(2)
        assert it.current() == "v2"
        await it.code.sweep()
        assert {row.version for row in it.code.versions} == {"v1", "v2"}
        await _execution(it, 1, "v1", "COMPLETED")
        await it.code.sweep()
        assert {row.version for row in it.code.versions} == {"v2"} and set(it.processes.running) == {"code:v2"}
        assert not (tmp_path / "code" / "v1").exists()
        assert it.swf.domain(DOMAIN).types["workflow", "flow", "v1"].status == "DEPRECATED"


async def test_a_file_that_cannot_be_imported_is_told_and_the_last_good_version_stays(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.set(flow("v1"))
        log = "ERROR flowd.worker: flow.py:7:1: IMPORT KeyError: 'x'\nERROR flowd.worker: a/b.py:3:2: IMPORT no\n"
        it.processes.checked = lambda spec: ContainerEnd(exit_code=REFUSED, log=log)
        expected = {"deep/flow.py": ["7:1 IMPORT KeyError: 'x'", "1:1 IMPORT a/b.py:3: no"]}
        assert await it.set(flow("v2")) == expected
        assert await it.set(flow("v2")) == expected
        assert it.current() == "v1"


async def test_without_a_runner_a_file_is_not_refused_but_tried_again(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        it.processes.checked = lambda spec: ContainerEnd(reason="the runner ended")
        ((said,),) = (await it.set(flow("v1"))).values()
        assert "NOT_STORED" in said and "the runner ended" in said
        it.processes.checked = lambda spec: ContainerEnd(exit_code=0)
        assert await it.set(flow("v1")) == {"deep/flow.py": []}
        assert it.current() == "v1"


@pytest.mark.parametrize(("kept", "current"), [(("deep/flow.py",), "v1"), ((), None)])
async def test_a_file_that_is_gone_takes_no_new_executions_unless_it_says_nothing_now(
    tmp_path: Path, kept: tuple[str, ...], current: str | None
) -> None:
    async with world(tmp_path) as it:
        await it.set(flow("v1"))
        await it.set(kept=kept)
        assert it.current() == current


async def test_a_version_that_goes_before_its_process_has_begun_starts_none(tmp_path: Path) -> None:
    processes = Processes()
    workers = CodeWorkers(processes, ManualClock(), Site(["python"]))
    workers.ensure("v1", tmp_path / "flow.py", "flow-v1")
    async with asyncio.timeout(5):
        await workers.end("v1")
    assert not processes.specs


async def test_a_version_that_comes_back_is_current_again(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        for version in ("v1", "v2", "v1"):
            await it.set(flow(version))
            assert it.current() == version


async def test_a_worker_that_dies_is_begun_again_after_growing_pauses(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.set(flow("v1"))
        for count in range(1, 4):
            await it.processes.started(count)
            it.processes.end("code:v1", ContainerEnd(exit_code=137, log="killed\n"))
        await it.processes.started(4)
        assert it.pauses == [0.5, 1.0, 2.0]
        it.clock.advance(120)
        it.processes.end("code:v1", ContainerEnd(exit_code=137))
        await it.processes.started(5)
        assert it.pauses[-1] == 0.5
        worker = it.code.workers.get("v1")
        assert worker is not None and worker.starts == 5 and "exit status 137" in worker.log


async def test_of_a_process_that_is_dead_for_sure_its_tasks_are_told_to_be_lost(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        lost: list[tuple[str, str, str]] = []

        async def note(*told: str) -> None:
            lost.append((told[0], told[1], told[2]))
            raise OSError("the disk is full")  # is no reason to have no worker

        it.code.workers.lost = note
        await it.set(flow("v1"))
        await it.processes.started(1)
        assert it.processes.specs[0].command[-4:-2] == ["--identity", "code:v1"]
        it.processes.end("code:v1", ContainerEnd(reason="the runner is gone"))
        await it.processes.started(2)
        assert lost == []
        it.processes.end("code:v1", ContainerEnd(exit_code=137))
        await it.processes.started(3)
        assert lost == [("flow-v1", "code:v1", "the process ended with exit status 137")]


async def test_the_next_daemon_finds_versions_and_their_processes_again(tmp_path: Path) -> None:
    async with world(tmp_path) as it:
        await it.set(flow("v1"))
        await it.processes.started(1)
        await it.restart()
        assert it.current() == "v1" and await it.set(flow("v1")) == {}
        assert len(it.processes.specs) == 1 and task_list(it.code.versions[0]) == "flow-v1"


async def _register(it: World, version: str) -> None:
    await it.swf.register_domain(DOMAIN, "90", None, {})
    wanted = RegisteredType(kind="workflow", name="flow", version=version, description=None, created_ms=0, defaults={})
    await it.swf.register_type(DOMAIN, wanted)


async def _execution(it: World, number: int, version: str, close_status: str) -> None:
    row = SwfExecution(
        execution_id=number,
        domain_id=it.swf.domain(DOMAIN).id,
        workflow_id=f"w{number}",
        run_id="r",
        type_name="flow",
        type_version=version,
        close_status=close_status,
    )
    await it.db.write(lambda session: session.merge(row) and None)
