"""flowd's own operations that show the whole (docs/api.md): metrics, dead letters, deploys, log, presence, views."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import msgspec

from flowd.api.flowd_executions import limited
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.errors import ValidationException
from flowd.operators.pulse import MINUTES, MOST_MINUTES, Minute
from flowd.store import overview

LEVELS = ("INFO", "WARNING", "ERROR")
LONGEST_WAIT_S = 50.0
DAY_MS = 86_400_000


class Counting(msgspec.Struct, kw_only=True):
    minutes: int | None = None


class Since(msgspec.Struct, kw_only=True):
    days: float | None = None
    limit: int | None = None


class Paging(msgspec.Struct, kw_only=True):
    limit: int | None = None
    before: int | None = None


class Reading(msgspec.Struct, kw_only=True):
    after: int | None = None
    level: str | None = None
    limit: int | None = None
    timeoutSeconds: float | None = None


class Attending(msgspec.Struct, kw_only=True):
    console: str
    looksAt: str | None = None
    leaves: bool | None = None


class Nothing(msgspec.Struct, kw_only=True):
    pass


class View(msgspec.Struct, kw_only=True):
    name: str
    filter: str


class Naming(msgspec.Struct, kw_only=True):
    name: str


async def get_metrics(do: Services, request: Counting, caller: Caller) -> Body:
    found = await do.desk.pulse.metrics(limited(request.minutes, MINUTES, MOST_MINUTES))
    return present(
        minutes=[_minute(minute) for minute in found.minutes],
        medianSeconds=found.median_ms / 1000 if found.median_ms is not None else None,
        p95Seconds=found.p95_ms / 1000 if found.p95_ms is not None else None,
        queueOldestAt=date(found.queue_oldest_ms) if found.queue_oldest_ms is not None else None,
    )


def _minute(minute: Minute) -> Body:
    return {
        "at": date(minute.at_ms),
        "started": minute.started,
        "succeeded": minute.succeeded,
        "failed": minute.failed,
    }


async def list_dead_letters(do: Services, request: Since, caller: Caller) -> Body:
    since_ms = 0 if request.days is None else do.clock.now_ms() - round(request.days * DAY_MS)
    read = partial(overview.dead_letters, since_ms=since_ms, limit=limited(request.limit, 200, 1000))
    return {
        "groups": [
            present(
                stateMachineName=each.machine,
                state=each.state or None,
                error=each.error or None,
                count=each.count,
                firstAt=date(each.first_ms),
                lastAt=date(each.last_ms),
                latestArn=each.latest,
                filter=_filter_of(each),
            )
            for each in await do.core.db.read(read)
        ]
    }


def _filter_of(each: overview.DeadLetters) -> str:
    words = {"machine": each.machine, "on": each.state, "error": each.error}
    told = [f'{key}:"{value}"' if set(value) & set(" '") else f"{key}:{value}" for key, value in words.items() if value]
    return " ".join(["status:failed,timed_out", *told])


async def list_deploys(do: Services, request: Paging, caller: Caller) -> Body:
    size = limited(request.limit, 100, 500)
    rows = await do.core.db.read(partial(overview.deploys, before=request.before, limit=size))
    arns = [f"{each.machine.arn}:{each.version.number}" for each in rows]
    who = await do.core.db.read(partial(overview.publishers, arns=arns))
    return present(
        deploys=[
            present(
                stateMachineName=each.machine.name,
                stateMachineVersionArn=arn,
                version=each.version.number,
                at=date(each.version.created_ms),
                by=who.get(arn),
                description=each.version.description or None,
                source=each.machine.source,
                owner=each.machine.owner,
                current=each.version.number == each.machine.latest_version,
            )
            for each, arn in zip(rows, arns, strict=True)
        ],
        next=rows[-1].version.id if len(rows) == size else None,
    )


async def read_log(do: Services, request: Reading, caller: Caller) -> Body:
    """A long poll if `timeoutSeconds` is given: it answers when there is a line."""
    level = (request.level or "INFO").upper()
    if level not in LEVELS:
        raise ValidationException(f"level is {request.level!r}; it must be one of {', '.join(LEVELS)}")
    timeout_s = min(max(request.timeoutSeconds or 0.0, 0.0), LONGEST_WAIT_S)
    lines = await do.desk.log.wait(
        request.after or 0, logging.getLevelNamesMapping()[level], limited(request.limit, 500, 5000), timeout_s
    )
    return {
        "lines": [
            {
                "id": line.id,
                "at": date(line.at_ms),
                "level": logging.getLevelName(line.level),
                "logger": line.logger,
                "text": line.text,
            }
            for line in lines
        ]
    }


async def attend(do: Services, request: Attending, caller: Caller) -> Body:
    """A console says that it is here; the answer is who else is. To be said every half minute."""
    if request.leaves:
        do.desk.presence.leave(request.console)
    elif do.desk.presence.attend(request.console, caller.who, request.looksAt or ""):
        do.tell("presence", request.console)
    return {
        "you": caller.who,
        "attached": [
            present(who=each.who, console=each.console, looksAt=each.looks_at or None, since=date(each.since_ms))
            for each in do.desk.presence.attached()
        ],
    }


async def list_views(do: Services, request: Nothing, caller: Caller) -> Body:
    found = await do.desk.views.of(caller.who)
    return {"views": [{"name": view.name, "filter": view.filter, "savedAt": date(view.saved_ms)} for view in found]}


async def save_view(do: Services, request: View, caller: Caller) -> Body:
    await do.desk.views.save(caller.who, request.name, request.filter)
    return {"name": request.name}


async def delete_view(do: Services, request: Naming, caller: Caller) -> Body:
    await do.desk.views.remove(caller.who, request.name)
    return {"name": request.name}


OPERATIONS: dict[str, tuple[type, Any]] = {
    "GetMetrics": (Counting, get_metrics),
    "ListDeadLetters": (Since, list_dead_letters),
    "ListDeploys": (Paging, list_deploys),
    "ReadLog": (Reading, read_log),
    "Attend": (Attending, attend),
    "ListViews": (Nothing, list_views),
    "SaveView": (View, save_view),
    "DeleteView": (Naming, delete_view),
}
