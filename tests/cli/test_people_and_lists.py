from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FakeDaemon, Flowd, Refusal, nobody_there

PROMPT: dict[str, Any] = {
    "id": "7f3a",
    "kind": "prompt",
    "queue": "approvers",
    "title": "Approve order A-1?",
    "input": "{}",
    "executionArn": "arn:e",
    "executionName": "A-1",
    "stateMachineName": "order",
    "state": "Approve",
    "askedAt": 1_700_000_000.0,
    "dueAt": 1_700_003_600.0,
}


def test_inbox_lists_what_waits(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ListPrompts": {"prompts": [PROMPT]}}
    line = flowd("inbox").out.splitlines()[1]
    assert line.startswith("7f3a  approvers  Approve order A-1?  order:A-1  2023-11-14 22:13:20  2023-11-14 23:13:20")
    assert flowd("inbox", "--json").json == [PROMPT]
    assert daemon.asked_for("ListPrompts")[0] == {"closed": False}


def test_inbox_of_closed_prompts_tells_who_answered_what(flowd: Flowd, daemon: FakeDaemon) -> None:
    answer = {"output": '{"approved":true}', "by": "ada", "at": 1_700_000_010.0}
    daemon.answers = {"ListPrompts": {"prompts": [{**PROMPT, "answer": answer}]}}
    assert flowd("inbox", "--closed").out.splitlines()[1].endswith('{"approved":true}  ada')


def test_answer_names_a_prompt_by_its_short_id(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"AnswerPrompt": {"id": "7f3a", "by": "ada", "at": 1.0, "repeated": False}}
    found = flowd("answer", "7f3a", "--output", '{"approved": true}', "--comment", "fine")
    assert (found.code, found.out) == (0, "answered 7f3a as ada\n")
    sent = {"id": "7f3a", "output": '{"approved": true}', "comment": "fine"}
    assert daemon.asked_for("AnswerPrompt") == [sent]


def test_an_answer_that_does_not_fit_the_schema_is_told_field_by_field(flowd: Flowd, daemon: FakeDaemon) -> None:
    def refuse(_: dict[str, Any]) -> dict[str, Any]:
        errors = [{"path": "/approved", "message": "'yes' is not of type 'boolean'"}]
        raise Refusal("ValidationException", "The answer does not fit", errors=errors)

    daemon.answers = {"AnswerPrompt": refuse}
    found = flowd("answer", "7f3a", "--output", '{"approved": "yes"}')
    assert found.code == 1
    assert found.err == "ValidationException: The answer does not fit\n  /approved: 'yes' is not of type 'boolean'\n"


def test_a_prompt_can_be_failed_by_hand(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"FailPrompt": {"id": "7f3a", "by": "ada", "at": 1.0}}
    assert flowd("answer", "7f3a", "--error", "Refused", "--cause", "too dear").code == 0
    assert daemon.asked_for("FailPrompt") == [{"id": "7f3a", "error": "Refused", "cause": "too dear"}]
    assert flowd("answer", "7f3a").code == 2
    assert flowd("answer", "7f3a", "--error", "E", "--output", "1").code == 2


def test_claim_release_assign_and_comment(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {
        "ClaimPrompt": {"id": "7f3a", "claimedBy": "ada", "claimedUntil": 1_700_000_900.0},
        "ReleasePrompt": {"id": "7f3a"},
        "AssignPrompt": {"id": "7f3a", "assignedTo": "bob"},
        "PostponePrompt": {"id": "7f3a", "laterUntil": 1_700_000_000.0},
        "CommentPrompt": {"id": "7f3a"},
    }
    assert flowd("claim", "7f3a", "--comment", "mine").out.startswith("7f3a is claimed until 2023-11-14 22:28:20")
    assert flowd("claim", "7f3a", "--release").out == "7f3a is free\n"
    assert flowd("claim", "7f3a", "--assign", "bob").out == "7f3a is meant for bob\n"
    assert flowd("claim", "7f3a", "--later", "2023-11-14T22:13:20").out == "7f3a is put off until 2023-11-14 22:13:20\n"
    assert flowd("claim", "7f3a", "--later", "").out == "7f3a is not put off\n"
    assert [*daemon.asked_for("PostponePrompt")[0]] == ["id", "until"]
    assert (
        flowd("claim", "7f3a", "--later", "soon").err
        == "flowd: 'soon' is no date; write 2026-01-31 or 2026-01-31T12:00\n"
    )
    assert "'9999-12-31T23:59-14:00' is no date" in flowd("claim", "7f3a", "--later", "9999-12-31T23:59-14:00").err
    assert daemon.asked_for("CommentPrompt") == [{"id": "7f3a", "text": "mine"}]
    assert daemon.asked_for("AssignPrompt") == [{"id": "7f3a", "to": "bob"}]


def test_the_inbox_tells_who_works_on_it(flowd: Flowd, daemon: FakeDaemon) -> None:
    daemon.answers = {"ListPrompts": {"prompts": [{**PROMPT, "claimedBy": "eva"}, {**PROMPT, "assignees": ["a", "b"]}]}}
    lines = flowd("inbox").out.splitlines()
    assert lines[1].endswith("eva works on it") and lines[2].endswith("a, b")


def test_the_inbox_of_groups_has_what_none_of_them_took(flowd: Flowd, daemon: FakeDaemon) -> None:
    ours = {**PROMPT, "groups": ["ops", "desk"], "yourGroups": ["ops"]}
    taken, theirs = {**ours, "claimedBy": "eva"}, {**PROMPT, "groups": ["desk"]}
    daemon.answers = {"ListPrompts": {"prompts": [taken, ours, theirs, PROMPT]}}
    assert flowd("inbox", "--group", "--json").json == [ours]
    (line,) = flowd("inbox", "--group").out.splitlines()[1:]
    assert line.endswith("@ops, @desk")
    daemon.answers = {"ListPrompts": {"prompts": [theirs]}}
    assert flowd("inbox", "--group").err == "nothing waits for a group of yours\n"
    assert flowd("inbox", "--group", "--closed").code == 2


def test_machines_also_tells_which_files_are_refused(flowd: Flowd, daemon: FakeDaemon) -> None:
    machine: dict[str, Any] = {
        "name": "order", "type": "STANDARD", "version": 3, "states": 9, "counts": {"RUNNING": 2, "FAILED": 0},
        "day": {"succeeded": 8, "failed": 1, "hours": [], "p95Seconds": 65.0},
        "aliases": [{"name": "live", "routing": [{"version": 3, "weight": 90}, {"version": 2, "weight": 10}]}],
        "schedules": [{"name": "n", "expression": "rate(1 day)", "state": "DISABLED"}],
    }  # fmt: skip
    rejected = {
        "path": "bad.asl.json",
        "kind": "machine",
        "status": "rejected",
        "diagnostics": [{"severity": "ERROR", "code": "X", "message": "wrong", "line": 3, "column": 4}],
    }
    daemon.answers = {
        "ListMachines": {"machines": [{**machine, "owner": "file", "source": "order.asl.json", "updatedAt": 1.0}]},
        "ListFiles": {"files": [rejected, {"path": "order.asl.json", "kind": "machine", "status": "loaded"}]},
    }
    found = flowd("machines")
    assert "2 running   8 ok, 1 failed  1m 5s  live 3:90 2:10  rate(1 day) (paused)" in found.out
    assert found.err == "bad.asl.json:3:4: ERROR X wrong\n"


def test_schedules_are_listed_paused_and_run(flowd: Flowd, daemon: FakeDaemon) -> None:
    item = {"name": "nightly", "stateMachineName": "report", "expression": "cron(0 2 * * ? *)", "timezone": "UTC"}
    daemon.answers = {
        "ListSchedules": {"schedules": [{**item, "state": "ENABLED", "next": [1_700_000_000.0]}]},
        "PauseSchedule": {"name": "nightly", "state": "DISABLED"},
        "RunSchedule": {"name": "nightly", "state": "DISABLED", "executionArn": "arn:e"},
    }
    assert "cron(0 2 * * ? *)  UTC   ENABLED  2023-11-14 22:13:20" in flowd("schedules").out
    assert flowd("schedules", "--pause", "nightly").out == "nightly: DISABLED\n"
    assert flowd("schedules", "--run", "nightly").out == "arn:e\n"


def test_queues_are_listed_by_what_people_call_them(flowd: Flowd, daemon: FakeDaemon) -> None:
    queue = {"name": "approvers", "depth": 2, "oldestAt": 1_700_000_000.0, "pollers": 0, "openPrompts": 1}
    lists = [
        {**queue, "name": f"swf/{tasks}/flowd/desk", "taskList": "desk", "domain": "flowd", "tasks": tasks}
        for tasks in ("decision", "activity")
    ]
    daemon.answers = {"ListQueues": {"queues": [*lists, queue]}}
    rows = [line.split("  ", 1) for line in flowd("queues").out.splitlines()[1:]]
    assert [name for name, _ in rows] == ["approvers", "desk", "desk"]
    assert [" ".join(rest.split()) for _, rest in rows] == [
        "activity 2 2023-11-14 22:13:20 0 1",
        "SWF flowd, activities 2 2023-11-14 22:13:20 0 1",
        "SWF flowd, decisions 2 2023-11-14 22:13:20 0 1",
    ]


HEALTH = {"version": "0.1.0", "pid": 42, "now": 1.0, "writable": True, "problems": [], "runner": {"status": "up"}}


def test_env_prints_what_an_sdk_needs_and_makes_no_key(flowd: Flowd, daemon: FakeDaemon, home: Path) -> None:
    daemon.answers = {"Health": {**HEALTH, "listeners": ["unix:/x", "http://127.0.0.1:4711"]}}
    missing = flowd("env")
    assert missing.code == 1
    assert "the daemon makes it" in missing.err
    assert not (home / "data").exists()
    (home / "data").mkdir()
    key = home / "data" / "credentials"
    key.write_text("[default]\naws_access_key_id = AKIA1\naws_secret_access_key = se cret\n")
    key.chmod(0o600)
    lines = flowd("env").out.splitlines()
    assert "export AWS_ENDPOINT_URL_SFN=http://127.0.0.1:4711" in lines
    assert "export AWS_ENDPOINT_URL_SWF=http://127.0.0.1:4711" in lines
    assert "export AWS_ACCESS_KEY_ID=AKIA1" in lines
    assert "export AWS_DISABLE_HOST_PREFIX_INJECTION=true" in lines
    assert flowd("env", "--json").json["AWS_REGION"] == "us-east-1"


def test_env_prints_the_key_of_the_running_daemon_unless_a_data_folder_is_named(
    flowd: Flowd, daemon: FakeDaemon, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, key in (("theirs", "AKIATHEIRS"), ("data", "AKIANAMED")):
        (home / folder).mkdir()
        file = home / folder / "credentials"
        file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")
        file.chmod(0o600)
    daemon.answers = {"Health": {**HEALTH, "listeners": ["http://127.0.0.1:1"], "dataDirectory": str(home / "theirs")}}
    assert flowd("env", "--json").json["AWS_ACCESS_KEY_ID"] == "AKIANAMED"
    monkeypatch.delenv("FLOWD_DATA")
    assert flowd("env", "--json").json["AWS_ACCESS_KEY_ID"] == "AKIATHEIRS"
    assert flowd("env", "--json", "--data", str(home / "data")).json["AWS_ACCESS_KEY_ID"] == "AKIANAMED"


def test_doctor_names_every_thing_that_is_wrong_and_the_way_out(flowd: Flowd, daemon: FakeDaemon, home: Path) -> None:
    (home / "data").mkdir(mode=0o755)
    (home / "data" / "credentials").touch(mode=0o644)
    daemon.answers = {"Health": {**HEALTH, "writable": False, "runner": {"status": "down", "detail": "gone"}}}
    found = flowd("doctor")
    assert found.code == 1
    assert f"chmod 700 {home / 'data'}" in found.out
    assert f"chmod 600 {home / 'data' / 'credentials'}" in found.out
    assert "the daemon cannot write" in found.out
    assert "the runner is down: gone" in found.out
    by_subject = {item["subject"]: item["status"] for item in flowd("doctor", "--json").json}
    assert by_subject["data folder"] == "failure"
    assert by_subject["clock"] == "warning"  # the fake daemon lives in 1970
    told = "1 file is rejected: `flowd check` on the workflows folder tells why"
    daemon.answers = {"Health": {**HEALTH, "rejectedFiles": 1, "problems": [told], "runner": {"status": "down"}}}
    lines = flowd("doctor").out.splitlines()
    assert [" ".join(line.split()) for line in lines if "file" in line or "runner" in line] == [
        "ok settings no settings file: the defaults hold",
        f"failure daemon {told}",
        "failure runner the runner is down",
        "-> functions wait for it: `systemctl status flowd-runner`",
    ]


def test_doctor_names_a_file_system_that_takes_no_writes_though_it_is_mounted_for_them(
    flowd: Flowd, daemon: FakeDaemon, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "data").mkdir(mode=0o700)
    opened = os.open

    def emergency(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if path == home / "data":
            raise OSError(errno.EROFS, "Read-only file system")
        return opened(path, flags, *more, **named)

    assert f"{home / 'data'}, for its owner only" in flowd("doctor").out
    monkeypatch.setattr(os, "open", emergency)
    found = flowd("doctor")
    assert found.code == 1
    assert (
        f"{home / 'data'} is on a file system that is read-only" in found.out and "mount it, start again" in found.out
    )
    assert list((home / "data").iterdir()) == []


def test_doctor_looks_at_the_data_folder_of_the_daemon_that_answers_unless_one_is_given(
    flowd: Flowd, daemon: FakeDaemon, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = home / "theirs"
    daemon.answers = {"Health": {**HEALTH, "dataDirectory": str(theirs)}}
    assert f"{home / 'data'} does not exist" in flowd("doctor").out  # FLOWD_DATA
    monkeypatch.delenv("FLOWD_DATA")
    assert f"{theirs} does not exist" in flowd("doctor").out
    assert f"{home / 'mine'} does not exist" in flowd("doctor", "--data", str(home / "mine")).out


@nobody_there
def test_doctor_explains_the_sync_host_name(flowd: Flowd, home: Path) -> None:
    assert "inject_host_prefix=False" in flowd("doctor", "--socket", str(home / "none")).out
