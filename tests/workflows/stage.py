"""Runs an example's definition to its end: the real interpreter in memory, functions called for real, people played.

Time stands still but for alarms: when nobody has anything to answer, the next alarm is where time goes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowd.asl.host import Host, TaskKey, new_execution, wire
from flowd.asl.parse import parse
from flowd.decisions import ScheduleTask
from flowd.history import Event, News
from flowd.payload import Payload
from tests.workflows.code import Code, FunctionError

START_MS = 1_800_000_000_000
#: A worker that took the task and is never heard of again.
SILENT = object()
Worker = Callable[[Any], Any]


class Stage:
    """One definition, its functions, and who works for which activity. `asked` is what workers were given."""

    def __init__(self, text: str, code: Code, workers: dict[str, Worker] | None = None) -> None:
        self.machine = parse(text)
        self.code = code
        self.workers = workers or {}
        self.asked: list[tuple[str, Any]] = []
        self.now_ms = START_MS
        self._given: set[tuple[TaskKey, str]] = set()

    def run(self, given: Any) -> Host:
        """To the end; AssertionError if the execution waits for something that never comes."""
        host = Host(self.machine, new_execution(json.dumps(given), self.now_ms))
        host.start(self.now_ms)
        while host.closed is None:
            if not any([self._answer(host, key, task) for key, task in list(host.tasks.items())]):
                alarm = host.next_alarm()
                assert alarm is not None, f"nobody answers {list(host.tasks.values())}"
                self.now_ms = max(self.now_ms, host.alarms[alarm].due_ms)
                host.ring(self.now_ms)
        return host

    def _answer(self, host: Host, key: TaskKey, task: ScheduleTask) -> bool:
        """True if this task was brought forward."""
        if key not in host.tasks or (key, task.token) in self._given:
            return False
        name = task.resource.rpartition(":")[2]
        if task.family == "activity":
            if name not in self.workers:
                return False
            self.asked.append((name, task.parameters.value))
            self._deliver(host, key, News.TASK_STARTED, workerName="test")
            work: Worker = self.workers[name]
        else:

            def work(event: Any) -> Any:
                return self.code.call(name, event)

        self._given.add((key, task.token))
        try:
            result = work(json.loads(task.parameters.text))
        except FunctionError as error:
            self._deliver(host, key, News.TASK_FAILED, error=error.name, cause=error.cause)
        else:
            if result is not SILENT:
                self._deliver(host, key, News.TASK_SUCCEEDED, output=Payload.parse(json.dumps(result)))
        return True

    def _deliver(self, host: Host, key: TaskKey, news: News, **details: Any) -> None:
        host.deliver(Event(news, *key, details), self.now_ms)


def output(host: Host) -> Any:
    """The output of an execution that succeeded."""
    assert host.closed is not None
    assert host.closed.status == "SUCCEEDED", (host.closed.error, host.closed.cause)
    assert host.closed.output is not None
    return host.closed.output.value


def ended(host: Host) -> tuple[str, str | None]:
    """Status and error."""
    assert host.closed is not None
    return host.closed.status, host.closed.error


def entered(host: Host) -> list[str]:
    """The states in the order in which they were entered."""
    events = [wire(event) for event in host.history]
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def types(host: Host) -> list[str]:
    return [event.type for event in host.history]


def definition(folder: Path) -> str:
    """The one definition of an example's folder."""
    (found,) = folder.glob("*.asl.json")
    return found.read_text()


def sample(folder: Path) -> Any:
    """The sample input of an example's folder."""
    (found,) = folder.glob("*.input.json")
    return json.loads(found.read_text())
