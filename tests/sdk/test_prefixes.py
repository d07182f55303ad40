"""Random workflows in a random world: replaying any prefix of a history gives the decisions that were made there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowd import sdk
from flowd.sdk import Retry, Signal, activity, testing, workflow
from flowd.sdk.execution import Info
from flowd.sdk.replay import Replay, decide, verify
from flowd.sdk.simulator import Run
from flowd.sdk.testing import Simulation, Stuck, WorkflowFailed

Program = Any  # ("leaf",) or ("kind", [programs])
Step = Callable[[list[Program]], Coroutine[Any, Any, object]]
word = Signal("word", int)


@activity(start_to_close=20, retry=Retry(first=3, attempts=2))
def works(number: int) -> int:
    return number


@activity(retry=Retry(first=1, attempts=2))
def fails(number: int) -> int:
    raise ValueError(number)


@activity(start_to_close=15, on_cancel="wait")
def hangs() -> int:
    raise AssertionError("replaced")


@workflow
async def child(program: Program) -> None:
    await _run(program)


@workflow
async def randomly(program: Program) -> str:
    return str(await _run(program))


async def _run(program: Program) -> object:
    kind, *parts = program
    return await STEPS[kind](parts)


async def _sequence(parts: list[Program]) -> object:
    return [await _run(part) for part in parts]


async def _gather(parts: list[Program]) -> object:
    return await sdk.gather(*(_run(part) for part in parts))


async def _first(parts: list[Program]) -> object:
    return await sdk.first(*(_run(part) for part in parts), sdk.sleep(7))


async def _try(parts: list[Program]) -> object:
    try:
        return await sdk.gather(*(_run(part) for part in parts))
    except (sdk.Failure, TimeoutError) as error:
        return str(error)
    finally:
        await works(99)


async def _timeout(parts: list[Program]) -> object:
    async with sdk.timeout(9):
        return await _sequence(parts)


async def _shield(parts: list[Program]) -> object:
    async with sdk.shield():
        return await _sequence(parts)


async def _chance(parts: list[Program]) -> object:
    drawn = sdk.random().random(), sdk.uuid4(), sdk.side_effect(lambda: 4), sdk.version("change", 3)
    await sdk.sleep(drawn[0] * 5)
    return drawn


async def _child(parts: list[Program]) -> object:
    try:
        await child(["sequence", *parts])
    except sdk.ChildFailed as failure:
        return failure.status
    return "completed"


STEPS: dict[str, Step] = {
    "works": lambda parts: works(1),
    "fails": lambda parts: fails(2),
    "hangs": lambda parts: hangs(),
    "sleeps": lambda parts: sdk.sleep(5),
    "hears": lambda parts: word.receive(),
    "chance": _chance,
    "sequence": _sequence,
    "gather": _gather,
    "first": _first,
    "try": _try,
    "timeout": _timeout,
    "shield": _shield,
    "child": _child,
}
LEAVES = ["works", "fails", "hangs", "sleeps", "hears", "chance"]
PROGRAMS = st.recursive(
    st.sampled_from(LEAVES).map(lambda kind: [kind]),
    lambda inner: st.tuples(
        st.sampled_from(sorted(STEPS.keys() - set(LEAVES))), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda drawn: [drawn[0], *drawn[1]]),
    max_leaves=8,
)
WORLD = st.lists(st.sampled_from(["signal", "cancel", "skip", "lost"]), max_size=6)


class Recording(Simulation):
    """Keeps what was decided at which event; loses a decision now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self.lose = False

    def _decide(self, run: Run) -> None:
        if self.lose:
            self.lose = False
            self.swf.time_out_decision_task(run)
            return
        started = len(run.events)
        workflow = self._registry.workflows[run.type["name"]]
        self.made[run.run_id, started] = decide(workflow, _info(run), list(run.events)).decisions
        super()._decide(run)


def _info(run: Run) -> Info:
    return Info(run.workflow_id, run.run_id, run.type["name"], run.type["version"], "simulated")


def _live(program: Program, world: list[str]) -> Recording:
    simulation = Recording()
    simulation.replace(hangs, testing.never)
    simulation._know(child)
    handle = simulation.start(randomly, program)
    for happening in world:
        if handle.status != "OPEN":
            break
        if happening == "signal":
            simulation.signal(handle, word, 5)
        elif happening == "cancel":
            simulation.cancel(handle)
        elif happening == "skip":
            simulation.skip(4)
        simulation.lose = happening == "lost"
    try:
        simulation.finish(handle)
    except (Stuck, WorkflowFailed):
        pass
    return simulation


@settings(max_examples=150, deadline=None)
@given(PROGRAMS, WORLD)
def test_replaying_any_prefix_of_a_history_yields_the_same_decisions(program: Program, world: list[str]) -> None:
    simulation = _live(program, world)
    for run in simulation.swf.runs:
        workflow = simulation._registry.workflows[run.type["name"]]
        kept = Replay(workflow, _info(run))
        answered = {
            event["decisionTaskCompletedEventAttributes"]["startedEventId"]
            for event in run.events
            if event["eventType"] == "DecisionTaskCompleted"
        }
        for started in sorted(answered):
            prefix = run.events[:started]
            assert decide(workflow, _info(run), prefix).decisions == simulation.made[run.run_id, started]
            assert kept.advance(prefix).decisions == simulation.made[run.run_id, started]
        kept.dispose()
        verify(workflow, _info(run), run.events)
