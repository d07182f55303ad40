"""A real console on a real terminal that is treated badly: signals at any moment, sizes, floods of keys, pipes."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
TAKEN, GIVEN_BACK = b"\x1b[?1049h", b"\x1b[?1049l"


class Rough:
    """A console on a pseudo terminal; reads what it writes, and says how the terminal is set."""

    def __init__(self, module: str, *arguments: str, columns: int = 100, rows: int = 30) -> None:
        self.fd, terminal_fd = pty.openpty()
        self.size(columns, rows)
        self.before = termios.tcgetattr(self.fd)
        # A shell that exports its size must not freeze the console's.
        env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], cwd=ROOT, env=env, start_new_session=True,
            stdin=terminal_fd, stdout=terminal_fd, stderr=terminal_fd,
        )  # fmt: skip
        os.close(terminal_fd)
        self.seen = b""

    def size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, longest_s: float = 0.2) -> None:
        if select.select([self.fd], [], [], longest_s)[0]:
            try:
                self.seen += os.read(self.fd, 1 << 16)
            except OSError:  # nobody has the other end any more
                time.sleep(0.01)

    def until(self, text: bytes) -> None:
        """Read until it has written this, counted from the last time."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.seen:
            assert time.monotonic() < end and self.process.poll() is None, (text, self.seen[-3000:])
            self.read()
        self.seen = self.seen.partition(text)[2]

    def rest(self) -> None:
        """Read until nothing comes any more: it has painted all it wants to."""
        before = -1
        while len(self.seen) != before:
            before = len(self.seen)
            self.read(0.5)

    def send(self, text: bytes) -> None:
        """Type all of it, reading meanwhile what it causes."""
        while text:
            _, writable, _ = select.select([], [self.fd], [], 0)
            if writable:
                text = text[os.write(self.fd, text[:1024]) :]
            self.read(0)

    def ended(self) -> int:
        end = time.monotonic() + DEADLINE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen[-3000:]
            self.read(0.05)
        self.read(0)
        return self.process.wait()


@contextmanager
def rough(module: str = "tests.console.demo", *arguments: str) -> Iterator[Rough]:
    console = Rough(module, *arguments)
    try:
        yield console
    finally:
        console.process.kill()
        console.process.wait()
        os.close(console.fd)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("when", [TAKEN, b"executions"], ids=["before the first paint", "after it"])
def test_a_signal_at_any_moment_leaves_the_terminal_as_it_was(number: int, when: bytes, tmp_path: Path) -> None:
    with rough("flowd", "console", "--socket", str(tmp_path / "none.sock")) as console:
        console.until(when)
        console.process.send_signal(number)
        assert console.ended() == 0
        assert GIVEN_BACK in console.seen and b"\x1b[?25h" in console.seen
        assert termios.tcgetattr(console.fd) == console.before


@pytest.mark.slow
def test_a_terminal_made_tiny_and_large_again_shows_what_it_showed() -> None:
    with rough() as console:
        console.until(b"order-1000")
        console.rest()
        console.size(20, 5)
        console.process.send_signal(signal.SIGWINCH)
        console.until(b"flowd needs 60")
        console.size(100, 30)
        console.process.send_signal(signal.SIGWINCH)
        console.until(b"order-1000")
        console.send(b":quit\r")
        assert console.ended() == 0


@pytest.mark.slow
def test_a_thousand_keys_at_once_are_all_taken_and_a_paste_of_a_megabyte_does_not_stop_it() -> None:
    with rough() as console:
        console.until(b"order-1000")
        console.send(b"jk" * 500)
        console.send(b"/")
        console.send(b"\x1b[200~" + b"x" * 1_000_000 + b"\x1b[201~")
        console.send(b"\x15status:failed\r")  # ctrl+u empties the line
        console.until(b"126 match")
        console.send(b":quit\r")
        assert console.ended() == 0


@pytest.mark.parametrize("which", ["stdin", "stdout", "stderr"])
def test_a_pipe_is_told_what_prints_the_same(which: str) -> None:
    console, terminal_fd = pty.openpty()
    streams = {"stdin": terminal_fd, "stdout": terminal_fd, "stderr": terminal_fd, which: subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-m", "flowd", "console"], cwd=ROOT, **streams)  # type: ignore[call-overload]
    os.close(terminal_fd)
    if which != "stdin":
        getattr(process, which).close()
    assert process.wait(timeout=DEADLINE_S) in (1, 120)  # 120: it could not even say so
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    os.close(console)
