"""Signature version 4, the checking side: is this request signed with our key, now, and unchanged?

The signature covers method, path, query, signed headers and the hash of the body. Nothing here reads a clock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, unquote, unquote_plus

from flowd.api.wire.credentials import Credentials
from flowd.errors import (
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    SignatureExpired,
    UnrecognizedClientException,
)

SKEW_MS = 15 * 60_000
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request,\s*"
    r"SignedHeaders=([a-z0-9;_-]+),\s*Signature=([0-9a-f]{64})"
)
#: Without `=` in its parts, so that each place of a text is looked at once: it may be a stranger's.
_SCOPE = re.compile(r"Credential=[^/=]+/\d+/[^/=]+/([^/=]+)/aws4_request")
_DATE = re.compile(r"\d{8}T\d{6}Z")
_SLASHES = re.compile("//+")
_BLANKS = re.compile(r" +")
_KEYS_KEPT = 64
_CHUNKS = "STREAMING-AWS4-HMAC-SHA256"


def signed_for(authorization: str) -> str:
    """The service that a header Authorization says it is signed for, "" if it says none; nothing is checked."""
    found = _SCOPE.search(authorization)
    return found[1] if found else ""


@dataclass(slots=True)
class ChunkSigner:
    """The chain of signatures in a body of chunks: each covers its bytes and the signature before it.

    Source: S3 API reference, "Signature calculations: transferring payload in multiple chunks", and for trailers.
    """

    key: bytes
    stamp: str
    scope: str
    last: str

    def check(self, data: bytes, signature: str) -> None:
        """The next chunk. Raises InvalidSignatureException."""
        self._check("PAYLOAD", f"{hashlib.sha256(b'').hexdigest()}\n{hashlib.sha256(data).hexdigest()}", signature)

    def check_trailer(self, canonical: bytes, signature: str) -> None:
        """`name:value` and a line end for each."""
        self._check("TRAILER", hashlib.sha256(canonical).hexdigest(), signature)

    def _check(self, kind: str, hashed: str, signature: str) -> None:
        text = f"AWS4-HMAC-SHA256-{kind}\n{self.stamp}\n{self.scope}\n{self.last}\n{hashed}"
        expected = hmac.digest(self.key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise InvalidSignatureException(f"a chunk of the body does not fit its signature ({kind.lower()})")
        self.last = expected


class Verifier:
    """Checks requests against one key pair; derived keys are kept, so that a check costs two hashes."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._keys: dict[tuple[str, str, str], bytes] = {}

    def check(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, now_ms: int) -> str:
        """The access key that signed; raises what AWS raises. Header names are lower case."""
        authorization = headers.get("authorization")
        if authorization is None:
            raise MissingAuthenticationTokenException(
                "Missing Authentication Token: sign requests with the key that `flowd env` prints"
            )
        found = _AUTHORIZATION.fullmatch(authorization.strip())
        if found is None:
            raise InvalidSignatureException("Authorization header is not a Signature Version 4 (AWS4-HMAC-SHA256)")
        access_key, day, region, service, names, signature = found.groups()
        if not self.knows(access_key):
            raise UnrecognizedClientException(
                "The security token included in the request is invalid: export the keys that `flowd env` prints"
            )
        stamp = headers.get("x-amz-date", "")
        if not stamp.startswith(day):
            raise InvalidSignatureException("X-Amz-Date is missing, or does not fit the date of the credential")
        _check_time(stamp, now_ms)
        signed = names.split(";")
        _check_covered(signed, headers)
        digest = _digest(service, headers, body)
        text = canonical(method, path, query, headers, names, digest, service)
        expected = self.sign(text, stamp, day, region, service)
        if not hmac.compare_digest(expected, signature):
            raise InvalidSignatureException
        return access_key

    def stream(self, headers: Mapping[str, str]) -> ChunkSigner | None:
        """Who signs the chunks of a body whose head was found right; None if they carry no signatures."""
        if not headers.get("x-amz-content-sha256", "").startswith(f"{_CHUNKS}-PAYLOAD"):
            return None
        found = _AUTHORIZATION.fullmatch(headers.get("authorization", "").strip())
        if found is None:
            return None  # a signed URL: its signature covers no body
        _, day, region, service, _, signature = found.groups()
        scope = f"{day}/{region}/{service}/aws4_request"
        return ChunkSigner(self._key(day, region, service), headers.get("x-amz-date", ""), scope, signature)

    def knows(self, access_key: str) -> bool:
        return hmac.compare_digest(access_key.encode(), self._credentials.access_key.encode())

    def sign(self, canonical: str, stamp: str, day: str, region: str, service: str) -> str:
        """The signature of a canonical request."""
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{day}/{region}/{service}/aws4_request\n{hashed}"
        return hmac.digest(self._key(day, region, service), text.encode(), "sha256").hex()

    def sign_old(self, text: str) -> str:
        """The signature of version 2, which signed URLs of S3 may still have."""
        return base64.b64encode(hmac.digest(self._credentials.secret_key.encode(), text.encode(), "sha1")).decode()

    def _key(self, day: str, region: str, service: str) -> bytes:
        known = self._keys.get((day, region, service))
        if known is not None:
            return known
        key = b"AWS4" + self._credentials.secret_key.encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        if len(self._keys) >= _KEYS_KEPT:
            self._keys.clear()
        self._keys[day, region, service] = key
        return key


def canonical(
    method: str, path: str, query: str, headers: Mapping[str, str], names: str, digest: str, service: str
) -> str:
    """The request as it is signed; `names` are the signed headers, `digest` is the hash of the body or what stands
    for it."""
    lines = [f"{name}:{_trimmed(headers.get(name, ''))}" for name in names.split(";")]
    return "\n".join([method, _path(path, service), _query(query), *lines, "", names, digest])


def _check_time(stamp: str, now_ms: int) -> None:
    signed_ms = stamp_ms(stamp)
    if abs(now_ms - signed_ms) > SKEW_MS:
        late = "Signature expired" if signed_ms < now_ms else "Signature not yet current"
        raise SignatureExpired(f"{late}: {stamp} is more than 15 minutes away from this machine's clock")


@lru_cache(maxsize=1024)
def stamp_ms(stamp: str) -> int:
    """Clients stamp by the second, and many requests share one."""
    try:
        if not _DATE.fullmatch(stamp):
            raise ValueError
        return int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        raise InvalidSignatureException(f"X-Amz-Date is no date: '{stamp[:40]}'") from None


def _trimmed(value: str) -> str:
    """A header's value as it is signed: runs of blanks count as one."""
    value = value.strip()
    return _BLANKS.sub(" ", value) if "  " in value else value


def _check_covered(signed: list[str], headers: Mapping[str, str]) -> None:
    """What decides about a request must be under the signature: the host and every x-amz- header."""
    missing = [name for name in headers if name.startswith("x-amz-") and name not in signed]
    if "host" not in signed:
        missing.append("host")
    if missing:
        raise InvalidSignatureException(f"these headers must be signed: {', '.join(sorted(missing))}")


def _digest(service: str, headers: Mapping[str, str], body: bytes) -> str:
    """The hash of the body; S3's clients may leave it out, or send chunks of which only the head is signed."""
    announced = headers.get("x-amz-content-sha256")
    if service == "s3" and announced is not None and announced.startswith(("UNSIGNED-PAYLOAD", "STREAMING-")):
        return announced
    digest = hashlib.sha256(body).hexdigest()
    if announced is not None and announced != digest:
        raise InvalidSignatureException("x-amz-content-sha256 is not the hash of the request body")
    return digest


def _path(path: str, service: str) -> str:
    """The path is encoded once more and its empty parts are left out, except by S3's clients."""
    if path == "/":
        return path
    if service == "s3":
        return quote(unquote(path), safe="/-_.~")
    return quote(_SLASHES.sub("/", path), safe="/-_.~")


def _query(query: str) -> str:
    if not query:
        return ""
    pairs = (part.partition("=") for part in query.split("&"))
    encoded = sorted((quote(unquote_plus(n), safe="-_.~"), quote(unquote_plus(v), safe="-_.~")) for n, _, v in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)
