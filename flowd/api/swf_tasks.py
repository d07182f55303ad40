"""The long polls of SWF's deciders and workers, and their answers."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd.api import swf_render
from flowd.api.activities import POLL_S
from flowd.api.services import Services
from flowd.api.swf_pages import position, size
from flowd.api.wire.answers import Body, present
from flowd.api.wire.caller import Caller
from flowd.engine.swf.tasks import Polled
from flowd.errors import ValidationException
from flowd.store import swf_reads
from flowd.swf.rules import check_duration, check_name
from flowd.swf_frames import ActivityFrame, WorkflowFrame

#: What an empty poll answers: absent ids would break clients, which read 0 (observed).
NO_DECISION: Body = {"taskToken": "", "startedEventId": 0, "previousStartedEventId": 0}
NO_ACTIVITY: Body = {"taskToken": "", "startedEventId": 0}


async def poll_for_decision_task(do: Services, request: Any, caller: Caller) -> Body:
    """A new task; or with `nextPageToken`, more of the history of the one that the token came with."""
    do.core.swf.domain(request.domain)
    check_name(request.taskList.name, "taskList.name", trimmed=True)
    key = (
        f"PollForDecisionTask {request.domain} {request.taskList.name} {bool(request.reverseOrder)}"
        f" {bool(request.startAtPreviousStartedEvent)}"
    )
    place = position(do, key, request.nextPageToken)
    if isinstance(place, str):
        token, _, after = place.rpartition(" ")
        return await _decision_task(do, request, key, await do.core.swf_tasks.again(token), int(after))
    found = await do.core.swf_tasks.poll(
        "decision", request.domain, request.taskList.name, request.identity, caller.connected, POLL_S
    )
    if found is None:
        return NO_DECISION
    body = await _decision_task(do, request, key, found, 0)
    if not caller.connected():  # the last moment before it is written
        await do.core.swf_tasks.give_back("decision", request.domain, request.taskList.name, found)
        return NO_DECISION
    return body


async def _decision_task(do: Services, request: Any, key: str, found: Polled, after: int) -> Body:
    root = found.frame
    assert isinstance(root, WorkflowFrame)
    read = partial(
        swf_reads.events,
        execution_id=found.task.execution_id,
        after=after,
        limit=size(request),
        reverse=bool(request.reverseOrder),
        first=root.previous if request.startAtPreviousStartedEvent else 0,
        last=root.started,
    )
    events, more = await do.core.db.read(read)
    row = found.of.row
    return present(
        taskToken=found.task.token,
        startedEventId=root.started,
        previousStartedEventId=root.previous,
        workflowExecution=swf_render.execution(row),
        workflowType={"name": row.type_name, "version": row.type_version},
        events=[swf_render.event(each) for each in events],
        nextPageToken=do.pages.token(key, f"{found.task.token} {events[-1].id}") if more else None,
    )


async def poll_for_activity_task(do: Services, request: Any, caller: Caller) -> Body:
    do.core.swf.domain(request.domain)
    check_name(request.taskList.name, "taskList.name", trimmed=True)
    found = await do.core.swf_tasks.poll(
        "activity", request.domain, request.taskList.name, request.identity, caller.connected, POLL_S
    )
    if found is None:
        return NO_ACTIVITY
    frame = found.frame
    assert isinstance(frame, ActivityFrame)
    return present(
        taskToken=found.task.token,
        activityId=frame.activity_id,
        startedEventId=frame.started,
        workflowExecution=swf_render.execution(found.of.row),
        activityType={"name": frame.type_name, "version": frame.type_version},
        input=found.task.input.text or None,
    )


async def respond_decision_task_completed(do: Services, request: Any, caller: Caller) -> None:
    """Whatever is wrong with one decision, none of the batch is carried out and the token stays good."""
    members = swf_render.members(request)
    token = members.pop("taskToken")
    if request.taskList is not None:
        check_name(request.taskList.name, "taskList.name", trimmed=True)
    wait = request.taskListScheduleToStartTimeout
    if wait is not None:
        if request.taskList is None:
            raise ValidationException("taskListScheduleToStartTimeout is given without a taskList")
        check_duration(wait, "taskListScheduleToStartTimeout")
    await do.core.swf_tasks.decide(token, members)


async def respond_activity_task_completed(do: Services, request: Any, caller: Caller) -> None:
    await do.core.swf_tasks.complete(request.taskToken, request.result)


async def respond_activity_task_failed(do: Services, request: Any, caller: Caller) -> None:
    await do.core.swf_tasks.fail(request.taskToken, request.reason, request.details)


async def respond_activity_task_canceled(do: Services, request: Any, caller: Caller) -> None:
    await do.core.swf_tasks.cancel(request.taskToken, request.details)


async def record_activity_task_heartbeat(do: Services, request: Any, caller: Caller) -> Body:
    return {"cancelRequested": await do.core.swf_tasks.heartbeat(request.taskToken, request.details)}


OPERATIONS = {
    "PollForDecisionTask": poll_for_decision_task,
    "PollForActivityTask": poll_for_activity_task,
    "RespondDecisionTaskCompleted": respond_decision_task_completed,
    "RespondActivityTaskCompleted": respond_activity_task_completed,
    "RespondActivityTaskFailed": respond_activity_task_failed,
    "RespondActivityTaskCanceled": respond_activity_task_canceled,
    "RecordActivityTaskHeartbeat": record_activity_task_heartbeat,
}
