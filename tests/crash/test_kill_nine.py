"""kill -9 of a real daemon, at every moment that matters, and a client that notices nothing but a pause.

Real processes, boto3 over TCP, real seconds: what the tests of the commit points show in one process is shown here
across processes. A history must be the one of an undisturbed run, and no function may run twice without a Retry.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from flowd import names
from tests.crash.real_box import WORK, Box, lines, threads, twice, unbroken

pytestmark = pytest.mark.slow
ITEMS = 200
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h


def work(tag: str = "{}", seconds: float = 0, fails: int = 0, **fields: Any) -> dict[str, Any]:
    """A Task of the function that keeps a book. `tag` is a format string of States.Format over `$.tag`."""
    payload = {"book.$": "$.book", "tag.$": f"States.Format('{tag}', $.tag)", "seconds": seconds, "fails": fails}
    return {"Type": "Task", "Resource": names.function_arn("work"), "Parameters": payload, **fields}


def one(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


def asking(activity: str, **parameters: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": names.activity_arn(activity), "Parameters": parameters, "TimeoutSeconds": 600}


BUSY = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "MaxAttempts": 2, "BackoffRate": 1}]
DEFINITIONS: dict[str, dict[str, Any]] = {
    "wait": {
        "StartAt": "Before",
        "States": {
            "Before": work("{}-before", ResultPath=None, Next="Rest"),
            "Rest": {"Type": "Wait", "Seconds": 2, "Next": "After"},
            "After": work("{}-after", End=True),
        },
    },
    "backoff": one("Flaky", work(fails=1, Retry=BUSY)),
    "task": one("Long", work(seconds=1.5)),
    "parallel": one(
        "Both", {"Type": "Parallel", "Branches": [one(b, work("{}-" + b, 1.2)) for b in ("Left", "Right")]}
    ),
    "map": one(
        "All",
        {
            "Type": "Map",
            "ItemsPath": "$.items",
            "MaxConcurrency": 20,
            "ItemSelector": {"book.$": "$.book", "tag.$": "States.Format('{}-{}', $.tag, $$.Map.Item.Value)"},
            "ItemProcessor": one("Item", work(seconds=0.02)),
        },
    ),
    "prompt": one("Ask", asking("desk", Prompt={"Title": "Ship it?", "Schema": {"type": "object"}})),
    "activity": one("Pull", asking("workers", **{"order.$": "$.tag"})),
    "lost": one(
        "Long",
        work(seconds=1.5, Retry=[{"ErrorEquals": ["Lambda.Unknown"], "IntervalSeconds": 1, "MaxAttempts": 1}]),
    ),
}


@dataclass
class Stage:
    """The daemon of a module, the machines it was given, and what an undisturbed run of each looks like."""

    box: Box
    machines: dict[str, str] = field(default_factory=dict)
    arns: dict[str, str] = field(default_factory=dict)  # of the undisturbed executions
    calm: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # and their histories

    def book(self, tag: str) -> Path:
        return self.box.home / f"book-{tag.split('-')[0]}"

    def begin(self, name: str, tag: str) -> str:
        """Start an execution through boto3."""
        given: dict[str, Any] = {"book": str(self.book(tag)), "tag": tag}
        if name == "map":
            given |= {"items": list(range(ITEMS))}
        answer = self.box.sdk.start_execution(stateMachineArn=self.machines[name], name=tag, input=json.dumps(given))
        return str(answer["executionArn"])

    def wrote(self, tag: str) -> list[str]:
        return lines(self.book(tag))

    def poll(self) -> str | None:
        """The token of the next activity task."""
        found = self.box.sdk.get_activity_task(activityArn=names.activity_arn("workers"), workerName="w")
        return str(found["taskToken"]) if found.get("taskToken") else None

    def answer(self, name: str, arn: str, token: str | None) -> None:
        """What the outside does for an execution to end."""
        if name == "prompt":
            prompt = self.box.until("the question is there", lambda: self.box.prompts(arn))[0]
            self.box.command("answer", prompt["id"], "--output", '{"approved": true}')
        if name == "activity":
            assert token
            self.box.sdk.send_task_success(taskToken=token, output='"done"')


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A daemon with all machines, each run once without disturbance."""
    box = Box(tmp_path_factory.mktemp("nine"))
    try:
        box.start()
        (box.functions / "work.py").write_text(WORK)
        found = Stage(box)
        for name, definition in DEFINITIONS.items():
            box.drop(name, definition)
        found.machines = {name: box.machine(name) for name in DEFINITIONS}
        found.arns = {name: found.begin(name, f"{name}-calm") for name in DEFINITIONS}
        for name, arn in found.arns.items():
            found.answer(name, arn, found.poll() if name == "activity" else None)
        for name, arn in found.arns.items():
            assert box.ended(arn)["status"] == "SUCCEEDED", box.history(arn)
            found.calm[name] = box.history(arn)
        yield found
    finally:
        box.close()


MOMENTS: dict[str, Callable[[Stage, str, str], bool]] = {
    "wait": lambda stage, arn, tag: stage.box.types(arn)[-1] == "WaitStateEntered",
    "backoff": lambda stage, arn, tag: stage.box.types(arn)[-1] == "LambdaFunctionFailed",
    "task": lambda stage, arn, tag: stage.wrote(tag) == [tag],
    "parallel": lambda stage, arn, tag: sorted(stage.wrote(tag)) == [f"{tag}-Left", f"{tag}-Right"],
    "map": lambda stage, arn, tag: len(stage.wrote(tag)) >= ITEMS // 5,
    "prompt": lambda stage, arn, tag: bool(stage.box.prompts(arn)),
    "activity": lambda stage, arn, tag: stage.box.types(arn)[-1] == "ActivityStarted",
}
ONE_LINE = ("wait", "backoff", "task", "prompt", "activity")  # of control: nothing is left to chance


@pytest.mark.parametrize("name", MOMENTS)
def test_a_kill_at_this_moment_changes_nothing(stage: Stage, name: str) -> None:
    box, tag = stage.box, f"{name}-killed"
    stage.book(tag).unlink(missing_ok=True)
    arn = stage.begin(name, tag)
    token = stage.poll() if name == "activity" else None
    asked = box.until("the question", lambda: box.prompts(arn)) if name == "prompt" else []
    box.until("the moment has come", lambda: MOMENTS[name](stage, arn, tag))
    box.kill()
    assert len(stage.wrote(tag)) < ITEMS
    box.start()
    assert not asked or box.prompts(arn)[0]["id"] == asked[0]["id"]
    stage.answer(name, arn, token)
    end = box.ended(arn)
    events = box.history(arn)
    assert end["status"] == "SUCCEEDED", end
    unbroken(events)
    assert threads(events) == threads(stage.calm[name])
    if name in ONE_LINE:
        assert [e["type"] for e in events] == [e["type"] for e in stage.calm[name]]
    runs = sum(1 for event in events if event["type"] == "LambdaFunctionStarted")
    assert len(stage.wrote(tag)) == runs, "a function ran more often than the history says"
    assert name == "backoff" or not twice(stage.wrote(tag))
    if token:
        with pytest.raises(box.sdk.exceptions.TaskTimedOut):
            box.sdk.send_task_success(taskToken=token, output='"again"')


def test_what_was_acknowledged_a_moment_before_the_kill_is_there_after_it(stage: Stage) -> None:
    box = stage.box
    box.drop("late", {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    tags = [f"ack-{number}" for number in range(20)]
    stage.book("ack").unlink(missing_ok=True)
    arns = [stage.begin("wait", tag) for tag in tags]
    box.again()
    assert box.machine("late"), "a file dropped a moment before the kill is loaded after it"
    for arn in arns:
        assert box.ended(arn)["status"] == "SUCCEEDED"
        events = box.history(arn)
        unbroken(events)
        assert [e["type"] for e in events] == [e["type"] for e in stage.calm["wait"]]
    assert sorted(stage.wrote("ack")) == sorted(f"{tag}-{when}" for tag in tags for when in ("before", "after"))


@pytest.mark.parametrize("daemon_too", [False, True], ids=["the runner alone", "runner and daemon"])
def test_a_runner_that_dies_fails_its_attempts_and_retry_decides(stage: Stage, daemon_too: bool) -> None:
    box, tags = stage.box, {name: f"{name}-runner{daemon_too}" for name in ("lost", "task")}
    for tag in tags.values():
        stage.book(tag).unlink(missing_ok=True)
    arns = {name: stage.begin(name, tag) for name, tag in tags.items()}
    for tag in tags.values():
        box.until("the function runs", partial(stage.wrote, tag))
    if daemon_too:
        box.kill()
    box.kill_runner()
    if daemon_too:
        box.start()
    gone = box.ended(arns["task"])
    assert (gone["status"], gone["error"]) == ("FAILED", "Lambda.Unknown")
    assert stage.wrote(tags["task"]) == [tags["task"]]
    assert box.ended(arns["lost"])["status"] == "SUCCEEDED"
    assert stage.wrote(tags["lost"]) == [tags["lost"]] * 2
    attempt = ["LambdaFunctionScheduled", "LambdaFunctionStarted"]
    assert box.types(arns["lost"])[2:-2] == [*attempt, "LambdaFunctionFailed", *attempt, "LambdaFunctionSucceeded"]
    for arn in arns.values():
        unbroken(box.history(arn))


def test_sigterm_answers_long_polls_and_leaves_what_runs_to_the_next_daemon(stage: Stage) -> None:
    box, tag = stage.box, "task-drained"
    stage.book(tag).unlink(missing_ok=True)
    arn = stage.begin("task", tag)
    with ThreadPoolExecutor(1) as threadpool:
        polling = threadpool.submit(stage.poll)
        box.until(
            "the worker polls", lambda: any(queue["pollers"] for queue in json.loads(box.command("queues", "--json")))
        )
        box.until("the function runs", lambda: stage.wrote(tag))
        code, seconds = box.terminate()
        assert (code, seconds < 5) == (0, True), f"exit code {code} after {seconds:.1f} s\n{box.tail()}"
        assert polling.result(5) is None
    box.start()
    assert box.ended(arn)["status"] == "SUCCEEDED"
    assert stage.wrote(tag) == [tag]
    assert box.types(arn) == [event["type"] for event in stage.calm["task"]]


def test_a_second_daemon_on_the_same_data_is_refused(stage: Stage) -> None:
    refused = stage.box.attempt("serve")
    assert refused.returncode == 1
    assert f"a daemon works on {stage.box.data}" in refused.stderr
    assert stage.box.sdk.list_state_machines()["stateMachines"]


def test_a_half_written_database_is_refused_with_its_name_and_a_way_out(stage: Stage, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    stage.box.command("backup", str(copy))
    whole = copy.read_bytes()
    other = Box(tmp_path / "other")
    try:
        other.data.mkdir(mode=0o700)
        for broken in (whole[: len(whole) // 2], b"not a database at all" * 500):
            (other.data / "flowd.db").write_bytes(broken)
            refused = other.attempt("serve")
            assert refused.returncode == 1, (refused.stdout, refused.stderr)
            assert str(other.data / "flowd.db") in refused.stderr
            assert "flowd restore" in refused.stderr
            assert "Traceback" not in refused.stderr
        other.command("restore", str(copy))
        other.start()
        assert other.sdk.describe_execution(executionArn=stage.arns["wait"])["status"] == "SUCCEEDED"
    finally:
        other.close()


def humbly() -> None:
    """In a process that is about to become another program: root, too, minds the modes of files from here on."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH:
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


@pytest.mark.parametrize("target", ["", "flowd.db", "credentials"])
def test_data_that_may_not_be_used_is_refused_with_its_name(tmp_path: Path, target: str) -> None:
    box = Box(tmp_path)
    try:
        box.data.mkdir()
        victim = box.data / target
        if target:
            victim.touch()
        victim.chmod(0)
        refused = box.attempt("serve", preexec_fn=humbly)
        victim.chmod(0o700)
        assert refused.returncode == 1, (refused.stdout, refused.stderr)
        assert str(victim) in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        box.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder of 6 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the space there is."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_a_full_disk_is_refused_work_and_nothing_lost(tmp_path: Path, small_disk: Path) -> None:
    box = Box(tmp_path / "box", data=small_disk)
    try:
        box.start()
        (box.functions / "work.py").write_text(WORK)
        stage = Stage(box)
        for name in ("wait", "task"):
            box.drop(name, DEFINITIONS[name])
        stage.machines = {name: box.machine(name) for name in ("wait", "task")}
        patient, box._sdk = box.sdk, box.client(retries={"max_attempts": 0})
        taken = [stage.begin("wait", "full-first"), stage.begin("task", "full-task")]
        box.until("the function runs", lambda: "full-task" in stage.wrote("full"))
        box.until("the wait has begun", lambda: box.types(taken[0])[-1] == "WaitStateEntered")
        ballast = fill(small_disk)
        with pytest.raises(ClientError) as refused:
            # What fits is taken: the log has some room left in its last pages.
            taken.extend(stage.begin("wait", f"full-{number}") for number in range(1000))
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert box.sdk.describe_execution(executionArn=taken[0])["status"] in ("RUNNING", "SUCCEEDED")
        assert box.process is not None and box.process.poll() is None
        ballast.unlink()
        box._sdk = patient
        taken.append(stage.begin("wait", "full-after"))
        for arn in taken:
            assert box.ended(arn)["status"] == "SUCCEEDED"
        box.again()
        for arn in taken:
            assert box.ended(arn)["status"] == "SUCCEEDED"
            unbroken(box.history(arn))
        assert stage.wrote("full").count("full-task") == 1
        assert not twice(stage.wrote("full"))
    finally:
        box.close()
