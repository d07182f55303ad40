"""The terminal itself: its clipboard, and noticing that it is gone.

A full-screen program whose terminal has vanished reads "end of file" for ever; left alone it would burn a core and
keep a connection open. So the input is polled once a second and SIGHUP is heard: both end the console.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import select
import signal
import sys
import threading
from typing import Any

from textual.app import App

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
GRACE_S = 2.0


def osc52(text: str) -> str:
    """The sequence that puts a text on the clipboard; inside tmux it is wrapped so that tmux hands it on."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a"
    if os.environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


def notice(text: str) -> str:
    """A bell, and a desktop notice for the terminals that know OSC 9; the others ignore it."""
    return f"\a\x1b]9;flowd: {text[:100]}\a"


def is_gone(fd: int) -> bool:
    """True if the terminal behind the file descriptor has hung up."""
    poll = select.poll()
    try:
        poll.register(fd, 0)
        return any(mask & _GONE for _, mask in poll.poll(0))
    except (OSError, ValueError):
        return True


def guard(app: App[Any]) -> None:
    """End the app when its terminal goes, and on SIGHUP and SIGTERM. Does nothing in tests (headless)."""
    if app.is_headless or app.is_web:
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGHUP, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, leave, app)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        fd = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        if os.isatty(fd):
            app.set_interval(1.0, lambda: leave(app) if is_gone(fd) else None)


def leave(app: App[Any]) -> None:
    """Exit, and if that does not work within the grace (the driver may hang on a dead terminal), exit all the same."""
    timer = threading.Timer(GRACE_S, os._exit, (0,))
    timer.daemon = True
    timer.start()
    app.exit(0)
