"""The line to the daemon: up or down, when it is tried again, and the news that arrive over it.

One task runs `Link.run` for the life of the app. It never gives up and never lets an error out: whatever goes wrong
is the state "down" with a reason and a time of the next attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from console.client import Daemon, Item, RemoteError, Unreachable
from console.text import coarse

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
#: How long the line must have been gone for that to stand in the header.
WORTH_TELLING_S = 10.0
#: News are collected for this long, so that a busy daemon cannot make the screen flicker.
SETTLE_S = 0.1


class Patience(NamedTuple):
    """Seconds: how often a quiet daemon is asked how it is, what it may take to answer, how often that is looked at."""

    beat: float = 5.0
    silence: float = 3.0
    glance: float = 1.0


PATIENCE = Patience()

OnNews = Callable[[list[Item], bool], None]


def backoff(attempt: int) -> float:
    """Seconds to wait after the n-th failure in a row (from 1): 0.2, 0.4, ... 5."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10))


class Link:
    """The state of the line. `on_state` is called when it changes, `on_news` with changes and whether all is stale."""

    def __init__(
        self,
        daemon: Daemon,
        now: Callable[[], float],
        on_state: Callable[[], None],
        on_news: OnNews,
        settle: float,
        patience: Patience = PATIENCE,
    ) -> None:
        self._daemon, self._now, self._on_state, self._on_news, self._settle = daemon, now, on_state, on_news, settle
        self._patience = patience
        self.up = False
        self.ever = False
        self.silent = 0.0  # seconds since the daemon was asked how it is, once that is too long
        self.reason = ""
        self.retry_at = 0.0
        self.lost_at: float | None = None  # since when what is shown is no longer kept up to date
        self.health: Item = {}
        self._attempt = 0
        self._cursor: Any = None
        self._database = ""
        self._kick = asyncio.Event()

    @property
    def retry_in(self) -> int:
        """Whole seconds until the next attempt."""
        return max(0, round(self.retry_at - self._now()))

    def told(self) -> str:
        """Why nothing comes over the line; how old what is shown has become, once that is worth telling."""
        if self.silent:
            return f"✗ no answer for {self.silent:.0f}s"
        if not self.reason:
            return "◷ connecting"
        gone = self._now() - self.lost_at if self.lost_at is not None else 0.0
        since = f" for {coarse(gone)}" if gone >= WORTH_TELLING_S else ""
        return f"✗ no daemon{since}, again in {self.retry_in}s"

    def retry(self) -> None:
        """Try again at once."""
        self._kick.set()

    async def run(self) -> None:
        while True:
            try:
                if not self.up:
                    await self._greet()
                await self._listen()
            except (Unreachable, RemoteError) as error:
                await self.wait(str(error))

    async def _greet(self) -> None:
        self.health = await self._ask()
        stale = self._database != self.health["databaseId"] or self._cursor is None
        if stale:
            self._database, self._cursor = self.health["databaseId"], self.health["cursor"]
        self._rise()

    def _rise(self) -> None:
        """The line is up (again): nothing that is known counts until it is read anew."""
        self.ever = True
        self.up, self.reason, self._attempt, self.lost_at = True, "", 0, None
        self._on_state()
        self._on_news([], True)

    async def _ask(self) -> Item:
        """How is the daemon? While it says nothing for too long (stopped, stuck, its disk hangs) the line is down."""
        asked = asyncio.ensure_future(self._daemon.health())
        loop = asyncio.get_running_loop()
        since = loop.time()
        try:
            while not (await asyncio.wait({asked}, timeout=self._patience.glance))[0]:
                waited = loop.time() - since
                if waited >= self._patience.silence:
                    self.silent, self.up, self.reason = waited, False, "the daemon does not answer"
                    self._on_state()
            return asked.result()
        finally:
            _drop(asked)
            self.silent = 0.0

    async def _watch(self) -> Item:
        """The next news. A long poll that is quiet and one that hangs look alike, so meanwhile the daemon is asked."""
        watch = asyncio.ensure_future(self._daemon.watch(self._cursor))
        try:
            while not (await asyncio.wait({watch}, timeout=self._patience.beat))[0]:
                self.health = await self._ask()
                if not self.up:
                    self._rise()
            return watch.result()
        finally:
            _drop(watch)

    async def _listen(self) -> None:
        reply = await self._watch()
        stale = bool(reply.get("resync")) or reply.get("databaseId", self._database) != self._database
        self._cursor, self._database = reply["cursor"], reply.get("databaseId", self._database)
        if stale or reply.get("changes"):
            self._on_news(reply.get("changes") or [], stale)
        await asyncio.sleep(self._settle)  # also without changes: a daemon that drains answers at once

    async def wait(self, reason: str) -> None:
        """The line is down for this reason: wait for the next attempt, or for `retry`."""
        self._attempt += 1
        if self.ever and self.lost_at is None:
            self.lost_at = self._now()
        delay = backoff(self._attempt)
        self.up, self.reason, self.retry_at = False, reason, self._now() + delay
        self._kick.clear()
        self._on_state()
        try:
            async with asyncio.timeout(delay):
                await self._kick.wait()
        except TimeoutError:
            return


def _drop(call: asyncio.Future[Item]) -> None:
    """Nobody waits for this call any longer; what it raises in the same moment must not be written on the terminal."""
    call.cancel()
    call.add_done_callback(_look)


def _look(call: asyncio.Future[Item]) -> None:
    if not call.cancelled():
        call.exception()
