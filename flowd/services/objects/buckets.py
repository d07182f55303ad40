"""Buckets: folders below the daemon's folder of buckets."""

from __future__ import annotations

import re
from typing import Any, Final

from flowd.services.objects import errors
from flowd.services.ports import Call, Members
from flowd.services.s3 import BadKey, FolderBuckets, LedOut, NoSuchBucket, NotEmpty

MOST: Final = 10_000  # of a list
#: What no new bucket may be called (S3 user guide, "General purpose bucket naming rules"). A folder that is there may.
_NO_NAME: Final = re.compile(
    r"^\d+\.\d+\.\d+\.\d+$|\.\.|^(xn--|sthree-|amzn-s3-demo-)|(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$"
)


def create_bucket(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    name = members["Bucket"]
    try:
        if _NO_NAME.search(name):
            raise BadKey
        made = buckets.make(name)
    except BadKey:
        raise errors.invalid("The specified bucket is not valid.", "InvalidBucketName", BucketName=name) from None
    if not made:
        known(buckets, name)  # what stands there may lead elsewhere
    if not made and call.region != "us-east-1":  # there it is answered as the first time
        said = "Your previous request to create the named bucket succeeded and you already own it."
        raise errors.invalid(said, "BucketAlreadyOwnedByYou", 409, BucketName=name)
    return {"Location": f"/{name}"}


def delete_bucket(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    name = members["Bucket"]
    known(buckets, name)
    try:
        buckets.remove(name)
    except NotEmpty as error:
        raise errors.invalid(error.message, "BucketNotEmpty", 409, BucketName=name) from None
    return {}


def head_bucket(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    known(buckets, members["Bucket"])
    return {"BucketRegion": call.region}


def list_buckets(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    prefix, after = members.get("Prefix") or "", members.get("ContinuationToken") or ""
    most = int(members["MaxBuckets"]) if members.get("MaxBuckets") is not None else MOST
    if not 1 <= most <= MOST:
        raise errors.invalid(f"Argument max-buckets must be an integer between 1 and {MOST}")
    found = [(name, made_ms) for name, made_ms in buckets.names() if name.startswith(prefix) and name > after]
    token = {"ContinuationToken": found[most - 1][0]} if len(found) > most else {}
    shown = [{"Name": name, "CreationDate": made_ms / 1000} for name, made_ms in found[:most]]
    return {"Buckets": shown, "Owner": {"ID": call.account}, **token}


def get_bucket_location(buckets: FolderBuckets, members: Members, call: Call) -> dict[str, Any]:
    known(buckets, members["Bucket"])
    return {} if call.region == "us-east-1" else {"LocationConstraint": call.region}


def known(buckets: FolderBuckets, name: str) -> None:
    try:
        buckets.check(name)
    except LedOut as error:
        raise errors.led_out(error.message) from None
    except NoSuchBucket:
        raise errors.no_such_bucket(name) from None
