"""Every example as a user runs it: a daemon of its own process, its runner, boto3 over TCP, and real workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowd.cli.story import Stage
from tests.workflows.code import WORKFLOWS

pytestmark = pytest.mark.slow
ARN = "arn:aws:states:us-east-1:000000000000:stateMachine:"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("live"), WORKFLOWS)
    made.start()
    yield made
    code = made.stop()
    log = made.log.read_text()
    assert code == 0, log
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def sdk(stage: Stage) -> Any:
    return stage.sdk()


def _start(stage: Stage, sdk: Any, folder: str, machine: str, **more: Any) -> str:
    machines = stage.until(f"{machine} is loaded", lambda: machine in stage.command("machines"))
    assert machines
    given = json.loads((WORKFLOWS / folder / f"{machine}.input.json").read_text())
    return str(sdk.start_execution(stateMachineArn=ARN + machine, input=json.dumps({**given, **more}))["executionArn"])


def _ended(stage: Stage, sdk: Any, arn: str) -> Any:
    def look() -> Any:
        found = sdk.describe_execution(executionArn=arn)
        return found if found["status"] != "RUNNING" else None

    found = stage.until(f"{arn} has ended", look)
    assert found["status"] == "SUCCEEDED", (found, stage.log.read_text()[-3000:])
    return json.loads(found["output"])


def _answer(stage: Stage, arn: str, output: Any) -> None:
    def look() -> Any:
        found = json.loads(stage.command("inbox", "--json"))
        return [each for each in found if each["executionArn"] == arn and each["kind"] == "prompt"]

    (prompt,) = stage.until("somebody is asked", look)
    stage.command("answer", prompt["id"], "--output", json.dumps(output))


def test_an_order_is_approved_and_shipped(stage: Stage, sdk: Any) -> None:
    arn = _start(stage, sdk, "orders", "order")
    _answer(stage, arn, {"approved": True})
    assert _ended(stage, sdk, arn)["status"] == "shipped"


def test_a_clip_is_encoded_and_published(stage: Stage, sdk: Any) -> None:
    pytest.importorskip("imageio_ffmpeg", reason="pip install 'flowd[examples]'")
    made = _ended(stage, sdk, _start(stage, sdk, "video", "video", seconds=1))
    assert all((Path(made["folder"]) / file["name"]).stat().st_size == file["bytes"] for file in made["files"])


def test_the_nightly_report_is_scheduled_and_can_be_run_now(stage: Stage, sdk: Any) -> None:
    made = _ended(stage, sdk, _start(stage, sdk, "report", "nightly-report"))
    assert "| machine | disk free |" in Path(made["markdown"]).read_text()
    (schedule,) = json.loads(stage.command("schedules", "--json"))
    assert (schedule["stateMachineName"], schedule["missed"], len(schedule["next"])) == ("nightly-report", "last", 5)


def test_the_runbook_cleans_up_after_a_yes(stage: Stage, sdk: Any) -> None:
    arn = _start(stage, sdk, "runbook", "disk-runbook")
    _answer(stage, arn, {"decision": "clean"})
    assert _ended(stage, sdk, arn)["after"]["usedKb"] < 100


def test_drivers_on_boto3_compete_for_a_ride(stage: Stage, sdk: Any) -> None:
    environ = {**os.environ, **json.loads(stage.command("env", "--json"))}
    drivers = subprocess.Popen([sys.executable, str(WORKFLOWS / "taxi" / "drivers.py"), "--eager"], env=environ)
    try:
        receipt = _ended(stage, sdk, _start(stage, sdk, "taxi", "taxi"))
        assert receipt["driver"].startswith("driver-")
        assert receipt["rounds"] == 1
    finally:
        drivers.kill()
        drivers.wait()
