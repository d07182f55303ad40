"""Other executions: children, signals and cancel requests that a decider sends, and what comes back of them.

The decision is written down first and carried out after the commit (RunErrand); its outcome is news.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from flowd.decisions import RunErrand
from flowd.frames import Phase
from flowd.history import Event, News
from flowd.swf.draft import Draft
from flowd.swf.registration import DEPRECATED
from flowd.swf.starting import Undefined, settings
from flowd.swf.world import Deciding, World, data, type_of
from flowd.swf_frames import ChildFrame, ExternalFrame, Settings

# -- decisions ------------------------------------------------------------------


def start_child(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    chosen, cause = _child_settings(draft, asked, world)
    if chosen is None:
        draft.event(
            "StartChildWorkflowExecutionFailed",
            workflowType=asked["workflowType"],
            workflowId=asked["workflowId"],
            cause=cause,
            initiatedEventId=0,
            decisionTaskCompletedEventId=completed,
            control=data(asked.get("control")),
        )
        return True
    given, control = data(asked.get("input")), data(asked.get("control"))
    number = draft.event(
        "StartChildWorkflowExecutionInitiated",
        workflowId=chosen.workflow_id,
        workflowType=type_of(chosen.type_name, chosen.type_version),
        control=control,
        input=given,
        decisionTaskCompletedEventId=completed,
        **shown_settings(chosen),
    )
    frame = draft.put(
        ChildFrame(
            id=child_frame(number), attempt=number, completed=completed, settings=chosen, input=given, control=control
        )
    )
    draft.count("children", 1)
    draft.decisions.append(RunErrand(frame=frame.id, attempt=number))
    return False


def _child_settings(draft: Draft, asked: Mapping[str, Any], world: World) -> tuple[Settings | None, str]:
    wanted = asked["workflowType"]
    found = world.types.get(("workflow", wanted["name"], wanted["version"]))
    if found is None:
        return None, "WORKFLOW_TYPE_DOES_NOT_EXIST"
    if found.status == DEPRECATED:
        return None, "WORKFLOW_TYPE_DEPRECATED"
    if draft.root.children >= world.limits.open_children:
        return None, "OPEN_CHILDREN_LIMIT_EXCEEDED"
    try:
        return settings(draft.root.settings.domain, found, asked, asked["workflowId"]), ""
    except Undefined as missing:
        return None, missing.cause


def shown_settings(chosen: Settings) -> dict[str, Any]:
    """An execution's settings as Started, ContinuedAsNew and ChildInitiated events have them."""
    return {
        "executionStartToCloseTimeout": chosen.execution_timeout,
        "taskStartToCloseTimeout": chosen.task_timeout,
        "childPolicy": chosen.child_policy,
        "taskList": {"name": chosen.task_list},
        "taskPriority": chosen.task_priority,
        "tagList": list(chosen.tags) or None,
        "lambdaRole": chosen.lambda_role,
    }


def signal(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    given = data(asked.get("input"))
    return _send(
        draft,
        asked,
        completed,
        "SignalExternalWorkflowExecutionInitiated",
        {"signalName": asked["signalName"], "input": given},
        {"signal": asked["signalName"], "input": given},
    )


def request_cancel(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    return _send(draft, asked, completed, "RequestCancelExternalWorkflowExecutionInitiated", {}, {})


def _send(
    draft: Draft,
    asked: Mapping[str, Any],
    completed: int,
    event_type: str,
    attributes: dict[str, Any],
    facts: dict[str, Any],
) -> bool:
    control = data(asked.get("control"))
    number = draft.event(
        event_type,
        workflowId=asked["workflowId"],
        runId=asked.get("runId"),
        control=control,
        decisionTaskCompletedEventId=completed,
        **attributes,
    )
    frame = draft.put(
        ExternalFrame(
            id=f"external/{number}",
            attempt=number,
            completed=completed,
            workflow_id=asked["workflowId"],
            run_id=asked.get("runId") or "",
            control=control,
            **facts,
        )
    )
    draft.decisions.append(RunErrand(frame=frame.id, attempt=number))
    return False


DECISIONS: dict[str, Deciding] = {
    "StartChildWorkflowExecution": start_child,
    "SignalExternalWorkflowExecution": signal,
    "RequestCancelExternalWorkflowExecution": request_cancel,
}


# -- news -----------------------------------------------------------------------


def child_frame(initiated: int) -> str:
    return f"child/{initiated}"


def on_continued(draft: Draft, event: Event, world: World) -> bool:
    """A daemon that starts finds an errand of the one before: it may have been run, or not."""
    frame = draft.find(event.frame, ChildFrame, event.attempt) or draft.find(event.frame, ExternalFrame, event.attempt)
    if frame is None or (isinstance(frame, ChildFrame) and frame.started):
        return False
    draft.decisions.append(RunErrand(frame=frame.id, attempt=frame.attempt, again=True))
    return True


def on_child_news(draft: Draft, event: Event, world: World) -> bool:
    frame = draft.find(event.frame, ChildFrame, event.attempt)
    if frame is None or (frame.started and event.news is not News.CHILD_CLOSED):
        return False
    if event.news is News.ERRAND_FAILED:
        draft.event(
            "StartChildWorkflowExecutionFailed",
            workflowType=type_of(frame.settings.type_name, frame.settings.type_version),
            workflowId=frame.settings.workflow_id,
            cause=event.details["cause"],
            initiatedEventId=frame.attempt,
            decisionTaskCompletedEventId=frame.completed,
            control=frame.control,
        )
        _end_child(draft, frame)
    else:
        if not frame.started:  # a child may even close before its start is told, after a crash between the two
            frame = _started(draft, frame, event.details["runId"])
        if event.news is News.CHILD_CLOSED:
            _closed(draft, frame, event)
    draft.want_decision()
    return True


def _started(draft: Draft, frame: ChildFrame, run_id: str) -> ChildFrame:
    number = draft.event(
        "ChildWorkflowExecutionStarted",
        workflowExecution={"workflowId": frame.settings.workflow_id, "runId": run_id},
        workflowType=type_of(frame.settings.type_name, frame.settings.type_version),
        initiatedEventId=frame.attempt,
    )
    known = msgspec.structs.replace(frame.settings, run_id=run_id)
    return draft.put(
        msgspec.structs.replace(frame, started=number, settings=known, input=None, control=None, phase=Phase.WAITING)
    )


def _closed(draft: Draft, frame: ChildFrame, event: Event) -> None:
    """The last of its runs is over, if it was continued."""
    draft.event(
        event.details["type"],
        workflowExecution={"workflowId": frame.settings.workflow_id, "runId": event.details["runId"]},
        workflowType=type_of(frame.settings.type_name, frame.settings.type_version),
        initiatedEventId=frame.attempt,
        startedEventId=frame.started,
        **event.details["attributes"],
    )
    _end_child(draft, frame)


def _end_child(draft: Draft, frame: ChildFrame) -> None:
    draft.end(frame)
    draft.count("children", -1)


def on_external_news(draft: Draft, event: Event, world: World) -> bool:
    """The other execution has got the signal or the request, or there is none such."""
    frame = draft.find(event.frame, ExternalFrame, event.attempt)
    if frame is None:
        return False
    if event.news is News.ERRAND_DONE:
        draft.event(
            "ExternalWorkflowExecutionSignaled" if frame.signal else "ExternalWorkflowExecutionCancelRequested",
            workflowExecution={"workflowId": frame.workflow_id, "runId": event.details["runId"]},
            initiatedEventId=frame.attempt,
        )
    else:
        kind = "SignalExternal" if frame.signal else "RequestCancelExternal"
        draft.event(
            f"{kind}WorkflowExecutionFailed",
            workflowId=frame.workflow_id,
            runId=frame.run_id or None,
            cause=event.details["cause"],
            initiatedEventId=frame.attempt,
            decisionTaskCompletedEventId=frame.completed,
            control=frame.control,
        )
    draft.end(frame)
    draft.want_decision()
    return True
