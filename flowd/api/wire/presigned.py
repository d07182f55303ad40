"""Signed URLs: a signature that stands in the query instead of in a header (Signature Version 4, query parameters).

It covers method, path, query and host, not the body; it is good until its own time is over.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from flowd.api.wire import sigv4
from flowd.errors import AccessDeniedException, InvalidSignatureException, UnrecognizedClientException

LONGEST_S = 7 * 86_400
_CREDENTIAL = re.compile(r"([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request")


def is_presigned(query: str) -> bool:
    return "X-Amz-Signature=" in query


def check(verifier: sigv4.Verifier, method: str, path: str, query: str, headers: Mapping[str, str], now_ms: int) -> str:
    """The access key that signed; raises what AWS raises."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    found = _CREDENTIAL.fullmatch(given.get("X-Amz-Credential", ""))
    names = given.get("X-Amz-SignedHeaders", "")
    if given.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" or found is None or "host" not in names.split(";"):
        raise InvalidSignatureException("the URL's signature is not a Signature Version 4 (AWS4-HMAC-SHA256)")
    access_key, day, region, service = found.groups()
    if service != "s3":  # no other service takes a request whose body nobody signed
        raise InvalidSignatureException(f"URLs can be signed for s3, not for {service}")
    if not verifier.knows(access_key):
        raise UnrecognizedClientException("The AWS Access Key Id you provided does not exist in our records.")
    _check_time(given, day, now_ms)
    rest = "&".join(part for part in query.split("&") if not part.startswith("X-Amz-Signature="))
    canonical = sigv4.canonical(method, path, rest, headers, names, "UNSIGNED-PAYLOAD", service)
    expected = verifier.sign(canonical, given["X-Amz-Date"], day, region, service)
    if not hmac.compare_digest(expected, given["X-Amz-Signature"]):
        raise InvalidSignatureException
    return access_key


def _check_time(given: Mapping[str, str], day: str, now_ms: int) -> None:
    seconds = given.get("X-Amz-Expires", "")
    if not seconds.isdecimal() or not 1 <= int(seconds) <= LONGEST_S:
        raise InvalidSignatureException(f"X-Amz-Expires must be from 1 to {LONGEST_S} seconds")
    stamp = given.get("X-Amz-Date", "")
    if not stamp.startswith(day):
        raise InvalidSignatureException("X-Amz-Date is missing, or does not fit the date of the credential")
    signed_ms = sigv4.stamp_ms(stamp)
    if now_ms > signed_ms + int(seconds) * 1000 or signed_ms > now_ms + sigv4.SKEW_MS:
        raise AccessDeniedException("Request has expired")


# -- the older form, which boto3 still makes for S3 in us-east-1 ----------------------

#: Query parts that are under an old signature (S3 developer guide, "Signing and authenticating REST requests").
_SIGNED = frozenset(
    {
        *("acl", "delete", "lifecycle", "location", "logging", "notification", "partNumber", "policy", "tagging"),
        *("uploadId", "uploads", "versionId", "versioning", "versions", "website", "response-content-type"),
        *("response-content-language", "response-expires", "response-cache-control", "response-content-disposition"),
        *("response-content-encoding",),
    }
)


def is_old(query: str) -> bool:
    return "AWSAccessKeyId=" in query and "Signature=" in query and "Expires=" in query


def check_old(
    verifier: sigv4.Verifier, method: str, path: str, query: str, headers: Mapping[str, str], now_ms: int
) -> str:
    """The access key of a URL that was signed with version 2; `path` begins with the bucket."""
    given = dict(parse_qsl(query, keep_blank_values=True))
    access_key, expires = given["AWSAccessKeyId"], given.get("Expires", "")
    if not verifier.knows(access_key):
        raise UnrecognizedClientException("The AWS Access Key Id you provided does not exist in our records.")
    if not expires.isdecimal() or now_ms > int(expires) * 1000:
        raise AccessDeniedException("Request has expired")
    amz = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-amz-"))
    amz += "".join(f"{name}:{given[name]}\n" for name in sorted(given) if name.startswith("x-amz-"))
    parts = sorted((name, value) for name, value in given.items() if name in _SIGNED)
    shown = "&".join(f"{name}={value}" if value else name for name, value in parts)
    kind, digest = headers.get("content-type", ""), headers.get("content-md5", "")
    for place in {path, path if path.count("/") > 1 else f"{path}/"}:  # boto3 signs a bucket's path with a slash behind
        resource = place + (f"?{shown}" if shown else "")
        text = f"{method}\n{digest}\n{kind}\n{expires}\n{amz}{resource}"
        if hmac.compare_digest(verifier.sign_old(text), given.get("Signature", "")):
            return access_key
    raise InvalidSignatureException
