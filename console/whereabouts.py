"""Where this console is and was: the trail of screens for `[`, `]` and `-`; and who else is attached. No widgets."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence

from console.client import Daemon, Item, RemoteError, Unreachable
from console.looks import Span

LONGEST = 50
SAID_EVERY_S = 25.0


class Trail:
    """The screens one has been on, like the pages of a browser."""

    def __init__(self, first: str) -> None:
        self._names = [first]
        self._at = 0

    def visit(self, name: str) -> None:
        """A step to another screen; what was ahead is forgotten."""
        if name != self._names[self._at]:
            self._names = [*self._names[: self._at + 1], name][-LONGEST:]
            self._at = len(self._names) - 1

    def step(self, by: int) -> str | None:
        """The screen one step back (-1) or forward (1), and stand there; None at the end."""
        if not 0 <= self._at + by < len(self._names):
            return None
        self._at += by
        return self._names[self._at]

    def last(self) -> str | None:
        """The screen before this one; it becomes the newest, so that the same key leads back."""
        if self._at == 0:
            return None
        return self._names[self._at - 1]


class Presence:
    """Says to the daemon that this console is here and what it shows; knows who else is."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.console = uuid.uuid4().hex[:12]
        self.you = ""
        self.attached: Sequence[Item] = ()
        self._said: tuple[str, float] = ("", -1e9)
        self._saying: str | None = None

    @property
    def others(self) -> list[Item]:
        """The other consoles."""
        return [each for each in self.attached if each.get("console") != self.console]

    def looking_at(self, thing: str) -> list[str]:
        """Who else looks at this."""
        return sorted({str(each["who"]) for each in self.others if each.get("looksAt") == thing})

    def spans(self) -> list[Span]:
        """`+1 here` for the header; nothing if this console is alone."""
        return [Span(f"+{len(self.others)} here", "dim"), Span("  ")] if self.others else []

    async def say(self, looks_at: str, at: float, anew: bool = False) -> bool:
        """Say where this console is, if it has moved, was silent for long, or `anew`; True if the daemon heard it."""
        if not anew and (self._saying == looks_at or (self._said[0] == looks_at and at - self._said[1] < SAID_EVERY_S)):
            return False
        self._saying = looks_at
        try:
            answer = await self._daemon.ask("Attend", console=self.console, looksAt=looks_at)
        except (Unreachable, RemoteError):
            return False  # the link tells when the line is down
        finally:
            self._saying = None
        self.you, self.attached = str(answer.get("you", "")), answer.get("attached") or ()
        self._said = (looks_at, at)
        return True

    async def leave(self) -> None:
        """This console ends."""
        with contextlib.suppress(Unreachable, RemoteError):
            await self._daemon.ask("Attend", console=self.console, leaves=True)
