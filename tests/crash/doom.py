"""A daemon that dies at a given commit, just before it or just after it, and the next one on the same files."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from flowd.store.database import Database
from tests.engine.world import World

T = TypeVar("T")


class Crash(BaseException):
    """The power is gone."""


class Doomed:
    """Lets a database die at a given commit."""

    def __init__(self, database: Database, at: int, after: bool) -> None:
        self.database, self.at, self.after = database, at, after
        self.commits = 0
        self.died = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._real = database._commit
        database._commit = self._commit  # type: ignore[method-assign]

    def _commit(self, session: Any, batch: list[Any]) -> None:
        self.commits += 1
        if self.commits != self.at:
            self._real(session, batch)
            return
        if self.after:
            self._real(session, batch)
        else:
            session.rollback()
        self._loop.call_soon_threadsafe(self.died.set)
        raise Crash

    def spare(self) -> None:
        """The story is over before its commit: what else is committed is not struck."""
        self.at = 0


@pytest.fixture(autouse=True)
def deaths_are_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever imports it says so in `__all__`."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)


async def abandon(world: World) -> None:
    """What a kill -9 leaves: files, and whatever lives in other processes."""
    me = asyncio.current_task()
    doomed = [task for task in asyncio.all_tasks() if task is not me]
    for task in doomed:
        task.cancel()
    await asyncio.gather(*doomed, return_exceptions=True)
    database = world.core.db
    database._readers.shutdown(wait=True)
    database._read_engine.dispose()
    database._write_engine.dispose()


async def dies(world: World, at: int, after: bool, play: Callable[[], Coroutine[Any, Any, T]]) -> tuple[bool, T | None]:
    """Play with a death at commit `at`, and boot the next daemon: whether it struck; if not, what came of the play."""
    doomed = Doomed(world.core.db, at, after)
    playing, dying = asyncio.create_task(play()), asyncio.create_task(doomed.died.wait())
    await asyncio.wait([playing, dying], return_when=asyncio.FIRST_COMPLETED)
    if not doomed.died.is_set():
        doomed.spare()
        dying.cancel()
        return False, await playing
    await abandon(world)
    await world.boot()
    return True, None
