"""What an execution is started with: each setting from the call, else from the type's defaults, else it is undefined.

The same for StartWorkflowExecution, a child and a continued run; they differ in what they call the missing one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowd.swf.registration import RegisteredType
from flowd.swf.rules import CHILD_POLICIES, broken, check_duration, check_name, check_priority, check_tags
from flowd.swf_frames import Parent, Settings

#: Setting, its member in a call, the type's default, and the end of the cause when neither is there.
_REQUIRED = (
    ("execution_timeout", "executionStartToCloseTimeout", "defaultExecutionStartToCloseTimeout",
     "EXECUTION_START_TO_CLOSE_TIMEOUT"),
    ("task_list", "taskList", "defaultTaskList", "TASK_LIST"),
    ("task_timeout", "taskStartToCloseTimeout", "defaultTaskStartToCloseTimeout", "TASK_START_TO_CLOSE_TIMEOUT"),
    ("child_policy", "childPolicy", "defaultChildPolicy", "CHILD_POLICY"),
)  # fmt: skip


class Undefined(Exception):
    """A setting that nobody gave: its member, and the cause of a failed decision."""

    def __init__(self, member: str, setting: str) -> None:
        super().__init__(member)
        self.member = member
        self.cause = f"DEFAULT_{setting}_UNDEFINED"


def check_members(members: Mapping[str, Any], place: str = "") -> None:
    """The rules beyond the service's model for what a start, a child or a continued run gives."""
    checks = {
        "workflowId": check_name,
        "executionStartToCloseTimeout": _execution_timeout,
        "taskStartToCloseTimeout": check_duration,
        "taskPriority": check_priority,
        "childPolicy": _policy,
    }
    for member, check in checks.items():
        if members.get(member) is not None:
            check(members[member], place + member)
    if members.get("taskList") is not None:
        check_name(members["taskList"]["name"], f"{place}taskList.name")
    check_tags(members.get("tagList") or [])


def _execution_timeout(value: str, member: str) -> str:
    return check_duration(value, member, none=False, least=1)


def _policy(value: str, member: str) -> str:
    if value not in CHILD_POLICIES:
        raise broken(value, member, f"Member must satisfy enum value set: [{', '.join(CHILD_POLICIES)}]")
    return value


def settings(
    domain: str,
    found: RegisteredType,
    members: Mapping[str, Any],
    workflow_id: str,
    *,
    run_id: str = "",
    parent: Parent | None = None,
    continued_from: str | None = None,
) -> Settings:
    """The settings of a run that is about to begin. Raises Undefined."""
    given: dict[str, Any] = {}
    for setting, member, default, missing in _REQUIRED:
        value = members.get(member)
        if isinstance(value, Mapping):
            value = value["name"]
        if value is None:
            value = found.defaults.get(default)
        if value is None:
            raise Undefined(member, missing)
        given[setting] = value
    return Settings(
        domain=domain,
        workflow_id=workflow_id,
        run_id=run_id,
        type_name=found.name,
        type_version=found.version,
        task_priority=members.get("taskPriority") or found.defaults.get("defaultTaskPriority"),
        lambda_role=members.get("lambdaRole") or found.defaults.get("defaultLambdaRole"),
        tags=check_tags(members.get("tagList") or []),
        parent=parent,
        continued_from=continued_from,
        **given,
    )
