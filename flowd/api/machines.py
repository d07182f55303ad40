"""State machines: create, update, delete, describe, list, validate. The rules are the engine's, the form is AWS's."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import Any

from flowd import names
from flowd.api import arns, encryption, map_runs
from flowd.api.services import Services
from flowd.api.variables import references
from flowd.api.wire import pages
from flowd.api.wire.answers import Body, date, present
from flowd.api.wire.caller import Caller
from flowd.asl.diagnostics import Diagnostic, errors
from flowd.engine.checking import check
from flowd.engine.machines import Version, Wanted
from flowd.errors import (
    ExecutionDoesNotExist,
    InvalidArn,
    InvalidLoggingConfiguration,
    MissingRequiredParameter,
    StateMachineDoesNotExist,
)
from flowd.store import machines, reads, schema

log = logging.getLogger(__name__)
NOTHING_TO_UPDATE = (
    "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified"
)
_LOGGING = {"level": "OFF", "includeExecutionData": False}
_TRACING = {"enabled": False}
#: Recorded in every description since November 2024, in none up to June 2024: AWS has keys since July 2024.


async def create_state_machine(do: Services, request: Any, caller: Caller) -> Body:
    _check_role(request.roleArn)
    wanted = Wanted(
        name=request.name,
        definition=request.definition,
        role_arn=request.roleArn,
        type=request.type or "STANDARD",
        settings=_settings(request, given_only=False),
        tags=tuple((tag.key or "", tag.value or "") for tag in request.tags or ()),
        publish=bool(request.publish),
        description=request.versionDescription or "",
    )
    machine, version = await do.machines.create(wanted)
    await do.audit.note(caller.who, "CreateStateMachine", machine.arn)
    return present(
        stateMachineArn=machine.arn,
        creationDate=date(machine.created_ms),
        stateMachineVersionArn=_version_arn(machine, version),
    )


async def update_state_machine(do: Services, request: Any, caller: Caller) -> Body:
    given = (
        request.definition,
        request.roleArn,
        request.loggingConfiguration,
        request.tracingConfiguration,
        request.encryptionConfiguration,
    )
    arn = arns.unqualified(request.stateMachineArn)
    if all(member is None for member in given):
        raise MissingRequiredParameter(NOTHING_TO_UPDATE)
    machine = await do.machines.named(arn.name, arn.arn)
    values: dict[str, Any] = _settings(request, given_only=True)
    if request.roleArn is not None:
        _check_role(request.roleArn)
        values["role_arn"] = request.roleArn
    machine, version = await do.machines.update(
        machine,
        values,
        request.definition,
        publish=bool(request.publish),
        description=request.versionDescription or "",
    )
    await do.audit.note(caller.who, "UpdateStateMachine", machine.arn)
    return present(
        updateDate=date(machine.updated_ms),
        revisionId=machine.revision_id,
        stateMachineVersionArn=_version_arn(machine, version),
    )


async def delete_state_machine(do: Services, request: Any, caller: Caller) -> Body:
    """An unknown machine is fine. While executions run it is DELETING; they are stopped in the background."""
    arn = arns.machine(request.stateMachineArn)
    if arn.qualifier:
        return {}
    running = await do.machines.delete(arn.name)
    await do.audit.note(caller.who, "DeleteStateMachine", arn.arn)
    if running:
        do.later(_end(do, arn.name, running), f"delete {arn.name}")
    return {}


async def _end(do: Services, name: str, running: list[str]) -> None:
    """Stop what still runs of a machine that is being deleted, then let it go."""
    try:
        cause = f"The state machine {name} was deleted"
        while running:
            # Side by side: their closings share commits, and the others go on as short as can be.
            await asyncio.gather(*(do.core.executions.stop(arn, None, cause) for arn in running))
            running = await do.machines.delete(name)
        await do.machines.find(name)
    except Exception:
        log.exception("the executions of %s could not be stopped; DeleteStateMachine again goes on", name)


async def go_on_deleting(do: Services) -> None:
    """After a start: the machines that were being deleted when the daemon ended."""
    for name in await do.core.db.read(machines.deleting):
        do.later(_end(do, name, await do.machines.delete(name)), f"delete {name}")


async def describe_state_machine(do: Services, request: Any, caller: Caller) -> Body:
    arn = arns.machine(request.stateMachineArn)
    machine = await do.machines.named(arn.name, arn.arn)
    version = await find_version(do, machine, arn)
    definition_id = version.definition_id if version else machine.definition_id
    texts = await do.core.db.read(partial(machines.definitions, ids=[definition_id]))
    text = texts[definition_id]
    shown: schema.StateMachine | Version = version or machine
    return present(
        stateMachineArn=arn.arn if version else machine.arn,
        name=machine.name,
        status=_status(machine),
        definition="{}" if request.includedData == "METADATA_ONLY" else text,
        roleArn=shown.role_arn,
        type=machine.type,
        creationDate=date(shown.created_ms),
        revisionId=shown.revision_id,
        description=version.description or None if version else None,
        **_shown_settings(machine),
        variableReferences=references(text) or None,
    )


async def describe_state_machine_for_execution(do: Services, request: Any, caller: Caller) -> Body:
    arn = do.execution_arn(request.executionArn)
    found = await do.core.db.read(partial(reads.definition, arn=arn.arn, canonical=arn.canonical))
    if found is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{arn.arn}'")
    row, text = found
    machine = await do.machines.find(row.machine_name)
    if machine is not None and machine.id != row.machine_id and not row.map_run_id:
        machine = None
    return present(
        stateMachineArn=row.machine_arn,
        name=row.machine_name,
        definition="{}" if request.includedData == "METADATA_ONLY" else text,
        roleArn=row.role_arn,
        updateDate=date(machine.updated_ms if machine else row.started_ms),
        revisionId=await _revision(do, machine, row),
        **_shown_settings(machine or schema.StateMachine(name="", arn="", definition_id=0)),
        label=row.machine_arn.partition("/")[2] or None,
        mapRunArn=await map_runs.arn_of(do, row),
        variableReferences=references(text) or None,
    )


async def _revision(do: Services, machine: schema.StateMachine | None, row: schema.Execution) -> str | None:
    if machine is None:
        return None
    if row.version is not None:
        version = await do.machines.version(machine, row.version)
        return version.revision_id if version else None
    return machine.revision_id if machine.definition_id == row.definition_id else None


async def list_state_machines(do: Services, request: Any, caller: Caller) -> Body:
    """By name. Machines whose file is gone are left out."""
    size = pages.size(request.maxResults)
    after = do.pages.position("ListStateMachines", request.nextToken) or ""
    statuses = ("ACTIVE", "DELETING")
    rows = await do.core.db.read(partial(machines.page, after=str(after), limit=size + 1, statuses=statuses))
    shown = [row for row in rows[:size] if row.status == "ACTIVE" or await do.machines.find(row.name) is not None]
    items = [
        {"stateMachineArn": row.arn, "name": row.name, "type": row.type, "creationDate": date(row.created_ms)}
        for row in shown
    ]
    token = do.pages.token("ListStateMachines", rows[size - 1].name) if len(rows) > size else None
    return present(stateMachines=items, nextToken=token)


async def validate_state_machine_definition(do: Services, request: Any, caller: Caller) -> Body:
    checked = await check(request.definition, request.type or "STANDARD", do.machines.refuse)
    wrong = errors(checked.diagnostics)
    shown = list(checked.diagnostics) if request.severity == "WARNING" else wrong
    most = request.maxResults or 100
    return {
        "result": "FAIL" if wrong else "OK",
        "diagnostics": [diagnostic_body(each) for each in shown[:most]],
        "truncated": len(shown) > most,
    }


def diagnostic_body(found: Diagnostic) -> Body:
    """A diagnostic in AWS's form."""
    return present(severity=found.severity, code=found.code, message=found.message, location=found.location)


async def find_version(do: Services, machine: schema.StateMachine, arn: arns.MachineArn) -> Version | None:
    """The version an ARN names; None for an unqualified ARN. An alias or unknown version is no state machine."""
    if not arn.qualifier:
        return None
    found = await do.machines.version(machine, arn.version) if arn.version is not None else None
    if found is None:
        raise StateMachineDoesNotExist(f"State Machine Does Not Exist: '{arn.arn}'")
    return found


def _version_arn(machine: schema.StateMachine, version: Version | None) -> str | None:
    return f"{machine.arn}:{version.number}" if version else None


def _status(machine: schema.StateMachine) -> str:
    """AWS has two words; a machine whose file is gone starts nothing any more, as one that is being deleted."""
    return "ACTIVE" if machine.status == "ACTIVE" else "DELETING"


def _check_role(arn: str) -> None:
    if names.split_arn(arn) is None:
        raise InvalidArn(f"Invalid Role Arn: '{arn}'")


def _settings(request: Any, *, given_only: bool) -> dict[str, str]:
    """Columns with JSON texts: what is stored of logging, tracing and encryption."""
    found: dict[str, str] = {}
    if request.loggingConfiguration is not None or not given_only:
        found["logging"] = json.dumps(_logging(request.loggingConfiguration))
    if request.tracingConfiguration is not None or not given_only:
        found["tracing"] = json.dumps({**_TRACING, **_plain(request.tracingConfiguration)})
    if request.encryptionConfiguration is not None or not given_only:
        found["encryption"] = encryption.written(request.encryptionConfiguration)
    return found


def _logging(given: Any) -> Body:
    """The configuration with its defaults. Unless the level is OFF it needs one destination; more are never right."""
    logging_configuration = {**_LOGGING, **_plain(given)}
    destinations = logging_configuration.get("destinations") or []
    if len(destinations) > 1 or (logging_configuration["level"] != "OFF" and len(destinations) != 1):
        raise InvalidLoggingConfiguration("Invalid Logging Configuration: Must specify exactly one Log Destination.")
    return logging_configuration


def _plain(given: Any) -> dict[str, Any]:
    """A structure of the request as a dict, without its absent members."""
    if given is None:
        return {}
    return {name: _value(getattr(given, name)) for name in given.__struct_fields__ if getattr(given, name) is not None}


def _value(given: Any) -> Any:
    if isinstance(given, list):
        return [_value(member) for member in given]
    return _plain(given) if hasattr(given, "__struct_fields__") else given


def _shown_settings(machine: schema.StateMachine) -> Body:
    return present(
        loggingConfiguration={**_LOGGING, **json.loads(machine.logging)},
        tracingConfiguration={**_TRACING, **json.loads(machine.tracing)},
        encryptionConfiguration=encryption.shown(machine.encryption),
    )


OPERATIONS = {
    "CreateStateMachine": create_state_machine,
    "UpdateStateMachine": update_state_machine,
    "DeleteStateMachine": delete_state_machine,
    "DescribeStateMachine": describe_state_machine,
    "DescribeStateMachineForExecution": describe_state_machine_for_execution,
    "ListStateMachines": list_state_machines,
    "ValidateStateMachineDefinition": validate_state_machine_definition,
}
