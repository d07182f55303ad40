"""Loading a workflow file to run it: by the worker's check, and by `flowd run`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowd.cli.check import check_workflows
from flowd.cli.code import run_code
from flowd.cli.command import CommandError
from flowd.sdk.loading import NotLoadable, load_file
from flowd.sdk.worker import REFUSED, main

FLOW = """
from flowd.sdk import Queue, activity, sleep, workflow
import helping
desk = Queue("desk", bool)

@activity
def add(left: int, right: int) -> int:
    return helping.plus(left, right)

@workflow
async def flow(number: int) -> int:
    await sleep(3600)
    return await add(number, 1)

@workflow
async def asks() -> bool:
    return await desk.ask("Well?")
"""


@pytest.fixture(autouse=True)
def _modules_of_this_test_only(tmp_path: Path) -> Iterator[None]:
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def _put(folder: Path, text: str = FLOW, helping: str = "def plus(a, b):\n    return a + b\n") -> Path:
    (folder / "helping.py").write_text(helping)
    (folder / "flow.py").write_text(text)
    return folder / "flow.py"


def test_a_file_is_loaded_with_its_types_and_the_files_it_is_made_of(tmp_path: Path) -> None:
    loaded = load_file(_put(tmp_path))
    assert sorted(loaded.registry.workflows) == ["asks", "flow"] and list(loaded.registry.queues) == ["desk"]
    assert sorted(loaded.files) == [str(tmp_path / "flow.py"), str(tmp_path / "helping.py")]


@pytest.mark.parametrize(
    ("text", "helping", "place"),
    [
        (FLOW, "def plus(a, b):\n    return 1 +\n", "helping.py:2:15: SYNTAX"),
        (FLOW, "x = 1\nraise KeyError('gone')\n", "helping.py:2:1: IMPORT KeyError: 'gone'"),
        (f"{FLOW}\nimport no_such_thing\n", "", "flow.py:19:1: IMPORT ModuleNotFoundError"),
        (f"{FLOW}\nexit(3)\n", "", "flow.py:19:1: IMPORT SystemExit: 3"),
        (FLOW.replace("left: int, right: int", "*numbers"), "", "IMPORT activity add: *numbers has no name"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_told_with_its_place(
    tmp_path: Path, text: str, helping: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = _put(tmp_path, text, helping)
    with pytest.raises(NotLoadable) as caught:
        load_file(file)
    assert place in str(caught.value)
    assert main([str(file), "--check"]) == REFUSED
    assert place in caplog.text


def test_a_workflow_runs_on_the_command_line_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _put(tmp_path)
    assert run_code(file, "4", None, [], skip_waits=True) == 0
    assert run_code(file, "null", "asks", ["desk=true"], skip_waits=False) == 0
    assert capsys.readouterr().out == "5\ntrue\n"
    assert run_code(file, '"x"', "flow", [], skip_waits=True) == 1
    assert "the input of workflow flow: Expected `int`, got `str`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "answers", "message"),
    [("nope", [], "asks, flow"), ("asks", ["desk"], "QUEUE=JSON"), ("asks", [], "'Well\\?' waits in desk")],
)
def test_what_is_missing_on_the_command_line_is_told(
    tmp_path: Path, name: str, answers: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run_code(_put(tmp_path), "null", name, answers, skip_waits=False)


def test_check_says_of_a_file_what_the_daemon_would(tmp_path: Path) -> None:
    file = _put(tmp_path, FLOW.replace("await sleep(3600)", "__import__('time'); input()"))
    found = check_workflows(str(file))
    assert [str(each).partition(" use ")[0] for each in found] == [
        f"{file}:12:25: ERROR NOT_DETERMINISTIC input in the workflow flow is not the same at every replay:"
    ]
    assert check_workflows(str(_put(tmp_path))) == []
    with pytest.raises(CommandError, match="no such file"):
        check_workflows(str(tmp_path / "none.py"))
