"""flowd's own operations for users' tests (docs/testing.md). A daemon for real work refuses them."""

from __future__ import annotations

from typing import Any

import msgspec

from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ValidationException
from flowd.operators.timeinhand import TimeInHand


class Skipping(msgspec.Struct, kw_only=True):
    pass


async def skip_to_next_deadline(do: Services, request: Skipping, caller: Caller) -> Body:
    """Answers when what became due has had its effect; without `deadline` if nothing waits for a point in time."""
    skipped = await _time(do).skip()
    found = skipped.deadline
    if found is not None:
        await do.audit.note(caller.who, "SkipToNextDeadline", found.arn or found.name, f"{skipped.skipped_ms} ms")
    deadline = found and present(
        at=date(found.due_ms),
        purpose=found.purpose,
        name=found.name,
        executionArn=found.arn or None,
        state=found.state or None,
    )
    return present(now=date(skipped.now_ms), skippedSeconds=skipped.skipped_ms / 1000, deadline=deadline)


def _time(do: Services) -> TimeInHand:
    if do.time is None:
        raise ValidationException(
            "This daemon's clock is the machine's and cannot be moved: it was not started for testing. "
            "Start another one with `flowd serve --testing`, on a data folder of its own."
        )
    return do.time


OPERATIONS: dict[str, tuple[type, Any]] = {"SkipToNextDeadline": (Skipping, skip_to_next_deadline)}
