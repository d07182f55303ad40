"""One run of a task definition: overrides, limits, and what is told of it through its life."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.containers import ContainerEnd
from flowd.services.ecs import tasks
from flowd.services.ecs.definitions import Site, TaskDefinition
from flowd.services.ports import ServiceError

SITE = Site(region="us-east-1", account="000000000000", environment={"AWS_REGION": "us-east-1", "A": "box"})
MAIN = {
    "name": "main",
    "image": "local/job",
    "command": ["./job"],
    "environment": [{"name": "A", "value": "definition"}, {"name": "B", "value": "definition"}],
    "memory": 128,
    "workingDirectory": "sub",
}
SIDE = {"name": "side", "image": "local/log", "command": ["./log"], "memoryReservation": 64, "essential": False}


def definition(*containers: dict[str, Any], **more: Any) -> TaskDefinition:
    members = {"family": "job", "containerDefinitions": list(containers or (MAIN,)), **more}
    return TaskDefinition(family="job", members=members, revision=2, folder="/w/jobs")


def planned(members: dict[str, Any] | None = None, made: TaskDefinition | None = None) -> tasks.Plan:
    return tasks.plan(made or definition(), members or {}, SITE, "f00d", 1_700_000_000_123)


def test_a_task_is_described_as_ecs_does() -> None:
    shown = planned({"cluster": "arn:aws:ecs:x:y:cluster/mine", "startedBy": "me", "group": "g"}).description
    assert shown["taskArn"] == "arn:aws:ecs:us-east-1:000000000000:task/mine/f00d"
    assert shown["clusterArn"] == "arn:aws:ecs:us-east-1:000000000000:cluster/mine"
    assert shown["taskDefinitionArn"] == "arn:aws:ecs:us-east-1:000000000000:task-definition/job:2"
    assert (shown["lastStatus"], shown["desiredStatus"], shown["version"]) == ("PROVISIONING", "RUNNING", 1)
    assert (shown["startedBy"], shown["group"], shown["createdAt"]) == ("me", "g", 1_700_000_000.123)
    assert shown["containers"][0]["lastStatus"] == "PENDING"
    assert shown["overrides"]["containerOverrides"][0]["name"] == "main"


def test_local_paths_count_from_the_definitions_folder_and_its_variables_win_over_the_boxs() -> None:
    [container] = planned().containers
    assert container.spec.folder == "/w/jobs/sub"
    assert container.spec.environment == {"AWS_REGION": "us-east-1", "A": "definition", "B": "definition"}
    assert (container.spec.memory_mb, container.spec.cpu_units, container.spec.engine) == (128, 0, "")


def test_overrides_replace_the_command_and_add_to_the_environment() -> None:
    override = {
        "name": "main",
        "command": ["./other", "x"],
        "environment": [{"name": "B", "value": "override"}],
        "memory": 256,
        "cpu": 512,
    }
    [container] = planned({"overrides": {"containerOverrides": [override]}}).containers
    assert container.spec.command == ["./other", "x"]
    assert container.spec.environment["A"] == "definition"
    assert container.spec.environment["B"] == "override"
    assert (container.spec.memory_mb, container.spec.cpu_units) == (256, 512)


def test_the_tasks_own_limits_hold_for_containers_that_say_nothing() -> None:
    plan = planned({"overrides": {"memory": "1 GB", "cpu": "256"}}, definition({**MAIN, "memory": None}, SIDE))
    assert [(each.spec.memory_mb, each.spec.cpu_units) for each in plan.containers] == [(1024, 256), (1024, 256)]
    assert (plan.description["cpu"], plan.description["memory"]) == ("256", "1024")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"overrides": {"containerOverrides": [{"name": "other"}]}},
            "Override for container named other is not a container in the TaskDefinition.",
        ),
        (
            {"overrides": {"containerOverrides": [{"name": "main", "environmentFiles": [{"type": "s3"}]}]}},
            "The override environmentFiles is not built in flowd",
        ),
        ({"overrides": {"memory": "lots"}}, "Invalid 'memory' setting for task: lots"),
        ({"volumeConfigurations": [{"name": "v"}]}, "volumeConfigurations is not built in flowd"),
    ],
)
def test_what_cannot_be_run_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ServiceError) as raised:
        planned(members)
    assert (raised.value.code, raised.value.message) == ("InvalidParameterException", message)


def test_images_get_their_folders_and_users() -> None:
    site = Site(region="r", account="a", engine="/bin/podman")
    image = {
        **MAIN,
        "image": "team/job",
        "mountPoints": [
            {"sourceVolume": "in", "containerPath": "/in", "readOnly": True},
            {"sourceVolume": "scratch", "containerPath": "/tmp"},
        ],
        "user": "1000",
    }
    volumes = [{"name": "in", "host": {"sourcePath": "/srv/in"}}, {"name": "scratch"}]
    [container] = tasks.plan(definition(image, volumes=volumes), {}, site, "f00d", 0).containers
    assert container.spec.mounts == ["/srv/in:/in:ro", "scratch:/tmp"]
    assert (container.spec.engine, container.spec.folder, container.spec.user) == ("/bin/podman", "sub", "1000")


def over(ends: dict[str, ContainerEnd], code: str = "EssentialContainerExited") -> dict[str, Any]:
    plan = planned(None, definition(MAIN, SIDE))
    return tasks.stopped(tasks.running(plan.description, 2_000), ends, code, tasks.EXITED, 9_000)


def test_an_ended_task_tells_exit_codes_and_times() -> None:
    ends = {
        "main": ContainerEnd(exit_code=3, started_ms=3_000, ended_ms=8_000),
        "side": ContainerEnd(exit_code=143, reason="why", started_ms=2_500, ended_ms=8_500),
    }
    shown = over(ends)
    assert (shown["lastStatus"], shown["desiredStatus"], shown["version"]) == ("STOPPED", "STOPPED", 3)
    assert (shown["startedAt"], shown["executionStoppedAt"], shown["stoppedAt"]) == (2.5, 8.5, 9.0)
    assert [each.get("exitCode") for each in shown["containers"]] == [3, 143]
    assert shown["containers"][1]["reason"] == "why"


def test_what_never_ran_has_no_beginning_and_no_exit_code() -> None:
    shown = over({"main": ContainerEnd(reason="CannotStartContainerError: x")}, tasks.FAILED_TO_START)
    assert "startedAt" not in shown
    assert "exitCode" not in shown["containers"][0]


@pytest.mark.parametrize(
    ("main", "side", "code", "well"),
    [
        (0, 143, "EssentialContainerExited", True),
        (1, 0, "EssentialContainerExited", False),
        (137, 0, "EssentialContainerExited", False),
        (0, 0, "UserInitiated", False),
        (None, 0, "TaskFailedToStart", False),
    ],
)
def test_a_task_went_well_if_its_essential_container_says_so(
    main: int | None, side: int, code: str, well: bool
) -> None:
    shown = over({"main": ContainerEnd(exit_code=main), "side": ContainerEnd(exit_code=side)}, code)
    assert tasks.succeeded(shown, ["main"]) is well
