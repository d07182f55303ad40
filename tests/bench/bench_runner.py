"""How many warm calls the runner makes, beside what a bare pipe to a Python process makes on the same machine.

    python tests/bench/bench_runner.py [--calls 4000] [--json]

`bare pipe` is a lower bound: one length-prefixed JSON message there and back, one process, no runner, no limits, no
output captured. The ratio is what a change should be judged by; rates alone follow the machine's mood.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from flowd.functions import FunctionSpec
from flowd.runner.client import RunnerClient

ECHO = """
import json, struct, sys
source, target = sys.stdin.buffer, sys.stdout.buffer
while size := source.read(4):
    event = json.loads(source.read(struct.unpack('!I', size)[0]))
    answer = json.dumps(event).encode()
    target.write(struct.pack('!I', len(answer)) + answer)
    target.flush()
"""
EVENT = '{"order": 7, "items": ["a", "b"], "total": 12.5}'
SOURCES = {
    "python": ("noop.py", "def handler(event, context):\n    return event\n"),
    "node": ("noop.js", "exports.handler = async (event) => event;\n"),
    "executable": ("noop", "#!/bin/sh\nexec cat\n"),
}


def bare_pipe(calls: int) -> float:
    """Round trips per second through a pipe to one Python process."""
    with subprocess.Popen([sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        body = EVENT.encode()
        message = len(body).to_bytes(4, "big") + body
        begun = 0.0
        for number in range(calls + 1):
            if number == 1:
                begun = time.perf_counter()
            process.stdin.write(message)
            process.stdin.flush()
            process.stdout.read(int.from_bytes(process.stdout.read(4), "big"))
        spent = time.perf_counter() - begun
        process.stdin.close()
    return calls / spent


async def rate(client: RunnerClient, function: str, calls: int, beside: int) -> dict[str, float]:
    """Calls per second with `beside` in flight, and how long one takes."""
    times: list[float] = []
    run = time.monotonic_ns()

    async def lane(lane_number: int, count: int) -> None:
        for number in range(count):
            key = f"{run}:{lane_number}:{number}"
            begun = time.perf_counter()
            result = await client.invoke(key, function, EVENT)
            times.append(time.perf_counter() - begun)
            if result.error:
                raise SystemExit(f"{function}: {result.error} {result.cause}")
            await client.acknowledge(key)

    await asyncio.gather(*(lane(n, 3) for n in range(beside)))  # warm
    times.clear()
    begun = time.perf_counter()
    await asyncio.gather(*(lane(beside + n, calls // beside) for n in range(beside)))
    spent = time.perf_counter() - begun
    ordered = sorted(times)
    p99 = ordered[int(len(ordered) * 0.99)] * 1000
    return {"per_s": len(times) / spent, "p50_ms": statistics.median(times) * 1000, "p99_ms": p99}


async def measure(calls: int) -> dict[str, dict[str, float]]:
    folder = Path(tempfile.mkdtemp(prefix="fb-", dir="/tmp"))
    client = RunnerClient(folder / "s")
    try:
        await client.connect(spawn=True)
        specs = []
        for kind, (name, source) in SOURCES.items():
            if kind == "node" and not shutil.which("node"):
                continue
            (folder / name).write_text(source)
            (folder / name).chmod(0o755)
            specs.append(FunctionSpec(name=kind, kind=kind, path=str(folder / name)))  # type: ignore[arg-type]
        await client.register(specs, {"AWS_REGION": "us-east-1"})
        found: dict[str, dict[str, float]] = {}
        begun = time.perf_counter()
        await client.invoke("cold", "python", EVENT)
        found["python, cold"] = {"per_s": 0.0, "p50_ms": (time.perf_counter() - begun) * 1000, "p99_ms": 0.0}
        await client.acknowledge("cold")
        for beside in (1, 4, 16):
            found[f"python, {beside} at once"] = await rate(client, "python", calls, beside)
        if any(spec.name == "node" for spec in specs):
            found["node, 4 at once"] = await rate(client, "node", calls, 4)
        found["program, 4 at once"] = await rate(client, "executable", min(calls, 400), 4)
        return found
    finally:
        await client.close()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    before = bare_pipe(options.calls)
    found = uvloop.run(measure(options.calls))
    bare = (before + bare_pipe(options.calls)) / 2
    if options.json:
        print(json.dumps({"bare_pipe_per_s": bare, **found}))
        return
    print(f"{'way':<22}{'per s':>10}{'p50 ms':>10}{'p99 ms':>10}{'of bare pipe':>14}")
    print(f"{'bare pipe':<22}{bare:>10.0f}{1000 / bare:>10.3f}")
    for way, figures in found.items():
        share = f"{figures['per_s'] / bare:.2f}" if figures["per_s"] else ""
        print(f"{way:<22}{figures['per_s']:>10.0f}{figures['p50_ms']:>10.3f}{figures['p99_ms']:>10.3f}{share:>14}")


if __name__ == "__main__":
    main()
