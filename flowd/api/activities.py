"""Activities and the workers that poll them."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd.api import arns, encryption
from flowd.api.services import Services
from flowd.api.wire import pages
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.store import activities

POLL_S = 58.0  # AWS waits 60 s, but so does boto3 for an answer by default


async def create_activity(do: Services, request: Any, caller: Caller) -> Body:
    tags = [(tag.key or "", tag.value or "") for tag in request.tags or ()]
    made = await do.machines.activities.create(request.name, tags, encryption.written(request.encryptionConfiguration))
    return {"activityArn": made.arn, "creationDate": date(made.created_ms)}


async def delete_activity(do: Services, request: Any, caller: Caller) -> Body:
    await do.machines.activities.delete(arns.activity(request.activityArn))
    return {}


async def describe_activity(do: Services, request: Any, caller: Caller) -> Body:
    found = await do.machines.activities.named(arns.activity(request.activityArn), request.activityArn)
    return {
        "activityArn": found.arn,
        "name": found.name,
        "creationDate": date(found.created_ms),
        "encryptionConfiguration": encryption.shown(found.encryption),
    }


async def list_activities(do: Services, request: Any, caller: Caller) -> Body:
    """By name."""
    size = pages.size(request.maxResults)
    after = do.pages.position("ListActivities", request.nextToken) or ""
    rows = await do.core.db.read(partial(activities.page, after=str(after), limit=size + 1))
    items = [{"activityArn": row.arn, "name": row.name, "creationDate": date(row.created_ms)} for row in rows[:size]]
    token = do.pages.token("ListActivities", rows[size - 1].name) if len(rows) > size else None
    return present(activities=items, nextToken=token)


async def get_activity_task(do: Services, request: Any, caller: Caller) -> Body:
    """A long poll. A task is handed out only while the worker's connection stands."""
    found = await do.machines.activities.named(arns.activity(request.activityArn), request.activityArn)
    task = await do.core.tasks.poll(found.name, request.workerName, caller.connected, POLL_S)
    return {"taskToken": task.token, "input": task.input.text} if task is not None else {}


OPERATIONS = {
    "CreateActivity": create_activity,
    "DeleteActivity": delete_activity,
    "DescribeActivity": describe_activity,
    "ListActivities": list_activities,
    "GetActivityTask": get_activity_task,
}
