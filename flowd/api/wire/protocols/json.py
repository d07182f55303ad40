"""The JSON protocols: members from a JSON body, answers and errors into one. Also the bodies of REST with JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from flowd.api.wire.protocols import scalars
from flowd.api.wire.protocols.models import HttpAnswer, HttpRequest, Members, error_codes, wire_name
from flowd.api.wire.shapes import read_object
from flowd.errors import ApiError, SerializationException

_encode = msgspec.json.Encoder().encode
#: The name space that a service puts before its error names; SDKs look behind the `#`.
_NAMESPACES: Final[dict[str, str]] = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "dynamodbstreams": "com.amazonaws.dynamodb.v20120810#",
    "sqs": "com.amazonaws.sqs#",
}


def read(operation: OperationModel, request: HttpRequest) -> Members:
    """The members of a request. Raises SerializationException, also where values that hold themselves go too deep."""
    shape = operation.input_shape
    value = read_object(request.body)
    try:
        return {} if shape is None else read_value(shape, value, "")
    except RecursionError:
        raise SerializationException("The request body is nested too deeply") from None


def write(operation: OperationModel, members: Members, request_id: str) -> HttpAnswer:
    shape = operation.output_shape
    body = {} if shape is None else write_value(shape, members)
    return HttpAnswer(200, _encode(body), [("content-type", content_type(operation.service_model))])


def write_error(model: ServiceModel, error: ApiError, request_id: str) -> HttpAnswer:
    """Also for clients of the older Query protocol, where a service says that it is compatible with it."""
    codes = error_codes(model.service_name, error)
    namespace = _NAMESPACES.get(model.service_name, "")
    headers = [("content-type", content_type(model))]
    if "awsQueryCompatible" in model.metadata:
        fault = "Sender" if codes.status < 500 else "Receiver"
        headers.append(("x-amzn-query-error", f"{codes.query};{fault}"))
    extras = {name: _plain(value) for name, value in error.extras.items()}
    body = {"__type": f"{namespace}{codes.name}", "message": error.message, **extras}
    return HttpAnswer(codes.status, _encode(body), headers)


def content_type(model: ServiceModel) -> str:
    version = model.metadata.get("jsonVersion")
    return f"application/x-amz-json-{version}" if version else "application/json"


def _plain(value: Any) -> Any:
    """A further member of an error as JSON: blobs become text."""
    if isinstance(value, bytes):
        return scalars.write_blob(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


# -- values ----------------------------------------------------------------------


def read_value(shape: Shape, value: Any, place: str) -> Any:
    """A JSON value as boto3 would have been given it. Raises SerializationException."""
    return _READERS.get(shape.type_name, _as_it_is)(shape, value, place)


def write_value(shape: Shape, value: Any) -> Any:
    """A value of an answer as JSON; members that the model does not know, or that are None, are left out."""
    if isinstance(shape, StructureShape):
        if shape.is_document_type:
            return value
        return {
            wire_name(name, inner): write_value(inner, value[name])
            for name, inner in shape.members.items()
            if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [write_value(shape.member, inner) for inner in value]
    if isinstance(shape, MapShape):
        return {key: write_value(shape.value, inner) for key, inner in value.items()}
    if shape.type_name == "timestamp":
        return scalars.write_time(value, shape.serialization.get("timestampFormat", "unixTimestamp"))
    return scalars.write_blob(value) if shape.type_name == "blob" else value


def _structure(shape: Shape, value: Any, place: str) -> Any:
    assert isinstance(shape, StructureShape)
    if shape.is_document_type:
        return value
    _want(value, dict, place)
    found = {}
    for name, inner in shape.members.items():
        given = value.get(wire_name(name, inner))
        if given is not None:
            found[name] = read_value(inner, given, f"{place}.{name}" if place else name)
    return found


def _list(shape: Shape, value: Any, place: str) -> Any:
    assert isinstance(shape, ListShape)
    _want(value, list, place)
    return [read_value(shape.member, inner, f"{place}.{index}") for index, inner in enumerate(value, 1)]


def _map(shape: Shape, value: Any, place: str) -> Any:
    assert isinstance(shape, MapShape)
    _want(value, dict, place)
    return {key: read_value(shape.value, inner, f"{place}.{key}") for key, inner in value.items()}


def _string(shape: Shape, value: Any, place: str) -> Any:
    return _want(value, str, place)


def _number(shape: Shape, value: Any, place: str) -> Any:
    return _refuse(value, place) if isinstance(value, bool) else _want(value, (int, float), place)


def _whole(shape: Shape, value: Any, place: str) -> Any:
    found = _number(shape, value, place)
    return int(found) if found == int(found) else _refuse(value, place)


def _boolean(shape: Shape, value: Any, place: str) -> Any:
    return _want(value, bool, place)


def _timestamp(shape: Shape, value: Any, place: str) -> Any:
    return scalars.read_time(value, shape.serialization.get("timestampFormat", "unixTimestamp"))


def _blob(shape: Shape, value: Any, place: str) -> Any:
    return scalars.read_blob(_want(value, str, place))


def _as_it_is(shape: Shape, value: Any, place: str) -> Any:
    return value


def _want(value: Any, kind: type | tuple[type, ...], place: str) -> Any:
    return value if isinstance(value, kind) else _refuse(value, place)


def _refuse(value: Any, place: str) -> Any:
    raise SerializationException(f"a {type(value).__name__} cannot be the value of '{place or 'the request'}'")


_READERS: Final[dict[str, Callable[[Shape, Any, str], Any]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _whole,
    "long": _whole,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
