"""One run of a task definition: overrides, containers, and its description through its life. Pure.

Descriptions have the members of the API's own Task, times in epoch seconds.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from flowd.containers import ContainerEnd, ContainerSpec
from flowd.services.ecs.definitions import InvalidDefinition, Site, TaskDefinition, task_limits
from flowd.services.ports import ServiceError

_DEFAULT_MB: Final = 512
#: What RunTask takes and this box cannot do; all else about where a task runs has no meaning on one box.
_NOT_BUILT: Final = ("volumeConfigurations",)
_OVERRIDABLE: Final = frozenset({"name", "command", "environment", "cpu", "memory", "memoryReservation"})
EXITED: Final = "Essential container in task exited"
FAILED_TO_START: Final = "TaskFailedToStart"


class Planned(msgspec.Struct, frozen=True):
    """One container of a task."""

    name: str
    essential: bool
    spec: ContainerSpec


class Plan(msgspec.Struct, frozen=True):
    """A task that is to run."""

    description: dict[str, Any]
    containers: tuple[Planned, ...]


def plan(definition: TaskDefinition, members: Mapping[str, Any], site: Site, task_id: str, now_ms: int) -> Plan:
    """The task that RunTask asks for; raises ServiceError in ECS's words."""
    for name in _NOT_BUILT:
        if members.get(name):
            raise ServiceError("InvalidParameterException", f"{name} is not built in flowd")
    overrides = members.get("overrides") or {}
    by_name = _overrides(definition, overrides)
    cluster = (members.get("cluster") or "default").rpartition("/")[2]
    arn = f"arn:aws:ecs:{site.region}:{site.account}:task/{cluster}/{task_id}"
    try:
        cpu, memory = task_limits(
            {**definition.members, **{k: v for k, v in overrides.items() if k in ("cpu", "memory")}}
        )
    except InvalidDefinition as error:
        raise ServiceError("InvalidParameterException", str(error)) from None
    planned, shown = [], []
    for container in definition.members["containerDefinitions"]:
        merged = {**container, **by_name.get(container["name"], {})}
        merged["environment"] = [
            *container.get("environment", ()),
            *by_name.get(container["name"], {}).get("environment", ()),
        ]
        spec = _spec(definition, merged, site, task_id, cpu, memory)
        planned.append(Planned(container["name"], bool(container.get("essential", True)), spec))
        shown.append(_container(merged, arn, site))
    description = {
        "attachments": [],
        "attributes": [],
        "availabilityZone": f"{site.region}a",
        "clusterArn": f"arn:aws:ecs:{site.region}:{site.account}:cluster/{cluster}",
        "containers": shown,
        "cpu": str(cpu or sum(each.spec.cpu_units for each in planned)),
        "createdAt": now_ms / 1000,
        "desiredStatus": "RUNNING",
        "enableExecuteCommand": False,
        "group": members.get("group") or f"family:{definition.family}",
        "inferenceAccelerators": [],
        "lastStatus": "PROVISIONING",
        "launchType": members.get("launchType") or "FARGATE",
        "memory": str(memory or sum(each.spec.memory_mb for each in planned)),
        "overrides": {
            **overrides,
            "containerOverrides": [
                {"command": [], "environment": [], "environmentFiles": [], "resourceRequirements": [], **each}
                for each in overrides.get("containerOverrides") or ({"name": each.name} for each in planned)
            ],
            "inferenceAcceleratorOverrides": [],
        },
        "platformVersion": "1.4.0",
        "startedBy": members.get("startedBy"),
        "tags": members.get("tags") or [],
        "taskArn": arn,
        "taskDefinitionArn": definition.arn(site),
        "version": 1,
    }
    return Plan({name: value for name, value in description.items() if value is not None}, tuple(planned))


def _overrides(definition: TaskDefinition, overrides: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    names = {container["name"] for container in definition.members["containerDefinitions"]}
    found: dict[str, Mapping[str, Any]] = {}
    for override in overrides.get("containerOverrides") or ():
        name = override.get("name")
        if name not in names:
            said = f"Override for container named {name} is not a container in the TaskDefinition."
            raise ServiceError("InvalidParameterException", said)
        for member, value in override.items():
            if value and member not in _OVERRIDABLE:
                raise ServiceError("InvalidParameterException", f"The override {member} is not built in flowd")
        found[name] = {member: value for member, value in override.items() if value is not None}
    return found


def _spec(
    definition: TaskDefinition, container: Mapping[str, Any], site: Site, task_id: str, cpu: int, memory: int
) -> ContainerSpec:
    local = site.is_local(container["image"])
    given = {each["name"]: each.get("value", "") for each in container["environment"]}
    folder = container.get("workingDirectory") or ""
    return ContainerSpec(
        name=f"{task_id}.{container['name']}",
        command=list(container.get("command") or ()),
        entry_point=list(container.get("entryPoint") or ()),
        environment={**site.environment, **given},
        folder=os.path.normpath(os.path.join(definition.folder, folder)) if local else folder,
        memory_mb=container.get("memory") or memory or container.get("memoryReservation") or _DEFAULT_MB,
        cpu_units=cpu or container.get("cpu") or 0,
        stop_timeout_s=float(container.get("stopTimeout") or 30),
        engine="" if local else site.engine,
        image=container["image"],
        mounts=_mounts(definition.members.get("volumes") or (), container.get("mountPoints") or ()),
        user=container.get("user") or "",
    )


def _mounts(volumes: Sequence[Mapping[str, Any]], points: Sequence[Mapping[str, Any]]) -> list[str]:
    """A volume without a folder of the box is one that the engine makes under the volume's name."""
    sources = {each.get("name"): (each.get("host") or {}).get("sourcePath") or each.get("name") for each in volumes}
    return [
        f"{sources.get(point.get('sourceVolume'))}:{point.get('containerPath')}{':ro' if point.get('readOnly') else ''}"
        for point in points
    ]


def _container(container: Mapping[str, Any], task_arn: str, site: Site) -> dict[str, Any]:
    number = uuid.uuid5(uuid.NAMESPACE_URL, f"{task_arn}/{container['name']}")
    shown = {
        "containerArn": f"{task_arn.replace(':task/', ':container/')}/{number}",
        "cpu": str(container.get("cpu") or 0),
        "image": container["image"],
        "lastStatus": "PENDING",
        "managedAgents": [],
        "memory": str(container["memory"]) if container.get("memory") else None,
        "memoryReservation": str(container["memoryReservation"]) if container.get("memoryReservation") else None,
        "name": container["name"],
        "networkBindings": [],
        "networkInterfaces": [],
        "gpuIds": [],
        "taskArn": task_arn,
    }
    return {name: value for name, value in shown.items() if value is not None}


def running(description: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """The description of a task whose containers have been begun."""
    at = now_ms / 1000
    return {
        **description,
        "connectivity": "CONNECTED",
        "connectivityAt": at,
        "containers": [{**each, "lastStatus": "RUNNING"} for each in description["containers"]],
        "lastStatus": "RUNNING",
        "pullStartedAt": at,
        "pullStoppedAt": at,
        "startedAt": at,
        "version": description["version"] + 1,
    }


def stopping(description: Mapping[str, Any], reason: str, now_ms: int) -> dict[str, Any]:
    """The description of a task that somebody wants to end."""
    return {
        **description,
        "desiredStatus": "STOPPED",
        "stopCode": "UserInitiated",
        "stoppedReason": reason,
        "stoppingAt": now_ms / 1000,
        "version": description["version"] + 1,
    }


def stopped(
    description: Mapping[str, Any], ends: Mapping[str, ContainerEnd], code: str, reason: str, now_ms: int
) -> dict[str, Any]:
    """The description of a task that is over."""
    at = now_ms / 1000
    started = [end.started_ms for end in ends.values() if end.started_ms]
    after = {
        **description,
        "containers": [_ended(each, ends.get(each["name"])) for each in description["containers"]],
        "desiredStatus": "STOPPED",
        "executionStoppedAt": max((end.ended_ms for end in ends.values()), default=0) / 1000 or at,
        "lastStatus": "STOPPED",
        "stopCode": code,
        "stoppedAt": at,
        "stoppedReason": reason,
        "stoppingAt": description.get("stoppingAt", at),
        "version": description["version"] + 1,
    }
    if started:
        after["startedAt"] = min(started) / 1000
    else:
        after.pop("startedAt", None)  # nothing of it ever ran
    return after


def _ended(container: Mapping[str, Any], end: ContainerEnd | None) -> dict[str, Any]:
    shown = {**container, "lastStatus": "STOPPED"}
    if end is not None and end.exit_code is not None:
        shown["exitCode"] = end.exit_code
    if end is not None and end.reason:
        shown["reason"] = end.reason
    return shown


def succeeded(description: Mapping[str, Any], essential: Sequence[str]) -> bool:
    """True if it ended by itself and no essential container says otherwise.

    A container that was stopped because another one had ended says nothing about the work, but it says it with 143 or
    137, so these count only where every essential container has them.
    """
    if description.get("stopCode") != "EssentialContainerExited":
        return False
    codes = [each.get("exitCode") for each in description["containers"] if each["name"] in essential]
    told = [code for code in codes if code not in (137, 143)]
    return bool(told) and all(code == 0 for code in told)
