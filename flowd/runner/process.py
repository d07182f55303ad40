"""One operating-system process group of a function: started off the loop, watched, read and killed on it.

It knows nothing of calls or protocols. Its own session, a clean environment, no descriptor of the runner but the ones
named, limits from `launch` or a cgroup; when the leader ends, everything it has left behind is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import secrets
import signal
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from flowd.clock import Clock, SystemClock
from flowd.runner import descendants
from flowd.runner.cgroups import Cgroups
from flowd.runner.launch import Command, with_limits
from flowd.runner.leftovers import Leftovers

_CHUNK = 65_536
_PEAK = re.compile(rb"VmHWM:\s+(\d+) kB")
_DRAIN_LIMIT = 4 << 20  # a grandchild that prints without end must not hold up an answer


@dataclass
class Hosting:
    """What all processes of a runner share."""

    leftovers: Leftovers
    cgroups: Cgroups | None = None
    clock: Clock = field(default_factory=SystemClock)
    environment: Mapping[str, str] = field(default_factory=dict)
    orphans: descendants.Orphans = field(default_factory=descendants.Orphans)
    # fork and exec wait for the child; one thread is enough, since more would only compete for the same cores.
    spawner: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2, "spawn"))


class Pipe:
    """The reading end of a pipe from a process."""

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._fd, self.write_end = os.pipe()
        self._on_data = on_data
        os.set_blocking(self._fd, False)
        self._loop = asyncio.get_running_loop()
        self._open = True
        self._loop.add_reader(self._fd, self._on_readable)

    def close_write_end(self) -> None:
        """The child has it now (or was never started)."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def _on_readable(self) -> None:
        self._read()

    def _read(self) -> int:
        try:
            data = os.read(self._fd, _CHUNK)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            data = b""
        if data:
            self._on_data(data)
        else:
            self.close()
        return len(data)

    def drain(self) -> None:
        """Read what is there now; what a process wrote before it answered is."""
        taken = 0
        while self._open and taken < _DRAIN_LIMIT and (count := self._read()):
            taken += count

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._fd)
            os.close(self._fd)


class Process:
    """One process group. `on_exit` is called once, with the leader's status (negative: a signal)."""

    def __init__(self, hosting: Hosting, on_log: Callable[[bytes], None], on_exit: Callable[[int], None]) -> None:
        self._hosting = hosting
        self._on_exit = on_exit
        self._log = Pipe(on_log)
        self._stdout: Pipe | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._cgroup: Path | None = None
        self._killed = False
        self._mark = secrets.token_hex(8)
        self.ended = False
        self.out_of_memory = False  # known, when it has ended, only with cgroups

    @property
    def peak_mb(self) -> int:
        """How much memory it has had at most, its children not counted; 0 when it has ended."""
        if self._popen is None:
            return 0
        try:
            with open(f"/proc/{self._popen.pid}/status", "rb") as status:
                found = _PEAK.search(status.read())
        except OSError:
            return 0
        return math.ceil(int(found[1]) / 1024) if found else 0

    async def start(
        self,
        command: Command,
        memory_mb: int,
        *,
        cpu_units: int = 0,
        inherit: int = -1,
        stdin: int = subprocess.DEVNULL,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> None:
        """Start it; OSError if it cannot be. Without `on_stdout` stdout and stderr are one log; 0 MB is no limit."""
        loop = asyncio.get_running_loop()
        cgroups = self._hosting.cgroups
        self._cgroup = cgroups.create(memory_mb, cpu_units) if cgroups and memory_mb else None
        self._stdout = Pipe(on_stdout) if on_stdout else None
        stdout = self._stdout or self._log
        arguments = with_limits(command.arguments, memory_mb, str(self._cgroup or ""))
        passed = (inherit,) if inherit >= 0 else ()

        def spawn() -> subprocess.Popen[bytes]:
            popen = subprocess.Popen(
                arguments,
                cwd=command.folder,
                env={**command.environment, descendants.MARK: self._mark},
                stdin=stdin,
                stdout=stdout.write_end,
                stderr=self._log.write_end,
                pass_fds=passed,
                start_new_session=True,
            )
            self._hosting.orphans.own.add(popen.pid)
            self._hosting.leftovers.add(popen.pid, self._mark)
            return popen

        try:
            self._popen = await loop.run_in_executor(self._hosting.spawner, spawn)
        except BaseException:
            self._close()
            raise
        finally:
            self._log.close_write_end()
            stdout.close_write_end()
        self._pidfd = os.pidfd_open(self._popen.pid)
        loop.add_reader(self._pidfd, self._leader_ended)
        if self._killed:
            self.kill()

    def drain(self) -> None:
        """Take in all that was printed up to now."""
        self._log.drain()

    def terminate(self) -> None:
        """Ask the whole group to end (SIGTERM)."""
        if self._popen is not None and self._popen.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Kill all of it at once; `on_exit` follows. SIGKILL, since user code may ignore anything else."""
        self._killed = True
        if self._popen is None or self._popen.returncode is not None:
            return
        left = descendants.below(self._popen.pid)  # also those that are in no group of ours
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        descendants.end(left)
        if self._cgroup:
            Cgroups.kill(self._cgroup)

    def _leader_ended(self) -> None:
        popen = self._popen
        assert popen is not None
        # The group is killed before the leader is reaped: until then its number cannot belong to anybody else.
        self.kill()
        self._hosting.orphans.end(self._mark)
        code = popen.wait()
        self._hosting.orphans.own.discard(popen.pid)
        self.out_of_memory = self._cgroup is not None and Cgroups.was_out_of_memory(self._cgroup)
        self._log.drain()
        if self._stdout:
            self._stdout.drain()
        self._hosting.leftovers.discard(popen.pid)
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._close()
        self._on_exit(code)

    def _close(self) -> None:
        self.ended = True
        self._log.close()
        if self._stdout:
            self._stdout.close()
        if self._cgroup and self._hosting.cgroups:
            self._hosting.cgroups.release(self._cgroup)
