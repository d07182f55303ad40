"""Who is here: consoles that are attached and what they look at, and workers that poll. In memory: whoever is still
there says so again after a restart.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from flowd.clock import Clock

SILENT_MS = 60_000  # a console that has said nothing for so long is gone
MOST = 1000


@dataclass(frozen=True)
class Attached:
    """One console."""

    console: str
    who: str
    looks_at: str
    since_ms: int
    seen_ms: int


@dataclass(frozen=True)
class Poll:
    """When a queue was last polled, and by which worker."""

    at_ms: int
    worker: str | None


class Presence:
    """Everybody who has said something lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._consoles: OrderedDict[str, Attached] = OrderedDict()
        self._polls: OrderedDict[str, Poll] = OrderedDict()

    def attend(self, console: str, who: str, looks_at: str) -> bool:
        """A console is here and looks at something; True if that is news to the others."""
        now_ms = self._clock.now_ms()
        before = self._consoles.pop(console, None)
        since_ms = before.since_ms if before is not None and before.who == who else now_ms
        self._consoles[console] = Attached(console, who, looks_at, since_ms, now_ms)
        self._trim(self._consoles)
        return before is None or before.looks_at != looks_at

    def leave(self, console: str) -> None:
        """A console has ended."""
        self._consoles.pop(console, None)

    def attached(self) -> list[Attached]:
        """The consoles that are here, who came first stands first."""
        after_ms = self._clock.now_ms() - SILENT_MS
        here = [each for each in self._consoles.values() if each.seen_ms >= after_ms]
        return sorted(here, key=lambda each: (each.since_ms, each.console))

    def polled(self, queue: str, worker: str | None) -> None:
        """A worker asks for a task."""
        self._polls.pop(queue, None)
        self._polls[queue] = Poll(self._clock.now_ms(), worker)
        self._trim(self._polls)

    def last_poll(self, queue: str) -> Poll | None:
        """The last time a queue was polled, in this life of the daemon."""
        return self._polls.get(queue)

    def _trim(self, kept: OrderedDict[str, Attached] | OrderedDict[str, Poll]) -> None:
        while len(kept) > MOST:
            kept.popitem(last=False)
