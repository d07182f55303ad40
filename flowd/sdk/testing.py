"""Runs workflows without a daemon, on a clock that moves only when nothing else is to be done: for tests, `flowd run`.

Activities are the real functions unless replaced; people are answered by the test. Every decision replays the whole
history, so code that is not deterministic is found here.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, ParamSpec, TypeVar

from flowd.sdk import attempt, data
from flowd.sdk.activities import Activity
from flowd.sdk.calls import EXECUTE_STATE_MACHINE
from flowd.sdk.errors import CancelledError, DataError, FailureDetails, SdkError
from flowd.sdk.execution import Info
from flowd.sdk.people import Queue
from flowd.sdk.registry import Registry, registry_of
from flowd.sdk.replay import decide, failure
from flowd.sdk.simulator import Run, Swf, Task
from flowd.sdk.simulator_decisions import respond
from flowd.sdk.workflows import Signal, Workflow

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
VERSION = "simulated"
_START = datetime(2030, 1, 1, tzinfo=UTC)


class WorkflowFailed(Exception):
    """The workflow ended otherwise than by completing: `status`, `type`, `message`."""

    def __init__(self, status: str, type: str = "", message: str = "") -> None:
        super().__init__(": ".join(part for part in (status, type, message) if part))
        self.status, self.type, self.message = status, type, message


class Stuck(SdkError):
    """Nothing can go on, and no timer runs; the message says what is waited for."""


def never(*args: Any, **kwargs: Any) -> Any:
    """An activity whose worker is never heard of again: `simulation.replace(charge, never)`. Its timeouts decide."""


@dataclass(frozen=True)
class Asked:
    """A person's open task."""

    queue: str
    title: str
    message: str
    context: Any
    task: Task


class Handle(Generic[R]):
    """An execution that was started; it follows continue-as-new."""

    def __init__(self, run: Run, workflow: Workflow[Any, R]) -> None:
        self._run = run
        self._workflow = workflow

    @property
    def run(self) -> Run:
        while self._run.next_run is not None:
            self._run = self._run.next_run
        return self._run

    @property
    def status(self) -> str:
        return self.run.status

    @property
    def history(self) -> list[dict[str, Any]]:
        return self.run.events

    def result(self) -> R:
        """What it completed with; raises WorkflowFailed."""
        run = self.run
        if run.status == "COMPLETED":
            return self._workflow.signature.decode_result(run.closing.get("result"))
        if run.status == "OPEN":
            raise SdkError(f"{run.workflow_id} has not ended: use run() or settle()")
        closing = run.closing
        details = FailureDetails.of(closing.get("details"))
        failed = WorkflowFailed(run.status, closing.get("reason") or "", details.message)
        if details.traceback:
            failed.add_note(details.traceback)
        raise failed


class Simulation:
    """A world for workflows: their activities, the people who answer, the time."""

    def __init__(self, now: datetime = _START, pause: Callable[[float], None] | None = None) -> None:
        """`pause` is called with the seconds that are skipped; by default they take no time."""
        self._pause = pause
        self.swf = Swf(round(now.timestamp() * 1000))
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._registry = Registry()
        self._replaced: dict[str, Callable[..., Any]] = {}
        self._machines: dict[str, Callable[[Any], Any]] = {}
        self._lambdas: dict[str, Callable[[Any], Any]] = {}
        self._answers: dict[str, Callable[[Asked], Any]] = {}
        self._asked: list[Asked] = []

    # ---- who plays along -------------------------------------------------------------------------------------------

    def replace(self, activity: Activity[P, R], function: Callable[..., Any]) -> None:
        """Call this instead of the activity's function; `never` plays a lost worker."""
        self._replaced[activity.name] = function

    def machine(self, name: str, function: Callable[[Any], Any]) -> None:
        """What `execute_state_machine(name, input)` gives."""
        self._machines[name] = function

    def function(self, name: str, function: Callable[[Any], Any]) -> None:
        """What `invoke_lambda(name, payload)` gives."""
        self._lambdas[name] = function

    def when_asked_in(self, queue: str, answer: Callable[[Asked], Any]) -> None:
        """The same by the queue's name."""
        self._answers[queue] = answer

    def when_asked(self, queue: Queue[T], answer: Callable[[Asked], T]) -> None:
        """Answer the people of a queue by a function, as soon as they are asked."""
        self._answers[queue.name] = answer

    # ---- executions ------------------------------------------------------------------------------------------------

    def start(self, workflow: Workflow[P, R], *args: P.args, **kwargs: P.kwargs) -> Handle[R]:
        """Start it, and do all that can be done without time passing."""
        return self.start_text(workflow, workflow.signature.encode(*args, **kwargs))

    def start_text(self, workflow: Workflow[Any, R], input: str) -> Handle[R]:
        """The same with the input as JSON text."""
        self._know(workflow)
        options = workflow.options
        workflow_id = options.workflow_id or f"{workflow.name}-{len(self.swf.runs) + 1}"
        type = {"name": workflow.name, "version": workflow.version or VERSION}
        handle = Handle(self.swf.start(type, workflow_id, {"input": input, **options.attributes()}), workflow)
        self.settle()
        return handle

    def run(self, workflow: Workflow[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Start it and let time pass until it ends; its result, or WorkflowFailed."""
        return self.finish(self.start(workflow, *args, **kwargs))

    def finish(self, handle: Handle[R]) -> R:
        """Let time pass until it ends. Raises Stuck if it waits for something that never comes."""
        while handle.status == "OPEN":
            self._let_time_pass(handle)
        return handle.result()

    def signal(self, handle: Handle[Any], signal: Signal[T], value: T) -> None:
        self.swf.signal(handle.run, signal.name, data.encode(value, f"signal {signal.name}"))
        self.settle()

    def cancel(self, handle: Handle[Any]) -> None:
        self.swf.request_cancel(handle.run)
        self.settle()

    # ---- people ----------------------------------------------------------------------------------------------------

    @property
    def asked(self) -> list[Asked]:
        """Open prompts, oldest first."""
        return [each for each in self._asked if _is_open(each.task)]

    def answer(self, queue: Queue[T], value: T) -> None:
        """The oldest open prompt of a queue is answered."""
        found = next((each for each in self.asked if each.queue == queue.name), None)
        if found is None:
            raise Stuck(f"nobody is asked in {queue.name}; open: {[each.title for each in self.asked] or 'nothing'}")
        self._end(found.task, lambda: value)
        self.settle()

    # ---- time ------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.swf.now_ms / 1000, UTC)

    def skip(self, seconds: float | timedelta) -> None:
        """Let time pass, with all that happens meanwhile."""
        pause = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        end = self.swf.now_ms + round(pause * 1000)
        while (due := self.swf.next_due()) is not None and due <= end:
            self._move_to(due)
        self.swf.now_ms = end

    def _let_time_pass(self, handle: Handle[Any]) -> None:
        due = self.swf.next_due()
        life = handle.run.timers.get("the execution's own life")
        if due is None or (life is not None and due >= life[1] and self.asked):
            waits = ", ".join(f"{each.title!r} in {each.queue}" for each in self.asked)
            raise Stuck(f"{handle.run.workflow_id} waits for " + (waits or "a signal that nobody sends"))
        self._move_to(due)

    def _move_to(self, due: int) -> None:
        if self._pause is not None and due > self.swf.now_ms:
            self._pause((due - self.swf.now_ms) / 1000)
        self.swf.now_ms = max(self.swf.now_ms, due)
        self.swf.fire_due()
        self.settle()

    # ---- working ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do all that can be done now: decisions first, then tasks."""
        while True:
            if (run := self.swf.poll_for_decision_task()) is not None:
                self._decide(run)
            elif self.swf.waiting:
                self._work(self.swf.started(self.swf.waiting.popleft()))
            else:
                return

    def _decide(self, run: Run) -> None:
        workflow = self._registry.workflows.get(run.type["name"])
        if workflow is None:
            raise Stuck(f"there is no workflow {run.type['name']} here")
        info = Info(run.workflow_id, run.run_id, workflow.name, run.type["version"], "simulated")
        decided = decide(workflow, info, list(run.events))
        respond(self.swf, run, decided.decisions, decided.context)

    def _work(self, task: Task) -> None:
        if task.kind == "LambdaFunction":
            self._play(task, self._lambdas, task.attributes["name"], "function", task.attributes.get("input"))
            return
        name = task.attributes["activityType"]["name"]
        if name == EXECUTE_STATE_MACHINE:
            given = json.loads(task.attributes["input"])
            self._play(task, self._machines, given["machine"], "machine", json.dumps(given["input"]))
        elif name in self._registry.queues:
            self._ask(task, name)
        else:
            self._perform(task, name)

    def _play(self, task: Task, known: dict[str, Callable[[Any], Any]], name: str, what: str, text: Any) -> None:
        if name not in known:
            raise Stuck(f"nothing plays the {what} {name}: simulation.{what}({name!r}, lambda input: ...)")
        self.calls.append((name, (json.loads(text or "null"),)))
        self._end(task, lambda: known[name](json.loads(text or "null")))

    def _perform(self, task: Task, name: str) -> None:
        activity = self._registry.activities.get(name)
        function = self._replaced.get(name, activity.function if activity is not None else None)
        if function is None:
            raise Stuck(f"there is no activity {name} here: a remote one needs replace()")
        if activity is None:
            given = json.loads(task.attributes.get("input") or "null")
            args: tuple[Any, ...] = (given,)
        else:
            try:
                args = activity.signature.decode(task.attributes.get("input")).args
            except DataError as error:  # as a worker answers it
                self.swf.ended(task, "Failed", **failure(error))
                return
        self.calls.append((name, args))
        if function is not never:
            self._end(task, lambda: function(*args))

    def _ask(self, task: Task, queue: str) -> None:
        given = json.loads(task.attributes["input"])
        prompt = given["Prompt"]
        asked = Asked(queue, prompt["Title"], prompt.get("Message", ""), given.get("Context"), task)
        self._asked.append(asked)
        if queue in self._answers:
            self._end(task, lambda: self._answers[queue](asked))

    def _end(self, task: Task, function: Callable[[], Any]) -> None:
        """Run what a worker or a person does, and answer with how it went."""
        here = attempt.Attempt(
            task.attributes["activityId"],
            task.run.workflow_id,
            task.run.run_id,
            beat=lambda details: bool(task.cancel_requested),
        )
        try:
            with attempt.running(here):
                result = function()
                if inspect.iscoroutine(result):
                    result = asyncio.run(_whole(result))
            self.swf.ended(task, "Completed", result=data.encode(result, "a result"))
        except CancelledError:
            self.swf.ended(task, "Canceled")
        except (Exception, SystemExit) as error:
            self.swf.ended(task, "Failed", **failure(error))

    def _know(self, workflow: Workflow[Any, Any]) -> None:
        found = registry_of(workflow.function.__globals__, workflow)
        self._registry.add([*found.workflows.values(), *found.activities.values(), *found.queues.values()])


async def _whole(coroutine: Coroutine[Any, Any, T]) -> T:
    return await coroutine


def _is_open(task: Task) -> bool:
    return task.run.status == "OPEN" and task.run.tasks.get(task.attributes["activityId"]) is task
