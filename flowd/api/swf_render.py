"""SWF's values in the wire's form: events, executions, types, domains, requests as plain members. No operation here."""

from __future__ import annotations

from typing import Any

import msgspec

from flowd.api.wire.answers import Body, date, present
from flowd.history import HistoryEvent, attributes_member
from flowd.payload import Payload
from flowd.store.schema_swf import SwfExecution
from flowd.store.swf_reads import Described
from flowd.swf.registration import DEPRECATED, Domain, RegisteredType
from flowd.swf_frames import WorkflowFrame

_LISTS = frozenset({"defaultTaskList"})


def members(value: Any) -> Any:
    """A request or a part of it as plain dicts, without what is absent."""
    if isinstance(value, msgspec.Struct):
        return {name: members(inner) for name in value.__struct_fields__ if (inner := getattr(value, name)) is not None}
    if isinstance(value, list):
        return [members(inner) for inner in value]
    return value


def event(found: HistoryEvent) -> Body:
    """One event of a history."""
    return {
        "eventId": found.id,
        "eventTimestamp": date(found.at_ms),
        "eventType": found.type,
        attributes_member(found.type): {name: _text(value) for name, value in found.details.items()},
    }


def _text(value: Any) -> Any:
    return value.text if isinstance(value, Payload) else value


def execution(row: SwfExecution) -> Body:
    """A WorkflowExecution: both ids."""
    return {"workflowId": row.workflow_id, "runId": row.run_id}


def info(row: SwfExecution, parent: SwfExecution | None = None) -> Body:
    """A WorkflowExecutionInfo. A closed execution shows no cancel request (recorded)."""
    tags = msgspec.json.decode(row.tags)
    is_open = not row.close_status
    return present(
        execution=execution(row),
        workflowType={"name": row.type_name, "version": row.type_version},
        startTimestamp=date(row.started_ms),
        closeTimestamp=None if is_open else date(row.closed_ms),
        executionStatus="OPEN" if is_open else "CLOSED",
        closeStatus=row.close_status or None,
        parent=execution(parent) if parent is not None else None,
        tagList=tags or None,
        cancelRequested=is_open and row.cancel_requested,
    )


def description(found: Described) -> Body:
    """What DescribeWorkflowExecution answers."""
    root = found.root
    chosen = root.settings
    about = info(found.row)
    if chosen.parent is not None:
        about["parent"] = {"workflowId": chosen.parent.workflow_id, "runId": chosen.parent.run_id}
    return present(
        executionInfo=about,
        executionConfiguration=present(
            taskStartToCloseTimeout=chosen.task_timeout,
            executionStartToCloseTimeout=chosen.execution_timeout,
            taskList={"name": chosen.task_list},
            taskPriority=chosen.task_priority,
            childPolicy=chosen.child_policy,
            lambdaRole=chosen.lambda_role,
        ),
        openCounts=open_counts(root),
        latestActivityTaskTimestamp=date(root.latest_activity_ms) if root.latest_activity_ms else None,
        latestExecutionContext=root.context,
    )


def for_people(found: Described) -> Body:
    """What flowd's own description of an execution has of SWF beside the rest."""
    about = description(found)
    chosen = found.root.settings
    return {
        "domain": chosen.domain,
        **about["executionInfo"],
        **{name: value for name, value in about.items() if name != "executionInfo"},
    }


def task_list(name: str) -> Body:
    """What an SWF task list's key says, for those who list queues; nothing of a queue that is none."""
    if not name.startswith("swf/"):
        return {}
    _, tasks, domain, called = name.split("/", 3)
    return {"taskList": called, "domain": domain, "tasks": tasks}


def queue(name: str) -> str:
    """How people call where a task waits: an activity's name, or that of an SWF task list without its domain."""
    return str(task_list(name).get("taskList", name))


def open_counts(root: WorkflowFrame) -> Body:
    return {
        "openActivityTasks": root.activities,
        "openDecisionTasks": int(bool(root.scheduled)),
        "openTimers": root.timers,
        "openChildWorkflowExecutions": root.children,
        "openLambdaFunctions": root.functions,
    }


def type_info(found: RegisteredType) -> Body:
    """A WorkflowTypeInfo or an ActivityTypeInfo."""
    return present(
        **{f"{found.kind}Type": {"name": found.name, "version": found.version}},
        status=found.status,
        description=found.description,
        creationDate=date(found.created_ms),
        deprecationDate=date(found.deprecated_ms) if found.status == DEPRECATED else None,
    )


def configuration(found: RegisteredType) -> Body:
    """The defaults of a type."""
    return {name: {"name": value} if name in _LISTS else value for name, value in found.defaults.items()}


def domain_info(found: Domain, arn: str) -> Body:
    return present(name=found.name, status=found.status, description=found.description, arn=arn)
