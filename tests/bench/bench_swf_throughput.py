"""Decisions and activities per second: orders of five activities one after the other, decided and worked on over real
connections to a daemon of its own process, beside a raw SQLite commit of the same minute.

    python tests/bench/bench_swf_throughput.py [ORDERS] [LINES]

A decision is one poll and one answer, an activity too; both are events on disk (FULL) before the client goes on. The
clients are one process on the same machine: their work is in the figures.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import uvloop

from tests.bench.bench_engine import raw_commit_ms
from tests.bench.bench_swf_polls import DOMAIN, Line, served, usage

STEPS = 5
RUNS = 5
WORKFLOW = {"name": "Order", "version": "1"}
ACTIVITY = {"name": "Step", "version": "1"}


class Shop:
    """Deciders and workers of one run."""

    def __init__(self, orders: int) -> None:
        self.left = orders
        self.decisions = self.activities = 0
        self.over = asyncio.Event()

    async def decide(self, line: Line) -> None:
        while True:
            task = await line.call("PollForDecisionTask", domain=DOMAIN, taskList={"name": "orders"})
            if not task.get("taskToken"):
                continue
            done = sum(event["eventType"] == "ActivityTaskCompleted" for event in task["events"])
            decision: dict[str, Any] = {"decisionType": "CompleteWorkflowExecution"}
            if done < STEPS:
                asked = {"activityType": ACTIVITY, "activityId": str(done), "input": "x" * 100}
                decision = {"decisionType": "ScheduleActivityTask", "scheduleActivityTaskDecisionAttributes": asked}
            await line.call("RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=[decision])
            self.decisions += 1
            if done == STEPS:
                self.left -= 1
                if not self.left:
                    self.over.set()

    async def work(self, line: Line) -> None:
        while True:
            task = await line.call("PollForActivityTask", domain=DOMAIN, taskList={"name": "steps"})
            if task.get("taskToken"):
                await line.call("RespondActivityTaskCompleted", taskToken=task["taskToken"], result="y" * 100)
                self.activities += 1


async def register(line: Line) -> None:
    await line.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
    await line.call(
        "RegisterWorkflowType", domain=DOMAIN, **WORKFLOW, defaultTaskList={"name": "orders"},
        defaultTaskStartToCloseTimeout="60", defaultExecutionStartToCloseTimeout="600", defaultChildPolicy="TERMINATE",
    )  # fmt: skip
    nothing = dict.fromkeys(
        (f"defaultTask{which}Timeout" for which in ("StartToClose", "ScheduleToStart", "ScheduleToClose", "Heartbeat")),
        "NONE",
    )
    await line.call("RegisterActivityType", domain=DOMAIN, **ACTIVITY, defaultTaskList={"name": "steps"}, **nothing)


async def once(run: int, orders: int, lines: int) -> tuple[float, float]:
    """Decisions and activities per second of one run."""
    shop, client = Shop(orders), await Line.open()
    for number in range(orders):
        started = {"workflowId": f"{run}-{number}", "workflowType": WORKFLOW}
        await client.call("StartWorkflowExecution", domain=DOMAIN, **started)
    deciders = [asyncio.create_task(shop.decide(await Line.open())) for _ in range(lines)]
    workers = [asyncio.create_task(shop.work(await Line.open())) for _ in range(lines)]
    began = time.perf_counter()
    failing = asyncio.gather(*deciders, *workers)
    over = asyncio.create_task(shop.over.wait())
    await asyncio.wait([failing, over], return_when=asyncio.FIRST_COMPLETED)
    took = time.perf_counter() - began
    assert shop.over.is_set(), failing.exception()
    failing.cancel()
    await asyncio.gather(failing, return_exceptions=True)
    assert shop.activities == orders * STEPS and shop.decisions == orders * (STEPS + 1)
    return shop.decisions / took, shop.activities / took


async def measure(folder: Path, pid: int, orders: int, lines: int) -> None:
    await register(await Line.open())
    before = usage(pid)[1]
    figures = [await once(run, orders, lines) for run in range(RUNS)]
    spent_ms = (usage(pid)[1] - before) * 1000 / (RUNS * orders * (2 * STEPS + 1))
    baseline = raw_commit_ms(folder)
    print(f"{orders} orders of {STEPS} activities, {lines} deciders and {lines} workers, {RUNS} runs:")
    for name, values in zip(("decisions", "activities"), zip(*figures, strict=True), strict=True):
        print(f"{name:11} {statistics.median(values):7,.0f}/s ({min(values):,.0f} to {max(values):,.0f})")
    print(
        f"the daemon's processor time: {spent_ms:.2f} ms for each; a raw FULL commit of this minute: {baseline:.2f} ms"
    )


def main(orders: int = 300, lines: int = 20) -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder, served(folder) as pid:
        uvloop.run(measure(Path(folder), pid, orders, lines))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
