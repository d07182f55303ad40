"""Map Runs: the children of a Distributed Map are started as earlier ones end, and the state is told how it went.

What a run has done is read off its children's rows when a daemon starts and counted from there; nothing is written but
the rows of children, so a crash at any point loses nothing and repeats nothing. A run's memory is its parent's
lineage and the ids of the children that are open. It decides nothing about the States Language.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from flowd import background
from flowd.asl.faults import READER_FAILED, RUNTIME, TOO_MANY_FAILURES, WRITER_FAILED, Fault, too_large
from flowd.asl.items import ChildInput, Place
from flowd.asl.model import DistributedMap, StateMachine
from flowd.asl.transitions import cause_of
from flowd.clock import Clock
from flowd.decisions import MapRunPlan
from flowd.engine.live import Live, Reply
from flowd.engine.mapruns.children import Children, child_definition
from flowd.engine.mapruns.items import Inputs, ReaderFailed, read_dataset, uncovered
from flowd.engine.mapruns.results import ResultFiles, StateResult, TooMuch, WriterFailed
from flowd.engine.mapruns.run import Run, RunFailed
from flowd.entropy import Entropy
from flowd.errors import ServiceUnavailable
from flowd.frames import lineage
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.services.s3 import Buckets
from flowd.store import executions, mapruns, schema
from flowd.store.database import Database

log = logging.getLogger(__name__)
T = TypeVar("T")
GROUP = 100  # inputs that are worked out together, and results that are read together
THREADS = 2
RETRY_S = 1.0
EXCEEDED = "The specified tolerated failure threshold was exceeded"  # recorded


class MapRuns:
    """All open Map Runs of this daemon."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        buckets: Buckets,
        folder: Path,
        alive: Callable[[int], Awaitable[Live | None]],
        post: Callable[[int, Event], Reply],
        children: Children,
    ) -> None:
        """`folder` is for spool files."""
        self._db = db
        self._clock = clock
        self._buckets = buckets
        self._folder = folder
        self._alive = alive
        self._post = post
        self._children = children
        self._runs: dict[int, Run] = {}
        self._by_child: dict[int, Run] = {}
        self._threads = ThreadPoolExecutor(THREADS, "map run")
        self._arriving: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def busy(self) -> bool:
        """True while a run does something other than wait for its children (tests wait for this)."""
        return bool(self._arriving) or any(not run.waiting or run.wake.is_set() for run in self._runs.values())

    # -- what others call ------------------------------------------------------------

    async def load(self) -> None:
        """Read what an earlier daemon left, before anything runs that could change it."""
        for row in await self._db.read(mapruns.going):
            self._keep(row, await self._db.read(partial(mapruns.tally, run_id=row.id or 0)))

    async def start(self) -> None:
        """Go on with every run; end children that an earlier daemon had no time to end."""
        left = await self._db.read(mapruns.left_behind)
        stops = [self._children.stop(execution_id, kind) for execution_id, kind in left]
        await asyncio.gather(*stops, return_exceptions=True)
        for run in self._runs.values():
            self._begin(run)

    async def stop(self) -> None:
        """Let go; the next daemon goes on."""
        self._stopping = True
        await background.end(*self._arriving, *(run.worker for run in self._runs.values()))
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    def changed(self, runs: Iterable[tuple[int, int, str]]) -> None:
        """Commits have made or ended runs: execution, run, status."""
        for _, run_id, status in runs:
            if status == "RUNNING" and not self._stopping:
                arriving = asyncio.create_task(self._arrive(run_id), name=f"map run {run_id}")
                self._arriving.add(arriving)
                arriving.add_done_callback(self._arriving.discard)
            elif run_id in self._runs:
                self._runs[run_id].over = True
                self._runs[run_id].wake.set()

    def ended(self, execution_ids: Iterable[int]) -> None:
        """These executions are over, and that is on disk."""
        for execution_id in execution_ids:
            run = self._by_child.pop(execution_id, None)
            if run is not None:
                run.closed.add(execution_id)
                run.wake.set()

    async def settled(self, execution_id: int) -> None:
        """Return when nothing of an execution's earlier Map Runs is going any more: a redrive must not meet it."""
        workers = [run.worker for run in self._runs.values() if run.row.execution_id == execution_id]
        await asyncio.gather(*(worker for worker in workers if worker is not None), return_exceptions=True)

    async def update(self, run_id: int, values: dict[str, int | float]) -> bool:
        """Change a run's concurrency and thresholds; False if it has ended."""
        if not await self._db.write(partial(mapruns.update, run_id=run_id, values=values)):
            return False
        run = self._runs.get(run_id)
        if run is not None:
            for name, value in values.items():
                setattr(run.row, name, value)
            run.wake.set()
        return True

    # -- one run ---------------------------------------------------------------------

    async def _arrive(self, run_id: int) -> None:
        row = await self._db.read(partial(mapruns.get, run_id=run_id))
        if row.status == "RUNNING":
            tally = partial(mapruns.tally, run_id=run_id)
            self._begin(self._keep(row, await self._db.read(tally) if row.redrive_count else mapruns.Tally()))

    def _keep(self, row: schema.MapRun, tally: mapruns.Tally) -> Run:
        run = self._runs[row.id or 0] = Run(row, msgspec.json.decode(row.plan, type=MapRunPlan), tally)
        self._by_child.update(dict.fromkeys(tally.open_children, run))
        return run

    def _begin(self, run: Run) -> None:
        run.worker = asyncio.create_task(self._work(run), name=f"map run {run.row.arn}")

    async def _work(self, run: Run) -> None:
        """From wherever the run stands to its end. A store that cannot write is waited for."""
        while True:
            try:
                await self._drive(run)
                break
            except ServiceUnavailable as error:
                log.warning("%s waits for the store: %s", run.row.arn, error)
                await asyncio.sleep(RETRY_S)
        self._runs.pop(run.id, None)
        await self._aside(partial(self._spool(run).unlink, missing_ok=True))

    async def _drive(self, run: Run) -> None:
        place = await self._place(run)
        ended: dict[str, Any] = {}
        if place is None:
            run.over = True
        else:
            try:
                ended = await self._result_of(run, place)
            except RunFailed as failed:
                ended = {"error": failed.error, "cause": failed.cause}
            except Fault as fault:
                ended = {"error": fault.error, "cause": cause_of(fault, place.frame)}
            except ServiceUnavailable:
                raise
            except Exception as error:
                log.exception("%s failed by a defect", run.row.arn)
                ended = {"error": RUNTIME, "cause": f"flowd could not go on: {type(error).__name__}: {error}"}
            finally:
                if run.inputs is not None:
                    run.inputs.close()
        await self._stop_children(run)
        if not run.over:
            await self._post(run.row.execution_id, Event(News.MAP_RUN_ENDED, run.row.frame, run.row.attempt, ended))

    async def _place(self, run: Run) -> Place | None:
        """Where the Map stands, None if it is not there any more."""
        row = run.row
        live = await self._alive(row.execution_id)
        frame = None if live is None or live.status != "RUNNING" else live.frames.get(row.frame)
        if live is None or frame is None or (row.frame, row.attempt) not in live.map_runs:
            return None
        state = live.machine.state(frame.scope, frame.state)
        assert isinstance(state, DistributedMap)
        run.parent_definition = live.definition_id
        run.trigger = live.trigger if live.test_case else f"map:{run.id}"  # a test case answers children too
        return Place(live.execution, {name: live.frames[name] for name in lineage(frame.id)}, frame, state)

    async def _result_of(self, run: Run, place: Place) -> dict[str, Any]:
        """Read, run and gather. Raises RunFailed and Fault."""
        files = None
        if run.plan.writing is not None and run.plan.writing.bucket:
            files = ResultFiles(self._buckets, run.plan.writing, run.row.arn)
        try:
            await self._prepare(run, place, files)
            await self._run_children(run, place)
            exceeded = run.exceeded
            if run.over or (exceeded and files is None):
                raise RunFailed(TOO_MANY_FAILURES, EXCEEDED)
            if exceeded:
                await self._stop_children(run)
            result = await (self._gather(run, place) if files is None else self._write(run, files))
        except ReaderFailed as error:
            raise RunFailed(READER_FAILED, str(error)) from None
        except WriterFailed as error:
            raise RunFailed(WRITER_FAILED, str(error)) from None
        finally:
            if files is not None:
                await self._aside(files.abandon)
        if exceeded:
            raise RunFailed(TOO_MANY_FAILURES, EXCEEDED)
        return {"output": result}

    async def _prepare(self, run: Run, place: Place, files: ResultFiles | None) -> None:
        """Read the dataset and store the children's definition, once. Raises ReaderFailed, WriterFailed."""
        spool, reading = self._spool(run), run.plan.reading
        run.gaps = await self._gaps(run)
        if run.row.definition_id and (reading is None or spool.is_file() or not run.gaps):
            return
        if files is not None:
            await self._aside(files.check)
        items = run.row.items
        if reading is not None:
            left = partial(lambda: self._stopping or run.over)
            items = await self._aside(partial(read_dataset, self._buckets, reading, spool, left))
        text = await self._db.read(partial(executions.definition_text, definition_id=run.parent_definition))
        text = child_definition(text, place.state.processor.path)
        write = partial(mapruns.prepared, run_id=run.id, text=text, items=items)
        run.row.definition_id, run.row.items = await self._db.write(write), items
        run.gaps = await self._gaps(run)

    async def _gaps(self, run: Run) -> list[tuple[int, int]]:
        covered = await self._db.read(partial(mapruns.covered, run_id=run.id)) if run.tally.children else []
        return uncovered(covered, run.row.items)

    # -- children --------------------------------------------------------------------

    async def _run_children(self, run: Run, place: Place) -> None:
        """Start children as there is room until all have ended, too many have failed, or the Map is gone."""
        machine = await self._children.definitions(run.row.definition_id)
        spool = self._spool(run) if run.plan.reading is not None and run.gaps else None
        run.inputs = Inputs(place, run.plan, spool, run.gaps, self._clock.now_ms(), Entropy(os.urandom(32)))
        more = True
        while True:
            await self._count(run)
            wanted = min(run.room, GROUP)
            if run.over or run.exceeded or not (more or run.tally.waiting or run.tally.open_children):
                return
            if run.tally.waiting and wanted:
                await self._redrive(run, wanted)
            elif more and wanted:
                group = await self._aside(partial(run.inputs.take, wanted))
                more = len(group) == wanted
                await self._start(run, place, machine, group)
            else:
                run.waiting = True
                await run.wake.wait()
                run.waiting = False

    async def _redrive(self, run: Run, most: int) -> None:
        """Let children of an earlier attempt go on; those that the store refuses wait and are tried again."""
        found = await self._db.read(partial(mapruns.waiting, run_id=run.id, limit=most))
        for child in found:
            self._by_child[child.id] = run
            run.tally.resume(child.id, child.items)
        outcomes = await asyncio.gather(*map(self._again, found), return_exceptions=True)
        problem = ""
        for child, outcome in zip(found, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                self._by_child.pop(child.id, None)
                run.tally.postpone(child.id, child.items)
                problem = str(outcome)
            elif not outcome:
                run.closed.add(child.id)
        if problem:
            log.warning("%s: children wait for the store: %s", run.row.arn, problem)
            await asyncio.sleep(RETRY_S)

    async def _again(self, child: mapruns.Waiting) -> bool:
        """False for a child whose history is full: it stays as it is, and counts as failed."""
        if child.next_event >= self._children.event_limit:
            await self._db.write(partial(mapruns.give_up, execution_id=child.id))
            return False
        await self.settled(child.id)
        return await self._children.redrive(child.id)

    async def _start(self, run: Run, place: Place, machine: StateMachine, group: list[ChildInput]) -> None:
        """Start a group of children; those that the store refuses are started again until it takes them."""
        while group and not run.over:
            make = partial(self._children.make, run.row, place.execution, machine, trigger=run.trigger)
            made = [(child, make(child)) for child in group]
            for child, live in made:
                self._by_child[live.id] = run
                run.tally.begin(live.id, child.items)
            outcomes = await asyncio.gather(*(self._children.start(live) for _, live in made), return_exceptions=True)
            group, problem = [], ""
            for (child, live), outcome in zip(made, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    self._by_child.pop(live.id, None)
                    run.tally.end(live.id, "", child.items)
                    group.append(child)
                    problem = str(outcome)
            if group:
                log.warning("%s: %d children wait for the store: %s", run.row.arn, len(group), problem)
                await asyncio.sleep(RETRY_S)

    async def _count(self, run: Run) -> None:
        """Take note of children that have ended."""
        run.wake.clear()
        closed, run.closed = run.closed, set()
        if closed:
            for execution_id, status, items in await self._db.read(partial(mapruns.ended, execution_ids=closed)):
                run.tally.end(execution_id, status, items)

    async def _stop_children(self, run: Run) -> None:
        """Abort what runs, and wait until that is on disk."""
        while run.tally.open_children:
            stops = [self._children.stop(child, run.row.child_type) for child in run.tally.open_children]
            for outcome in await asyncio.gather(*stops, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
            await self._count(run)
            if run.tally.open_children:
                await asyncio.sleep(0)

    # -- results ---------------------------------------------------------------------

    async def _gather(self, run: Run, place: Place) -> Payload:
        """The outputs of all children, in the order of items."""
        gathered = StateResult(run.plan.writing)
        if place.state.flow.discards:
            return gathered.finish()
        try:
            async for page in self._pages(run):
                gathered.add(page)
        except TooMuch:
            fault = too_large(place.state.name)
            raise RunFailed(fault.error, fault.detail) from None
        return gathered.finish()

    async def _write(self, run: Run, files: ResultFiles) -> Payload:
        async for page in self._pages(run):
            await self._aside(partial(files.add, page))
        inputs = run.inputs
        while inputs is not None and (group := await self._aside(partial(inputs.take, GROUP))):
            await self._aside(partial(files.add_pending, group))
        return await self._aside(files.finish)

    async def _pages(self, run: Run) -> AsyncIterator[list[mapruns.Result]]:
        after = -1
        while page := await self._db.read(partial(mapruns.results, run_id=run.id, after=after, limit=GROUP)):
            yield page
            after = page[-1].row.map_item

    # -- tools -----------------------------------------------------------------------

    def _spool(self, run: Run) -> Path:
        return self._folder / f"{run.row.arn.rpartition(':')[2]}.jsonl"

    async def _aside(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
