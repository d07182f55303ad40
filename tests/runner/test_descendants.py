"""Children of functions that have left their process group: they end with their function's process and the runner."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flowd.functions import FunctionSpec
from flowd.runner.client import RunnerClient
from tests.runner.harness import DEADLINE_S, Functions, RunnerProcess, alive, until, value

# Starts one child that leaves the group and stays a child, and one that has lost its parent as well.
LEAVES = """
import os, subprocess, time

def handler(event, context):
    subprocess.Popen(['/bin/sh', '-c', 'echo $$ > ' + event['file'] + '.1; exec sleep 600'], start_new_session=True)
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.execv('/bin/sh', ['sh', '-c', 'echo $$ > ' + event['file'] + '.2; exec sleep 600'])
        os._exit(0)
    os.wait()
    while event.get('stays'):
        time.sleep(1)
    return 'left'
"""


class Left:
    """The two processes."""

    def __init__(self, folder: Path) -> None:
        self.files = [folder / "left.1", folder / "left.2"]
        self.name = str(folder / "left")

    def pids(self) -> list[int]:
        return [int(file.read_text()) for file in self.files if file.exists() and file.read_text()]

    def there(self) -> bool:
        return len(self.pids()) == 2

    def gone(self) -> bool:
        return not any(alive(pid) for pid in self.pids())


async def test_a_call_that_is_cancelled_takes_along_what_has_left_its_group(
    functions: Functions, tmp_path: Path
) -> None:
    left = Left(tmp_path)
    name = await functions.add("leaves.py", LEAVES)
    run = asyncio.ensure_future(functions.client.invoke("k", name, f'{{"file": "{left.name}", "stays": true}}'))
    await until(left.there)
    assert not left.gone()
    await functions.client.cancel("k")
    assert (await run).error == "Lambda.Unknown"
    await until(left.gone)


async def test_an_executable_that_ends_leaves_nothing_behind(functions: Functions, tmp_path: Path) -> None:
    left = Left(tmp_path)
    source = f"#!/bin/sh\n(setsid sh -c 'echo $$ > {left.name}.1; exec sleep 600' &)\n"
    name = await functions.add("leaves", f"{source}while [ ! -s {left.name}.1 ]; do sleep 0.01; done\necho '\"ran\"'\n")
    assert value(await functions.call(name)) == "ran"
    assert left.pids()
    await until(left.gone)


async def connected(runner: RunnerProcess, folder: Path) -> RunnerClient:
    """A daemon's line to a runner, with the function `leaves`."""
    client = RunnerClient(runner.socket)
    await client.connect()
    file = folder / "leaves.py"
    file.write_text(LEAVES)
    await client.register([FunctionSpec(name="leaves", kind="python", path=str(file))], {})
    return client


async def test_the_runner_s_end_is_theirs_while_a_warm_process_may_keep_them(
    own_runner: Callable[..., RunnerProcess], tmp_path: Path
) -> None:
    left, runner = Left(tmp_path), own_runner()
    client = await connected(runner, tmp_path)
    assert value(await client.invoke("k", "leaves", f'{{"file": "{left.name}"}}')) == "left"
    await client.acknowledge("k")
    await until(left.there)
    assert all(alive(pid) for pid in left.pids())
    await client.close()
    runner.process.terminate()
    await until(lambda: runner.process.poll() is not None)
    await until(left.gone)


async def test_of_a_runner_that_is_killed_the_next_one_ends_them(
    own_runner: Callable[..., RunnerProcess], tmp_path: Path
) -> None:
    left, runner = Left(tmp_path), own_runner()
    client = await connected(runner, tmp_path)
    await client.invoke("k", "leaves", f'{{"file": "{left.name}"}}')
    await until(left.there)
    runner.kill()
    await client.close()
    assert not left.gone()
    own_runner(folder=runner.folder)
    await until(left.gone)


def test_orphans_are_reaped_at_the_second_look_and_own_children_are_left_to_their_starter() -> None:
    program = """
import os, signal, subprocess, time
from flowd.runner.descendants import Orphans, become_reaper
assert become_reaper()
orphans = Orphans()
own = subprocess.Popen(['true'], start_new_session=True)
orphans.own.add(own.pid)
reader, writer = os.pipe()
if not os.fork():
    os.setsid()
    if not (grandchild := os.fork()):
        os._exit(0)
    os.write(writer, str(grandchild).encode())
    os._exit(0)
orphan = int(os.read(reader, 20))
def state():
    try:
        return open(f'/proc/{orphan}/stat').read().rpartition(')')[2].split()[:2]
    except OSError:
        return None
while state() != ['Z', str(os.getpid())]:
    time.sleep(0.001)
orphans.reap()
assert state() is not None
orphans.reap()
assert state() is None
assert own.wait() == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=DEADLINE_S)
