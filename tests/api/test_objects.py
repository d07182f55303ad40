"""S3 over folders, asked with boto3: objects, lists, parts, ranges, conditions, events, and what folders cannot do."""

from __future__ import annotations

import asyncio
import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from flowd.services.objects import facts
from flowd.services.s3 import FolderBuckets
from tests.api.shop import Shop

MB = 1024 * 1024


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


async def test_who_reads_may_have_other_headers_as_a_signed_url_does(shop: Shop) -> None:
    at = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    await shop.put("k", ContentType="text/plain", Expires=at)
    assert (await shop.get("k"))["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    asked = {"ResponseContentType": "text/csv", "ResponseContentDisposition": "attachment", "ResponseExpires": at}
    params = {"Bucket": "box", "Key": "k", **asked, "ResponseCacheControl": "no-store"}
    url = shop.client().generate_presigned_url("get_object", Params=params)
    async with httpx.AsyncClient() as http:
        answer = await http.get(url, headers={"sec-fetch-mode": "cors"})  # as Node's fetch sends it
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "hello", "text/csv")
    assert (answer.headers["content-disposition"], answer.headers["cache-control"]) == ("attachment", "no-store")
    assert answer.headers["expires"] == "Wed, 02 Jan 2030 03:04:05 GMT"


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


async def test_an_answer_without_a_body_ends_with_its_head(shop: Shop) -> None:
    etag = (await shop.put("k"))["ETag"]
    url = urlsplit(shop.client().generate_presigned_url("get_object", Params={"Bucket": "box", "Key": "k"}))
    asked = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n"
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"{asked}If-None-Match: {etag}\r\n\r\n{asked}Connection: close\r\n\r\n".encode())
    unchanged, whole, body = (await reader.read(-1)).split(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert (unchanged[:12], whole[:12], body) == (b"HTTP/1.1 304", b"HTTP/1.1 200", b"hello")
    assert b"content-length" not in unchanged


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


async def test_a_part_can_be_a_piece_of_another_object(shop: Shop) -> None:
    etag = (await shop.put("from", b"0123456789"))["ETag"]
    upload = (await shop("create_multipart_upload", Bucket="box", Key="to"))["UploadId"]
    names = {"Bucket": "box", "Key": "to", "UploadId": upload, "PartNumber": 1, "CopySource": "box/from"}
    for span in ("2-4", "bytes=-4", "bytes=2-", "bytes=4-2", "bytes=2-10"):
        assert await shop.refused("upload_part_copy", **names, CopySourceRange=span) == ("InvalidArgument", 400)
    made = await shop("upload_part_copy", **names, CopySourceRange="bytes=2-4", CopySourceIfMatch=etag)
    parts = {"Parts": [{"PartNumber": 1, "ETag": made["CopyPartResult"]["ETag"]}]}
    await shop("complete_multipart_upload", Bucket="box", Key="to", UploadId=upload, MultipartUpload=parts)
    assert (await shop.get("to"))["Body"] == b"234"


async def test_boto3_copies_large_objects_in_parts(shop: Shop) -> None:
    body = bytes(range(256)) * 40_000
    await shop.put("from", body)
    config = TransferConfig(multipart_threshold=5 * MB, multipart_chunksize=5 * MB)
    await asyncio.to_thread(shop.client().copy, {"Bucket": "box", "Key": "from"}, "box", "to", Config=config)
    assert (await shop.get("to"))["Body"] == body


async def test_what_changes_an_object_can_have_conditions(shop: Shop) -> None:
    etag = (await shop.put("k"))["ETag"]
    other, later = '"other"', datetime.now(UTC) + timedelta(hours=1)
    failed = ("PreconditionFailed", 412)
    names = {"Bucket": "box", "Key": "to", "CopySource": "box/k"}
    for wrong in (
        {"CopySourceIfMatch": other},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": later},
        {"CopySourceIfUnmodifiedSince": later - timedelta(days=1)},
    ):
        assert await shop.refused("copy_object", **names, **wrong) == failed, wrong
    await shop("copy_object", **names, CopySourceIfMatch=etag, CopySourceIfUnmodifiedSince=later)
    upload = (await shop("create_multipart_upload", Bucket="box", Key="to"))["UploadId"]
    names = {"Bucket": "box", "Key": "to", "UploadId": upload}
    part = await shop("upload_part", **names, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert await shop.refused("complete_multipart_upload", **names, MultipartUpload=parts, IfNoneMatch="*") == failed
    assert await shop.refused("delete_object", Bucket="box", Key="k", IfMatch=other) == failed
    assert sorted(await shop.keys()) == ["k", "to"]
    await shop("delete_object", Bucket="box", Key="k", IfMatch=etag)
    assert await shop.keys() == ["to"]


async def test_an_object_is_read_as_one_part(shop: Shop) -> None:
    await shop.put("k")
    assert (await shop.get("k", PartNumber=1))["Body"] == b"hello"
    assert await shop.refused("get_object", Bucket="box", Key="k", PartNumber=2) == ("InvalidPartNumber", 416)


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


@pytest.mark.parametrize("operation", ["delete_bucket", "list_objects_v2"])
async def test_a_bucket_that_somebody_else_deletes_in_the_same_moment_is_told_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    check = FolderBuckets.check

    def and_gone(buckets: FolderBuckets, bucket: str) -> None:
        check(buckets, bucket)
        (buckets.folder / bucket).rmdir()

    monkeypatch.setattr(FolderBuckets, "check", and_gone)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        await shop(operation, Bucket="box")


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
        for operation in ("list_objects_v2", "get_bucket_location"):
            of_bucket = client.generate_presigned_url(operation, Params={"Bucket": "box"})
            assert (await http.get(of_bucket)).status_code == 200
            assert (await http.get(of_bucket.replace("/box", "/bix"))).status_code == 403
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


async def test_facts_are_kept_with_the_file_if_it_moves(shop: Shop, tmp_path: Path) -> None:
    await shop.put("k", b"x", Metadata={"a": "b"})
    path = shop.folder / "box" / "k"
    assert facts.of(path).metadata == {"a": "b"}
    path.rename(shop.folder / "box" / "moved")
    assert (await shop.get("moved"))["Metadata"] == {"a": "b"}


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
