"""An asynchronous invocation that was answered survives kill -9 of the daemon, and a failing one is tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.real_box import Box, lines

pytestmark = pytest.mark.slow

SOURCE = """
import os, time

def handler(event, context):
    with open(event["book"], "a") as book:
        book.write("began\\n")
    while not os.path.exists(event["gate"]):
        time.sleep(0.02)
    with open(event["book"]) as book:
        if book.read().count("began") <= event.get("fails", 0):
            raise ValueError("not yet")
    with open(event["book"], "a") as book:
        book.write("done\\n")
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("async"))
    (box.functions / "later.py").write_text(SOURCE)
    (box.home / "flowd.toml").write_text("[testing]\ntime_factor = 60\n")  # Lambda waits a minute, then two
    box.start()
    yield box
    box.close()


def begin(box: Box, folder: Path, **more: Any) -> tuple[Path, Path]:
    book, gate = folder / "book", folder / "gate"
    event = json.dumps({"book": str(book), "gate": str(gate), **more}).encode()
    answer = box.client("lambda").invoke(FunctionName="later", InvocationType="Event", Payload=event)
    assert answer["StatusCode"] == 202
    return book, gate


def test_an_event_goes_on_through_kills_of_the_daemon_and_runs_once(box: Box, tmp_path: Path) -> None:
    book, gate = begin(box, tmp_path)
    box.until("it runs", lambda: lines(book))
    box.again()
    gate.touch()
    box.until("it is done", lambda: "done" in lines(book))
    assert lines(book) == ["began", "done"]


def test_an_event_that_was_answered_is_delivered_by_the_next_daemon(box: Box, tmp_path: Path) -> None:
    book, gate = begin(box, tmp_path)
    box.again()
    gate.touch()
    box.until("it is done", lambda: "done" in lines(book))
    assert lines(book) == ["began", "done"]


def test_a_function_that_fails_is_tried_twice_more(box: Box, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    book, _ = begin(box, tmp_path, fails=2)
    box.until("it is done", lambda: "done" in lines(book))
    assert lines(book) == ["began", "began", "began", "done"]
    answer = box.client("lambda").invoke(
        FunctionName="later", Payload=json.dumps({"book": str(book), "gate": "/"}).encode()
    )
    assert (answer["StatusCode"], json.loads(answer["Payload"].read())) == (200, None)
