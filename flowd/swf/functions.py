"""Lambda functions of an SWF workflow: ScheduleLambdaFunction, and what becomes of the call.

Observed on AWS by others (facts in docs/swf.md): an id may be used again while its first call runs, whatever the
model's causes say; an execution without a lambdaRole gets StartLambdaFunctionFailed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowd import names
from flowd.decisions import ScheduleTask
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.swf.draft import Draft
from flowd.swf.rules import LAMBDA_S, millis
from flowd.swf.world import Deciding, World, data
from flowd.swf_frames import FunctionFrame

NO_ROLE = "the execution has no lambdaRole: give one to StartWorkflowExecution or as the type's defaultLambdaRole"


def schedule(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    if draft.root.functions >= world.limits.open_functions:
        draft.event(
            "ScheduleLambdaFunctionFailed",
            id=asked["id"],
            name=asked["name"],
            cause="OPEN_LAMBDA_FUNCTIONS_LIMIT_EXCEEDED",
            decisionTaskCompletedEventId=completed,
        )
        return True
    given = data(asked.get("input"))
    number = draft.event(
        "LambdaFunctionScheduled",
        id=asked["id"],
        name=asked["name"],
        control=data(asked.get("control")),
        input=given,
        startToCloseTimeout=asked.get("startToCloseTimeout"),
        decisionTaskCompletedEventId=completed,
    )
    if draft.root.settings.lambda_role is None:
        draft.event("StartLambdaFunctionFailed", scheduledEventId=number, cause="ASSUME_ROLE_FAILED", message=NO_ROLE)
        return True
    _begin(draft, asked, number, given)
    return False


def _begin(draft: Draft, asked: Mapping[str, Any], number: int, given: Payload | None) -> None:
    started = draft.event("LambdaFunctionStarted", scheduledEventId=number)
    frame = draft.put(FunctionFrame(id=f"function/{number}", attempt=number, started=started))
    draft.count("functions", 1)
    most_ms = LAMBDA_S * 1000
    name = asked["name"]
    draft.decisions.append(
        ScheduleTask(
            frame=frame.id,
            attempt=number,
            family="lambda",
            resource=name if name.startswith("arn:") else names.function_arn(name, draft.execution.region),
            service="lambda",
            action="",
            pattern="",
            parameters=given if given is not None and given.text else Payload(text="{}"),
            token="",
            state=asked["id"],
            timeout_ms=min(millis(asked.get("startToCloseTimeout")) or most_ms, most_ms),
        )
    )


DECISIONS: dict[str, Deciding] = {"ScheduleLambdaFunction": schedule}


def on_news(draft: Draft, event: Event, world: World) -> bool:
    """The function has answered, or its time is up."""
    frame = draft.find(event.frame, FunctionFrame, event.attempt)
    if frame is None:
        return False
    event_type, attributes = _outcome(event)
    draft.event(event_type, scheduledEventId=frame.attempt, startedEventId=frame.started, **attributes)
    draft.end_task(frame.id, frame.attempt)
    draft.end(frame)
    draft.count("functions", -1)
    draft.want_decision()
    return True


def _outcome(event: Event) -> tuple[str, dict[str, Any]]:
    facts = event.details
    if event.news is News.TASK_SUCCEEDED:
        return "LambdaFunctionCompleted", {"result": data(facts.get("output"))}
    if event.news is News.TASK_TIMED_OUT:
        return "LambdaFunctionTimedOut", {"timeoutType": "START_TO_CLOSE"}
    reason = str(facts.get("error") or "").removeprefix("Lambda.")
    return "LambdaFunctionFailed", {"reason": reason[:256], "details": data(facts.get("cause"))}
