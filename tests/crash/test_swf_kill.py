"""kill -9 of the daemon, of the decider and of the worker while orders are processed: every order comes to its end.

Real processes and real seconds. What a killed program had in hand times out and is done again; a daemon that is back
goes on where the disk says.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from flowd.cli.story import Stage
from tests.workflows.code import WORKFLOWS
from tests.workflows.test_swf_order import decider, starter

pytestmark = pytest.mark.slow
ORDERS = 12


class Cast:
    """The programs around the daemon."""

    def __init__(self, stage: Stage, home: Path) -> None:
        self.stage = stage
        self.log = (home / "programs.log").open("ab")
        lines = stage.command("env").splitlines()
        pairs = (line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        self.environ = {**os.environ, **{name: value.strip("'") for name, value in pairs}}
        self.programs: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        script = str(WORKFLOWS / "swf-order" / f"{name}.py")
        self.programs[name] = subprocess.Popen(
            [sys.executable, script], env=self.environ, stdout=self.log, stderr=self.log
        )

    def kill(self, name: str) -> None:
        self.programs[name].kill()
        self.programs[name].wait()

    def client(self) -> Any:
        return boto3.client(
            "swf",
            endpoint_url=self.environ["AWS_ENDPOINT_URL_SWF"],
            region_name=self.environ["AWS_REGION"],
            aws_access_key_id=self.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environ["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"mode": "standard", "total_max_attempts": 10}),
        )


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    (tmp_path / "w").mkdir()
    stage = Stage(tmp_path, tmp_path / "w")
    stage.environ["FLOWD_CONFIG"] = os.devnull
    stage.start()
    made = Cast(stage, tmp_path)
    yield made
    for name in made.programs:
        made.kill(name)
    made.log.close()
    stage.stop()
    assert "Traceback" not in stage.log.read_text()


def test_orders_outlive_every_program(cast: Cast) -> None:
    swf = cast.client()
    starter.register(swf)
    for name in ("decider", "worker"):
        cast.start(name)
    runs = {}
    for number in range(ORDERS):
        order = f"order-{number}"
        runs[order] = starter.start(swf, order, "tok_flaky" if number % 4 == 0 else "tok_ok")
        time.sleep(0.1)
        if number in (2, 8):
            cast.stage.kill()
            cast.stage.start()
        if number in (4, 9):
            cast.kill("decider")
            cast.start("decider")
        if number in (6, 10):
            cast.kill("worker")
            cast.start("worker")
    for order, run in runs.items():
        assert starter.wait(swf, order, run)["closeStatus"] == "COMPLETED"
        events = swf.get_workflow_execution_history(domain="shop", execution={"workflowId": order, "runId": run})[
            "events"
        ]
        assert [event["eventId"] for event in events] == list(range(1, len(events) + 1))
        done = [event for event in events if event["eventType"] == "ActivityTaskCompleted"]
        assert len(done) == len(decider.STEPS)
