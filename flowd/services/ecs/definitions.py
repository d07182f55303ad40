"""Task definitions: what RegisterTaskDefinition takes, checked by AWS's model and by what this box can run. Pure.

A file, a template and the API give the same members, in the names of the API's JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

import msgspec
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from flowd.services.ports import ServiceError

LOCAL: Final = "local/"
_FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")  # API reference, RegisterTaskDefinition
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_VCPU = re.compile(r"(\d*\.?\d+) ?vcpus?", re.IGNORECASE)
_GB = re.compile(r"(\d*\.?\d+) ?gb", re.IGNORECASE)
#: What would change what a container does, and is not there: refused, with what to do instead.
_NOT_BUILT: Final = {
    "dependsOn": "the order of containers; let the container wait for what it needs",
    "environmentFiles": "environment files in S3; use environment",
    "firelensConfiguration": "log routers",
    "links": "links; containers of a task share the box's network",
    "resourceRequirements": "GPUs",
    "restartPolicy": "restarting single containers; use Retry of the Task",
    "secrets": "secrets; use environment, or read them in the container",
    "volumesFrom": "volumesFrom; mount the folder in both",
}
_LOCAL_TOO: Final = {
    "mountPoints": "a local command sees the box's own folders",
    "user": "a local command runs as the runner's user",
}
_VOLUMES: Final = ("dockerVolumeConfiguration", "efsVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration")


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What the box has for containers."""

    region: str
    account: str
    engine: str = ""  # the path of podman or docker, "" = none
    local_images: tuple[str, ...] = ()  # patterns of images whose commands are run as local ones
    environment: dict[str, str] = {}  # what every container finds

    def is_local(self, image: str) -> bool:
        """True if the container's command runs as a process of the runner."""
        return image.startswith(LOCAL) or any(fnmatchcase(image, pattern) for pattern in self.local_images)


class TaskDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a family. `members` is what was registered."""

    family: str
    members: dict[str, Any]
    revision: int = 0
    status: str = "ACTIVE"
    folder: str = "/"  # from which relative paths of local commands count
    source: str = ""  # the file or template; "" = the API
    created_ms: int = 0

    def arn(self, site: Site) -> str:
        return f"arn:aws:ecs:{site.region}:{site.account}:task-definition/{self.family}:{self.revision}"


class InvalidDefinition(Exception):
    """A task definition cannot be used; `location` names the member (`/containerDefinitions[0]/image`)."""

    def __init__(self, message: str, location: str = "") -> None:
        super().__init__(message)
        self.location = location


@cache
def model() -> ServiceModel:
    """AWS's own description of the API."""
    return ServiceModel(Loader().load_service_model("ecs", "service-2"), "ecs")


def check(members: Mapping[str, Any], site: Site) -> None:
    """Raises InvalidDefinition for what AWS would refuse and for what this box cannot run."""
    report = ParamValidator().validate(dict(members), model().operation_model("RegisterTaskDefinition").input_shape)
    if report.has_errors():
        raise InvalidDefinition(report.generate_report().splitlines()[0])
    if _FAMILY.fullmatch(members["family"]) is None:
        raise InvalidDefinition("Family should only contain letters, numbers, hyphens and underscores.", "/family")
    containers = members["containerDefinitions"]
    if not containers:
        raise InvalidDefinition("Container list cannot be empty.", "/containerDefinitions")
    _check_volumes(members.get("volumes", ()))
    seen: set[str] = set()
    for index, container in enumerate(containers):
        location = f"/containerDefinitions[{index}]"
        _check_container(members, container, location, site)
        if container["name"] in seen:
            raise InvalidDefinition(f"The container name {container['name']} is there twice.", f"{location}/name")
        seen.add(container["name"])
    if not any(container.get("essential", True) for container in containers):
        raise InvalidDefinition("At least one container must be essential.", "/containerDefinitions")
    task_limits(members)


def _check_volumes(volumes: Sequence[Mapping[str, Any]]) -> None:
    for index, volume in enumerate(volumes):
        for kind in _VOLUMES:
            if volume.get(kind):
                raise InvalidDefinition(
                    f"{kind} is not built in flowd; use host.sourcePath", f"/volumes[{index}]/{kind}"
                )


def _check_container(members: Mapping[str, Any], container: Mapping[str, Any], location: str, site: Site) -> None:
    for name in ("name", "image"):
        if not container.get(name):
            raise InvalidDefinition(f"Container.{name} should not be null or empty.", f"{location}/{name}")
    if _NAME.fullmatch(container["name"]) is None:
        words = "should only contain letters, numbers, hyphens and underscores"
        raise InvalidDefinition(f"The container name {container['name']} {words}.", f"{location}/name")
    local = site.is_local(container["image"])
    refused = {**_NOT_BUILT, **(_LOCAL_TOO if local else {})}
    for name, why in refused.items():
        if container.get(name):
            raise InvalidDefinition(f"{name} is not built in flowd: {why}", f"{location}/{name}")
    if not local and not site.engine:
        image = container["image"]
        said = f"the image {image} needs podman or docker, and neither is here; `{LOCAL}NAME` runs the command itself"
        raise InvalidDefinition(said, f"{location}/image")
    if local and not (container.get("command") or container.get("entryPoint")):
        raise InvalidDefinition(
            f"the image {container['image']} is local, so it needs a command", f"{location}/command"
        )
    if not any(part.get(name) for part, name in _memory_settings(members, container)):
        words = f"Invalid setting for container '{container['name']}'."
        said = f"{words} At least one of 'memory' or 'memoryReservation' must be specified."
        raise InvalidDefinition(said, f"{location}/memory")


def _memory_settings(members: Mapping[str, Any], container: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    return [(container, "memory"), (container, "memoryReservation"), (members, "memory")]


def task_limits(members: Mapping[str, Any]) -> tuple[int, int]:
    """Cpu units and MiB of a whole task, 0 = not said; both may be written with their unit (`.5 vCPU`, `1 GB`)."""
    return _amount(members.get("cpu"), _VCPU, "cpu"), _amount(members.get("memory"), _GB, "memory")


def _amount(text: str | None, unit: re.Pattern[str], name: str) -> int:
    if not text:
        return 0
    found = unit.fullmatch(text)
    if found is not None:
        return round(float(found[1]) * 1024)
    if not text.isdecimal():
        raise InvalidDefinition(f"Invalid '{name}' setting for task: {text}", f"/{name}")
    return int(text)


def described(definition: TaskDefinition, site: Site) -> dict[str, Any]:
    """As DescribeTaskDefinition shows it: with the defaults that ECS fills in."""
    defaults: dict[str, Any] = {"cpu": 0, "portMappings": [], "essential": True, "environment": [], "mountPoints": []}
    members = definition.members
    given = {name: value for name, value in members.items() if name not in ("tags", "containerDefinitions")}
    return {
        **given,
        "taskDefinitionArn": definition.arn(site),
        "containerDefinitions": [{**defaults, **each, "volumesFrom": []} for each in members["containerDefinitions"]],
        "revision": definition.revision,
        "volumes": members.get("volumes", []),
        "status": definition.status,
        "placementConstraints": members.get("placementConstraints", []),
        "compatibilities": ["EC2", "FARGATE"],
        "registeredAt": definition.created_ms / 1000,
    }


def split_name(name: str) -> tuple[str, int | None]:
    """Family and revision of `FAMILY`, `FAMILY:REVISION` or an ARN of any region and account."""
    text = name.rpartition("task-definition/")[2]
    family, colon, revision = text.partition(":")
    if colon and not revision.isdecimal():
        raise ServiceError("ClientException", f"Invalid revision number. Number: {revision}")
    return family, int(revision) if colon else None
