"""Timers: StartTimer, CancelTimer, and the moment one fires. Markers too, which are only written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowd.decisions import StartTimer
from flowd.history import Event
from flowd.swf.draft import Draft
from flowd.swf.world import Deciding, World, data
from flowd.swf_frames import TimerFrame


def frame_name(timer_id: str) -> str:
    return f"timer/{timer_id}"


def start(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    timer_id = asked["timerId"]
    cause = ""
    if draft.find(frame_name(timer_id), TimerFrame) is not None:
        cause = "TIMER_ID_ALREADY_IN_USE"
    elif draft.root.timers >= world.limits.open_timers:
        cause = "OPEN_TIMERS_LIMIT_EXCEEDED"
    if cause:
        draft.event("StartTimerFailed", timerId=timer_id, cause=cause, decisionTaskCompletedEventId=completed)
        return True
    number = draft.event(
        "TimerStarted",
        timerId=timer_id,
        control=data(asked.get("control")),
        startToFireTimeout=asked["startToFireTimeout"],
        decisionTaskCompletedEventId=completed,
    )
    frame = draft.put(TimerFrame(id=frame_name(timer_id), attempt=number, timer_id=timer_id))
    draft.count("timers", 1)
    due_ms = draft.now_ms + int(asked["startToFireTimeout"]) * 1000
    draft.decisions.append(StartTimer(frame=frame.id, attempt=number, due_ms=due_ms, purpose="timer"))
    return False


def cancel(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    timer_id = asked["timerId"]
    frame = draft.find(frame_name(timer_id), TimerFrame)
    if frame is None:
        draft.event(
            "CancelTimerFailed", timerId=timer_id, cause="TIMER_ID_UNKNOWN", decisionTaskCompletedEventId=completed
        )
        return True
    draft.event("TimerCanceled", timerId=timer_id, startedEventId=frame.attempt, decisionTaskCompletedEventId=completed)
    _end(draft, frame)
    return False


def record_marker(draft: Draft, asked: Mapping[str, Any], completed: int, world: World) -> bool:
    draft.event(
        "MarkerRecorded",
        markerName=asked["markerName"],
        details=data(asked.get("details")),
        decisionTaskCompletedEventId=completed,
    )
    return False


DECISIONS: dict[str, Deciding] = {"StartTimer": start, "CancelTimer": cancel, "RecordMarker": record_marker}


def on_fired(draft: Draft, event: Event, world: World) -> bool:
    frame = draft.find(event.frame, TimerFrame, event.attempt)
    if frame is None:
        return False
    draft.event("TimerFired", timerId=frame.timer_id, startedEventId=frame.attempt)
    _end(draft, frame)
    draft.want_decision()
    return True


def _end(draft: Draft, frame: TimerFrame) -> None:
    draft.cancel_timer(frame.id, frame.attempt, "timer")
    draft.end(frame)
    draft.count("timers", -1)
