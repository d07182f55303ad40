"""Answers on the wire: success and error bodies of AWS JSON 1.0, dates, request ids. Knows no operation.

Errors never carry `x-amzn-query-error`: botocore would take its code for the error's.
"""

from __future__ import annotations

import os
from email.utils import formatdate
from functools import lru_cache
from typing import Any

import msgspec

from flowd.errors import ApiError

Body = dict[str, Any]
CONTENT_TYPE = b"application/x-amz-json-1.0"
_encode = msgspec.json.Encoder().encode


def encode(body: Body) -> bytes:
    """A body as JSON."""
    return _encode(body)


def date(ms: int) -> float:
    """A point in time as AWS writes it: epoch seconds with a fraction of milliseconds."""
    return ms / 1000


def present(**members: Any) -> Body:
    """The members that have a value: what is absent is left out, never null."""
    return {name: value for name, value in members.items() if value is not None}


def error_body(error: ApiError) -> bytes:
    """`{"__type": "ns#Code", "message": ...}` and the error's own members."""
    return _encode({"__type": f"{error.namespace}#{error.code}", "message": error.message, **error.extras})


def new_request_id() -> str:
    """The text form of a random UUID; `uuid.uuid4` takes five times as long."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@lru_cache(maxsize=4)
def http_date(seconds: int) -> bytes:
    """The header Date. By it SDKs find out that their machine's clock is wrong, and sign again (Node, Java, Go)."""
    return formatdate(seconds, usegmt=True).encode()


def headers(request_id: str, length: int, now_ms: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"date", http_date(now_ms // 1000)),
        (b"content-type", CONTENT_TYPE),
        (b"content-length", str(length).encode()),
        (b"x-amzn-requestid", request_id.encode()),
    ]
