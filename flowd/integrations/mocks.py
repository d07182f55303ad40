"""Mocked answers of Tasks, in the format of Step Functions Local's MockConfigFile.json: for people's tests.

A test case says which states of a machine answer from the file; all others are run as always, but for those of services
that the settings put on "mock": these are never called. The wrapper stands in front of the registry of a daemon that
was given such a file, and of no other. It invents no answer.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from flowd.decisions import Pattern
from flowd.errors import ConfigError, reason
from flowd.integrations import models
from flowd.integrations.ports import Failed, Integration, Outcome, Succeeded, TaskCall
from flowd.names import Arn, split_arn
from flowd.payload import Payload

_ATTEMPTS = re.compile(r"(0|[1-9]\d{0,5})(?:-(0|[1-9]\d{0,5}))?")
_COUNTED: Final = 10_000  # executions whose attempts are remembered


@dataclass(frozen=True)
class Response:
    """One member of MockedResponses: what is answered from attempt `first` to attempt `last`."""

    name: str
    answers: tuple[tuple[int, int, Outcome], ...]

    def at(self, attempt: int) -> Outcome | None:
        return next((outcome for first, last, outcome in self.answers if first <= attempt <= last), None)


Case = Mapping[str, Response]  # by state


class Registry(Protocol):
    """What the wrapper stands in front of."""

    def find(self, service: str) -> Integration | None: ...

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None: ...


class Mocks:
    """The test cases of one file, and how often each of their states has been asked.

    `services` (botocore's names) answer from the file only. Their Tasks are told the machine's only test case where the
    execution was started without one, as schedules and events start it.
    """

    def __init__(
        self, file: Path, cases: Mapping[str, Mapping[str, Case]], services: frozenset[str] = frozenset()
    ) -> None:
        self.file = file
        self._cases = cases
        self._services = services
        self._counts: OrderedDict[str, dict[str, int]] = OrderedDict()

    @classmethod
    def load(cls, file: Path, services: frozenset[str] = frozenset()) -> Mocks:
        """Raises ConfigError, which names the file and the place in it."""
        try:
            content = json.loads(file.read_text("utf-8"), object_pairs_hook=_members)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{file}:{error.lineno}:{error.colno}: {error.msg}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{file}: {reason(error)}") from None
        return cls(file, _Reader(file).cases(content), services)

    def cases(self, machine: str) -> list[str]:
        """The names of a machine's test cases."""
        return sorted(self._cases.get(machine, {}))

    def states(self, machine: str, case: str) -> list[str]:
        """The names of the states that a test case mocks."""
        return sorted(self._cases.get(machine, {}).get(case, {}))

    def find(self, machine: str, case: str, state: str) -> Response | None:
        """What is mocked for a state in a test case."""
        return self._cases.get(machine, {}).get(case, {}).get(state) if case else None

    def of(self, task: TaskCall) -> Response | None:
        """What is mocked for a task."""
        machine = machine_of(task)
        return self.find(machine, task.test_case or self._only_case(machine, task), task.state)

    def _only_case(self, machine: str, task: TaskCall) -> str:
        cases = self.cases(machine)
        return cases[0] if len(cases) == 1 and self.alone(task.service) else ""

    def alone(self, service: str) -> bool:
        """True if nothing but the file may answer for the service of a Resource."""
        return models.service_of(service) in self._services

    def missing(self, task: TaskCall) -> Failed:
        """The failure of a Task of such a service that the file has no answer for."""
        machine = machine_of(task)
        where = f"{self.file} has no answer for state {task.state} of machine {machine}"
        cases = self.cases(machine)
        if task.test_case or len(cases) == 1:
            way_out = f"name it in /StateMachines/{machine}/TestCases/{task.test_case or cases[0]}"
        elif cases:
            way_out = f"start the execution with a test case, as {machine}#{cases[0]}; there are: {', '.join(cases)}"
        else:
            way_out = f"give /StateMachines/{machine} a test case that names it"
        service = models.service_of(task.service)
        return Failed("States.Runtime", f'{service} is on "mock" ([services] in flowd.toml), and {where}: {way_out}')

    def covers(self, task: TaskCall) -> bool:
        """True if nobody but the file answers a task."""
        return self.alone(task.service) or self.of(task) is not None

    def answer(self, task: TaskCall) -> Outcome | None:
        """The next answer for a task; None if its state is not mocked.

        Attempts are counted over the whole execution, so that a loop can be told something new each time round. A state
        that is visited more often than the file has answers is told those for the first visit again: its retries count.
        """
        response = self.of(task)
        if response is None:
            return None
        counts = self._counts.setdefault(task.execution_arn, {})
        self._counts.move_to_end(task.execution_arn)
        if len(self._counts) > _COUNTED:
            self._counts.popitem(last=False)
        attempt = counts[task.state] = counts.get(task.state, -1) + 1
        return response.at(attempt) or response.at(task.retry_count) or _exhausted(self.file, response, task, attempt)


def machine_of(task: TaskCall) -> str:
    """A machine's name, without version or alias."""
    return (split_arn(task.machine_arn) or Arn("", "", "", "", f":{task.machine_arn}")).rest.partition(":")[0]


def _exhausted(file: Path, response: Response, task: TaskCall, attempt: int) -> Failed:
    cause = f"{file}: the mocked response {response.name} of state {task.state} has no answer for attempt {attempt}"
    return Failed("States.Runtime", cause)


class MockedRegistry:
    """A registry whose integrations answer from the mocks where a test case says so."""

    def __init__(self, registry: Registry, mocks: Mocks) -> None:
        self._registry = registry
        self._mocks = mocks
        self._found: dict[str, Mocked] = {}

    def find(self, service: str) -> Integration:
        if service not in self._found:
            self._found[service] = Mocked(service, self._registry.find(service), self._mocks)
        return self._found[service]

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        return self._registry.refuse(service, action, pattern)


class Mocked:
    """An integration, or the lack of one, behind the mocks."""

    def __init__(self, service: str, real: Integration | None, mocks: Mocks) -> None:
        self.on_restart: Literal["reattach", "fail", "again"] = "again" if real is None else real.on_restart
        self._service = service
        self._real = real
        self._mocks = mocks
        self._jobs: dict[str, Outcome] = {}  # how a mocked job or callback will end, by the key of its task

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        return None if self._real is None else self._real.refuse(service, action, pattern)

    async def call(self, task: TaskCall) -> Outcome:
        outcome = self._mocks.answer(task)
        if outcome is None:
            if self._mocks.alone(task.service):
                return self._mocks.missing(task)
            return self._missing(task) if self._real is None else await self._real.call(task)
        if not task.pattern:
            return outcome
        self._jobs[task.key] = outcome
        # The file says how the job ends, not what submitting it gave.
        return outcome if isinstance(outcome, Succeeded) else Succeeded(Payload.of({}))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        outcome = self._jobs.pop(task.key, None)
        if outcome is not None:
            return outcome
        if self._mocks.of(task) is not None:
            return Succeeded(submitted)  # a restarted daemon asks: it has been answered
        if self._mocks.alone(task.service):
            return self._mocks.missing(task)
        return self._missing(task) if self._real is None else await self._real.wait(task, submitted)

    async def cancel(self, task: TaskCall) -> None:
        if self._real is not None and not self._mocks.covers(task):
            await self._real.cancel(task)

    async def acknowledge(self, task: TaskCall) -> None:
        self._jobs.pop(task.key, None)
        if self._real is not None and not self._mocks.covers(task):
            await self._real.acknowledge(task)

    def _missing(self, task: TaskCall) -> Failed:
        cause = f"no integration runs {task.resource} here, and state {task.state} is not mocked in this execution"
        return Failed("States.Runtime", f"{cause} (mocks: {self._mocks.file})", "start")


class _Reader:
    """Reads the file's value; every mistake is told with the place where it stands."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def cases(self, content: Any) -> dict[str, dict[str, Case]]:
        top = self._object(content, "/")
        answers = self._object(top.get("MockedResponses", {}), "/MockedResponses")
        responses = {name: self._response(name, value) for name, value in answers.items()}
        if "StateMachines" not in top:
            raise self._wrong("/", "StateMachines is missing")
        found: dict[str, dict[str, Case]] = {}
        for machine, value in self._object(top["StateMachines"], "/StateMachines").items():
            place = f"/StateMachines/{machine}"
            cases = self._object(self._object(value, place).get("TestCases", {}), f"{place}/TestCases")
            found[machine] = {
                case: self._case(states, f"{place}/TestCases/{case}", responses) for case, states in cases.items()
            }
        return found

    def _case(self, value: Any, place: str, responses: Mapping[str, Response]) -> Case:
        states: dict[str, Response] = {}
        for state, name in self._object(value, place).items():
            if not isinstance(name, str) or name not in responses:
                known = ", ".join(responses) or "none"
                raise self._wrong(f"{place}/{state}", f"must name a member of MockedResponses; there are: {known}")
            states[state] = responses[name]
        return states

    def _response(self, name: str, value: Any) -> Response:
        place = f"/MockedResponses/{name}"
        answers: list[tuple[int, int, Outcome]] = []
        for attempts, answer in self._object(value, place).items():
            match = _ATTEMPTS.fullmatch(attempts)
            if match is None:
                raise self._wrong(f"{place}/{attempts}", 'must be the number of an attempt or a range: "0", "1-2"')
            first = int(match[1])
            last = first if match[2] is None else int(match[2])
            if last < first:
                raise self._wrong(f"{place}/{attempts}", "the range ends before it begins")
            if any(first <= other_last and other_first <= last for other_first, other_last, _ in answers):
                raise self._wrong(f"{place}/{attempts}", "an attempt of this range has an answer already")
            answers.append((first, last, self._answer(answer, f"{place}/{attempts}")))
        if not answers:
            raise self._wrong(place, "has no answer")
        return Response(name, tuple(answers))

    def _answer(self, value: Any, place: str) -> Outcome:
        answer = self._object(value, place)
        if len(answer) != 1 or not answer.keys() <= {"Return", "Throw"}:
            raise self._wrong(place, "must hold either Return or Throw, and nothing else")
        if "Return" in answer:
            return Succeeded(Payload.of(answer["Return"]))
        thrown = self._object(answer["Throw"], f"{place}/Throw")
        for member, text in thrown.items():
            if member not in ("Error", "Cause"):
                raise self._wrong(f"{place}/Throw/{member}", "is not known; Throw has Error and Cause")
            if not isinstance(text, str):
                raise self._wrong(f"{place}/Throw/{member}", "must be text")
        if "Error" not in thrown:
            raise self._wrong(f"{place}/Throw", "Error is missing")
        return Failed(thrown["Error"], thrown.get("Cause"))

    def _object(self, value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(place, "must be an object")
        return value

    def _wrong(self, place: str, what: str) -> ConfigError:
        return ConfigError(f"{self._file}: {place}: {what}")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} stands twice in one object")
    return found
