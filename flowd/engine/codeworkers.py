"""The worker processes of code-first workflow files: one for each version, run by the runner, begun again when it dies.

A process is a run of the runner under a key made of its version, so it outlives the daemon, and the next daemon finds
it again. Nothing here knows files or executions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flowd import background
from flowd.clock import Clock
from flowd.containers import ContainerEnd, ContainerSpec
from flowd.functions import Unknown

log = logging.getLogger(__name__)
REFUSED = 3  # exit status of a worker whose file cannot be loaded (flowd.sdk.worker)
_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
_STEADY_MS = 60_000  # a process that lived so long begins with the shortest pause again
_CHECK_S = 30.0
_MEMORY_MB = 2048
_LOG_KEPT = 16_384


class Processes(Protocol):
    """The runner."""

    async def run(self, key: str, spec: ContainerSpec) -> ContainerEnd: ...

    async def attach(self, key: str) -> ContainerEnd | Unknown: ...

    async def stop(self, key: str) -> None: ...

    async def acknowledge(self, key: str) -> None: ...

    async def output(self, key: str) -> str: ...


@dataclass
class Site:
    """How worker processes are started here."""

    command: Sequence[str]  # what goes before FILE
    connection: Sequence[str] = ()  # how they reach this daemon
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Worker:
    """One version's process, as it stands."""

    version: str
    file: Path
    task_list: str
    status: str = "STARTING"  # RUNNING, BACKING_OFF, REFUSED
    starts: int = 0
    log: str = ""
    task: asyncio.Task[None] | None = None
    began_ms: int = 0


class CodeWorkers:
    """All of them."""

    def __init__(
        self,
        processes: Processes,
        clock: Clock,
        site: Site,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pause = pause
        self._processes = processes
        self._clock = clock
        self.site = site
        #: Hears of a process that is dead for sure: its task list, what its polls called themselves, how it ended.
        self.lost: Callable[[str, str, str], Awaitable[None]] = _nobody_cares
        self._workers: dict[str, Worker] = {}

    def get(self, version: str) -> Worker | None:
        return self._workers.get(version)

    async def check(self, version: str, file: Path) -> ContainerEnd:
        """Import a file in a process that ends at once: exit status 0, or REFUSED with its reasons as log."""
        key = f"code-check:{version}:{self._clock.now_ms()}"
        spec = await self._spec(f"check-{version}", file, ["--check"])
        try:
            async with asyncio.timeout(_CHECK_S):
                end = await self._processes.run(key, spec)
        except TimeoutError:
            await self._processes.stop(key)
            end = ContainerEnd(reason=f"importing it takes longer than {_CHECK_S:.0f} s")
        await self._processes.acknowledge(key)
        return end

    def ensure(self, version: str, file: Path, task_list: str) -> None:
        """Let there be a process of this version."""
        if version not in self._workers:
            worker = self._workers[version] = Worker(version, file, task_list)
            worker.task = asyncio.create_task(self._keep(worker), name=f"worker of {version}")

    async def end(self, version: str) -> None:
        """Stop the process of a version; what it does gets its grace."""
        worker = self._workers.pop(version, None)
        if worker is None or worker.task is None:
            return
        await background.end(worker.task)
        key = _key(version)
        await self._processes.stop(key)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                end = await self._processes.attach(key)
                if isinstance(end, ContainerEnd):  # else its process had not begun
                    await self._tell(worker, end)
        await self._processes.acknowledge(key)

    async def stop(self, and_processes: bool) -> None:
        """The daemon ends; the processes with it, unless the runner stays."""
        workers = list(self._workers.values())
        if and_processes:
            await asyncio.gather(*(self.end(worker.version) for worker in workers))
        await background.end(*(worker.task for worker in workers))

    async def log(self, version: str) -> str:
        """What the process says, else what the one before it said."""
        worker = self._workers.get(version)
        if worker is None:
            return ""
        return await self._processes.output(_key(version)) or worker.log

    async def _keep(self, worker: Worker) -> None:
        """Run it, and again whenever it ends."""
        failures = 0
        while True:
            worker.starts += 1
            worker.status, worker.began_ms = "RUNNING", self._clock.now_ms()
            end = await self._processes.run(_key(worker.version), await self._worker_spec(worker))
            await self._tell(worker, end)
            await self._processes.acknowledge(_key(worker.version))
            worker.log = f"{end.log[-_LOG_KEPT:]}{_said(end)}\n"
            if end.exit_code == REFUSED:
                worker.status = "REFUSED"
                return
            steady = self._clock.now_ms() - worker.began_ms > _STEADY_MS
            failures = 0 if steady else failures
            worker.status = "BACKING_OFF"
            await self._pause(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
            failures += 1

    async def _tell(self, worker: Worker, end: ContainerEnd) -> None:
        """What it had in hand is in nobody's any more; without an exit status nobody knows, and time-outs tell."""
        if end.exit_code is None:
            return
        try:
            await self.lost(worker.task_list, _key(worker.version), _said(end))
        except Exception as error:
            log.warning("what the worker of %s had in hand is left to its time-outs: %s", worker.version, error)

    async def _worker_spec(self, worker: Worker) -> ContainerSpec:
        named = ["--version", worker.version, "--task-list", worker.task_list, "--identity", _key(worker.version)]
        return await self._spec(f"worker-{worker.version}", worker.file, [*named, *self.site.connection])

    async def _spec(self, name: str, file: Path, arguments: Sequence[str]) -> ContainerSpec:
        """The texts go with it: the daemon's own folders may be closed to the runner."""
        return ContainerSpec(
            name=name,
            command=[*self.site.command, file.name, *arguments],
            # The order of sets is the same in all workers, as long as nobody relies on more than that.
            environment={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", **self.site.environment},
            files=await asyncio.to_thread(_texts, file.parent),
            memory_mb=_MEMORY_MB,
            stop_timeout_s=15.0,
            standing=True,
        )


def _texts(folder: Path) -> dict[str, str]:
    """A snapshot: its files by their names in it."""
    return {str(file.relative_to(folder)): file.read_text("utf-8") for file in folder.rglob("*.py")}


def _key(version: str) -> str:
    """What the runner knows the process by, and the end of what its polls call themselves."""
    return f"code:{version}"


def _said(end: ContainerEnd) -> str:
    return end.reason or f"the process ended with exit status {end.exit_code}"


async def _nobody_cares(task_list: str, identity: str, how: str) -> None: ...
