"""Service models, read from botocore's files, and the two values of this package: a request and an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from flowd.api.wire.protocols import sqs
from flowd.errors import ApiError
from flowd.services.ports import FilePart

Members = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` and `query` as they stand in the request line; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What goes out; Content-Length and the request id are added by whoever sends it."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)
    file: FilePart | None = None  # the body lies there


@cache
def service_model(service: str) -> ServiceModel:
    """The model of one of botocore's services. The first call takes some milliseconds of disk and parsing."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


@cache
def operation_model(service: str, operation: str) -> OperationModel:
    return service_model(service).operation_model(operation)


def wire_name(member: str, shape: Shape) -> str:
    """What a member of a structure is called in a request or an answer."""
    return str(shape.serialization.get("name", member))


@cache
def _errors(service: str) -> dict[str, Shape]:
    """Error shapes by name and by the code of the Query protocol."""
    found: dict[str, Shape] = {}
    for shape in service_model(service).error_shapes:
        found[shape.name] = shape
        if service == "sqs":
            found.setdefault(sqs.CODES.get(shape.name, shape.name), shape)
        found.setdefault(str(shape.metadata.get("error", {}).get("code", shape.name)), shape)
    return found


@dataclass(frozen=True, slots=True)
class ErrorCodes:
    """How one error is called: by its class in the model, and by the Query protocol."""

    name: str
    query: str
    status: int


#: What S3 calls what its sender cannot prove (S3 API reference, "Error responses"), by our class.
_S3_CODES: Final = {
    "AccessDeniedException": "AccessDenied",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "SignatureExpired": "RequestTimeTooSkewed",
    "MissingAuthenticationTokenException": "AccessDenied",
    "UnrecognizedClientException": "InvalidAccessKeyId",
}
#: And what the Query protocol does (SNS and SQS API references, "Common errors").
_QUERY_CODES: Final = {
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "SignatureExpired": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
}


def query_code(error: ApiError) -> str:
    """What the Query protocol calls an error that no model has."""
    return _QUERY_CODES.get(type(error).__name__, error.code)


def error_codes(service: str, error: ApiError) -> ErrorCodes:
    """An error that the model does not have goes by its own code in both."""
    shape = _errors(service).get(error.code)
    if shape is None:
        kind = type(error).__name__
        if service == "s3":
            code = _S3_CODES.get(kind, error.code)
            return ErrorCodes(code, code, error.status)
        return ErrorCodes(error.code, query_code(error), error.status)
    facts = shape.metadata.get("error", {})
    query = sqs.CODES.get(shape.name) if service == "sqs" else None
    status = error.status if error.status != ApiError.status else int(facts.get("httpStatusCode", error.status))
    return ErrorCodes(shape.name, query or str(facts.get("code", shape.name)), status)
