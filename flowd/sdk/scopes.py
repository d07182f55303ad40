"""Running things side by side and stopping them: gather, first, any_of, start, scopes, deadlines, shields, conditions.

Everything is structured: what these start is over, its cleanup included, when they return.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, TypeVar, overload

from flowd.sdk.errors import MisuseError
from flowd.sdk.execution import current, current_task
from flowd.sdk.scheduler import Future, Task

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def start(awaitable: Awaitable[T]) -> Task[T]:
    """Begin something and go on; await the task for its result. What it does when the workflow ends is dropped."""
    if isinstance(awaitable, Task):
        return awaitable
    coroutine = awaitable if isinstance(awaitable, Coroutine) else _awaited(awaitable)
    return current().scheduler.spawn(coroutine)


class _Group:
    """Tasks side by side; hands out those that end, one after the other."""

    def __init__(self, awaitables: tuple[Awaitable[Any], ...]) -> None:
        self._scheduler = current().scheduler
        self._ended: deque[Task[Any]] = deque()
        self._news: Future[None] = self._scheduler.future()
        self.tasks = [start(each) for each in awaitables]
        self._left = len(self.tasks)
        for task in self.tasks:
            task.observed = True
            task.when_done(partial(self._note, task))

    def _note(self, task: Task[Any]) -> None:
        self._ended.append(task)
        self._news.set_result(None)

    async def next_ended(self) -> Task[Any] | None:
        """The next that ends; None when all have."""
        if not self._left:
            return None
        while not self._ended:
            self._news = self._scheduler.future()
            await self._news
        self._left -= 1
        return self._ended.popleft()

    async def stop(self) -> None:
        """Cancel what still goes on and wait until its cleanup is done."""
        for task in self.tasks:
            task.cancel()
        async with shield():
            while await self.next_ended() is not None:
                pass


@overload
async def gather(a: Awaitable[A], /) -> tuple[A]: ...
@overload
async def gather(a: Awaitable[A], b: Awaitable[B], /) -> tuple[A, B]: ...
@overload
async def gather(a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], /) -> tuple[A, B, C]: ...
@overload
async def gather(a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], d: Awaitable[D], /) -> tuple[A, B, C, D]: ...
@overload
async def gather(
    a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], d: Awaitable[D], e: Awaitable[E], /
) -> tuple[A, B, C, D, E]: ...
@overload
async def gather(*awaitables: Awaitable[T]) -> tuple[T, ...]: ...
async def gather(*awaitables: Awaitable[Any]) -> tuple[Any, ...]:
    """All results, in the order given. The first failure cancels the others and is raised when they have stopped."""
    group = _Group(awaitables)
    try:
        while (task := await group.next_ended()) is not None:
            task.result()
    except BaseException:
        await group.stop()
        raise
    return tuple(task.result() for task in group.tasks)


async def first(*awaitables: Awaitable[T]) -> tuple[int, T]:
    """Which of them ended first, and its result (or its failure, raised). The others are cancelled."""
    if not awaitables:
        raise MisuseError("first() needs something to wait for")
    group = _Group(awaitables)
    try:
        task = await group.next_ended()
    finally:
        await group.stop()
    assert task is not None
    return group.tasks.index(task), task.result()


async def any_of(*awaitables: Awaitable[T]) -> T:
    """The result of the first that succeeds; the others are cancelled. If all fail, the last failure is raised."""
    if not awaitables:
        raise MisuseError("any_of() needs something to wait for")
    group = _Group(awaitables)
    try:
        while True:
            task = await group.next_ended()
            assert task is not None
            if task.error() is None or not group._left:
                result: T = task.result()
                return result
    finally:
        await group.stop()


class cancel_scope:
    """`async with cancel_scope() as scope:`; `scope.cancel()`, called by any task, ends the block quietly."""

    def __init__(self) -> None:
        self.cancelled = False
        self._task: Task[Any] | None = None

    async def __aenter__(self) -> cancel_scope:
        self._task = current_task()
        return self

    def cancel(self) -> None:
        """End the block: CancelledError is raised where it waits, and stops at its end."""
        if self._task is not None and not self.cancelled:
            self.cancelled = True
            self._task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        task, self._task = self._task, None
        if not self.cancelled or task is None:
            return False
        # Requests from elsewhere that are still open must go on upwards.
        return task.uncancel() == 0 and (error is None or isinstance(error, asyncio.CancelledError))


class timeout:
    """`async with timeout(60):` raises TimeoutError if the block is not over by then; what it awaits is cancelled."""

    def __init__(self, seconds: float | timedelta) -> None:
        self._seconds = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        self._scope = cancel_scope()
        self._timer: Task[None] | None = None

    async def __aenter__(self) -> timeout:
        await self._scope.__aenter__()
        self._timer = start(self._expire())
        return self

    async def _expire(self) -> None:
        await current().timer(self._seconds)
        self._scope.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._timer is not None
        self._timer.observed = True
        self._timer.cancel()
        ours = await self._scope.__aexit__(kind, error, trace)
        if ours and error is not None:
            raise TimeoutError(f"not over after {self._seconds:g} s") from None


class deadline(timeout):
    """`async with deadline(moment):` the same with a point in time (with its time zone)."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(seconds_until(moment))


class shield:
    """`async with shield():` a cancel request that comes within is delivered at its end: for cleanup that must be
    finished."""

    async def __aenter__(self) -> shield:
        self._task = current_task()
        self._task.shields += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = self._task
        task.shields -= 1
        if task.deferred and not task.shields:
            task.deferred, task.throws = False, True
            if error is None:
                await _now_or_never()


async def _now_or_never() -> None:
    """Let the task come to its pending CancelledError."""
    scheduler = current().scheduler
    task = current_task()
    scheduler.wake(task)
    await scheduler.future()


def seconds_until(moment: datetime) -> float:
    """From the workflow's now to a point in time; 0 if it has passed."""
    if moment.tzinfo is None:
        raise MisuseError(f"{moment} has no time zone: say which, as in datetime(2030, 1, 1, tzinfo=UTC)")
    return max(0.0, (moment - current().now()).total_seconds())


async def wait_until(condition: Callable[[], bool]) -> None:
    """Go on when `condition()` is true; it is looked at after everything that happens."""
    if condition():
        return
    execution = current()
    future: Future[None] = execution.scheduler.future()
    execution.conditions.append((condition, future))
    await future
