"""docs/two-services.md, "Both at once", on a real daemon: a machine waits for a workflow that waits for a machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.real_box import Box

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "two-services.md"


def blocks() -> list[str]:
    """The indented texts of that part of the page."""
    part = PAGE.read_text().split("\n## Both at once\n")[1]
    found = re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))*)+", part, re.MULTILINE)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in found]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    made.start()
    try:
        yield made
    finally:
        made.terminate()
        made.close()


def test_a_machine_waits_for_a_workflow_that_waits_for_a_machine(box: Box) -> None:
    parcel, ship = blocks()
    box.drop("parcel", json.loads(parcel))
    box.drop("label", {"StartAt": "L", "States": {"L": {"Type": "Pass", "Result": "box 7", "End": True}}})
    (box.workflows / "ship.py").write_text(ship)
    arn = box.machine("parcel")
    box.until("the workflow's worker runs", lambda: "RUNNING" in box.command("workflows"))
    box.until("its types are there", lambda: box.command("start", "ship", "--input", '{"order": "0", "token": "x"}'))
    started = box.sdk.start_execution(stateMachineArn=arn, input='{"order": "o-1"}')["executionArn"]
    ended = box.ended(started)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", "o-1 in box 7")
    label = next(each for each in json.loads(box.command("ls", "--json")) if each["stateMachineName"] == "label")
    assert label["status"] == "SUCCEEDED"
