"""The SWF step that is being written: events, decisions and changed frames, and the one rule about decision tasks.

An execution has at most one open decision task. News that wants a decision while the task is only scheduled needs no
other; news that comes while a decider has it in hand writes the next DecisionTaskScheduled at once (recorded on AWS),
and that one is offered when the first is answered or has timed out.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from flowd.decisions import CancelTask, CancelTimer, Decision, EndFrame, Purpose, ScheduleTask, StartTimer, Step
from flowd.entropy import Entropy
from flowd.frames import ROOT, Execution
from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.swf.rules import NONE, millis
from flowd.swf_frames import SwfFrame, WorkflowFrame

F = TypeVar("F", bound=SwfFrame)
EMPTY: Final = Payload(text="")
SERVICE: Final = "swf"


class HistoryFull(Exception):
    """There is room for one more event only, and it must end the execution."""


class Draft:
    """One step under way."""

    __slots__ = ("_entropy", "_frames", "changed", "decisions", "events", "execution", "now_ms", "root")

    def __init__(self, execution: Execution, frames: Mapping[str, SwfFrame], now_ms: int, entropy: Entropy) -> None:
        self.execution = execution
        self._frames = frames
        self.now_ms = now_ms
        self._entropy = entropy
        root = frames[ROOT]
        assert isinstance(root, WorkflowFrame)
        self.root = root
        self.changed: dict[str, SwfFrame | None] = {}  # None: it is over
        self.events: list[HistoryEvent] = []
        self.decisions: list[Decision] = []

    # -- frames ----------------------------------------------------------------

    def find(self, frame_id: str, kind: type[F], attempt: int | None = None) -> F | None:
        """The open frame of this name, kind and attempt (None: whichever it has) as it stands now."""
        found = self.changed[frame_id] if frame_id in self.changed else self._frames.get(frame_id)
        if not isinstance(found, kind):
            return None
        return found if attempt is None or getattr(found, "attempt", None) == attempt else None

    def put(self, frame: F) -> F:
        self.changed[frame.id] = frame
        return frame

    def end(self, frame: SwfFrame) -> None:
        """This one is over."""
        self.changed[frame.id] = None

    def set(self, **changes: Any) -> None:
        """Change the workflow's own frame."""
        self.root = msgspec.structs.replace(self.root, **changes)

    def count(self, what: str, by: int) -> None:
        """One more, or one less, is open of `activities`, `timers`, `children` or `functions`."""
        self.set(**{what: getattr(self.root, what) + by})

    def open_frames(self) -> list[SwfFrame]:
        """All that is open beside the workflow's own frame. For the end of an execution only: it looks at all."""
        merged: dict[str, SwfFrame | None] = {**self._frames, **self.changed}
        return [frame for frame in merged.values() if frame is not None and frame.id != ROOT]

    # -- events and decisions ----------------------------------------------------

    @property
    def next_event(self) -> int:
        return self.execution.next_event + len(self.events)

    def event(self, event_type: str, **attributes: Any) -> int:
        """Append a fact; its id. What is None is left out. Raises HistoryFull."""
        if self.next_event >= self.execution.event_limit:
            raise HistoryFull
        return self.last_event(event_type, **attributes)

    def last_event(self, event_type: str, **attributes: Any) -> int:
        """As `event`, for one that closes the execution: it always has room."""
        number = self.next_event
        present = {name: value for name, value in attributes.items() if value is not None}
        self.events.append(HistoryEvent(number, 0, self.now_ms, event_type, present))
        return number

    def timer(self, frame: str, attempt: int, duration: str | None, purpose: Purpose) -> None:
        """Arm a deadline, unless the duration is NONE."""
        span_ms = millis(duration)
        if span_ms:
            due_ms = self.now_ms + span_ms
            self.decisions.append(StartTimer(frame=frame, attempt=attempt, due_ms=due_ms, purpose=purpose))

    def cancel_timer(self, frame: str, attempt: int, purpose: Purpose) -> None:
        self.decisions.append(CancelTimer(frame=frame, attempt=attempt, purpose=purpose))

    def end_task(self, frame: str, attempt: int) -> None:
        self.decisions.append(CancelTask(frame=frame, attempt=attempt))

    def token(self, kind: str, event_id: int) -> str:
        """A task token: unguessable, and it tells which event it belongs to when the task is long gone."""
        return f"{self._entropy.token()}-{kind}-{event_id}"

    def new_run_id(self) -> str:
        """A run id in the form of the service's own."""
        return run_id(self._entropy)

    # -- the decision task ---------------------------------------------------------

    def want_decision(self) -> None:
        """There is something a decider has not seen: schedule a decision task, unless one is waiting already."""
        root = self.root
        if root.scheduled and (not root.started or root.next_scheduled):
            return
        sticky = bool(root.sticky_list)
        name = root.sticky_list if sticky else root.settings.task_list
        wait = root.sticky_wait if sticky else NONE
        number = self.event(
            "DecisionTaskScheduled",
            taskList={"name": name},
            taskPriority=root.settings.task_priority,
            startToCloseTimeout=root.settings.task_timeout,
            scheduleToStartTimeout=wait,
        )
        if root.scheduled:
            self.set(next_scheduled=number, next_list=name, next_wait=wait)
        else:
            self._offer(number, name, wait)

    def end_decision(self, *, answered: bool) -> None:
        """The open decision task is over; the next one is offered by `go_on`."""
        root = self.root
        self.end_task(ROOT, root.scheduled)
        self.set(scheduled=0, started=0, list="", wait=NONE, previous=root.started if answered else root.previous)

    def go_on(self, wanted: bool) -> None:
        """Offer the decision task that waited for the other one's end, or a new one if something wants it."""
        root = self.root
        if root.next_scheduled:
            self.set(next_scheduled=0, next_list="", next_wait=NONE)
            self._offer(root.next_scheduled, root.next_list, root.next_wait)
        elif wanted:
            self.want_decision()

    def _offer(self, number: int, task_list: str, wait: str) -> None:
        self.set(scheduled=number, started=0, list=task_list, wait=wait)
        settings = self.root.settings
        self.decisions.append(
            ScheduleTask(
                frame=ROOT,
                attempt=number,
                family="decision",
                resource=settings.type_name,
                service=SERVICE,
                action=settings.type_version,
                pattern="",
                parameters=EMPTY,
                token=self.token("d", number),
                state=settings.type_name,
                timeout_ms=millis(settings.task_timeout),
                task_list=list_key("decision", settings.domain, task_list),
                priority=int(settings.task_priority or 0),
            )
        )
        self.timer(ROOT, number, wait, "schedule-to-start")

    def finish(self) -> Step:
        """A name may end and be used again in one step: only what is over at its end is said to be."""
        frames = {name: frame for name, frame in self.changed.items() if frame is not None}
        frames[ROOT] = self.root
        over: list[Decision] = [EndFrame(frame=name) for name, frame in self.changed.items() if frame is None]
        return Step(self.events, [*self.decisions, *over], frames)


def run_id(entropy: Entropy) -> str:
    """46 characters: 22, then 32 random bytes in base 64, in letters that need no escape in a URL or an ARN."""
    return "22" + base64.urlsafe_b64encode(entropy.take(32)).decode()


def list_key(kind: str, domain: str, task_list: str) -> str:
    """The name pollers of a task list wait under. No list of Step Functions has a / in its name, nor has a domain."""
    return f"swf/{kind}/{domain}/{task_list}"
