"""docs/code-first.md does what it says: its first example runs, its test passes, its types are known to mypy."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flowd.__main__ import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "code-first.md").read_text()


def part(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def code(heading: str) -> str:
    """The first indented block below a heading."""
    found = re.search(r"(?:^(?: {4}.*)?\n)+", part(heading).lstrip("\n"), re.MULTILINE)
    assert found is not None
    return re.sub(r"^ {4}", "", found[0], flags=re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.py").write_text(code("Five minutes"))
    (tmp_path / "test_hello.py").write_text(code("Tests"))
    return tmp_path


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_example_runs_as_the_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (said,) = re.findall(r"^    flowd (run hello.py .*)$", part("Five minutes"), re.MULTILINE)
    words = [word.strip("'") for word in said.split()]
    words[1] = str(folder / "hello.py")
    assert main(words) == 0
    assert capsys.readouterr().out == '"Hello Ada"\n'


def test_its_test_needs_no_daemon(folder: Path) -> None:
    assert "1 passed" in run(folder, "pytest", "-q", "-p", "no:cacheprovider", "test_hello.py")


@pytest.mark.slow
def test_its_types_are_strict_and_refuse_what_does_not_fit(folder: Path) -> None:
    run(folder, "mypy", "--strict", "hello.py", "test_hello.py")
    text = (folder / "hello.py").read_text()
    (folder / "hello.py").write_text(text.replace("await greet(name)", "await greet(7)"))
    with pytest.raises(AssertionError, match='Argument 1 to "__call__" of "Activity" has incompatible type "int"'):
        run(folder, "mypy", "--strict", "hello.py")
