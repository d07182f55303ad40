"""Lists and counts of SWF executions: open and closed, behind a time filter and at most one other."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd.api import swf_render
from flowd.api.services import Services
from flowd.api.swf_pages import position, size
from flowd.api.wire.answers import Body, present
from flowd.api.wire.caller import Caller
from flowd.errors import ValidationException
from flowd.store import swf_lists
from flowd.store.swf_lists import Wanted
from flowd.swf.registration import check_filters

FILTERS = ("executionFilter", "typeFilter", "tagFilter", "closeStatusFilter")


def _wanted(do: Services, request: Any, *, closed: bool) -> Wanted:
    """The conditions of a request."""
    given = {name: getattr(request, name, None) for name in FILTERS}
    check_filters(given)
    by_close = closed and request.closeTimeFilter is not None
    if closed and by_close == (request.startTimeFilter is not None):
        raise ValidationException("Exactly one of startTimeFilter and closeTimeFilter must be given")
    times = request.closeTimeFilter if by_close else request.startTimeFilter
    execution, kind, tag, status = given.values()
    return Wanted(
        domain_id=do.core.swf.domain(request.domain).id,
        closed=closed,
        by_close=by_close,
        oldest_ms=round(times.oldestDate * 1000),
        latest_ms=round(times.latestDate * 1000) if times.latestDate is not None else None,
        workflow_id=execution.workflowId if execution else None,
        type_name=kind.name if kind else None,
        type_version=kind.version if kind else None,
        tag=tag.tag if tag else None,
        close_status=status.status if status else None,
    )


async def _list(do: Services, request: Any, *, closed: bool) -> Body:
    wanted = _wanted(do, request, closed=closed)
    ascending = bool(request.reverseOrder)
    key = f"List {wanted} {ascending}"
    after = position(do, key, request.nextPageToken)
    limit = size(request)
    read = partial(swf_lists.executions, wanted=wanted, after=_place(after), limit=limit + 1, ascending=ascending)
    rows = await do.core.db.read(read)
    token = None
    if len(rows) > limit:
        token = do.pages.token(key, "{} {}".format(*swf_lists.place(rows[limit - 1][0], wanted)))
    infos = [swf_render.info(row, parent) for row, parent in rows[:limit]]
    return present(executionInfos=infos, nextPageToken=token)


def _place(position: object) -> tuple[int, int] | None:
    """Where a page begins, as its token has it."""
    if not isinstance(position, str):
        return None
    at, number = map(int, position.split())
    return at, number


async def _count(do: Services, request: Any, *, closed: bool) -> Body:
    """Never truncated: whatever is there is counted."""
    wanted = _wanted(do, request, closed=closed)
    return {"count": await do.core.db.read(partial(swf_lists.count, wanted=wanted)), "truncated": False}


async def list_open_workflow_executions(do: Services, request: Any, caller: Caller) -> Body:
    return await _list(do, request, closed=False)


async def list_closed_workflow_executions(do: Services, request: Any, caller: Caller) -> Body:
    return await _list(do, request, closed=True)


async def count_open_workflow_executions(do: Services, request: Any, caller: Caller) -> Body:
    return await _count(do, request, closed=False)


async def count_closed_workflow_executions(do: Services, request: Any, caller: Caller) -> Body:
    return await _count(do, request, closed=True)


OPERATIONS = {
    "ListOpenWorkflowExecutions": list_open_workflow_executions,
    "ListClosedWorkflowExecutions": list_closed_workflow_executions,
    "CountOpenWorkflowExecutions": count_open_workflow_executions,
    "CountClosedWorkflowExecutions": count_closed_workflow_executions,
}
