"""Plays a table against a daemon with one client, and says what came out otherwise than the table has it."""

from __future__ import annotations

import time
from typing import Final

import jmespath
from botocore.model import ServiceModel
from botocore.session import Session

from tests.clients import buckets, buses, compute, messages, states, tables, workflows
from tests.clients.caller import Answer, Caller
from tests.clients.rows import Row

TABLES: Final = {
    "states": states.ROWS,
    "workflows": workflows.ROWS,
    "tables": tables.ROWS,
    "messages": messages.ROWS,
    "buses": buses.ROWS,
    "buckets": buckets.ROWS,
    "compute": compute.ROWS,
}
PATIENCE_S: Final = 20.0
#: What clients call errors of which S3 says no more than a status (the answer to HEAD has no body), or nothing at all.
_ALSO: Final = {"404": ("NotFound", "NoSuchBucket"), "304": ("NotModified", "Unknown")}
#: AWS sends no text with these either.
_SILENT: Final = ("WorkflowExecutionAlreadyStartedFault",)
_MODELS: Final = Session()


def play(rows: list[Row], caller: Caller) -> list[str]:
    """Each row in its turn; what is wrong, one line for each."""
    kept: dict[str, str] = {}
    wrong: list[str] = []
    for number, row in enumerate(rows, 1):
        try:
            members = row.filled(kept)
        except KeyError as missing:
            wrong.append(f"{number} {row.service} {row.operation}: nothing was kept as {missing}")
            continue
        said = _refused(row, caller.call(row, members)) if row.fault else _answered(row, caller, members, kept)
        if said:
            wrong.append(f"{number} {row.service} {row.operation}: {said}")
    return wrong


def _answered(row: Row, caller: Caller, members: dict[str, object], kept: dict[str, str]) -> str:
    end = time.monotonic() + PATIENCE_S
    while True:
        answer = caller.call(row, dict(members))
        if answer.code:
            return f"{answer.code}: {answer.message}"
        if not row.until or jmespath.search(row.until, answer.members):
            break
        if time.monotonic() > end:
            return f"never {row.until}: {str(answer.members)[:600]}"
        time.sleep(0.05)
    for name, path in row.keep.items():
        found = jmespath.search(path, answer.members)
        if not isinstance(found, str):
            return f"there is no {path}: {str(answer.members)[:600]}"
        kept[name] = found
    return ""


def _refused(row: Row, answer: Answer) -> str:
    if not answer.code:
        return f"was answered instead of {row.fault}: {str(answer.members)[:600]}"
    model = _MODELS.get_service_model(row.service)
    shape, names = _names(model, row)
    if answer.code not in names:
        return f"{answer.code} instead of {row.fault}: {answer.message}"
    if not answer.message and row.fault not in (*_ALSO, *_SILENT):
        return f"{row.fault} without a message"
    if answer.modelled is False and shape:
        return f"{row.fault} is not the client's class for it"
    wanted = _status(model, row.fault)
    if wanted and answer.status not in (0, wanted):
        return f"{row.fault} with status {answer.status} instead of {wanted}"
    return ""


#: Errors of SQS that the Query protocol has other names for; clients may show those (SQS API reference of 2022).
_OF_QUERY: Final = {"QueueDoesNotExist": "NonExistentQueue", "QueueNameExists": "QueueAlreadyExists"}


def _names(model: ServiceModel, row: Row) -> tuple[bool, tuple[str, ...]]:
    """Whether the operation's model has the fault, and what clients may call it: by its class, by its code."""
    operation = {shape.name for shape in model.operation_model(row.operation).error_shapes}
    code = _metadata(model, row.fault).get("error", {}).get("code", row.fault)
    known = (row.fault, str(code), *_ALSO.get(row.fault, ()))
    if row.service == "sqs":
        old = _OF_QUERY.get(row.fault, row.fault)
        known = (*known, old, f"AWS.SimpleQueueService.{old}")
    return row.fault in operation, known


def _status(model: ServiceModel, fault: str) -> int:
    """0 where the model has none."""
    if fault in _ALSO:
        return int(fault)
    return int(_metadata(model, fault).get("error", {}).get("httpStatusCode", 0))


def _metadata(model: ServiceModel, fault: str) -> dict[str, dict[str, str]]:
    return next((dict(shape.metadata) for shape in model.error_shapes if shape.name == fault), {})
