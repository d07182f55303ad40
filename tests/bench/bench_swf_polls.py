"""5,000 long polls that wait at once over several task lists: memory and processor time of the daemon, and how long a
task takes to reach its poller. A daemon of its own process, real connections.

    python tests/bench/bench_swf_polls.py [POLLS] [LISTS]
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PORT = 18_399
DOMAIN = "bench"
HANDED = 200  # tasks whose way is measured
IDLE_S = 10.0


class Line:
    """One keep-alive connection that speaks just enough HTTP: 5,000 clients of a library would measure the library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", PORT))

    async def call(self, operation: str, **members: Any) -> Any:
        body = json.dumps(members).encode()
        head = (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n"
            f"X-Amz-Target: SimpleWorkflowService.{operation}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        data = await self.reader.readexactly(length)
        return json.loads(data) if data else None


def usage(pid: int) -> tuple[float, float]:
    """Resident MiB and processor seconds of the daemon."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return pages * resource.getpagesize() / 2**20, ticks / os.sysconf("SC_CLK_TCK")


async def register(line: Line, lists: int) -> None:
    await line.call("RegisterDomain", name=DOMAIN, workflowExecutionRetentionPeriodInDays="1")
    for number in range(lists):
        await line.call(
            "RegisterWorkflowType", domain=DOMAIN, name=f"W{number}", version="1",
            defaultTaskList={"name": f"list{number}"}, defaultTaskStartToCloseTimeout="60",
            defaultExecutionStartToCloseTimeout="600", defaultChildPolicy="TERMINATE",
        )  # fmt: skip


async def poll(line: Line, number: int, arrived: dict[str, float]) -> None:
    task = await line.call("PollForDecisionTask", domain=DOMAIN, taskList={"name": f"list{number}"})
    if task.get("taskToken"):
        arrived[task["workflowExecution"]["workflowId"]] = time.perf_counter()


async def measure(pid: int, polls: int, lists: int) -> None:
    client = await Line.open()
    await register(client, lists)
    before = usage(pid)
    arrived: dict[str, float] = {}
    lines = [await Line.open() for _ in range(polls)]
    connected = usage(pid)
    began = time.perf_counter()
    waiting = [asyncio.create_task(poll(line, number % lists, arrived)) for number, line in enumerate(lines)]
    await asyncio.sleep(6)  # all of them are there
    there = usage(pid)
    await asyncio.sleep(IDLE_S)
    idle = usage(pid)
    taken: list[float] = []
    for number in range(HANDED):
        name = f"w{number}"
        kind = {"name": f"W{number % lists}", "version": "1"}
        start = time.perf_counter()
        await client.call("StartWorkflowExecution", domain=DOMAIN, workflowId=name, workflowType=kind)
        acknowledged = time.perf_counter()
        while name not in arrived:
            await asyncio.sleep(0.0005)
        taken.append((arrived[name] - acknowledged) * 1000)
        assert acknowledged > start
    for task in waiting:
        task.cancel()
    print(f"{polls} polls over {lists} lists, all there after {time.perf_counter() - began - IDLE_S:.0f} s at most")
    print(f"memory: {before[0]:.0f} MiB before, {connected[0]:.0f} with the connections, {there[0]:.0f} with the polls")
    idle_share = (idle[1] - there[1]) / IDLE_S
    print(f"processor: {there[1] - connected[1]:.2f} s to take them, {idle_share:.2%} of one while idle")
    print(
        f"hand-over of {HANDED} tasks, from the answer to the start to the poller's answer:"
        f" median {statistics.median(taken):.1f} ms, 99% {sorted(taken)[int(HANDED * 0.99)]:.1f} ms"
    )


@contextmanager
def served(folder: str) -> Iterator[int]:
    """A daemon of its own process on data in a folder; its process id."""
    place = {"FLOWD_DATA": f"{folder}/d", "FLOWD_WORKFLOWS": f"{folder}/w", "FLOWD_SOCKET": f"{folder}/s"}
    daemon = subprocess.Popen(
        [sys.executable, "-m", "flowd", "serve", "--listen", f"127.0.0.1:{PORT}", "--no-auth"],
        env={**os.environ, **place, "FLOWD_CONFIG": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        yield daemon.pid
    finally:
        daemon.terminate()
        daemon.wait(30)


def main(polls: int = 5000, lists: int = 5) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * polls + 500)), hard))
    with tempfile.TemporaryDirectory() as folder, served(folder) as pid:
        asyncio.run(measure(pid, polls, lists))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
