"""signal, cancel, terminate; and show and history of an SWF execution."""

from __future__ import annotations

import pytest

from tests.cli.conftest import FakeDaemon, Flowd, Refusal

ARN = "arn:aws:swf:us-east-1:000000000000:execution:shop:order-1:22abc="
NAMED = {"domain": "shop", "workflowId": "order-1", "runId": "22abc="}
LISTED = {"executions": [{"executionArn": ARN, "name": "order-1", "stateMachineName": "Order"}]}


def test_a_signal_goes_to_the_execution_that_was_named(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ListExecutions": LISTED, "SignalWorkflowExecution": {}}
    found = flowd("signal", "order-1", "paid", "--input", "not JSON")
    assert (found.code, found.out) == (0, "signaled order-1\n")
    assert daemon.asked[-1][0] == "SimpleWorkflowService.SignalWorkflowExecution"
    assert daemon.asked_for("SignalWorkflowExecution") == [{**NAMED, "signalName": "paid", "input": "not JSON"}]


def test_cancel_asks_and_terminate_ends(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"RequestCancelWorkflowExecution": {}, "TerminateWorkflowExecution": {}}
    assert flowd("cancel", ARN).code == 0
    assert daemon.asked_for("RequestCancelWorkflowExecution") == [NAMED]
    assert flowd("terminate", ARN, "--reason", "broken", "--child-policy", "ABANDON").code == 0
    asked = daemon.asked_for("TerminateWorkflowExecution")
    assert asked == [{**NAMED, "reason": "broken", "childPolicy": "ABANDON"}]


@pytest.mark.parametrize("command", ["signal", "cancel", "terminate"])
def test_an_execution_of_a_state_machine_is_refused_with_the_way_out(
    flowd: Flowd, daemon: FakeDaemon, command: str
) -> None:
    arn = "arn:aws:states:us-east-1:000000000000:execution:m:e"
    found = flowd(command, arn, *(["s"] if command == "signal" else []))
    assert found.code == 1
    assert "`flowd stop` ends it" in found.err


def test_what_is_closed_is_told_by_the_daemon(flowd: Flowd, daemon: FakeDaemon) -> None:
    def closed(members: object) -> None:
        raise Refusal("UnknownResourceFault", "Unknown execution, workflowId = order-1")

    daemon.answers = {"SignalWorkflowExecution": closed}
    found = flowd("signal", ARN, "paid")
    assert (found.code, "UnknownResourceFault: Unknown execution" in found.err) == (1, True)


def test_show_tells_what_only_swf_has(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {
        "GetExecution": {
            "executionArn": ARN,
            "name": "order-1",
            "stateMachineName": "Order",
            "status": "RUNNING",
            "type": "SWF",
            "timers": [{"frame": "timer/t", "state": "t", "purpose": "timer", "dueAt": 1_700_000_000.0}],
            "swf": {
                "domain": "shop",
                "execution": {"workflowId": "order-1", "runId": "22abc="},
                "workflowType": {"name": "Order", "version": "1.0"},
                "openCounts": {"openActivityTasks": 2, "openDecisionTasks": 0, "openTimers": 1},
            },
        }
    }
    out = flowd("show", ARN).out
    assert "domain     shop" in out
    assert "workflow   Order 1.0" in out
    assert "open       2 activities, 1 timers" in out


def test_history_shows_swfs_attributes(flowd: Flowd, daemon: FakeDaemon) -> None:
    event = {
        "id": 5,
        "timestamp": 1_700_000_000.0,
        "type": "ActivityTaskScheduled",
        "activityTaskScheduledEventAttributes": {"activityId": "charge", "input": "7"},
    }
    daemon.answers = {"GetHistory": {"events": [event], "last": 5, "more": False}}
    assert "ActivityTaskScheduled  charge 7" in flowd("history", ARN).out
