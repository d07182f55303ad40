"""The table of all operations: what is answered under which target. A new operation is one row of its noun's table."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import msgspec

from flowd.api import (
    activities,
    aliases,
    arns,
    executions,
    flowd_batches,
    flowd_daemon,
    flowd_executions,
    flowd_links,
    flowd_machines,
    flowd_overview,
    flowd_projects,
    flowd_prompts,
    flowd_retries,
    flowd_schedules,
    flowd_testing,
    flowd_workflows,
    histories,
    machines,
    map_runs,
    swf_domains,
    swf_executions,
    swf_lists,
    swf_tasks,
    swf_types,
    tagging,
    tasks,
    test_states,
    versions,
)
from flowd.api.services import Services
from flowd.api.wire.answers import Body
from flowd.api.wire.app import Operation
from flowd.api.wire.caller import Caller
from flowd.api.wire.shapes import read_object, requests
from flowd.api.wire.unbuilt import STATES, SWF
from flowd.errors import ValidationException

__all__ = ["FLOWD", "Services", "operations"]

FLOWD = "Flowd"
Handler = Callable[[Services, Any, Caller], Coroutine[Any, Any, Body | None]]
_STATES: dict[str, Handler] = {
    name: handler
    for noun in (machines, versions, aliases, executions, map_runs, histories, activities, tasks, tagging, test_states)
    for name, handler in noun.OPERATIONS.items()
}
_SWF: dict[str, Handler] = {
    name: handler
    for noun in (swf_domains, swf_types, swf_executions, swf_lists, swf_tasks)
    for name, handler in noun.OPERATIONS.items()
}
_FLOWD: dict[str, tuple[type, Handler]] = {
    name: row
    for noun in (
        flowd_daemon,
        flowd_executions,
        flowd_batches,
        flowd_links,
        flowd_prompts,
        flowd_retries,
        flowd_machines,
        flowd_overview,
        flowd_projects,
        flowd_schedules,
        flowd_testing,
        flowd_workflows,
    )
    for name, row in noun.OPERATIONS.items()
}
_REQUESTS = requests("stepfunctions")
_SWF_REQUESTS = requests("swf")


def _arn_first(members: dict[str, Any]) -> None:
    """StartExecution looks at the ARN before it looks at anything else (observed on AWS)."""
    arn = members.get("stateMachineArn")
    if isinstance(arn, str) and arn:
        arns.machine(arn.partition("#")[0])  # what follows is the name of a test case


_REQUESTS["StartExecution"].before = _arn_first


class _Own:
    """Reads the requests of one of flowd's own operations."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def read(self, body: bytes) -> Any:
        members = {name: value for name, value in read_object(body).items() if value is not None}
        try:
            return msgspec.convert(members, self._kind)
        except msgspec.ValidationError as error:
            raise ValidationException(f"The request does not fit: {error}") from None


def operations(services: Services) -> dict[str, Operation]:
    """Every operation by its full target."""
    found = {
        f"{STATES}.{name}": Operation(_REQUESTS[name], partial(handler, services)) for name, handler in _STATES.items()
    }
    for name, handler in _SWF.items():
        row = Operation(_SWF_REQUESTS[name], partial(handler, services))
        found.update((f"{target}.{name}", row) for target in SWF)
    for name, (kind, handler) in _FLOWD.items():
        found[f"{FLOWD}.{name}"] = Operation(_Own(kind), partial(handler, services))
    return found
