"""What functions have started and that has left their process group (`setsid`, double fork): found, ended, reaped.

A group can be left, a parent cannot be chosen: the runner is the subreaper, so whatever loses its parent becomes its
child, with the mark of the process it comes from in its environment. In a control group the kernel does all this.
Works where the kernel lists children (CONFIG_PROC_CHILDREN); elsewhere it finds nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

MARK = "FLOWD_PROCESS"
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def become_reaper() -> bool:
    """From now on orphans below this process become its children; False where the kernel refuses."""
    refused: int = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return not refused


def below(pid: int) -> list[int]:
    """All descendants of a process, parents first."""
    found = []
    for child in _children(pid):
        found.append(child)
        found += below(child)
    return found


def end(pids: Iterable[int]) -> None:
    """Kill them. What they start in between is found by the next look."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def end_marked(marks: set[str]) -> int:
    """Kill every process of this box that has one of these marks; how many those were. Reads all of /proc."""
    found = [int(name) for name in os.listdir("/proc") if name.isdecimal() and _mark(int(name)) in marks]
    end(found)
    return len(found)


class Orphans:
    """The children that this process has not started itself."""

    def __init__(self) -> None:
        self.own: set[int] = set()  # those that it has
        self._met: set[int] = set()

    def end(self, mark: str) -> None:
        """Kill the orphans with this mark, with all below them."""
        for pid in list(self._look()):
            if _mark(pid) == mark:
                end([pid, *below(pid)])

    def end_all(self) -> None:
        """Kill everything below this process that is not its own."""
        for pid in list(self._look()):
            end([pid, *below(pid)])

    def reap(self) -> None:
        """Take leave of those that are dead. Only of those that were met before: a process that is just being started
        is not among `own` yet."""
        found = set(self._look())
        for pid in found & self._met:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        self._met = found

    def _look(self) -> Iterator[int]:
        """Those of this process's own session are programs it waits for itself."""
        session = os.getsid(0)
        for pid in _children(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                if pid not in self.own and os.getsid(pid) != session:
                    yield pid


def _children(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += [int(each) for each in Path(f"/proc/{pid}/task/{thread}/children").read_text().split()]
    return found


def _mark(pid: int) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return ""
    wanted = f"{MARK}=".encode()
    found = (each.removeprefix(wanted) for each in environment.split(b"\0") if each.startswith(wanted))
    return next(found, b"").decode("ascii", "replace")
