"""S3 asked as no SDK asks: what the service model requires is lacking, or makes no sense."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError
from botocore.handlers import set_list_objects_encoding_type_url

from tests.api.shop import KEYS, Shop


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Shop]:
    made = Shop(tmp_path)
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize(
    "body",
    ["", "<Delete/>", "<Delete><Object/></Delete>", "<Delete><Object><VersionId>1</VersionId></Object></Delete>"],
)
async def test_a_list_to_delete_that_lacks_what_it_must_have_is_malformed(asked: Shop, body: str) -> None:
    assert await _posted(asked, "/box?delete=", body) == (400, "MalformedXML")


@pytest.mark.parametrize("part", ["<Part/>", "<Part><ETag>x</ETag></Part>", "<Part><PartNumber>1</PartNumber></Part>"])
async def test_a_part_without_number_or_etag_is_malformed(asked: Shop, part: str) -> None:
    upload = (await asked("create_multipart_upload", Bucket="box", Key="k"))["UploadId"]
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>"
    found = await _posted(asked, f"/box/k?uploadId={upload}", body)
    assert found == (400, "MalformedXML")


@pytest.mark.parametrize("most", [-5, 0, 10_001])
async def test_a_list_of_buckets_of_less_than_one_or_too_many_is_refused(asked: Shop, most: int) -> None:
    with pytest.raises(ClientError, match="max-buckets"):
        await asked("list_buckets", MaxBuckets=most)


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
async def test_a_list_knows_no_encoding_but_url(asked: Shop, version: str) -> None:
    with pytest.raises(ClientError, match="Invalid Encoding Method"):
        await asked(version, Bucket="box", EncodingType="gzip")


async def test_where_a_list_begins_comes_back_as_it_was_given(asked: Shop) -> None:
    begin = "a%41 +\u0001<&>"
    assert (await asked("list_objects", Bucket="box", Marker=begin))["Marker"] == begin
    assert (await asked("list_objects_v2", Bucket="box", StartAfter=begin))["StartAfter"] == begin


@pytest.mark.parametrize("upload", ["x" * 300, "..", "../box", "\u00fc", "a b"])
async def test_what_cannot_be_an_upload_is_no_upload(asked: Shop, upload: str) -> None:
    with pytest.raises(ClientError) as caught:
        await asked("list_parts", Bucket="box", Key="k", UploadId=upload)
    assert caught.value.response["Error"]["Code"] == "NoSuchUpload"


ODD = ("a\x01b", "tab\tkey", "line\nfeed", "return\rkey", "\ufffe", "a&<b>", "d\x7f")


@pytest.mark.parametrize("version", ["list_objects", "list_objects_v2"])
async def test_keys_with_characters_that_xml_has_no_place_for_are_listed_as_they_are(asked: Shop, version: str) -> None:
    for key in ODD:
        await asked.put(key)
    found = await asked(version, Bucket="box", Delimiter="\x01")
    assert sorted(each["Key"] for each in found["Contents"]) == sorted(ODD[1:])
    assert [each["Prefix"] for each in found["CommonPrefixes"]] == ["a\x01"]
    url = asked.client(signature_version="s3v4").generate_presigned_url("list_objects", Params={"Bucket": "box"})
    async with httpx.AsyncClient() as http:
        plain = await http.get(await _without_encoding(asked))
        assert (await http.get(url)).text.count("a%01b") == 1
    assert plain.status_code == 200 and "<Key>a%01b</Key>" in plain.text
    assert "<Key>return&#xd;key</Key>" in plain.text


async def _without_encoding(asked: Shop) -> str:
    client = asked.client(signature_version="s3v4")
    client.meta.events.unregister("before-parameter-build.s3.ListObjects", set_list_objects_encoding_type_url)
    return str(client.generate_presigned_url("list_objects", Params={"Bucket": "box"}))


async def test_such_a_key_is_uploaded_in_parts_and_refused_by_its_name(asked: Shop) -> None:
    key = {"Bucket": "box", "Key": "m\x02&"}
    upload = await asked("create_multipart_upload", **key)
    assert upload["Key"] == "m%02&"
    again = {**key, "UploadId": upload["UploadId"]}
    part = await asked("upload_part", **again, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert (await asked("list_parts", **again))["Parts"][0]["Size"] == 1
    done = await asked("complete_multipart_upload", **again, MultipartUpload=parts)
    assert done["Location"].endswith("/box/m%02%26")
    assert (await asked("get_object", **key))["Body"] == b"x"
    assert await asked.refused("get_object", Bucket="box", Key="no\x03") == ("NoSuchKey", 404)
    assert await asked.refused("put_object", Bucket="box", Key="a//\x03", Body=b"") == ("InvalidArgument", 400)


@pytest.mark.parametrize("name", ["192.168.1.1", "a..b", "xn--box", "sthree-box", "box-s3alias", "box.mrap", "ab"])
async def test_names_that_s3_keeps_for_itself_are_no_buckets(asked: Shop, name: str) -> None:
    assert (await asked.refused("create_bucket", Bucket=name))[0] == "InvalidBucketName"


async def test_a_key_that_is_too_long_and_a_digest_that_is_none_are_told_as_s3_does(asked: Shop) -> None:
    for operation in ("put_object", "create_multipart_upload"):
        assert await asked.refused(operation, Bucket="box", Key="ab/" * 342) == ("KeyTooLongError", 400)
    put = {"Bucket": "box", "Key": "k", "Body": b"x"}
    for digest, code in (("AAAA", "InvalidDigest"), ("A" * 22 + "==", "BadDigest")):
        assert await asked.refused("put_object", **put, ContentMD5=digest) == (code, 400)


async def _posted(asked: Shop, path: str, body: str) -> tuple[int, str]:
    """Status and code of a signed request with a body that no SDK would send."""
    url = f"{asked.server.url}{path}"
    request = AWSRequest("POST", url, data=body.encode())
    S3SigV4Auth(Keys(KEYS.access_key, KEYS.secret_key), "s3", "us-east-1").add_auth(request)
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, content=body, headers=dict(request.headers.items()))
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]
