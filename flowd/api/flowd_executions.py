"""flowd's own operations on executions (docs/api.md): lists behind a filter, everything about one, run again."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from flowd.api import swf_render
from flowd.api.executions import start_execution
from flowd.api.histories import render, render_swf
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ExecutionDoesNotExist, ResourceNotFound, ValidationException
from flowd.operators import filters
from flowd.store import bounded, matching, reads, schema, swf_reads

MOST_PATIENCE_S = 1.0


class Listing(msgspec.Struct, kw_only=True):
    filter: str | None = None
    limit: int | None = None
    before: int | None = None
    skip: int | None = None
    patienceSeconds: float | None = None


class Counting(msgspec.Struct, kw_only=True):
    filter: str | None = None
    most: int | None = None


class Naming(msgspec.Struct, kw_only=True):
    executionArn: str


class Paging(Naming, kw_only=True):
    after: int | None = None
    limit: int | None = None


class Attempt(Naming, kw_only=True):
    frame: str | None = None
    attempt: int | None = None


class Again(Naming, kw_only=True):
    input: str


class _Start(msgspec.Struct, kw_only=True):
    """What StartExecution reads of its request."""

    stateMachineArn: str
    input: str
    name: str | None = None
    traceHeader: str | None = None


def limited(limit: int | None, usual: int, most: int) -> int:
    """How many rows a list has; ValidationException if it is out of range."""
    if limit is None:
        return usual
    if not 1 <= limit <= most:
        raise ValidationException(f"limit is {limit}; it must be between 1 and {most}")
    return limit


async def list_executions(do: Services, request: Listing, caller: Caller) -> Body:
    size = limited(request.limit, 50, 500)
    wanted = filters.parse(request.filter, do.clock.now_ms())
    skip = request.skip or 0
    if not 0 <= skip < 1 << 31:
        raise ValidationException(f"skip is {skip}; it must not be negative")
    if request.patienceSeconds is not None and not skip:
        patience_s = min(max(request.patienceSeconds, 0.0), MOST_PATIENCE_S)
        read = partial(bounded.look, wanted=wanted, before=request.before, limit=size + 1, patience_s=patience_s)
        found = await do.desk.read(wanted, read)
        if found.below is not None:
            return present(
                executions=[execution_body(row) for row in found.rows],
                next=found.below,
                searched=round(found.searched, 3),
                incomplete=do.desk.incomplete(wanted) or None,
            )
        rows = found.rows
    else:
        page = partial(matching.executions, wanted=wanted, before=request.before, limit=size + 1, skip=skip)
        rows = await do.desk.read(wanted, page)
    return present(
        executions=[execution_body(row) for row in rows[:size]],
        next=rows[size - 1].id if len(rows) > size else None,
        incomplete=do.desk.incomplete(wanted) or None,
    )


async def count_executions(do: Services, request: Counting, caller: Caller) -> Body:
    wanted = filters.parse(request.filter, do.clock.now_ms())
    if request.most is not None and request.most < 1:
        raise ValidationException(f"most is {request.most}; it must be at least 1")
    found = await do.desk.read(wanted, partial(matching.count, wanted=wanted, most=request.most))
    return present(
        counts=found.counts,
        total=found.total,
        more=found.more or None,
        incomplete=do.desk.incomplete(wanted) or None,
    )


async def get_execution(do: Services, request: Naming, caller: Caller) -> Body:
    arn = do.any_execution_arn(request.executionArn)
    found = await do.core.db.read(partial(reads.detail, arn=arn.arn, canonical=arn.canonical))
    if found is None:
        raise _unknown(request.executionArn)
    reason = do.core.executions.why_not_redrivable(found.row)
    read_swf = partial(swf_reads.described, execution_id=found.row.id or 0)
    swf = await do.core.db.read(read_swf) if found.row.type == "SWF" else None
    return present(
        **execution_body(found.row),
        swf=swf_render.for_people(swf) if swf is not None else None,
        input=found.input,
        output=found.output,
        cause=found.row.cause,
        definition=found.definition or None,
        openTasks=[_task_body(task, found.deadlines) for task in found.tasks],
        timers=[
            {
                "frame": deadline.frame,
                "state": _timer_name(found, deadline),
                "purpose": deadline.purpose,
                "dueAt": date(deadline.due_ms),
            }
            for deadline in found.deadlines
            if deadline.purpose in ("wait", "retry", "timer", "execution")
        ],
        redriveStatus="REDRIVABLE" if reason is None else "NOT_REDRIVABLE",
        redriveStatusReason=reason,
        mapRuns=[_map_run_body(run, items) for run, items in found.map_runs] or None,
    )


def _map_run_body(run: schema.MapRun, counts: dict[str, int]) -> Body:
    """What a Distributed Map's children have come to, in items; `items` is absent until they have been read."""
    return present(
        mapRunArn=run.arn,
        frame=run.frame,
        status=run.status,
        startDate=date(run.started_ms),
        items=run.items if run.items >= 0 else None,
        counts=counts,
    )


def _timer_name(found: reads.Detail, deadline: schema.Deadline) -> str:
    """The state that waits, or the timerId of an SWF timer."""
    if deadline.purpose == "timer":
        return deadline.frame.partition("/")[2]
    return found.frames[deadline.frame].state if deadline.frame in found.frames else found.row.state


def execution_body(row: schema.Execution) -> Body:
    """An Exec of docs/api.md."""
    return present(
        id=row.id,
        executionArn=row.arn,
        name=row.name,
        stateMachineName=row.machine_name,
        stateMachineArn=row.machine_arn,
        type=row.type,
        status=row.status,
        startDate=date(row.started_ms),
        stopDate=date(row.stopped_ms) if row.stopped_ms else None,
        version=row.version,
        state=row.state or None,
        waiting=row.waiting or None,
        error=row.error,
        redriveCount=row.redrive_count,
        trigger=row.trigger,
        item=row.map_item if row.map_run_id else None,
        itemCount=row.item_count if row.map_run_id else None,
    )


def _task_body(task: schema.Task, deadlines: list[schema.Deadline]) -> Body:
    due = {
        deadline.purpose: date(deadline.due_ms)
        for deadline in deadlines
        if (deadline.frame, deadline.attempt) == (task.frame, task.attempt)
    }
    return present(
        frame=task.frame,
        attempt=task.attempt,
        state=task.state,
        resource=task.resource,
        status=task.status,
        scheduledAt=date(task.scheduled_ms),
        startedAt=date(task.started_ms) if task.started_ms else None,
        timeoutAt=due.get("timeout"),
        heartbeatAt=due.get("heartbeat"),
        worker=task.worker,
        promptId=task.short,
    )


async def get_history(do: Services, request: Paging, caller: Caller) -> Body:
    arn = do.any_execution_arn(request.executionArn)
    size = limited(request.limit, 1000, 1000)
    after = max(request.after or 0, 0)
    read = partial(reads.events, arn=arn.arn, canonical=arn.canonical, after=after, limit=size, reverse=False)
    found = await do.core.db.read(read)
    if found is None:
        raise _unknown(request.executionArn)
    row, events, more = found
    shape = render_swf if row.type == "SWF" else render
    return {
        "events": [{**shape(event), "frame": event.frame, "attempt": event.attempt} for event in events],
        "last": events[-1].id if events else after,
        "more": more,
    }


async def get_task_output(do: Services, request: Attempt, caller: Caller) -> Body:
    row = await _find(do, request.executionArn)
    read = partial(reads.outputs, execution_id=row.id or 0, frame=request.frame, attempt=request.attempt)
    return {
        "outputs": [
            {
                "frame": each.frame,
                "attempt": each.attempt,
                "state": each.state,
                "at": date(each.at_ms),
                "text": each.text,
                "truncated": each.truncated,
            }
            for each in await do.core.db.read(read)
        ]
    }


async def start_from_input(do: Services, request: Again, caller: Caller) -> Body:
    """The same machine in its current version, with an edited input."""
    row = await _find(do, request.executionArn)
    if await do.machines.find(row.machine_name) is None:
        raise ResourceNotFound(f"the state machine '{row.machine_name}' is gone")
    answer = await start_execution(do, _Start(stateMachineArn=row.machine_arn, input=request.input), caller)
    await do.audit.note(caller.who, "StartFromInput", str(answer["executionArn"]), f"again from {row.arn}")
    return answer


async def _find(do: Services, text: str) -> schema.Execution:
    arn = do.any_execution_arn(text)
    row = await do.core.db.read(partial(reads.find, arn=arn.arn, canonical=arn.canonical))
    if row is None:
        raise _unknown(text)
    return row


def _unknown(arn: str) -> ExecutionDoesNotExist:
    return ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn}'")


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ListExecutions": (Listing, list_executions),
    "CountExecutions": (Counting, count_executions),
    "GetExecution": (Naming, get_execution),
    "GetHistory": (Paging, get_history),
    "GetTaskOutput": (Attempt, get_task_output),
    "StartFromInput": (Again, start_from_input),
}
