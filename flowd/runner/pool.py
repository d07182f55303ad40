"""Which worker runs what: warm workers per function, limits, time-outs, and the end of workers that are out of date.

An attempt waits in its function's queue until a worker is free or may be started. Processes are started only for
attempts that wait, one each, so a function that crashes while it loads costs one process per call and never spins.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from flowd.functions import FunctionSpec, Kind
from flowd.runner import outcomes
from flowd.runner.attempts import Attempt
from flowd.runner.outcomes import Outcome
from flowd.runner.packages import Packages, Prepared
from flowd.runner.process import Hosting
from flowd.runner.runtime_api import ApiWorker
from flowd.runner.worker import ProgramWorker, SocketWorker, Worker

log = logging.getLogger(__name__)

WORKERS: dict[Kind, type[Worker]] = {
    "python": SocketWorker,
    "node": SocketWorker,
    "executable": ProgramWorker,
    "bootstrap": ApiWorker,
}
#: Lambda gives the load of a function 10 seconds of its own (Lambda developer guide, "Init phase").
_LOAD_MS = 10_000
_RECYCLE_CALLS = 50_000  # slow leaks of user code end here
_SWEEP_S = 5.0  # how often idle workers are looked at, at most

Signature = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True)
class Limits:
    """How many processes, and how long an idle one is kept."""

    per_function: int = field(default_factory=lambda: 2 * (os.cpu_count() or 1))
    total: int = field(default_factory=lambda: max(16, 8 * (os.cpu_count() or 1)))
    idle_s: float = 300.0
    # After this many failed loads in a row the next one waits: 0.1 s, doubled each time, 5 s at most.
    failures: int = 3


@dataclass(eq=False)
class Crew:
    """The workers and the queue of one function."""

    spec: FunctionSpec
    idle: list[Worker] = field(default_factory=list)
    busy: set[Worker] = field(default_factory=set)
    loading: set[Worker] = field(default_factory=set)
    waiting: deque[Attempt] = field(default_factory=deque)
    generation: int = 0  # of spec and environment
    failures: int = 0
    not_before: float = 0.0
    cooling: bool = False

    @property
    def size(self) -> int:
        return len(self.idle) + len(self.busy) + len(self.loading)


def sign(files: Iterable[str]) -> Signature:
    """What tells one version of some files from another: modification time, size and inode."""
    return tuple(_stamp(file) for file in files)


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Pool:
    """All functions of a runner. Implements `worker.Owner`; everything happens on one event loop."""

    def __init__(self, hosting: Hosting, limits: Limits | None = None, packages: Packages | None = None) -> None:
        """Without `packages` nothing is installed for functions."""
        self._packages = packages
        self.hosting = hosting
        self._limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        self._crews: dict[str, Crew] = {}
        self._known: set[str] = set()
        self._hungry: dict[str, None] = {}  # functions that have work, no process, and no room for one
        self._total = 0
        self._timers: dict[Worker, asyncio.TimerHandle] = {}
        self._signatures: dict[Worker, Signature] = {}
        self._idle_since: dict[Worker, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_s = min(_SWEEP_S, self._limits.idle_s / 2)

    # -- what the server asks

    def register(self, specs: Iterable[FunctionSpec], environment: Mapping[str, str]) -> None:
        """Replace the set of functions; workers of another version end when they are free."""
        environment_changed = dict(environment) != dict(self.hosting.environment)
        self.hosting.environment = dict(environment)
        named = {spec.name: spec for spec in specs}
        self._known = set(named)
        for name, spec in named.items():
            crew = self._crews.setdefault(name, Crew(spec))
            if crew.spec != spec or environment_changed:
                crew.spec = spec
                crew.generation += 1
                crew.failures, crew.not_before = 0, 0.0
                self._retire_all(crew)
        for name in self._crews.keys() - self._known:
            self._retire_all(self._crews[name])
        if self._packages:
            self._packages.announce(named.values())

    def knows(self, function: str) -> bool:
        return function in self._known

    def is_throttled(self, function: str) -> bool:
        """True if as many runs are asked for as the function's reserved concurrency allows."""
        crew = self._crews[function]
        if crew.spec.reserved is None:
            return False
        return len(crew.waiting) + sum(worker.attempt is not None for worker in crew.busy) >= crew.spec.reserved

    def submit(self, attempt: Attempt) -> None:
        """Run it as soon as there is a worker; the function must be known."""
        crew = self._crews[attempt.function]
        crew.waiting.append(attempt)
        self._pump(crew)

    def cancel(self, attempt: Attempt) -> None:
        """Stop it wherever it is; its outcome says that it was cancelled."""
        crew = self._crews[attempt.function]
        outcome = outcomes.stopped("The attempt was cancelled.")
        worker = next((worker for worker in crew.busy if worker.attempt is attempt), None)
        if worker is not None:
            worker.stop(lambda request_id: outcome)
        elif attempt in crew.waiting:
            crew.waiting.remove(attempt)
            attempt.end(outcome)

    def put_off(self) -> list[Attempt]:
        """Those that no process has begun are taken out of the queues; one that was promised to run stays."""
        taken = []
        for crew in self._crews.values():
            taken += [attempt for attempt in crew.waiting if not attempt.detached]
            crew.waiting = deque(attempt for attempt in crew.waiting if attempt.detached)
        return taken

    def warm(self) -> dict[str, int]:
        """Processes per function that are there, at work or waiting."""
        return {name: sum(worker.warm for worker in [*crew.idle, *crew.busy]) for name, crew in self._crews.items()}

    def packages(self) -> dict[str, str]:
        """Function -> what is to be said of its packages."""
        return dict(self._packages.states) if self._packages else {}

    async def close(self) -> None:
        """Kill everything."""
        if self._packages:
            self._packages.close()
        if self._sweeper:
            self._sweeper.cancel()
        verdict = partial(_stopped_by, why="The runner was stopped while the function ran.")
        for crew in self._crews.values():
            for attempt in crew.waiting:
                attempt.end(verdict(attempt.request_id))
            crew.waiting.clear()
            for worker in [*crew.idle, *crew.busy, *crew.loading]:
                worker.stop(verdict)
        while self._total and self._loop.is_running():
            await asyncio.sleep(0.005)
        for task in self._tasks:
            task.cancel()
        self.hosting.spawner.shutdown(wait=False)

    # -- finding a worker

    def _pump(self, crew: Crew) -> None:
        while crew.waiting:
            worker = self._take_idle(crew)
            if worker is not None:
                self._give(crew, worker, crew.waiting.popleft())
            elif not self._may_start(crew):
                return
            else:
                self._start(crew)

    def _take_idle(self, crew: Crew) -> Worker | None:
        """The worker used last, if it is still of this version: the others may then grow old and go."""
        while crew.idle:
            worker = crew.idle.pop()
            self._idle_since.pop(worker, None)
            if self._is_current(crew, worker):
                return worker
            self._dismiss(crew, worker)
        return None

    def _is_current(self, crew: Crew, worker: Worker) -> bool:
        if worker.gone or worker.generation != crew.generation or worker.calls >= _RECYCLE_CALLS:
            return False
        return isinstance(worker, ProgramWorker) or sign(worker.watched) == self._signatures.get(worker)

    def _may_start(self, crew: Crew) -> bool:
        most = self._limits.per_function if crew.spec.reserved is None else crew.spec.reserved
        if len(crew.loading) >= len(crew.waiting) or crew.size >= most:
            return False
        now = self._loop.time()
        if now < crew.not_before:
            if not crew.cooling:
                crew.cooling = True
                self._loop.call_at(crew.not_before, self._cooled, crew)
            return False
        if self._total < self._limits.total or self._evict():
            return True
        if not crew.size:
            self._hungry[crew.spec.name] = None
        return False

    def _cooled(self, crew: Crew) -> None:
        crew.cooling = False
        self._pump(crew)

    def _evict(self) -> bool:
        """Make room: end the process that has been idle longest."""
        worker = next(iter(self._idle_since), None)
        if worker is None:
            return False
        crew = self._crews[worker.spec.name]
        crew.idle.remove(worker)
        del self._idle_since[worker]
        self._dismiss(crew, worker)
        return True

    def _start(self, crew: Crew) -> None:
        worker = WORKERS[crew.spec.kind](self.hosting, crew.spec, self)
        worker.generation = crew.generation
        crew.loading.add(worker)
        self._total += 1
        self._signatures[worker] = sign(worker.watched)
        task = self._loop.create_task(self._begin(worker))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begin(self, worker: Worker) -> None:
        """Its packages first: installing them takes as long as it takes, and counts for no limit of the function."""
        prepared = await self._packages.prepare(worker.spec) if self._packages else Prepared()
        if prepared.problem:
            worker.fail(partial(outcomes.without_packages, why=prepared.problem))
            return
        worker.packages = prepared.folders
        own_ms = int(worker.spec.timeout_s * 1000)
        self._arm(worker, max(_LOAD_MS, own_ms), own_ms)
        await worker.start()

    # -- giving it work

    def _give(self, crew: Crew, worker: Worker, attempt: Attempt) -> None:
        limit_ms = int(crew.spec.timeout_s * 1000)
        if attempt.timeout_ms:
            limit_ms = min(limit_ms, attempt.timeout_ms)
        crew.busy.add(worker)
        self._arm(worker, limit_ms)
        worker.run(attempt, limit_ms)

    def _arm(self, worker: Worker, limit_ms: int, said_ms: int = 0) -> None:
        """Stop it in time. Lambda loads a slow function a second time within its own limit, and that limit it tells."""
        verdict = partial(outcomes.timed_out, limit_ms=said_ms or limit_ms)
        self._timers[worker] = self._loop.call_later(limit_ms / 1000, worker.stop, verdict)

    def _disarm(self, worker: Worker) -> None:
        timer = self._timers.pop(worker, None)
        if timer is not None:
            timer.cancel()

    # -- what workers tell

    def worker_ready(self, worker: Worker) -> None:
        crew = self._crews[worker.spec.name]
        self._disarm(worker)
        crew.loading.discard(worker)
        crew.failures, crew.not_before = 0, 0.0
        entry = self._signatures[worker]
        # The entry file as it was before it was loaded, the files it loaded as they are now.
        self._signatures[worker] = entry + sign(worker.watched[len(entry) :])
        self._rest(crew, worker)

    def worker_answered(self, worker: Worker, outcome: Outcome) -> None:
        crew = self._crews[worker.spec.name]
        self._disarm(worker)
        crew.busy.discard(worker)
        attempt, worker.attempt = worker.attempt, None
        self._rest(crew, worker)
        if attempt is not None:
            attempt.end(outcome)

    def worker_ended(self, worker: Worker) -> None:
        crew = self._crews[worker.spec.name]
        self._disarm(worker)
        self._signatures.pop(worker, None)
        self._idle_since.pop(worker, None)
        self._total -= 1
        loading = worker in crew.loading
        crew.loading.discard(worker)
        crew.busy.discard(worker)
        if worker in crew.idle:
            crew.idle.remove(worker)
        attempt, worker.attempt = worker.attempt, None
        if loading:
            self._count_failure(crew)
            attempt = crew.waiting.popleft() if crew.waiting else None
            if attempt is not None:
                worker.give_early_log(attempt)
        if attempt is not None:
            attempt.end(worker.verdict(attempt.request_id))
        # Later, so that a worker that ends at once does not change a queue that is being walked through.
        self._loop.call_soon(self._fill_the_room, crew)

    def _count_failure(self, crew: Crew) -> None:
        crew.failures += 1
        beyond = crew.failures - self._limits.failures
        if beyond >= 0:
            crew.not_before = self._loop.time() + min(5.0, 0.1 * 2 ** min(beyond, 6))

    # -- rest and retirement

    def _rest(self, crew: Crew, worker: Worker) -> None:
        unwanted = worker.spec.name not in self._known and not crew.waiting
        # One that has not had a call yet keeps its place while calls wait: they would only start the next one, and
        # with more functions at once than places nothing but starting would happen.
        in_the_way = bool(self._hungry) and (worker.calls > 0 or not crew.waiting)
        if worker.leaving or in_the_way or unwanted or worker.generation != crew.generation:
            self._dismiss(crew, worker)
            return
        crew.idle.append(worker)
        self._idle_since[worker] = self._loop.time()
        self._pump(crew)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._sweep_s, self._sweep)

    def _dismiss(self, crew: Crew, worker: Worker) -> None:
        """End a worker that has no call. Until it is gone it counts as one that is there."""
        if not worker.gone:
            crew.busy.add(worker)
            worker.stop(partial(_stopped_by, why="The worker was not needed any more."))

    def _retire_all(self, crew: Crew) -> None:
        idle, crew.idle = crew.idle, []
        for worker in idle:
            self._idle_since.pop(worker, None)
            self._dismiss(crew, worker)

    def _fill_the_room(self, crew: Crew) -> None:
        """A function without any process goes before those that have some: they would keep theirs for ever."""
        while self._hungry and self._total < self._limits.total:
            name = next(iter(self._hungry))
            del self._hungry[name]
            self._pump(self._crews[name])
        self._pump(crew)

    def _sweep(self) -> None:
        """End what has been idle for too long."""
        self._sweeper = None
        oldest = self._loop.time() - self._limits.idle_s
        for worker, since in list(self._idle_since.items()):
            if since > oldest:
                break
            crew = self._crews[worker.spec.name]
            crew.idle.remove(worker)
            del self._idle_since[worker]
            self._dismiss(crew, worker)
        if self._idle_since:
            self._sweeper = self._loop.call_later(self._sweep_s, self._sweep)


def _stopped_by(request_id: str, why: str) -> Outcome:
    return outcomes.stopped(why)
