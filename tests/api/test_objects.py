"""S3 over folders, asked with boto3: objects, lists, parts, ranges, conditions, events, and what folders cannot do."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError

from flowd.api.backends import EmbeddedBackend, ObjectsBackend
from flowd.api.server import Addresses, Server
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.protocols.front import Front
from flowd.api.wire.sigv4 import ChunkSigner, Verifier
from flowd.clock import SystemClock
from flowd.engine.bucketwatch import BucketWatch
from flowd.engine.objects import Objects
from flowd.services.objects import facts
from flowd.services.ports import Delivery
from flowd.services.s3 import FolderBuckets
from tests.engine.world import World

KEYS = Credentials("AKIAFLOWDEXAMPLE", "a secret")
MB = 1024 * 1024


class Shop:
    """A daemon's S3 with one bucket `box`, and its folder."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.folder = folder / "s3"

    async def start(self) -> None:
        await self.world.boot()
        core = self.world.core
        self.objects = Objects(
            core.db,
            self.world.clock,
            core.embedded,
            FolderBuckets(self.folder),
            "us-east-1",
            "000000000000",
            "http://here",
        )
        await self.objects.wanted.start()
        front = Front({"s3": ObjectsBackend(self.objects), "events": EmbeddedBackend(core.embedded)})
        self.server = Server({}, Addresses(tcp=("127.0.0.1", 0)), SystemClock(), KEYS, front=front)
        await self.server.start()
        await self("create_bucket", Bucket="box")

    async def stop(self) -> None:
        await self.server.stop()
        await self.objects.wanted.stop()
        await self.world.core.stop()

    def client(self, service: str = "s3", **settings: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.server.url,
            region_name="us-east-1",
            aws_access_key_id=KEYS.access_key,
            aws_secret_access_key=KEYS.secret_key,
            config=Config(**{"retries": {"total_max_attempts": 1}, "parameter_validation": False, **settings}),
        )

    async def __call__(self, operation: str, **members: Any) -> Any:
        answer = await asyncio.to_thread(getattr(self.client(), operation), **members)
        if "Body" in answer:
            answer["Body"] = await asyncio.to_thread(answer["Body"].read)
        status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        return {**answer, "status": status}

    async def put(self, key: str, body: bytes = b"hello", **members: Any) -> Any:
        return await self("put_object", Bucket="box", Key=key, Body=body, **members)

    async def get(self, key: str, **members: Any) -> Any:
        return await self("get_object", Bucket="box", Key=key, **members)

    async def refused(self, operation: str, **members: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as caught:
            await self(operation, **members)
        response = caught.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    async def keys(self, **members: Any) -> list[str]:
        return [found["Key"] for found in (await self("list_objects_v2", Bucket="box", **members)).get("Contents", [])]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def test_an_object_is_a_file_with_what_its_maker_said(shop: Shop) -> None:
    put = await shop.put(
        "a/ä b+c.txt", b"hello", ContentType="text/plain", Metadata={"who": "me"}, CacheControl="no-store"
    )
    assert (shop.folder / "box" / "a" / "ä b+c.txt").read_bytes() == b"hello"
    etag = f'"{hashlib.md5(b"hello").hexdigest()}"'
    assert (put["ETag"], put["ChecksumType"]) == (etag, "FULL_OBJECT")
    got = await shop.get("a/ä b+c.txt")
    assert (got["Body"], got["ETag"], got["ContentLength"]) == (b"hello", etag, 5)
    assert (got["ContentType"], got["Metadata"], got["CacheControl"]) == ("text/plain", {"who": "me"}, "no-store")
    head = await shop("head_object", Bucket="box", Key="a/ä b+c.txt")
    assert (head["ContentLength"], head["ETag"], head["Metadata"]) == (5, etag, {"who": "me"})


async def test_a_file_that_was_dropped_there_is_an_object(shop: Shop) -> None:
    (shop.folder / "box" / "page.html").write_text("<p>")
    got = await shop.get("page.html")
    assert (got["Body"], got["ContentType"]) == (b"<p>", "text/html")
    assert got["ETag"] == f'"{hashlib.md5(b"<p>").hexdigest()}"'


async def test_a_file_changed_in_place_loses_what_was_said_of_the_other(shop: Shop) -> None:
    await shop.put("k", b"old", Metadata={"who": "me"})
    (shop.folder / "box" / "k").write_bytes(b"newer")
    got = await shop.get("k")
    assert (got["Body"], got["Metadata"]) == (b"newer", {})


@pytest.mark.parametrize(
    ("wanted", "body", "content_range"),
    [
        ("bytes=0-1", b"he", "bytes 0-1/5"),
        ("bytes=3-", b"lo", "bytes 3-4/5"),
        ("bytes=-2", b"lo", "bytes 3-4/5"),
        ("bytes=2-99", b"llo", "bytes 2-4/5"),
    ],
)
async def test_a_part_is_read_by_its_range(shop: Shop, wanted: str, body: bytes, content_range: str) -> None:
    await shop.put("k")
    got = await shop.get("k", Range=wanted)
    assert (got["status"], got["Body"], got["ContentRange"]) == (206, body, content_range)
    assert got["ContentLength"] == len(body)


async def test_large_objects_are_sent_piece_by_piece(shop: Shop) -> None:
    body = bytes(range(256)) * 4096
    await shop.put("large", body)
    assert (await shop.get("large"))["Body"] == body
    assert (await shop.get("large", Range="bytes=700000-"))["Body"] == body[700_000:]


async def test_conditions_hold(shop: Shop) -> None:
    etag = (await shop.put("k"))["ETag"]
    assert (await shop.get("k", IfMatch=etag))["Body"] == b"hello"
    assert await shop.refused("get_object", Bucket="box", Key="k", IfMatch='"other"') == ("PreconditionFailed", 412)
    assert await shop.refused("get_object", Bucket="box", Key="k", IfNoneMatch=etag) == ("304", 304)
    assert await shop.refused("put_object", Bucket="box", Key="k", Body=b"", IfNoneMatch="*") == (
        "PreconditionFailed",
        412,
    )
    assert (await shop.put("new", b"", IfNoneMatch="*"))["status"] == 200
    assert await shop.refused("get_object", Bucket="box", Key="k", Range="bytes=9-") == ("InvalidRange", 416)


async def test_a_wrong_checksum_is_refused_and_a_right_one_is_shown_when_asked(shop: Shop) -> None:
    assert (await shop.refused("put_object", Bucket="box", Key="k", Body=b"x", ChecksumCRC32="AAAAAA=="))[
        0
    ] == "BadDigest"
    digest = "AAAAAAAAAAAAAAAAAAAAAA=="
    assert (await shop.refused("put_object", Bucket="box", Key="k", Body=b"x", ContentMD5=digest))[0] == "BadDigest"
    assert await shop.keys() == []
    put = await shop.put("k", ChecksumAlgorithm="SHA256")
    got = await shop.get("k", ChecksumMode="ENABLED")
    assert got["ChecksumSHA256"] == put["ChecksumSHA256"]


async def test_lists_have_prefixes_delimiters_and_pages(shop: Shop) -> None:
    for key in ("a/1", "a/2", "b", "c/d/1", "c/d/2", "é"):
        await shop.put(key, b"")
    assert await shop.keys() == ["a/1", "a/2", "b", "c/d/1", "c/d/2", "é"]
    assert await shop.keys(Prefix="a/") == ["a/1", "a/2"]
    assert await shop.keys(StartAfter="b") == ["c/d/1", "c/d/2", "é"]
    found = await shop("list_objects_v2", Bucket="box", Delimiter="/")
    assert [part["Prefix"] for part in found["CommonPrefixes"]] == ["a/", "c/"]
    assert [item["Key"] for item in found["Contents"]] == ["b", "é"]
    assert found["KeyCount"] == 4
    client = shop.client()
    for limit in (1, 2, 5):
        paginator = client.get_paginator("list_objects_v2")
        pages = paginator.paginate(Bucket="box", Delimiter="/", PaginationConfig={"PageSize": limit})
        every: list[Any] = await asyncio.to_thread(list, pages)
        names = [part["Prefix"] for page in every for part in page.get("CommonPrefixes", [])]
        names += [item["Key"] for page in every for item in page.get("Contents", [])]
        assert sorted(names) == ["a/", "b", "c/", "é"]
    old = await shop("list_objects", Bucket="box", MaxKeys=2, Delimiter="/")
    assert (old["IsTruncated"], old["NextMarker"]) == (True, "b")
    assert [i["Key"] for i in (await shop("list_objects", Bucket="box", Marker="c/d/1"))["Contents"]] == ["c/d/2", "é"]


async def test_objects_are_copied_and_deleted(shop: Shop) -> None:
    await shop.put("from/k", b"x", Metadata={"who": "me"}, ContentType="text/plain")
    await shop("copy_object", Bucket="box", Key="to", CopySource={"Bucket": "box", "Key": "from/k"})
    got = await shop.get("to")
    assert (got["Body"], got["Metadata"], got["ContentType"]) == (b"x", {"who": "me"}, "text/plain")
    await shop(
        "copy_object", Bucket="box", Key="to", CopySource="box/to", MetadataDirective="REPLACE", Metadata={"a": "b"}
    )
    assert (await shop.get("to"))["Metadata"] == {"a": "b"}
    assert (await shop("delete_object", Bucket="box", Key="from/k"))["status"] == 204
    assert (await shop("delete_object", Bucket="box", Key="from/k"))["status"] == 204
    assert not (shop.folder / "box" / "from").exists()
    answer = await shop("delete_objects", Bucket="box", Delete={"Objects": [{"Key": "to"}, {"Key": "gone"}]})
    assert [each["Key"] for each in answer["Deleted"]] == ["to", "gone"]
    assert await shop.keys() == []


async def test_large_uploads_come_in_parts(shop: Shop) -> None:
    upload = (await shop("create_multipart_upload", Bucket="box", Key="big", ContentType="video/mp4"))["UploadId"]
    names = {"Bucket": "box", "Key": "big", "UploadId": upload}
    bodies = [b"a" * (5 * MB), b"b" * 10]
    parts = []
    for number, body in enumerate(bodies, 1):
        etag = (await shop("upload_part", **names, PartNumber=number, Body=body))["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    assert await shop.keys() == []
    listed = await shop("list_parts", **names)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(1, 5 * MB), (2, 10)]
    wrong = [{**parts[0], "ETag": '"0"'}, parts[1]]
    for sent, code in ((wrong, "InvalidPart"), (parts[::-1], "InvalidPartOrder")):
        assert await shop.refused("complete_multipart_upload", **names, MultipartUpload={"Parts": sent}) == (code, 400)
    done = await shop("complete_multipart_upload", **names, MultipartUpload={"Parts": parts})
    digest = hashlib.md5(b"".join(hashlib.md5(body).digest() for body in bodies)).hexdigest()
    assert done["ETag"] == f'"{digest}-2"'
    got = await shop.get("big")
    assert (got["Body"], got["ContentType"]) == (b"".join(bodies), "video/mp4")
    assert (await shop.refused("upload_part", **names, PartNumber=3, Body=b""))[0] == "NoSuchUpload"


async def test_boto3_s_own_transfer_works_and_an_abort_leaves_nothing(shop: Shop) -> None:
    body = b"0123456789" * (MB + 1)
    await asyncio.to_thread(shop.client().upload_fileobj, io.BytesIO(body), "box", "big")
    found = io.BytesIO()
    await asyncio.to_thread(shop.client().download_fileobj, "box", "big", found)
    assert found.getvalue() == body
    upload = (await shop("create_multipart_upload", Bucket="box", Key="x"))["UploadId"]
    await shop("abort_multipart_upload", Bucket="box", Key="x", UploadId=upload)
    assert (await shop.refused("list_parts", Bucket="box", Key="x", UploadId=upload))[0] == "NoSuchUpload"


async def test_buckets_are_made_listed_and_deleted(shop: Shop) -> None:
    assert [bucket["Name"] for bucket in (await shop("list_buckets"))["Buckets"]] == ["box"]
    assert await shop.refused("head_bucket", Bucket="nope") == ("404", 404)
    assert (await shop("head_bucket", Bucket="box"))["BucketRegion"] == "us-east-1"
    assert (await shop("get_bucket_location", Bucket="box"))["LocationConstraint"] is None
    await shop.put("k")
    assert await shop.refused("delete_bucket", Bucket="box") == ("BucketNotEmpty", 409)
    await shop("delete_object", Bucket="box", Key="k")
    await shop("delete_bucket", Bucket="box")
    assert await shop.refused("list_objects_v2", Bucket="box") == ("NoSuchBucket", 404)


@pytest.mark.parametrize("version", ["s3v4", "s3"])
async def test_a_signed_url_needs_no_key_until_it_is_too_old(shop: Shop, version: str) -> None:
    await shop.put("k k")
    client = shop.client(signature_version=version)
    url = client.generate_presigned_url("get_object", Params={"Bucket": "box", "Key": "k k"}, ExpiresIn=60)
    put = client.generate_presigned_url("put_object", Params={"Bucket": "box", "Key": "new"}, ExpiresIn=60)
    old = client.generate_presigned_url("get_object", Params={"Bucket": "box", "Key": "k k"}, ExpiresIn=-60)
    async with httpx.AsyncClient() as http:
        assert (await http.get(url)).content == b"hello"
        assert (await http.put(put, content=b"up")).status_code == 200
        assert (await http.get(url.replace("/box/k", "/box/n"))).status_code == 403
        assert (await http.get(old)).status_code == 403
        assert (await http.delete(url)).status_code == 403
    assert (await shop.get("new"))["Body"] == b"up"


@pytest.mark.parametrize("key", ["../../secret", "a/../../b", "a//b", ".flowd-x", "x" * 300])
async def test_keys_that_no_file_can_have_are_refused(shop: Shop, key: str) -> None:
    objects = shop.objects
    with pytest.raises(Exception, match="cannot be a file below the folder"):
        await objects.call("PutObject", {"Bucket": "box", "Key": key, "Body": b"x"}, "me")
    with pytest.raises(Exception, match="does not exist"):
        await objects.call("GetObject", {"Bucket": "box", "Key": key}, "me")


async def test_what_folders_cannot_do_is_refused(shop: Shop) -> None:
    assert await shop.refused("put_object", Bucket="box", Key="k", Body=b"", Tagging="a=b") == ("NotImplemented", 501)
    await shop.put("file")
    assert (await shop.refused("put_object", Bucket="box", Key="file/below", Body=b""))[0] == "InvalidArgument"
    assert (await shop.refused("create_bucket", Bucket="Upper_Case"))[0] == "InvalidBucketName"
    with pytest.raises(ClientError, match="not built in flowd"):
        await shop("get_bucket_policy", Bucket="box")


async def test_rules_hear_of_objects_that_were_made_and_deleted(shop: Shop) -> None:
    told: list[dict[str, Any]] = []

    async def tell(delivery: Delivery, attempt: Any) -> None:
        told.append(json.loads(delivery.body))

    await shop.put("before")
    shop.world.core.deliveries.carriers["lambda"] = tell
    events = shop.client("events")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": ["box"]}, "object": {"key": [{"suffix": ".csv"}]}}}
    await asyncio.to_thread(events.put_rule, Name="r", EventPattern=json.dumps(pattern))
    target = {"Id": "1", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    await asyncio.to_thread(events.put_targets, Rule="r", Targets=[target])
    await shop.put("in/a.csv", b"1,2")
    await shop.put("in/a.txt")
    await shop("delete_object", Bucket="box", Key="in/a.csv")
    await shop.world.settle()
    assert [event["detail-type"] for event in told] == ["Object Created", "Object Deleted"]
    created = told[0]
    assert (created["resources"], created["detail"]["reason"]) == (["arn:aws:s3:::box"], "PutObject")
    shown = created["detail"]["object"]
    assert (shown["key"], shown["size"], shown["etag"]) == ("in/a.csv", 3, hashlib.md5(b"1,2").hexdigest())


async def watched(shop: Shop, told: list[str]) -> BucketWatch:
    """A watch of the shop's buckets, and a rule that tells of every new object."""

    async def tell(delivery: Delivery, attempt: Any) -> None:
        told.append(json.loads(delivery.body)["detail"]["object"]["key"])

    shop.world.core.deliveries.carriers["lambda"] = tell
    invoke = shop.world.core.embedded.invoke
    await invoke("events", "PutRule", {"Name": "r", "EventPattern": '{"source": ["aws.s3"]}'})
    target = {"Id": "1", "Arn": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    await invoke("events", "PutTargets", {"Rule": "r", "Targets": [target]})
    return BucketWatch(shop.objects, FolderBuckets(shop.folder), settle_s=0)


async def test_a_file_that_is_dropped_is_told_of_once(shop: Shop) -> None:
    told: list[str] = []
    watch = await watched(shop, told)
    (shop.folder / "box" / "in").mkdir()
    path = shop.folder / "box" / "in" / "a.csv"
    path.write_text("1,2")
    for _ in range(2):
        watch.look([path, path.parent, shop.folder / "box" / ".flowd-x", shop.folder / "stray"])
        await watch.settled()
    await shop.put("by/api")
    watch.look([shop.folder / "box" / "by" / "api"])
    await watch.settled()
    await shop.world.settle()
    assert told == ["in/a.csv", "by/api"]
    path.write_text("3,4,5")
    watch.look([path])
    await watch.settled()
    await shop.world.settle()
    assert told == ["in/a.csv", "by/api", "in/a.csv"]


async def test_what_was_dropped_while_nobody_watched_is_told_of_but_not_what_was_there_before(shop: Shop) -> None:
    told: list[str] = []
    (shop.folder / "box" / "old").write_text("x")
    watch = await watched(shop, told)
    await watch.catch_up()
    (shop.folder / "box" / "new").write_text("x")
    for _ in range(2):
        again = BucketWatch(shop.objects, FolderBuckets(shop.folder), settle_s=0)
        await again.catch_up()
        await shop.world.settle()
        assert told == ["new"]


async def test_the_watch_runs_only_while_a_rule_wants_it(shop: Shop) -> None:
    told: list[str] = []
    begun, queue = asyncio.Event(), asyncio.Queue[set[Path]]()

    async def changes(folder: Path, stop: asyncio.Event) -> AsyncIterator[set[Path]]:
        begun.set()
        while not stop.is_set():
            yield await queue.get()

    watch = BucketWatch(shop.objects, FolderBuckets(shop.folder), changes, settle_s=0)
    await watch.start()
    assert not begun.is_set()
    await watched(shop, told)
    await begun.wait()
    path = shop.folder / "box" / "k"
    path.write_text("x")
    queue.put_nowait({path})
    while not told:
        await asyncio.sleep(0)
        await watch.settled()
        await shop.world.settle()
    assert told == ["k"]
    await watch.stop()


async def test_facts_are_kept_with_the_file_if_it_moves(shop: Shop, tmp_path: Path) -> None:
    await shop.put("k", b"x", Metadata={"a": "b"})
    path = shop.folder / "box" / "k"
    assert facts.of(path).metadata == {"a": "b"}
    path.rename(shop.folder / "box" / "moved")
    assert (await shop.get("moved"))["Metadata"] == {"a": "b"}


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
async def test_uploads_in_parts_have_the_checksum_that_was_asked_for(shop: Shop, algorithm: str) -> None:
    body = b"x" * (5 * MB) + b"y"
    config = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB)
    client = shop.client()
    more = {"ChecksumAlgorithm": algorithm}
    await asyncio.to_thread(client.upload_fileobj, io.BytesIO(body), "box", "big", ExtraArgs=more, Config=config)
    got = await shop.get("big", ChecksumMode="ENABLED")
    assert got["Body"] == body
    assert got["ChecksumType"] == "COMPOSITE" and got[f"Checksum{algorithm}"].endswith("-2")


async def test_a_part_with_another_checksum_is_no_part_of_the_upload(shop: Shop) -> None:
    made = await shop("create_multipart_upload", Bucket="box", Key="big", ChecksumAlgorithm="SHA256")
    assert made["ChecksumAlgorithm"] == "SHA256"
    names = {"Bucket": "box", "Key": "big", "UploadId": made["UploadId"]}
    part = await shop("upload_part", **names, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    wrong = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": "A" * 43 + "="}
    assert await shop.refused("complete_multipart_upload", **names, MultipartUpload={"Parts": [wrong]}) == (
        "InvalidPart",
        400,
    )
    right = {**wrong, "ChecksumSHA256": part["ChecksumSHA256"]}
    done = await shop("complete_multipart_upload", **names, MultipartUpload={"Parts": [right]})
    assert done["ChecksumType"] == "COMPOSITE" and done["ChecksumSHA256"].endswith("-1")


def signed_chunks(signer: ChunkSigner, parts: list[bytes], trailer: str = "") -> bytes:
    """A body as clients sign it."""
    body = b""
    for part in [*parts, b""]:
        signature = chain(signer, "PAYLOAD", f"{EMPTY}\n{hashlib.sha256(part).hexdigest()}")
        body += f"{len(part):x};chunk-signature={signature}\r\n".encode() + part + (b"\r\n" if part else b"")
    if trailer:
        signature = chain(signer, "TRAILER", hashlib.sha256(f"{trailer}\n".encode()).hexdigest())
        body += f"{trailer}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return body + b"\r\n"


def chain(signer: ChunkSigner, kind: str, hashed: str) -> str:
    text = f"AWS4-HMAC-SHA256-{kind}\n{signer.stamp}\n{signer.scope}\n{signer.last}\n{hashed}"
    signer.last = hmac.digest(signer.key, text.encode(), "sha256").hex()
    return signer.last


EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ((b"", b""), 200),
        ((b"abc", b"abd"), 403),
        ((b"chunk-signature=", b"chunk-signature=0"), 403),
        ((b"x-amz-checksum-crc32:", b"x-amz-checksum-crc32:A"), 403),
        ((b"x-amz-trailer-signature:", b"x-amz-trailer-signature:0"), 403),
    ],
)
async def test_signed_chunks_and_their_trailer_are_checked(
    shop: Shop, change: tuple[bytes, bytes], status: int
) -> None:
    url = f"{shop.server.url}/box/chunked"
    headers = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "content-encoding": "aws-chunked",
    }
    request = AWSRequest("PUT", url, data=b"", headers=headers)
    SigV4Auth(Keys(KEYS.access_key, KEYS.secret_key), "s3", "us-east-1").add_auth(request)
    sent = {name.lower(): value for name, value in request.headers.items()}
    signer = Verifier(KEYS).stream(sent)
    assert signer is not None
    crc = base64.b64encode(zlib.crc32(b"abcde").to_bytes(4, "big")).decode()
    body = signed_chunks(signer, [b"abc", b"de"], f"x-amz-checksum-crc32:{crc}")
    async with httpx.AsyncClient() as client:
        found = await client.put(url, content=body.replace(*change) if change[0] else body, headers=sent)
    assert found.status_code == status, found.text
    assert await shop.keys() == (["chunked"] if status == 200 else [])
    if status == 200:
        assert (await shop.get("chunked"))["Body"] == b"abcde"
    else:
        assert "SignatureDoesNotMatch" in found.text


@pytest.mark.parametrize(
    ("trailer", "code"),
    [
        ("x-amz-checksum-crc64nvme:riKoKI1MBE8=", "BadDigest"),
        ("x-amz-checksum-crc32c:xFDWlw==", ""),
        ("x-amz-checksum-crc32c:xFDWlg==", "BadDigest"),
        ("x-amz-other:1", "MalformedTrailerError"),
    ],
)
async def test_the_trailer_that_was_promised_must_come_and_be_right(shop: Shop, trailer: str, code: str) -> None:
    name = trailer.partition(":")[0] if code != "MalformedTrailerError" else "x-amz-checksum-crc32c"
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": name,
    }
    url, body = f"{shop.server.url}/box/k", f"5\r\nabcde\r\n0\r\n{trailer}\r\n\r\n".encode()
    request = AWSRequest("PUT", url, data=b"", headers=headers)
    SigV4Auth(Keys(KEYS.access_key, KEYS.secret_key), "s3", "us-east-1").add_auth(request)
    async with httpx.AsyncClient() as client:
        found = await client.put(url, content=body, headers=dict(request.headers))
    assert (found.status_code, code in found.text) == (400 if code else 200, True), found.text


async def test_a_bucket_that_leads_out_of_the_folder_of_buckets_is_refused_with_the_reason(shop: Shop) -> None:
    outside = shop.folder.parent / "elsewhere"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (shop.folder / "linked").symlink_to(outside)
    (shop.folder / "alias").symlink_to(shop.folder / "box")
    await shop.put("k")
    names = {"Bucket": "linked"}
    for operation, members in (
        ("get_object", {"Key": "secret"}),
        ("put_object", {"Key": "new", "Body": b"x"}),
        ("delete_object", {"Key": "secret"}),
        ("list_objects_v2", {}),
        ("create_bucket", {}),
        ("delete_bucket", {}),
        ("create_multipart_upload", {"Key": "new"}),
    ):
        assert await shop.refused(operation, **names, **members) == ("AccessDenied", 403), operation
    with pytest.raises(ClientError, match=r"the bucket linked is a link to .*elsewhere, .* move the folder there"):
        await asyncio.to_thread(shop.client().list_objects_v2, **names)
    assert [bucket["Name"] for bucket in (await shop("list_buckets"))["Buckets"]] == ["alias", "box"]
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (await shop("get_object", Bucket="alias", Key="k"))["status"] == 200
