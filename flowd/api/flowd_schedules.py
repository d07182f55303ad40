"""flowd's own operations on schedules (docs/api.md)."""

from __future__ import annotations

from typing import Any

import msgspec

from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.operators import schedules
from flowd.operators.schedules import Shown, state_of


class Nothing(msgspec.Struct, kw_only=True):
    pass


class Naming(msgspec.Struct, kw_only=True):
    name: str


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


async def _noted(do: Services, caller: Caller, verb: str, name: str) -> None:
    await do.audit.note(caller.who, verb, name)
    do.tell("schedule", name)


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ListSchedules": (Nothing, list_schedules),
    "PauseSchedule": (Naming, pause_schedule),
    "ResumeSchedule": (Naming, resume_schedule),
    "RunSchedule": (Naming, run_schedule),
}
