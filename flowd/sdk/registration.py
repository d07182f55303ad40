"""Makes sure that SWF knows a file's domain and types, with defaults: a start needs a name and a version only."""

from __future__ import annotations

from typing import Any

from flowd.sdk.people import Queue
from flowd.sdk.registry import Registry
from flowd.sdk.wire import Caller, Fault

_RETENTION_DAYS = "90"
_NONE = {
    "defaultTaskStartToCloseTimeout": "NONE",
    "defaultTaskHeartbeatTimeout": "NONE",
    "defaultTaskScheduleToStartTimeout": "NONE",
    "defaultTaskScheduleToCloseTimeout": "NONE",
}


def register(swf: Caller, registry: Registry, domain: str, version: str, task_list: str) -> None:
    """Domain, workflow types, activity types, queues; what is there already is left, what is deprecated comes back."""
    _once(swf, "RegisterDomain", name=domain, workflowExecutionRetentionPeriodInDays=_RETENTION_DAYS)
    listed = {"name": task_list}
    for name, workflow in registry.workflows.items():
        options = workflow.options.attributes()
        _type(
            swf,
            "WorkflowType",
            domain,
            name,
            workflow.version or version,
            defaultTaskList=listed,
            defaultExecutionStartToCloseTimeout=options["executionStartToCloseTimeout"],
            defaultTaskStartToCloseTimeout=options["taskStartToCloseTimeout"],
            defaultChildPolicy=options["childPolicy"],
            defaultLambdaRole=workflow.options.lambda_role,
        )
    for name, activity in registry.activities.items():
        _type(swf, "ActivityType", domain, name, activity.version or version, defaultTaskList=listed, **_NONE)
    for queue in registry.queues.values():
        _queue(swf, domain, queue)


def _queue(swf: Caller, domain: str, queue: Queue[Any]) -> None:
    _type(swf, "ActivityType", domain, queue.name, queue.version, defaultTaskList={"name": queue.name}, **_NONE)


def _type(swf: Caller, kind: str, domain: str, name: str, version: str, **defaults: Any) -> None:
    if _once(swf, f"Register{kind}", domain=domain, name=name, version=version, **defaults):
        return
    member = f"{kind[0].lower()}{kind[1:]}"
    named = {"domain": domain, member: {"name": name, "version": version}}
    if swf(f"Describe{kind}", **named)["typeInfo"]["status"] == "DEPRECATED":
        swf(f"Undeprecate{kind}", **named)


def _once(swf: Caller, operation: str, **members: Any) -> bool:
    """False if it was there."""
    try:
        swf(operation, **members)
    except Fault as fault:
        if fault.code.removesuffix("Fault") not in ("TypeAlreadyExists", "DomainAlreadyExists"):
            raise
        return False
    return True
