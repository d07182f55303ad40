"""One state alone, as TestState wants it: the interpreter's own code enters the state and stops behind it.

A mock takes the place of the work (a Task's outcome, what a Map's or Parallel's branches come to); everything else is
what an execution would do. No I/O: a Task or a Wait without mock is handed out, its outcome comes back as an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from flowd.asl import dataflow, fanout, retry
from flowd.asl.batches import batches
from flowd.asl.datasets import BadDataset, Pair
from flowd.asl.distributed import items_in
from flowd.asl.draft import Draft
from flowd.asl.faults import READER_FAILED, Failure, Fault, runtime
from flowd.asl.inspection import Inspection
from flowd.asl.interpreter import bring, enter
from flowd.asl.model import Map, Parallel, ScopePath, State, StateMachine, Working
from flowd.asl.parse import item_reader, parse, quantity
from flowd.asl.templates import JSONATA, JSONPATH, Expression, compile_template, payload_of
from flowd.asl.transitions import fail
from flowd.asl.validate_flow import transitions
from flowd.decisions import CloseExecution, GatherBranches, ScheduleTask, StartTimer
from flowd.entropy import Entropy
from flowd.errors import ValidationException
from flowd.frames import ROOT, Execution, Frame, Phase
from flowd.history import Event, News
from flowd.payload import Payload, dumps, loads

#: The name of a state that is given without its machine (recorded: in locations and in the Context object).
ALONE: Final = "StateName"
THRESHOLD: Final = Failure(
    "States.ExceedToleratedFailureThreshold", "The specified tolerated failure threshold was exceeded"
)
TOO_MANY_FAILURES: Final = "Map iteration failure count must be less than or equal to the number of Map iterations"


class Subject(NamedTuple):
    """The state under test, in its machine; `source` is how the definition has it."""

    machine: StateMachine
    scope: ScopePath
    state: State
    source: dict[str, Any]


class Mock(NamedTuple):
    """What the work comes to: a result, or (None) a failure."""

    result: Payload | None = None
    failure: Failure | None = None


class Setting(NamedTuple):
    """What a test gives the state: `retries` used of the retrier that answers, `reader_data` for its ItemReader."""

    input: Payload
    variables: Payload | None = None
    context: dict[str, Any] | None = None
    mock: Mock | None = None
    retries: int = 0
    failed_iterations: int | None = None
    reader_data: str | None = None


class Verdict(NamedTuple):
    """How it went. `details` are AWS's ErrorDetails, `stages` those of InspectionData that AWS shows for the state."""

    status: str
    stages: dict[str, Any]
    details: dict[str, int]
    output: Payload | None = None
    error: str | None = None
    cause: str | None = None
    next: str | None = None


# -- finding the state ----------------------------------------------------------


def as_machine(text: str) -> str:
    """A machine around a single state (JSON text of an object): its text is kept, its targets end the machine."""
    state = loads(text)
    targets = {target for target, _ in transitions(state, "")} - {ALONE}
    ends = "".join(f',{dumps(target)}:{{"Type":"Succeed"}}' for target in sorted(targets))
    return f'{{"StartAt":"{ALONE}","States":{{"{ALONE}":{text}{ends}}}}}'


def find(machine_text: str, name: str, map_objects: bool = False) -> Subject | None:
    """The state of that name, at whatever depth, or None. The text counts as checked. Raises DefinitionError."""
    machine = parse(machine_text, testing=True, map_objects=map_objects)
    for path, scope in machine.scopes.items():
        if name in scope.states:
            return Subject(machine, path, scope.states[name], _source(loads(machine_text), path)["States"][name])
    return None


def _source(found: Any, path: ScopePath) -> Any:
    for step in path:
        found = found[step]
    return found


def names_inside(subject: Subject) -> Iterator[str]:
    """The states in the branches of the state under test."""
    outer = (*subject.scope, "States", subject.state.name)
    for path, scope in subject.machine.scopes.items():
        if path[: len(outer)] == outer:
            yield from scope.states


# -- running it -----------------------------------------------------------------


class Trial:
    """One run of one state."""

    def __init__(self, subject: Subject, setting: Setting, execution: Execution, entropy: Entropy) -> None:
        self.execution = execution
        self._subject = subject
        self._setting = setting
        self._entropy = entropy
        self._inspection = Inspection(setting.context)
        self._frame_id = ROOT
        self._draft: Draft
        self._now_ms = 0

    def begin(self, now_ms: int) -> ScheduleTask | StartTimer | None:
        """Enter the state. What must be done before the verdict: run a Task, wait for a Wait, or (None) nothing."""
        setting, state = self._setting, self._subject.state
        self._write(self._lineage(), now_ms)
        if setting.variables is not None:
            self._inspection.note("variables", setting.variables)
        enter(self._draft, self._frame, self._mocked if isinstance(state, Map | Parallel) else None)
        if setting.mock is not None and self._frame.waiting_for == "task":
            self._bring(self._news(setting.mock))
        self._climb()
        if self._frame.phase is not Phase.WAITING or self._frame.waiting_for not in ("task", "timer"):
            return None
        return next(each for each in self._draft.decisions if isinstance(each, ScheduleTask | StartTimer))

    def deliver(self, event: Event, now_ms: int) -> None:
        """What `begin` asked for has happened."""
        self._write(dict(self._draft.changed), now_ms)
        self._bring(event)
        self._climb()

    def _lineage(self) -> dict[str, Frame]:
        """The frame of the state, and around it those of the Maps and Parallels that it stands in.

        A state of a Map is tested as its first iteration, whose item is the input (developer guide, "Automatic Context
        population"); its failures climb as in an execution.
        """
        frames: dict[str, Frame] = {}
        scope: ScopePath = ()
        item = -1
        rest = self._subject.scope
        while rest:
            index = int(rest[3]) if rest[2] == "Branches" else 0
            around = self._subject.machine.state(scope, str(rest[1]))
            frame = self._new_frame(scope, around, item).with_(phase=Phase.JOINING, attempt=1, started=1, open=1)
            if isinstance(around, Map):
                frame = frame.with_(items=Payload.of([self._setting.input.value]))
            frames[frame.id] = frame
            self._frame_id = f"{frame.branches}{index}"
            item = 0 if isinstance(around, Map) else -1
            length = len(scope) + (4 if rest[2] == "Branches" else 3)
            scope, rest = self._subject.scope[:length], self._subject.scope[length:]
        frames[self._frame_id] = self._new_frame(scope, self._subject.state, item)
        return frames

    def _new_frame(self, scope: ScopePath, state: State, item: int) -> Frame:
        used = self._setting.retries
        return Frame(
            id=self._frame_id,
            scope=scope,
            state=state.name,
            input=self._setting.input,
            retries=(used,) * len(state.retriers) if isinstance(state, Working) else (),
            retry_count=used,
            variables=self._setting.variables,
            item=item,
        )

    def _write(self, frames: dict[str, Frame], now_ms: int) -> None:
        self._now_ms = now_ms
        self._draft = Draft(
            self._subject.machine, self.execution, frames, now_ms, self._entropy, inspection=self._inspection
        )
        self._draft.changed.update(frames)

    def _bring(self, event: Event) -> None:
        if not bring(self._draft, event):
            raise AssertionError("the state under test does not wait for this")

    def _climb(self) -> None:
        """A failure that nobody answered goes to the Map or Parallel around; nothing else of it is going."""
        for decision in self._draft.decisions:  # it grows meanwhile
            if isinstance(decision, GatherBranches):
                self._bring(Event(News.BRANCHES_FAILED, decision.frame, decision.attempt, {"open": []}))

    @property
    def _frame(self) -> Frame:
        return self._draft.frame(self._frame_id)

    def _news(self, mock: Mock) -> Event:
        """A Task's mock as the outcome of its attempt."""
        attempt = self._frame.attempt
        if mock.failure is None:
            return Event(News.TASK_SUCCEEDED, self._frame_id, attempt, {"output": mock.result})
        details = {"error": mock.failure.error, "cause": mock.failure.cause}
        return Event(News.TASK_FAILED, self._frame_id, attempt, details)

    # -- Map and Parallel: the branches are not run ---------------------------------

    def _mocked(self, draft: Draft, frame: Frame, state: Any) -> None:
        """Stands in for entering a Map or Parallel: its fields are worked out, its branches are the mock."""
        failure = self._mock.failure
        if isinstance(state, Map):
            failure = self._map_failure(draft, frame, state) or failure
        else:
            dataflow.work_input(state.language, state.flow, draft.env(frame, state))
        if failure is not None:
            fail(draft, frame, state, failure)
            return
        assert self._mock.result is not None
        draft.before = None
        fanout.finish(draft, frame, state, self._mock.result)

    @property
    def _mock(self) -> Mock:
        assert self._setting.mock is not None
        return self._setting.mock

    def _map_failure(self, draft: Draft, frame: Frame, state: Map) -> Failure | None:
        """Work the Map's fields out; THRESHOLD if more iterations failed than it tolerates. Raises Fault."""
        selected, items, _, keyed = fanout.plan(draft, frame, state, self._read(draft, frame, state))
        keyed = keyed or any(isinstance(each, Pair) for each in items.value[:1])
        parent = frame.with_(items=items, keyed=keyed, result=selected)
        inputs = [fanout.item_input_of(draft, parent, state, index) for index in range(len(items.value))]
        if state.item_selector is not None:
            self._inspection.note("afterItemSelector", _array(inputs))
        if "ItemBatcher" in self._subject.source:
            self._inspection.note("afterItemBatcher", _array(self._batches(draft, frame, selected, inputs)))
        count = self._tolerated("ToleratedFailureCount", draft, frame, selected)
        percentage = self._tolerated("ToleratedFailurePercentage", draft, frame, selected)
        failed = self._setting.failed_iterations
        if failed is None:
            return None
        total = len(items.value)
        if failed > total:
            raise ValidationException(TOO_MANY_FAILURES)
        if self._mock.failure is not None:
            return None
        if count is None and percentage is None:
            count = 0
        over = (count is not None and failed > count) or (percentage is not None and failed * 100 > percentage * total)
        return THRESHOLD if over else None

    def _read(self, draft: Draft, frame: Frame, state: Map) -> Payload | None:
        """What the Map's ItemReader makes of the data that stand in for its file; None if there are none."""
        text = self._setting.reader_data
        if text is None:
            return None
        env = draft.env(frame, state)
        reader = item_reader(self._subject.source["ItemReader"], state.language)
        try:
            found, pointed = items_in(reader, text, env, dataflow.selected_input(state.flow, env), state.objects)
        except BadDataset as error:
            raise Fault(READER_FAILED, error.message, whole=True) from None
        items = Payload.of(found)
        return env.note("afterItemsPointer", items) if pointed else items

    def _batches(self, draft: Draft, frame: Frame, selected: Payload, inputs: list[Payload]) -> list[Payload]:
        state, batcher = self._subject.state, self._subject.source["ItemBatcher"]
        env = draft.env(frame, state)
        limits = []
        for field in ("MaxItemsPerBatch", "MaxInputBytesPerBatch"):
            most = quantity(batcher, field, state.language, "ItemBatcher")
            limits.append(0 if most is None else dataflow.whole_number(most, env, selected.value))
        given = None
        if "BatchInput" in batcher:
            template = compile_template(batcher["BatchInput"], state.language, "ItemBatcher/BatchInput")
            given = payload_of(template, env, selected.value)
        return list(batches(inputs, limits[0], limits[1], given))

    def _tolerated(self, field: str, draft: Draft, frame: Frame, selected: Payload) -> float | None:
        """A threshold, None if the definition has none; AWS shows the percentage with a fraction (recorded: 1.0)."""
        state = self._subject.state
        threshold = quantity(self._subject.source, field, state.language)
        if threshold is None:
            return None
        env = draft.env(frame, state)
        found: float
        if field == "ToleratedFailureCount":
            found = dataflow.whole_number(threshold, env, selected.value)
        else:
            value = threshold.source.evaluate(env, selected.value)
            if not isinstance(value, int | float) or isinstance(value, bool):
                if isinstance(threshold.source, Expression):
                    raise threshold.source.unexpected("number", value)
                raise runtime(f'The {threshold.field} field refers to value "{dumps(value)}" which is not a number')
            found = float(value)
        self._inspection.note(field[0].lower() + field[1:], found)
        return found

    # -- the verdict ------------------------------------------------------------------

    def verdict(self) -> Verdict:
        """How it went, once nothing is to be done any more."""
        failures = self._inspection.failures
        stages, details = self._stages(), self._details()
        error, cause = (failures[-1][1].error, failures[-1][1].cause) if failures else (None, None)
        closed = next((each for each in self._draft.decisions if isinstance(each, CloseExecution)), None)
        if closed is not None:
            return Verdict(closed.status, stages, details, closed.output, error, cause)
        if self._draft.ended:
            return Verdict("SUCCEEDED", stages, details, self._frame.output)
        if not self._draft.ready:
            return Verdict("RETRIABLE", stages, details, None, error, cause)
        left = self._draft.frame(self._draft.ready[0])
        return Verdict(
            "CAUGHT_ERROR" if failures else "SUCCEEDED", stages, details, left.input, error, cause, left.state
        )

    def expired(self, error: str) -> Verdict:
        """It took too long for a test; neither Retry nor Catch sees that."""
        return Verdict("FAILED", self._stages(), {}, error=error)

    def _details(self) -> dict[str, int]:
        """Which retrier and which catcher answered; a retrier that is used up is named all the same (recorded)."""
        found: dict[str, int] = {}
        if not self._inspection.failures:
            return found
        name = self._inspection.failures[-1][0]
        failure = next(each for state, each in self._inspection.failures if state == name)
        state = next(each for each in self._subject.machine.states() if each.name == name)
        if not isinstance(state, Working):
            return found
        retrier = retry.index_of(state.retriers, failure)
        if retrier is not None:
            found["retryIndex"] = retrier
        timer = next((each for each in self._draft.decisions if isinstance(each, StartTimer)), None)
        if timer is not None:
            found["retryBackoffIntervalSeconds"] = round((timer.due_ms - self._now_ms) / 1000)
            return found
        catcher = retry.index_of(state.catchers, failure)
        if catcher is not None:
            found["catchIndex"] = catcher
        return found

    def _stages(self) -> dict[str, Any]:
        state = self._subject.state
        kind = "Pass with Result" if state.type == "Pass" and "Result" in self._subject.source else state.type
        noted = {"input": self._setting.input, **self._inspection.stages}
        shown = {*_ALWAYS, *_SHOWN[state.language].get(kind, ())}
        return {stage: value for stage, value in noted.items() if stage in shown}


def _array(payloads: list[Payload]) -> Payload:
    return Payload(text=f"[{','.join(each.text for each in payloads)}]")


_ALWAYS: Final = ("input", "variables")
_MAP: Final = (
    "afterItemsPointer",
    "afterItemSelector",
    "afterItemBatcher",
    "maxConcurrency",
    "toleratedFailureCount",
    "toleratedFailurePercentage",
)
_AFTER_WORK: Final = ("afterResultSelector", "afterResultPath")
#: What InspectionData has for each type of state (read off recordings; AWS leaves out what others show).
_SHOWN: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    JSONPATH: {
        "Task": ("afterInputPath", "afterParameters", "result", *_AFTER_WORK),
        "Pass": ("afterInputPath", "afterParameters", *_AFTER_WORK),
        "Pass with Result": ("result", *_AFTER_WORK),
        "Parallel": _AFTER_WORK,
        "Map": ("afterInputPath", "afterItemsPath", *_MAP, *_AFTER_WORK),
        "Wait": ("afterInputPath",),
        "Choice": ("afterInputPath",),
        "Succeed": ("afterInputPath",),
        "Fail": ("afterInputPath",),
    },
    JSONATA: {
        "Task": ("afterArguments", "result"),
        "Map": _MAP,
    },
}
