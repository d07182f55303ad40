"""What can be done to an execution of a batch: a table of verbs. Each is safe to do again after a crash.

A verb says in which statuses it applies, so that a dry run can count; whether it works is known when it is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flowd.core import Core
from flowd.errors import ValidationException
from flowd.history import Event, News
from flowd.store import executions, schema

ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True)
class Call:
    """One execution in the hands of a verb."""

    core: Core
    row: schema.Execution
    batch: int
    reason: str
    members: dict[str, Any]


@dataclass(frozen=True)
class Verb:
    """`statuses` in which it applies; `waiting` and `types` narrow that down; `audit` is what the audit calls it."""

    statuses: tuple[str, ...]
    do: Callable[[Call], Awaitable[None]]
    audit: str
    waiting: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    members: tuple[str, ...] = ()


async def redrive(call: Call) -> None:
    await call.core.executions.redrive(call.row.arn, f"batch-{call.batch}")


async def stop(call: Call) -> None:
    error = call.members.get("error") or "Batch.Stopped"
    await call.core.executions.stop(call.row.arn, str(error), call.reason)


async def retry_now(call: Call) -> None:
    if not await retry_at_once(call.core, call.row):
        raise ValidationException("it waits for no retry now")


async def retry_at_once(core: Core, row: schema.Execution) -> int:
    """Every back-off of an execution is over now; returns how many there were."""
    waiting = await core.db.read(partial(executions.back_offs, execution_id=row.id or 0))
    over = [await core.stepper.post(row.id or 0, Event(News.TIMER_FIRED, *place)) for place in waiting]
    return sum(map(bool, over))


VERBS: dict[str, Verb] = {
    "redrive": Verb(ENDED_BADLY, redrive, "RedriveExecution", types=("STANDARD",)),
    "stop": Verb(("RUNNING",), stop, "StopExecution", members=("error",)),
    "retry-now": Verb(("RUNNING",), retry_now, "RetryNow", waiting=("retry",)),
}


def verb(name: str) -> Verb:
    found = VERBS.get(name)
    if found is None:
        raise ValidationException(f"there is no verb '{name}' for a batch; there are {', '.join(VERBS)}")
    return found
