"""Activities: ScheduleActivityTask, RequestCancelActivityTask, and what becomes of an activity task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from flowd.decisions import ScheduleTask
from flowd.history import Event, News
from flowd.swf.draft import EMPTY, SERVICE, Draft, list_key
from flowd.swf.registration import DEPRECATED, RegisteredType
from flowd.swf.rules import millis
from flowd.swf.world import Deciding, World, data, type_of
from flowd.swf_frames import ActivityFrame

#: Who takes the tasks that people answer.
BY_HAND = "flowd-inbox"
#: Attribute of the event, the type's default for it, and the end of the cause when neither is there.
_SETTINGS = (
    ("scheduleToCloseTimeout", "defaultTaskScheduleToCloseTimeout", "SCHEDULE_TO_CLOSE_TIMEOUT"),
    ("taskList", "defaultTaskList", "TASK_LIST"),
    ("scheduleToStartTimeout", "defaultTaskScheduleToStartTimeout", "SCHEDULE_TO_START_TIMEOUT"),
    ("startToCloseTimeout", "defaultTaskStartToCloseTimeout", "START_TO_CLOSE_TIMEOUT"),
    ("heartbeatTimeout", "defaultTaskHeartbeatTimeout", "HEARTBEAT_TIMEOUT"),
)


def frame_name(activity_id: str) -> str:
    return f"activity/{activity_id}"


# -- decisions ------------------------------------------------------------------


def schedule(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    wanted, activity_id = asked["activityType"], asked["activityId"]
    found = world.types.get(("activity", wanted["name"], wanted["version"]))
    settings, cause = _settings(asked, found)
    if found is not None and found.status == DEPRECATED:
        cause = "ACTIVITY_TYPE_DEPRECATED"
    elif draft.find(frame_name(activity_id), ActivityFrame) is not None:
        cause = "ACTIVITY_ID_ALREADY_IN_USE"
    elif draft.root.activities >= world.limits.open_activities:
        cause = "OPEN_ACTIVITIES_LIMIT_EXCEEDED"
    if cause or found is None:
        draft.event(
            "ScheduleActivityTaskFailed",
            activityType=wanted,
            activityId=activity_id,
            cause=cause,
            decisionTaskCompletedEventId=completed,
        )
        return True
    _begin(draft, asked, completed, found, settings)
    return False


def _settings(asked: Mapping[str, Any], found: RegisteredType | None) -> tuple[dict[str, str], str]:
    """Each setting from the decision, else from the type; and the cause if one of them is nowhere."""
    if found is None:
        return {}, "ACTIVITY_TYPE_DOES_NOT_EXIST"
    settings: dict[str, str] = {}
    for attribute, default, missing in _SETTINGS:
        value = asked.get(attribute)
        if isinstance(value, Mapping):
            value = value["name"]
        if value is None:
            value = found.defaults.get(default)
        if value is None:
            return {}, f"DEFAULT_{missing}_UNDEFINED"
        settings[attribute] = value
    return settings, ""


def _begin(
    draft: Draft, asked: Mapping[str, Any], completed: int, found: RegisteredType, settings: dict[str, str]
) -> None:
    activity_id, given = asked["activityId"], data(asked.get("input"))
    priority = asked.get("taskPriority") or found.defaults.get("defaultTaskPriority")
    times = {name: value for name, value in settings.items() if name != "taskList"}
    number = draft.event(
        "ActivityTaskScheduled",
        activityType=type_of(found.name, found.version),
        activityId=activity_id,
        input=given,
        control=data(asked.get("control")),
        taskList={"name": settings["taskList"]},
        taskPriority=priority,
        decisionTaskCompletedEventId=completed,
        **times,
    )
    frame = draft.put(
        ActivityFrame(
            id=frame_name(activity_id),
            attempt=number,
            activity_id=activity_id,
            type_name=found.name,
            type_version=found.version,
        )
    )
    draft.count("activities", 1)
    draft.set(latest_activity_ms=draft.now_ms)
    draft.decisions.append(
        ScheduleTask(
            frame=frame.id,
            attempt=number,
            family="activity",
            resource=found.name,
            service=SERVICE,
            action=found.version,
            pattern="",
            parameters=given or EMPTY,
            token=draft.token("a", number),
            state=found.name,
            timeout_ms=millis(settings["startToCloseTimeout"]),
            heartbeat_ms=millis(settings["heartbeatTimeout"]),
            task_list=list_key("activity", draft.root.settings.domain, settings["taskList"]),
            priority=int(priority or 0),
        )
    )
    draft.timer(frame.id, number, settings["scheduleToStartTimeout"], "schedule-to-start")
    draft.timer(frame.id, number, settings["scheduleToCloseTimeout"], "schedule-to-close")


def request_cancel(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    """A task that no worker has is canceled at once; a worker learns of it by its next heartbeat."""
    activity_id = asked["activityId"]
    frame = draft.find(frame_name(activity_id), ActivityFrame)
    if frame is None:
        draft.event(
            "RequestCancelActivityTaskFailed",
            activityId=activity_id,
            cause="ACTIVITY_ID_UNKNOWN",
            decisionTaskCompletedEventId=completed,
        )
        return True
    number = draft.event("ActivityTaskCancelRequested", activityId=activity_id, decisionTaskCompletedEventId=completed)
    frame = draft.put(msgspec.structs.replace(frame, cancel_requested=number))
    if frame.started:
        return False
    _end(draft, frame, "ActivityTaskCanceled", latestCancelRequestedEventId=number)
    return True


DECISIONS: dict[str, Deciding] = {"ScheduleActivityTask": schedule, "RequestCancelActivityTask": request_cancel}


# -- news -----------------------------------------------------------------------


def on_news(draft: Draft, event: Event, world: World) -> bool:
    """What a worker, a person or a deadline says of an activity task."""
    frame = draft.find(event.frame, ActivityFrame, event.attempt)
    if frame is None:
        return False
    if event.news is News.TASK_STARTED:
        return _started(draft, frame, event)
    if event.news is News.TASK_TIMED_OUT:
        return _timed_out(draft, frame, event)
    if not frame.started and not _taken_by_hand(draft, frame, event):
        return False
    frame = draft.find(event.frame, ActivityFrame) or frame
    if event.news is News.TASK_ALIVE:
        draft.put(msgspec.structs.replace(frame, details=data(event.details.get("details"))))
        return True
    event_type, attributes = _answer(frame, event)
    _end(draft, frame, event_type, **attributes)
    draft.want_decision()
    return True


def _taken_by_hand(draft: Draft, frame: ActivityFrame, event: Event) -> bool:
    """A person may answer what no worker has taken: nobody else knows its token."""
    by_hand = event.news in (News.TASK_SUCCEEDED, News.TASK_FAILED)
    return by_hand and _started(draft, frame, Event(News.TASK_STARTED, details={"workerName": BY_HAND}))


def _started(draft: Draft, frame: ActivityFrame, event: Event) -> bool:
    if frame.started:
        return False
    number = draft.event(
        "ActivityTaskStarted", identity=event.details.get("workerName"), scheduledEventId=frame.attempt
    )
    draft.put(msgspec.structs.replace(frame, started=number))
    draft.set(latest_activity_ms=draft.now_ms)
    draft.cancel_timer(frame.id, frame.attempt, "schedule-to-start")
    return True


def _timed_out(draft: Draft, frame: ActivityFrame, event: Event) -> bool:
    kind = timeout_type(event)
    if (kind == "SCHEDULE_TO_START") == bool(frame.started) and kind != "SCHEDULE_TO_CLOSE":
        return False
    _end(draft, frame, "ActivityTaskTimedOut", timeoutType=kind, details=frame.details)
    draft.want_decision()
    return True


def _answer(frame: ActivityFrame, event: Event) -> tuple[str, dict[str, Any]]:
    facts = event.details
    if event.news is News.TASK_SUCCEEDED:
        return "ActivityTaskCompleted", {"result": data(facts.get("output"))}
    if event.news is News.TASK_CANCELED:
        latest = frame.cancel_requested or None
        return "ActivityTaskCanceled", {
            "details": data(facts.get("details")),
            "latestCancelRequestedEventId": latest,
        }
    return "ActivityTaskFailed", {"reason": facts.get("error"), "details": data(facts.get("cause"))}


def _end(draft: Draft, frame: ActivityFrame, event_type: str, **attributes: Any) -> None:
    draft.event(event_type, scheduledEventId=frame.attempt, startedEventId=frame.started, **attributes)
    draft.end_task(frame.id, frame.attempt)
    draft.end(frame)
    draft.count("activities", -1)
    draft.set(latest_activity_ms=draft.now_ms)


def timeout_type(event: Event) -> str:
    """SWF's word for a deadline that has passed."""
    named = event.details.get("timeoutType")
    return str(named) if named else ("HEARTBEAT" if event.details.get("heartbeat") else "START_TO_CLOSE")
