"""Runs of functions by key: what was asked, what was printed, how it ended. Kept until the daemon acknowledges.

A key is one attempt of one Task for ever, so a key that is known is never run a second time. Nothing here starts a
process or knows a connection.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, field

from msgspec import structs

from flowd.functions import Report
from flowd.runner.outcomes import Outcome

LOG_LIMIT = 256 << 10


class Log:
    """The last `limit` bytes of what a run printed."""

    __slots__ = ("_data", "_limit", "truncated_before")

    def __init__(self, limit: int = LOG_LIMIT) -> None:
        self._data = bytearray()
        self._limit = limit
        self.truncated_before = False

    def add(self, data: bytes) -> None:
        """The end of a log says why it ended, so the beginning is what goes."""
        self._data += data
        if len(self._data) > 2 * self._limit:
            del self._data[: -self._limit]
            self.truncated_before = True

    @property
    def tail(self) -> bytes:
        return bytes(self._data[-self._limit :])

    @property
    def truncated(self) -> bool:
        return self.truncated_before or len(self._data) > self._limit


@dataclass(slots=True, eq=False)
class Attempt:
    """One run. `outcome` is None until it has ended."""

    key: str
    function: str
    payload: bytes
    _: KW_ONLY
    timeout_ms: int = 0
    arn: str = ""
    client_context: str = ""
    detached: bool = False
    fleeting: str = ""
    acknowledged: bool = False
    asked_by: str = ""  # the daemon's instance that waits for it
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    log: Log = field(default_factory=Log)
    outcome: Outcome | None = None
    report: Report = field(default_factory=Report)
    peak_mb: int = 0
    _began_s: float = 0.0
    _listeners: list[Callable[[Attempt], None]] = field(default_factory=list)

    @classmethod
    def ended(
        cls, key: str, request_id: str, outcome: Outcome, tail: bytes, truncated: bool, report: Report
    ) -> Attempt:
        """One that ran in an earlier runner."""
        attempt = cls(key, "", b"", request_id=request_id, report=report)
        attempt.log.add(tail)
        attempt.log.truncated_before = truncated
        attempt.end(outcome)
        return attempt

    def begin(self, memory_mb: int, init_ms: float) -> None:
        """The function has it from now on; `init_ms` is what its start took, if that was for this run."""
        self._began_s = time.monotonic()
        self.report = Report(memory_mb=memory_mb, init_ms=init_ms)

    def when_ended(self, listener: Callable[[Attempt], None]) -> None:
        """Call `listener` once the outcome is there; at once if it is."""
        if self.outcome is not None:
            listener(self)
        else:
            self._listeners.append(listener)

    def end(self, outcome: Outcome) -> None:
        """The outcome is there. A second one (a late answer of a killed process) is ignored."""
        if self.outcome is not None:
            return
        self.outcome = outcome
        self.payload = b""
        if self._began_s:
            duration_ms = (time.monotonic() - self._began_s) * 1000
            self.report = structs.replace(self.report, duration_ms=duration_ms, peak_mb=self.peak_mb)
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener(self)


class Ledger:
    """All attempts that run or are held."""

    def __init__(self) -> None:
        self._attempts: dict[str, Attempt] = {}
        self.on_change: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def running(self) -> int:
        return sum(1 for attempt in self._attempts.values() if attempt.outcome is None)

    def find(self, key: str) -> Attempt | None:
        return self._attempts.get(key)

    @property
    def attempts(self) -> list[Attempt]:
        return list(self._attempts.values())

    def enter(self, attempt: Attempt) -> None:
        """Begin to hold a key."""
        self._attempts[attempt.key] = attempt
        attempt.when_ended(self._ended)

    def _ended(self, attempt: Attempt) -> None:
        if attempt.acknowledged:
            self.forget(attempt.key)
        self.on_change()

    def acknowledge(self, keys: Iterable[str]) -> None:
        """Forget these; a detached run that is still going on is forgotten when it ends."""
        for key in keys:
            attempt = self._attempts.get(key)
            if attempt is not None and attempt.outcome is None:
                attempt.acknowledged = True
            else:
                self.forget(key)
        self.on_change()

    def drop_fleeting(self, instance: str) -> None:
        """Nobody will ask any more for what other daemons than this one wanted for themselves."""
        gone = [key for key, each in self._attempts.items() if each.fleeting and each.fleeting != instance]
        if gone:
            self.acknowledge(gone)

    def drop_unasked(self, instance: str) -> int:
        """Forget ended runs that this daemon has never asked for, though it has asked for all that it has open: their
        acknowledgement was lost with the daemon before. How many that were."""
        gone = [key for key, each in self._attempts.items() if each.outcome is not None and each.asked_by != instance]
        if gone:
            self.acknowledge(gone)
        return len(gone)

    def forget(self, key: str) -> None:
        self._attempts.pop(key, None)
