"""SWF executions: start, signal, ask to cancel, terminate, describe, and their histories."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd.api import swf_render
from flowd.api.services import Services
from flowd.api.swf_pages import position, size
from flowd.api.wire.answers import Body, present
from flowd.api.wire.caller import Caller
from flowd.store import swf_reads
from flowd.swf import faults
from flowd.swf.rules import check_name


async def start_workflow_execution(do: Services, request: Any, caller: Caller) -> Body:
    run_id = await do.core.workflows.start(request.domain, swf_render.members(request), caller.trigger)
    return {"runId": run_id}


async def signal_workflow_execution(do: Services, request: Any, caller: Caller) -> None:
    await do.core.workflows.signal(request.domain, request.workflowId, request.runId, request.signalName, request.input)


async def request_cancel_workflow_execution(do: Services, request: Any, caller: Caller) -> None:
    await do.core.workflows.request_cancel(request.domain, request.workflowId, request.runId)


async def terminate_workflow_execution(do: Services, request: Any, caller: Caller) -> None:
    await do.core.workflows.terminate(
        request.domain, request.workflowId, request.runId, request.reason, request.details, request.childPolicy
    )


async def describe_workflow_execution(do: Services, request: Any, caller: Caller) -> Body:
    asked = request.execution
    row = await do.core.workflows.run(request.domain, asked.workflowId, asked.runId)
    found = await do.core.db.read(partial(swf_reads.described, execution_id=row.execution_id))
    if found is None:
        raise faults.unknown_run(asked.workflowId, asked.runId)
    return swf_render.description(found)


async def get_workflow_execution_history(do: Services, request: Any, caller: Caller) -> Body:
    """A page of events, ascending unless `reverseOrder`."""
    asked = request.execution
    reverse = bool(request.reverseOrder)
    key = f"GetWorkflowExecutionHistory {request.domain} {asked.workflowId} {asked.runId} {reverse}"
    after = position(do, key, request.nextPageToken)
    row = await do.core.workflows.run(request.domain, asked.workflowId, asked.runId)
    read = partial(
        swf_reads.events,
        execution_id=row.execution_id,
        after=after if isinstance(after, int) else 0,
        limit=size(request),
        reverse=reverse,
    )
    events, more = await do.core.db.read(read)
    token = do.pages.token(key, events[-1].id) if more else None
    return present(events=[swf_render.event(each) for each in events], nextPageToken=token)


async def count_pending(do: Services, kind: str, request: Any) -> Body:
    """A list that nobody ever used has none."""
    do.core.swf.domain(request.domain)
    check_name(request.taskList.name, "taskList.name")
    return {
        "count": await do.core.swf_tasks.count(kind, request.domain, request.taskList.name),
        "truncated": False,
    }


async def count_pending_decision_tasks(do: Services, request: Any, caller: Caller) -> Body:
    return await count_pending(do, "decision", request)


async def count_pending_activity_tasks(do: Services, request: Any, caller: Caller) -> Body:
    return await count_pending(do, "activity", request)


OPERATIONS = {
    "StartWorkflowExecution": start_workflow_execution,
    "SignalWorkflowExecution": signal_workflow_execution,
    "RequestCancelWorkflowExecution": request_cancel_workflow_execution,
    "TerminateWorkflowExecution": terminate_workflow_execution,
    "DescribeWorkflowExecution": describe_workflow_execution,
    "GetWorkflowExecutionHistory": get_workflow_execution_history,
    "CountPendingDecisionTasks": count_pending_decision_tasks,
    "CountPendingActivityTasks": count_pending_activity_tasks,
}
