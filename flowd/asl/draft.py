"""The step that is being written: events, decisions and changed frames, gathered while frames are walked.

It hands out event ids and remembers what is to be looked at next. It knows no rule of the language.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from flowd.asl.context import Env
from flowd.asl.inspection import Inspection
from flowd.asl.model import State, StateMachine, Working
from flowd.decisions import CloseExecution, CloseStatus, Decision, Step
from flowd.entropy import Entropy
from flowd.frames import ROOT, Execution, Frame, Phase
from flowd.history import TERMINAL, HistoryEvent
from flowd.payload import Payload

#: The event with this id closes a STANDARD execution, whatever it had in mind (recorded).

WHOLE: Final = {"truncated": False}  # inputDetails, outputDetails: shared, never changed


class HistoryFull(Exception):
    """There is room for one more event only, and it must be ExecutionFailed."""


class Draft:
    """One step under way.

    `ready` are ids of frames to be run, `ended` of branches that reached their end. `before` is the event that came
    before the StateEntered of the state being entered (None later on): EvaluationFailed points back to it (recorded).
    """

    __slots__ = (
        "_frames",
        "before",
        "changed",
        "closed",
        "decisions",
        "ended",
        "entropy",
        "events",
        "execution",
        "inspection",
        "machine",
        "now_ms",
        "ready",
    )

    def __init__(
        self,
        machine: StateMachine,
        execution: Execution,
        frames: Mapping[str, Frame],
        now_ms: int,
        entropy: Entropy,
        inspection: Inspection | None = None,
    ) -> None:
        self.machine = machine
        self.execution = execution
        self._frames = frames
        self.now_ms = now_ms
        self.entropy = entropy
        self.inspection = inspection
        self.changed: dict[str, Frame] = {}
        self.events: list[HistoryEvent] = []
        self.decisions: list[Decision] = []
        self.ready: deque[str] = deque()
        self.ended: deque[str] = deque()
        self.before: int | None = None
        self.closed = False

    def find(self, frame_id: str) -> Frame | None:
        """The frame as it stands now, None if there is none."""
        return self.changed.get(frame_id) or self._frames.get(frame_id)

    def frame(self, frame_id: str) -> Frame:
        """The frame as it stands now. Raises KeyError."""
        return self.changed.get(frame_id) or self._frames[frame_id]

    def put(self, frame: Frame) -> Frame:
        self.changed[frame.id] = frame
        return frame

    def state(self, frame: Frame) -> State:
        """The state in which the frame is."""
        return self.machine.scopes[frame.scope].states[frame.state]

    def env(self, frame: Frame, state: State, token: str = "") -> Env:
        """What the state's expressions may see."""
        return Env(
            self.execution,
            self,
            frame,
            self.now_ms,
            self.entropy,
            retried=isinstance(state, Working),
            token=token,
            inspection=self.inspection,
        )

    def is_alive(self, frame: Frame) -> bool:
        """False once an ancestor has failed, moved on or started its branches anew."""
        while frame.parent is not None:
            parent = self.find(frame.parent)
            if parent is None or parent.phase is not Phase.JOINING or not frame.id.startswith(parent.branches):
                return False
            frame = parent
        return True

    def log(self, frame: Frame, event_type: str, previous: int, details: dict[str, Any] | None = None) -> int:
        """Append a fact; its id. Raises HistoryFull."""
        number = self.execution.next_event + len(self.events)
        if number >= self.execution.event_limit and event_type not in TERMINAL and self.execution.type == "STANDARD":
            raise HistoryFull
        self.events.append(
            HistoryEvent(number, previous, self.now_ms, event_type, details or {}, frame.id, frame.attempt)
        )
        return number

    def close(
        self,
        status: CloseStatus,
        event_type: str,
        previous: int,
        details: dict[str, Any],
        *,
        output: Payload | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        """Write the closing event and end the execution; the frames stay where they are, for a redrive."""
        root = self.frame(ROOT)
        self.log(root, event_type, previous, details)
        self.decisions.append(CloseExecution(status=status, output=output, error=error, cause=cause))
        if status != "SUCCEEDED" and root.phase is not Phase.FAILED:
            self.put(root.with_(phase=Phase.FAILED, error=error, cause=cause))
        self.ready.clear()
        self.ended.clear()
        self.closed = True

    def finish(self) -> Step:
        return Step(self.events, self.decisions, self.changed)


def error_details(error: str | None, cause: str | None) -> dict[str, Any]:
    """`error` and `cause` as events have them: absent, never null."""
    details: dict[str, Any] = {}
    if error is not None:
        details["error"] = error
    if cause is not None:
        details["cause"] = cause
    return details
