"""What time it is: whole milliseconds since the epoch, UTC. Nothing else in the daemon reads a clock.

Every point in time in flowd is an `int` with the suffix `_ms`; seconds appear only where AWS has them on the wire.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of wall-clock time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        ...


class SystemClock:
    """The machine's wall clock: deadlines are absolute, so restarts, suspends and clock steps need no special code."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ScaledClock:
    """A clock for users' tests: it goes `factor` times as fast as another one and can be moved forward, never back."""

    def __init__(self, real: Clock, factor: float = 1.0, start_ms: int = 0) -> None:
        self.factor = factor
        self._real = real
        self._real_ms = real.now_ms()
        self._began_ms = max(start_ms, self._real_ms)

    def now_ms(self) -> int:
        return self._began_ms + int((self._real.now_ms() - self._real_ms) * self.factor)

    def skip_to(self, ms: int) -> int:
        """Be at `ms` at once, and go on from there; returns by how many milliseconds the clock was moved."""
        now_ms = self.now_ms()
        self._real_ms, self._began_ms = self._real.now_ms(), max(ms, now_ms)
        return self._began_ms - now_ms


class ManualClock:
    """A clock that moves only when told to; for tests and simulated years."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`; a negative value plays a clock that was set back."""
        self._now_ms += round(seconds * 1000)

    def set(self, now_ms: int) -> None:
        self._now_ms = now_ms


def iso8601(ms: int) -> str:
    """`2023-11-14T22:13:20.000Z`, the form AWS uses in the Context object."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"
