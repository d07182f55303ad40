"""Status events of executions: for rules that want them, in the batch of their cause, and for nobody else."""

from __future__ import annotations

import json
from typing import Any

from flowd.engine.deliveries.outcomes import Attempt
from flowd.services.ports import Delivery
from tests.engine.world import World, function

TARGET = "arn:aws:lambda:us-east-1:000000000000:function:watch"
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
BROKEN = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "Cause": "C"}}}


class Watch:
    """A rule of the default bus, and what its target is told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: list[dict[str, Any]] = []
        self.listen()

    def listen(self) -> None:
        async def told(delivery: Delivery, attempt: Attempt) -> None:
            self.events.append(json.loads(delivery.body))

        self.world.core.deliveries.carriers["lambda"] = told

    async def rule(self, **pattern: Any) -> None:
        invoke = self.world.core.embedded.invoke
        await invoke("events", "PutRule", {"Name": "r", "EventPattern": json.dumps(pattern)})
        await invoke("events", "PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": TARGET}]})

    @property
    def statuses(self) -> list[str]:
        return [event["detail"]["status"] for event in self.events]


async def test_start_and_end_are_told_with_aws_s_members(world: World) -> None:
    watch = Watch(world)
    await watch.rule(source=["aws.states"], detail={"status": ["SUCCEEDED"]})
    arn = await world.start(await world.machine(PASS), {"a": 1}, name="mine")
    await world.settle()
    [event] = watch.events
    assert (event["source"], event["detail-type"]) == ("aws.states", "Step Functions Execution Status Change")
    assert event["resources"] == [arn]
    detail = event["detail"]
    assert (detail["executionArn"], detail["name"]) == (arn, "mine")
    assert (detail["input"], detail["output"]) == ('{"a":1}', '{"a":1}')
    assert (detail["startDate"], detail["stopDate"]) == (world.clock.now_ms(), world.clock.now_ms())
    assert detail["inputDetails"] == detail["outputDetails"] == {"included": True}
    assert detail["redriveStatus"] == "NOT_REDRIVABLE"


async def test_failures_carry_error_and_cause(world: World) -> None:
    watch = Watch(world)
    await watch.rule(source=["aws.states"])
    await world.run(BROKEN)
    await world.settle()
    assert watch.statuses == ["RUNNING", "FAILED"]
    assert watch.events[0]["detail"]["stopDate"] is None
    detail = watch.events[1]["detail"]
    assert (detail["error"], detail["cause"], detail["output"], detail["outputDetails"]) == ("E", "C", None, None)
    assert len({event["id"] for event in watch.events}) == 2


async def test_a_rule_for_another_source_costs_nothing(world: World) -> None:
    watch = Watch(world)
    await watch.rule(source=["shop"])
    await world.core.db.read(lambda session: None)
    await world.settle()
    assert not world.core.status_events()
    await world.run(PASS)
    assert watch.events == []


async def test_rules_count_from_when_they_are_made_to_when_they_are_off(world: World) -> None:
    watch = Watch(world)
    await watch.rule(source=[{"prefix": "aws."}])
    assert world.core.status_events()
    await world.reboot()
    watch.listen()
    assert world.core.status_events()
    await world.core.embedded.invoke("events", "DisableRule", {"Name": "r"})
    await world.run(PASS)
    assert watch.events == []


async def test_large_data_is_left_out(world: World) -> None:
    watch = Watch(world)
    await watch.rule(source=["aws.states"])
    await world.start(await world.machine(PASS), {"a": "x" * 200_000})
    await world.settle()
    detail = watch.events[-1]["detail"]
    assert (detail["input"], detail["output"], detail["inputDetails"]) == (None, None, {"included": False})
    assert watch.events[0]["detail"]["inputDetails"] == {"included": True}


async def test_what_was_not_committed_is_not_told(world: World) -> None:
    watch = Watch(world)
    await watch.rule(source=["aws.states"])
    world.functions.handlers["work"] = lambda task: 1
    task = {"Type": "Task", "Resource": function("work"), "End": True}
    await world.run({"StartAt": "T", "States": {"T": task}})
    await world.reboot()
    watch.listen()
    await world.settle()
    assert watch.statuses == ["RUNNING", "SUCCEEDED"]
