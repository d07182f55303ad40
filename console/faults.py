"""Errors nobody expected: where they came from in one line, and the whole traceback in a file of the user's."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from textual.worker import WorkerFailed

from console.text import clean, stamp

LOG = "console.log"
LONGEST = 1_000_000  # bytes; a longer log begins anew


def state_dir() -> Path:
    """$XDG_STATE_HOME/flowd, by default ~/.local/state/flowd."""
    home = os.environ.get("XDG_STATE_HOME") or ""
    return (Path(home) if home.startswith("/") else Path.home() / ".local" / "state") / "flowd"


def place(error: BaseException) -> str:
    """`screens/inbox.py:41 KeyError: 'title'`: the innermost line of our own code."""
    error = cause(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}console{os.sep}" in frame.filename]
    where = ""
    if ours:
        where = f"{ours[-1].filename.rpartition(os.sep + 'console' + os.sep)[2]}:{ours[-1].lineno} "
    return f"{where}{type(error).__name__}: {clean(error, 200)}"


def cause(error: BaseException) -> BaseException:
    """The error inside of a failed worker."""
    while isinstance(error, WorkerFailed):
        error = error.error
    return error


def write(folder: Path, error: BaseException, now: float) -> Path | str:
    """Append the traceback to the log; the file, or a word if it cannot be written."""
    path = folder / LOG
    text = "".join(traceback.format_exception(cause(error)))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.exists() and path.stat().st_size > LONGEST
        with path.open("w" if fresh else "a", encoding="utf-8") as log:
            log.write(f"{stamp(now, None)}\n{text}\n")
    except OSError as failure:
        return f"nowhere, {folder} cannot be written ({failure.strerror})"
    return path
