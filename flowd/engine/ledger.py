"""What EXPRESS executions leave on disk: the input of an asynchronous one before it runs, one packed row at the end.

Writes share batches, of which one is under way. The end of an execution is written behind its back and tried again
until the disk takes it; while it does not, and while too much waits, nothing new is admitted. It steps nothing.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial

from flowd.engine.commit import Effects, Recorder
from flowd.engine.live import Live, Reply
from flowd.engine.rows import change, inserted, shown, updated
from flowd.engine.stepper import After
from flowd.errors import ServiceUnavailable
from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.store import steps
from flowd.store.codec import encoder
from flowd.store.database import Database
from flowd.store.history import Packed
from flowd.store.steps import ExecutionWrite

log = logging.getLogger(__name__)
BATCH = 512
WAITING = 10_000  # ends that may wait for the disk
CHUNK = 1000  # events that are read together
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class _Entry:
    write: ExecutionWrite
    change: tuple[str, str, str, str, str] | None  # None: nothing that others see
    started: Reply | None = None  # of a start: its caller waits, and learns of a failure
    hooks: bool = False


class Ledger:
    """Rows on their way to the writer."""

    def __init__(self, db: Database, recorder: Recorder) -> None:
        self._db = db
        self._recorder = recorder
        self.after: After | None = None
        self._forming: list[_Entry] = []
        self._in_flight: list[_Entry] = []
        self._problem: BaseException | None = None
        self._again: asyncio.TimerHandle | None = None
        self._flushed = asyncio.Event()
        self._flushed.set()

    def admit(self) -> None:
        """ServiceUnavailable if the end of one more execution could not be kept."""
        if self._problem is not None:
            raise ServiceUnavailable(f"the ends of EXPRESS executions cannot be written now: {self._problem}")
        if len(self._forming) >= WAITING:
            raise ServiceUnavailable("too many ended EXPRESS executions wait for the disk; try again in a moment")

    def begin(self, live: Live) -> Reply:
        """Write the row and input of an asynchronous execution; the reply is True once it will start over."""
        write = ExecutionWrite(live.id)
        write.count(live.machine_id, "RUNNING", 1)
        write.keep_payload(live.execution.input, self._recorder.payload_id)
        write.insert = inserted(live)
        live.new = False
        reply: Reply = asyncio.get_running_loop().create_future()
        self._put(_Entry(write, shown(live), started=reply))
        return reply

    def send(self, live: Live) -> None:
        """Write what an execution wants to have delivered; it does not wait for its end."""
        write, run = ExecutionWrite(live.id), self._recorder.open(live)
        write.deliveries, run.deliveries = run.deliveries, []
        self._put(_Entry(write, None, hooks=True))

    def end(self, live: Live, hooks: bool) -> None:
        """Write what a closed execution leaves: status, input, output, history, what its functions printed."""
        run = self._recorder.open(live)
        write = ExecutionWrite(live.id)
        write.counts, write.outputs, write.hooks = run.counts, run.outputs, run.hooks
        named = {live.execution.input.ref, live.output_id}
        write.archive = _packed(run, self._recorder, named)
        write.payloads = [(ref, payload) for ref, payload in run.payloads if ref in named]
        if live.new:
            write.insert = inserted(live, archived=True)
        else:
            write.update = updated(live, archived=True)
        self._put(_Entry(write, shown(live), hooks=hooks))

    async def flushed(self) -> None:
        """Return when everything so far is on disk."""
        await self._flushed.wait()

    async def stop(self) -> None:
        """Write what waits, once more; what the disk does not take is lost, and said so."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
            self._send()
        while self._in_flight or (self._forming and self._again is None):
            await asyncio.sleep(0.0005)
        if self._again is not None:
            self._again.cancel()
            log.error("the ends of %d EXPRESS executions could not be written", len(self._forming))

    # -- batches -------------------------------------------------------------------

    def _put(self, entry: _Entry) -> None:
        self._forming.append(entry)
        self._flushed.clear()
        if not self._in_flight and self._again is None:
            if len(self._forming) == 1:
                asyncio.get_running_loop().call_soon(self._send)  # whoever is ready in this turn comes along
        elif entry.started is not None and self._problem is not None:
            self._forming.pop()
            entry.started.set_exception(ServiceUnavailable(str(self._problem)))

    def _send(self) -> None:
        self._again = None
        if self._in_flight or not self._forming:
            return
        self._in_flight, self._forming = self._forming[:BATCH], self._forming[BATCH:]
        writes = [entry.write for entry in self._in_flight]
        done = self._db.submit_rows(partial(steps.apply, batch=writes), partial(steps.apply_each, batch=writes))
        done.add_done_callback(self._done)

    def _done(self, future: asyncio.Future[dict[int, Exception]]) -> None:
        batch, self._in_flight = self._in_flight, []
        self._problem = future.exception()
        if self._problem is not None:
            self._refused(batch, self._problem)
            return
        refused = future.result()
        kept = [entry for entry in batch if entry.write.execution_id not in refused]
        for entry in batch:
            if entry.started is not None and not entry.started.done():
                error = refused.get(entry.write.execution_id)
                entry.started.set_result(True) if error is None else entry.started.set_exception(error)
        self._tell(kept)
        if self._forming:
            self._send()
        else:
            self._flushed.set()

    def _refused(self, batch: list[_Entry], problem: BaseException) -> None:
        """The disk takes nothing: starts fail, ends wait for better times."""
        for entry in [*batch, *self._forming]:
            if entry.started is not None and not entry.started.done():
                entry.started.set_exception(problem)
        self._forming = [entry for entry in [*batch, *self._forming] if entry.started is None]
        if self._forming:
            self._again = asyncio.get_running_loop().call_later(RETRY_S, self._send)
        else:
            self._problem = None
            self._flushed.set()

    def _tell(self, kept: list[_Entry]) -> None:
        ended = [entry.write.execution_id for entry in kept if entry.started is None and entry.change is not None]
        hooks = any(entry.hooks for entry in kept)
        if self.after is not None and (ended or hooks):
            self.after.committed(Effects(closed=ended, hooks=hooks))
        cursor = self._db.changes.next_cursor()
        self._db.changes.append([change(cursor, entry.change) for entry in kept if entry.change is not None])


def _packed(run: ExecutionWrite, recorder: Recorder, named: set[int]) -> Packed:
    """A whole history as the archive holds it; payloads that have rows of their own are not repeated."""
    packed = Packed([], {})

    def keep(payload: Payload) -> int:
        ref = run.keep_payload(payload, recorder.payload_id)
        if ref not in named:
            packed.payloads[ref] = payload.text
        return ref

    encode = encoder(keep).encode
    for start in range(0, len(run.events), CHUNK):
        events: list[HistoryEvent] = run.events[start : start + CHUNK]
        packed.chunks.append((events[0].id, events[-1].id, encode(events)))
    return packed
