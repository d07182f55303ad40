"""Notices workflow code that computes without end, and gets the decider's thread back: a file has few of them.

Time is that of the thread's processor, so that a slow machine or a long history is no reason. Worker side only.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flowd.sdk.tracebacks import is_ours, shown_file

LONGEST_S = 5.0  # of processor time for one decision, which takes milliseconds
_LOOK_S = 1.0


class Endless(BaseException):
    """Thrown into the thread; no user code should catch it."""


def _spent(thread: int) -> float:
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


class Watch:
    """The threads that decide just now."""

    def __init__(self, spent: Callable[[int], float] = _spent) -> None:
        self._spent = spent
        self._since: dict[int, float] = {}  # thread -> its processor time when it began
        self._places: dict[int, str] = {}
        self._lock = threading.Lock()

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Raises Endless if what is done within comes to no end."""
        thread = threading.get_ident()
        self._since[thread] = self._spent(thread)
        try:
            yield
        finally:
            with self._lock:  # nothing is thrown into a thread that has gone on to something else
                self._since.pop(thread, None)

    def place(self) -> str:
        """Where this thread's user code was when Endless was thrown into it."""
        return self._places.pop(threading.get_ident(), "")

    def look(self) -> None:
        """End what takes too long; again after as long a time, if it has caught that."""
        with self._lock:
            for thread, since in self._since.items():
                now = self._spent(thread)
                if now - since > LONGEST_S:
                    self._since[thread] = now
                    self._places[thread] = _place(thread)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Endless))

    def look_until(self, stopping: threading.Event) -> None:
        while not stopping.wait(_LOOK_S):
            self.look()


def _place(thread: int) -> str:
    """Where the thread's user code is."""
    frame = sys._current_frames().get(thread)
    while frame is not None and is_ours(frame):
        frame = frame.f_back
    return f"{shown_file(frame.f_code.co_filename)}:{frame.f_lineno}" if frame is not None else ""
