"""Bodies in S3's own chunks (`Content-Encoding: aws-chunked`): taken out of their wrapping, trailers become headers."""

from __future__ import annotations

from dataclasses import replace

from flowd.api.wire.protocols.models import HttpRequest
from flowd.errors import ApiError


class IncompleteBody(ApiError):
    """You did not provide the number of bytes specified by the Content-Length HTTP header"""


def is_chunked(request: HttpRequest) -> bool:
    return request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")


def unwrapped(request: HttpRequest) -> HttpRequest:
    """The request with the bytes that are meant. Each chunk is `SIZE[;chunk-signature=...]`, its bytes, a line end."""
    body, trailers = _unwrap(request.body)
    announced = request.headers.get("x-amz-decoded-content-length", str(len(body)))
    if not announced.isdecimal() or int(announced) != len(body):
        raise IncompleteBody
    codings = [part.strip() for part in request.headers.get("content-encoding", "").split(",")]
    headers = {**request.headers, **trailers, "content-length": str(len(body))}
    left = ",".join(part for part in codings if part and part != "aws-chunked")
    if left:
        headers["content-encoding"] = left
    else:
        headers.pop("content-encoding", None)
    return replace(request, headers=headers, body=body)


def _unwrap(wrapped: bytes) -> tuple[bytes, dict[str, str]]:
    parts: list[bytes] = []
    at = 0
    while True:
        end = wrapped.find(b"\r\n", at)
        if end < 0:
            raise IncompleteBody
        try:
            size = int(wrapped[at:end].partition(b";")[0], 16)
        except ValueError:
            raise IncompleteBody from None
        at = end + 2
        if size == 0:
            return b"".join(parts), _trailers(wrapped[at:])
        if size < 0 or at + size > len(wrapped):
            raise IncompleteBody
        parts.append(wrapped[at : at + size])
        at += size + 2


def _trailers(rest: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in rest.decode("latin-1").split("\r\n") if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}
