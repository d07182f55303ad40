"""Function processes that outlived their runner: written down at their start, killed by the next runner.

A runner that dies (kill -9, out of memory) cannot take its functions along, and their attempts fail as
`Lambda.Unknown`. What still runs of them must not run beside the retry, so the next runner on the same socket ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from flowd.runner import descendants


class Leftovers:
    """A folder with one small file per process group: its name is the group, its text the leader's birth and mark."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sweep(self) -> int:
        """Kill what an earlier runner left behind; how many groups, and processes outside of them, that was."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        killed, marks = 0, set()
        for file in self._folder.iterdir():
            note = _read(file).split(" ")
            if file.name.isdecimal() and _is_the_same(int(file.name), *note[:2]):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(file.name), signal.SIGKILL)
                    killed += 1
            marks.update(note[2:])
            file.unlink(missing_ok=True)
        return killed + (descendants.end_marked(marks) if marks else 0)

    def add(self, pid: int, mark: str) -> None:
        """Note a process group, and what all that comes from it has in its environment. A note that cannot be written
        (full disk) is not worth failing a call for."""
        with contextlib.suppress(OSError):
            (self._folder / str(pid)).write_text(f"{_boot()} {_start_time(pid)} {mark}")

    def discard(self, pid: int) -> None:
        """The group has been killed."""
        with contextlib.suppress(OSError):
            (self._folder / str(pid)).unlink()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _is_the_same(pid: int, boot: str = "", start: str = "") -> bool:
    """A leader that is gone may have left children in its group: its number is not given out again while they live."""
    now = _start_time(pid)
    return bool(start) and boot == _boot() and now in ("", start)


def _boot() -> str:
    """Start times count from boot, so a note of another boot says nothing."""
    return _read(Path("/proc/sys/kernel/random/boot_id")).strip()


def _start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat, in clock ticks since boot; "" if there is no such process."""
    text = _read(Path(f"/proc/{pid}/stat"))
    return text.rpartition(")")[2].split()[19] if text else ""
