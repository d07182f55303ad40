"""The commands that show the whole, against a scripted daemon."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import FakeDaemon, Flowd

GROUP = {
    "stateMachineName": "order", "state": "Charge", "error": "Card\x1b[2J", "count": 19, "firstAt": 1.0, "lastAt": 2.0,
    "latestArn": "arn:e", "filter": "status:failed,timed_out machine:order",
}  # fmt: skip
DEPLOY = {"stateMachineName": "order", "version": 8, "at": 1.0, "current": True, "owner": "file", "source": "o.json"}
LINE = {"id": 7, "at": 1.0, "level": "INFO", "logger": "flowd", "text": "up"}
ENTRY = {"id": 1, "at": 1.0, "who": "eva", "verb": "StopExecution", "target": "arn:e"}
MINUTE = {"at": 60.0, "started": 4, "succeeded": 3, "failed": 1}
ANSWERS: dict[str, Any] = {
    "ListDeadLetters": {"groups": [GROUP]},
    "ListDeploys": {"deploys": [DEPLOY]},
    "ReadLog": {"lines": [LINE]},
    "ListAudit": {"entries": [ENTRY]},
    "GetMetrics": {"minutes": [MINUTE], "medianSeconds": 0.5, "p95Seconds": 12},
    "ListViews": {"views": [{"name": "bad", "filter": "status:failed"}]},
}


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("dead", "19     order    Charge  Card?[2J"),
        ("deploys", "order:8  in force  o.json"),
        ("log", "INFO    flowd: up"),
        ("audit", "eva  StopExecution  arn:e"),
        ("metrics", "took 0.5s (median), 12s (95 %)"),
        ("views", "bad   status:failed"),
    ],
)
def test_a_list_is_printed_and_is_harmless(flowd: Flowd, daemon: FakeDaemon, command: str, told: str) -> None:
    daemon.answers = ANSWERS
    found = flowd(command)
    assert found.code == 0 and told in found.out and "\x1b" not in found.out
    assert json.loads(flowd(command, "--json").out.strip())


def test_two_versions_are_compared(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {
        "ListMachines": {"machines": [{"name": "order", "stateMachineArn": "arn:m"}]},
        "DescribeStateMachine": lambda members: {
            "definition": '{"StartAt": "%s"}' % ("B" if members["stateMachineArn"].endswith(":8") else "A")
        },
    }
    lines = flowd("deploys", "--diff", "order:7", "order:8").out.splitlines()
    assert '-  "StartAt": "A"' in lines and '+  "StartAt": "B"' in lines


def test_views_are_saved_forgotten_and_used(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {**ANSWERS, "SaveView": {}, "DeleteView": {}, "ListExecutions": {"executions": []}}
    flowd("views", "--save", "bad", "status:failed")
    flowd("views", "--delete", "bad")
    assert daemon.asked_for("SaveView") == [{"name": "bad", "filter": "status:failed"}]
    assert daemon.asked_for("DeleteView") == [{"name": "bad"}]
    flowd("ls", "--view", "bad", "since:1h")
    assert daemon.asked_for("ListExecutions")[0]["filter"] == "status:failed since:1h"
    assert "there are: bad" in flowd("ls", "--view", "good").err


def test_schedules_are_paused_in_bulk_and_backfilled(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {
        "PauseSchedules": {"names": ["a", "b"]},
        "ResumeSchedules": {"names": []},
        "BackfillSchedule": lambda members: {"name": "a", "times": [1.0, 2.0], "started": ["arn:1"]},
    }
    assert flowd("schedules", "--pause-all").out == "a, b\n"
    assert flowd("schedules", "--resume-all").out == "none\n"
    dry = flowd("schedules", "--backfill", "a", "--since", "2026-01-01", "--until", "2026-01-02T12:00", "--dry-run")
    assert dry.out == "1970-01-01 00:00:01\n1970-01-01 00:00:02\n"
    assert daemon.asked_for("BackfillSchedule")[0] == {
        "name": "a", "since": 1767225600.0, "until": 1767355200.0, "dryRun": True,
    }  # fmt: skip
    assert flowd("schedules", "--backfill", "a", "--since", "2026-01-01").out == "1 of 2 runs started\n"
    assert flowd("schedules", "--backfill", "a").code == 1
    assert flowd("schedules", "--backfill", "a", "--since", "soon").code == 1
