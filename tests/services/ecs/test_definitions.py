"""What a task definition may say, in AWS's words and for this box."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.services.ecs.definitions import InvalidDefinition, Site, TaskDefinition, check, described, split_name
from flowd.services.ports import ServiceError

SITE = Site(region="eu-west-1", account="111122223333")
WITH_ENGINE = Site(region="eu-west-1", account="111122223333", engine="/usr/bin/podman")


def members(container: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    first = {"name": "main", "image": "local/job", "command": ["./job"], "memory": 128, **(container or {})}
    return {"family": "job", "containerDefinitions": [first], **more}


def test_a_local_command_needs_no_engine_and_an_image_needs_one() -> None:
    check(members(), SITE)
    image = members({"image": "team/job:1"})
    check(image, WITH_ENGINE)
    with pytest.raises(InvalidDefinition, match="the image team/job:1 needs podman or docker") as raised:
        check(image, SITE)
    assert raised.value.location == "/containerDefinitions[0]/image"


def test_a_setting_makes_images_local() -> None:
    site = Site(region="r", account="a", local_images=("*.amazonaws.com/job:*",))
    check(members({"image": "1.dkr.ecr.us-east-1.amazonaws.com/job:2"}), site)


@pytest.mark.parametrize(
    ("given", "message", "location"),
    [
        ({"family": "job"}, 'Missing required parameter in input: "containerDefinitions"', ""),
        (members(colour="red"), 'Unknown parameter in input: "colour"', ""),
        (members({"command": "ls"}), "Invalid type for parameter containerDefinitions[0].command", ""),
        (members() | {"family": "a b"}, "Family should only contain letters", "/family"),
        ({"family": "job", "containerDefinitions": []}, "Container list cannot be empty.", "/containerDefinitions"),
        (members({"name": "a b"}), "The container name a b should only contain", "/containerDefinitions[0]/name"),
        (members({"image": ""}), "Container.image should not be null or empty.", "/containerDefinitions[0]/image"),
        (members({"command": []}), "is local, so it needs a command", "/containerDefinitions[0]/command"),
        (members({"memory": 0}), "Invalid setting for container 'main'.", "/containerDefinitions[0]/memory"),
        (members({"essential": False}), "At least one container must be essential.", "/containerDefinitions"),
        (
            members({"secrets": [{"name": "A", "valueFrom": "b"}]}),
            "secrets is not built in flowd: secrets; use environment",
            "/containerDefinitions[0]/secrets",
        ),
        (
            members({"mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}),
            "a local command sees the box's own folders",
            "/containerDefinitions[0]/mountPoints",
        ),
        (
            members(volumes=[{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]),
            "efsVolumeConfiguration is not built in flowd",
            "/volumes[0]/efsVolumeConfiguration",
        ),
        (members(cpu="much"), "Invalid 'cpu' setting for task: much", "/cpu"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(given: dict[str, Any], message: str, location: str) -> None:
    with pytest.raises(InvalidDefinition) as raised:
        check(given, SITE)
    assert message in str(raised.value)
    assert raised.value.location == location


def test_the_memory_of_the_task_is_enough() -> None:
    check(members({"memory": 0}, memory="0.5 GB", cpu=".25 vCPU"), SITE)


def test_two_containers_of_one_name_are_refused() -> None:
    given = members()
    given["containerDefinitions"] *= 2
    with pytest.raises(InvalidDefinition, match="The container name main is there twice"):
        check(given, SITE)


def test_a_description_has_the_defaults() -> None:
    shown = described(TaskDefinition(family="job", members=members(), revision=3, created_ms=1_500), SITE)
    assert shown["taskDefinitionArn"] == "arn:aws:ecs:eu-west-1:111122223333:task-definition/job:3"
    assert (shown["status"], shown["revision"], shown["registeredAt"]) == ("ACTIVE", 3, 1.5)
    assert shown["containerDefinitions"][0]["essential"] is True


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("job", ("job", None)),
        ("job:7", ("job", 7)),
        ("arn:aws:ecs:us-west-2:999999999999:task-definition/job:7", ("job", 7)),
        ("arn:aws:ecs:us-west-2:999999999999:task-definition/job", ("job", None)),
    ],
)
def test_definitions_are_named_in_all_of_ecs_ways(name: str, found: tuple[str, int | None]) -> None:
    assert split_name(name) == found


def test_a_revision_is_a_number() -> None:
    with pytest.raises(ServiceError, match="Invalid revision number"):
        split_name("job:live")
