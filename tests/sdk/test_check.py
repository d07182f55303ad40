"""What is said of workflow files without running them: places, names, and the call to use instead."""

from __future__ import annotations

import pytest

from flowd.sdk.check import check
from flowd.sdk.sources import Sources, load, looks_like_workflows

HEAD = "from flowd.sdk import workflow, activity, sleep, side_effect\n"


def _load(text: str, **others: str) -> Sources:
    """`a__b="..."` is the text of a/b.py, `a__INIT` that of a/__init__.py."""
    paths = {name.replace("__", "/").replace("INIT", "__init__"): body for name, body in others.items()}
    files = {"flow.py": HEAD + text, **{f"{path}.py": body for path, body in paths.items()}}
    return load("flow.py", files.get)


def _said(text: str, **others: str) -> list[str]:
    return [str(finding) for finding in check(_load(text, **others)).findings]


def _workflow(body: str, before: str = "") -> str:
    return f"{before}\n@workflow\nasync def order(input: dict) -> int:\n    {body}\n"


@pytest.mark.parametrize(
    ("imports", "body", "column", "instead"),
    [
        ("import time", "return time.time()", 12, "now()"),
        ("import time as t", "t.sleep(5)", 5, "await sleep(seconds)"),
        ("from time import sleep as nap", "nap(5)", 5, "await sleep(seconds)"),
        ("from datetime import datetime", "x = datetime.now()", 9, "now()"),
        ("import datetime", "x = datetime.datetime.utcnow()", 9, "now()"),
        ("import random", "x = random.choice([1])", 9, "random()"),
        ("from random import randint", "x = [randint(1, 2) for _ in input]", 10, "random()"),
        ("import uuid", "x = uuid.uuid4()", 9, "uuid4()"),
        ("import os", "x = os.urandom(4)", 9, "random().randbytes"),
        ("import os", "x = os.environ['A']", 9, "side_effect"),
        ("import os", "os.remove('x')", 5, "activity"),
        ("", "open('x')", 5, "activity"),
        ("import asyncio", "await asyncio.sleep(1)", 11, "await sleep"),
        ("import asyncio", "await asyncio.gather()", 11, "gather("),
        ("import threading", "threading.Thread(target=print)", 5, "start()"),
        ("import time", "return sorted(input, key=time.time)", 30, "now()"),
        ("", "import secrets; secrets.token_hex()", 21, "uuid4()"),
    ],
)
def test_a_call_that_differs_at_every_replay_is_named_with_its_place(
    imports: str, body: str, column: int, instead: str
) -> None:
    (said,) = _said(_workflow(body, imports))
    assert said.startswith(f"flow.py:5:{column}: NOT_DETERMINISTIC ")
    assert "the workflow order" in said and instead in said


@pytest.mark.parametrize(
    ("imports", "body"),
    [
        ("import datetime", "x: datetime.datetime = datetime.timedelta(1)"),
        ("import asyncio", "try: pass\n    except asyncio.CancelledError: pass"),
        ("import os, random", "x = os.path.join('a'), random.Random(5)"),
        ("import time", "x = side_effect(lambda: time.time())"),
        ("from flowd.sdk import random", "x = random().choice([1])"),
        ("", "open = input; return open['x']"),
        ("import time\n@activity\ndef charge() -> float: return time.time()", "await charge()"),
        ("import time\ndef unused(): time.sleep(1)", "pass"),
        ("import uuid", "x = uuid.uuid5(uuid.NAMESPACE_URL, 'x')"),
    ],
)
def test_what_is_the_same_at_every_replay_is_left_alone(imports: str, body: str) -> None:
    assert _said(_workflow(body, imports)) == []


def test_helpers_are_followed_through_the_file_and_the_folder_and_named() -> None:
    die = "import random\nclass Die:\n    def roll(self): return random.random()\ndef roll(): return Die().roll()\n"
    before = "import time\nimport tools\nfrom more.deep import pause\ndef wait(): time.sleep(1)\n"
    said = _said(
        _workflow("wait(); tools.roll(); pause()", before),
        tools=die,
        more__deep="from . import other\ndef pause(): other.now()\n",
        more__other="import time\ndef now(): return time.time()\n",
    )
    assert [line.partition(" NOT")[0] for line in said] == ["flow.py:5:13:", "more/other.py:2:19:", "tools.py:3:28:"]
    assert "wait(), which the workflow order uses" in said[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@workflow\ndef order(): pass\n", "async def"),
        ("@workflow(name=NAME)\nasync def order(): pass\n", "literal text"),
        ("@workflow(name='a:b')\nasync def order(): pass\n", "no name of a workflow"),
        ("@workflow\nasync def order(*items): pass\n", "name every parameter"),
        ("@workflow\nasync def a(): pass\n@workflow(name='a')\nasync def b(): pass\n", "another workflow a"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_at_its_line(text: str, message: str) -> None:
    (said,) = _said(text)
    assert "WORKFLOW_INVALID" in said and message in said


def test_workflows_are_found_with_their_names_and_lines_remote_ones_are_not() -> None:
    text = "@workflow(name='first one')\nasync def a(): pass\n@workflow(remote=True)\nasync def b(): ...\n"
    assert [(each.name, each.line) for each in check(_load(text)).workflows] == [("first one", 3)]


def test_a_slip_of_syntax_is_a_finding_in_whatever_module_it_is() -> None:
    assert _said("def (") == ["flow.py:2:5: SYNTAX invalid syntax"]
    assert _said("import tools", tools="x = = 1") == ["tools.py:1:5: SYNTAX invalid syntax"]


def test_the_version_changes_with_any_module_of_the_folder_and_only_with_these() -> None:
    text = "import tools, json, flowd.sdk\nfrom package import part\n"
    modules = {"tools": "x = 1", "package__INIT": "", "package__part": "y = 1", "stranger": "z = 1"}
    version = _load(text, **modules).version
    assert sorted(_load(text, **modules).modules) == ["flow.py", "package/__init__.py", "package/part.py", "tools.py"]
    assert len(version) == 16 and version == _load(text, **{**modules, "stranger": "z = 2"}).version
    for name in ("tools", "package__INIT", "package__part"):
        assert version != _load(text, **{**modules, name: modules[name] + "\n"}).version
    assert version != _load(text + "\n", **modules).version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from flowd.sdk import workflow\n@workflow\ndef (", True),
        ("import flowd.sdk as sdk\n@sdk.workflow(\n", True),
        ("from prefect import workflow\n@workflow\ndef (", False),
        ("import flowd.sdk\n# @workflow", False),
    ],
)
def test_a_broken_text_is_taken_for_workflows_if_it_was_meant_so(text: str, expected: bool) -> None:
    assert looks_like_workflows(text) is expected
