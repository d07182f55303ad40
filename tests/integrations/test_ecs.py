"""ecs:runTask in its three patterns, beside a cluster that obeys the test."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowd.clock import ManualClock
from flowd.decisions import Pattern
from flowd.integrations.ecs import Ecs
from flowd.integrations.ports import Failed, Succeeded, TaskCall
from flowd.payload import Payload, loads
from flowd.services.ports import ServiceError

ARN = "arn:aws:ecs:us-east-1:000000000000:task/default/f00d"
BEGUN = {"taskArn": ARN, "createdAt": 1.5, "containers": [{"name": "main", "lastStatus": "PENDING"}], "version": 1}


@dataclass
class Ended:
    description: dict[str, Any]
    succeeded: bool = True
    log: str = "printed"
    log_truncated: bool = False


@dataclass
class Host:
    problem: ServiceError | None = None
    end: Ended = field(default_factory=lambda: Ended({**BEGUN, "stoppedAt": 9.25, "lastStatus": "STOPPED"}))
    asked: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    stopped: list[tuple[str, str]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def run(self, members: Mapping[str, Any], key: str = "") -> list[dict[str, Any]]:
        if self.gate:
            await self.gate.wait()
        self.asked.append((dict(members), key))
        if self.problem:
            raise self.problem
        return [dict(BEGUN)]

    async def ended(self, task_id: str) -> Ended:
        assert task_id == "f00d"
        return self.end

    async def stop_task(self, task_id: str, reason: str) -> dict[str, Any]:
        self.stopped.append((task_id, reason))
        return {}


def task(pattern: Pattern = "", parameters: Any = None) -> TaskCall:
    given = {"TaskDefinition": "job", "Cluster": "c"} if parameters is None else parameters
    return TaskCall(
        key="7:0:1",
        execution_arn="arn:aws:states:us-east-1:000000000000:execution:m:e",
        machine_arn="arn:aws:states:us-east-1:000000000000:stateMachine:m",
        state="Run",
        resource=f"arn:aws:states:::ecs:runTask{'.' if pattern else ''}{pattern}",
        service="ecs",
        action="runTask",
        pattern=pattern,
        parameters=Payload.of(given),
        token="t",
    )


async def test_the_request_is_ecs_own_and_the_answer_is_step_functions() -> None:
    host = Host()
    overrides = {"ContainerOverrides": [{"Name": "main", "Environment": [{"Name": "A", "Value": "B"}]}]}
    given = {"TaskDefinition": "job", "Overrides": overrides, "Group": None, "LaunchType": "FARGATE"}
    outcome = await Ecs(host, ManualClock()).call(task(parameters=given))
    assert isinstance(outcome, Succeeded)
    shown = outcome.output.value
    assert list(shown) == ["Failures", "SdkHttpMetadata", "SdkResponseMetadata", "Tasks"]
    assert shown["Failures"] == []
    assert shown["Tasks"] == [
        {
            "Containers": [{"Name": "main", "LastStatus": "PENDING"}],
            "CreatedAt": 1500,
            "TaskArn": ARN,
            "Version": 1,
        }
    ]
    [(members, key)] = host.asked
    assert key == "7:0:1"
    assert members == {
        "taskDefinition": "job",
        "overrides": {"containerOverrides": [{"name": "main", "environment": [{"name": "A", "value": "B"}]}]},
        "launchType": "FARGATE",
        "startedBy": "AWS Step Functions",
    }


async def test_sync_answers_with_the_task_and_its_log() -> None:
    ecs = Ecs(Host(), ManualClock())
    submitted = await ecs.call(task("sync"))
    assert isinstance(submitted, Succeeded)
    outcome = await ecs.wait(task("sync"), submitted.output)
    assert isinstance(outcome, Succeeded)
    assert outcome.log == "printed"
    assert outcome.output.value["LastStatus"] == "STOPPED"
    assert outcome.output.value["StoppedAt"] == 9250


async def test_sync_fails_with_the_tasks_description_as_the_cause() -> None:
    host = Host()
    host.end.succeeded = False
    ecs = Ecs(host, ManualClock())
    submitted = await ecs.call(task("sync"))
    assert isinstance(submitted, Succeeded)
    outcome = await ecs.wait(task("sync"), submitted.output)
    assert isinstance(outcome, Failed)
    assert (outcome.error, outcome.log) == ("States.TaskFailed", "printed")
    assert loads(outcome.cause or "")["TaskArn"] == ARN


async def test_an_error_of_ecs_is_worded_as_the_sdk_does() -> None:
    host = Host(ServiceError("ClientException", "TaskDefinition not found."))
    stages: dict[Pattern, str] = {"": "run", "sync": "submit"}
    for pattern, stage in stages.items():
        outcome = await Ecs(host, ManualClock()).call(task(pattern))
        assert isinstance(outcome, Failed)
        assert (outcome.error, outcome.stage) == ("ECS.ClientException", stage)
        said = "TaskDefinition not found. (Service: AmazonECS; Status Code: 400; Error Code: ClientException;"
        assert (outcome.cause or "").startswith(said)


@pytest.mark.parametrize(
    ("pattern", "parameters", "reason"),
    [
        ("", {"TaskDefinition": "job", "Color": 1}, 'The field "Color" is not supported by Step Functions'),
        ("", {"Cluster": "c"}, "The field 'TaskDefinition' is required but was missing"),
        ("", {"TaskDefinition": 7}, "The value for the field 'TaskDefinition' must be a STRING"),
        ("", {"TaskDefinition": "j", "Count": True}, "The value for the field 'Count' must be a INTEGER"),
        ("sync", {"TaskDefinition": "j", "Count": 2}, "The field 'Count' must be 1"),
        ("", [1], "The parameters are not an object"),
    ],
)
async def test_parameters_that_cannot_be_used_are_refused(pattern: Pattern, parameters: Any, reason: str) -> None:
    outcome = await Ecs(Host(), ManualClock()).call(task(pattern, parameters))
    assert isinstance(outcome, Failed)
    assert outcome.error == "States.Runtime"
    assert reason in (outcome.cause or "")


async def test_a_stopped_attempt_stops_the_task_it_waits_for_and_no_other() -> None:
    stops: dict[Pattern, int] = {"sync": 1, "": 0, "waitForTaskToken": 0}
    for pattern, stopped in stops.items():
        host = Host()
        ecs = Ecs(host, ManualClock())
        await ecs.call(task(pattern))
        await ecs.cancel(task(pattern))
        assert len(host.stopped) == stopped, pattern


async def test_a_start_under_way_is_waited_for_and_then_stopped() -> None:
    host = Host(gate=asyncio.Event())
    ecs = Ecs(host, ManualClock())
    call = asyncio.ensure_future(ecs.call(task("sync")))
    await asyncio.sleep(0)
    call.cancel()
    stopping = asyncio.ensure_future(ecs.cancel(task("sync")))
    await asyncio.sleep(0)
    assert host.gate is not None
    host.gate.set()
    await stopping
    assert [task_id for task_id, _ in host.stopped] == ["f00d"]


async def test_a_restarted_daemon_waits_on_and_can_still_stop() -> None:
    host = Host()
    ecs = Ecs(host, ManualClock())
    await ecs.wait(task("sync"), Payload.of({"Tasks": [{"TaskArn": ARN}]}))
    await ecs.cancel(task("sync"))
    assert len(host.stopped) == 1


def test_other_actions_are_refused() -> None:
    assert "use ecs:runTask" in (Ecs(Host(), ManualClock()).refuse("ecs", "stopTask", "") or "")
