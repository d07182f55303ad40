from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.__main__ import main
from flowd.cli.output import cause_text
from tests.cli.conftest import FakeDaemon, Flowd, Refusal, nobody_there

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:order"
ARN = "arn:aws:states:us-east-1:000000000000:execution:order:A-1"
EXECUTION: dict[str, Any] = {
    "id": 7,
    "executionArn": ARN,
    "name": "A-1",
    "stateMachineName": "order",
    "stateMachineArn": MACHINE,
    "type": "STANDARD",
    "status": "RUNNING",
    "startDate": 1_700_000_000.25,
    "redriveCount": 0,
    "trigger": "api",
    "state": "Approve",
    "waiting": "prompt",
}
MACHINES = {"machines": [{"name": "order", "stateMachineArn": MACHINE}, {"name": "video", "stateMachineArn": "arn:v"}]}


def closed(status: str, **members: Any) -> dict[str, Any]:
    return {**EXECUTION, "status": status, "stopDate": 1_700_000_003.0, "input": "{}", **members}


def test_start_takes_a_name_and_prints_the_execution(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ListMachines": MACHINES, "StartExecution": {"executionArn": ARN, "startDate": 1.0}}
    found = flowd("start", "order", "--input", '{"a": 1}', "--name", "A-1")
    assert (found.code, found.out) == (0, f"{ARN}\n")
    assert daemon.asked_for("StartExecution") == [{"stateMachineArn": MACHINE, "input": '{"a": 1}', "name": "A-1"}]


def test_start_of_a_version_keeps_its_number(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ListMachines": MACHINES, "StartExecution": {"executionArn": ARN, "startDate": 1.0}}
    flowd("start", "order:7")
    assert daemon.asked_for("StartExecution")[0]["stateMachineArn"] == f"{MACHINE}:7"


def test_start_of_an_unknown_machine_names_those_there_are(flowd: Flowd, daemon: FakeDaemon) -> None:
    workflows = [{"current": True, "names": ["saga"]}, {"current": False, "names": ["old"]}]
    daemon.answers = {"ListMachines": MACHINES, "ListWorkflows": {"workflows": workflows}}
    found = flowd("start", "ordr")
    assert found.code == 1
    assert "there is no machine or workflow 'ordr'; there are order, saga, video. A file dropped just now" in found.err


def test_start_reads_the_input_from_a_file(flowd: Flowd, daemon: FakeDaemon, tmp_path: Any) -> None:
    daemon.answers = {"ListMachines": MACHINES, "StartExecution": {"executionArn": ARN, "startDate": 1.0}}
    (tmp_path / "in.json").write_text('{ "kept" :  1.0 }')
    assert flowd("start", "order", "--input", f"@{tmp_path}/in.json").code == 0
    assert daemon.asked_for("StartExecution")[0]["input"] == '{ "kept" :  1.0 }'


@pytest.mark.parametrize("given", ["{", "yes", "@/no/such/file"])
def test_an_input_that_is_no_json_is_refused_before_the_daemon_is_asked(
    flowd: Flowd, daemon: FakeDaemon, given: str
) -> None:
    assert flowd("start", "order", "--input", given).code == 1
    assert daemon.asked == []


def test_start_and_wait_asks_again_only_after_news_and_prints_the_output(flowd: Flowd, daemon: FakeDaemon) -> None:
    states = [EXECUTION, EXECUTION, closed("SUCCEEDED", output='{"done": true}')]
    daemon.answers = {
        "ListMachines": MACHINES,
        "StartExecution": {"executionArn": ARN, "startDate": 1.0},
        "Health": {"cursor": 10},
        "GetExecution": lambda _: states.pop(0),
        "Watch": lambda members: {"cursor": members["cursor"] + 1, "resync": False, "changes": []},
    }
    found = flowd("start", "order", "--wait")
    assert (found.code, found.out) == (0, '{"done": true}\n')
    assert ARN in found.err
    assert [asked["cursor"] for asked in daemon.asked_for("Watch")] == [10, 11]


def test_of_a_workflow_file_s_failure_the_traceback_is_shown() -> None:
    cause = {"message": "no", "traceback": "Traceback (most recent call last):\n  ...\nValueError: no\n"}
    assert cause_text(json.dumps(cause)) == cause["traceback"].rstrip()
    for kept in ('{"message": "no", "traceback": ""}', "{no json", "because", '{"errorMessage": "no"}'):
        assert cause_text(kept) == kept


def test_start_and_wait_tells_error_and_cause_of_a_failure(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {
        "ListMachines": MACHINES,
        "StartExecution": {"executionArn": ARN, "startDate": 1.0},
        "Health": {"cursor": 1},
        "GetExecution": closed("FAILED", error="CardDeclined", cause="no money"),
    }
    found = flowd("start", "order", "--wait")
    assert found.code == 1
    assert found.out == ""
    assert found.err.endswith("FAILED: CardDeclined\nno money\n")


def test_ls_shows_one_line_per_execution_and_hands_the_filter_on(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ListExecutions": {"executions": [EXECUTION]}}
    found = flowd("ls", "status:running", "machine:order*")
    head, line = found.out.splitlines()
    assert head.split() == ["NAME", "MACHINE", "STATUS", "WHERE", "STARTED", "TOOK"]
    assert line.startswith("A-1   order    RUNNING  Approve (prompt)  2023-11-14 22:13:20")
    assert daemon.asked_for("ListExecutions") == [{"filter": "status:running machine:order*", "limit": 50}]


def test_ls_follows_pages_up_to_its_limit(flowd: Flowd, daemon: FakeDaemon) -> None:
    def page(members: dict[str, Any]) -> dict[str, Any]:
        last = members.get("before", 2000)
        ids = range(last - 1, last - 1 - members["limit"], -1)
        return {"executions": [{**EXECUTION, "id": number} for number in ids], "next": ids[-1]}

    daemon.answers = {"ListExecutions": page}
    found = flowd("ls", "--limit", "700", "--json")
    assert [item["id"] for item in found.json] == list(range(1999, 1299, -1))
    assert [asked["limit"] for asked in daemon.asked_for("ListExecutions")] == [500, 200]


def test_an_empty_list_says_so_beside_the_output(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ListExecutions": {"executions": []}}
    assert (flowd("ls").out, flowd("ls").err) == ("", "no executions\n")
    assert flowd("ls", "--json").json == []


def test_show_tells_where_it_stands_and_what_is_open(flowd: Flowd, daemon: FakeDaemon) -> None:
    task = {"frame": "0", "attempt": 1, "state": "Approve", "resource": "r", "status": "STARTED", "promptId": "7f3a"}
    detail = {**EXECUTION, "input": '{"a": 1}', "openTasks": [{**task, "scheduledAt": 1_700_000_000.0}], "timers": []}
    daemon.answers = {"ListExecutions": {"executions": [EXECUTION]}, "GetExecution": detail}
    out = flowd("show", "A-1").out
    assert f"execution  {ARN}" in out
    assert "where      Approve (prompt)" in out
    assert '\ninput\n{"a": 1}\n' in out
    assert "7f3a" in out
    assert daemon.asked_for("ListExecutions") == [{"filter": "name:A-1", "limit": 6}]


def test_an_execution_may_be_named_by_the_beginning_of_its_name(flowd: Flowd, daemon: FakeDaemon) -> None:
    def found(members: dict[str, Any]) -> dict[str, Any]:
        return {"executions": [EXECUTION] if members["filter"] == "machine:order name:A*" else []}

    daemon.answers = {"ListExecutions": found, "StopExecution": {"stopDate": 1.0}}
    assert flowd("stop", "order:A", "--error", "Enough").code == 0
    assert daemon.asked_for("StopExecution") == [{"executionArn": ARN, "error": "Enough"}]


def test_a_name_that_fits_several_executions_lists_them(flowd: Flowd, daemon: FakeDaemon) -> None:
    other = {**EXECUTION, "stateMachineName": "video"}
    daemon.answers = {"ListExecutions": {"executions": [EXECUTION, other]}}
    found = flowd("show", "A-1")
    assert found.code == 1
    assert "order:A-1, video:A-1" in found.err


def test_history_follows_pages_and_names_what_happened(flowd: Flowd, daemon: FakeDaemon) -> None:
    entered = {"id": 2, "timestamp": 1_700_000_000.5, "type": "TaskStateEntered", "previousEventId": 0}
    entered["stateEnteredEventDetails"] = {"name": "Charge", "input": "{}"}
    failed = {"id": 3, "timestamp": 1_700_000_001.0, "type": "TaskFailed", "previousEventId": 2}
    failed["taskFailedEventDetails"] = {
        "resource": "invoke",
        "resourceType": "lambda",
        "error": "E",
        "cause": "\x1b[2J",
    }
    pages = {0: {"events": [entered], "last": 2, "more": True}, 2: {"events": [failed], "last": 3, "more": False}}
    daemon.answers = {"GetHistory": lambda members: pages[members["after"]]}
    lines = flowd("history", ARN).out.splitlines()
    assert lines[1].split() == ["2", "2023-11-14", "22:13:20.500", "TaskStateEntered", "Charge", "{}"]
    assert lines[2].endswith("invoke E ?[2J")  # foreign text cannot drive the terminal
    assert [event["id"] for event in flowd("history", ARN, "--json").json] == [2, 3]


def test_logs_prints_what_functions_wrote(flowd: Flowd, daemon: FakeDaemon) -> None:
    output = {"frame": "0", "attempt": 2, "state": "Charge", "at": 1_700_000_000.0, "text": "one\ntwo\n"}
    daemon.answers = {"GetTaskOutput": {"outputs": [{**output, "truncated": True}]}}
    out = flowd("logs", ARN).out
    assert out == "--- Charge, attempt 2, 2023-11-14 22:13:20\none\ntwo\n--- (the rest was not kept)\n"


def test_redrive_reports_what_the_daemon_refuses(flowd: Flowd, daemon: FakeDaemon) -> None:
    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        raise Refusal("ExecutionNotRedrivable", "Execution is SUCCEEDED and cannot be redriven")

    daemon.answers = {"RedriveExecution": refuse}
    found = flowd("redrive", ARN)
    assert (found.code, found.out) == (1, "")
    assert found.err == "flowd: ExecutionNotRedrivable: Execution is SUCCEEDED and cannot be redriven\n"


@nobody_there
def test_without_a_daemon_every_command_says_how_to_start_one(flowd: Flowd, home: Any) -> None:
    found = flowd("ls", "--socket", str(home / "none"))
    assert found.code == 1
    assert "no daemon answers on" in found.err
    assert "flowd serve" in found.err


def test_wrong_use_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 2
    assert main(["ls", "--nonsense"]) == 2
    assert main([]) == 2
    assert main(["ls", "--help"]) == 0
    assert "usage" in capsys.readouterr().out


def test_start_of_a_workflow_as_code_asks_for_the_workflow(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {
        "ListMachines": MACHINES,
        "ListWorkflows": {"workflows": [{"current": True, "names": ["saga"]}, {"current": False, "names": ["old"]}]},
        "StartWorkflow": {"executionArn": "arn:w"},
    }
    assert (flowd("start", "saga", "--name", "S-1").out, flowd("start", "old").code) == ("arn:w\n", 1)
    assert daemon.asked_for("StartWorkflow") == [{"name": "saga", "input": "{}", "workflowId": "S-1"}]
