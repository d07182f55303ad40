"""The daemon dies at each commit of a parent that waits for its child: one child, one result, the same history."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.errors import ExecutionAlreadyExists
from flowd.payload import Payload
from flowd.store import machines
from tests.crash.doom import deaths_are_expected, dies
from tests.integrations.nested import CHILD, WAIT, Nest, nested, task

__all__ = ["deaths_are_expected"]
PARENT = "arn:aws:states:us-east-1:000000000000:execution:parent:p"


async def play(nest: Nest, parent: dict[str, Any]) -> tuple[str, list[str], list[str]]:
    """From wherever things stand to the end: the parent's status and history, how its children ended."""
    if await nest.core.db.read(lambda session: machines.by_name(session, "parent")) is None:
        if await nest.core.db.read(lambda session: machines.by_name(session, "child")) is None:
            await nest.machine(WAIT, "child")
        await nest.machine(parent, "parent")
    machine = await nest.core.db.read(lambda session: machines.by_name(session, "parent"))
    assert machine is not None
    try:
        await nest.core.executions.start(machine, "p", Payload.of({}))
    except ExecutionAlreadyExists:
        pass  # what the client meant has ended already
    await nest.settle()
    await nest.pass_time(61)
    children = [(await nest.execution(arn)).status for arn in await nest.children()]
    return (await nest.execution(PARENT)).status, await nest.types(PARENT), children


PARENTS = {
    "request-response": nested(),
    "sync": nested(".sync"),
    "sync with a name": task("states:startExecution.sync:2", {"StateMachineArn": CHILD, "Name": "c"}),
    "aws-sdk": task("aws-sdk:sfn:startExecution", {"StateMachineArn": CHILD}),
}


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("kind", PARENTS)
async def test_a_death_at_any_commit_starts_no_second_child(tmp_path: Path, kind: str, after: bool) -> None:
    (tmp_path / "calm").mkdir()
    async with Nest(tmp_path / "calm") as nest:
        expected = await play(nest, PARENTS[kind])
    assert (expected[0], expected[2]) == ("SUCCEEDED", ["SUCCEEDED"])
    at, struck = 1, True
    while struck:
        folder = tmp_path / f"death-{at}"
        folder.mkdir()
        async with Nest(folder) as nest:
            struck, outcome = await dies(nest, at, after, partial(play, nest, PARENTS[kind]))
            if struck:
                outcome = await play(nest, PARENTS[kind])
            assert outcome == expected, at
        at += 1
    assert at > 5
