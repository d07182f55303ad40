"""The command compare: what `d` shows in the console, printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import FakeDaemon, Flowd

ORDER = "arn:aws:states:us-east-1:000000000000:execution:order:"
DEFINITION = json.dumps(
    {
        "StartAt": "Look",
        "States": {
            "Look": {"Type": "Pass", "Next": "Charge"},
            "Charge": {"Type": "Task", "Resource": "x", "End": True},
        },
    }
)


def item(name: str, status: str, **members: Any) -> dict[str, Any]:
    return {
        "executionArn": ORDER + name, "name": name, "stateMachineName": "order", "status": status, "startDate": 1.0,
        "definition": DEFINITION, "trigger": "api", **members,
    }  # fmt: skip


def events(amount: int, error: str = "") -> list[dict[str, Any]]:
    given = json.dumps({"amount": amount})
    end: dict[str, Any] = {"type": "TaskStateExited", "stateExitedEventDetails": {"name": "Charge", "output": given}}
    if error:
        end = {"type": "TaskFailed", "taskFailedEventDetails": {"error": error, "cause": "no"}}
    found: list[dict[str, Any]] = [
        {"type": "ExecutionStarted", "executionStartedEventDetails": {"input": "{}"}},
        {"type": "PassStateEntered", "stateEnteredEventDetails": {"name": "Look", "input": "{}"}},
        {"type": "PassStateExited", "stateExitedEventDetails": {"name": "Look", "output": "{}"}},
        {"type": "TaskStateEntered", "stateEnteredEventDetails": {"name": "Charge", "input": given}},
        {"type": "TaskScheduled", "taskScheduledEventDetails": {}},
        end,
        {"type": "ExecutionFailed" if error else "ExecutionSucceeded"},
    ]
    return [{**event, "id": i, "timestamp": 1.0 + i, "frame": "0"} for i, event in enumerate(found, 1)]


@pytest.fixture
def two(daemon: FakeDaemon) -> FakeDaemon:
    items = {ORDER + "A": item("A", "FAILED"), ORDER + "B": item("B", "SUCCEEDED")}
    pages = {ORDER + "A": events(7, "Card.Busy"), ORDER + "B": events(5)}
    daemon.answers = {
        "GetExecution": lambda asked: items[asked["executionArn"]],
        "GetHistory": lambda asked: {"events": pages[asked["executionArn"]], "more": False, "last": 7},
        "ListExecutions": {"executions": [items[ORDER + "B"]]},
    }
    return daemon


def test_two_executions_are_told_state_by_state_from_where_they_part(flowd: Flowd, two: FakeDaemon) -> None:
    found = flowd("compare", ORDER + "A", ORDER + "B")
    assert found.code == 0
    assert found.out.startswith("- order:A FAILED\n+ order:B SUCCEEDED\nthey part at Charge\n\n")
    assert "  input.amount\n    - 7\n    + 5\n" in found.out
    assert "Card.Busy 3s" in found.out and "Look" not in found.out
    assert "Look" in flowd("compare", ORDER + "A", ORDER + "B", "--all").out


def test_scripts_get_the_differences_of_every_state(flowd: Flowd, two: FakeDaemon) -> None:
    found = flowd("compare", ORDER + "A", ORDER + "B", "--json").json
    assert (found["left"]["status"], found["right"]["name"]) == ("FAILED", "B")
    (state,) = found["states"]
    assert (state["path"], state["kind"], state["left"]["error"]) == (["Charge"], "differs", "Card.Busy")
    assert {"path": "input.amount", "sign": "~", "before": 7, "after": 5} in state["changes"]


def test_without_another_it_is_the_last_that_succeeded(flowd: Flowd, two: FakeDaemon) -> None:
    assert "+ order:B SUCCEEDED" in flowd("compare", ORDER + "A").out
    assert two.asked_for("ListExecutions") == [{"filter": "machine:order status:succeeded", "limit": 2}]
    alone = flowd("compare", ORDER + "B")
    assert alone.code == 1 and "no other execution of order has succeeded" in alone.err


def test_without_another_a_fork_is_compared_with_its_origin(flowd: Flowd, two: FakeDaemon) -> None:
    fork = item("A", "FAILED", trigger=f"fork:{ORDER}B")
    origin = item("B", "SUCCEEDED")
    two.answers["GetExecution"] = lambda asked: fork if asked["executionArn"] == ORDER + "A" else origin
    assert "+ order:B SUCCEEDED" in flowd("compare", ORDER + "A").out
    assert two.asked_for("ListExecutions") == []


def test_the_same_twice_says_so(flowd: Flowd, two: FakeDaemon) -> None:
    found = flowd("compare", ORDER + "B", ORDER + "B")
    assert found.code == 0 and "no state came to anything else" in found.err


def test_a_state_that_succeeded_at_last_is_told_as_that(flowd: Flowd, two: FakeDaemon) -> None:
    pages = {ORDER + "A": events(5), ORDER + "B": events(5)}
    failed = {"type": "TaskFailed", "taskFailedEventDetails": {"error": "Card.Busy"}}
    again = {"type": "TaskScheduled", "taskScheduledEventDetails": {}}
    story = [*pages[ORDER + "A"][:5], failed, again, *pages[ORDER + "A"][5:]]
    pages[ORDER + "A"] = [{**event, "id": i, "timestamp": 1.0 + i, "frame": "0"} for i, event in enumerate(story, 1)]
    two.answers["GetHistory"] = lambda asked: {"events": pages[asked["executionArn"]], "more": False, "last": 9}
    out = flowd("compare", ORDER + "A", ORDER + "B").out
    assert "Charge  SUCCEEDED x2 4s" in out and "Card.Busy" not in out.rpartition("LEFT")[2]
