"""boto3's ecs client at the daemon: definitions registered, tasks run, described, listed and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowd.api.ecs_api import EcsBackend
from flowd.api.wire.caller import Caller
from flowd.services.ports import ServiceError
from tests.api.wired import Wired
from tests.engine.test_cluster import JOB, Stage

CONTAINERS = JOB["containerDefinitions"]


class Ecs(Stage):
    wired: Wired

    async def begin(self) -> None:
        await self.boot()
        self.wired = Wired("ecs", EcsBackend(self.cluster))
        await self.wired.start()

    async def end(self) -> None:
        await self.wired.stop()
        await self.halt()


@pytest.fixture
async def ecs(tmp_path: Path) -> AsyncIterator[Ecs]:
    made = Ecs(tmp_path)
    await made.begin()
    yield made
    await made.end()


async def test_a_definition_is_registered_described_listed_and_deregistered(ecs: Ecs) -> None:
    call = ecs.wired.call
    made = (await call("register_task_definition", family="job", containerDefinitions=CONTAINERS))["taskDefinition"]
    assert made["taskDefinitionArn"] == "arn:aws:ecs:us-east-1:000000000000:task-definition/job:1"
    await call("register_task_definition", family="job", containerDefinitions=CONTAINERS)
    assert (await call("describe_task_definition", taskDefinition="job"))["taskDefinition"]["revision"] == 2
    for operation in ("list_clusters", "list_task_definitions", "list_task_definition_families", "list_tasks"):
        for most in (-1, 0, 101):
            assert (await ecs.wired.refused(operation, maxResults=most))[0] == "InvalidParameterException"
        assert (await ecs.wired.refused(operation, nextToken="9" * 21))[0] == "InvalidParameterException"
    listed = await call("list_task_definitions", familyPrefix="job", maxResults=1)
    assert (listed["taskDefinitionArns"], listed["nextToken"]) == ([made["taskDefinitionArn"]], "1")
    gone = await call("deregister_task_definition", taskDefinition="job:1")
    assert gone["taskDefinition"]["status"] == "INACTIVE"
    assert (await call("list_task_definition_families"))["families"] == ["job"]
    assert (await call("describe_task_definition", taskDefinition="job:1"))["taskDefinition"]["status"] == "INACTIVE"


async def test_a_task_is_run_and_stopped(ecs: Ecs) -> None:
    call = ecs.wired.call
    await call("register_task_definition", family="job", containerDefinitions=CONTAINERS)
    override = {"name": "main", "command": ["./other"], "environment": [{"name": "A", "value": "1"}]}
    run = await call(
        "run_task", cluster="c", taskDefinition="job", clientToken="once", overrides={"containerOverrides": [override]}
    )
    assert run["failures"] == []
    arn = run["tasks"][0]["taskArn"]
    await ecs.running()
    [spec] = ecs.host.specs.values()
    assert (spec.command, spec.environment["A"]) == (["./other"], "1")
    again = await call("run_task", cluster="c", taskDefinition="job", clientToken="once")
    assert again["tasks"][0]["taskArn"] == arn
    assert (await call("list_tasks", cluster="c"))["taskArns"] == [arn]
    assert (await call("list_tasks"))["taskArns"] == []
    await call("stop_task", cluster="c", task=arn, reason="enough")
    await ecs.cluster.ended(arn.rpartition("/")[2])
    found = await call("describe_tasks", cluster="c", tasks=[arn, "nothing"])
    [task] = found["tasks"]
    assert (task["lastStatus"], task["stoppedReason"], task["containers"][0]["exitCode"]) == ("STOPPED", "enough", 143)
    assert task["createdAt"].year == 2023
    missing = "arn:aws:ecs:us-east-1:000000000000:task/c/nothing"
    assert found["failures"] == [{"arn": missing, "reason": "MISSING"}]
    assert (await call("list_tasks", cluster="c", desiredStatus="STOPPED"))["taskArns"] == [arn]


async def test_what_cannot_be_is_refused_in_ecs_words(ecs: Ecs) -> None:
    refused = ecs.wired.refused
    assert await refused("run_task", taskDefinition="none") == ("ClientException", "TaskDefinition not found.")
    image = [{"name": "m", "image": "team/x", "memory": 64}]
    code, said = await refused("register_task_definition", family="x", containerDefinitions=image)
    assert (code, said[:36]) == ("ClientException", "the image team/x needs podman or doc")
    code, said = await refused("stop_task", task="nothing")
    assert (code, said) == ("InvalidParameterException", "The referenced task was not found.")
    code, said = await refused("create_service", serviceName="s")
    assert (code, "CreateService" in said) == ("UnknownOperationException", True)
    await ecs.cluster.definitions.register({**JOB, "family": "file"}, folder="/w", source="file.taskdef.json")
    code, said = await refused("deregister_task_definition", taskDefinition="file")
    assert said == "file belongs to file.taskdef.json; remove it there"


async def test_the_one_cluster_is_told(ecs: Ecs) -> None:
    [found] = (await ecs.wired.call("describe_clusters"))["clusters"]
    assert (found["clusterName"], found["status"]) == ("default", "ACTIVE")
    assert (await ecs.wired.call("list_clusters"))["clusterArns"] == [found["clusterArn"]]


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("RunTask", "TaskDefinition"),
        ("StopTask", "Task"),
        ("DescribeTasks", "Tasks"),
        ("DescribeTaskDefinition", "TaskDefinition"),
    ],
)
async def test_a_required_member_that_is_missing_is_named(ecs: Ecs, operation: str, member: str) -> None:
    backend, caller = EcsBackend(ecs.cluster), Caller("me", lambda: True, asyncio.Event())
    with pytest.raises(ServiceError, match=f"{member} can not be blank") as caught:
        await backend.invoke("ecs", operation, {}, caller)
    assert caught.value.code == "InvalidParameterException"
