"""Clients of services that are not here read why, each in its own protocol, also where their key is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import create_parser

from flowd.api.server import Addresses, Server
from flowd.api.wire.protocols.elsewhere import refusal
from flowd.api.wire.protocols.front import Front
from flowd.clock import SystemClock
from flowd.errors import NotYetBuilt
from tests.api.wire.protocols.test_front import KEYS, Echo

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("sts", "get_caller_identity", {}),  # query
    ("ec2", "describe_regions", {}),  # ec2
    ("logs", "describe_log_groups", {}),  # json
    ("pipes", "list_pipes", {}),  # rest-json
    ("route53", "list_hosted_zones", {}),  # rest-xml
]
QUERY = ("sts", "ec2", "route53")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server = Server({}, Addresses(tcp=("127.0.0.1", 0)), SystemClock(), KEYS, front=Front({"sns": Echo()}))
    await server.start()
    assert server.url is not None
    yield server.url
    await server.stop()


async def said(url: str, service: str, call: str, members: dict[str, Any], secret: str) -> dict[str, Any]:
    client = boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(getattr(client, call), **members)
    client.close()
    found: dict[str, Any] = caught.value.response
    return found


@pytest.mark.parametrize(("service", "call", "members"), CALLS)
async def test_what_is_not_here_says_so_and_what_is(url: str, service: str, call: str, members: dict[str, Any]) -> None:
    found = await said(url, service, call, members, KEYS.secret_key)
    assert found["Error"]["Code"] == "UnknownOperationException"
    assert "is not built in flowd, which serves dynamodb, " in found["Error"]["Message"]
    assert "unset AWS_ENDPOINT_URL" in found["Error"]["Message"]
    assert found["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize(("service", "call", "members"), CALLS)
async def test_a_wrong_key_is_told_in_the_same_form(url: str, service: str, call: str, members: dict[str, Any]) -> None:
    found = await said(url, service, call, members, "wrong")
    code = "SignatureDoesNotMatch" if service in QUERY else "InvalidSignatureException"
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == (code, 403)


async def test_what_only_s3_s_old_clients_send_is_refused_in_its_form(url: str) -> None:
    async with httpx.AsyncClient() as http:
        old = await http.get(f"{url}/box", headers={"authorization": "AWS AKIA:c2lnbmF0dXJl"})
        form = await http.post(f"{url}/box", files={"file": b"hello"}, data={"key": "k", "policy": "e30="})
    assert (old.status_code, "<Code>SignatureDoesNotMatch</Code>" in old.text) == (403, True)
    assert "Signature Version 4" in old.text
    assert (form.status_code, "<Code>AccessDenied</Code>" in form.text) == (403, True)
    assert "sign a URL for PutObject" in form.text


@pytest.mark.parametrize("target", ["AWSStepFunctions.ListActivities", ""])
async def test_a_client_whose_clock_is_wrong_is_told_the_time(url: str, target: str) -> None:
    before = int(time.time())
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/box", headers={"x-amz-target": target} if target else {})
    assert answer.status_code == 403
    assert before <= parsedate_to_datetime(answer.headers["date"]).timestamp() <= time.time()


async def test_a_client_that_speaks_cbor_is_told_in_cbor(url: str) -> None:
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/service/GraniteServiceVersion20100801/operation/ListMetrics", headers=headers)
    response = {"status_code": answer.status_code, "headers": dict(answer.headers), "body": answer.content}
    error = create_parser("smithy-rpc-v2-cbor").parse(response, None)["Error"]
    assert error["Code"] == "MissingAuthenticationTokenException"
    assert "flowd env" in error["Message"]


@pytest.mark.parametrize("length", [0, 23, 24, 255, 256, 70_000])
def test_texts_of_any_length_can_be_read(length: int) -> None:
    answer = refusal({"smithy-protocol": "rpc-v2-cbor"}, NotYetBuilt("x" * length or "-"), "1")
    assert answer is not None
    response = {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}
    error = create_parser("smithy-rpc-v2-cbor").parse(response, None)["Error"]
    assert error["Message"] == ("x" * min(length, 0xFFFF) or "-")
