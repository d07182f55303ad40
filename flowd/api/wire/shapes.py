"""Request decoders, made at import from botocore's service model: one msgspec type per operation.

A decoder checks types, lengths, ranges, patterns and enums in one pass in C; what it refuses goes to `constraints` for
AWS's own words. Nothing here knows what an operation does.
"""

from __future__ import annotations

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from flowd.constraints import explain, python_pattern
from flowd.errors import SerializationException

_SIMPLE: dict[str, Any] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": bool,
    "timestamp": float,
}


class Request:
    """Reads the requests of one operation. Members that are absent or null are None."""

    __slots__ = ("_decode", "_shape", "before")

    def __init__(self, shape: StructureShape) -> None:
        self._shape = shape
        #: What the service looks at before the constraints of the model; raises what the client shall see.
        self.before: Callable[[dict[str, Any]], None] | None = None
        self._decode = msgspec.json.Decoder(_structure(shape, {})).decode

    def read(self, body: bytes) -> Any:
        """The request; raises ValidationException or SerializationException."""
        try:
            return self._decode(body or b"{}")
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return self._refuse(body)

    def _refuse(self, body: bytes) -> Any:
        raw = read_object(body)
        if self.before is not None:
            self.before(raw)
        error = explain(self._shape, raw)
        if error is None:  # e.g. a lone surrogate: the decoder's own words must do
            raise SerializationException
        raise error


def read_object(body: bytes) -> dict[str, Any]:
    """Any JSON object, without a schema."""
    try:
        value = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise SerializationException(f"The request body could not be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise SerializationException("The request body must be a JSON object")
    return value


def requests(service: str) -> dict[str, Request]:
    """Operation name -> reader of its requests, for a service of botocore's."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    found: dict[str, Request] = {}
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        if shape is not None:
            found[name] = Request(shape)
    return found


def operation_names(service: str) -> frozenset[str]:
    """All operations of a service of botocore's."""
    return frozenset(Loader().load_service_model(service, "service-2")["operations"])


def _structure(shape: StructureShape, known: dict[str, Any]) -> Any:
    if shape.name in known:
        return known[shape.name]
    required = set(shape.required_members)
    fields: list[Any] = []
    for name, member in shape.members.items():
        kind = _type(member, known)
        fields.append((name, kind) if name in required else (name, kind | None, None))
    known[shape.name] = msgspec.defstruct(shape.name, fields, kw_only=True)
    return known[shape.name]


def _type(shape: Shape, known: dict[str, Any]) -> Any:
    limits = shape.metadata
    if isinstance(shape, StructureShape):
        return _structure(shape, known)
    if isinstance(shape, ListShape):
        meta = _meta(min_length=limits.get("min"), max_length=limits.get("max"))
        return _annotated(GenericAlias(list, (_type(shape.member, known),)), meta)
    if isinstance(shape, MapShape):
        return GenericAlias(dict, (str, _type(shape.value, known)))
    if shape.type_name == "string":
        if limits.get("enum"):
            return Literal[tuple(limits["enum"])]
        pattern = limits.get("pattern")
        return _annotated(
            str,
            _meta(
                min_length=limits.get("min"),
                max_length=limits.get("max"),
                pattern=python_pattern(pattern) if pattern else None,
            ),
        )
    simple = _SIMPLE[shape.type_name]
    return _annotated(simple, _meta(ge=limits.get("min"), le=limits.get("max")) if simple is not bool else None)


def _meta(**limits: Any) -> msgspec.Meta | None:
    present = {name: value for name, value in limits.items() if value is not None}
    return msgspec.Meta(**present) if present else None


def _annotated(kind: Any, meta: msgspec.Meta | None) -> Any:
    return kind if meta is None else Annotated[kind, meta]
