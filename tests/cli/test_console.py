from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowd.__main__ import main
from flowd.cli import console


@pytest.mark.parametrize("arguments", [[], ["--readonly"]])
def test_the_console_opens_on_the_socket_that_was_named(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Path, bool]] = []

    def run(socket: Path, readonly: bool = False) -> int:
        opened.append((socket, readonly))
        return 0

    monkeypatch.setattr(console, "run", run)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main(["console", "--socket", str(tmp_path / "s"), *arguments]) == 0
    assert opened == [(tmp_path / "s", bool(arguments))]


def test_without_a_terminal_the_console_says_what_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["console"]) != 0
    assert "needs a terminal" in capsys.readouterr().err
