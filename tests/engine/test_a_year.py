"""One simulated year: a prompt, retries over weeks and a yearly timeout, on the injected clock."""

from __future__ import annotations

import itertools
import time

from flowd import names
from flowd.integrations.ports import Failed
from tests.engine.world import World, function

DAY = 86_400
YEAR = 365 * DAY

STORY = {
    "StartAt": "Audit",
    "TimeoutSeconds": YEAR,
    "States": {
        "Audit": {
            "Type": "Task",
            "Resource": function("audit"),
            "Retry": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "IntervalSeconds": 7 * DAY,
                    "BackoffRate": 2,
                    "MaxDelaySeconds": 28 * DAY,
                    "MaxAttempts": 6,
                }
            ],
            "Next": "Sign",
        },
        "Sign": {
            "Type": "Task",
            "Resource": names.activity_arn("board"),
            "Parameters": {"Prompt": {"Title": "Sign the report"}},
            "End": True,
        },
    },
}


async def test_an_execution_of_a_year_takes_less_than_a_second(world: World) -> None:
    begun = time.perf_counter()
    attempts: list[int] = []

    def audit(call: object) -> object:
        attempts.append(world.clock.now_ms())
        return "clean" if len(attempts) == 6 else Failed("NotYet", "come back")

    world.functions.handlers["audit"] = audit
    arn = await world.start(await world.machine(STORY))
    await world.pass_time(140 * DAY)
    gaps = [round((later - earlier) / 86_400_000) for earlier, later in itertools.pairwise(attempts)]
    assert gaps == [7, 14, 28, 28, 28]
    assert (await world.execution(arn)).waiting == "prompt"
    await world.reboot()
    await world.pass_time(224 * DAY)
    assert (await world.execution(arn)).status == "RUNNING"
    await world.pass_time(2 * DAY)
    closed = await world.execution(arn)
    assert closed.status == "TIMED_OUT"
    assert closed.stopped_ms - closed.started_ms == YEAR * 1000
    assert time.perf_counter() - begun < 20  # a hang, not a benchmark: it takes well under a second
