"""`flowd batch` against a scripted daemon."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import FakeDaemon, Flowd

BATCH = {
    "id": 3, "verb": "redrive", "filter": "status:failed", "reason": "bank", "by": "eva", "status": "RUNNING",
    "total": 60, "done": 10, "failed": 0, "startedAt": 1.0,
}  # fmt: skip


def test_a_batch_is_begun_with_its_filter_and_reason(daemon: FakeDaemon, flowd: Flowd) -> None:
    daemon.answers["StartBatch"] = BATCH
    done = flowd("batch", "redrive", "status:failed", "since:24h", "--reason", "bank")
    assert (done.code, done.out) == (0, "batch 3 is under way: flowd batch show 3\n")
    assert daemon.asked_for("StartBatch") == [
        {"verb": "redrive", "filter": "status:failed since:24h", "reason": "bank"}
    ]


def test_a_dry_run_only_counts(daemon: FakeDaemon, flowd: Flowd) -> None:
    daemon.answers["StartBatch"] = {"counts": {"FAILED": 60}, "matches": 60, "applies": 58}
    assert flowd("batch", "redrive", "--all", "--dry-run").out == "58 of 60 that match\n"
    assert daemon.asked_for("StartBatch")[0]["dryRun"]


def test_everything_must_be_asked_for_by_name(daemon: FakeDaemon, flowd: Flowd) -> None:
    refused = flowd("batch", "stop", "--reason", "x")
    assert refused.code == 1 and "--all" in refused.err
    assert daemon.asked == []


def test_it_is_followed_to_its_end_and_failures_make_the_exit_code(daemon: FakeDaemon, flowd: Flowd) -> None:
    seen: list[int] = []

    def state(members: dict[str, Any]) -> dict[str, Any]:
        seen.append(1)
        if len(seen) < 3:
            return BATCH
        errors = [{"error": "ExecutionNotRedrivable: \x1b[31m", "count": 2}]
        return {**BATCH, "status": "DONE", "done": 58, "failed": 2, "errors": errors}

    daemon.answers |= {"GetBatch": state, "Health": {"cursor": 1}, "Watch": {"cursor": 2}}
    done = flowd("batch", "show", "3", "--wait")
    assert done.code == 1
    assert done.out == "batch 3: redrive DONE, 58 of 60, 2 failed\n        2  ExecutionNotRedrivable: ?[31m\n"
    assert "10 of 60" in done.err


def test_batches_are_listed_and_cancelled(daemon: FakeDaemon, flowd: Flowd) -> None:
    daemon.answers |= {"ListBatches": {"batches": [BATCH]}, "CancelBatch": BATCH, "GetBatch": BATCH}
    assert "10 of 60" in flowd("batch").out
    assert flowd("batch", "--json").json == [BATCH]
    assert flowd("batch", "cancel", "3").code == 0
    assert daemon.asked_for("CancelBatch") == [{"id": 3}]


@pytest.mark.parametrize("arguments", [("show",), ("show", "three"), ("cancel", "1", "2")])
def test_a_batch_is_named_by_its_number(daemon: FakeDaemon, flowd: Flowd, arguments: tuple[str, ...]) -> None:
    assert flowd("batch", *arguments).code == 1
