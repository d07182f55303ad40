"""Bodies in S3's own chunks (`Content-Encoding: aws-chunked`): taken out of their wrapping, trailers become headers.

Each chunk is `SIZE[;chunk-signature=...]`, its bytes, a line end; behind the last one stand the trailers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from flowd.api.wire.protocols.models import HttpRequest
from flowd.api.wire.sigv4 import ChunkSigner
from flowd.errors import ApiError

_SIGNATURE: Final = b"chunk-signature="
_TRAILER_SIGNATURE: Final = "x-amz-trailer-signature"


class IncompleteBody(ApiError):
    """You did not provide the number of bytes specified by the Content-Length HTTP header"""


class MalformedTrailerError(ApiError):
    """The request contained trailing data that was not well-formed or did not conform to our published schema."""


def is_chunked(request: HttpRequest) -> bool:
    return request.headers.get("x-amz-content-sha256", "").startswith("STREAMING-")


def unwrapped(request: HttpRequest, signer: ChunkSigner | None = None) -> HttpRequest:
    """The request with the bytes that are meant. With a `signer` every chunk and the trailers must be signed."""
    body, trailers = _unwrap(request.body, signer)
    announced = request.headers.get("x-amz-decoded-content-length", str(len(body)))
    if not announced.isdecimal() or int(announced) != len(body):
        raise IncompleteBody
    promised = [name.strip().lower() for name in request.headers.get("x-amz-trailer", "").split(",") if name.strip()]
    if any(name not in trailers for name in promised):
        raise MalformedTrailerError
    codings = [part.strip() for part in request.headers.get("content-encoding", "").split(",")]
    headers = {**request.headers, **trailers, "content-length": str(len(body))}
    left = ",".join(part for part in codings if part and part != "aws-chunked")
    if left:
        headers["content-encoding"] = left
    else:
        headers.pop("content-encoding", None)
    return replace(request, headers=headers, body=body)


def _unwrap(wrapped: bytes, signer: ChunkSigner | None) -> tuple[bytes, dict[str, str]]:
    parts: list[bytes] = []
    at = 0
    while True:
        end = wrapped.find(b"\r\n", at)
        if end < 0:
            raise IncompleteBody
        length, _, extension = wrapped[at:end].partition(b";")
        try:
            size = int(length, 16)
        except ValueError:
            raise IncompleteBody from None
        at = end + 2
        if size < 0 or at + size > len(wrapped):
            raise IncompleteBody
        part = wrapped[at : at + size]
        if signer is not None:
            signer.check(part, extension.strip().removeprefix(_SIGNATURE).decode("latin-1"))
        if size == 0:
            return b"".join(parts), _trailers(wrapped[at:], signer)
        parts.append(part)
        at += size + 2


def _trailers(rest: bytes, signer: ChunkSigner | None) -> dict[str, str]:
    lines = (line.partition(":") for line in rest.decode("latin-1").replace("\r", "").split("\n") if ":" in line)
    found = {name.strip().lower(): value.strip() for name, _, value in lines}
    signature = found.pop(_TRAILER_SIGNATURE, "")
    if signer is not None and (found or signature):
        canonical = "".join(f"{name}:{value}\n" for name, value in found.items())
        signer.check_trailer(canonical.encode("latin-1"), signature)
    return found
