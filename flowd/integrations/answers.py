"""How AWS's SDKs show answers, errors and dates inside a Task. Pure: values in, values out; no service is called here.

Two generations are visible to machine authors: optimised integrations speak as version 1 of the Java SDK (dates are
numbers, causes have semicolons), `aws-sdk` integrations as version 2. Both are recorded.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from typing import Any, Literal

from flowd.errors import ApiError
from flowd.integrations.ports import Failed, TaskCall
from flowd.payload import dumps

Stage = Literal["start", "submit", "run"]
#: Where a call may have had its effect and cannot be repeated.
LOST = "The daemon ended during this call, and nobody can tell what became of it."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refusal(Exception):
    """The parameters cannot be used; the text is the reason within AWS's sentence."""


def refused(task: TaskCall, refusal: Refusal) -> Failed:
    """The failure of a Task whose parameters cannot be used (recorded with apigateway and lambda)."""
    said = f"The Parameters '{task.parameters.text}' could not be used to start the Task: [{refusal}]"
    return Failed("States.Runtime", said)


def text_member(name: str, value: Any) -> str:
    """A text member of a request: text stands as it is, objects and arrays become JSON text; all else is refused."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return dumps(value)
    raise Refusal(f"The value for the field '{name}' must be a STRING")


def stage_of(task: TaskCall) -> Stage:
    """A call that only submits fails while submitting."""
    return "submit" if task.pattern else "run"


def optimised_error(
    task: TaskCall, prefix: str, service: str, error: ApiError, unmodelled: str | None = None
) -> Failed:
    """`StepFunctions.StateMachineDoesNotExistException`, as version 1 of the SDK words it.

    `unmodelled` is the class of errors that the service's model does not have (recorded: `AmazonSQSException`).
    """
    details = f"Status Code: {error.status}; Error Code: {error.code}; Request ID: {uuid.uuid4()}; Proxy: null"
    cause = f"{error.message} (Service: {service}; {details})"
    return Failed(f"{prefix}.{unmodelled or exception_name(error.code)}", cause, stage_of(task))


def sdk_error(task: TaskCall, service: str, error: ApiError, modelled: bool) -> Failed:
    """`Sfn.InvalidTokenException`, as version 2 words it; an error outside of the service's model is the service's."""
    name = exception_name(error.code) if modelled else f"{service}Exception"
    details = f"Service: {service}, Status Code: {error.status}, Request ID: {uuid.uuid4()}"
    if service == "S3":
        details += f", Extended Request ID: {uuid.uuid4().hex}"
    return Failed(f"{service}.{name}", f"{error.message} ({details}) (SDK Attempt Count: 1)", stage_of(task))


def exception_name(code: str) -> str:
    """The SDK's class for an error code."""
    return code if code.endswith("Exception") else f"{code.removesuffix('Fault')}Exception"


def http_metadata(length: int, now_ms: int, content_type: str = "application/x-amz-json-1.0") -> dict[str, Any]:
    """What optimised integrations add to an answer of `length` bytes."""
    request_id = str(uuid.uuid4())
    headers = {
        "x-amzn-RequestId": request_id,
        "connection": "keep-alive",
        "Content-Length": str(length),
        "Date": formatdate(now_ms / 1000, usegmt=True),
        "Content-Type": content_type,
    }
    every = {name: [value] for name, value in headers.items()}
    return {
        "SdkHttpMetadata": {"AllHttpHeaders": every, "HttpHeaders": headers, "HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": request_id},
    }


def epoch_ms(seconds: float) -> int:
    """A date of the wire as version 1 shows it."""
    return round(seconds * 1000)


def instant(seconds: float) -> str:
    """A date of the wire as version 2 shows it: `2025-11-06T12:20:01.123Z`, without a fraction on a whole second."""
    at = _EPOCH + timedelta(milliseconds=epoch_ms(seconds))
    fraction = f".{at.microsecond // 1000:03d}" if at.microsecond else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def name_for(task: TaskCall) -> str:
    """A name that this attempt always gets again, so that a call that is repeated after a crash begins nothing twice.

    It looks like the random one that AWS would make up.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{task.execution_arn}#{task.key}"))
