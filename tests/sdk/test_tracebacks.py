"""Tracebacks that failed activities and workflows leave: the user's frames, and none of what drives them."""

from __future__ import annotations

import json

import pytest

from flowd.sdk import activity, gather, sleep, workflow
from flowd.sdk.errors import ActivityFailed, FailureDetails
from flowd.sdk.testing import Simulation, WorkflowFailed
from flowd.sdk.tracebacks import shown_file
from flowd.sdk.workflows import Workflow


def read(text: str) -> int:
    return int(json.loads("{" + text))


@activity
def plain(text: str) -> int:
    return read(text)


@activity
async def awaited(text: str) -> int:
    return read(text)


async def half(text: str) -> int:
    await sleep(0)
    return await plain(text)


@workflow
async def both(text: str) -> int:
    return sum(await gather(half(text), half(text)))


@workflow
async def one(text: str) -> int:
    return await awaited(text)


@workflow
async def parent(text: str) -> int:
    return await one(text)


@workflow
async def from_another(text: str) -> int:
    try:
        return await awaited(text)
    except ActivityFailed:
        raise ValueError("no number") from None


def trace(failing: Workflow[[str], int], text: str = '"Ada"') -> str:
    """What a failed run says of where it failed; the same stands under the error that a test gets."""
    simulation = Simulation()
    handle = simulation.start_text(failing, text)
    simulation.skip(60)
    with pytest.raises(WorkflowFailed) as caught:
        handle.result()
    found = FailureDetails.of(handle.run.closing["details"]).traceback
    assert caught.value.__notes__ == [found]
    assert "flowd/sdk/" not in found and "asyncio" not in found
    return found


def names(text: str) -> list[str]:
    """The functions of a traceback's frames, in order."""
    return [line.rpartition(" in ")[2] for line in text.splitlines() if line.startswith("  File")]


def test_a_failed_activity_is_traced_from_its_own_line_to_that_of_the_workflow() -> None:
    text = trace(both)
    assert names(text) == ["plain", "read", "loads", "decode", "raw_decode", "both", "half"]
    assert 'File "json/decoder.py"' in text
    assert f'File "{shown_file(__file__)}"' in text and f'"{__file__}"' not in text
    assert (
        text.index("json.decoder.JSONDecodeError") < text.index("direct cause") < text.index("ActivityFailed: activity")
    )


def test_a_child_s_failure_is_shown_down_to_the_activity_of_the_child() -> None:
    ours = [name for name in names(trace(parent)) if name in ("awaited", "read", "one", "parent")]
    assert ours == ["awaited", "read", "one", "parent"]


def test_what_code_raises_from_nothing_has_no_cause() -> None:
    assert names(trace(from_another)) == ["from_another"]


def test_an_error_without_a_line_of_the_user_s_is_its_message() -> None:
    text = trace(one, "7")
    assert text.startswith("flowd.sdk.errors.DataError: the input of") and "Traceback" not in text
