"""flowd's own operations on code-first workflows: which there are, how their workers do, and a start by name."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import msgspec

from flowd import names
from flowd.api.services import Services
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.engine.codefiles import DOMAIN, CodeFiles, names_of, task_list
from flowd.errors import ValidationException
from flowd.store.schema_code import CodeVersion
from flowd.swf.faults import UnknownResourceFault

_LOOKS = 150  # for a worker that is just being started: 15 s
_LOOK_S = 0.1
_LOG_SHOWN = 4_000


class Listing(msgspec.Struct, kw_only=True):
    name: str | None = None


class Start(msgspec.Struct, kw_only=True):
    name: str
    input: str | None = None
    workflowId: str | None = None


def _code(do: Services) -> CodeFiles:
    if do.code is None:
        raise ValidationException("this daemon runs no code-first workflows")
    return do.code


async def list_workflows(do: Services, request: Listing, caller: Caller) -> Body:
    """Every version that is current or needed; with `name`, those of one workflow and what their workers say."""
    code = _code(do)
    rows = [row for row in code.versions if request.name in (None, *names_of(row))]
    if request.name is not None and not rows:
        raise _unknown(code, request.name)
    return {"workflows": [await _shown(code, row, request.name is not None) for row in rows]}


async def _shown(code: CodeFiles, row: CodeVersion, with_log: bool) -> Body:
    worker = code.worker(row)
    log = await code.workers.log(row.version) if with_log else None
    return present(
        names=names_of(row),
        source=row.path,
        version=row.version,
        current=row.current,
        domain=DOMAIN,
        taskList=task_list(row),
        createdAt=date(row.created_ms),
        worker=worker.status if worker is not None else "ENDED",
        starts=worker.starts if worker is not None else 0,
        log=log[-_LOG_SHOWN:] if log else None,
    )


async def start_workflow(do: Services, request: Start, caller: Caller) -> Body:
    """An execution of the current version, once its worker has registered it."""
    code = _code(do)
    row = code.current(request.name)
    if row is None:
        raise _unknown(code, request.name)
    await _registered(do, code, row, request.name)
    workflow_id = request.workflowId or str(uuid.uuid4())
    wanted: dict[str, Any] = {
        "domain": DOMAIN,
        "workflowId": workflow_id,
        "workflowType": {"name": request.name, "version": row.version},
    }
    if request.input is not None:
        wanted["input"] = request.input
    run_id = await do.core.workflows.start(DOMAIN, wanted)
    arn = names.swf_execution_arn(DOMAIN, workflow_id, run_id, do.machines.region, do.machines.account)
    return {"workflowId": workflow_id, "runId": run_id, "version": row.version, "domain": DOMAIN, "executionArn": arn}


async def _registered(do: Services, code: CodeFiles, row: CodeVersion, name: str) -> None:
    key = ("workflow", name, row.version)
    for _ in range(_LOOKS):
        domain = next((each for each in do.core.swf.domains if each.name == DOMAIN), None)
        if domain is not None and key in domain.types:
            return
        await asyncio.sleep(_LOOK_S)
    log = (await code.workers.log(row.version)).strip()
    raise ValidationException(f"the worker of {row.path} has not registered {name}: {log[-500:] or 'it says nothing'}")


def _unknown(code: CodeFiles, name: str) -> UnknownResourceFault:
    known = sorted({each for row in code.versions if row.current for each in names_of(row)})
    return UnknownResourceFault(f"there is no workflow {name}; there are {', '.join(known) or 'none'}")


OPERATIONS: dict[str, tuple[type, Any]] = {
    "ListWorkflows": (Listing, list_workflows),
    "StartWorkflow": (Start, start_workflow),
}
