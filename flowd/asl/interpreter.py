"""step(): one piece of news in, history events, decisions and changed frames out. Pure and deterministic.

It reads one lineage (the frame of the news and its ancestors), never the whole execution, and walks until everything
waits or 200 states are done. No I/O, no clock, no chance but what it is handed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flowd.asl import distributed, fanout, redrive, simple, tasks
from flowd.asl.draft import WHOLE, Draft, HistoryFull, error_details
from flowd.asl.faults import RUNTIME, TIMEOUT, Fault
from flowd.asl.model import DistributedMap, Map, State, StateMachine
from flowd.asl.transitions import break_up, fail, failure_of
from flowd.decisions import ContinueLater, Step
from flowd.entropy import Entropy
from flowd.frames import ROOT, Execution, Frame, Phase
from flowd.history import Event, News

__all__ = ["MAX_STATES", "Step", "step"]

#: States that one step walks through at most (law 9: a step is bounded).
MAX_STATES: Final = 200

HISTORY_FULL: Final = "The execution reached the maximum number of history events ({})."


def step(
    machine: StateMachine,
    execution: Execution,
    frames: Mapping[str, Frame],
    event: Event,
    now_ms: int,
    entropy: Entropy,
) -> Step | None:
    """Advance as far as possible. None if the news is stale: answered already, or of an attempt that is over.

    `frames` must hold the lineage of `event.frame` and may hold more, which is not looked at. Event ids go on from
    `execution.next_event`.
    """
    draft = Draft(machine, execution, frames, now_ms, entropy)
    try:
        if not bring(draft, event):
            return None
        _walk(draft)
    except HistoryFull:
        _close_full(draft)
    return draft.finish()


def _walk(draft: Draft) -> None:
    """Run what is ready, one state per turn, breadth first; branches that ended come before anything else."""
    walked = 0
    while True:
        if draft.ended:
            child = draft.frame(draft.ended.popleft())
            if child.parent is not None and draft.is_alive(child):
                _guarded(draft, child.parent, fanout.branch_ended, child)
        elif draft.ready:
            frame = draft.frame(draft.ready.popleft())
            if not draft.is_alive(frame):
                continue
            if walked == MAX_STATES:
                _continue_later(draft, frame)
                continue
            walked += 1
            enter(draft, frame)
        else:
            return


def enter(draft: Draft, frame: Frame, work: Callable[[Draft, Frame, Any], None] | None = None) -> None:
    """Run one state; StateEntered is written the first time only, not when an attempt is repeated.

    `work` stands in for what a state of its type does.
    """
    state = draft.state(frame)
    draft.before = None
    if not frame.entered:
        details = {"name": frame.state, "input": frame.input, "inputDetails": WHOLE}
        entered = draft.log(frame, f"{state.type}StateEntered", frame.previous, details)
        draft.before = frame.previous
        draft.put(frame.with_(entered=entered, entered_ms=draft.now_ms, previous=entered))
    _guarded(draft, frame.id, work or _ENTER[state.type])


def bring(draft: Draft, event: Event) -> bool:
    """Tell the frame of the news; False if it is stale. States that become ready are not run."""
    return _NEWS[event.news](draft, event)


def _guarded(draft: Draft, frame_id: str, work: Callable[..., None], *arguments: Any) -> None:
    """Do something in a frame's state; a Fault makes the state fail."""
    frame = draft.frame(frame_id)
    state = draft.state(frame)
    try:
        work(draft, frame, state, *arguments)
    except Fault as fault:
        failure = failure_of(draft, draft.frame(frame_id), state, fault)
        frame = draft.frame(frame_id)
        if frame.phase is Phase.JOINING and frame.open and failure.error != RUNTIME:
            break_up(draft, frame, failure)
        else:
            fail(draft, frame, state, failure)


def _continue_later(draft: Draft, frame: Frame) -> None:
    later = draft.put(frame.with_(attempt=frame.attempt + 1))
    draft.decisions.append(ContinueLater(frame=later.id, attempt=later.attempt))


def _close_full(draft: Draft) -> None:
    """No room for more history: event 25,000 is ExecutionFailed."""
    cause = HISTORY_FULL.format(draft.execution.event_limit)
    details = error_details(RUNTIME, cause)
    previous = draft.events[-1].id if draft.events else draft.execution.next_event - 1
    draft.close("FAILED", "ExecutionFailed", previous, details, error=RUNTIME, cause=cause)


# -- news ---------------------------------------------------------------------


def _on_start(draft: Draft, event: Event) -> bool:
    if draft.find(ROOT) is not None:
        return False
    execution = draft.execution
    variables = event.details.get("variables")  # an execution that was forked begins with those of its origin
    root = draft.put(Frame(id=ROOT, state=draft.machine.root.start_at, input=execution.input, variables=variables))
    details: dict[str, Any] = {"input": execution.input, "inputDetails": WHOLE, "roleArn": execution.role_arn}
    if execution.alias_arn is not None:
        details["stateMachineAliasArn"] = execution.alias_arn
    if execution.version_arn is not None:
        details["stateMachineVersionArn"] = execution.version_arn
    draft.log(root, "ExecutionStarted", 0, details)  # nothing points back to it: the first StateEntered has 0
    draft.ready.append(ROOT)
    return True


def _resume(
    waiting_for: str, work: Callable[[Draft, Frame, Any, Event], None], stages: frozenset[str] | None = None
) -> Callable[[Draft, Event], bool]:
    """Takes news for a frame that waits for it, once."""

    def take(draft: Draft, event: Event) -> bool:
        frame = draft.find(event.frame)
        if (
            frame is None
            or frame.phase is not Phase.WAITING
            or frame.attempt != event.attempt
            or frame.waiting_for != waiting_for
            or (stages is not None and frame.stage not in stages)
            or not draft.is_alive(frame)
        ):
            return False
        _guarded(draft, frame.id, work, event)
        return True

    return take


def _on_timer(draft: Draft, event: Event) -> bool:
    frame = draft.find(event.frame)
    kind = "" if frame is None else frame.waiting_for
    take = _TIMERS.get(kind)
    return take is not None and take(draft, event)


def _go_on(draft: Draft, frame: Frame, state: State, event: Event) -> None:
    """The back-off is over."""
    draft.put(frame.with_(phase=Phase.READY, waiting_for=""))
    draft.ready.append(frame.id)


def _on_continued(draft: Draft, event: Event) -> bool:
    frame = draft.find(event.frame)
    if frame is None or frame.phase is not Phase.READY or frame.attempt != event.attempt or not draft.is_alive(frame):
        return False
    draft.ready.append(frame.id)
    return True


def _is_running(draft: Draft) -> bool:
    root = draft.find(ROOT)
    return root is not None and root.phase not in (Phase.DONE, Phase.FAILED)


def _on_stop(draft: Draft, event: Event) -> bool:
    if not _is_running(draft):
        return False
    error, cause = event.details.get("error"), event.details.get("cause")
    draft.close("ABORTED", "ExecutionAborted", 0, error_details(error, cause), error=error, cause=cause)
    return True


def _on_timed_out(draft: Draft, event: Event) -> bool:
    """DescribeExecution shows neither error nor cause of it (recorded); the event has the error."""
    if not _is_running(draft):
        return False
    draft.close("TIMED_OUT", "ExecutionTimedOut", 0, error_details(TIMEOUT, None))
    return True


def _on_redrive(draft: Draft, event: Event) -> bool:
    root = draft.find(ROOT)
    if root is None or root.phase is not Phase.FAILED:
        return False
    redrive.redrive(draft, event.details["frames"], event.details["map_runs"])
    return True


def _enter_map(draft: Draft, frame: Frame, state: Map) -> None:
    if isinstance(state, DistributedMap):
        distributed.enter_map(draft, frame, state)
    else:
        fanout.enter_map(draft, frame, state)


_ENTER: Final[dict[str, Callable[[Draft, Frame, Any], None]]] = {
    "Task": tasks.enter_task,
    "Pass": simple.enter_pass,
    "Wait": simple.enter_wait,
    "Choice": simple.enter_choice,
    "Succeed": simple.enter_succeed,
    "Fail": simple.enter_fail,
    "Parallel": fanout.enter_parallel,
    "Map": _enter_map,
}
_TIMERS: Final = {"timer": _resume("timer", simple.on_wait_over), "retry": _resume("retry", _go_on)}
_NEWS: Final[dict[News, Callable[[Draft, Event], bool]]] = {
    News.STARTED: _on_start,
    News.TASK_STARTED: _resume("task", tasks.on_started, frozenset({"scheduled"})),
    News.TASK_SUBMITTED: _resume("task", tasks.on_submitted, frozenset({"submitting"})),
    News.TASK_SUBMIT_FAILED: _resume("task", tasks.on_failed, frozenset({"submitting"})),
    News.TASK_START_FAILED: _resume("task", tasks.on_failed),
    News.TASK_SUCCEEDED: _resume("task", tasks.on_succeeded),
    News.TASK_FAILED: _resume("task", tasks.on_failed),
    News.TASK_TIMED_OUT: _resume("task", tasks.on_timed_out),
    News.TIMER_FIRED: _on_timer,
    News.BRANCHES_JOINED: _resume("joined", fanout.on_joined),
    News.BRANCHES_FAILED: _resume("failed", fanout.on_broken_up),
    News.MAP_RUN_ENDED: _resume(fanout.MAP_RUN, distributed.on_ended),
    News.CONTINUED: _on_continued,
    News.STOPPED: _on_stop,
    News.TIMED_OUT: _on_timed_out,
    News.REDRIVEN: _on_redrive,
}
