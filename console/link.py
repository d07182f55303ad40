"""The line to the daemon: up or down, when it is tried again, and the news that arrive over it.

One task runs `Link.run` for the life of the app. It never gives up and never lets an error out: whatever goes wrong
is the state "down" with a reason and a time of the next attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from console.client import Daemon, Item, RemoteError, Unreachable

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
#: News are collected for this long, so that a busy daemon cannot make the screen flicker.
SETTLE_S = 0.1

OnNews = Callable[[list[Item], bool], None]


def backoff(attempt: int) -> float:
    """Seconds to wait after the n-th failure in a row (from 1): 0.2, 0.4, ... 5."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10))


class Link:
    """The state of the line. `on_state` is called when it changes, `on_news` with changes and whether all is stale."""

    def __init__(
        self, daemon: Daemon, now: Callable[[], float], on_state: Callable[[], None], on_news: OnNews, settle: float
    ) -> None:
        self._daemon, self._now, self._on_state, self._on_news, self._settle = daemon, now, on_state, on_news, settle
        self.up = False
        self.ever = False
        self.reason = ""
        self.retry_at = 0.0
        self.health: Item = {}
        self._attempt = 0
        self._cursor: Any = None
        self._database = ""
        self._kick = asyncio.Event()

    @property
    def retry_in(self) -> int:
        """Whole seconds until the next attempt."""
        return max(0, round(self.retry_at - self._now()))

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
        self.health = await self._daemon.health()
        stale = self._database != self.health["databaseId"] or self._cursor is None
        if stale:
            self._database, self._cursor = self.health["databaseId"], self.health["cursor"]
        self.ever = True
        self.up, self.reason, self._attempt = True, "", 0
        self._on_state()
        self._on_news([], True)

    async def _listen(self) -> None:
        reply = await self._daemon.watch(self._cursor)
        stale = bool(reply.get("resync")) or reply.get("databaseId", self._database) != self._database
        self._cursor, self._database = reply["cursor"], reply.get("databaseId", self._database)
        if stale or reply.get("changes"):
            self._on_news(reply.get("changes") or [], stale)
        await asyncio.sleep(self._settle)  # also without changes: a daemon that drains answers at once

    async def wait(self, reason: str) -> None:
        """The line is down for this reason: wait for the next attempt, or for `retry`."""
        self._attempt += 1
        delay = backoff(self._attempt)
        self.up, self.reason, self.retry_at = False, reason, self._now() + delay
        self._kick.clear()
        self._on_state()
        try:
            await asyncio.wait_for(self._kick.wait(), delay)
        except TimeoutError:
            return
