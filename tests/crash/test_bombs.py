"""Definitions that would take a daemon's time or memory, given to a real one: they fail, and everybody else goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.real_box import Box
from tests.engine.test_expressions import SHARED

pytestmark = pytest.mark.slow


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    made.start()
    yield made
    made.close()


def start(box: Box, name: str, state: dict[str, Any], given: str = "{}", **members: Any) -> str:
    """An execution of a machine with one Pass."""
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True, **state}}, **members})
    made = box.sdk.create_state_machine(name=name, definition=definition, roleArn="arn:aws:iam::1:role/r")
    return str(box.sdk.start_execution(stateMachineArn=made["stateMachineArn"], input=given)["executionArn"])


def ended(box: Box, arn: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = box.sdk.describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    return box.until("the execution has ended", look)


def test_expressions_that_never_end_are_ended_and_leave_the_threads_to_others(box: Box) -> None:
    bomb = {"Output": f"{{% ({SHARED}; $p = $q) %}}"}
    bombs = [start(box, f"bomb{n}", bomb, QueryLanguage="JSONata") for n in range(3)]
    good = start(box, "good", {"Output": "{% {'twice': $states.input.n * 2} %}"}, '{"n": 4}', QueryLanguage="JSONata")
    for each in bombs:
        found = ended(box, each)
        assert (found["status"], found["error"]) == ("FAILED", "States.QueryEvaluationError")
        assert found["cause"].endswith("Expression evaluation timeout: Check for infinite loop")
    assert ended(box, good)["output"] == '{"twice":8}'
