from __future__ import annotations

import sys
from datetime import time
from pathlib import Path

import pytest

from console.places import Opening
from console.terminal import Bell
from flowd.__main__ import main
from flowd.cli import console


@pytest.mark.parametrize("arguments", [[], ["--readonly"]])
def test_the_console_opens_on_the_socket_that_was_named(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Path, bool]] = []

    def run(socket: Path, readonly: bool = False, **settings: object) -> int:
        assert settings == {"theme": "", "plain": False, "opening": None, "bell": None}
        opened.append((socket, readonly))
        return 0

    monkeypatch.setattr(console, "run", run)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main(["console", "--socket", str(tmp_path / "s"), *arguments]) == 0
    assert opened == [(tmp_path / "s", bool(arguments))]


ARN = "arn:aws:states:us-east-1:000000000000:execution:order:A-1"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["open", ARN, "--view", "graph", "--state", "Charge"], {"opening": Opening(ARN, "graph", "Charge")}),
        (["--theme", "flowd-light", "--ascii"], {"theme": "flowd-light", "plain": True}),
        (["--bell"], {"bell": Bell()}),
        (["--bell", "--quiet", "22:30-7"], {"bell": Bell((time(22, 30), time(7)))}),
    ],
)
def test_the_console_is_told_what_to_open_and_how_it_looks(
    arguments: list[str], expected: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def run(socket: Path, readonly: bool = False, **settings: object) -> int:
        given.update(settings)
        return 0

    monkeypatch.setattr(console, "run", run)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main(["console", *arguments]) == 0
    assert {name: given[name] for name in expected} == expected


def test_hours_that_are_none_are_refused_with_the_way_to_write_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    for hours in ("night", "22-25", "22", "22:30-06:75"):
        assert main(["console", "--bell", "--quiet", hours]) != 0
        assert f"'{hours}' are no hours of a day; write 22-7 or 22:30-06:45" in capsys.readouterr().err


def test_a_terminal_that_cannot_place_its_cursor_is_told_what_else_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert main(["console"]) == 1
    assert "TERM=dumb" in (told := capsys.readouterr().err) and "flowd ls" in told


def test_an_unknown_word_behind_console_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert main(["console", "open"]) == 1
    assert "usage: flowd console open EXECUTION" in capsys.readouterr().err


def test_without_a_terminal_the_console_says_what_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["console"]) != 0
    assert "needs a terminal" in capsys.readouterr().err
