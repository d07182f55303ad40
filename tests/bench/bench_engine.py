"""What the engine does per second on this machine, beside a raw SQLite commit of the same minute.

    python tests/bench/bench_engine.py [start|executions|steps|map|function|parked]...

Each figure is the median of five runs, synchronous=FULL, on a database below the current folder. Nothing here fails on
time: the figures depend on the machine, the ratios less so.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import uvloop

from flowd.clock import SystemClock
from flowd.foreground import tune
from flowd.functions import FunctionSpec
from flowd.integrations.lambda_ import Lambda
from flowd.payload import Payload
from flowd.runner.client import RunnerClient
from tests.engine.world import World

NOOP = "arn:aws:states:::flowd:noop"
RUNS = 5
CLIENTS = 50
PAUSE_S = 0.02  # between two starts of an idle daemon


def chain(passes: int, tasks: int, resource: str = NOOP) -> dict[str, Any]:
    """So many Pass states, then so many Tasks."""
    names = [f"P{i}" for i in range(passes)] + [f"T{i}" for i in range(tasks)]
    states: dict[str, Any] = {}
    for i, name in enumerate(names):
        body = {"Type": "Pass"} if name[0] == "P" else {"Type": "Task", "Resource": resource}
        states[name] = {**body, **({"Next": names[i + 1]} if i + 1 < len(names) else {"End": True})}
    return {"StartAt": names[0], "States": states}


def each() -> dict[str, Any]:
    """A Map with one no-op Task per item."""
    inner = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": NOOP, "End": True}}}
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}}


def raw_commit_ms(folder: Path, pause_s: float = 0.0) -> float:
    """The baseline: one row, one FULL commit, nothing else, with a pause before each as an idle daemon has."""
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
    spans = []
    for i in range(200):
        time.sleep(pause_s)
        begun = time.perf_counter()
        connection.execute("INSERT INTO t VALUES (?)", (i,))
        spans.append(time.perf_counter() - begun)
    connection.close()
    return statistics.median(spans) * 1000


async def closed(world: World) -> None:
    """Until no execution is going."""
    while world.core.stepper.in_memory:
        await asyncio.sleep(0.001)


async def start(world: World) -> float:
    """Milliseconds from StartExecution to its acknowledgement, idle, p50 of 100."""
    machine = await world.machine(chain(10, 1), f"m{time.monotonic_ns()}")
    spans = []
    for _ in range(100):
        begun = time.perf_counter()
        await world.core.executions.start(machine, None, Payload.of({}))
        spans.append(time.perf_counter() - begun)
        await asyncio.sleep(PAUSE_S)
    return statistics.median(spans) * 1000


async def executions(world: World) -> float:
    """Complete executions (10 Pass, 1 Task) per second, 50 clients that each wait for their acknowledgement."""
    machine = await world.machine(chain(10, 1), f"m{time.monotonic_ns()}")
    count = 0
    begun = time.perf_counter()

    async def client() -> None:
        nonlocal count
        while time.perf_counter() - begun < 2:
            await world.core.executions.start(machine, None, Payload.of({"a": 1}))
            count += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    await closed(world)
    return count / (time.perf_counter() - begun)


async def steps(world: World, resource: str = NOOP, length: int = 100) -> float:
    """Durable Task steps per second, 50 executions of `length` Tasks at once."""
    machine = await world.machine(chain(0, length, resource), f"m{time.monotonic_ns()}")
    begun = time.perf_counter()
    await asyncio.gather(*(world.core.executions.start(machine, None, Payload.of({"a": 1})) for _ in range(CLIENTS)))
    await closed(world)
    return CLIENTS * length / (time.perf_counter() - begun)


async def map_ratio(world: World) -> float:
    """What an item of a Map of 10,000 costs, against one of a Map of 100."""
    machine = await world.machine(each(), f"m{time.monotonic_ns()}")

    async def per_item(items: int, times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            await world.core.executions.start(machine, None, Payload.of(list(range(items))))
            await closed(world)
        return (time.perf_counter() - begun) / (items * times)

    return await per_item(10_000, 1) / await per_item(100, 20)


async def function(world: World) -> float:
    """Durable Task steps per second with a warm Python function in the runner."""
    folder = Path(tempfile.mkdtemp(prefix="fn", dir="/tmp"))
    (folder / "echo.py").write_text("def handler(event, context):\n    return event\n")
    runner = RunnerClient(folder / "r.sock")
    await runner.connect(spawn=True)
    await runner.register([FunctionSpec(name="echo", kind="python", path=str(folder / "echo.py"))], {})
    world.core.registry.scripted = Lambda(runner, SystemClock())  # type: ignore[attr-defined]
    arn = "arn:aws:lambda:us-east-1:000000000000:function:echo"
    await steps(world, arn, 5)
    rate = await steps(world, arn, 40)
    await runner.close()
    shutil.rmtree(folder)
    return rate


async def measure(
    name: str, unit: str, what: Callable[[World], Awaitable[float]], target: str, runs: int = RUNS
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench", dir="."))
    baseline = raw_commit_ms(folder, PAUSE_S if what is start else 0.0)
    world = World(folder, event_limit=1_000_000)
    world.clock = SystemClock()  # type: ignore[assignment]
    await world.boot()
    figures = [await what(world) for _ in range(runs)]
    await world.core.stop()
    shutil.rmtree(folder)
    middle, spread = statistics.median(figures), f"{min(figures):,.2f} to {max(figures):,.2f}"
    print(f"{name:24} {middle:10,.2f} {unit:14} ({spread}; raw FULL commit {baseline:.2f} ms; target {target})")


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 / 1024


async def park(folder: Path, count: int) -> None:
    """Child process: park `count` executions, say what they cost, and wait to be killed."""
    world = World(folder)
    world.clock = SystemClock()  # type: ignore[assignment]
    await world.boot()
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 30_000_000, "End": True}}}
    machine = await world.machine(wait)
    before = rss_mb(os.getpid())
    for _ in range(count // 500):
        await asyncio.gather(*(world.core.executions.start(machine, None, Payload.of({"a": 1})) for _ in range(500)))
    await world.settle()
    grown = rss_mb(os.getpid()) - before
    cpu = time.process_time()
    await asyncio.sleep(5)
    print(f"{grown:.0f} MB above idle, {(time.process_time() - cpu) / 5 * 100:.2f} % CPU", flush=True)
    await asyncio.sleep(3600)


async def parked() -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench", dir="."))
    child = subprocess.Popen([sys.executable, __file__, "--park", str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = child.stdout.readline().strip()
    child.kill()
    child.wait()
    begun = time.perf_counter()
    world = World(folder)
    world.clock = SystemClock()  # type: ignore[assignment]
    await world.boot()
    span = time.perf_counter() - begun
    await world.core.stop()
    shutil.rmtree(folder)
    print(f"{'100,000 parked':24} {said}; serves {span:.2f} s after kill -9 (targets 50 MB, 1 %, 3 s)")


ROWS: dict[str, tuple[str, Callable[[World], Awaitable[float]], str]] = {
    "start": ("ms p50", start, "<= 2 ms or 3 x raw"),
    "executions": ("executions/s", executions, ">= 1,000"),
    "steps": ("steps/s", steps, ">= 4,000"),
    "function": ("steps/s", function, ">= 1,500"),
    "map": ("x per item", map_ratio, "<= 1.3"),
}


def main() -> None:
    tune()
    if sys.argv[1:2] == ["--park"]:
        uvloop.run(park(Path(sys.argv[2]), 100_000))
    chosen = sys.argv[1:] or [*ROWS, "parked"]
    for name in chosen:
        if name == "parked":
            uvloop.run(parked())
        else:
            unit, what, target = ROWS[name]
            uvloop.run(measure(name, unit, what, target))


if __name__ == "__main__":
    main()
