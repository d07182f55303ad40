"""Drives workflow coroutines: our own futures, tasks and ready queue, with an order that only news can change.

There is no event loop, clock or thread here. A coroutine that awaits anything but these futures is told so. Tasks run
first in, first out; `run` returns when all of them wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from flowd.sdk.errors import CancelledError, ContinueAsNew, Evicted, MisuseError
from flowd.sdk.tracebacks import is_ours, shown_file

T = TypeVar("T")
_STEPS_PER_TURN = 100_000
_UNWINDINGS = 100
# How user code ends without a result. SystemExit too: it would end the thread of a worker that polls.
_ENDS = (Exception, SystemExit, asyncio.CancelledError, ContinueAsNew)


class Future(Generic[T]):
    """A value that will be there. Only the scheduler's own tasks can await it."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._value: T | None = None
        self._error: BaseException | None = None
        self._done = False
        self._waiters: list[Task[Any]] = []
        self._callbacks: list[Callable[[], None]] = []
        self.observed = False  # somebody has taken, or will take, the result

    def done(self) -> bool:
        return self._done

    def result(self) -> T:
        """The value; raises what went wrong."""
        self.observed = True
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # done: T it is

    def error(self) -> BaseException | None:
        """What went wrong, or None."""
        return self._error

    def set_result(self, value: T) -> None:
        self._settle(value, None)

    def set_error(self, error: BaseException) -> None:
        self._settle(None, error)

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call back at the moment it is done; at once if it is."""
        if self._done:
            callback()
        else:
            self._callbacks.append(callback)

    def _settle(self, value: T | None, error: BaseException | None) -> None:
        if self._done:
            return
        self._done, self._value, self._error = True, value, error
        waiters, self._waiters = self._waiters, []
        for task in waiters:
            self._scheduler.wake(task)
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def __await__(self) -> Generator[Future[Any], None, T]:
        if self._scheduler.disposed:
            raise Evicted
        if not self._done:
            yield self
        return self.result()


class Task(Future[T]):
    """A coroutine that runs beside others. Awaiting it gives its result; cancelling the waiter cancels it too."""

    def __init__(self, scheduler: Scheduler, coroutine: Coroutine[Any, Any, T]) -> None:
        super().__init__(scheduler)
        self.coroutine = coroutine
        self.waits_for: Future[Any] | None = None
        self.cancel_requests = 0
        self.shields = 0
        self.deferred = False  # a cancel request came while shielded
        self.throws = False  # the next thing to happen to it is a CancelledError

    def cancel(self) -> None:
        """Ask it to stop: CancelledError is raised where it waits. A shielded task hears of it when its shield ends."""
        if self._done:
            return
        self.cancel_requests += 1
        if self.shields:
            self.deferred = True
        elif isinstance(self.waits_for, Task) and not self.waits_for.done():
            self.waits_for.cancel()
        else:
            self.throws = True
            if self.waits_for is not None and self in self.waits_for._waiters:
                self.waits_for._waiters.remove(self)
            self._scheduler.wake(self)

    def uncancel(self) -> int:
        """One request has been dealt with; how many are left."""
        self.cancel_requests = max(0, self.cancel_requests - 1)
        if not self.cancel_requests:
            self.throws = self.deferred = False
        return self.cancel_requests

    @property
    def was_cancelled(self) -> bool:
        return isinstance(self._error, asyncio.CancelledError)

    def place(self) -> tuple[str, int] | None:
        """File and line at which its code waits: the innermost frame that is not the SDK's."""
        found = None
        awaited: Any = self.coroutine
        while awaited is not None:
            frame = getattr(awaited, "cr_frame", None)
            if frame is not None and not is_ours(frame):
                found = (shown_file(frame.f_code.co_filename), frame.f_lineno)
            awaited = getattr(awaited, "cr_await", None)
        return found


class Scheduler:
    """All tasks of one execution. `current` is the one that runs."""

    def __init__(self) -> None:
        self.current: Task[Any] | None = None
        self.disposed = False
        self.tasks: list[Task[Any]] = []
        self._ready: deque[Task[Any]] = deque()
        self._queued: set[int] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Task[T]:
        """A new task, at the end of the queue."""
        task = Task(self, coroutine)
        self.tasks.append(task)
        self.wake(task)
        return task

    def future(self) -> Future[Any]:
        return Future(self)

    def wake(self, task: Task[Any]) -> None:
        """Let it go on, once, when its turn comes."""
        if not task.done() and id(task) not in self._queued:
            self._queued.add(id(task))
            self._ready.append(task)

    def run(self) -> None:
        """Let everything go on that can."""
        steps = 0
        while self._ready:
            task = self._ready.popleft()
            self._queued.discard(id(task))
            self._step(task)
            steps += 1
            if steps > _STEPS_PER_TURN:
                raise MisuseError("the workflow goes on and on without waiting for anything: a loop without a sleep()?")
        self.tasks = [task for task in self.tasks if not task.done() or not task.observed]

    def dispose(self) -> None:
        """End all code: it is unwound without being able to wait for or to decide anything any more."""
        self.disposed = True
        for task in self.tasks:
            for _ in range(_UNWINDINGS):
                try:
                    task.coroutine.throw(Evicted())
                except BaseException:  # whatever cleanup code does now, it is of no consequence
                    break
            with contextlib.suppress(BaseException):
                task.coroutine.close()
        self.tasks = []

    def _step(self, task: Task[Any]) -> None:
        throws, task.throws, task.waits_for = task.throws, False, None
        self.current = task
        try:
            awaited = task.coroutine.throw(CancelledError()) if throws else task.coroutine.send(None)
        except StopIteration as end:
            task.set_result(end.value)
        except _ENDS as error:
            task.set_error(error)
        else:
            self._wait(task, awaited)
        finally:
            self.current = None

    def _wait(self, task: Task[Any], awaited: object) -> None:
        if not isinstance(awaited, Future) or awaited._scheduler is not self:
            self._refuse(task, awaited)
            return
        awaited.observed = True
        task.waits_for = awaited
        if awaited.done():
            self.wake(task)
        else:
            awaited._waiters.append(task)

    def _refuse(self, task: Task[Any], awaited: object) -> None:
        what = "asyncio.sleep(0)" if awaited is None else type(awaited).__name__
        error = MisuseError(
            f"workflow code awaited {what}, which is not of flowd.sdk: await activities, sleep(), signals, children "
            "and gather(); everything of asyncio, and all input and output, belongs in activities"
        )
        try:
            task.coroutine.throw(error)
        except StopIteration as end:
            task.set_result(end.value)
        except _ENDS as raised:
            task.set_error(raised)
        else:
            task.coroutine.close()
            task.set_error(error)
