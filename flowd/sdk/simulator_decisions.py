"""What the small SWF in memory does with each decision: events, tasks, timers, children. One function per decision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flowd.sdk.simulator import Run, Swf, Task, last, named

Given = dict[str, Any]
_KEPT_BY_NEW_RUN = ("executionStartToCloseTimeout", "taskStartToCloseTimeout", "childPolicy", "tagList")


def respond(swf: Swf, run: Run, decisions: list[dict[str, Any]], context: str | None) -> None:
    """RespondDecisionTaskCompleted: the decisions' events, and a new decision task if there is news already."""
    started = last(run, "DecisionTaskStarted")
    scheduled = run.events[started - 1]["decisionTaskStartedEventAttributes"]["scheduledEventId"]
    run.context = context if context is not None else run.context
    completed = swf.write(run, "DecisionTaskCompleted", scheduledEventId=scheduled, startedEventId=started)
    run.decision = "completing"
    for decision in decisions:
        kind = decision["decisionType"]
        given = decision[f"{kind[0].lower()}{kind[1:]}DecisionAttributes"]
        DECISIONS[kind](swf, run, given, completed)
    run.decision = ""
    if run.unseen:
        swf.ask(run)


def _schedule_activity(swf: Swf, run: Run, given: Given, completed: int) -> None:
    scheduled = swf.write(run, "ActivityTaskScheduled", **given, decisionTaskCompletedEventId=completed)
    task = run.tasks[given["activityId"]] = Task(run, scheduled, given)
    swf.waiting.append(task)
    swf.arm(task, "scheduleToStart")
    swf.arm(task, "scheduleToClose")


def _request_cancel_activity(swf: Swf, run: Run, given: Given, completed: int) -> None:
    task = run.tasks.get(given["activityId"])
    known = {"activityId": given["activityId"], "decisionTaskCompletedEventId": completed}
    if task is None:
        _refuse(swf, run, "RequestCancelActivityTaskFailed", "ACTIVITY_ID_UNKNOWN", known)
        return
    task.cancel_requested = swf.write(run, "ActivityTaskCancelRequested", **known)
    if not task.started:
        swf.ended(task, "Canceled")


def _start_timer(swf: Swf, run: Run, given: Given, completed: int) -> None:
    event = swf.write(run, "TimerStarted", **given, decisionTaskCompletedEventId=completed)
    run.timers[given["timerId"]] = (event, swf.now_ms + int(given["startToFireTimeout"]) * 1000)


def _cancel_timer(swf: Swf, run: Run, given: Given, completed: int) -> None:
    found = run.timers.pop(given["timerId"], None)
    known = {"timerId": given["timerId"], "decisionTaskCompletedEventId": completed}
    if found is None:
        _refuse(swf, run, "CancelTimerFailed", "TIMER_ID_UNKNOWN", known)
    else:
        swf.write(run, "TimerCanceled", startedEventId=found[0], **known)


def _record_marker(swf: Swf, run: Run, given: Given, completed: int) -> None:
    swf.write(run, "MarkerRecorded", **given, decisionTaskCompletedEventId=completed)


def _start_child(swf: Swf, run: Run, given: Given, completed: int) -> None:
    name, type = given["workflowId"], given["workflowType"]
    if name in swf.open:
        known = {"workflowId": name, "workflowType": type, "initiatedEventId": 0}
        cause = "WORKFLOW_ALREADY_RUNNING"
        known["decisionTaskCompletedEventId"] = completed
        _refuse(swf, run, "StartChildWorkflowExecutionFailed", cause, known)
        return
    kind = "StartChildWorkflowExecutionInitiated"
    initiated = run.children[name] = swf.write(run, kind, **given, decisionTaskCompletedEventId=completed)
    origin = {"parentWorkflowExecution": named(run), "parentInitiatedEventId": initiated}
    child = swf.start(type, name, given, **origin)
    who = {"workflowExecution": named(child), "workflowType": type}
    started = swf.write(run, "ChildWorkflowExecutionStarted", **who, initiatedEventId=initiated)
    child.parent = (run, initiated, started)
    swf.ask(run)


def _signal_external(swf: Swf, run: Run, given: Given, completed: int) -> None:
    def reach(target: Run, event: int) -> None:
        origin = {"externalWorkflowExecution": named(run), "externalInitiatedEventId": event}
        swf.signal(target, given["signalName"], given.get("input", ""), **origin)

    _external(swf, run, given, completed, ("Signal", "ExternalWorkflowExecutionSignaled"), reach)


def _request_cancel_external(swf: Swf, run: Run, given: Given, completed: int) -> None:
    def reach(target: Run, event: int) -> None:
        swf.request_cancel(target, externalWorkflowExecution=named(run), externalInitiatedEventId=event)

    _external(swf, run, given, completed, ("RequestCancel", "ExternalWorkflowExecutionCancelRequested"), reach)


def _external(
    swf: Swf, run: Run, given: Given, completed: int, kinds: tuple[str, str], reach: Callable[[Run, int], None]
) -> None:
    verb, done = kinds
    kind = f"{verb}ExternalWorkflowExecutionInitiated"
    initiated = swf.write(run, kind, **given, decisionTaskCompletedEventId=completed)
    target = swf.open.get(given["workflowId"])
    if target is None:
        known: Given = {"workflowId": given["workflowId"], "initiatedEventId": initiated}
        cause = "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"
        known["decisionTaskCompletedEventId"] = completed
        _refuse(swf, run, f"{verb}ExternalWorkflowExecutionFailed", cause, known)
        return
    reach(target, initiated)
    swf.write(run, done, workflowExecution=named(target), initiatedEventId=initiated)
    swf.ask(run)


def _schedule_lambda(swf: Swf, run: Run, given: Given, completed: int) -> None:
    scheduled = swf.write(run, "LambdaFunctionScheduled", **given, decisionTaskCompletedEventId=completed)
    known = {**given, "activityId": f"lambda {given['id']}"}
    task = run.tasks[known["activityId"]] = Task(run, scheduled, known, kind="LambdaFunction")
    swf.waiting.append(task)


def _close(kind: str, refusal: str) -> Callable[[Swf, Run, Given, int], None]:
    def close(swf: Swf, run: Run, given: Given, completed: int) -> None:
        if run.unseen:
            _refuse(swf, run, refusal, "UNHANDLED_DECISION", {"decisionTaskCompletedEventId": completed})
        else:
            swf.close(run, kind, **given, decisionTaskCompletedEventId=completed)

    return close


def _continue(swf: Swf, run: Run, given: Given, completed: int) -> None:
    if run.unseen:
        known = {"decisionTaskCompletedEventId": completed}
        _refuse(swf, run, "ContinueAsNewWorkflowExecutionFailed", "UNHANDLED_DECISION", known)
        return
    new = f"run{len(swf.runs) + 1}"
    kind = "WorkflowExecutionContinuedAsNew"
    swf.close(run, kind, **given, newExecutionRunId=new, decisionTaskCompletedEventId=completed)
    kept = {key: given[key] for key in _KEPT_BY_NEW_RUN if key in given}
    origin = {"continuedExecutionRunId": run.run_id}
    run.next_run = swf.start(
        run.type, run.workflow_id, {"input": given.get("input"), **kept}, parent=run.parent, **origin
    )


def _refuse(swf: Swf, run: Run, kind: str, cause: str, known: Given) -> None:
    swf.write(run, kind, cause=cause, **known)
    swf.ask(run)


DECISIONS: Final[dict[str, Callable[[Swf, Run, Given, int], None]]] = {
    "ScheduleActivityTask": _schedule_activity,
    "RequestCancelActivityTask": _request_cancel_activity,
    "StartTimer": _start_timer,
    "CancelTimer": _cancel_timer,
    "RecordMarker": _record_marker,
    "StartChildWorkflowExecution": _start_child,
    "SignalExternalWorkflowExecution": _signal_external,
    "RequestCancelExternalWorkflowExecution": _request_cancel_external,
    "ScheduleLambdaFunction": _schedule_lambda,
    "CompleteWorkflowExecution": _close("WorkflowExecutionCompleted", "CompleteWorkflowExecutionFailed"),
    "FailWorkflowExecution": _close("WorkflowExecutionFailed", "FailWorkflowExecutionFailed"),
    "CancelWorkflowExecution": _close("WorkflowExecutionCanceled", "CancelWorkflowExecutionFailed"),
    "ContinueAsNewWorkflowExecution": _continue,
}
