"""Function processes that outlived their runner: written down at their start, killed by the next runner.

A runner that dies (kill -9, out of memory) cannot take its functions along, and their attempts fail as
`Lambda.Unknown`. What still runs of them must not run beside the retry, so the next runner on the same socket ends it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


class Leftovers:
    """A folder with one small file per process group: its name is the group, its text the leader's birth."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sweep(self) -> int:
        """Kill what an earlier runner left behind; how many groups that was."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        killed = 0
        for file in self._folder.iterdir():
            if file.name.isdecimal() and _is_the_same(int(file.name), _read(file)):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(file.name), signal.SIGKILL)
                    killed += 1
            file.unlink(missing_ok=True)
        return killed

    def add(self, pid: int) -> None:
        """Note a process group. A note that cannot be written (full disk) is not worth failing a call for."""
        with contextlib.suppress(OSError):
            (self._folder / str(pid)).write_text(f"{_boot()} {_start_time(pid)}")

    def discard(self, pid: int) -> None:
        """The group has been killed."""
        with contextlib.suppress(OSError):
            (self._folder / str(pid)).unlink()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def _is_the_same(pid: int, note: str) -> bool:
    """A leader that is gone may have left children in its group: its number is not given out again while they live."""
    boot, _, start = note.partition(" ")
    now = _start_time(pid)
    return bool(start) and boot == _boot() and now in ("", start)


def _boot() -> str:
    """Start times count from boot, so a note of another boot says nothing."""
    return _read(Path("/proc/sys/kernel/random/boot_id")).strip()


def _start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat, in clock ticks since boot; "" if there is no such process."""
    text = _read(Path(f"/proc/{pid}/stat"))
    return text.rpartition(")")[2].split()[19] if text else ""
