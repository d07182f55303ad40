"""Map Runs: list, describe, change, and list their children."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd.api.services import Services
from flowd.api.wire import pages
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ExecutionDoesNotExist, ResourceNotFound, ValidationException
from flowd.store import mapruns, matching, reads, schema

_COUNTED = {
    "running": "RUNNING",
    "succeeded": "SUCCEEDED",
    "failed": "FAILED",
    "timedOut": "TIMED_OUT",
    "aborted": "ABORTED",
}
OVER = "CANNOT_UPDATE_COMPLETED_MAP_RUN"


async def list_map_runs(do: Services, request: Any, caller: Caller) -> Body:
    """Those of one execution, newest first."""
    arn = do.execution_arn(request.executionArn)
    row = await do.core.db.read(partial(reads.find, arn=arn.arn, canonical=arn.canonical))
    if row is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{request.executionArn}'")
    key = f"ListMapRuns {row.id}"
    before = do.pages.position(key, request.nextToken)
    size = pages.size(request.maxResults)
    read = partial(
        mapruns.of_execution,
        execution_id=row.id or 0,
        before=before if isinstance(before, int) else None,
        limit=size + 1,
    )
    runs = await do.core.db.read(read)
    token = do.pages.token(key, runs[size - 1].id or 0) if len(runs) > size else None
    items = [
        present(
            executionArn=row.arn,
            mapRunArn=run.arn,
            stateMachineArn=run.machine_arn,
            startDate=date(run.started_ms),
            stopDate=date(run.stopped_ms) if run.stopped_ms else None,
        )
        for run in runs[:size]
    ]
    return present(mapRuns=items, nextToken=token)


async def describe_map_run(do: Services, request: Any, caller: Caller) -> Body:
    run = await find(do, request.mapRunArn)
    tally = await do.core.db.read(partial(mapruns.tally, run_id=run.id or 0))
    parent = await do.core.db.read(partial(mapruns.parent, execution_id=run.execution_id))
    return present(
        mapRunArn=run.arn,
        executionArn=parent,
        status=run.status,
        startDate=date(run.started_ms),
        stopDate=date(run.stopped_ms) if run.stopped_ms else None,
        maxConcurrency=run.concurrency,
        toleratedFailurePercentage=float(run.tolerated_percentage or 0),
        toleratedFailureCount=run.tolerated_count or 0,
        itemCounts=_counts(run, tally.items, max(run.items, 0) - sum(tally.items.values())),
        executionCounts=_counts(run, tally.children, _unborn(run, tally)),
        redriveCount=run.redrive_count or None,  # a run that was not redriven shows neither (recorded)
        redriveDate=date(run.redriven_ms) if run.redrive_count else None,
    )


def _counts(run: schema.MapRun, by_status: dict[str, int], pending: int) -> Body:
    found = {name: by_status.get(status, 0) for name, status in _COUNTED.items()}
    found["pending"] = pending
    found["total"] = sum(found.values())
    # All results count as written once the Map Run has ended well, with or without a ResultWriter (recorded).
    found["resultsWritten"] = found["succeeded"] + found["failed"] if run.status == "SUCCEEDED" else 0
    if run.redrive_count:
        found["pendingRedrive"] = by_status.get(mapruns.PENDING_REDRIVE, 0)
        found["total"] += found["pendingRedrive"]
    return found


def _unborn(run: schema.MapRun, tally: mapruns.Tally) -> int:
    """Children that are still to be started; how many batches will be made is known when they are."""
    waiting = max(run.items, 0) - sum(tally.items.values())
    per_child = mapruns.items_per_child(run)
    return -(-waiting // per_child)


async def update_map_run(do: Services, request: Any, caller: Caller) -> Body:
    """Concurrency and thresholds of a run that goes on."""
    run = await find(do, request.mapRunArn)
    asked = {
        "concurrency": request.maxConcurrency,
        "tolerated_count": request.toleratedFailureCount,
        "tolerated_percentage": request.toleratedFailurePercentage,
    }
    values = {name: value for name, value in asked.items() if value is not None}
    if not values:
        raise ValidationException("One of maxConcurrency, toleratedFailureCount, toleratedFailurePercentage is needed")
    if not await do.core.map_runs.update(run.id or 0, values):
        raise ValidationException(f"The Map Run has ended and cannot be changed: '{run.arn}'", reason=OVER)
    await do.audit.note(caller.who, "UpdateMapRun", run.arn)
    return {}


async def find(do: Services, arn: str) -> schema.MapRun:
    """The Map Run of an ARN, whatever region and account it carries. Raises InvalidArn, ResourceNotFound."""
    wanted = do.map_run_arn(arn)
    for each in (wanted.arn, wanted.canonical):
        found = await do.core.db.read(partial(mapruns.by_arn, arn=each))
        if found is not None:
            return found
    raise ResourceNotFound(f"Resource not found: '{arn}'", resourceName=arn)


async def arn_of(do: Services, row: schema.Execution) -> str | None:
    """The Map Run of which an execution is a child."""
    if not row.map_run_id:
        return None
    run_id = abs(row.map_run_id)
    return (await do.core.db.read(partial(mapruns.arns, ids=[run_id]))).get(run_id)


async def children(do: Services, request: Any) -> tuple[list[schema.Execution], str | None, str]:
    """A page of a Map Run's children, newest first; the token for the next, and the Map Run's ARN."""
    run = await find(do, request.mapRunArn)
    key = f"ListExecutions {run.arn} {request.statusFilter} {request.redriveFilter}"
    before = do.pages.position(key, request.nextToken)
    size = pages.size(request.maxResults)
    pending = request.statusFilter == mapruns.PENDING_REDRIVE
    wanted = matching.Filter(
        map_run=run.id or 0,
        statuses=(request.statusFilter,) if request.statusFilter and not pending else (),
        pending_redrive=pending if request.statusFilter else None,
        redriven=None if request.redriveFilter is None else request.redriveFilter == "REDRIVEN",
    )
    bound = before if isinstance(before, int) else None
    rows = await do.core.db.read(partial(matching.executions, wanted=wanted, before=bound, limit=size + 1))
    token = do.pages.token(key, rows[size - 1].id or 0) if len(rows) > size else None
    return rows[:size], token, run.arn


OPERATIONS = {
    "ListMapRuns": list_map_runs,
    "DescribeMapRun": describe_map_run,
    "UpdateMapRun": update_map_run,
}
