"""Memory limits for whole process trees, where systemd gave the runner a cgroup of its own (Delegate=yes).

Without a delegated cgroup v2 with the memory controller, `open_delegated` answers None and functions are limited per
process (see `launch.with_limits`). A cgroup that is not marked as delegated is never touched: it belongs to others.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_PERIOD_US = 100_000  # the kernel's default
_MARKS = ("user.delegate", "trusted.delegate")  # systemd sets one of them to "1" (systemd.resource-control(5))


class Cgroups:
    """A cgroup per function process below the delegated one."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._count = 0
        self._dying: list[Path] = []

    def create(self, memory_mb: int, cpu_units: int = 0) -> Path | None:
        """A new cgroup with a memory limit, or None if the kernel refuses it. 1,024 cpu units are one processor; they
        are left aside where the cpu controller was not delegated."""
        self._count += 1
        folder = self._base / f"function-{self._count}"
        try:
            folder.mkdir()
            (folder / "memory.max").write_text(str(memory_mb << 20))
            if cpu_units:
                with contextlib.suppress(OSError):  # without the controller there is no such file
                    (folder / "cpu.max").write_text(f"{cpu_units * _PERIOD_US // 1024} {_PERIOD_US}")
            self._set(folder / "memory.oom.group", "1")
            self._set(folder / "memory.swap.max", "0")
        except OSError:
            self.release(folder)
            return None
        return folder

    @staticmethod
    def _set(file: Path, value: str) -> None:
        if file.exists():  # swap accounting may be off
            file.write_text(value)

    @staticmethod
    def kill(folder: Path) -> None:
        """Kill everything in it, also what has left the process group."""
        with contextlib.suppress(OSError):
            (folder / "cgroup.kill").write_text("1")

    @staticmethod
    def was_out_of_memory(folder: Path) -> bool:
        """True if the kernel killed something in it for want of memory."""
        try:
            counters = dict(line.split() for line in (folder / "memory.events").read_text().splitlines())
        except (OSError, ValueError):
            return False
        return counters.get("oom_kill", "0") != "0"

    def release(self, folder: Path) -> None:
        """Remove it; while processes in it are still dying it is tried again with the next release."""
        self._dying.append(folder)
        self._dying = [folder for folder in self._dying if not _removed(folder)]


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def open_delegated(mount: Path = _MOUNT, membership: Path = Path("/proc/self/cgroup")) -> Cgroups | None:
    """Take over the cgroup that systemd delegated to this process, or None when there is none to take.

    The runner itself moves into a child first: a cgroup with processes cannot hand controllers to its children.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return None
    path = next((line[3:] for line in lines if line.startswith("0::")), "")
    base = mount / path.strip("/")
    if not path or not _is_delegated(base):
        return None
    try:
        if "memory" not in (base / "cgroup.controllers").read_text().split():
            return None
        own = base / "runner"
        own.mkdir(exist_ok=True)
        (own / "cgroup.procs").write_text(str(os.getpid()))
        with contextlib.suppress(OSError):  # not delegated: then there are no limits of this kind
            (base / "cgroup.subtree_control").write_text("+cpu")
        (base / "cgroup.subtree_control").write_text("+memory")
    except OSError:
        return None
    return Cgroups(base)


def _is_delegated(base: Path) -> bool:
    for mark in _MARKS:
        with contextlib.suppress(OSError):
            if os.getxattr(base, mark) == b"1":
                return True
    return False
