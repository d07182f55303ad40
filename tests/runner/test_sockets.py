"""The runner's socket: who has it, and nobody behind it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowd.runner.client import RunnerClient
from flowd.runner.line import RunnerUnreachable
from tests.runner.harness import DEADLINE_S, RunnerProcess


def test_a_second_runner_on_one_socket_gives_way(own_runner: Callable[..., RunnerProcess]) -> None:
    runner = own_runner()
    arguments = [sys.executable, "-m", "flowd.runner", "--socket", str(runner.socket)]
    second = subprocess.run(arguments, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert second.returncode == 3
    assert "another runner serves" in second.stderr


async def test_without_a_runner_a_call_fails_unsent_and_says_what_to_do(tmp_path: Path) -> None:
    client = RunnerClient(tmp_path / "none", patience_s=0.01)
    with pytest.raises(RunnerUnreachable, match="start `flowd-runner --socket"):
        await client.connect()
    result = await client.invoke("k", "f", "{}")
    assert result.error == "Lambda.SdkClientException"
    assert "The function was not run" in (result.cause or "")
    with pytest.raises(RunnerUnreachable):
        await client.counts()
    await client.close()
