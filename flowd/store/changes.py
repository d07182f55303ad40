"""What changed lately: a bounded log in memory behind a cursor, for consoles that follow the daemon live.

The cursor is the number of the last history commit, which AUTOINCREMENT never reuses. A reader whose cursor is older
than what is kept gets None and reads everything again.
"""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

KEPT = 20_000


class Change(msgspec.Struct, frozen=True):
    """Something a console may be showing is different now."""

    cursor: int
    kind: str  # execution | prompt | machine | file | schedule
    id: str
    arn: str = ""
    status: str = ""
    name: str = ""


class ChangeLog:
    """The latest changes in order. Lives on the event loop."""

    def __init__(self, cursor: int = 0) -> None:
        self.cursor = cursor
        self._oldest = cursor  # everything after this is still here
        self._log: deque[Change] = deque()
        self._news = asyncio.Event()
        self._followers = 0

    def begin(self, cursor: int) -> None:
        """Count on from what is on disk."""
        self.cursor = self._oldest = cursor

    def next_cursor(self) -> int:
        """A new commit number; the caller appends its changes with it."""
        self.cursor += 1
        return self.cursor

    def append(self, changes: list[Change]) -> None:
        self._log.extend(changes)
        while len(self._log) > KEPT:
            self._oldest = self._log.popleft().cursor
        self._news.set()
        self._news = asyncio.Event()
        self._followers = 0

    def since(self, cursor: int) -> list[Change] | None:
        """Changes after `cursor`; None if some of them are forgotten or the cursor is from another life."""
        if cursor < self._oldest or cursor > self.cursor:
            return None
        found: list[Change] = []
        for change in reversed(self._log):
            if change.cursor <= cursor:
                break
            found.append(change)
        found.reverse()
        return found

    @property
    def followers(self) -> int:
        """How many wait for the next change."""
        return self._followers

    async def wait(self, cursor: int, timeout_s: float) -> list[Change] | None:
        """As `since`, but waits up to `timeout_s` for the first change."""
        found = self.since(cursor)
        if found is None or found:
            return found
        self._followers += 1
        try:
            # Not wait_for: on Python 3.11 it loses a cancellation that comes with the news.
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return []
        finally:
            self._followers -= 1
        return self.since(cursor)
