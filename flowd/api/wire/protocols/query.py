"""The Query protocol: a form as request, XML as answer (SNS, and SQS for older clients)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from flowd.api.wire.protocols import names, scalars, sqs, xml
from flowd.api.wire.protocols.models import HttpAnswer, HttpRequest, Members, error_codes
from flowd.errors import ApiError, SerializationException

Fields = Mapping[str, str]
MOST_FIELDS = 2_000
_TYPE = ("content-type", "text/xml")


def fields(request: HttpRequest) -> dict[str, str]:
    """The fields of the form, or of the query of a GET."""
    text = request.body.decode("utf-8", "replace") if request.method == "POST" else request.query
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise SerializationException(f"a request may have {MOST_FIELDS:,} fields") from None


def read(operation: OperationModel, request: HttpRequest) -> Members:
    """The members of a request."""
    shape = operation.input_shape
    if shape is None:
        return {}
    found: Members = _structure(shape, fields(request), "")
    if "QueueUrl" in shape.members and "QueueUrl" not in found and request.path.strip("/"):
        # The oldest clients, and API Gateway, post to the queue's own URL.
        found["QueueUrl"] = request.path.rstrip("/").rpartition("/")[2]
    return found


def write(operation: OperationModel, members: Members, request_id: str) -> HttpAnswer:
    shape, name = operation.output_shape, operation.name
    inside = xml.members(shape, members) if isinstance(shape, StructureShape) else ""
    wrapper = shape.serialization.get("resultWrapper", f"{name}Result") if shape is not None else None
    result = f"<{wrapper}>{inside}</{wrapper}>" if wrapper else ""
    space = _space(operation.service_model)
    meta = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    body = f'<{name}Response xmlns="{space}">{result}{meta}</{name}Response>'
    return HttpAnswer(200, body.encode("utf-8", "replace"), [_TYPE])


def write_error(model: ServiceModel, error: ApiError, request_id: str) -> HttpAnswer:
    codes = error_codes(model.service_name, error)
    fault = "Sender" if codes.status < 500 else "Receiver"
    said = f"<Type>{fault}</Type><Code>{xml.plain(codes.query)}</Code><Message>{xml.plain(error.message)}</Message>"
    body = (
        f'<ErrorResponse xmlns="{_space(model)}"><Error>{said}<Detail/></Error>'
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return HttpAnswer(codes.status, body.encode("utf-8", "replace"), [_TYPE])


def _space(model: ServiceModel) -> str:
    return str(model.metadata.get("xmlNamespace", sqs.NAMESPACE))


# -- members of a form: `Entries.member.1.Id` ----------------------------------------


def _value(shape: Shape, form: Fields, place: str) -> Any:
    """The value that stands at `place`, or None."""
    if isinstance(shape, StructureShape):
        return _structure(shape, form, place) if _has(form, place) else None
    if isinstance(shape, ListShape):
        each = place if names.is_flat(shape) else f"{place}.{names.entry(shape)}"
        found = _numbered(form, each, lambda at: _value(shape.member, form, at))
        return [] if found is None and form.get(place) == "" else found  # SDKs write an empty list as `Entries=`
    if isinstance(shape, MapShape):
        key, value = names.pair(shape)
        each = place if names.is_flat(shape) else f"{place}.entry"
        pairs = _numbered(
            form,
            each,
            lambda at: (_value(shape.key, form, f"{at}.{key}"), _value(shape.value, form, f"{at}.{value}")),
        )
        return None if pairs is None else dict(pairs)
    text = form.get(place)
    return None if text is None else scalars.read_text(shape, text)


def _structure(shape: StructureShape, form: Fields, place: str) -> Members:
    found: Members = {}
    for name, inner in shape.members.items():
        called = names.member(name, inner)
        value = _value(inner, form, f"{place}.{called}" if place else called)
        if value is not None:
            found[name] = value
    return found


def _numbered(form: Fields, place: str, read_at: Any) -> list[Any] | None:
    """The entries at `place.1`, `place.2`, ... as far as there are any."""
    found: list[Any] = []
    while _has(form, at := f"{place}.{len(found) + 1}"):
        found.append(read_at(at))
    return found or None


def _has(form: Fields, place: str) -> bool:
    return place in form or any(field.startswith(place + ".") for field in form)
