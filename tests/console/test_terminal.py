from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from datetime import time as of_day
from pathlib import Path

import pytest

from console import faults, terminal
from console.terminal import Bell

ROOT = Path(__file__).parents[2]


def test_the_clipboard_sequence_is_wrapped_for_tmux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    assert terminal.osc52("hi") == "\x1b]52;c;aGk=\a"
    monkeypatch.setenv("TMUX", "/tmp/tmux")
    assert terminal.osc52("hi") == "\x1bPtmux;\x1b\x1b]52;c;aGk=\a\x1b\\"


def test_the_bell_is_silent_in_the_quiet_hours_also_over_midnight() -> None:
    night, noon = Bell((of_day(22, 30), of_day(7))), Bell((of_day(12), of_day(13)))
    told = [
        (at, night.rings(of_day(*at)), noon.rings(of_day(*at))) for at in ((22, 29), (22, 30), (0, 0), (7, 0), (12, 0))
    ]
    assert told == [
        ((22, 29), True, True), ((22, 30), False, True), ((0, 0), False, True), ((7, 0), True, True),
        ((12, 0), True, False),
    ]  # fmt: skip
    assert Bell().rings(of_day(0)) and Bell((of_day(7), of_day(7))).rings(of_day(7))


def test_a_terminal_that_hung_up_is_noticed() -> None:
    controller, terminal_fd = pty.openpty()
    assert not terminal.is_gone(terminal_fd)
    os.close(controller)
    assert terminal.is_gone(terminal_fd)
    os.close(terminal_fd)


def test_a_log_that_cannot_be_written_is_told_and_not_raised(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "cannot be written" in str(faults.write(blocked / "state", ValueError("x"), 0))


def start_demo() -> tuple[subprocess.Popen[bytes], int]:
    """The demo on a terminal of its own; returns once it has painted."""
    controller, terminal_fd = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.console.demo"], cwd=ROOT, env=env, start_new_session=True,
        stdin=terminal_fd, stdout=terminal_fd, stderr=terminal_fd,
    )  # fmt: skip
    os.close(terminal_fd)
    seen, end = b"", time.monotonic() + 20
    while b"order-1000" not in seen and time.monotonic() < end:
        if select.select([controller], [], [], 0.2)[0]:
            seen += os.read(controller, 65536)
    assert b"order-1000" in seen
    return process, controller


@pytest.mark.slow
@pytest.mark.parametrize("how", ["close", "SIGHUP", "SIGTERM"])
def test_the_console_ends_when_its_terminal_is_gone(how: str) -> None:
    process, controller = start_demo()
    try:
        if how != "close":
            process.send_signal(getattr(signal, how))
        os.close(controller)
        assert process.wait(timeout=10) in (0, 1, -signal.SIGHUP)
    finally:
        process.kill()
        process.wait()
