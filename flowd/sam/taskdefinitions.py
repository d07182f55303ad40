"""AWS::ECS::TaskDefinition -> the members that RegisterTaskDefinition takes. It checks nothing: ECS's rules do."""

from __future__ import annotations

from typing import Any, Final

from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED, SamTaskDefinition
from flowd.sam.resources import Template

#: Where CloudFormation's spelling differs by more than its first letter.
_NAMES: Final = {
    "EFSVolumeConfiguration": "efsVolumeConfiguration",
    "FSxWindowsFileServerVolumeConfiguration": "fsxWindowsFileServerVolumeConfiguration",
}
#: Maps whose keys are the user's own.
_FREE: Final = frozenset({"dockerLabels", "options", "labels", "driverOpts"})
_NUMBERS: Final = frozenset(
    {
        *("containerPort", "hostPort", "interval", "memoryReservation", "retries", "sizeInGiB", "startPeriod"),
        *("startTimeout", "stopTimeout", "timeout"),
    }
)
_FLAGS: Final = frozenset({"essential", "readOnly", "readonlyRootFilesystem", "privileged", "interactive"})
_LEFT_OUT: Final = frozenset({"tags"})


def read_task_definition(template: Template, logical_id: str) -> SamTaskDefinition | None:
    """The task definition; None if it needs what cannot be had, which is in the template's problems."""
    path = ("Resources", logical_id, "Properties")
    try:
        found = template.resolved(logical_id)
        name = template.name_of(logical_id)
    except Unresolvable as problem:
        template.refuse(logical_id, problem.message, *path, code=UNSUPPORTED)
        return None
    members = {key: value for key, value in _spelled(found).items() if key not in _LEFT_OUT}
    for key in ("cpu", "memory"):  # texts for the whole task, numbers for a container
        if key in members:
            members[key] = str(members[key])
    mark = template.document.where("Resources", logical_id)
    return SamTaskDefinition(
        name=name, resource=logical_id, members={**members, "family": name}, line=mark.line, column=mark.column
    )


def _spelled(value: Any, inside: str = "") -> Any:
    """camelCase, and numbers and truth as such: CloudFormation takes texts for them."""
    if isinstance(value, dict):
        if inside in _FREE:
            return {name: str(inner) for name, inner in value.items()}
        names = {name: _NAMES.get(name, name[:1].lower() + name[1:]) for name in value}
        return {names[name]: _spelled(inner, names[name]) for name, inner in value.items()}
    if isinstance(value, list):
        return [_member(each) if inside == "containerDefinitions" else _spelled(each) for each in value]
    if inside in _NUMBERS and isinstance(value, str) and value.isdecimal():
        return int(value)
    if inside in _FLAGS and value in ("true", "false"):
        return value == "true"
    return value


def _member(container: Any) -> Any:
    spelled = _spelled(container)
    if isinstance(spelled, dict):
        for name in ("cpu", "memory"):
            if isinstance(spelled.get(name), str) and spelled[name].isdecimal():
                spelled[name] = int(spelled[name])
        spelled["environment"] = [
            {**each, "value": str(each.get("value", ""))} for each in spelled.get("environment") or ()
        ]
    return spelled
