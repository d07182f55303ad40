"""Keys are taken one after the other: each goes where the one before it has led.

Textual hands a key to the widget that has the focus at that moment, and lets it climb to its binding afterwards. A slow
line delivers several keys in one packet: the text typed after tab would then go to the field before, the word after `:`
to the list, where single letters are verbs. So the next key waits until the last one has been taken, a screen that it
opened has its focus, and what it asked of the daemon is shown: a list under another filter, a dialog, the first rows.
Keys that were typed before and whose list does not come within `PATIENCE_S`, or not at all, are dropped with a notice:
on the rows of before they would be verbs about the wrong thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from textual import events
from textual.message import Message
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widget import Widget

from console.screens.shell import Shell
from console.text import count_of

LONGEST_S = 0.3  # for what the console does by itself
PATIENCE_S = 3.0  # for the daemon
GLANCE_S = 0.01
ROUNDS = 2  # the key itself, then what its action has posted (a submitted line, a chosen row)

Typed = events.Key | events.Paste


class Taken(Message):
    """Sent after a key on the same way: when it arrives at the app, the key has been dealt with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = asyncio.Event()


class Target(Protocol):
    """Where a mark is sent."""

    @property
    def is_running(self) -> bool: ...
    def post_message(self, message: Message) -> bool: ...


class Host(Target, Protocol):
    """What is needed of the app."""

    moving: bool

    @property
    def focused(self) -> Widget | None: ...
    @property
    def screen(self) -> Screen[Any]: ...
    def notify(self, message: str, *, severity: SeverityLevel) -> None: ...


class TypeAhead:
    """The queue of what was typed. `take` is Textual's own handling of one key."""

    patience_s = PATIENCE_S

    def __init__(self, app: Host, take: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app, self._take = app, take
        self._queue: asyncio.Queue[Typed] = asyncio.Queue()
        self._missed = 0.0  # keys typed before this moment were meant for what has not come

    def add(self, event: Typed) -> None:
        self._queue.put_nowait(event)

    def missed(self) -> None:
        """What a key asked for will not come: what was typed behind it is not taken."""
        self._missed = time.monotonic()

    async def run(self) -> None:
        """For the life of the app."""
        while True:
            event = await self._queue.get()
            await self._answered()
            await self._opened()  # the answer may have opened a dialog or a screen
            await self._answered()  # which may want rows of its own
            if event.time < self._missed:
                self._drop()
                continue
            target = self._app.focused or self._app.screen
            await self._take(event)
            for _ in range(ROUNDS):
                await self._passed(target)
            await self._passed(self._app)  # what a dialog that is gone has asked of the app
            await self._opened()

    async def _answered(self) -> None:
        end = asyncio.get_running_loop().time() + self.patience_s
        while self._app.moving or (isinstance(self._app.screen, Shell) and self._app.screen.waiting):
            if asyncio.get_running_loop().time() >= end:
                self.missed()
                if not self._app.moving and isinstance(self._app.screen, Shell):
                    self._app.screen.give_up()
                return
            await asyncio.sleep(GLANCE_S)

    def _drop(self) -> None:
        """The key that was taken from the queue, and what came with it."""
        dropped, kept = 1, []
        while not self._queue.empty():
            event = self._queue.get_nowait()
            if event.time < self._missed:
                dropped += 1
            else:
                kept.append(event)
        for event in kept:
            self._queue.put_nowait(event)
        what = f"{count_of(dropped, 'key')} typed ahead not taken: what they were meant for is not here"
        self._app.notify(what, severity="warning")

    async def _passed(self, target: Target) -> None:
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
