"""Task states: scheduling an attempt, and what is heard of it afterwards, in the events of its family.

Arguments are worked out anew for every attempt, since each has a token of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from flowd.asl import dataflow
from flowd.asl.draft import WHOLE, Draft, error_details
from flowd.asl.faults import DATA_LIMIT, HEARTBEAT_TIMEOUT, TIMEOUT, Failure, runtime, too_large
from flowd.asl.model import Quantity, Task
from flowd.asl.resources import Resource
from flowd.asl.schema import MAX_SECONDS
from flowd.asl.transitions import fail, is_too_large, leave
from flowd.decisions import CancelTask, ScheduleTask
from flowd.frames import Frame, Phase
from flowd.history import Event, News
from flowd.payload import Payload


class Words(NamedTuple):
    """The event types of one family."""

    succeeded: str
    failed: str
    timed_out: str
    submit_failed: str
    start_failed: str


WORDS: Final[dict[str, Words]] = {
    "lambda": Words(
        "LambdaFunctionSucceeded",
        "LambdaFunctionFailed",
        "LambdaFunctionTimedOut",
        "LambdaFunctionScheduleFailed",
        "LambdaFunctionStartFailed",
    ),
    "activity": Words(
        "ActivitySucceeded", "ActivityFailed", "ActivityTimedOut", "ActivityScheduleFailed", "ActivityScheduleFailed"
    ),
    "task": Words("TaskSucceeded", "TaskFailed", "TaskTimedOut", "TaskSubmitFailed", "TaskStartFailed"),
}


def enter_task(draft: Draft, frame: Frame, state: Task) -> None:
    """Schedule the next attempt. Raises Fault if its arguments cannot be worked out."""
    resource = state.resource
    if resource.arn in draft.execution.missing_activities:
        raise runtime(f"The activity {resource.arn} does not exist.")
    token = draft.entropy.token()
    env = draft.env(frame, state, token if resource.has_token else "")
    parameters = dataflow.work_input(state.language, state.flow, env)
    if parameters is not frame.input and is_too_large(parameters):
        raise too_large(state.name)
    selected = dataflow.selected_input(state.flow, env) if state.timeout or state.heartbeat else None
    timeout_s = _seconds(state.timeout, env, selected)
    heartbeat_s = _seconds(state.heartbeat, env, selected)
    spans: dict[str, Any] = {}
    if timeout_s:
        spans["timeoutInSeconds"] = timeout_s
    if heartbeat_s and resource.family != "lambda":
        spans["heartbeatInSeconds"] = heartbeat_s
    if state.role is not None:
        spans["taskCredentials"] = {"roleArn": state.role.evaluate(env, frame.input.value)["RoleArn"]}
    stage = "scheduled" if resource.family == "activity" else "submitting" if resource.pattern else "running"
    waiting = frame.with_(phase=Phase.WAITING, waiting_for="task", attempt=frame.attempt + 1, stage=stage, token=token)
    draft.put(waiting.with_(previous=_SCHEDULE[resource.family](draft, waiting, resource, parameters, spans)))
    draft.decisions.append(
        ScheduleTask(
            frame=frame.id,
            attempt=waiting.attempt,
            family=resource.family,
            resource=resource.arn,
            service=resource.service,
            action=resource.action,
            pattern=resource.pattern,
            parameters=parameters,
            token=token,
            state=state.name,
            timeout_ms=timeout_s * 1000,
            heartbeat_ms=heartbeat_s * 1000,
        )
    )


def _seconds(quantity: Quantity | None, env: Any, selected: Payload | None) -> int:
    if quantity is None:
        return 0
    found = dataflow.whole_number(quantity, env, None if selected is None else selected.value)
    if found <= 0:
        detail = f"The {quantity.field} field must be a positive number of seconds but was: {found}"
        raise dataflow.out_of_range(quantity, detail)
    if found > MAX_SECONDS:
        detail = f"The {quantity.field} field must be at most {MAX_SECONDS} seconds but was: {found}"
        raise dataflow.out_of_range(quantity, detail)
    return found


def _schedule_lambda(draft: Draft, frame: Frame, resource: Resource, parameters: Payload, spans: dict[str, Any]) -> int:
    details = {"resource": resource.arn, "input": parameters, "inputDetails": WHOLE, **spans}
    scheduled = draft.log(frame, "LambdaFunctionScheduled", frame.previous, details)
    return draft.log(frame, "LambdaFunctionStarted", scheduled)


def _schedule_activity(
    draft: Draft, frame: Frame, resource: Resource, parameters: Payload, spans: dict[str, Any]
) -> int:
    details = {"resource": resource.arn, "input": parameters, "inputDetails": WHOLE, **spans}
    return draft.log(frame, "ActivityScheduled", frame.previous, details)


def _schedule_service(
    draft: Draft, frame: Frame, resource: Resource, parameters: Payload, spans: dict[str, Any]
) -> int:
    details = {**_named(resource), "region": draft.execution.region, "parameters": parameters, **spans}
    scheduled = draft.log(frame, "TaskScheduled", frame.previous, details)
    return draft.log(frame, "TaskStarted", scheduled, _named(resource))


def _named(resource: Resource) -> dict[str, Any]:
    """The members with which every Task event names its resource; the other families name it when scheduling only."""
    if resource.family != "task":
        return {}
    return {"resourceType": resource.service, "resource": resource.event_resource}


_Schedule = Callable[[Draft, Frame, Resource, Payload, dict[str, Any]], int]
_SCHEDULE: Final[dict[str, _Schedule]] = {
    "lambda": _schedule_lambda,
    "activity": _schedule_activity,
    "task": _schedule_service,
}


# -- news of an attempt ---------------------------------------------------------


def on_started(draft: Draft, frame: Frame, state: Task, event: Event) -> None:
    """A worker took the activity task."""
    worker = event.details.get("workerName")
    details = {} if worker is None else {"workerName": worker}
    draft.put(frame.with_(stage="running", previous=draft.log(frame, "ActivityStarted", frame.previous, details)))


def on_submitted(draft: Draft, frame: Frame, state: Task, event: Event) -> None:
    """The job or the message is out; the answer is still to come."""
    details = {**_named(state.resource), "output": event.details["output"], "outputDetails": WHOLE}
    draft.put(frame.with_(stage="running", previous=draft.log(frame, "TaskSubmitted", frame.previous, details)))


def on_succeeded(draft: Draft, frame: Frame, state: Task, event: Event) -> None:
    """The result is there. Raises Fault if the state's output cannot be worked out of it."""
    result: Payload = event.details["output"]
    resource = state.resource
    if is_too_large(result):
        name = resource.service if resource.family == "task" else resource.arn
        failure = Failure(DATA_LIMIT, too_large(name).detail, task_result=True)
        _attempt_failed(draft, frame, state, WORDS[resource.family].failed, failure)
        return
    _task_over(draft, frame)
    details = {**_named(resource), "output": result, "outputDetails": WHOLE}
    frame = draft.put(frame.with_(previous=draft.log(frame, WORDS[resource.family].succeeded, frame.previous, details)))
    env = draft.env(frame, state, frame.token if resource.has_token else "")
    env.result = result
    leave(draft, frame, state, dataflow.outcome(state.language, state.flow, env, result), state.next)


def on_failed(draft: Draft, frame: Frame, state: Task, event: Event) -> None:
    """The attempt failed, could not be sent, or could not be begun."""
    failure = Failure(event.details.get("error"), event.details.get("cause"))
    words = WORDS[state.resource.family]
    names = {News.TASK_SUBMIT_FAILED: words.submit_failed, News.TASK_START_FAILED: words.start_failed}
    _attempt_failed(draft, frame, state, names.get(event.news, words.failed), failure)


def on_timed_out(draft: Draft, frame: Frame, state: Task, event: Event) -> None:
    """TimeoutSeconds or HeartbeatSeconds passed; the history calls both States.Timeout (recorded)."""
    also = (HEARTBEAT_TIMEOUT,) if event.details.get("heartbeat") else ()
    _attempt_failed(draft, frame, state, WORDS[state.resource.family].timed_out, Failure(TIMEOUT, also=also))


def _attempt_failed(draft: Draft, frame: Frame, state: Task, event_type: str, failure: Failure) -> None:
    _task_over(draft, frame)
    details = {**_named(state.resource), **error_details(failure.error, failure.cause)}
    fail(
        draft,
        draft.put(frame.with_(previous=draft.log(frame, event_type, frame.previous, details))),
        state,
        failure,
    )


def _task_over(draft: Draft, frame: Frame) -> None:
    draft.decisions.append(CancelTask(frame=frame.id, attempt=frame.attempt))
