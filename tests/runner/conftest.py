"""A real runner per test session, functions written for each test, and a client of its own for each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from flowd.runner.client import RunnerClient
from tests.runner.harness import Functions, RunnerProcess
from tests.runner.waiting import Waiting

HAS_NODE = shutil.which("node") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("node") and not HAS_NODE:
            item.add_marker(pytest.mark.skip(reason="no program `node` on this machine"))


@pytest.fixture(scope="session")
def shared_runner() -> Iterator[RunnerProcess]:
    runner = RunnerProcess()
    yield runner
    runner.close()


@pytest.fixture
async def client(shared_runner: RunnerProcess) -> AsyncIterator[RunnerClient]:
    client = RunnerClient(shared_runner.socket)
    await client.connect()
    yield client
    await client.close()


@pytest.fixture
async def functions(tmp_path: Path, client: RunnerClient) -> Functions:
    return Functions(tmp_path / "functions", client)


@pytest.fixture
def own_runner() -> Iterator[Callable[..., RunnerProcess]]:
    """Runners that a test may kill."""
    started: list[RunnerProcess] = []

    def start(*options: str, folder: Path | None = None, other_version: bool = False) -> RunnerProcess:
        runner = RunnerProcess(*options, folder=folder, other_version=other_version)
        started.append(runner)
        return runner

    yield start
    for runner in started:
        runner.close()


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    return Waiting(tmp_path / "waiting")


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the socket of a runner that a client spawns: tmp_path is too long for one."""
    made = Path(tempfile.mkdtemp(prefix="fr-", dir="/tmp"))
    made.rmdir()  # whoever spawns makes it
    yield made
    shutil.rmtree(made, ignore_errors=True)
