"""A code-first workflow on a real daemon: kill -9 of the daemon and of its worker, and code that changes under way."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.real_box import Box

pytestmark = pytest.mark.slow
FLOW = """
from flowd.sdk import Queue, Retry, activity, gather, sleep, workflow
import book
desk = Queue("desk", bool)

@activity(start_to_close=5, retry=Retry(first=0.5))
def note(where: str, what: str) -> str:
    return book.write(where, what)

@activity(start_to_close=600, retry=Retry(first=1))
def first_time(where: str) -> str:
    import os, time
    if not os.path.exists(where):
        open(where, "w").write(str(os.getpid()))
        time.sleep(600)
    return "at last"

@workflow
async def dies(where: str) -> str:
    return await first_time(where)

@workflow
async def flow(where: str) -> list:
    first = await note(where, "first")
    await sleep(1)
    both = await gather(note(where, "left"), note(where, "right"))
    agreed = await desk.ask("Go on?")
    return [first, *both, agreed, book.EDITION]
"""
BOOK = """
EDITION = 1
def write(where, what):
    with open(where, "a") as file:
        file.write(what + "\\n")
    return what
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    (made.workflows / "book.py").write_text(BOOK)
    (made.workflows / "flow.py").write_text(FLOW)
    made.start()
    try:
        yield made
    finally:
        made.terminate()
        made.close()


def _workflows(box: Box) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(box.command("workflows", "--json"))
    return found


def _ready(box: Box) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        return next((each for each in _workflows(box) if each["current"] and each["worker"] == "RUNNING"), None)

    return box.until("a worker runs", look)


def _worker(box: Box, version: str) -> int:
    """The process of a version: its command line names it."""

    def look() -> int | None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                line = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if f"code:{version}".encode() in line and str(box.environ["FLOWD_SOCKET"]).encode() in line:
                return int(folder.name)
        return None

    return box.until("the worker has a process", look)


def _prompt(box: Box) -> str:
    def look() -> str | None:  # an activity at work stands in the inbox too: it can be answered by hand
        return next(
            (each["id"] for each in json.loads(box.command("inbox", "--json")) if each["kind"] == "prompt"), None
        )

    return str(box.until("somebody is asked", look))


def _result(box: Box, arn: str) -> Any:
    def look() -> dict[str, Any] | None:
        found = json.loads(box.command("ls", "--json"))
        return next((e for e in found if e["executionArn"] == arn and e["status"] != "RUNNING"), None)

    ended = box.until("the workflow has ended", look)
    assert ended["status"] == "SUCCEEDED"
    return json.loads(json.loads(box.command("show", arn, "--json"))["output"])


def test_a_workflow_ends_as_if_nobody_had_been_killed_and_keeps_the_code_it_began_with(box: Box) -> None:
    notes = box.home / "notes"
    version = _ready(box)["version"]
    arn = box.command("start", "flow", "--input", json.dumps(str(notes))).strip()
    box.again()
    os.kill(_worker(box, version), signal.SIGKILL)
    asked = _prompt(box)
    (box.workflows / "book.py").write_text(BOOK.replace("EDITION = 1", "EDITION = 2"))
    box.until("the new code is in force", lambda: _ready(box)["version"] != version)
    assert {each["version"] for each in _workflows(box)} == {version, _ready(box)["version"]}
    box.again()
    box.command("answer", asked, "--output", "true")
    assert _result(box, arn) == ["first", "left", "right", True, 1]
    assert set(notes.read_text().split()) == {"first", "left", "right"}
    later = box.command("start", "flow", "--input", json.dumps(str(notes))).strip()
    box.command("answer", _prompt(box), "--output", "false")
    assert _result(box, later) == ["first", "left", "right", False, 2]


def test_the_daemon_knows_at_once_that_its_worker_is_dead_and_the_retry_decides(box: Box) -> None:
    _ready(box)
    began = box.home / "began"
    arn = box.command("start", "dies", "--input", json.dumps(str(began))).strip()
    pid = box.until("the activity runs", lambda: began.exists() and began.read_text())
    at = time.monotonic()
    os.kill(int(str(pid)), signal.SIGKILL)
    assert _result(box, arn) == "at last"
    assert time.monotonic() - at < 20  # by a heartbeat it is known after 60 s
    failed = [e for e in json.loads(box.command("history", arn, "--json")) if e["type"] == "ActivityTaskFailed"]
    assert [e["activityTaskFailedEventAttributes"]["reason"] for e in failed] == ["WorkerDied"]


def test_a_broken_file_is_told_with_its_line_and_the_last_good_version_stays(box: Box) -> None:
    version = _ready(box)["version"]
    (box.workflows / "book.py").write_text("import no_such_module\n")
    told = box.until("it is told", lambda: box.attempt("workflows").stderr)
    assert "flow.py:1:1: ERROR IMPORT book.py:1: ModuleNotFoundError" in told
    assert _ready(box)["version"] == version
