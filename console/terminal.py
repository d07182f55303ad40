"""The terminal itself: its clipboard, noticing that it is gone, and giving it back as it was found.

A full-screen program whose terminal has vanished reads "end of file" for ever; left alone it would burn a core and
keep a connection open. So the input is polled once a second and SIGHUP is heard: both end the console. A signal that
comes before the app hears signals, or an app that does not end, must not leave a terminal that shows nothing one types.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from types import FrameType
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from textual.app import App

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
GRACE_S = 2.0
WRITE_S = 0.5
SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM)
#: What Textual switches on, switched off: the keyboard's protocols, pastes, mouse, focus, sizes; then the other screen.
_OFF: Final = "\x1b[<u" + "".join(f"\x1b[?{mode}l" for mode in (2004, 2048, 1000, 1003, 1015, 1006, 1004, 2026, 1049))
_BACK: Final = f"{_OFF}\x1b[?7h\x1b[?25h\x1b[0m"


#: Characters: many terminals take 100,000 bytes at most, in base64.
MOST_COPIED = 50_000


def osc52(text: str) -> str:
    """The sequence that puts a text on the clipboard; inside tmux it is wrapped so that tmux hands it on."""
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a"
    if os.environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return sequence


def notice(text: str) -> str:
    """A bell, and a desktop notice for the terminals that know OSC 9; the others ignore it."""
    return f"\a\x1b]9;flowd: {text[:100]}\a"


class Bell(NamedTuple):
    """When there is a bell: always, but for the quiet hours from one time of day to another, also over midnight."""

    quiet: tuple[time, time] | None = None

    def rings(self, at: time) -> bool:
        begin, end = self.quiet or (at, at)
        return not (begin <= at < end if begin <= end else at >= begin or at < end)


def is_gone(fd: int) -> bool:
    """True if the terminal behind the file descriptor has hung up."""
    poll = select.poll()
    try:
        poll.register(fd, 0)
        return any(mask & _GONE for _, mask in poll.poll(0))
    except (OSError, ValueError):
        return True


class Kept:
    """How the terminal was before the console took it."""

    def __init__(self) -> None:
        self._fd = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        self._was: list[Any] | None = None
        with contextlib.suppress(OSError, termios.error):
            self._was = termios.tcgetattr(self._fd)

    def end(self, taken: bool) -> None:
        """Give the terminal back, if the console has taken it, and exit at once, also where nobody reads it."""
        _exit_after(WRITE_S)
        if taken and self._was is not None:
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, self._was)
                os.write(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, _BACK.encode())
        os._exit(0)


def _exit_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


_KEPT: Final[WeakKeyDictionary[App[Any], Kept]] = WeakKeyDictionary()


@contextmanager
def kept(app: App[Any]) -> Iterator[None]:
    """While the app starts, a signal gives the terminal back; from `guard` on the app hears the signals itself.

    The terminal alone says how large it is: a size that a shell exports would hide every resize from Textual.
    """
    if not os.environ.get("TEXTUAL_DRIVER"):  # a browser's first size comes in the environment
        for said in ("COLUMNS", "LINES"):
            os.environ.pop(said, None)
    before = Kept()

    def heard(number: int, frame: FrameType | None) -> None:
        before.end(app._driver is not None)

    earlier = {number: signal.signal(number, heard) for number in SIGNALS}
    _KEPT[app] = before
    try:
        yield
    finally:
        del _KEPT[app]
        for number, handler in earlier.items():
            signal.signal(number, handler)


def guard(app: App[Any]) -> None:
    """End the app when its terminal goes, and on SIGHUP and SIGTERM. Does nothing in tests (headless)."""
    if app.is_headless or app.is_web:
        return
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, leave, app)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        fd = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
        if os.isatty(fd):
            app.set_interval(1.0, lambda: leave(app) if is_gone(fd) else None)


def leave(app: App[Any]) -> None:
    """Exit, and if that does not work within the grace (the driver may hang on a dead terminal), exit all the same."""
    before = _KEPT.get(app)
    timer = threading.Timer(GRACE_S, (lambda: before.end(True)) if before is not None else (lambda: os._exit(0)))
    timer.daemon = True
    timer.start()
    app.exit(0)
