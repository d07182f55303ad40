"""The step of an SWF execution: news in, history events, decisions and frames out; None if the news is stale.

The decider is outside. What is here is everything around it that the service does: when a decision task is scheduled,
what each decision writes, what each answer and each timeout means. Pure: `now_ms` and `entropy` are arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowd.decisions import Step
from flowd.entropy import Entropy
from flowd.frames import ROOT, Execution
from flowd.history import Event, News
from flowd.swf import activities, closing, externals, functions, timers
from flowd.swf.draft import Draft, HistoryFull
from flowd.swf.world import Deciding, Handler, World, data, type_of
from flowd.swf_frames import SwfFrame

DECISIONS: dict[str, Deciding] = {
    **activities.DECISIONS,
    **timers.DECISIONS,
    **externals.DECISIONS,
    **functions.DECISIONS,
    **closing.DECISIONS,
}
FULL = "EVENT_LIMIT_EXCEEDED"


def step(
    execution: Execution, frames: Mapping[str, SwfFrame], event: Event, now_ms: int, entropy: Entropy, world: World
) -> Step | None:
    """Take in one piece of news."""
    draft = Draft(execution, frames, now_ms, entropy)
    handler = _handler(event)
    if draft.root.close_status or handler is None:
        return None
    try:
        if not handler(draft, event, world):
            return None
    except HistoryFull:
        return _end_full(draft, Draft(execution, frames, now_ms, entropy))
    return draft.finish()


def _end_full(tried: Draft, fresh: Draft) -> Step:
    """A history has an end: what was written so far stands and counts, what was decided is not carried out."""
    fresh.events, fresh.root = tried.events, tried.root
    closing.terminate(fresh, FULL)
    return fresh.finish()


# -- the workflow itself ----------------------------------------------------------


def on_started(draft: Draft, event: Event, world: World) -> bool:
    """The first two events of every history."""
    chosen = draft.root.settings
    parent = chosen.parent
    given = draft.execution.input
    draft.event(
        "WorkflowExecutionStarted",
        input=given if given.text else None,
        workflowType=type_of(chosen.type_name, chosen.type_version),
        continuedExecutionRunId=chosen.continued_from,
        parentWorkflowExecution={"workflowId": parent.workflow_id, "runId": parent.run_id} if parent else None,
        parentInitiatedEventId=parent.initiated if parent else 0,
        **externals.shown_settings(chosen),
    )
    draft.timer(ROOT, 0, chosen.execution_timeout, "execution")
    draft.want_decision()
    return True


def on_signaled(draft: Draft, event: Event, world: World) -> bool:
    facts = event.details
    draft.event(
        "WorkflowExecutionSignaled",
        signalName=facts["signalName"],
        input=data(facts.get("input")),
        **_source(facts),
    )
    draft.want_decision()
    return True


def on_cancel_requested(draft: Draft, event: Event, world: World) -> bool:
    """May come again and again; each is an event."""
    draft.set(cancel_requested=True)
    draft.event("WorkflowExecutionCancelRequested", cause=event.details.get("cause"), **_source(event.details))
    draft.want_decision()
    return True


def _source(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Which execution sent it; 0 stands for a program."""
    if "runId" not in facts:
        return {"externalInitiatedEventId": 0}
    return {
        "externalWorkflowExecution": {"workflowId": facts["workflowId"], "runId": facts["runId"]},
        "externalInitiatedEventId": facts.get("initiatedEventId", 0),
    }


# -- its decision task -------------------------------------------------------------


def on_decision_started(draft: Draft, event: Event, world: World) -> bool:
    root = draft.root
    if root.scheduled != event.attempt or root.started:
        return False
    number = draft.event(
        "DecisionTaskStarted", identity=event.details.get("workerName"), scheduledEventId=root.scheduled
    )
    draft.set(started=number)
    draft.cancel_timer(ROOT, root.scheduled, "schedule-to-start")
    return True


def on_decided(draft: Draft, event: Event, world: World) -> bool:
    """RespondDecisionTaskCompleted: the batch was checked as a whole before it came here."""
    root, answer = draft.root, event.details
    if root.scheduled != event.attempt or not root.started:
        return False
    sticky = answer.get("taskList")
    completed = draft.event(
        "DecisionTaskCompleted",
        executionContext=data(answer.get("executionContext")),
        scheduledEventId=root.scheduled,
        startedEventId=root.started,
        taskList=sticky,
        taskListScheduleToStartTimeout=answer.get("taskListScheduleToStartTimeout"),
    )
    draft.end_decision(answered=True)
    wait = answer.get("taskListScheduleToStartTimeout") or "NONE"
    draft.set(sticky_list=sticky["name"] if sticky else "", sticky_wait=wait if sticky else "NONE")
    if answer.get("executionContext") is not None:
        draft.set(context=answer["executionContext"])
    wanted = False
    for decision in answer.get("decisions") or ():
        wanted |= DECISIONS[decision["decisionType"]](draft, attributes_of(decision), completed, world)
    if not draft.root.close_status:
        draft.go_on(wanted)
    return True


def attributes_of(decision: Mapping[str, Any]) -> Mapping[str, Any]:
    """The attributes that belong to a decision's type; empty where all of them are optional and none is given."""
    kind = decision["decisionType"]
    found: Mapping[str, Any] = decision.get(f"{kind[0].lower()}{kind[1:]}DecisionAttributes") or {}
    return found


def on_decision_timed_out(draft: Draft, event: Event, world: World) -> bool:
    root = draft.root
    kind = activities.timeout_type(event)
    if root.scheduled != event.attempt or (kind == "SCHEDULE_TO_START") == bool(root.started):
        return False
    draft.event("DecisionTaskTimedOut", timeoutType=kind, scheduledEventId=root.scheduled, startedEventId=root.started)
    draft.end_decision(answered=False)
    draft.set(sticky_list="", sticky_wait="NONE")
    draft.go_on(wanted=True)
    return True


#: By the first part of the frame's name, then by news; "" is whatever else comes to that kind of frame.
HANDLERS: dict[str, dict[News | str, Handler]] = {
    ROOT: {
        News.STARTED: on_started,
        News.TASK_STARTED: on_decision_started,
        News.DECIDED: on_decided,
        News.TASK_TIMED_OUT: on_decision_timed_out,
        News.SIGNALED: on_signaled,
        News.CANCEL_REQUESTED: on_cancel_requested,
        News.TERMINATED: closing.on_terminated,
        News.STOPPED: closing.on_terminated,
        News.TIMED_OUT: closing.on_timed_out,
    },
    "activity": {"": activities.on_news},
    "timer": {News.TIMER_FIRED: timers.on_fired},
    "function": {"": functions.on_news},
    "child": {News.CONTINUED: externals.on_continued, "": externals.on_child_news},
    "external": {News.CONTINUED: externals.on_continued, "": externals.on_external_news},
}


def _handler(event: Event) -> Handler | None:
    found = HANDLERS.get(event.frame.partition("/")[0], {})
    return found.get(event.news) or found.get("")
