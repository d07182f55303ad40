"""The one cluster of this box: tasks from the call to their end. Every change is on disk before it counts.

A task's row is written before the runner hears of it, so a daemon that was killed finds it again by its key at the
runner, which outlives daemons. If the runner died as well, the task is over and says so; nothing is run twice.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from flowd import background
from flowd.clock import Clock
from flowd.containers import ContainerEnd, ContainerSpec
from flowd.engine.taskdefinitions import TaskDefinitions
from flowd.functions import Unknown
from flowd.payload import dumps, loads
from flowd.services.ecs import tasks
from flowd.services.ecs.definitions import Site
from flowd.services.ecs.tasks import Planned
from flowd.services.ports import ServiceError
from flowd.store import ecs
from flowd.store.database import Database, Session
from flowd.store.schema_ecs import EcsTask

log = logging.getLogger(__name__)
LOST: Final = "the runner was restarted while the container ran, so its exit code is lost"
KEPT_MS: Final = 86_400_000  # a stopped task can be described for a day; on AWS for about an hour
_MOST_TASKS: Final = 10  # API reference, RunTask

_containers = msgspec.json.Decoder(tuple[Planned, ...]).decode
_encode = msgspec.json.Encoder().encode


class ContainerHost(Protocol):
    """Who runs containers. A key is run once; its end is held until it is acknowledged."""

    @property
    def started_ms(self) -> int: ...

    async def run(self, key: str, spec: ContainerSpec) -> ContainerEnd: ...

    async def attach(self, key: str) -> ContainerEnd | Unknown: ...

    async def stop(self, key: str) -> None: ...

    async def acknowledge(self, key: str) -> None: ...


class Running:
    """A task that is not over."""

    def __init__(self, row: EcsTask) -> None:
        self.task_id = row.task_id
        self.key = row.key
        self.created_ms = row.created_ms
        self.description: dict[str, Any] = loads(row.description)
        self.containers = _containers(row.containers)
        self.stop_reason = row.stop_reason
        self.over = asyncio.Event()
        self.follower: asyncio.Task[None] | None = None

    def key_of(self, container: Planned) -> str:
        return f"{self.key}#{container.name}"


class Ended(msgspec.Struct, frozen=True):
    """How a task ended."""

    description: dict[str, Any]
    succeeded: bool
    log: str
    log_truncated: bool


class Cluster:
    """Definitions and tasks of one daemon."""

    def __init__(self, db: Database, clock: Clock, host: ContainerHost, site: Site) -> None:
        self._db = db
        self._clock = clock
        self._host = host
        self.site = site
        self.definitions = TaskDefinitions(db, clock, lambda: self.site)
        self._running: dict[str, Running] = {}

    # -- life --------------------------------------------------------------------

    def give(self, environment: Mapping[str, str]) -> None:
        """What all containers find in their environment from now on."""
        self.site = msgspec.structs.replace(self.site, environment=dict(environment))

    async def start(self) -> None:
        """Take up what an earlier daemon left open."""
        await self.definitions.load()
        await self._db.write(partial(ecs.prune, before_ms=self._clock.now_ms() - KEPT_MS))
        for row in await self._db.read(ecs.unfinished):
            self._follow(row, recovered=True)

    async def stop(self) -> None:
        """Let go of all tasks; they go on in the runner."""
        await background.end(*(task.follower for task in self._running.values()))
        self._running.clear()

    # -- what callers ask ----------------------------------------------------------

    async def run(self, members: Mapping[str, Any], key: str = "") -> list[dict[str, Any]]:
        """RunTask: the descriptions of the tasks that have been begun. The same key again: those of the first time."""
        count = members.get("count") or 1
        if not 1 <= count <= _MOST_TASKS:
            raise ServiceError("InvalidParameterException", f"count must be from 1 to {_MOST_TASKS}.")
        definition = await self.definitions.find(members["taskDefinition"])
        keys = (
            [f"{key}/{number}" if number else key for number in range(count)] if key else [_new() for _ in range(count)]
        )
        found = []
        for each in keys:
            task_id = uuid.uuid5(uuid.NAMESPACE_URL, each).hex
            now_ms = self._clock.now_ms()
            plan = tasks.plan(definition, members, self.site, task_id, now_ms)
            values = {
                "task_id": task_id,
                "key": f"ecs:{each}",
                "cluster": plan.description["clusterArn"].rpartition("/")[2],
                "family": definition.family,
                "status": plan.description["lastStatus"],
                "description": dumps(plan.description),
                "containers": _encode(plan.containers).decode(),
                "created_ms": now_ms,
            }
            row, new = await self._db.write(partial(_begun, values=values))
            if new:
                self._follow(row, recovered=False)
            found.append(loads(row.description))
        return found

    async def describe(self, task_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Descriptions of the tasks that are known, by task id."""
        rows = await self._db.read(partial(_found, task_ids=task_ids))
        return {row.task_id: loads(row.description) for row in rows}

    async def rows(self, *, stopped: bool, after: int, most: int) -> list[EcsTask]:
        """Tasks by age, behind the row `after`."""
        return await self._db.read(partial(_listed, stopped=stopped, after=after, most=most))

    async def stop_task(self, task_id: str, reason: str) -> dict[str, Any]:
        """StopTask: SIGTERM to all containers, SIGKILL when their time is over. One that is over is described."""
        task = self._running.get(task_id)
        if task is None:
            found = await self.describe([task_id])
            if not found:
                raise ServiceError("InvalidParameterException", "The referenced task was not found.")
            return found[task_id]
        if task.stop_reason is None:
            task.stop_reason = reason
            task.description = tasks.stopping(task.description, reason, self._clock.now_ms())
            await self._change(task, stop_reason=reason)
        await self._stop_containers(task, task.containers)
        return task.description

    async def ended(self, task_id: str) -> Ended:
        """Wait until a task is over."""
        task = self._running.get(task_id)
        if task is not None:
            await task.over.wait()
        row = next(iter(await self._db.read(partial(_found, task_ids=[task_id]))), None)
        if row is None:
            raise ServiceError("InvalidParameterException", "The referenced task was not found.")
        description = loads(row.description)
        essential = [each.name for each in _containers(row.containers) if each.essential]
        return Ended(description, tasks.succeeded(description, essential), row.log, row.log_truncated)

    @property
    def open(self) -> int:
        """Tasks that are not over."""
        return len(self._running)

    # -- one task ------------------------------------------------------------------

    def _follow(self, row: EcsTask, *, recovered: bool) -> None:
        task = self._running[row.task_id] = Running(row)
        task.follower = asyncio.create_task(self._to_its_end(task, recovered), name=f"ecs task {row.task_id}")

    async def _to_its_end(self, task: Running, recovered: bool) -> None:
        ends: dict[str, ContainerEnd] = {}
        if task.stop_reason is None or recovered:
            if task.stop_reason is None and task.description["lastStatus"] != "RUNNING":
                task.description = tasks.running(task.description, self._clock.now_ms())
            runs = {asyncio.create_task(self._container(task, each, recovered)): each for each in task.containers}
            try:
                await self._persist(task, status="RUNNING")
                if task.stop_reason is not None:
                    await self._stop_containers(task, task.containers)
                first = await self._gather(task, runs, ends)
            finally:
                for run in runs:
                    run.cancel()
        else:
            first = None
        await self._close(task, ends, first)

    async def _gather(
        self, task: Running, runs: Mapping[asyncio.Task[ContainerEnd], Planned], ends: dict[str, ContainerEnd]
    ) -> Planned | None:
        """Wait for all containers; the first essential one that ends takes the others along. Returns that one."""
        first: Planned | None = None
        pending = set(runs)
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for run in done:
                ends[runs[run].name] = run.result()
            over = [runs[run] for run in done if runs[run].essential]
            if over and first is None:
                first = over[0]
                await self._stop_containers(task, (runs[run] for run in pending))
        return first

    async def _container(self, task: Running, container: Planned, recovered: bool) -> ContainerEnd:
        """Run it; or, after a restart, wait for the run of the daemon before."""
        key = task.key_of(container)
        if recovered:
            held = await self._host.attach(key)
            if isinstance(held, ContainerEnd):
                return held
            if self._host.started_ms >= task.created_ms or task.stop_reason is not None:
                return ContainerEnd(reason=LOST)
            # This runner was there before the task was: it was never asked.
        return await self._host.run(key, container.spec)

    async def _stop_containers(self, task: Running, containers: Iterable[Planned]) -> None:
        for container in containers:
            await self._host.stop(task.key_of(container))

    async def _close(self, task: Running, ends: Mapping[str, ContainerEnd], first: Planned | None) -> None:
        code, reason = _verdict(task, ends, first)
        now_ms = self._clock.now_ms()
        task.description = tasks.stopped(task.description, ends, code, reason, now_ms)
        text, truncated = _log(ends)
        await self._persist(task, status="STOPPED", stopped_ms=now_ms, log=text, log_truncated=truncated)
        self._running.pop(task.task_id, None)
        task.over.set()
        for container in task.containers:
            await self._host.acknowledge(task.key_of(container))

    async def _persist(self, task: Running, **values: Any) -> None:
        """Until the store takes it: what a container did is never dropped for want of disk."""
        while True:
            try:
                await self._change(task, **values)
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("task %s waits for the store: %s", task.task_id, error)
                await asyncio.sleep(1.0)

    async def _change(self, task: Running, **values: Any) -> None:
        values = {"description": dumps(task.description), **values}
        await self._db.write(partial(ecs.change, task_id=task.task_id, values=values))


def _new() -> str:
    return str(uuid.uuid4())


def _begun(session: Session, values: dict[str, Any]) -> tuple[EcsTask, bool]:
    row, new = ecs.begin(session, values)
    return EcsTask(**row.model_dump()), new


def _found(session: Session, task_ids: Sequence[str]) -> list[EcsTask]:
    return [EcsTask(**row.model_dump()) for row in ecs.find(session, task_ids)]


def _listed(session: Session, **which: Any) -> list[EcsTask]:
    return [EcsTask(**row.model_dump()) for row in ecs.tasks(session, **which)]


def _verdict(task: Running, ends: Mapping[str, ContainerEnd], first: Planned | None) -> tuple[str, str]:
    """StopCode and StoppedReason."""
    if task.stop_reason is not None:
        return "UserInitiated", task.stop_reason
    end = ends.get(first.name) if first is not None else None
    if end is not None and end.exit_code is None:
        lost = not end.reason.startswith("CannotStart")
        return ("TerminationNotice" if lost else tasks.FAILED_TO_START), end.reason
    return "EssentialContainerExited", tasks.EXITED


def _log(ends: Mapping[str, ContainerEnd]) -> tuple[str, bool]:
    """What the containers printed; where there are several, under their names."""
    truncated = any(end.truncated for end in ends.values())
    if len(ends) == 1:
        return next(iter(ends.values())).log, truncated
    parts = [f"==> {name} <==\n{end.log.rstrip()}\n" for name, end in ends.items() if end.log]
    return "\n".join(parts), truncated
