"""flowd's own lists of what is loaded (docs/api.md): machines, files, functions, queues."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from flowd.api import swf_render
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.asl.validate import states
from flowd.engine.aliases import routing
from flowd.operators.pulse import Day
from flowd.operators.schedules import state_of
from flowd.payload import InvalidJson, loads
from flowd.store import activities, aliases, files, machines, reads
from flowd.store import schedules as stored_schedules
from flowd.store.database import Session
from flowd.store.schema import StateMachineAlias


class Nothing(msgspec.Struct, kw_only=True):
    pass


async def list_machines(do: Services, request: Nothing, caller: Caller) -> Body:
    rows = await do.core.db.read(machines.every)
    texts = await do.core.db.read(partial(machines.definitions, ids=[row.definition_id for row in rows]))
    counts = await do.core.db.read(reads.counts_by_machine)
    known = await do.core.db.read(aliases.every)
    schedules = await do.core.db.read(_schedules)
    days = await do.desk.pulse.days()
    return {
        "machines": [
            present(
                name=row.name,
                stateMachineArn=row.arn,
                type=row.type,
                status=row.status,
                version=row.latest_version,
                states=_count_states(texts.get(row.definition_id, "")),
                counts=counts.get(row.id or 0, {}),
                day=_day(days.get(row.id or 0)),
                aliases=[_alias(alias) for alias in known.get(row.id or 0, ())] or None,
                schedules=schedules.get(row.name),
                owner=row.owner,
                source=row.source,
                updatedAt=date(row.updated_ms),
            )
            for row in rows
        ]
    }


def _day(day: Day | None) -> Body | None:
    if day is None:
        return None
    p95 = day.p95_ms / 1000 if day.p95_ms is not None else None
    return present(succeeded=day.succeeded, failed=day.failed, hours=day.hours, p95Seconds=p95)


def _alias(alias: StateMachineAlias) -> Body:
    return present(
        name=alias.name,
        description=alias.description or None,
        routing=[{"version": version, "weight": weight} for version, weight in routing(alias)],
        updatedAt=date(alias.updated_ms),
    )


def _schedules(session: Session) -> dict[str, list[Body]]:
    """What starts each machine by itself, by the machine's name."""
    found: dict[str, list[Body]] = {}
    for row in stored_schedules.every(session):
        told = {"name": row.name, "expression": row.expression, "state": state_of(row)}
        found.setdefault(row.machine_name, []).append(told)
    return found


def _count_states(text: str) -> int:
    """All states of a definition, inner ones included."""
    try:
        return sum(1 for _ in states(loads(text)))
    except InvalidJson:
        return 0


async def list_files(do: Services, request: Nothing, caller: Caller) -> Body:
    return {
        "files": [
            present(
                path=row.path,
                kind=row.kind,
                status=row.status,
                name=row.name,
                updatedAt=date(row.updated_ms),
                diagnostics=loads(row.diagnostics),
            )
            for row in await do.core.db.read(files.every)
        ]
    }


async def list_functions(do: Services, request: Nothing, caller: Caller) -> Body:
    counts = await do.runner_counts()
    return {
        "functions": [
            present(
                name=spec.name,
                kind=spec.kind,
                source=spec.source or spec.path,
                timeoutSeconds=spec.timeout_s,
                memoryMb=spec.memory_mb,
                reservedConcurrency=spec.reserved,
                warm=counts.warm.get(spec.name, 0) if counts is not None else None,
                packages=counts.packages.get(spec.name) if counts is not None else None,
            )
            for spec in sorted(do.registrar.functions, key=lambda spec: spec.name)
        ]
    }


async def list_queues(do: Services, request: Nothing, caller: Caller) -> Body:
    """Activities, and whatever tasks or pollers wait under another name: SWF's task lists."""
    depths = await do.core.db.read(activities.depths)
    known = {depth.name for depth in depths}
    polled = [activities.Depth(name, 0, None, 0) for name in do.core.waiters.queues if name not in known]
    return {
        "queues": [
            present(
                name=depth.name,
                **swf_render.task_list(depth.name),
                depth=depth.waiting,
                oldestAt=date(depth.oldest_ms) if depth.oldest_ms is not None else None,
                pollers=do.core.waiters.pollers(depth.name),
                openPrompts=depth.prompts,
                **_last_poll(do, depth.name),
            )
            for depth in sorted([*depths, *polled], key=lambda depth: depth.name)
        ]
    }


def _last_poll(do: Services, queue: str) -> Body:
    poll = do.desk.presence.last_poll(queue)
    return present(polledAt=date(poll.at_ms), polledBy=poll.worker) if poll is not None else {}


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ListMachines": (Nothing, list_machines),
    "ListFiles": (Nothing, list_files),
    "ListFunctions": (Nothing, list_functions),
    "ListQueues": (Nothing, list_queues),
}
