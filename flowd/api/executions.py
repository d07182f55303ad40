"""Executions: start, stop, redrive, describe, list."""

from __future__ import annotations

from functools import partial
from typing import Any

from flowd import names
from flowd.api import arns, map_runs, test_cases
from flowd.api.aliases import find_target
from flowd.api.services import Services
from flowd.api.sizes import check_size
from flowd.api.wire import pages
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.engine.express import Ended
from flowd.errors import (
    ExecutionDoesNotExist,
    InvalidName,
    StateMachineTypeNotSupported,
    ValidationException,
    invalid_input,
)
from flowd.payload import InvalidJson, Payload
from flowd.store import mapruns, matching, reads, schema

#: What AWS bills of the least execution, which is as much as flowd can know (recorded).
BILLED_MB = 64
BILLED_MS = 100


async def start_execution(do: Services, request: Any, caller: Caller) -> Body:
    """Checks in AWS's order: ARN, limits, machine, name, input, reuse of the name (the engine's)."""
    machine_arn, trigger = test_cases.chosen(do, request.stateMachineArn, caller.trigger)
    arn = arns.machine(machine_arn)
    text = "{}" if request.input is None else request.input
    check_size(text, "input", do.config.limits.payload_bytes)
    machine = await do.machines.named(arn.name, arn.arn)
    target = await find_target(do, machine, arn)
    await test_cases.check_states(do, machine, target.version, trigger)
    if request.name is not None and not names.is_valid_name(request.name):
        raise InvalidName(f"Invalid Name: '{request.name}'")
    started = await do.core.executions.start(
        machine,
        request.name,
        _input(text),
        trigger=trigger,
        version=target.version,
        alias=target.alias,
        trace_header=request.traceHeader,
    )
    return {"executionArn": started.arn, "startDate": date(started.started_ms)}


def _input(text: str) -> Payload:
    try:
        return Payload.parse(text)
    except InvalidJson as error:
        raise invalid_input(text, error) from None


async def start_sync_execution(do: Services, request: Any, caller: Caller) -> Body:
    """Answers when the execution has ended, which is no error of the call however it ended (recorded)."""
    machine_arn, trigger = test_cases.chosen(do, request.stateMachineArn, "api")
    arn = arns.machine(machine_arn)
    text = "{}" if request.input is None else request.input
    check_size(text, "input", do.config.limits.payload_bytes)
    machine = await do.machines.named(arn.name, arn.arn)
    target = await find_target(do, machine, arn)
    if machine.type != "EXPRESS":
        raise StateMachineTypeNotSupported
    await test_cases.check_states(do, machine, target.version, trigger)
    if request.name is not None and not names.is_valid_name(request.name):
        raise InvalidName(f"Invalid Name: '{request.name}'")
    ended = await do.core.executions.run(
        machine,
        request.name,
        _input(text),
        version=target.version,
        alias=target.alias,
        trace_header=request.traceHeader,
        trigger=trigger,
    )
    return _ended(ended, with_data=request.includedData != "METADATA_ONLY")


def _ended(ended: Ended, with_data: bool) -> Body:
    live = ended.live
    facts = live.execution
    billed_ms = max(-(-(live.stopped_ms - facts.started_ms) // BILLED_MS), 1) * BILLED_MS
    return present(
        executionArn=facts.arn,
        stateMachineArn=facts.machine_arn,
        name=facts.name,
        startDate=date(facts.started_ms),
        stopDate=date(live.stopped_ms),
        status=live.status,
        error=live.error,
        cause=live.cause,
        input=facts.input.text if with_data else None,
        inputDetails={"included": with_data},
        output=ended.output.text if with_data and ended.output is not None else None,
        outputDetails={"included": with_data},
        traceHeader=live.trace_header,
        billingDetails={"billedMemoryUsedInMB": BILLED_MB, "billedDurationInMilliseconds": billed_ms},
    )


async def stop_execution(do: Services, request: Any, caller: Caller) -> Body:
    arn = await _known(do, request.executionArn)
    stopped_ms = await do.core.executions.stop(arn, request.error, request.cause)
    await do.audit.note(caller.who, "StopExecution", arn, request.error)
    return {"stopDate": date(stopped_ms)}


async def redrive_execution(do: Services, request: Any, caller: Caller) -> Body:
    arn = await _known(do, request.executionArn)
    redriven_ms = await do.core.executions.redrive(arn, request.clientToken)
    await do.audit.note(caller.who, "RedriveExecution", arn)
    return {"redriveDate": date(redriven_ms)}


async def _known(do: Services, text: str) -> str:
    """The ARN under which the store has an execution."""
    arn = do.execution_arn(text)
    found = await do.core.db.read(partial(reads.find, arn=arn.arn, canonical=arn.canonical))
    if found is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{text}'")
    return found.arn


async def describe_execution(do: Services, request: Any, caller: Caller) -> Body:
    arn = do.execution_arn(request.executionArn)
    found = await do.core.db.read(partial(reads.described, arn=arn.arn, canonical=arn.canonical))
    if found is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{request.executionArn}'")
    row, given, output = found
    with_data = request.includedData != "METADATA_ONLY"
    reason = do.core.executions.why_not_redrivable(row)
    timed_out = row.status == "TIMED_OUT"  # recorded: shows neither error nor cause
    return present(
        **_summary(row),
        input=given if with_data else None,
        inputDetails={"included": with_data},
        output=output if with_data else None,
        outputDetails={"included": with_data} if output is not None else None,
        traceHeader=row.trace_header,
        mapRunArn=await map_runs.arn_of(do, row),
        error=None if timed_out else row.error,
        cause=None if timed_out else row.cause,
        redriveStatus=_redrive_status(row, reason),
        redriveStatusReason=reason,
    )


def _redrive_status(row: schema.Execution, reason: str | None) -> str:
    if reason is not None:
        return "NOT_REDRIVABLE"
    return "REDRIVABLE_BY_MAP_RUN" if row.map_run_id else "REDRIVABLE"


def _summary(row: schema.Execution) -> Body:
    """What lists and descriptions share."""
    return present(
        executionArn=row.arn,
        stateMachineArn=row.machine_arn,
        name=row.name,
        status=mapruns.PENDING_REDRIVE if row.waiting == "redrive" else row.status,
        startDate=date(row.started_ms),
        stopDate=date(row.stopped_ms) if row.stopped_ms else None,
        stateMachineVersionArn=f"{row.machine_arn}:{row.version}" if row.version is not None else None,
        stateMachineAliasArn=f"{row.machine_arn}:{row.alias}" if row.alias is not None else None,
        redriveCount=row.redrive_count,
        redriveDate=date(row.redriven_ms) if row.redriven_ms else None,
    )


async def list_executions(do: Services, request: Any, caller: Caller) -> Body:
    """Newest first."""
    if request.mapRunArn is not None and request.stateMachineArn is not None:
        raise ValidationException("Only one of stateMachineArn and mapRunArn can be specified")
    if request.mapRunArn is not None:
        rows, token, run = await map_runs.children(do, request)
        shown = [{**_summary(row), "mapRunArn": run, "itemCount": row.item_count} for row in rows]
        return present(executions=shown, nextToken=token)
    if request.stateMachineArn is None:
        raise ValidationException("One of stateMachineArn and mapRunArn must be specified")
    if request.redriveFilter is not None or request.statusFilter == "PENDING_REDRIVE":
        raise ValidationException("redriveFilter and the status PENDING_REDRIVE can only be used with mapRunArn")
    arn = arns.machine(request.stateMachineArn)
    machine = await do.machines.named(arn.name, arn.arn)
    target = await find_target(do, machine, arn)
    if machine.type == "EXPRESS":
        raise StateMachineTypeNotSupported
    key = f"ListExecutions {arn.name}:{arn.qualifier} {request.statusFilter}"
    before = do.pages.position(key, request.nextToken)
    size = pages.size(request.maxResults)
    wanted = matching.Filter(
        machine_id=machine.id,
        version=target.version.number if target.version and target.alias is None else None,
        alias=target.alias,
        statuses=(request.statusFilter,) if request.statusFilter else (),
    )
    bound = before if isinstance(before, int) else None
    rows = await do.core.db.read(partial(matching.executions, wanted=wanted, before=bound, limit=size + 1))
    token = do.pages.token(key, rows[size - 1].id or 0) if len(rows) > size else None
    return present(executions=[_summary(row) for row in rows[:size]], nextToken=token)


OPERATIONS = {
    "StartExecution": start_execution,
    "StartSyncExecution": start_sync_execution,
    "StopExecution": stop_execution,
    "RedriveExecution": redrive_execution,
    "DescribeExecution": describe_execution,
    "ListExecutions": list_executions,
}
