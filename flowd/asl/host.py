"""An in-memory host of one execution: what an engine does around `step`, without a store, a socket or a thread.

For `flowd run` and tests. Time is whatever the caller says, tasks are answered by the caller. Nothing here
survives the process, and nothing here decides anything.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

import msgspec

from flowd.asl.interpreter import Step, step
from flowd.asl.model import StateMachine
from flowd.decisions import (
    ApplyChildPolicy,
    CancelTask,
    CancelTimer,
    CloseExecution,
    ContinueLater,
    Decision,
    DropBranches,
    EndFrame,
    EndMapRun,
    GatherBranches,
    MapRunLeft,
    RedriveMapRun,
    RunErrand,
    ScheduleTask,
    StartMapRun,
    StartNextRun,
    StartTimer,
    Tell,
)
from flowd.entropy import Entropy
from flowd.frames import ROOT, Execution, Frame, Phase
from flowd.history import Event, HistoryEvent, News, details_member
from flowd.payload import Payload

TaskKey = tuple[str, int]  # frame, attempt
AlarmKey = tuple[str, int, str]  # frame, attempt, purpose


class Take(Protocol):
    """How a host takes a step; tests put a suspicious one here."""

    def __call__(
        self,
        machine: StateMachine,
        execution: Execution,
        frames: Mapping[str, Frame],
        event: Event,
        now_ms: int,
        seed: bytes,
    ) -> Step | None: ...


def take_step(
    machine: StateMachine, execution: Execution, frames: Mapping[str, Frame], event: Event, now_ms: int, seed: bytes
) -> Step | None:
    """`step` with the chance that `seed` gives."""
    return step(machine, execution, frames, event, now_ms, Entropy(seed))


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is to happen to a frame at `due_ms`."""

    due_ms: int
    event: Event


@dataclass(slots=True)
class Host:
    """One execution. `tasks` are those scheduled and not answered, `closed` how it ended."""

    machine: StateMachine
    execution: Execution
    seed: bytes = b"flowd"
    history: list[HistoryEvent] = field(default_factory=list)
    frames: dict[str, Frame] = field(default_factory=dict)
    tasks: dict[TaskKey, ScheduleTask] = field(default_factory=dict)
    alarms: dict[AlarmKey, Alarm] = field(default_factory=dict)
    map_runs: dict[TaskKey, StartMapRun] = field(default_factory=dict)  # open; whoever drives the host runs the items
    left_runs: list[StartMapRun] = field(default_factory=list)  # that failed or were aborted; their ids count from 0
    closed: CloseExecution | None = None
    take: Take = take_step
    steps: int = 0
    _later: deque[Event] = field(default_factory=deque)

    def start(self, now_ms: int) -> None:
        """Begin the execution and walk until everything waits."""
        self._arm_execution(now_ms)
        self.deliver(Event(News.STARTED), now_ms)

    def deliver(self, event: Event, now_ms: int) -> bool:
        """Bring news to the execution; False if it is stale."""
        if self.closed is not None and event.news is not News.REDRIVEN:
            return False
        accepted = self._step(event, now_ms)
        while self._later and self.closed is None:
            self._step(self._later.popleft(), now_ms)
        return accepted

    def redrive(self, now_ms: int) -> bool:
        """Go on with a failed, stopped or timed-out execution; False if it is not one."""
        if self.closed is None or self.closed.status == "SUCCEEDED":
            return False
        self.closed = None
        self._arm_execution(now_ms)
        execution = self.execution
        self.execution = msgspec.structs.replace(
            execution, redrive_count=execution.redrive_count + 1, redriven_ms=now_ms
        )
        frames = [frame for frame in self.frames.values() if frame.phase is not Phase.DONE]
        attempts = {frame.id: frame.attempt for frame in frames}
        map_runs = {
            run.frame: MapRunLeft(id=number, arn=run.arn, redrive_count=self._redrives(run.arn))
            for number, run in enumerate(self.left_runs)
            if attempts.get(run.frame) == run.attempt
        }
        return self.deliver(Event(News.REDRIVEN, details={"frames": frames, "map_runs": map_runs}), now_ms)

    def _redrives(self, map_run_arn: str) -> int:
        redriven = (each for each in self.history if each.type == "MapRunRedriven")
        return sum(each.details["mapRunArn"] == map_run_arn for each in redriven)

    def next_alarm(self) -> AlarmKey | None:
        """What is due first; ties in the order of frames."""
        return min(self.alarms, key=lambda key: (self.alarms[key].due_ms, key), default=None)

    def ring(self, now_ms: int) -> int:
        """Deliver all that is due; how many."""
        rung = 0
        while (key := self.next_alarm()) is not None and self.alarms[key].due_ms <= now_ms:
            self.deliver(self.alarms.pop(key).event, now_ms)
            rung += 1
        return rung

    # -- steps and decisions ----------------------------------------------------

    def _step(self, event: Event, now_ms: int) -> bool:
        seed = hashlib.sha256(self.seed + self.steps.to_bytes(8, "big")).digest()
        made = self.take(self.machine, self.execution, self.frames, event, now_ms, seed)
        self.steps += 1
        if made is None:
            return False
        self.frames.update(made.frames)
        self.history.extend(made.events)
        if made.events:
            self.execution = msgspec.structs.replace(self.execution, next_event=made.events[-1].id + 1)
        if event.news is News.TASK_STARTED:
            self._arm_task(self.tasks[event.frame, event.attempt], now_ms)
        for internal in [news for decision in made.decisions for news in self._decide(decision, now_ms)]:
            self._step(internal, now_ms)
        return True

    def _decide(self, decision: Decision, now_ms: int) -> list[Event]:
        """Carry a decision out; returns what must be stepped at once."""
        match decision:
            case ScheduleTask(frame=frame, attempt=attempt, family=family):
                self.tasks[frame, attempt] = decision
                if family != "activity":
                    self._arm_task(decision, now_ms)
            case StartTimer(frame=frame, attempt=attempt, due_ms=due_ms):
                self.alarms[frame, attempt, "timer"] = Alarm(due_ms, Event(News.TIMER_FIRED, frame, attempt))
            case CancelTask(frame=frame, attempt=attempt):
                self.tasks.pop((frame, attempt), None)
                for purpose in ("timeout", "heartbeat"):
                    self.alarms.pop((frame, attempt, purpose), None)
            case GatherBranches():
                return [self._gathered(decision)]
            case DropBranches(prefix=prefix, keep_frames=keep_frames):
                self._drop(prefix, keep_frames)
            case ContinueLater(frame=frame, attempt=attempt):
                self._later.append(Event(News.CONTINUED, frame, attempt))
            case StartMapRun(frame=frame, attempt=attempt):
                self.map_runs[frame, attempt] = decision
            case RedriveMapRun(frame=frame, attempt=attempt, run=number):
                self.map_runs[frame, attempt] = msgspec.structs.replace(self.left_runs[number], attempt=attempt)
            case EndMapRun(frame=frame, attempt=attempt, status=status):
                ended = self.map_runs.pop((frame, attempt))
                if status == "FAILED":
                    self.left_runs.append(ended)
            case CloseExecution():
                self.closed = decision
                self.left_runs += self.map_runs.values()
                self.map_runs.clear()
                self.tasks.clear()
                self.alarms.clear()
                self._later.clear()
            case CancelTimer() | EndFrame() | RunErrand() | Tell() | ApplyChildPolicy() | StartNextRun():
                raise TypeError(f"no state machine decides {type(decision).__name__}")
            case _:
                assert_never(decision)
        return []

    def heartbeat(self, key: TaskKey, now_ms: int) -> None:
        """The task is alive: its heartbeat is counted anew."""
        task = self.tasks[key]
        if task.heartbeat_ms:
            self._arm(task, "heartbeat", now_ms + task.heartbeat_ms)

    def _arm_execution(self, now_ms: int) -> None:
        """TimeoutSeconds of the machine; a redrive counts it anew."""
        if self.machine.timeout_seconds:
            due_ms = now_ms + self.machine.timeout_seconds * 1000
            self.alarms[ROOT, -1, "execution"] = Alarm(due_ms, Event(News.TIMED_OUT))

    def _arm_task(self, task: ScheduleTask, now_ms: int) -> None:
        for purpose, span_ms in (("timeout", task.timeout_ms), ("heartbeat", task.heartbeat_ms)):
            if span_ms:
                self._arm(task, purpose, now_ms + span_ms)

    def _arm(self, task: ScheduleTask, purpose: str, due_ms: int) -> None:
        details = {"heartbeat": purpose == "heartbeat"}
        event = Event(News.TASK_TIMED_OUT, task.frame, task.attempt, details)
        self.alarms[task.frame, task.attempt, purpose] = Alarm(due_ms, event)

    def _gathered(self, decision: GatherBranches) -> Event:
        prefix = f"{decision.frame}/{decision.attempt}."
        if decision.why == "failed":
            going = (Phase.READY, Phase.WAITING, Phase.JOINING)
            still_open = [frame for frame in self._below(prefix) if frame.phase in going]
            return Event(News.BRANCHES_FAILED, decision.frame, decision.attempt, {"open": still_open})
        outputs: list[Any] = []
        while (child := self.frames.get(f"{prefix}{len(outputs)}")) is not None:
            outputs.append(child.output)
        return Event(News.BRANCHES_JOINED, decision.frame, decision.attempt, {"outputs": outputs})

    def _below(self, prefix: str) -> Iterator[Frame]:
        """The frames below a `Frame.branches` prefix, each before those below it, branches in order."""
        index = 0
        while (child := self.frames.get(f"{prefix}{index}")) is not None:
            yield child
            yield from self._below(child.branches)
            index += 1

    def _drop(self, prefix: str, keep_frames: bool) -> None:
        names = {frame.id for frame in self._below(prefix)}
        self.tasks = {key: task for key, task in self.tasks.items() if key[0] not in names}
        self.alarms = {key: alarm for key, alarm in self.alarms.items() if key[0] not in names}
        self.left_runs += [run for key, run in self.map_runs.items() if key[0] in names]
        self.map_runs = {key: run for key, run in self.map_runs.items() if key[0] not in names}
        if not keep_frames:
            for name in names:
                del self.frames[name]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is heard of a task `after_ms` after it was scheduled."""

    news: News
    details: dict[str, Any] = field(default_factory=dict)
    after_ms: int = 0


def drive(host: Host, answer: Callable[[ScheduleTask], Iterable[Answer]], now_ms: int) -> int:
    """Run to the end in simulated time, or until nothing will ever happen again; when that was, in milliseconds.

    `answer` says once for each scheduled task what will be heard of it; if nothing, its timeouts count.
    """
    asked: set[TaskKey] = set()
    heard: list[tuple[int, int, Event]] = []
    count = 0
    while host.closed is None:
        for key, task in list(host.tasks.items()):
            if key not in asked:
                asked.add(key)
                for said in answer(task):
                    count += 1
                    event = Event(said.news, task.frame, task.attempt, said.details)
                    heapq.heappush(heard, (now_ms + said.after_ms, count, event))
        alarm = host.next_alarm()
        if heard and (alarm is None or heard[0][0] <= host.alarms[alarm].due_ms):
            due_ms, _, event = heapq.heappop(heard)
            now_ms = max(now_ms, due_ms)
            host.deliver(event, now_ms)
        elif alarm is not None:
            now_ms = max(now_ms, host.alarms[alarm].due_ms)
            host.ring(now_ms)
        else:
            break
    return now_ms


def new_execution(text: str, now_ms: int, **facts: Any) -> Execution:
    """An execution for a host: names that need no daemon, and the input's JSON text. Raises InvalidJson."""
    known: dict[str, Any] = {
        "arn": "arn:aws:states:us-east-1:000000000000:execution:machine:run",
        "name": "run",
        "machine_arn": "arn:aws:states:us-east-1:000000000000:stateMachine:machine",
        "machine_name": "machine",
        "role_arn": "arn:aws:iam::000000000000:role/flowd",
    }
    return Execution(input=Payload.parse(text), started_ms=now_ms, **{**known, **facts})


def wire(event: HistoryEvent) -> dict[str, Any]:
    """The event as GetExecutionHistory shows it; JSON texts are str, the timestamp is epoch seconds."""
    shown: dict[str, Any] = {
        "timestamp": event.at_ms / 1000,
        "type": event.type,
        "id": event.id,
        "previousEventId": event.previous,
    }
    member = details_member(event.type)
    if member:
        shown[member] = {
            name: value.text if isinstance(value, Payload) else value for name, value in event.details.items()
        }
    return shown
