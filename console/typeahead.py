"""Keys are taken one after the other: each goes where the one before it has led.

Textual hands a key to the widget that has the focus at that moment, and lets it climb to its binding afterwards. A slow
line delivers several keys in one packet: the text typed after tab would then go to the field before, the word after `:`
to the list, where single letters are verbs. So the next key waits until the last one has been taken, and a screen that
it opened has its focus. It never waits for the daemon, and never longer than `LONGEST_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from textual import events
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

LONGEST_S = 0.3
GLANCE_S = 0.01
ROUNDS = 2  # the key itself, then what its action has posted (a submitted line, a chosen row)

Typed = events.Key | events.Paste


class Taken(Message):
    """Sent after a key on the same way: when it arrives at the app, the key has been dealt with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = asyncio.Event()


class Host(Protocol):
    """What is needed of the app."""

    moving: bool

    @property
    def focused(self) -> Widget | None: ...
    @property
    def screen(self) -> Screen[Any]: ...


class TypeAhead:
    """The queue of what was typed. `take` is Textual's own handling of one key."""

    def __init__(self, app: Host, take: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app, self._take = app, take
        self._queue: asyncio.Queue[Typed] = asyncio.Queue()

    def add(self, event: Typed) -> None:
        self._queue.put_nowait(event)

    async def run(self) -> None:
        """For the life of the app."""
        while True:
            event = await self._queue.get()
            target = self._app.focused or self._app.screen
            await self._take(event)
            for _ in range(ROUNDS):
                await self._passed(target)
            await self._opened()

    async def _passed(self, target: Widget) -> None:
        mark = Taken()
        if not target.post_message(mark):
            return
        end = asyncio.get_running_loop().time() + LONGEST_S
        while not mark.seen.is_set() and target.is_running and asyncio.get_running_loop().time() < end:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GLANCE_S):
                    await mark.seen.wait()

    async def _opened(self) -> None:
        end = asyncio.get_running_loop().time() + LONGEST_S
        while (self._app.moving or not settled(self._app.screen)) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(GLANCE_S)


def settled(screen: Screen[Any]) -> bool:
    """True if the screen is there and has its focus, or nothing that could have it."""
    if not screen.is_mounted:
        return False
    return screen.focused is not None or not any(widget.focusable for widget in screen.query("*"))
