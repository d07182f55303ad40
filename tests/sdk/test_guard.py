"""Refusals while workflow code runs: only there, only for its own code, and gone afterwards."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Callable

import pytest

from flowd import sdk
from flowd.sdk import activity, workflow
from flowd.sdk.guard import Guard
from flowd.sdk.testing import Simulation, WorkflowFailed

CALLS: dict[str, Callable[[], object]] = {
    "time": lambda: time.time(),
    "sleep": lambda: time.sleep(0),
    "random": lambda: random.random(),
    "uuid": lambda: uuid.uuid4(),
    "urandom": lambda: os.urandom(4),
    "open": lambda: open(__file__).close(),
}


@activity
def free(name: str) -> bool:
    CALLS[name]()
    return True


@workflow
async def strict(name: str) -> None:
    CALLS[name]()


@workflow
async def proper(name: str) -> bool:
    sdk.side_effect(lambda: str(CALLS[name]()))
    sdk.log.warning("logging reads the clock itself")
    return await free(name)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_workflow_code_is_refused_with_its_place_and_the_way_out(name: str) -> None:
    with Guard([__file__]), pytest.raises(WorkflowFailed, match=r"test_guard\.py:\d+: .*use .+"):
        Simulation().run(strict, name)


@pytest.mark.parametrize("name", CALLS)
def test_activities_side_effects_and_libraries_go_on(name: str) -> None:
    with Guard([__file__]):
        assert Simulation().run(proper, name)
        CALLS[name]()


def test_afterwards_everything_is_as_it_was() -> None:
    before = time.time, random.random, open
    with Guard([__file__]):
        assert time.time is not before[0]
    assert (time.time, random.random, open) == before
