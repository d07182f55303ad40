"""Leaving a state and failing in one: output, variables and the next state; Retry, Catch, and failures that climb.

A branch that ends is only noted in the Draft; what it means for the state that started it is for `fanout`.
"""

from __future__ import annotations

from typing import Any

from flowd.asl import dataflow, retry
from flowd.asl.dataflow import Outcome
from flowd.asl.draft import WHOLE, Draft, error_details
from flowd.asl.faults import (
    DATA_LIMIT_BYTES,
    REFERENCE_CONFLICT,
    RESULT_PATH_MISMATCH,
    RUNTIME,
    VARIABLES_LIMIT_BYTES,
    EvaluationFault,
    Failure,
    Fault,
    runtime,
    too_large,
)
from flowd.asl.model import Catcher, State, Task, Working
from flowd.decisions import DropBranches, GatherBranches, StartTimer
from flowd.frames import Frame, Phase
from flowd.payload import InvalidJson, Payload, dumps


def is_too_large(payload: Payload) -> bool:
    """True over 262,144 bytes of UTF-8."""
    length = len(payload.text)
    return length > DATA_LIMIT_BYTES or (length * 4 > DATA_LIMIT_BYTES and payload.size > DATA_LIMIT_BYTES)


def leave(
    draft: Draft, frame: Frame, state: State, outcome: Outcome, to: str | None, previous: int | None = None
) -> None:
    """Write StateExited and go `to` the next state (None: the scope ends). Raises Fault if the output is too large."""
    output, assigned = outcome
    if output is not frame.input and is_too_large(output):
        raise too_large(state.name)
    details: dict[str, Any] = {"name": state.name, "output": output, "outputDetails": WHOLE}
    variables = frame.variables
    if assigned:
        details["assignedVariables"] = _texts(assigned, state)
        details["assignedVariablesDetails"] = WHOLE
        variables = Payload.of(assigned if variables is None else {**variables.value, **assigned})
        if variables.size > VARIABLES_LIMIT_BYTES:
            raise too_large(state.name)
    if draft.inspection is not None and variables is not None:
        draft.inspection.note("variables", variables)
    before = frame.previous if previous is None else previous
    exited = draft.log(frame, f"{state.type}StateExited", before, details)
    if to is not None:
        draft.put(
            Frame(
                id=frame.id,
                scope=frame.scope,
                state=to,
                input=output,
                attempt=frame.attempt,
                previous=exited,
                item=frame.item,
                variables=variables,
            )
        )
        draft.ready.append(frame.id)
        return
    ended = frame.with_(phase=Phase.DONE, output=output, previous=exited, variables=None, items=None, result=None)
    draft.put(ended)
    if ended.parent is None:
        draft.close(
            "SUCCEEDED", "ExecutionSucceeded", exited, {"output": output, "outputDetails": WHOLE}, output=output
        )
    else:
        draft.ended.append(frame.id)


def _texts(assigned: dict[str, Any], state: State) -> dict[str, str]:
    """Variables as an event shows them. Raises Fault if they are too large together, or no JSON."""
    try:
        texts = {name: dumps(value) for name, value in assigned.items()}
    except InvalidJson as error:
        raise runtime(str(error)) from None
    if sum(len(text.encode()) for text in texts.values()) > DATA_LIMIT_BYTES:
        raise too_large(state.name)
    return texts


def cause_of(fault: Fault, frame: Frame) -> str:
    """The whole text of a fault in the state of a frame."""
    if fault.whole:
        return fault.detail
    place = f"An error occurred while executing the state '{frame.state}' (entered at the event id #{frame.entered}). "
    return place + fault.detail


def failure_of(draft: Draft, frame: Frame, state: State, fault: Fault) -> Failure:
    """What a fault means for the state; a JSONata one writes its EvaluationFailed first."""
    # TestState gives the bare text (recorded).
    cause = fault.detail if draft.inspection is not None else cause_of(fault, frame)
    if isinstance(fault, EvaluationFault):
        details = error_details(fault.error, cause)
        if fault.location is not None:
            details["location"] = fault.location
        details["state"] = state.name
        previous = frame.previous if draft.before is None else draft.before
        draft.put(frame.with_(previous=draft.log(frame, "EvaluationFailed", previous, details)))
    also = (RESULT_PATH_MISMATCH,) if fault.error == REFERENCE_CONFLICT else ()
    return Failure(fault.error, cause, also)


def fail(draft: Draft, frame: Frame, state: State, failure: Failure) -> None:
    """Try again, else catch, else let the failure climb. Open branches have been dealt with before."""
    draft.before = None
    _show(draft, state, failure)
    if failure.error == RUNTIME:
        crash(draft, frame, failure)
        return
    if isinstance(state, Working):
        again = retry.next_attempt(state.retriers, frame.retries, failure, draft.entropy)
        if again is not None:
            _drop_branches(draft, frame)
            _back_off(draft, frame, again)
            return
        if not isinstance(state, Task):
            frame = draft.put(frame.with_(previous=draft.log(frame, f"{state.type}StateFailed", frame.previous)))
        catcher = retry.catcher_for(state.catchers, failure)
        if catcher is not None:
            try:
                _catch(draft, frame, state, catcher, failure)
            except Fault as fault:
                failure = failure_of(draft, frame, state, fault)
                _show(draft, state, failure)
                frame = draft.frame(frame.id)
            else:
                return
    if failure.error == RUNTIME:
        crash(draft, frame, failure)
    else:
        _give_up(draft, frame, failure)


def _show(draft: Draft, state: State, failure: Failure) -> None:
    if draft.inspection is not None:
        draft.inspection.failures.append((state.name, failure))


def crash(draft: Draft, frame: Frame, failure: Failure) -> None:
    """States.Runtime: the execution fails at once, from wherever it is; no Map or Parallel around writes a failure."""
    draft.put(frame.with_(phase=Phase.FAILED, error=failure.error, cause=failure.cause))
    _close_failed(draft, frame.previous, failure)


def break_up(draft: Draft, frame: Frame, failure: Failure) -> None:
    """The state fails while branches of it are going: ask for them, and fail when they are known."""
    frame = frame.with_(phase=Phase.WAITING, waiting_for="failed", error=failure.error, cause=failure.cause)
    draft.put(frame)
    draft.decisions.append(GatherBranches(frame=frame.id, attempt=frame.attempt, why="failed"))


def _back_off(draft: Draft, frame: Frame, again: retry.Again) -> None:
    waiting = frame.with_(
        phase=Phase.WAITING,
        waiting_for="retry",
        attempt=frame.attempt + 1,
        retries=again.uses,
        retry_count=frame.retry_count + 1,
        stage="",
        token="",
        result=None,
        items=None,
        total=0,
        started=0,
        open=0,
        weight=0,
        error=None,
        cause=None,
    )
    draft.put(waiting)
    due_ms = draft.now_ms + again.delay_ms
    draft.decisions.append(StartTimer(frame=frame.id, attempt=waiting.attempt, due_ms=due_ms, purpose="retry"))


def _catch(draft: Draft, frame: Frame, state: Working, catcher: Catcher, failure: Failure) -> None:
    env = draft.env(frame, state)
    outcome = dataflow.caught(state.language, catcher, env, retry.error_output(failure))
    leave(draft, frame, state, outcome, catcher.next)
    _drop_branches(draft, frame)


def _drop_branches(draft: Draft, frame: Frame, *, keep_frames: bool = False) -> None:
    if frame.started:
        draft.decisions.append(DropBranches(prefix=frame.branches, keep_frames=keep_frames))


def _give_up(draft: Draft, frame: Frame, failure: Failure) -> None:
    """Nobody here answers: the execution fails, or the state around."""
    _drop_branches(draft, frame, keep_frames=True)
    failed = frame.with_(
        phase=Phase.FAILED, waiting_for="", stage="", token="", error=failure.error, cause=failure.cause
    )
    draft.put(failed)
    if failed.parent is None:
        _close_failed(draft, frame.previous, failure)
        return
    parent = draft.frame(failed.parent)
    around = draft.state(parent)
    if around.type == "Map":
        details = {"name": around.name, "index": failed.item}
        draft.log(failed, "MapIterationFailed", failed.previous, details)
    if draft.state(failed).type == "Task":
        draft.log(failed, "TaskStateAborted", failed.previous)
    break_up(draft, parent.with_(previous=failed.previous, open=parent.open - 1), failure)


def _close_failed(draft: Draft, previous: int, failure: Failure) -> None:
    details = error_details(failure.error, failure.cause)
    draft.close("FAILED", "ExecutionFailed", previous, details, error=failure.error, cause=failure.cause)
