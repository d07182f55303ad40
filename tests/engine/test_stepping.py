"""Where steps are worked out: quick ones on the loop, those that may take long in a thread."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from flowd.asl import interpreter
from flowd.engine.commit import Recorder
from flowd.engine.live import Live
from flowd.engine.stepping import BIG
from flowd.history import Event, News
from tests.engine.world import World


@pytest.mark.parametrize(
    ("state", "given", "on_loop"),
    [
        ({"Type": "Pass"}, {"a": 1}, True),
        ({"Type": "Pass"}, {"a": "x" * BIG}, False),
        ({"Type": "Pass", "Parameters": {"b.$": "$..a"}}, {"a": 1}, False),
        ({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% 1 %}"}, {"a": 1}, False),
    ],
)
async def test_a_step_that_may_take_long_leaves_the_loop(
    world: World, monkeypatch: pytest.MonkeyPatch, state: dict[str, Any], given: Any, on_loop: bool
) -> None:
    loop, real, seen = threading.current_thread(), interpreter.step, list[bool]()

    def step(*arguments: Any) -> Any:
        seen.append(threading.current_thread() is loop)
        return real(*arguments)

    monkeypatch.setattr(interpreter, "step", step)
    execution = await world.run({"StartAt": "S", "States": {"S": {**state, "End": True}}}, given)
    assert execution.status == "SUCCEEDED"
    assert set(seen) == {on_loop}


WAIT = {"StartAt": "S", "States": {"S": {"Type": "Wait", "Seconds": 5, "End": True}}}


@pytest.mark.parametrize("given", [{}, {"a": "x" * BIG}])
async def test_a_step_that_cannot_be_recorded_fails_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    machine = await world.machine(WAIT)
    arns = [await world.start(machine, given, name) for name in ("first", "second")]
    first, second = [(await world.execution(arn)).id or 0 for arn in arns]
    real = Recorder.record

    def record(self: Recorder, live: Live, *arguments: Any) -> Any:
        if live.id == first:
            raise RuntimeError("a defect")
        return real(self, live, *arguments)

    with monkeypatch.context() as broken:
        broken.setattr(Recorder, "record", record)
        outcomes = await asyncio.gather(
            *(world.core.stepper.post(each, Event(News.STOPPED)) for each in (first, second)), return_exceptions=True
        )
    assert [str(outcome) for outcome in outcomes] == ["a defect", "True"]
    assert [(await world.execution(arn)).status for arn in arns] == ["RUNNING", "ABORTED"]
    assert await world.core.stepper.post(first, Event(News.STOPPED))
    assert (await world.execution(arns[0])).status == "ABORTED"
