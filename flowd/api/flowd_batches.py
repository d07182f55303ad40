"""flowd's own operations on batches and on one execution's back-offs (docs/api.md)."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from flowd.api.flowd_executions import execution_body, limited
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ExecutionDoesNotExist, ValidationException
from flowd.operators.batches import Wanted
from flowd.operators.verbs import retry_at_once
from flowd.store import batches, reads
from flowd.store.schema_operators import Batch

STATES = ("PENDING", "DONE", "FAILED")
MOST_ERRORS = 20


class Beginning(msgspec.Struct, kw_only=True):
    verb: str
    filter: str | None = None
    ids: list[int] | None = None
    reason: str | None = None
    error: str | None = None
    dryRun: bool | None = None


class Paging(msgspec.Struct, kw_only=True):
    limit: int | None = None
    before: int | None = None


class Naming(msgspec.Struct, kw_only=True):
    id: int


class Items(Naming, kw_only=True):
    state: str | None = None
    after: int | None = None
    limit: int | None = None


class OneExecution(msgspec.Struct, kw_only=True):
    executionArn: str


async def start_batch(do: Services, request: Beginning, caller: Caller) -> Body:
    """With dryRun only the counts are answered."""
    if (request.filter is None) == (request.ids is None):
        raise ValidationException("a batch is for a filter or for ids, one of them")
    members = {} if request.error is None else {"error": request.error}
    wanted = Wanted(request.verb, request.filter, tuple(request.ids or ()), request.reason or "", members)
    if request.dryRun:
        preview = await do.desk.batches.preview(wanted)
        return {"counts": preview.counts, "matches": sum(preview.counts.values()), "applies": preview.applies}
    return _body(await do.desk.batches.begin(wanted, caller.who))


async def cancel_batch(do: Services, request: Naming, caller: Caller) -> Body:
    return _body(await do.desk.batches.cancel(request.id, caller.who))


async def list_batches(do: Services, request: Paging, caller: Caller) -> Body:
    size = limited(request.limit, 50, 500)
    rows = await do.core.db.read(partial(batches.page, before=request.before, limit=size))
    return {"batches": [_body(row) for row in rows]}


async def get_batch(do: Services, request: Naming, caller: Caller) -> Body:
    found = await do.desk.batches.find(request.id)
    errors = await do.core.db.read(partial(batches.errors, batch_id=request.id, limit=MOST_ERRORS))
    return {**_body(found), "errors": [{"error": error, "count": number} for error, number in errors]}


async def list_batch_items(do: Services, request: Items, caller: Caller) -> Body:
    await do.desk.batches.find(request.id)
    if request.state is not None and request.state not in STATES:
        raise ValidationException(f"state is {request.state!r}; it must be one of {', '.join(STATES)}")
    size = limited(request.limit, 200, 1000)
    read = partial(batches.items, batch_id=request.id, state=request.state, after=request.after or 0, limit=size)
    found = await do.core.db.read(read)
    return present(
        items=[
            present(state=item.state, problem=item.error, **{"execution": execution_body(row)}) for item, row in found
        ],
        next=found[-1][0].id if len(found) == size else None,
    )


async def retry_now(do: Services, request: OneExecution, caller: Caller) -> Body:
    """Every back-off of the execution is over now."""
    arn = do.any_execution_arn(request.executionArn)
    row = await do.core.db.read(partial(reads.find, arn=arn.arn, canonical=arn.canonical))
    if row is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{request.executionArn}'")
    retried = await retry_at_once(do.core, row)
    if not retried:
        raise ValidationException("nothing in this execution waits for a retry now")
    await do.audit.note(caller.who, "RetryNow", row.arn)
    return {"retried": retried}


def _body(batch: Batch) -> Body:
    return present(
        id=batch.id,
        verb=batch.verb,
        filter=batch.filter,
        reason=batch.reason,
        by=batch.who,
        status=batch.status,
        total=batch.total,
        done=batch.done,
        failed=batch.failed,
        startedAt=date(batch.created_ms),
        endedAt=date(batch.ended_ms) if batch.ended_ms else None,
        cancelledBy=batch.cancelled_by,
    )


OPERATIONS: dict[str, tuple[type, Any]] = {
    "StartBatch": (Beginning, start_batch),
    "CancelBatch": (Naming, cancel_batch),
    "ListBatches": (Paging, list_batches),
    "GetBatch": (Naming, get_batch),
    "ListBatchItems": (Items, list_batch_items),
    "RetryNow": (OneExecution, retry_now),
}
