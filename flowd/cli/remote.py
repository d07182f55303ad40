"""A daemon on another host: its unix socket, brought here by ssh. The daemon sees the user that ssh logged in as."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowd.cli.command import CommandError
from flowd.errors import reason

REMOTE = "/run/flowd/flowd.sock"
LONGEST_S = 30.0


@contextmanager
def tunnel(host: str, socket: str) -> Iterator[Path]:
    """A socket on this machine that is the daemon's on `host`, for as long as the context lasts."""
    if host.startswith("-"):
        raise CommandError(f"'{host}' is no host")
    with tempfile.TemporaryDirectory(prefix="flowd-ssh-") as folder:
        local = Path(folder) / "flowd.sock"
        options = ["-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes", "-o", "ServerAliveInterval=15"]
        command = ["ssh", "-N", "-T", *options, "-L", f"{local}:{socket}", "--", host]
        try:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        except OSError as error:
            raise CommandError(f"ssh cannot be started: {reason(error)}") from None
        try:
            _wait(process, local, host, socket)
            yield local
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], local: Path, host: str, socket: str) -> None:
    """Until the socket is there; ssh itself says on the terminal what it needs or what went wrong."""
    end = time.monotonic() + LONGEST_S
    while not local.exists():
        if process.poll() is not None:
            raise CommandError(f"ssh {host} ended with {process.returncode}")
        if time.monotonic() > end:
            raise CommandError(f"ssh {host} did not bring {socket} here within {LONGEST_S:.0f} s")
        time.sleep(0.05)
