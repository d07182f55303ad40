"""How an SWF execution ends: the four decisions that close it, a termination, its own timeout, too long a history.

A close decision is refused while there is something the decider has not seen. SWF's close status and the status that
flowd shows in its lists stand in one table here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd.decisions import ApplyChildPolicy, CloseExecution, CloseStatus, StartNextRun, Tell
from flowd.frames import ROOT
from flowd.history import Event, News
from flowd.payload import Payload
from flowd.swf.draft import Draft
from flowd.swf.externals import child_frame, shown_settings
from flowd.swf.registration import DEPRECATED
from flowd.swf.rules import NONE
from flowd.swf.starting import Undefined, settings
from flowd.swf.world import Deciding, World, data, type_of
from flowd.swf_frames import Settings

#: SWF's close status -> the status of flowd's own lists, and the parent's event ("" : the parent is told nothing).
CLOSINGS: Final[dict[str, tuple[CloseStatus, str]]] = {
    "COMPLETED": ("SUCCEEDED", "ChildWorkflowExecutionCompleted"),
    "FAILED": ("FAILED", "ChildWorkflowExecutionFailed"),
    "CANCELED": ("ABORTED", "ChildWorkflowExecutionCanceled"),
    "TERMINATED": ("ABORTED", "ChildWorkflowExecutionTerminated"),
    "TIMED_OUT": ("TIMED_OUT", "ChildWorkflowExecutionTimedOut"),
    "CONTINUED_AS_NEW": ("SUCCEEDED", ""),
}
#: Close decisions; a batch has at most one, as its last.
CLOSE_DECISIONS: Final = frozenset(
    {
        "CompleteWorkflowExecution",
        "FailWorkflowExecution",
        "CancelWorkflowExecution",
        "ContinueAsNewWorkflowExecution",
    }
)


def _close(
    draft: Draft,
    status: str,
    told: Mapping[str, Any],
    *,
    output: Payload | None = None,
    error: str | None = None,
    cause: Payload | None = None,
) -> None:
    """Everything open is over. Counts stay as they were, as the service shows them (recorded)."""
    shown, parents_event = CLOSINGS[status]
    for frame in draft.open_frames():
        draft.end(frame)
    draft.decisions.append(
        CloseExecution(status=shown, output=output, error=error, cause=cause.text if cause is not None else None)
    )
    draft.set(
        scheduled=0, started=0, list="", wait=NONE, next_scheduled=0, next_list="", next_wait=NONE, close_status=status
    )
    parent = draft.root.settings.parent
    if parent is not None and parents_event:
        details = {
            "type": parents_event,
            "runId": draft.root.settings.run_id,
            "attributes": {name: value for name, value in told.items() if value is not None},
        }
        news = Event(News.CHILD_CLOSED, child_frame(parent.initiated), parent.initiated, details)
        draft.decisions.append(Tell(execution_id=parent.execution_id, event=news))


# -- decisions ------------------------------------------------------------------


def _refused(draft: Draft, decision: str, completed: int, cause: str) -> bool:
    draft.event(f"{decision}Failed", cause=cause, decisionTaskCompletedEventId=completed)
    return True


def complete(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    result = data(asked.get("result"))
    draft.event("WorkflowExecutionCompleted", result=result, decisionTaskCompletedEventId=completed)
    _close(draft, "COMPLETED", {"result": result}, output=result)
    return False


def fail(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    reason, details = asked.get("reason"), data(asked.get("details"))
    draft.event("WorkflowExecutionFailed", reason=reason, details=details, decisionTaskCompletedEventId=completed)
    _close(draft, "FAILED", {"reason": reason, "details": details}, error=reason, cause=details)
    return False


def cancel(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    details = data(asked.get("details"))
    draft.event("WorkflowExecutionCanceled", details=details, decisionTaskCompletedEventId=completed)
    _close(draft, "CANCELED", {"details": details}, cause=details)
    return False


def continue_as_new(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    """The run ends and the next one begins in the same transaction, with the same parent."""
    old = draft.root.settings
    found = world.types.get(("workflow", old.type_name, asked.get("workflowTypeVersion") or old.type_version))
    if found is None or found.status == DEPRECATED:
        cause = "WORKFLOW_TYPE_DOES_NOT_EXIST" if found is None else "WORKFLOW_TYPE_DEPRECATED"
        return _refused(draft, "ContinueAsNewWorkflowExecution", completed, cause)
    try:
        chosen = settings(
            old.domain,
            found,
            asked,
            old.workflow_id,
            run_id=draft.new_run_id(),
            parent=old.parent,
            continued_from=old.run_id,
        )
    except Undefined as missing:
        return _refused(draft, "ContinueAsNewWorkflowExecution", completed, missing.cause)
    given = data(asked.get("input"))
    _continued(draft, chosen, given, completed)
    return False


def _continued(draft: Draft, chosen: Settings, given: Payload | None, completed: int) -> None:
    draft.event(
        "WorkflowExecutionContinuedAsNew",
        input=given,
        decisionTaskCompletedEventId=completed,
        newExecutionRunId=chosen.run_id,
        workflowType=type_of(chosen.type_name, chosen.type_version),
        **shown_settings(chosen),
    )
    _close(draft, "CONTINUED_AS_NEW", {})
    draft.decisions.append(StartNextRun(settings=chosen, input=given))


def _unless_news(decision: str, carry_out: Deciding) -> Deciding:
    """A close decision, refused while there is something that the decider has not seen."""

    def decide(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
        if draft.root.next_scheduled:
            return _refused(draft, decision, completed, "UNHANDLED_DECISION")
        return carry_out(draft, asked, completed, world)

    return decide


DECISIONS: dict[str, Deciding] = {
    decision: _unless_news(decision, carry_out)
    for decision, carry_out in {
        "CompleteWorkflowExecution": complete,
        "FailWorkflowExecution": fail,
        "CancelWorkflowExecution": cancel,
        "ContinueAsNewWorkflowExecution": continue_as_new,
    }.items()
}


# -- news -----------------------------------------------------------------------


def on_terminated(draft: Draft, event: Event, world: World) -> bool:
    """TerminateWorkflowExecution, a parent's child policy, or `flowd stop`."""
    facts = event.details
    reason = facts.get("reason", facts.get("error"))
    details = data(facts.get("details", facts.get("cause") if event.news is News.STOPPED else None))
    cause = "OPERATOR_INITIATED" if event.news is News.STOPPED else facts.get("cause", "OPERATOR_INITIATED")
    terminate(draft, cause, reason, details, facts.get("childPolicy"))
    return True


def terminate(
    draft: Draft,
    cause: str,
    reason: str | None = None,
    details: Payload | None = None,
    policy: str | None = None,
) -> None:
    """The end without a decider."""
    policy = policy or draft.root.settings.child_policy
    draft.last_event("WorkflowExecutionTerminated", reason=reason, details=details, childPolicy=policy, cause=cause)
    _close(draft, "TERMINATED", {}, error=reason or cause, cause=details)
    draft.set(applied_policy=policy)
    draft.decisions.append(ApplyChildPolicy(policy=policy))


def on_timed_out(draft: Draft, event: Event, world: World) -> bool:
    """The execution's own start-to-close timeout."""
    if event.frame != ROOT:
        return False
    policy = draft.root.settings.child_policy
    draft.last_event("WorkflowExecutionTimedOut", timeoutType="START_TO_CLOSE", childPolicy=policy)
    _close(draft, "TIMED_OUT", {"timeoutType": "START_TO_CLOSE"})
    draft.decisions.append(ApplyChildPolicy(policy=policy))
    return True
