"""Checksums and signatures of what clients send."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import zlib

import httpx
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

from flowd.api.wire.sigv4 import ChunkSigner, Verifier
from tests.api.shop import KEYS, Shop
from tests.api.test_objects import MB


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
