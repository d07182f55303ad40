"""Requests for what is not here: says which operation of which service was meant, and that it is not built.

Step Functions and SWF have words of their own; every other service is recognised by its target, by the
`Action` of the Query protocol, or by the service that the request was signed for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from flowd.api.wire.shapes import operation_names
from flowd.api.wire.sigv4 import signed_for
from flowd.errors import ApiError, NotYetBuilt, UnknownOperationException
from flowd.names import ENDPOINTS

STATES = "AWSStepFunctions"
SWF = ("SimpleWorkflowService", "com.amazonaws.swf.service.model.SimpleWorkflowService")
_ACTION = re.compile(rb"(?:^|&)Action=([A-Za-z0-9]+)")
_NOT_HERE = (
    f"is not built in flowd, which serves {', '.join(sorted(ENDPOINTS))}: "
    "unset AWS_ENDPOINT_URL, `flowd env` prints one variable for each of them"
)


@cache
def _operations(service: str) -> frozenset[str]:
    return operation_names(service)


def no_such_operation(method: str, path: str, target: str, headers: Mapping[str, str], body: bytes) -> ApiError:
    """The error for a request that no row of the table takes."""
    service, _, operation = target.rpartition(".")
    if service == STATES:
        if operation in _operations("stepfunctions"):
            return NotYetBuilt(f"{operation} is an operation of Step Functions that is not built in flowd yet")
        return UnknownOperationException(f"Step Functions has no operation named '{operation}'")
    if service in SWF:
        if operation in _operations("swf"):
            return NotYetBuilt(f"{operation} is an operation of Amazon SWF that is not built in flowd yet")
        return UnknownOperationException(f"Amazon SWF has no operation named '{operation}'")
    if service == "Flowd":
        return UnknownOperationException(f"flowd has no operation named '{operation}'; docs/api.md lists them")
    if target:
        return NotYetBuilt(f"{target} {_NOT_HERE}")
    action = _ACTION.search(body[:4096])
    signed = signed_for(headers.get("authorization", ""))
    if action or signed:
        name = f"{signed}: " if signed else ""
        what = action[1].decode() if action else f"{method} {path}"
        return NotYetBuilt(f"{name}{what} {_NOT_HERE}")
    return UnknownOperationException(
        f"{method} {path} is no operation: send POST / with the header X-Amz-Target (docs/api.md), or use an AWS SDK"
    )
