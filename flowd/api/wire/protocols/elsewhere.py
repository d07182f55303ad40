"""Refusals of requests that belong to no service here, in the form that their clients read. Looks at the head only.

Such requests come where a general AWS_ENDPOINT_URL sends everything to this daemon. The services' models are not read
for it: some take longer to parse than a request may take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flowd.api.wire.protocols import xml
from flowd.api.wire.protocols.models import HttpAnswer, query_code
from flowd.api.wire.sigv4 import signed_for
from flowd.errors import ApiError

#: Whose REST has bodies of XML, by the names that they sign with (the models' protocol `rest-xml`).
_REST_XML: Final = ("cloudfront", "route53", "s3", "s3-object-lambda", "s3-outposts", "s3express")
_VERSION_2: Final = "AWS "  # signatures that only S3 still knew
_CBOR: Final = "rpc-v2-cbor"


def refusal(headers: Mapping[str, str], error: ApiError, request_id: str) -> HttpAnswer | None:
    """None for clients that read JSON as Step Functions' do."""
    if headers.get("smithy-protocol") == _CBOR:
        return _cbor(error)
    authorization = headers.get("authorization", "")
    scope = signed_for(authorization) or ("s3" if authorization.startswith(_VERSION_2) else "")
    form = "x-www-form-urlencoded" in headers.get("content-type", "")
    if "x-amz-target" in headers or not (form or scope in _REST_XML):
        return None
    said = f"<Code>{xml.plain(query_code(error))}</Code><Message>{xml.plain(error.message)}</Message>"
    if scope == "ec2":
        body = f"<Response><Errors><Error>{said}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif form:
        meta = f"<RequestId>{request_id}</RequestId>"
        body = f"<ErrorResponse><Error><Type>Sender</Type>{said}</Error>{meta}</ErrorResponse>"
    else:
        body = f"<Error>{said}<RequestId>{request_id}</RequestId></Error>"
    return HttpAnswer(error.status, body.encode("utf-8", "replace"), [("content-type", "text/xml")])


def _cbor(error: ApiError) -> HttpAnswer:
    """Smithy RPC v2 CBOR: a map of two texts (RFC 8949, major types 5 and 3)."""
    members = {"__type": f"{error.namespace}#{error.code}", "message": error.message}
    body = b"\xa2" + b"".join(_text(part) for pair in members.items() for part in pair)
    return HttpAnswer(error.status, body, [("content-type", "application/cbor"), ("smithy-protocol", _CBOR)])


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "replace")[:0xFFFF]
    if len(data) < 24:
        return bytes([0x60 | len(data)]) + data
    return (bytes([0x78, len(data)]) if len(data) < 256 else b"\x79" + len(data).to_bytes(2, "big")) + data
