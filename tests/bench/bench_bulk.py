"""Thousands of failures redriven as one batch and cancelled half-way, on a real daemon: how long it takes, and whether
the daemon answers others meanwhile.

    python tests/bench/bench_bulk.py [EXECUTIONS]

Each execution is a Fail state, so a redrive is a whole run of its own. Printed are the rate, the longest time that
Health took while the batch ran, how long the cancel took to hold, and whether batch and audit agree on what was done.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flowd.cli.story import Stage
from flowd.client import AsyncClient

FAIL = {"StartAt": "Charge", "States": {"Charge": {"Type": "Fail", "Error": "CardDeclined"}}}
GLANCE_S = 0.05


#: The first execution, `amount` times: its rows with other ids and names.
COPIES = (
    "INSERT INTO payload (id, execution_id, text) SELECT n, n, '{}' FROM number",
    "INSERT INTO frame (execution_id, frame, phase, body) SELECT n, frame, phase, body FROM number, frame"
    " WHERE execution_id = 1",
    "INSERT INTO archive (execution_id, events, body) SELECT n, events, body FROM number, archive"
    " WHERE execution_id = 1",
    "UPDATE counter SET count = (SELECT count(*) FROM execution) WHERE status = 'FAILED'",
)


async def first(client: AsyncClient) -> None:
    """One execution that has failed and been put away."""
    (machine,) = (await client.flowd("ListMachines"))["machines"]
    started = await client.states("StartExecution", stateMachineArn=machine["stateMachineArn"], name="n-1")
    while (await client.flowd("GetExecution", executionArn=started["executionArn"]))["status"] == "RUNNING":
        await asyncio.sleep(GLANCE_S)


def copy(database: Path, amount: int) -> None:
    """All others, by SQL: to start them one by one takes longer than what is measured."""
    with closing(sqlite3.connect(database)) as connection:
        connection.create_function("each", 2, lambda text, n: f"{text[:-1]}{n}")
        connection.execute("CREATE TEMP TABLE number (n INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO number VALUES (?)", ((n,) for n in range(2, amount + 1)))
        own = {"id": "n", "arn": "each(arn, n)", "name": "each(name, n)", "input_id": "n"}
        names = [row[1] for row in connection.execute("PRAGMA table_info(execution)")]
        quoted = ", ".join(f'"{name}"' for name in names)
        values = ", ".join(own.get(name, f'"{name}"') for name in names)
        connection.execute(f"INSERT INTO execution ({quoted}) SELECT {values} FROM number, execution WHERE id = 1")
        for statement in COPIES:
            connection.execute(statement)
        connection.commit()


async def measure(client: AsyncClient, amount: int) -> None:
    began = time.perf_counter()
    dry = await client.flowd("StartBatch", verb="redrive", filter="status:failed", dryRun=True)
    print(f"preview of {dry['applies']:,} in {(time.perf_counter() - began) * 1000:.0f} ms", flush=True)
    began = time.perf_counter()
    batch = (await client.flowd("StartBatch", verb="redrive", filter="status:failed", reason="the bank is back"))["id"]
    print(f"begun in {(time.perf_counter() - began) * 1000:.0f} ms", flush=True)
    waits, steps, collected = [], [0], 0.0
    while True:
        asked = time.perf_counter()
        await client.flowd("Health")
        waits.append((time.perf_counter() - asked) * 1000)
        found = await client.flowd("GetBatch", id=batch)
        done = found["done"] + found["failed"]
        if found["status"] != "COLLECTING" and not collected:
            collected = time.perf_counter() - began
        if done != steps[-1]:
            steps.append(done)
        if done >= amount // 2:
            break
        await asyncio.sleep(GLANCE_S)
    took = time.perf_counter() - began
    asked = time.perf_counter()
    await client.flowd("CancelBatch", id=batch)
    cancelled = (time.perf_counter() - asked) * 1000
    end = await client.flowd("GetBatch", id=batch)
    await asyncio.sleep(1.0)
    later = await client.flowd("GetBatch", id=batch)
    audit = (await client.flowd("ListAudit", limit=1000))["entries"]
    told = sum(entry["verb"] == "RedriveExecution" for entry in audit)
    waits.sort()
    print(
        f"collected after {collected:.1f} s; {done:,} of {amount:,} redriven in {took:.1f} s ({done / took:.0f}/s),"
        f" progress told {len(steps) - 1} times\n"
        f"Health meanwhile: median {waits[len(waits) // 2]:.0f} ms, 99th {waits[len(waits) * 99 // 100]:.0f} ms,"
        f" longest {waits[-1]:.0f} ms of {len(waits)}\n"
        f"cancelled in {cancelled:.0f} ms at {end['done']:,}; a second later {later['status']} at {later['done']:,};"
        f" the last {len(audit):,} entries of the audit tell of {told:,} redrives\n"
        f"load {os.getloadavg()[0]:.1f}"
    )


async def main(amount: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workflows = Path(folder) / "workflows"
        workflows.mkdir()
        (workflows / "failing.asl.json").write_text(json.dumps(FAIL))
        stage = Stage(Path(folder), workflows)
        await asyncio.to_thread(stage.start)
        await with_client(stage, first)
        await asyncio.to_thread(stage.stop)
        (database,) = Path(folder).rglob("flowd.db")
        await asyncio.to_thread(copy, database, amount)
        await asyncio.to_thread(stage.start)
        try:
            await with_client(stage, partial(measure, amount=amount))
        finally:
            await asyncio.to_thread(stage.stop)


async def with_client(stage: Stage, do: Callable[[AsyncClient], Awaitable[None]]) -> None:
    client = AsyncClient(stage.socket)
    try:
        await do(client)
    finally:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60_000))
