"""The console's budgets, through a pseudo terminal: first paint < 1 s, key < 50 ms, cursor < 2 kB, page < 30 kB.

    python tests/bench/million.py FOLDER && flowd serve --data FOLDER ...
    python tests/bench/pty_console.py SOCKET [COLUMNSxROWS] [STARTS]

A key's time runs from the write to the last byte of what it painted. The keys are measured on the executions that have
succeeded: one that runs repaints its length of time once a second, which a page key would be charged with. The first
paint is told twice, as the median of several starts: by the clock, and in seconds of CPU of the process, which other
work on the machine falsifies less.
Prints; fails on nothing.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import termios
import time
from pathlib import Path

QUIET_S = 0.25


class Terminal:
    """A console behind a pseudo terminal."""

    def __init__(self, socket: str, columns: int, rows: int) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", FLOWD_SOCKET=socket)
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed console is compiled
            os.execv(sys.executable, [sys.executable, "-m", "flowd", "console"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.text = b""

    def drain(self, longest_s: float = 5.0, first_s: float = 5.0) -> tuple[int, float]:
        """Bytes until it is quiet, and the seconds to the last of them."""
        began = last = time.perf_counter()
        amount = 0
        while time.perf_counter() - began < longest_s:
            ready, _, _ = select.select([self.fd], [], [], QUIET_S if amount else first_s)
            if not ready:
                break
            piece = os.read(self.fd, 1 << 16)
            self.text += piece
            amount += len(piece)
            last = time.perf_counter()
        return amount, last - began

    def until(self, text: bytes, longest_s: float = 30.0) -> float:
        began = time.perf_counter()
        while text not in self.text:
            assert time.perf_counter() - began < longest_s, self.text[-2000:]
            if select.select([self.fd], [], [], 0.05)[0]:
                self.text += os.read(self.fd, 1 << 16)
        return time.perf_counter() - began

    def keys(self, sequence: bytes, times: int) -> str:
        took, sizes = [], []
        for _ in range(times):
            os.write(self.fd, sequence)
            amount, seconds = self.drain()
            took.append(seconds * 1000)
            sizes.append(amount)
        return (
            f"p50 {statistics.median(took):.0f} ms, max {max(took):.0f} ms,"
            f" {statistics.mean(sizes):,.0f} B (max {max(sizes):,})"
        )

    def cpu(self) -> float:
        """Seconds that its threads were on a processor."""
        used = 0
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            used += int((thread / "schedstat").read_text().split()[0])
        return used / 1e9

    def end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)


def starts(socket: str, columns: int, rows: int, times: int) -> str:
    """How long until there is a frame, and until there are rows in it."""
    found: dict[str, list[tuple[float, float]]] = {"frame": [], "rows": []}
    for _ in range(times):
        began = time.perf_counter()
        terminal = Terminal(socket, columns, rows)
        for name, text in (("frame", b"executions"), ("rows", b"SUCCEEDED")):
            terminal.until(text)
            found[name].append((time.perf_counter() - began, terminal.cpu()))
        terminal.drain(first_s=1.0)
        terminal.end()
    told = []
    for name, each in found.items():
        clock, cpu = (statistics.median(values) for values in zip(*each, strict=True))
        told.append(f"{name} after {clock:.2f} s ({cpu:.2f} s CPU)")
    return f"{', '.join(told)}, median of {times}, load {os.getloadavg()[0]:.1f}"


def main(socket: str, size: str, times: int) -> None:
    columns, rows = (int(part) for part in size.split("x"))
    print(f"{size}: {starts(socket, columns, rows, times)}")
    terminal = Terminal(socket, columns, rows)
    terminal.until(b"SUCCEEDED")
    terminal.drain(first_s=1.0)
    with open(f"/proc/{terminal.pid}/status") as status:
        print(f"  {next(line.split()[1] for line in status if line.startswith('VmRSS')):>7} kB of memory")
    os.write(terminal.fd, b"/status:succeeded\r")
    terminal.until(b"match")
    terminal.drain(first_s=1.0)
    for name, sequence, times in (
        ("down", b"\x1b[B", 20), ("page", b"\x1b[6~", 12), ("page up", b"\x1b[5~", 6),
        ("end", b"G", 1), ("home", b"g", 1), ("end again", b"G", 1), ("home", b"g", 1),
    ):  # fmt: skip
        print(f"  {name:<9} {terminal.keys(sequence, times)}", flush=True)
    terminal.end()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "160x50", int(sys.argv[3]) if len(sys.argv) > 3 else 5)
