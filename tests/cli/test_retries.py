"""The commands fork, retry-now, heartbeat, and `redrive --dry-run`."""

from __future__ import annotations

import json

from tests.cli.conftest import FakeDaemon, Flowd, Refusal

ARN = "arn:aws:states:us-east-1:000000000000:execution:order:A-1"
PLAN = {"state": "Charge", "willRun": ["Charge", "Ship"], "input": '{"a": 1}', "variables": '{"n": 2}'}


def test_fork_sends_what_was_given_and_prints_the_new_execution(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ForkExecution": {"executionArn": ARN + "2", "startDate": 1.0, **PLAN}}
    found = flowd("fork", ARN, "--state", "Charge", "--input", '{"a": 1}', "--reason", "card is fine now")
    assert (found.code, found.out) == (0, f"{ARN}2\n")
    assert daemon.asked_for("ForkExecution") == [
        {"executionArn": ARN, "state": "Charge", "input": '{"a": 1}', "reason": "card is fine now"}
    ]


def test_fork_says_beforehand_what_would_run(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ForkExecution": PLAN}
    found = flowd("fork", ARN, "--state", "Charge", "--dry-run")
    assert found.out == 'begins at Charge and may run Charge, Ship\ninput {"a": 1}\nvariables {"n": 2}\n'
    assert daemon.asked_for("ForkExecution")[0]["dryRun"] is True
    assert json.loads(flowd("fork", ARN, "--dry-run", "--json").out) == PLAN


def test_fork_refuses_input_that_is_no_json_before_it_asks(flowd: Flowd, daemon: FakeDaemon) -> None:
    found = flowd("fork", ARN, "--input", "{")
    assert found.code == 1 and "is no JSON" in found.err and daemon.asked == []


def test_retry_now_counts_what_is_tried_again(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"RetryNow": {"retried": 2}}
    assert flowd("retry-now", ARN).out == "back-offs that are over now: 2\n"


def test_retry_now_tells_that_nothing_waits(flowd: Flowd, daemon: FakeDaemon) -> None:
    def refuse(_: object) -> None:
        raise Refusal("ValidationException", "it waits for no retry now")

    daemon.answers = {"RetryNow": refuse}
    found = flowd("retry-now", ARN)
    assert found.code == 1 and "waits for no retry" in found.err


def test_heartbeat_names_the_task(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"HeartbeatPrompt": {}}
    assert flowd("heartbeat", "19c2").out.startswith("19c2 is being worked on")
    assert daemon.asked_for("HeartbeatPrompt") == [{"id": "19c2"}]


def test_redrive_is_previewed(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"PreviewRedrive": {"willRun": [{"frame": "0", "state": "Charge", "error": "Card.Busy"}]}}
    found = flowd("redrive", ARN, "--dry-run")
    assert found.code == 0 and "Charge" in found.out and "Card.Busy" in found.out
    daemon.answers = {"PreviewRedrive": {"willRun": [], "reason": "Execution is RUNNING and cannot be redriven"}}
    refused = flowd("redrive", ARN, "--dry-run")
    assert refused.code == 1 and "is RUNNING" in refused.err
