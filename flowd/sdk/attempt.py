"""What activity code can say and ask while it runs: heartbeats, whether it is to stop, which attempt it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flowd.sdk import data
from flowd.sdk.errors import CancelledError, SdkError


@dataclass(slots=True)
class Attempt:
    """One run of an activity. `beat` sends a heartbeat and answers whether it is to stop."""

    activity_id: str
    workflow_id: str
    run_id: str
    beat: Callable[[str], bool]
    cancel_requested: bool = False

    @property
    def key(self) -> str:
        """The same for every run of the same decision: what effects outside are to be keyed by."""
        return f"{self.run_id}-{self.activity_id}"


_attempt: ContextVar[Attempt] = ContextVar("attempt")


def attempt() -> Attempt:
    """The attempt that runs here."""
    try:
        return _attempt.get()
    except LookupError:
        raise SdkError("this may only be called by activity code that a worker runs") from None


def heartbeat(details: object = None) -> None:
    """Say that it still works. Raises CancelledError when the workflow wants it to stop: clean up and let it pass."""
    here = attempt()
    if here.beat(data.encode(details, "the details of a heartbeat")) or here.cancel_requested:
        here.cancel_requested = True
        raise CancelledError


def cancel_requested() -> bool:
    """True if the workflow wants it to stop, as far as the last heartbeat told."""
    return attempt().cancel_requested


@contextmanager
def running(here: Attempt) -> Iterator[None]:
    """Within, `attempt()` is this one."""
    token = _attempt.set(here)
    try:
        yield
    finally:
        _attempt.reset(token)
