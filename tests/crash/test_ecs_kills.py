"""Container tasks when the daemon, or daemon and runner, are killed in the middle. Real processes, boto3 over TCP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.real_box import Box, lines, unbroken

pytestmark = pytest.mark.slow

JOB = "echo began >> $BOOK; while [ ! -e $GATE ]; do sleep 0.02; done; echo printed; exit $CODE"
TASK: dict[str, Any] = {
    "containerDefinitions": [
        {"name": "main", "image": "local/shell", "command": ["/bin/sh", "-c", JOB], "memory": 128, "stopTimeout": 1}
    ]
}


def machine(**fields: Any) -> dict[str, Any]:
    environment = [{"Name": name, "Value.$": f"$.{name.lower()}"} for name in ("BOOK", "GATE", "CODE")]
    overrides = {"ContainerOverrides": [{"Name": "main", "Environment": environment}]}
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::ecs:runTask.sync",
        "Parameters": {"TaskDefinition": "job", "Overrides": overrides},
        "End": True,
    }
    return {"StartAt": "Run", "States": {"Run": {**state, **fields}}}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("ecs"))
    (box.workflows / "job.taskdef.json").write_text(json.dumps(TASK))
    box.drop("run", machine())
    retry = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    box.drop("again", machine(Retry=retry))
    box.start()
    yield box
    box.close()


class Run:
    """One execution, and the files through which the test and its container speak."""

    def __init__(self, box: Box, name: str, folder: Path, code: int = 0) -> None:
        self.box = box
        self.book, self.gate = folder / "book", folder / "gate"
        given = {"book": str(self.book), "gate": str(self.gate), "code": str(code)}
        arn = box.machine(name)
        self.arn = box.sdk.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"]

    def began(self, times: int = 1) -> None:
        self.box.until("the container runs", lambda: len(lines(self.book)) >= times)

    def events(self) -> list[dict[str, Any]]:
        found = self.box.history(self.arn)
        unbroken(found)
        return found


def test_a_task_goes_on_while_the_daemon_is_killed_and_its_end_is_heard(box: Box, tmp_path: Path) -> None:
    run = Run(box, "run", tmp_path)
    run.began()
    box.kill()
    run.gate.touch()
    box.start()
    output = json.loads(box.ended(run.arn)["output"])
    assert (output["LastStatus"], output["StopCode"]) == ("STOPPED", "EssentialContainerExited")
    assert output["Containers"][0]["ExitCode"] == 0
    assert lines(run.book) == ["began"]
    assert "printed" in box.command("logs", run.arn)
    assert [event["type"] for event in run.events()] == [
        *("ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"),
        *("TaskStateExited", "ExecutionSucceeded"),
    ]


def test_an_exit_code_fails_the_task_with_its_description(box: Box, tmp_path: Path) -> None:
    run = Run(box, "run", tmp_path, code=5)
    run.gate.touch()
    ended = box.ended(run.arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(ended["cause"])["Containers"][0]["ExitCode"] == 5


def test_a_stopped_execution_stops_its_container_also_after_a_kill(box: Box, tmp_path: Path) -> None:
    run = Run(box, "run", tmp_path)
    run.began()
    box.again()
    box.sdk.stop_execution(executionArn=run.arn)
    assert box.ended(run.arn)["status"] == "ABORTED"
    box.until("nothing of it runs", lambda: not _processes(str(run.gate)))


def test_a_killed_runner_loses_the_attempt_and_retry_decides(box: Box, tmp_path: Path) -> None:
    run = Run(box, "again", tmp_path)
    run.began()
    box.kill_runner()
    box.again()
    run.began(2)
    run.gate.touch()
    assert json.loads(box.ended(run.arn)["output"])["Containers"][0]["ExitCode"] == 0
    failed = next(event for event in run.events() if event["type"] == "TaskFailed")["taskFailedEventDetails"]
    assert failed["error"] == "States.TaskFailed"
    assert json.loads(failed["cause"])["StopCode"] == "TerminationNotice"
    assert lines(run.book) == ["began", "began"]


def _processes(word: str) -> list[str]:
    """Processes that have the word in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"GATE={word}".encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found
