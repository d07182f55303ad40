"""THE commit: what a step decided becomes the rows of one batch, and the effects that follow once they are on disk.

`record` is the only place where decisions turn into rows (one exhaustive `match`), `seal` makes the batch ready for the
writer. Nothing here acts: effects are values until the stepper knows that the commit succeeded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import msgspec

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
    RedriveMapRun,
    RunErrand,
    ScheduleTask,
    StartMapRun,
    StartNextRun,
    StartTimer,
    Step,
    Tell,
)
from flowd.engine.announce import Announcer
from flowd.engine.live import POLLED, Live, OpenTask, descendants, prompt_of, retry_count, task_key
from flowd.engine.rows import beside, inserted, map_run, shown, updated
from flowd.engine.swf.runs import next_run
from flowd.frames import ROOT, Execution, Phase
from flowd.history import Event, HistoryEvent, News
from flowd.integrations.ports import TaskCall
from flowd.payload import Payload
from flowd.store.codec import encoder
from flowd.store.executions import Ids
from flowd.store.steps import ExecutionWrite
from flowd.swf.activities import BY_HAND

INBOX_WORKER = BY_HAND
MOCK_WORKER = "flowd-mock"


@dataclass(slots=True)
class Effects:
    """What follows a commit."""

    begin: dict[str, OpenTask] = field(default_factory=dict)  # integrations to be called, by the key of the call
    offer: list[OpenTask] = field(default_factory=list)  # an activity task is there for pollers
    cancel: list[OpenTask] = field(default_factory=list)  # an integration should stop what it does
    acknowledge: list[OpenTask] = field(default_factory=list)  # an outcome is on disk
    due: list[int] = field(default_factory=list)  # deadlines that may be earlier than the armed one
    changes: list[tuple[str, str, str, str, str]] = field(default_factory=list)  # kind, id, arn, status, name
    later: list[tuple[int, Event]] = field(default_factory=list)  # work that a bounded step left
    closed: list[int] = field(default_factory=list)
    map_runs: list[tuple[int, int, str]] = field(default_factory=list)  # execution, Map Run, its status: new or over
    errands: list[tuple[int, RunErrand | Tell | ApplyChildPolicy]] = field(default_factory=list)  # of an execution
    hooks: bool = False  # notices or deliveries are on disk


@dataclass(slots=True)
class Recorder:
    """Turns steps into rows. One instance per daemon."""

    ids: Ids
    number: Callable[[], int]  # the next commit number, which is also a chunk's id
    announcer: Announcer = field(default_factory=Announcer)
    mocked: Callable[[TaskCall], bool] | None = None  # on a daemon for tests: whether a test case answers a task
    _successors: list[Live] = field(default_factory=list)

    def open(self, live: Live) -> ExecutionWrite:
        """The rows of this execution in the batch that is being formed."""
        if live.write is None:
            live.write = ExecutionWrite(live.id)
        return live.write

    def record(self, live: Live, step: Step, now_ms: int, effects: Effects) -> list[Event]:
        """Add one step; returns news that must be stepped in the same transaction (gathered branches, an inbox)."""
        write = self.open(live)
        live.frames.update(step.frames)
        write.frames.update(step.frames)
        write.events.extend(step.events)
        if step.events:
            live.execution = _advanced(live, step.events)
        internal: list[Event] = []
        for decision in step.decisions:
            internal.extend(self._decide(live, write, decision, now_ms, effects))
        return internal

    def _decide(
        self, live: Live, write: ExecutionWrite, decision: Decision, now_ms: int, effects: Effects
    ) -> list[Event]:
        match decision:
            case ScheduleTask():
                return self._schedule(live, write, decision, now_ms, effects)
            case StartTimer(frame=frame, attempt=attempt, due_ms=due, purpose=purpose):
                self._deadline(live, write, frame, attempt, purpose, due, effects)
            case CancelTimer(frame=frame, attempt=attempt, purpose=purpose):
                write.end_deadline(frame, attempt, purpose)
            case CancelTask(frame=frame, attempt=attempt):
                self.end_task(live, write, frame, attempt, effects)
            case GatherBranches():
                return [_gathered(live, decision)]
            case DropBranches(prefix=prefix, keep_frames=keep):
                self._drop(live, write, prefix, keep, now_ms, effects)
            case ContinueLater(frame=frame, attempt=attempt):
                effects.later.append((live.id, Event(News.CONTINUED, frame, attempt)))
            case StartMapRun():
                self._start_map_run(live, write, decision, now_ms, effects)
            case RedriveMapRun(frame=frame, attempt=attempt, run=run_id):
                live.map_runs[frame, attempt] = run_id
                write.map_run_redrives.append((attempt, now_ms, run_id))
                effects.map_runs.append((live.id, run_id, "RUNNING"))
            case EndMapRun(frame=frame, attempt=attempt, status=status):
                self._end_map_run(live, write, (frame, attempt), status, now_ms, effects)
            case EndFrame(frame=frame):
                live.frames.pop(frame, None)
                write.end_frame(frame)
            case RunErrand() | Tell() | ApplyChildPolicy():
                effects.errands.append((live.id, decision))
            case StartNextRun():
                self.ids.execution += 1
                self._successors.append(next_run(self.ids.execution, live, decision, now_ms))
            case CloseExecution():
                self._close(live, write, decision, now_ms, effects)
            case _:
                assert_never(decision)
        return []

    # -- tasks -----------------------------------------------------------------

    def _schedule(
        self, live: Live, write: ExecutionWrite, decision: ScheduleTask, now_ms: int, effects: Effects
    ) -> list[Event]:
        task = _open_task(live, decision, now_ms)
        if self.mocked is not None and self.mocked(task.call):
            task.mocked, task.prompt = True, None
        self.ids.task += 1
        if task.prompt is not None or task.family == "activity" or decision.pattern == "waitForTaskToken":
            task.short = f"{self.ids.task:x}"
        live.tasks[decision.frame, decision.attempt] = task
        parameters = self._payload(write, decision.parameters)
        started_ms = 0 if decision.family in POLLED else now_ms
        token = decision.token if decision.family in POLLED or decision.pattern else None
        write.tasks[decision.frame, decision.attempt] = [
            *(self.ids.task, live.id, decision.frame, decision.attempt, decision.state, decision.family),
            *(decision.resource, decision.service, decision.action, decision.pattern, token, task.status),
            *(task.activity, task.prompt, task.short, None, parameters, 0),
            *(decision.timeout_ms, decision.heartbeat_ms, now_ms, started_ms, decision.priority),
        ]
        if decision.family == "activity" and task.mocked:
            effects.begin[task.call.key] = task
            return [Event(News.TASK_STARTED, decision.frame, decision.attempt, {"workerName": MOCK_WORKER})]
        if decision.family in POLLED:
            if task.prompt is not None:
                effects.changes.append(("prompt", task.short or "", live.execution.arn, "OPEN", decision.state))
                effects.hooks |= self.announcer.prompted(live, write, decision.state, task.short)
                return [Event(News.TASK_STARTED, decision.frame, decision.attempt, {"workerName": INBOX_WORKER})]
            effects.offer.append(task)
        else:
            self._arm_task(live, write, task, now_ms, effects)
            effects.begin[task.call.key] = task
        return []

    def _arm_task(self, live: Live, write: ExecutionWrite, task: OpenTask, now_ms: int, effects: Effects) -> None:
        for purpose, span_ms in (("timeout", task.call.timeout_ms), ("heartbeat", task.heartbeat_ms)):
            if span_ms:
                self._deadline(live, write, task.frame, task.attempt, purpose, now_ms + span_ms, effects)

    def task_started(self, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
        """A worker has the activity task: from now on its timeouts run."""
        task = live.tasks[event.frame, event.attempt]
        task.status = "STARTED"
        write = self.open(live)
        row = (task.status, event.details.get("workerName"), now_ms, 0, live.id, event.frame, event.attempt)
        write.task_updates.append(row)
        self._arm_task(live, write, task, now_ms, effects)

    def task_alive(self, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
        """A heartbeat that is news: the time to the next one begins anew."""
        task = live.tasks[event.frame, event.attempt]
        if task.heartbeat_ms:
            write = self.open(live)
            write.end_deadline(event.frame, event.attempt, "heartbeat")
            self._deadline(live, write, event.frame, event.attempt, "heartbeat", now_ms + task.heartbeat_ms, effects)

    def task_submitted(self, live: Live, event: Event, now_ms: int) -> None:
        """The job or message is out; a restarted daemon waits for it instead of sending it again."""
        task = live.tasks[event.frame, event.attempt]
        task.status = "SUBMITTED"
        task.submitted = event.details["output"]
        write = self.open(live)
        ref = self._payload(write, event.details["output"])
        write.task_updates.append(("SUBMITTED", None, now_ms, ref, live.id, event.frame, event.attempt))

    def end_task(self, live: Live, write: ExecutionWrite, frame: str, attempt: int, effects: Effects) -> None:
        """The task is answered or over: its row and deadlines go."""
        task = live.tasks.pop((frame, attempt), None)
        if task is None:
            return
        if (frame, attempt) in live.deadlines:
            live.deadlines.discard((frame, attempt))
            write.end_deadlines(frame, attempt)
        write.end_task(frame, attempt)
        if effects.begin.pop(task.call.key, None) is None and task.in_process:
            effects.cancel.append(task)
        if task.prompt is not None:
            effects.changes.append(("prompt", task.short or "", live.execution.arn, "CLOSED", task.call.state))

    def keep_output(self, live: Live, event: Event, now_ms: int, effects: Effects) -> None:
        """What user code printed in this attempt, and what its outcome sends."""
        for delivery in event.details.get("sends", ()):
            self.open(live).send(delivery, now_ms)
            effects.hooks = True
        task = live.tasks.get((event.frame, event.attempt))
        if task is not None and event.details.get("log"):
            row = (live.id, event.frame, event.attempt, task.call.state, event.details["log"])
            self.open(live).outputs.append((*row, int(event.details.get("log_truncated", False)), now_ms))

    def timer_over(self, live: Live, event: Event) -> None:
        """The timer of this frame and attempt has done its duty."""
        live.deadlines.discard((event.frame, event.attempt))
        self.open(live).end_deadlines(event.frame, event.attempt)

    def _deadline(
        self, live: Live, write: ExecutionWrite, frame: str, attempt: int, purpose: str, due_ms: int, effects: Effects
    ) -> None:
        write.deadlines[frame, attempt, purpose] = due_ms
        live.deadlines.add((frame, attempt))
        effects.due.append(due_ms)

    # -- Map Runs --------------------------------------------------------------

    def _start_map_run(
        self, live: Live, write: ExecutionWrite, decision: StartMapRun, now_ms: int, effects: Effects
    ) -> None:
        self.ids.map_run += 1
        live.map_runs[decision.frame, decision.attempt] = self.ids.map_run
        write.map_runs.append(map_run(self.ids.map_run, live, decision, now_ms))
        effects.map_runs.append((live.id, self.ids.map_run, "RUNNING"))

    def _end_map_run(
        self, live: Live, write: ExecutionWrite, key: tuple[str, int], status: str, now_ms: int, effects: Effects
    ) -> None:
        run_id = live.map_runs.pop(key, 0)
        if run_id:
            write.map_run_ends.append((status, now_ms, run_id))
            effects.map_runs.append((live.id, run_id, status))

    # -- branches and ends -------------------------------------------------------

    def _drop(self, live: Live, write: ExecutionWrite, prefix: str, keep: bool, now_ms: int, effects: Effects) -> None:
        over = list(descendants(live.frames, prefix))
        names = {frame.id for frame in over}
        for frame, attempt in [key for key in live.tasks if key[0] in names]:
            self.end_task(live, write, frame, attempt, effects)
        for key in [key for key in live.map_runs if key[0] in names]:
            self._end_map_run(live, write, key, "ABORTED", now_ms, effects)
        live.deadlines = {key for key in live.deadlines if key[0] not in names}
        if not keep:
            for name in names:
                live.frames.pop(name, None)
        write.drop_branches(prefix, keep_frames=keep)

    def _close(
        self, live: Live, write: ExecutionWrite, decision: CloseExecution, now_ms: int, effects: Effects
    ) -> None:
        write.count(live.machine_id, live.status, -1)
        write.count(live.machine_id, decision.status, 1)
        for frame, attempt in list(live.tasks):
            self.end_task(live, write, frame, attempt, effects)
        for key in list(live.map_runs):
            self._end_map_run(live, write, key, "ABORTED", now_ms, effects)
        live.status, live.stopped_ms = decision.status, now_ms
        live.error, live.cause = decision.error, decision.cause
        if decision.output is not None:
            live.output_id = self._payload(write, decision.output)
        live.deadlines.clear()
        write.close()
        effects.closed.append(live.id)
        effects.hooks |= self.announcer.closed(live, write, decision.output, now_ms)

    def reopen(self, live: Live, event: Event, now_ms: int, effects: Effects) -> Event:
        """A redrive begins: the closed execution runs again, and the news names the frames that had not ended."""
        write = self.open(live)
        write.count(live.machine_id, live.status, -1)
        write.count(live.machine_id, "RUNNING", 1)
        live.status, live.error, live.cause, live.stopped_ms = "RUNNING", None, None, 0
        live.execution = msgspec.structs.replace(
            live.execution, redrive_count=live.execution.redrive_count + 1, redriven_ms=now_ms
        )
        if event.details.get("clientToken"):
            write.client_tokens.append((live.id, event.details["clientToken"], now_ms))
        self._execution_deadline(live, write, now_ms, effects)
        effects.hooks |= self.announcer.began(live, write, now_ms)
        unfinished = [frame for frame in live.frames.values() if frame.phase != Phase.DONE]
        runs = {each.id: live.left_runs.get((each.id, each.attempt)) for each in unfinished}
        details = {"frames": unfinished, "map_runs": {frame: run for frame, run in runs.items() if run is not None}}
        return Event(News.REDRIVEN, event.frame, event.attempt, details)

    def successors(self) -> list[Live]:
        """Runs that continue one of this step; they begin in its batch. Each is handed out once."""
        found, self._successors = self._successors, []
        return found

    # -- rows ------------------------------------------------------------------

    def _execution_deadline(self, live: Live, write: ExecutionWrite, now_ms: int, effects: Effects) -> None:
        timeout_s = live.decider.timeout_seconds
        if timeout_s:
            self._deadline(live, write, ROOT, 0, "execution", now_ms + timeout_s * 1000, effects)

    def begin(self, live: Live, now_ms: int, effects: Effects) -> None:
        """The first rows of a new execution."""
        write = self.open(live)
        write.count(live.machine_id, "RUNNING", 1)
        self._payload(write, live.execution.input)
        self._execution_deadline(live, write, now_ms, effects)
        live.new = True
        effects.hooks |= self.announcer.began(live, write, now_ms)

    def _payload(self, write: ExecutionWrite, payload: Payload) -> int:
        return write.keep_payload(payload, self.payload_id)

    def payload_id(self) -> int:
        """The id of a new payload row."""
        self.ids.payload += 1
        return self.ids.payload

    def seal(self, live: Live, effects: Effects) -> ExecutionWrite:
        """Make the rows of this execution ready for the writer: encode frames and events, write its own row."""
        write = self.open(live)
        encode = encoder(lambda payload: self._payload(write, payload)).encode
        write.bodies = [(live.id, frame.id, frame.phase.value, encode(frame)) for frame in write.frames.values()]
        if write.events:
            first, last = write.events[0].id, write.events[-1].id
            write.chunks.append((self.number(), live.id, first, last, encode(write.events)))
        if live.new:
            write.insert = inserted(live)
        else:
            write.update = updated(live)
        write.beside = beside(live)
        live.new = False
        effects.changes.append(shown(live))
        return write


def _advanced(live: Live, events: list[HistoryEvent]) -> Execution:
    for event in reversed(events):
        if event.type.endswith("StateEntered"):
            live.state = event.details["name"]
            break
        if event.type == "ActivityTaskScheduled" and "activityId" in event.details:  # of SWF
            live.state = event.details["activityType"]["name"]  # ids are numbers to most deciders
            break
    return msgspec.structs.replace(live.execution, next_event=events[-1].id + 1)


def _gathered(live: Live, decision: GatherBranches) -> Event:
    """The branches of a frame, as the news it asked for."""
    prefix = f"{decision.frame}/{decision.attempt}."
    if decision.why == "failed":
        still = [f for f in descendants(live.frames, prefix) if f.phase in ("ready", "waiting", "joining")]
        return Event(News.BRANCHES_FAILED, decision.frame, decision.attempt, {"open": still})
    outputs: list[Payload | None] = []
    while (child := live.frames.get(f"{prefix}{len(outputs)}")) is not None:
        outputs.append(child.output)
    return Event(News.BRANCHES_JOINED, decision.frame, decision.attempt, {"outputs": outputs})


def _open_task(live: Live, decision: ScheduleTask, now_ms: int) -> OpenTask:
    key = task_key(live.id, decision.frame, decision.attempt, live.life)
    retries = retry_count(live, decision.frame)
    call = TaskCall.of(decision, key, live.execution, now_ms, test_case=live.test_case, retry_count=retries)
    task = OpenTask(call, decision.family, decision.frame, decision.attempt, heartbeat_ms=decision.heartbeat_ms)
    if decision.family == "activity":
        task.activity = decision.task_list or decision.resource.rpartition(":")[2]
        task.prompt = prompt_of(decision.parameters)
    elif decision.family == "decision":
        task.activity = decision.task_list
    return task
