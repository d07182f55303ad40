"""Starts a runner that outlives its starter, where no systemd does: `flowd serve` and `flowd run` on a plain box.

The runner forks once it listens, so that a return without error means that it can be connected to, and its parent is
init: nothing that happens to the daemon reaches it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from flowd.runner.packages import is_for_managers

ALREADY_RUNNING = 3  # exit status of a runner that found another one on its socket
_LIMIT_S = 30.0
_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG")


def spawn_runner(socket: Path, packages: Path | None = None) -> str:
    """Start one on `socket`, and wait until it listens (a blocking call); "" or why it could not be.

    Another runner that listens there already is as good. Its messages go to a file beside the socket. Of the caller's
    environment it gets the little that functions may see as well.
    """
    environment = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT or is_for_managers(name)}
    # So that the same flowd is found whose client this is, installed or not.
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    arguments = [sys.executable, "-m", "flowd.runner", "--socket", str(socket), "--detach", "--log", f"{socket}.log"]
    if packages is not None:
        arguments += ["--packages", str(packages)]
    try:
        done = subprocess.run(
            arguments,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode in (0, ALREADY_RUNNING):
        return ""
    return done.stderr.strip() or f"exit status {done.returncode}"
