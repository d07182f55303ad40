"""flowd's own operations on schedules (docs/api.md)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ResourceNotFound, ValidationException
from flowd.operators import schedules
from flowd.operators.schedules import Shown, state_of

MOST_FIRES = 1000


class Nothing(msgspec.Struct, kw_only=True):
    pass


class Naming(msgspec.Struct, kw_only=True):
    name: str


class Several(msgspec.Struct, kw_only=True):
    """Without names: all."""

    names: list[str] | None = None
    reason: str | None = None


class Backfill(msgspec.Struct, kw_only=True):
    name: str
    since: float
    until: float | None = None
    reason: str | None = None
    dryRun: bool | None = None


async def list_schedules(do: Services, request: Nothing, caller: Caller) -> Body:
    return {"schedules": [_body(shown) for shown in await schedules.every(do.core.db, do.clock)]}


def _body(shown: Shown) -> Body:
    row = shown.row
    last = present(
        at=date(row.last_run_ms) if row.last_run_ms else None,
        executionArn=row.last_arn,
        status=shown.last_status,
        note=row.last_note,
    )
    return present(
        name=row.name,
        stateMachineName=row.machine_name,
        expression=row.expression,
        timezone=row.timezone,
        input=row.input,
        state=state_of(row),
        pausedBy=row.paused_by,
        next=[date(fire_ms) for fire_ms in shown.upcoming_ms],
        last=last if "at" in last else None,
        missed=row.missed,
        overlap=row.overlap,
        source=row.source,
    )


async def pause_schedule(do: Services, request: Naming, caller: Caller) -> Body:
    row = await do.core.schedules.pause(request.name, caller.who)
    await _noted(do, caller, "PauseSchedule", request.name)
    return {"name": row.name, "state": state_of(row)}


async def resume_schedule(do: Services, request: Naming, caller: Caller) -> Body:
    row = await do.core.schedules.resume(request.name)
    await _noted(do, caller, "ResumeSchedule", request.name)
    return {"name": row.name, "state": state_of(row)}


async def run_schedule(do: Services, request: Naming, caller: Caller) -> Body:
    arn = await do.core.schedules.run_now(request.name)
    await _noted(do, caller, "RunSchedule", request.name)
    found = await schedules.named(do.core.db, request.name)
    return present(name=request.name, state=state_of(found) if found else None, executionArn=arn)


async def pause_schedules(do: Services, request: Several, caller: Caller) -> Body:
    return await _all(do, request, caller, "PauseSchedule")


async def resume_schedules(do: Services, request: Several, caller: Caller) -> Body:
    return await _all(do, request, caller, "ResumeSchedule")


async def _all(do: Services, request: Several, caller: Caller, verb: str) -> Body:
    """Those that are named, or all; what is paused, or goes on, already is left as it is."""
    pausing = verb == "PauseSchedule"
    every = {shown.row.name: shown.row for shown in await schedules.every(do.core.db, do.clock)}
    names = request.names if request.names is not None else list(every)
    if unknown := [name for name in names if name not in every]:
        raise ResourceNotFound(f"there is no schedule named '{unknown[0]}'; none was changed")
    changed = [name for name in names if (every[name].paused_by is None) == pausing]
    for name in changed:
        await (do.core.schedules.pause(name, caller.who) if pausing else do.core.schedules.resume(name))
        await do.audit.note(caller.who, verb, name, request.reason)
        do.tell("schedule", name)
    return {"names": changed}


async def backfill_schedule(do: Services, request: Backfill, caller: Caller) -> Body:
    """Runs of the past; with dryRun only when they would have been."""
    row = await schedules.named(do.core.db, request.name)
    if row is None:
        raise ResourceNotFound(f"there is no schedule named '{request.name}'")
    since_ms, until_ms = round(request.since * 1000), round((request.until or do.clock.now_ms() / 1000) * 1000)
    if not 0 <= since_ms < until_ms <= do.clock.now_ms():
        raise ValidationException("a backfill is for the past: since must be before until, and until not after now")
    fires = await asyncio.to_thread(schedules.fire_times, row, since_ms, until_ms, MOST_FIRES + 1)
    if len(fires) > MOST_FIRES:
        raise ValidationException(f"these are more than {MOST_FIRES} runs; choose a shorter time")
    times = [date(fire) for fire in fires]
    if request.dryRun:
        return {"name": request.name, "times": times}
    await do.audit.note(caller.who, "BackfillSchedule", request.name, f"{len(fires)} runs: {request.reason or ''}")
    started = await do.core.schedules.backfill(request.name, fires)
    do.tell("schedule", request.name)
    return {"name": request.name, "times": times, "started": started}


async def _noted(do: Services, caller: Caller, verb: str, name: str) -> None:
    await do.audit.note(caller.who, verb, name)
    do.tell("schedule", name)


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ListSchedules": (Nothing, list_schedules),
    "PauseSchedule": (Naming, pause_schedule),
    "ResumeSchedule": (Naming, resume_schedule),
    "RunSchedule": (Naming, run_schedule),
    "PauseSchedules": (Several, pause_schedules),
    "ResumeSchedules": (Several, resume_schedules),
    "BackfillSchedule": (Backfill, backfill_schedule),
}
