"""flowd's own operations on the daemon itself (docs/api.md): health, the live feed, the audit."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from flowd import __version__
from flowd.api.flowd_executions import limited
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.operators.health import look
from flowd.operators.watch import LONGEST_S, watch
from flowd.store.changes import Change


class Nothing(msgspec.Struct, kw_only=True):
    pass


class Watching(msgspec.Struct, kw_only=True):
    cursor: int | None = None
    executionArn: str | None = None
    timeoutSeconds: float | None = None


class Paging(msgspec.Struct, kw_only=True):
    limit: int | None = None
    before: int | None = None


async def health(do: Services, request: Nothing, caller: Caller) -> Body:
    folder = do.dropfolder.problem if do.dropfolder is not None else None
    found = await look(do.core.db, do.runner, len(do.registrar.functions), folder)
    numbers = found.numbers
    return present(
        version=__version__,
        pid=os.getpid(),
        startedAt=date(do.started_ms),
        now=date(do.clock.now_ms()),
        databaseId=do.core.db.database_id,
        cursor=do.core.db.cursor,
        dataDirectory=str(do.config.data),
        workflowsDirectory=str(do.config.workflows),
        listeners=do.listeners,
        databaseBytes=found.database_bytes,
        walBytes=found.wal_bytes,
        executions=numbers.executions,
        openPrompts=numbers.open_prompts,
        rejectedFiles=numbers.rejected_files,
        machines=numbers.machines,
        schedules=numbers.schedules,
        deadlines=numbers.deadlines,
        nextDeadline=date(numbers.next_deadline_ms) if numbers.next_deadline_ms is not None else None,
        runner={"status": "up" if found.runner_up else "down"},
        writable=found.writable,
        attached=len(do.desk.presence.attached()),
        problems=found.problems,
    )


async def watch_changes(do: Services, request: Watching, caller: Caller) -> Body:
    timeout_s = LONGEST_S if request.timeoutSeconds is None else request.timeoutSeconds
    news = await watch(do.core.db, request.cursor, request.executionArn, timeout_s, caller.draining)
    return {
        "databaseId": do.core.db.database_id,
        "cursor": news.cursor,
        "resync": news.resync,
        "changes": [_change_body(change) for change in news.changes],
    }


def _change_body(change: Change) -> Body:
    return present(
        kind=change.kind,
        id=change.id,
        executionArn=change.arn if change.kind in ("execution", "prompt") else None,
        status=change.status or None,
        name=change.name or None,
    )


async def list_audit(do: Services, request: Paging, caller: Caller) -> Body:
    entries = await do.audit.page(request.before, limited(request.limit, 100, 1000))
    return {
        "entries": [
            present(
                id=each.id, at=date(each.at_ms), who=each.who, verb=each.verb, target=each.target, detail=each.detail
            )
            for each in entries
        ]
    }


OPERATIONS: dict[str, tuple[type, Any]] = {
    "Health": (Nothing, health),
    "Watch": (Watching, watch_changes),
    "ListAudit": (Paging, list_audit),
}
