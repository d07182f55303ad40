"""Uploads in parts: parts are files in a folder of flowd's own within the bucket, until they are put together."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from flowd import durable
from flowd.services.objects import buckets as rules
from flowd.services.objects import checksums, errors, facts, notices, objects
from flowd.services.ports import Call, Members
from flowd.services.s3 import FolderBuckets

Operation = Callable[[FolderBuckets, Members, Call], dict[str, Any]]
MOST: Final = 10_000
SMALLEST: Final = 5 * 1024 * 1024  # of all parts but the last
_ABOUT: Final = "upload.json"
_UPLOAD: Final = re.compile(r"[\w-]{1,64}", re.ASCII)  # an id as we make them: it is the name of a folder
_RANGE: Final = re.compile(r"bytes=(\d{1,18})-(\d{1,18})", re.ASCII)
_INVALID_PART: Final = (
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified "
    "entity tag may not match the part's entity tag."
)
_PART_ORDER: Final = (
    "The list of parts was not in ascending order. The parts list must be specified in order by part number."
)


def create_multipart_upload(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    objects.refuse_what_is_not_built(members)
    bucket, key = members["Bucket"], members["Key"]
    rules.known(buckets, bucket)
    errors.check_length(key)
    if buckets.path(bucket, key) is None:
        raise errors.invalid(f"'{key}' cannot be a file below the folder of bucket {bucket}")
    upload = call.new_id()
    folder = buckets.own_folder(bucket, "uploads") / upload
    about = {"key": key, "shown": objects.told(members), "sum": _asked(members)}
    try:
        durable.make_folders(folder, buckets.base(bucket))
        durable.write(folder / _ABOUT, json.dumps(about).encode())
        durable.sync(folder)
    except FileNotFoundError:
        raise errors.no_such_bucket(bucket) from None
    told = {name: members[name] for name in ("ChecksumAlgorithm", "ChecksumType") if members.get(name)}
    return {"Bucket": bucket, "Key": key, "UploadId": upload, **objects.ENCRYPTION, **told}


def _while_it_is_there(operation: Operation) -> Operation:
    """An operation on an upload, which somebody may abort, complete, or delete with its bucket meanwhile."""

    @wraps(operation)
    def told(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
        try:
            return operation(buckets, members, call)
        except FileNotFoundError:
            raise errors.no_such_upload(members["UploadId"]) from None

    return told


@_while_it_is_there
def upload_part(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    folder, _ = _upload(buckets, members)
    body = bytes(members.get("Body") or b"")
    sums = checksums.checked(members, body)
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    path = _write_part(folder, int(members["PartNumber"]), [body])
    facts.keep(path, msgspec.structs.replace(facts.of(path), checksums=sums))
    return {"ETag": etag, **objects.ENCRYPTION, **sums}


@_while_it_is_there
def upload_part_copy(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    folder, _ = _upload(buckets, members)
    _, kept, pieces = objects.source_of(buckets, members)
    span = _span(members["CopySourceRange"], kept.size) if members.get("CopySourceRange") else ()
    path = _write_part(folder, int(members["PartNumber"]), pieces(*span))
    made = facts.of(path)
    return {"CopyPartResult": {"ETag": made.etag, "LastModified": made.mtime_ns / 1e9}, **objects.ENCRYPTION}


def _span(text: str, size: int) -> tuple[int, int]:
    """Start and length of a part of another object."""
    found = _RANGE.fullmatch(text)
    if found is None:
        raise errors.invalid(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy"
        )
    first, last = int(found[1]), int(found[2])
    if not first <= last < size:
        raise errors.invalid(f"Range specified is not valid for source object of size: {size}")
    return first, last - first + 1


@_while_it_is_there
def complete_multipart_upload(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    folder, about = _upload(buckets, members)
    bucket, key = members["Bucket"], members["Key"]
    objects.check_conditions(members, objects.existing(buckets, bucket, key), changing=True)
    wanted = (members.get("MultipartUpload") or {}).get("Parts") or []
    if not all("PartNumber" in part and "ETag" in part for part in wanted):
        raise errors.invalid(objects.SCHEMA, "MalformedXML")
    paths = [_checked_part(folder, part) for part in wanted]
    numbers = [int(part["PartNumber"]) for part in wanted]
    if not wanted or numbers != sorted(set(numbers)):
        raise errors.invalid(
            _PART_ORDER,
            "InvalidPartOrder",
        )
    if any(path.stat().st_size < SMALLEST for path in paths[:-1]):
        raise errors.invalid("Your proposed upload is smaller than the minimum allowed size", "EntityTooSmall")
    digests = b"".join(bytes.fromhex(facts.of(path).etag.strip('"')) for path in paths)
    etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(paths)}"'
    asked, kind = about.get("sum", ("", ""))
    parts = [facts.of(path).checksums for path in paths]
    sums = checksums.of_parts(members, asked, kind, parts, lambda: _all(paths))
    kept = objects.write(buckets, bucket, key, _all(paths), etag, tuple(about["shown"]), sums)
    shutil.rmtree(folder, ignore_errors=True)
    notices.created(call, bucket, key, kept, "CompleteMultipartUpload")
    location = f"{call.endpoint}/{bucket}/{quote(key)}"
    told = {**objects.ENCRYPTION, **sums, **checksums.kind_of(sums)}
    return {"Location": location, "Bucket": bucket, "Key": key, "ETag": etag, **told}


def abort_multipart_upload(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    folder, _ = _upload(buckets, members)
    shutil.rmtree(folder, ignore_errors=True)
    return {}


@_while_it_is_there
def list_parts(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    folder, _ = _upload(buckets, members)
    parts = []
    for path in sorted(folder.glob("part-?????")):
        kept = facts.of(path)
        number = int(path.name.removeprefix("part-"))
        shown = {"PartNumber": number, "ETag": kept.etag, "Size": kept.size, "LastModified": kept.mtime_ns / 1e9}
        parts.append(shown)
    names = {name: members[name] for name in ("Bucket", "Key", "UploadId")}
    return {**names, "Parts": parts, "IsTruncated": False, "StorageClass": "STANDARD"}


def _upload(buckets: FolderBuckets, members: Members) -> tuple[Path, dict[str, Any]]:
    """The folder of an upload and what was said when it began."""
    bucket, upload = members["Bucket"], members["UploadId"]
    rules.known(buckets, bucket)
    folder = buckets.own_folder(bucket, "uploads") / upload
    if not _UPLOAD.fullmatch(upload) or not (folder / _ABOUT).is_file():
        raise errors.no_such_upload(upload)
    about: dict[str, Any] = json.loads((folder / _ABOUT).read_text())
    if about["key"] != members["Key"]:
        raise errors.no_such_upload(upload)
    return folder, about


def _write_part(folder: Path, number: int, pieces: Any) -> Path:
    if not 1 <= number <= MOST:
        raise errors.invalid(f"Part number must be an integer between 1 and {MOST}, inclusive")
    path = folder / f"part-{number:05d}"
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    durable.put(draft, path)
    return path


def _checked_part(folder: Path, part: Members) -> Path:
    path = folder / f"part-{int(part['PartNumber']):05d}"
    known = facts.of(path) if path.is_file() else None
    if known is None or known.etag.strip('"') != str(part["ETag"]).strip('"'):
        raise errors.invalid(_INVALID_PART, "InvalidPart")
    if not checksums.check_part(part, known.checksums):
        raise errors.invalid(_INVALID_PART, "InvalidPart")
    return path


def _asked(members: Members) -> tuple[str, str]:
    """The checksum that an upload shall have, and of what kind."""
    return str(members.get("ChecksumAlgorithm") or ""), str(members.get("ChecksumType") or "")


def _all(paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        yield from objects.pieces(path, gone=errors.no_such_upload(path.parent.name))
