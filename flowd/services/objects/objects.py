"""Single objects: put, get, head, copy, delete. Every put is there with all of its bytes or not at all."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from flowd.services.objects import checksums, errors, facts, notices
from flowd.services.objects.facts import Facts
from flowd.services.ports import Call, FilePart, Members, ServiceError
from flowd.services.s3 import BadKey, FolderBuckets, Interrupted, LedOut, NoSuchBucket

#: What AWS answers since 2023 for every object; nothing is encrypted here (docs/integrations/s3.md).
ENCRYPTION: Final = {"ServerSideEncryption": "AES256"}
HEADERS: Final = (
    *("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage"),
    *("Expires", "WebsiteRedirectLocation"),
)
#: Members that ask for what folders do not have.
_NOT_BUILT: Final = (
    *("Tagging", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus", "SSECustomerAlgorithm"),
    *("SSEKMSKeyId", "VersionId", "WriteOffsetBytes"),
)
_ITSELF: Final = (
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's "
    "metadata."
)
_BELOW: Final = "an object cannot lie below another object: in a folder one name is a file or a folder"
SCHEMA: Final = "The XML you provided was not well-formed or did not validate against our published schema"
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


def put_object(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    refuse_what_is_not_built(members)
    bucket, key, body = members["Bucket"], members["Key"], bytes(members.get("Body") or b"")
    check_conditions(members, existing(buckets, bucket, key), changing=True)
    sums = checksums.checked(members, body)
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    kept = write(buckets, bucket, key, [body], etag, told(members), sums)
    notices.created(call, bucket, key, kept, "PutObject")
    return {"ETag": kept.etag, **ENCRYPTION, **sums, **checksums.kind_of(sums)}


def get_object(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    path, kept = _wanted(buckets, members)
    start, length = 0, kept.size
    part: dict[str, Any] = {}
    if members.get("Range") and (found := _range(members["Range"], kept.size)):
        start, length = found
        part = {"ContentRange": f"bytes {start}-{start + length - 1}/{kept.size}"}
    return {**_shown(kept, members), **part, "ContentLength": length, "Body": FilePart(path, start, length)}


def head_object(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    _, kept = _wanted(buckets, members)
    return {**_shown(kept, members), "ContentLength": kept.size}


def copy_object(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    refuse_what_is_not_built(members)
    bucket, key = members["Bucket"], members["Key"]
    source, kept, source_pieces = source_of(buckets, members)
    replaced = members.get("MetadataDirective") == "REPLACE"
    if source == buckets.path(bucket, key) and not replaced:
        raise errors.invalid(
            _ITSELF,
            "InvalidRequest",
        )
    shown = told(members) if replaced else (kept.headers, kept.metadata)
    made = write(buckets, bucket, key, source_pieces(), kept.etag, shown, kept.checksums)
    notices.created(call, bucket, key, made, "CopyObject")
    return {"CopyObjectResult": {"ETag": made.etag, "LastModified": made.mtime_ns / 1e9}, **ENCRYPTION}


def delete_object(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    refuse_what_is_not_built(members)
    if members.get("IfMatch"):
        check_conditions(members, existing(buckets, members["Bucket"], members["Key"]), changing=True)
    with _errors(members["Bucket"]):
        if buckets.delete(members["Bucket"], members["Key"]):
            notices.deleted(call, members["Bucket"], members["Key"])
    return {}


def delete_objects(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    wanted = members["Delete"]
    if len(wanted["Objects"]) > 1000:
        raise errors.invalid(SCHEMA, "MalformedXML")
    for each in wanted["Objects"]:
        delete_object(buckets, {"Bucket": members["Bucket"], **each}, call)
    return {} if wanted.get("Quiet") else {"Deleted": [{"Key": each["Key"]} for each in wanted["Objects"]]}


# -- shared with copies and uploads in parts -------------------------------------------


def refuse_what_is_not_built(members: Members) -> None:
    for name in _NOT_BUILT:
        if members.get(name):
            raise errors.not_built(name)


def told(members: Members) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and metadata of an object, as its maker gave them."""
    headers = {name: str(members[name]) for name in HEADERS if members.get(name)}
    return {"ContentType": facts.DEFAULT_TYPE, **headers}, dict(members.get("Metadata") or {})


def write(
    buckets: FolderBuckets,
    bucket: str,
    key: str,
    pieces: Any,
    etag: str,
    shown: tuple[dict[str, str], dict[str, str]],
    sums: dict[str, str],
) -> Facts:
    """The object's file with its facts."""
    errors.check_length(key)
    with _errors(bucket), buckets.create(bucket, key) as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        path = Path(file.name)
        stat = path.stat()
        kept = Facts(etag, stat.st_size, stat.st_mtime_ns, *shown, sums)
        facts.keep(path, kept)
    return kept


def source_of(buckets: FolderBuckets, members: Members) -> tuple[Path, Facts, Callable[..., Iterator[bytes]]]:
    """The object that CopySource names: `bucket/key`, percent-encoded, or a mapping as boto3 has it. It must be as the
    conditions of the request say. Its bytes come by `pieces`, which raises NoSuchKey if it was deleted meanwhile."""
    given = members["CopySource"]
    if isinstance(given, dict):
        bucket, key = given["Bucket"], given["Key"]
    else:
        bucket, _, key = unquote(str(given)).lstrip("/").partition("/")
    if "?versionId=" in key:
        raise errors.not_built("VersionId")
    found = existing(buckets, bucket, key)
    if found is None:
        raise errors.no_such_key(key)
    begin = "CopySource"
    asked = {name.removeprefix(begin): value for name, value in members.items() if name.startswith(f"{begin}If")}
    check_conditions(asked, found, changing=True)
    return *found, partial(pieces, found[0], gone=errors.no_such_key(key))


@contextmanager
def _errors(bucket: str) -> Iterator[None]:
    """What a folder refuses, in S3's words."""
    try:
        yield
    except LedOut as error:
        raise errors.led_out(error.message) from None
    except NoSuchBucket:
        raise errors.no_such_bucket(bucket) from None
    except Interrupted as error:
        raise errors.invalid(error.message, "OperationAborted", 409) from None
    except BadKey as error:
        raise errors.invalid(error.message) from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise errors.invalid(_BELOW) from None


def existing(buckets: FolderBuckets, bucket: str, key: str) -> tuple[Path, Facts] | None:
    """The object, or None if there is none."""
    with _errors(bucket):
        path = buckets.path(bucket, key)
        try:
            return None if path is None or not path.is_file() else (path, facts.of(path))
        except FileNotFoundError:
            return None


def _wanted(buckets: FolderBuckets, members: Members) -> tuple[Path, Facts]:
    refuse_what_is_not_built(members)
    found = existing(buckets, members["Bucket"], members["Key"])
    if found is None:
        raise errors.no_such_key(members["Key"])
    if int(members.get("PartNumber") or 1) != 1:
        raise errors.invalid("The requested partnumber is not satisfiable", "InvalidPartNumber", 416)
    check_conditions(members, found)
    return found


def check_conditions(members: Members, found: tuple[Path, Facts] | None, *, changing: bool = False) -> None:
    """If-Match and its kin. What reads is told that nothing is new, what changes something that it must not."""
    etag = found[1].etag if found else None
    modified = found[1].mtime_ns // 1_000_000_000 if found else 0
    wanted, unwanted = members.get("IfMatch"), members.get("IfNoneMatch")
    if wanted and not _matches(wanted, etag):
        raise errors.precondition("If-Match")
    if unwanted and _matches(unwanted, etag):
        raise errors.precondition("If-None-Match") if changing else errors.unchanged()
    if members.get("IfModifiedSince") and not unwanted and modified <= members["IfModifiedSince"]:
        raise errors.precondition("If-Modified-Since") if changing else errors.unchanged()
    if members.get("IfUnmodifiedSince") and not wanted and modified > members["IfUnmodifiedSince"]:
        raise errors.precondition("If-Unmodified-Since")


def _matches(given: str, etag: str | None) -> bool:
    tags = [tag.strip() for tag in given.split(",")]
    return etag is not None and ("*" in tags or etag in tags or etag.strip('"') in tags)


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Start and length; None for a form that S3 ignores. Raises InvalidRange for one beyond the end."""
    match = _RANGE.fullmatch(text)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(size - int(match[2]), 0), size - 1
    else:
        start, end = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    if start > end:
        raise errors.invalid("The requested range is not satisfiable", "InvalidRange", 416, ActualObjectSize=size)
    return start, end - start + 1


def _shown(kept: Facts, members: Members) -> dict[str, Any]:
    asked = {name: members[f"Response{name}"] for name in HEADERS if members.get(f"Response{name}")}
    headers = {**kept.headers, **asked}
    if "Expires" in headers:
        headers["Expires"] = float(headers["Expires"])
    sums = kept.checksums if members.get("ChecksumMode") == "ENABLED" and not members.get("Range") else {}
    return {
        "AcceptRanges": "bytes",
        "ETag": kept.etag,
        "LastModified": kept.mtime_ns // 1_000_000_000,
        "Metadata": kept.metadata,
        **ENCRYPTION,
        **headers,
        **sums,
        **checksums.kind_of(sums),
    }


def pieces(path: Path, start: int = 0, length: int | None = None, *, gone: ServiceError) -> Iterator[bytes]:
    """The bytes of a file, or `length` of them from `start`. Raises `gone` if somebody has taken it away."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise gone from None
    with file:
        left = os.fstat(file.fileno()).st_size if length is None else length
        file.seek(start)
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            left -= len(piece)
            yield piece
