from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from flowd import names
from flowd.engine import hooks
from flowd.store import schema
from tests.engine.world import World, function
from tests.runner.harness import alive

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAIL = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": "because"}}}
ASK: dict[str, Any] = {
    "StartAt": "A",
    "States": {
        "A": {
            "Type": "Task",
            "Resource": names.activity_arn("desk"),
            "Parameters": {"Prompt": {"Title": "Yes?"}},
            "End": True,
        }
    },
}
WRITE = "import sys; open(sys.argv[1], 'a').write(sys.argv[2] + ' ' + sys.stdin.read() + chr(10))"


def notices(file: Path) -> list[tuple[str, dict[str, Any]]]:
    if not file.exists():
        return []
    split = [line.partition(" ") for line in file.read_text().splitlines()]
    return [(kind, json.loads(body)) for kind, _, body in split]


async def arrived(file: Path, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The notices, once there are as many; a command is a process of its own."""
    async with asyncio.timeout(20):
        while len(notices(file)) < count:
            await asyncio.sleep(0.01)
    return notices(file)


async def waiting(world: World) -> int:
    return len(await world.core.db.read(lambda session: session.exec(select(schema.Hook)).all()))


async def test_a_command_hears_of_prompts_failures_and_closes(tmp_path: Path) -> None:
    file = tmp_path / "notices"
    command = [sys.executable, "-c", WRITE, str(file)]
    async with World(tmp_path, hooks=("prompt", "failure", "close"), hook_command=command) as world:
        await world.start(await world.machine(PASS, "fine"))
        await world.start(await world.machine(FAIL, "broken"))
        await world.start(await world.machine(ASK, "ask"))
        heard = await arrived(file, 4)
        assert [kind for kind, _ in heard] == ["close", "close", "failure", "prompt"]
        assert heard[2][1]["error"] == "Broken" and heard[2][1]["stateMachineName"] == "broken"
        assert heard[3][1]["state"] == "A"


HANGS = """
import os, subprocess, sys, time
notice = sys.stdin.read()
if '"stuck"' in notice:
    child = subprocess.Popen(['sleep', '600'])
    open(sys.argv[1] + '.pids', 'w').write(f'{os.getpid()} {child.pid}')
    time.sleep(600)
open(sys.argv[1], 'a').write(sys.argv[2] + ' ' + notice + chr(10))
"""


async def test_a_command_that_hangs_holds_up_no_other_and_is_ended_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "PATIENCE_S", 0.01)
    file, pids = tmp_path / "notices", tmp_path / "notices.pids"
    command = [sys.executable, "-c", HANGS, str(file)]
    async with World(tmp_path, hooks=("close",), hook_command=command) as world:
        await world.start(await world.machine(PASS, "stuck"))
        for number in range(3):
            await world.start(await world.machine(PASS, f"fine{number}"))
        heard = await arrived(file, 3)
        assert {body["stateMachineName"] for _, body in heard} == {"fine0", "fine1", "fine2"}
        async with asyncio.timeout(20):
            while not (pids.exists() and pids.read_text()):
                await asyncio.sleep(0.01)
        both = [int(pid) for pid in pids.read_text().split()]
        assert all(alive(pid) for pid in both)
        async with asyncio.timeout(20):
            while await waiting(world) > 1:
                await asyncio.sleep(0.01)
    async with asyncio.timeout(20):
        while any(alive(pid) for pid in both):
            await asyncio.sleep(0.01)


async def test_only_what_was_asked_for_is_told(tmp_path: Path) -> None:
    file = tmp_path / "notices"
    async with World(tmp_path, hooks=("failure",), hook_command=[sys.executable, "-c", WRITE, str(file)]) as world:
        await world.start(await world.machine(PASS, "fine"))
        await world.start(await world.machine(FAIL, "broken"))
        assert [kind for kind, _ in await arrived(file, 1)] == ["failure"]


async def test_a_notice_that_cannot_be_delivered_waits_for_a_later_try_also_over_a_restart(tmp_path: Path) -> None:
    async with World(tmp_path, hooks=("close",), hook_command=["/does/not/exist"]) as world:
        await world.start(await world.machine(PASS))
        async with asyncio.timeout(20):
            while not any(row.attempts for row in await world.core.db.read(_hooks)):
                await asyncio.sleep(0.01)
        file = tmp_path / "notices"
        world.settings["hook_command"] = [sys.executable, "-c", WRITE, str(file)]
        world.clock.advance(60)
        await world.reboot()
        assert len(await arrived(file, 1)) == 1
        async with asyncio.timeout(20):
            while await waiting(world):
                await asyncio.sleep(0.01)


def _hooks(session: Any) -> list[schema.Hook]:
    return list(session.exec(select(schema.Hook)).all())


async def test_a_lost_call_fails_its_attempt_where_nobody_can_know(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        world.functions.on_restart = "fail"
        never: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        world.functions.handlers["hang"] = lambda call: never
        task = {"Type": "Task", "Resource": function("hang"), "End": True}
        arn = await world.start(await world.machine({"StartAt": "T", "States": {"T": task}}))
        await world.reboot()
        closed = await world.execution(arn)
        assert (closed.status, closed.error) == ("FAILED", "States.TaskFailed")
        assert "nobody can tell" in (closed.cause or "")


async def test_the_end_of_the_daemon_is_not_missed_for_a_notice_of_the_same_turn(tmp_path: Path) -> None:
    async with World(tmp_path, hooks=("close",), hook_command=[sys.executable, "-c", "pass"]) as world:
        hooks = world.core.hooks
        async with asyncio.timeout(20):
            for turns in range(4):
                await asyncio.sleep(0.01)
                hooks.notice()
                for _ in range(turns):
                    await asyncio.sleep(0)
                await hooks.stop()
                await hooks.start()
