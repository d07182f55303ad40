"""Containers: local commands and images, their ends, and what becomes of them when somebody dies."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowd.containers import ContainerEnd, ContainerSpec
from flowd.functions import Unknown
from flowd.runner.attempts import Attempt
from flowd.runner.client import RunnerClient
from flowd.runner.container_client import ContainerClient
from flowd.runner.containers import Containers, Folders, command
from flowd.runner.leftovers import Leftovers
from flowd.runner.process import Hosting
from tests.runner.harness import DEADLINE_S, RunnerProcess, alive, until


def shell(script: str, folder: Path | str = "/", **more: Any) -> ContainerSpec:
    more = {"memory_mb": 256, "name": "t.c", **more}
    return ContainerSpec(command=["/bin/sh", "-c", script], folder=str(folder), **more)


@pytest.fixture
def containers(client: RunnerClient) -> ContainerClient:
    return ContainerClient(client)


async def ran(containers: ContainerClient, spec: ContainerSpec, key: str = "") -> ContainerEnd:
    key = key or f"test:{id(spec)}"
    async with asyncio.timeout(DEADLINE_S):
        end = await containers.run(key, spec)
    await containers.acknowledge(key)
    return end


async def test_a_command_runs_with_its_environment_in_its_folder(containers: ContainerClient, tmp_path: Path) -> None:
    end = await ran(containers, shell('echo "$A $(pwd)"; echo oops >&2', tmp_path, environment={"A": "a b"}))
    assert (end.exit_code, end.reason, end.log) == (0, "", f"a b {tmp_path}\noops\n")
    assert 0 < end.started_ms <= end.ended_ms


async def test_texts_are_laid_into_a_folder_of_the_run_s_own_which_goes_with_it(containers: ContainerClient) -> None:
    files = {"a.txt": "grüß dich\n", "deep/b.txt": "b\n"}
    end = await ran(containers, shell("pwd; cat a.txt deep/b.txt", files=files))
    place, *rest = end.log.splitlines()
    assert rest == ["grüß dich", "b"]
    await until(lambda: not Path(place).exists())
    assert Path(place).parent.exists()


@pytest.mark.parametrize("name", ["../up.txt", "/etc/planted", "a/../../up.txt"])
async def test_a_text_that_leads_out_of_its_folder_is_refused(containers: ContainerClient, name: str) -> None:
    end = await ran(containers, shell("true", files={name: "x"}))
    assert end.exit_code is None
    assert end.reason == f"CannotStartContainerError: {name} is no file below the container's folder"


async def test_the_exit_code_is_told(containers: ContainerClient) -> None:
    assert (await ran(containers, shell("exit 7"))).exit_code == 7
    assert (await ran(containers, shell("kill -9 $$"))).exit_code == 137


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (ContainerSpec(name="c", command=["no-such-program"]), 'exec: "no-such-program": there is no such program'),
        (ContainerSpec(name="c", command=["./x"], folder="/etc"), 'exec: "./x": there is no such program in /etc'),
        (ContainerSpec(name="c", command=["/etc/passwd"]), "permission denied; chmod +x /etc/passwd"),
        (ContainerSpec(name="c", command=["ls"], folder="/no/where"), "working directory /no/where does not exist"),
        (ContainerSpec(name="c", command=[]), "the container has no command"),
    ],
)
async def test_what_cannot_be_started_is_said(containers: ContainerClient, spec: ContainerSpec, reason: str) -> None:
    end = await ran(containers, spec, f"no:{reason}")
    assert end.exit_code is None
    assert end.reason.startswith("CannotStartContainerError: ")
    assert reason in end.reason


async def test_stopping_asks_first(containers: ContainerClient, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap 'echo leaving; exit 3' TERM; : > {ready}; while :; do sleep 0.01; done"
    asked = asyncio.ensure_future(ran(containers, shell(script), "polite"))
    await until(ready.exists)
    await containers.stop("polite")
    end = await asked
    assert end.exit_code == 3
    assert end.log.endswith("leaving\n")


async def test_a_stop_while_the_process_is_being_started_reaches_it(tmp_path: Path) -> None:
    hosting, go = Hosting(Leftovers(tmp_path / "notes"), spawner=ThreadPoolExecutor(1)), threading.Event()
    hosting.spawner.submit(go.wait)
    containers, attempt = Containers(hosting, Folders(tmp_path / "f")), Attempt("k", "", b"")
    containers.run(attempt, shell("exec sleep 600", stop_timeout_s=600))
    await asyncio.sleep(0)
    containers.stop("k")
    go.set()
    await until(lambda: attempt.outcome is not None)
    assert attempt.outcome is not None and b'"exit_code":143' in (attempt.outcome.output or b"")


async def test_who_does_not_listen_is_killed_when_his_time_is_over(containers: ContainerClient, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"trap '' TERM; : > {ready}; while :; do sleep 0.01; done"
    asked = asyncio.ensure_future(ran(containers, shell(script, stop_timeout_s=0.05), "deaf"))
    await until(ready.exists)
    await containers.stop("deaf")
    assert (await asked).exit_code == 137


async def test_a_key_runs_once_and_its_end_is_held(containers: ContainerClient, tmp_path: Path) -> None:
    spec = shell("echo x >> book", tmp_path)
    both = await asyncio.gather(containers.run("once", spec), containers.run("once", spec))
    assert both[0] == both[1] == await containers.attach("once")
    assert (tmp_path / "book").read_text() == "x\n"
    await containers.acknowledge("once")
    assert await containers.attach("once") == Unknown()


async def test_a_container_outlives_the_daemon_and_is_found_again(
    own_runner: Callable[..., RunnerProcess], tmp_path: Path
) -> None:
    runner = own_runner()
    client = RunnerClient(runner.socket)
    await client.connect()
    script = "echo $$ > pid; while [ ! -e go ]; do sleep 0.01; done; exit 4"
    asked = asyncio.ensure_future(ContainerClient(client).run("k", shell(script, tmp_path)))
    await until((tmp_path / "pid").exists)
    await client.close()  # as far as the runner can tell, it died
    assert (await asked).exit_code is None
    second = RunnerClient(runner.socket)
    await second.connect()
    again = asyncio.ensure_future(ContainerClient(second).attach("k"))
    (tmp_path / "go").touch()
    end = await again
    assert isinstance(end, ContainerEnd)
    assert end.exit_code == 4
    await second.close()


async def test_a_container_does_not_outlive_its_runners_successor(
    own_runner: Callable[..., RunnerProcess], tmp_path: Path
) -> None:
    runner = own_runner()
    client = RunnerClient(runner.socket)
    await client.connect()
    asked = asyncio.ensure_future(ContainerClient(client).run("k", shell("echo $$ > pid; sleep 600", tmp_path)))
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    pid = int((tmp_path / "pid").read_text())
    runner.kill()
    end = await asked
    assert end.exit_code is None
    assert "The outcome is lost" in end.reason
    own_runner(folder=runner.folder)
    await until(lambda: not alive(pid))
    await client.close()


ENGINE = """#!/bin/sh
# What a container engine does, as far as the runner sees it.
echo "$0 $*" >> "$BOOK"
if [ "$1" = run ]; then echo "secret is $SECRET"; [ -e "$BROKEN" ] && exit 125; exit 9; fi
"""


async def test_an_image_is_run_by_the_engine_and_values_stay_out_of_its_arguments(
    containers: ContainerClient, tmp_path: Path
) -> None:
    engine, book = tmp_path / "podman", tmp_path / "book"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    spec = ContainerSpec(
        name="id.c",
        image="team/worker:1",
        command=["--fast"],
        entry_point=["/worker", "run"],
        environment={"SECRET": "xyzzy", "BOOK": str(book), "BROKEN": str(tmp_path / "broken")},
        folder="",
        cpu_units=512,
        engine=str(engine),
        mounts=["/data:/in:ro"],
    )
    end = await ran(containers, spec)
    assert (end.exit_code, end.log) == (9, "secret is xyzzy\n")
    called = book.read_text()
    assert "xyzzy" not in called
    assert called.startswith(f"{engine} run --rm --network host --name id.c --label flowd-runner=")
    assert "--memory 512m --cpus 0.500 --stop-timeout 30 --env SECRET" in called
    assert called.endswith("--volume /data:/in:ro --entrypoint /worker team/worker:1 run --fast\n")
    (tmp_path / "broken").touch()
    end = await ran(containers, spec, "again")
    assert (end.exit_code, end.reason) == (None, "CannotStartContainerError: secret is xyzzy")


def test_a_local_command_sees_nothing_of_the_runners_environment() -> None:
    environment = command(shell("true", environment={"A": "1"})).environment
    assert environment.keys() == {"PATH", "LANG", "HOME", "HOSTNAME", "A"}
    assert environment["PATH"] == os.environ["PATH"]
