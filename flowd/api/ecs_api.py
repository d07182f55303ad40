"""ECS's API over the cluster of this box: task definitions and tasks. Services and instances are not there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from botocore.model import StructureShape

from flowd.api.wire.caller import Caller
from flowd.api.wire.protocols.models import operation_model
from flowd.engine.cluster import Cluster
from flowd.services.ecs.definitions import InvalidDefinition, TaskDefinition, described
from flowd.services.ports import ServiceError

_PAGE: Final = 100
_LONGEST_TOKEN: Final = 18  # digits: it is a row's number
_MOST_DESCRIBED: Final = 100


class EcsBackend:
    """Answers for ECS."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def offers(self, service: str, operation: str) -> bool:
        return operation in _OPERATIONS

    async def invoke(self, service: str, operation: str, members: dict[str, Any], caller: Caller) -> dict[str, Any]:
        shape = operation_model("ecs", operation).input_shape
        for name in shape.required_members if isinstance(shape, StructureShape) else ():
            if name not in members:
                raise ServiceError("InvalidParameterException", f"{name[:1].upper()}{name[1:]} can not be blank.")
        return await _OPERATIONS[operation](self, members)

    # -- task definitions ----------------------------------------------------------

    async def _register(self, members: dict[str, Any]) -> dict[str, Any]:
        try:
            made = await self._cluster.definitions.register(members)
        except InvalidDefinition as error:
            raise ServiceError("ClientException", f"{error} {error.location}".strip()) from None
        return self._definition(made, members.get("tags"))

    def _definition(self, found: TaskDefinition, tags: Any = None) -> dict[str, Any]:
        shown = {"taskDefinition": described(found, self._cluster.site)}
        return {**shown, "tags": tags} if tags else shown

    async def _deregister(self, members: dict[str, Any]) -> dict[str, Any]:
        found = await self._cluster.definitions.find(members["taskDefinition"])
        if found.source:
            said = f"{found.family} belongs to {found.source}; remove it there"
            raise ServiceError("ClientException", said)
        return self._definition(await self._cluster.definitions.deregister(found))

    async def _describe_definition(self, members: dict[str, Any]) -> dict[str, Any]:
        found = await self._cluster.definitions.find(members["taskDefinition"], inactive=True)
        return self._definition(found, found.members.get("tags") if "TAGS" in (members.get("include") or ()) else None)

    async def _list_definitions(self, members: dict[str, Any]) -> dict[str, Any]:
        status, prefix = members.get("status") or "ACTIVE", members.get("familyPrefix")
        arns = [
            each.arn(self._cluster.site)
            for family, known in sorted(self._cluster.definitions.families.items())
            for each in known
            if each.status == status and prefix in (None, family)
        ]
        return _page("taskDefinitionArns", arns[::-1] if members.get("sort") == "DESC" else arns, members)

    async def _list_families(self, members: dict[str, Any]) -> dict[str, Any]:
        status, prefix = members.get("status") or "ACTIVE", members.get("familyPrefix") or ""
        families = [
            family
            for family, known in sorted(self._cluster.definitions.families.items())
            if family.startswith(prefix) and (status == "ALL" or any(each.status == status for each in known))
        ]
        return _page("families", families, members)

    # -- tasks ---------------------------------------------------------------------

    async def _run(self, members: dict[str, Any]) -> dict[str, Any]:
        token = members.get("clientToken")
        return {"tasks": await self._cluster.run(members, f"token:{token}" if token else ""), "failures": []}

    async def _stop(self, members: dict[str, Any]) -> dict[str, Any]:
        task_id = str(members["task"]).rpartition("/")[2]
        return {"task": await self._cluster.stop_task(task_id, members.get("reason") or "Task stopped by user")}

    async def _describe(self, members: dict[str, Any]) -> dict[str, Any]:
        wanted = [str(each) for each in members["tasks"]]
        if not 1 <= len(wanted) <= _MOST_DESCRIBED:
            raise ServiceError("InvalidParameterException", f"Tasks must be from 1 to {_MOST_DESCRIBED}.")
        ids = {each: each.rpartition("/")[2] for each in wanted}
        found = await self._cluster.describe(list(ids.values()))
        place = self._cluster_arn(members).replace(":cluster/", ":task/")
        missing = [
            {"arn": each if each.startswith("arn:") else f"{place}/{each}", "reason": "MISSING"}
            for each in wanted
            if ids[each] not in found
        ]
        return {"tasks": [found[ids[each]] for each in wanted if ids[each] in found], "failures": missing}

    async def _list(self, members: dict[str, Any]) -> dict[str, Any]:
        stopped = members.get("desiredStatus") == "STOPPED"
        most = _most(members)
        after = _number(members.get("nextToken"))
        cluster, family = self._cluster_arn(members).rpartition("/")[2], members.get("family")
        arns: list[str] = []
        while True:
            rows = await self._cluster.rows(stopped=stopped, after=after, most=_PAGE)
            for row in rows:
                after = row.id or 0
                if row.cluster == cluster and family in (None, row.family):
                    arns.append(f"{self._cluster_arn(members).replace(':cluster/', ':task/')}/{row.task_id}")
                    if len(arns) == most:
                        return {"taskArns": arns, "nextToken": str(after)}
            if len(rows) < _PAGE:
                return {"taskArns": arns}

    # -- the cluster -----------------------------------------------------------------

    def _cluster_arn(self, members: dict[str, Any]) -> str:
        name = (members.get("cluster") or "default").rpartition("/")[2]
        return f"arn:aws:ecs:{self._cluster.site.region}:{self._cluster.site.account}:cluster/{name}"

    async def _list_clusters(self, members: dict[str, Any]) -> dict[str, Any]:
        return _page("clusterArns", [self._cluster_arn({})], members)

    async def _describe_clusters(self, members: dict[str, Any]) -> dict[str, Any]:
        arns = [self._cluster_arn({"cluster": each}) for each in members.get("clusters") or ("default",)]
        facts = {"status": "ACTIVE", "registeredContainerInstancesCount": 0, "pendingTasksCount": 0}
        running = {"runningTasksCount": self._cluster.open, "activeServicesCount": 0}
        return {
            "clusters": [
                {"clusterArn": arn, "clusterName": arn.rpartition("/")[2], **facts, **running} for arn in arns
            ],
            "failures": [],
        }


_OPERATIONS: Final[dict[str, Callable[[EcsBackend, dict[str, Any]], Awaitable[dict[str, Any]]]]] = {
    "DeregisterTaskDefinition": EcsBackend._deregister,
    "DescribeClusters": EcsBackend._describe_clusters,
    "DescribeTaskDefinition": EcsBackend._describe_definition,
    "DescribeTasks": EcsBackend._describe,
    "ListClusters": EcsBackend._list_clusters,
    "ListTaskDefinitionFamilies": EcsBackend._list_families,
    "ListTaskDefinitions": EcsBackend._list_definitions,
    "ListTasks": EcsBackend._list,
    "RegisterTaskDefinition": EcsBackend._register,
    "RunTask": EcsBackend._run,
    "StopTask": EcsBackend._stop,
}


def _page(name: str, found: list[str], members: dict[str, Any]) -> dict[str, Any]:
    first = _number(members.get("nextToken"))
    most = _most(members)
    page = {name: found[first : first + most]}
    return {**page, "nextToken": str(first + most)} if first + most < len(found) else page


def _most(members: dict[str, Any]) -> int:
    most = members.get("maxResults")
    if most is not None and not 1 <= most <= _PAGE:
        raise ServiceError("InvalidParameterException", f"maxResults must be from 1 to {_PAGE}.")
    return int(most or _PAGE)


def _number(token: str | None) -> int:
    if not token:
        return 0
    if not (token.isdecimal() and len(token) <= _LONGEST_TOKEN):
        raise ServiceError("InvalidParameterException", "Invalid token.")
    return int(token)
