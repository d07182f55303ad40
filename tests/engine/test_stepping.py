"""Where steps are worked out: quick ones on the loop, those that may take long in a thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from flowd.asl import interpreter
from flowd.engine.stepping import BIG
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
