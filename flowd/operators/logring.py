"""The daemon's own log, its last few thousand lines, for consoles: the whole of it is in the journal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass

KEPT = 5000
LONGEST = 4000


@dataclass(frozen=True)
class Line:
    """One record."""

    id: int
    at_ms: int
    level: int
    logger: str
    text: str


class LogRing(logging.Handler):
    """Keeps what is logged while it is attached. Records come from any thread, readers live on the loop."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self._last = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def attach(self) -> None:
        """Hear everything that is logged from now on."""
        self._loop = asyncio.get_running_loop()
        logging.getLogger().addHandler(self)

    def detach(self) -> None:
        logging.getLogger().removeHandler(self)
        self._loop = None

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f" ({type(error).__name__}: {error})"
        self._last += 1
        at_ms = round(record.created * 1000)
        self._lines.append(Line(self._last, at_ms, record.levelno, record.name, text[:LONGEST]))
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                loop.call_soon_threadsafe(self._news.set)

    def since(self, after: int, level: int, limit: int) -> list[Line]:
        """The newest lines behind an id, of at least this level, oldest first."""
        found = [line for line in tuple(self._lines) if line.id > after and line.level >= level]
        return found[-limit:]

    async def wait(self, after: int, level: int, limit: int, timeout_s: float) -> list[Line]:
        """As `since`, but waits for the first line."""
        end = asyncio.get_running_loop().time() + timeout_s
        while not (found := self.since(after, level, limit)):
            left_s = end - asyncio.get_running_loop().time()
            if left_s <= 0:
                break
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._news.wait()
        return found
