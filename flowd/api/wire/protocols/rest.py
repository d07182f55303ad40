"""The REST protocols: members from path, query, headers and body; answers into status, headers and body.

JSON or XML is a matter of the body only (Lambda has JSON, S3 has XML).
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import msgspec
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from flowd.api.wire.protocols import json, names, scalars, xml
from flowd.api.wire.protocols.models import HttpAnswer, HttpRequest, Members, error_codes, wire_name
from flowd.api.wire.protocols.routes import Query, parse_query
from flowd.api.wire.shapes import read_object
from flowd.errors import ApiError
from flowd.services.ports import FilePart

_S3 = "http://s3.amazonaws.com/doc/2006-03-01/"
XML_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


# -- requests ------------------------------------------------------------------------


def read(operation: OperationModel, request: HttpRequest, labels: dict[str, str]) -> Members:
    """The members of a request. Raises SerializationException, MalformedXML."""
    shape = operation.input_shape
    if not isinstance(shape, StructureShape):
        return {}
    query = parse_query(request.query)
    found: Members = {}
    for name, inner in shape.members.items():
        value = _located(inner, name, request, query, labels)
        if value is not None:
            found[name] = value
    found.update(_from_body(operation, shape, request))
    return found


def _located(shape: Shape, name: str, request: HttpRequest, query: Query, labels: dict[str, str]) -> Any:
    called = wire_name(name, shape)
    match shape.serialization.get("location"):
        case "uri":
            text = labels.get(called)
            return None if text is None else scalars.read_text(shape, text)
        case "querystring":
            return _from_query(shape, called, query)
        case "header":
            text = request.headers.get(called.lower())
            return None if text is None else _from_header(shape, text)
        case "headers":
            return _with_prefix(called.lower(), request) or None
    return None


def _from_query(shape: Shape, called: str, query: Query) -> Any:
    if isinstance(shape, MapShape):
        return {name: values[0] for name, values in query.items()} or None
    values = query.get(called)
    if values is None:
        return None
    if isinstance(shape, ListShape):
        return [scalars.read_text(shape.member, value) for value in values]
    return scalars.read_text(shape, values[0])


def _from_header(shape: Shape, text: str) -> Any:
    if isinstance(shape, ListShape):
        return [scalars.read_text(shape.member, part.strip()) for part in text.split(",")]
    return scalars.read_text(shape, text, "rfc822")


def _with_prefix(prefix: str, request: HttpRequest) -> dict[str, str]:
    return {name[len(prefix) :]: value for name, value in request.headers.items() if name.startswith(prefix)}


def _from_body(operation: OperationModel, shape: StructureShape, request: HttpRequest) -> Members:
    payload = shape.serialization.get("payload")
    if payload is not None:
        inner = shape.members[payload]
        if inner.type_name in ("blob", "string"):
            return {payload: request.body if inner.type_name == "blob" else request.body.decode("utf-8", "replace")}
        if not request.body and payload in shape.required_members:
            raise xml.MalformedXML
        return {payload: _structured(operation, inner, request.body)} if request.body else {}
    if not request.body or not any("location" not in each.serialization for each in shape.members.values()):
        return {}
    found = _structured(operation, shape, request.body)
    return {name: value for name, value in found.items() if "location" not in shape.members[name].serialization}


def _structured(operation: OperationModel, shape: Shape, body: bytes) -> Any:
    if _is_xml(operation.service_model):
        return xml.read(shape, xml.parse(body))
    return json.read_value(shape, read_object(body), "")


def _is_xml(model: ServiceModel) -> bool:
    return str(model.metadata["protocol"]) == "rest-xml"


# -- answers -------------------------------------------------------------------------


def write(operation: OperationModel, members: Members, request_id: str) -> HttpAnswer:
    status = int(operation.http.get("responseCode", 200))
    shape = operation.output_shape
    if not isinstance(shape, StructureShape):
        return HttpAnswer(status, b"")
    headers: list[tuple[str, str]] = []
    for name, inner in shape.members.items():
        value = members.get(name)
        if value is None:
            continue
        match inner.serialization.get("location"):
            case "header":
                headers.append((wire_name(name, inner), _as_header(inner, value)))
            case "headers":
                headers += [(wire_name(name, inner) + key, str(each)) for key, each in value.items()]
            case "statusCode":
                status = int(value)
    if status == 200 and members.get("ContentRange"):
        status = 206
    kind, body = _into_body(operation, shape, members)
    if kind and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", kind))
    return HttpAnswer(status, b"", headers, body) if isinstance(body, FilePart) else HttpAnswer(status, body, headers)


def _as_header(shape: Shape, value: Any) -> str:
    if isinstance(shape, ListShape):
        return ",".join(scalars.write_text(shape.member, inner, "rfc822") for inner in value)
    return scalars.write_text(shape, value, "rfc822")


def _into_body(operation: OperationModel, shape: StructureShape, members: Members) -> tuple[str, bytes | FilePart]:
    """Content type and body."""
    payload = shape.serialization.get("payload")
    as_xml = _is_xml(operation.service_model)
    if payload is None:
        if operation.name == "GetBucketLocation":
            return "application/xml", _location(members)
        inside = {name: inner for name, inner in shape.members.items() if "location" not in inner.serialization}
        if as_xml:
            return ("application/xml", _document(operation, shape, members)) if inside else ("", b"")
        body = {
            wire_name(name, inner): json.write_value(inner, members[name])
            for name, inner in inside.items()
            if members.get(name) is not None
        }
        return "application/json", msgspec.json.encode(body)
    inner, value = shape.members[payload], members.get(payload)
    if inner.type_name in ("blob", "string"):
        if isinstance(value, FilePart):
            return "binary/octet-stream", value
        content = value.encode() if isinstance(value, str) else value or b""
        return "binary/octet-stream" if as_xml else "application/json", content
    if value is None:
        return "", b""
    if as_xml:
        return "application/xml", (XML_HEAD + xml.write(inner, value, names.member(payload, inner))).encode()
    return "application/json", msgspec.json.encode(json.write_value(inner, value))


def _document(operation: OperationModel, shape: StructureShape, members: Members) -> bytes:
    """The root is called after the operation's answer, as S3 has it: `ListBucketResult`, `CopyObjectResult`."""
    tag = str(shape.serialization.get("name") or ROOTS.get(operation.name) or shape.name)
    space = operation.metadata.get("xmlNamespace") or _S3
    unlocated = {n: v for n, v in members.items() if n in shape.members and _in_body(shape.members[n])}
    return f'{XML_HEAD}<{tag} xmlns="{space}">{xml.members(shape, unlocated)}</{tag}>'.encode("utf-8", "replace")


def _location(members: Members) -> bytes:
    """S3's one answer whose root is the value itself."""
    value = escape(str(members.get("LocationConstraint") or ""))
    return f'{XML_HEAD}<LocationConstraint xmlns="{_S3}">{value}</LocationConstraint>'.encode()


def _in_body(shape: Shape) -> bool:
    return "location" not in shape.serialization


#: What the root of an answer is called where the model has another name (S3 API reference).
ROOTS = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListParts": "ListPartsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetObjectTagging": "Tagging",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
}


# -- errors --------------------------------------------------------------------------


def write_error(model: ServiceModel, error: ApiError, request_id: str) -> HttpAnswer:
    codes = error_codes(model.service_name, error)
    if not _is_xml(model):
        body = {"Type": "User" if codes.status < 500 else "Server", "message": error.message, **error.extras}
        headers = [("content-type", "application/json"), ("x-amzn-errortype", codes.name)]
        return HttpAnswer(codes.status, msgspec.json.encode(body), headers)
    said = "".join(f"<{tag}>{xml.plain(str(text))}</{tag}>" for tag, text in _told(codes.query, error).items())
    body_text = f"{XML_HEAD}<Error>{said}<RequestId>{request_id}</RequestId><HostId>flowd</HostId></Error>"
    return HttpAnswer(codes.status, body_text.encode("utf-8", "replace"), [("content-type", "application/xml")])


def _told(code: str, error: ApiError) -> dict[str, Any]:
    return {"Code": code, "Message": error.message, **error.extras}
