"""Lists of objects, in both versions: prefixes, delimiters, pages."""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import quote

from flowd.services.objects import buckets as rules
from flowd.services.objects import errors, facts
from flowd.services.ports import Call, Members
from flowd.services.s3 import FolderBuckets, S3Object

PAGE: Final = 1000
Found = list[S3Object | str]  # objects and common prefixes, in the order of their keys


def list_objects_v2(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    token = members.get("ContinuationToken")
    after = _decoded(token) if token else members.get("StartAfter") or ""
    found, most, more = _page(buckets, members, after)
    answer = _shown(buckets, members, found, most, more)
    answer["KeyCount"] = len(found)
    if token:
        answer["ContinuationToken"] = token
    if members.get("StartAfter"):
        answer["StartAfter"] = _coded(members, members["StartAfter"])
    if more:
        answer["NextContinuationToken"] = base64.urlsafe_b64encode(_name(found[-1]).encode()).decode()
    return answer


def list_objects(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    found, most, more = _page(buckets, members, members.get("Marker") or "")
    answer = _shown(buckets, members, found, most, more)
    answer["Marker"] = _coded(members, members.get("Marker") or "")
    if more and members.get("Delimiter"):
        answer["NextMarker"] = _coded(members, _name(found[-1]))
    return answer


def _page(buckets: FolderBuckets, members: Members, after: str) -> tuple[Found, int, bool]:
    rules.known(buckets, members["Bucket"])
    if members.get("EncodingType") not in (None, "url"):
        raise errors.invalid("Invalid Encoding Method specified in Request")
    prefix, delimiter = members.get("Prefix") or "", members.get("Delimiter") or ""
    most = min(int(members["MaxKeys"] if members.get("MaxKeys") is not None else PAGE), PAGE)
    if most < 0:
        raise errors.invalid("Argument maxKeys must be an integer between 0 and 2147483647")
    found: Found = []
    for item in buckets.list(members["Bucket"], prefix):
        end = item.key.find(delimiter, len(prefix)) if delimiter else -1
        common = item.key[: end + len(delimiter)] if end >= 0 else ""
        if (common or item.key) <= after or (common and found and found[-1] == common):
            continue
        if len(found) == most:
            return found, most, most > 0
        found.append(common or item)
    return found, most, False


def _shown(buckets: FolderBuckets, members: Members, found: Found, most: int, more: bool) -> dict[str, Any]:
    bucket = members["Bucket"]
    answer: dict[str, Any] = {
        "Name": bucket,
        "Prefix": _coded(members, members.get("Prefix") or ""),
        "MaxKeys": most,
        "IsTruncated": more,
        "Contents": [_object(buckets, bucket, members, item) for item in found if not isinstance(item, str)],
        "CommonPrefixes": [{"Prefix": _coded(members, item)} for item in found if isinstance(item, str)],
    }
    if members.get("Delimiter"):
        answer["Delimiter"] = _coded(members, members["Delimiter"])
    if members.get("EncodingType"):
        answer["EncodingType"] = members["EncodingType"]
    return {name: value for name, value in answer.items() if value != []}


def _object(buckets: FolderBuckets, bucket: str, members: Members, item: S3Object) -> dict[str, Any]:
    return {
        "Key": _coded(members, item.key),
        "LastModified": item.modified_ms // 1000,
        "ETag": _etag(buckets, bucket, item),
        "Size": item.size,
        "StorageClass": "STANDARD",
    }


def _etag(buckets: FolderBuckets, bucket: str, item: S3Object) -> str:
    """The kept one; a list does not read the bytes of files that nobody has asked for yet."""
    path = buckets.path(bucket, item.key)
    try:
        kept = None if path is None else facts.kept(path)
    except OSError:
        kept = None
    return item.etag if kept is None else kept.etag


def _coded(members: Members, text: str) -> str:
    return quote(text, safe="/*-._") if members.get("EncodingType") == "url" else text


def _name(item: S3Object | str) -> str:
    """Where the next page goes on; behind a common prefix all of its keys are skipped."""
    return item if isinstance(item, str) else item.key


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise errors.invalid("The continuation token provided is incorrect") from None
