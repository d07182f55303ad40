"""Stories: a machine run to its end in simulated time, with every law of the step checked on the way.

Each step is taken twice and must give the same bytes (law 1), may look at one lineage only (law 2), and must hand out
dense event ids that point back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from flowd.asl.host import Answer, Host, drive, new_execution, take_step, wire
from flowd.asl.model import StateMachine
from flowd.asl.parse import parse
from flowd.clock import ManualClock
from flowd.decisions import ScheduleTask, Step
from flowd.frames import Execution, Frame, lineage
from flowd.history import Event, News
from flowd.payload import Payload

Handler = Callable[[Any], Any]


class TaskError(Exception):
    """What a handler raises to let its task fail."""

    def __init__(self, error: str | None, cause: str | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause


class Silence(Exception):
    """What a handler raises to never answer."""


class Story(Host):
    """A host with a clock, handlers by state name, and the history in wire form."""

    def __init__(
        self,
        definition: Mapping[str, Any] | str,
        given: Any = None,
        handlers: Mapping[str, Handler] | None = None,
        *,
        text: str | None = None,
        **facts: Any,
    ) -> None:
        machine = parse(definition if isinstance(definition, str) else json.dumps(definition))
        self.clock = ManualClock()
        self.handlers = dict(handlers or {})
        self.calls: list[ScheduleTask] = []
        execution = new_execution(json.dumps(given) if text is None else text, self.clock.now_ms(), **facts)
        super().__init__(machine, execution, take=careful_step)

    def begin(self) -> Story:
        """Start, and walk until everything waits."""
        self.start(self.clock.now_ms())
        return self

    def run(self) -> Story:
        """Start and run to the end, or until nothing will ever happen again."""
        return self.begin().go_on()

    def go_on(self) -> Story:
        self.clock.set(drive(self, self._answer, self.clock.now_ms()))
        return self

    def news(self, news: News, frame: str = "0", attempt: int | None = None, **details: Any) -> bool:
        """Bring news, of the frame's present attempt unless told otherwise."""
        if attempt is None:
            attempt = self.frames[frame].attempt
        return self.deliver(Event(news, frame, attempt, details), self.clock.now_ms())

    def wait(self, seconds: float) -> int:
        """Let time pass and all that is due happen."""
        self.clock.advance(seconds)
        return self.ring(self.clock.now_ms())

    def _answer(self, task: ScheduleTask) -> Iterable[Answer]:
        self.calls.append(task)
        if task.family == "activity":
            yield Answer(News.TASK_STARTED, {"workerName": "worker"})
        elif task.pattern:
            yield Answer(News.TASK_SUBMITTED, {"output": Payload.of({})})
        handler = self.handlers.get(task.state, lambda parameters: parameters)
        try:
            yield Answer(News.TASK_SUCCEEDED, {"output": Payload.of(handler(task.parameters.value))})
        except TaskError as error:
            yield Answer(News.TASK_FAILED, {"error": error.error, "cause": error.cause})
        except Silence:
            return

    # -- what came of it ---------------------------------------------------------

    @property
    def status(self) -> str:
        return "RUNNING" if self.closed is None else self.closed.status

    @property
    def output(self) -> Any:
        assert self.closed is not None and self.closed.output is not None, self.closed
        return self.closed.output.value

    @property
    def error(self) -> tuple[str | None, str | None]:
        assert self.closed is not None
        return self.closed.error, self.closed.cause

    @property
    def types(self) -> list[str]:
        """`4<3 PassStateExited` for each event."""
        return [f"{event.id}<{event.previous} {event.type}" for event in self.history]

    @property
    def wire(self) -> list[dict[str, Any]]:
        return [wire(event) for event in self.history]

    def details(self, event_type: str) -> list[dict[str, Any]]:
        """The details of all events of a type, JSON texts parsed."""
        return [
            {name: value.value if isinstance(value, Payload) else value for name, value in event.details.items()}
            for event in self.history
            if event.type == event_type
        ]


class OneLineage(Mapping[str, Frame]):
    """The frames a step may look at; looking at another one is a failure of the test."""

    def __init__(self, frames: Mapping[str, Frame], frame_id: str) -> None:
        self._allowed = set(lineage(frame_id))
        self._frames = frames

    def __getitem__(self, frame_id: str) -> Frame:
        assert frame_id in self._allowed, f"a step read {frame_id}, which is not of its lineage"
        return self._frames[frame_id]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("a step looked through all frames")

    def __len__(self) -> int:
        raise AssertionError("a step counted all frames")


def careful_step(
    machine: StateMachine, execution: Execution, frames: Mapping[str, Frame], event: Event, now_ms: int, seed: bytes
) -> Step | None:
    """One step, taken twice, looked at from all sides."""
    allowed = OneLineage(frames, event.frame)
    first = take_step(machine, execution, allowed, event, now_ms, seed)
    second = take_step(machine, execution, allowed, event, now_ms, seed)
    assert as_bytes(first) == as_bytes(second)
    if first is not None:
        for number, made in enumerate(first.events, start=execution.next_event):
            assert made.id == number
            assert 0 <= made.previous < made.id
    return first


def as_bytes(step: Step | None) -> bytes:
    return msgspec.msgpack.encode(step, enc_hook=_text, order="deterministic")


def _text(value: Any) -> Any:
    if isinstance(value, Payload):
        return value.text
    raise NotImplementedError(type(value))
