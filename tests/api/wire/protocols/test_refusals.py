"""Who cannot prove who they are is refused in AWS's words and in the form of the protocol they speak, for boto3."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

import boto3
import botocore.auth
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from flowd.api.server import Addresses, Server
from flowd.api.wire.protocols.front import Front
from flowd.clock import SystemClock
from tests.api.wire.protocols.test_front import KEYS, Echo

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "stepfunctions": ("list_state_machines", {}),
    "dynamodb": ("list_tables", {}),
    "events": ("list_event_buses", {}),
    "ecs": ("list_clusters", {}),
    "sqs": ("list_queues", {}),
    "sns": ("list_topics", {}),
    "lambda": ("list_functions", {}),
    "s3": ("list_buckets", {}),
}
BAD, EXPIRED, UNKNOWN, MISSING = range(4)
JSON = ("InvalidSignatureException", "InvalidSignatureException", "UnrecognizedClientException",
        "MissingAuthenticationTokenException")  # fmt: skip
QUERY = ("SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidClientTokenId", "MissingAuthenticationToken")
CODES = {
    "sqs": QUERY,  # which says them in a header beside its JSON
    "sns": QUERY,
    "s3": ("SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidAccessKeyId", "AccessDenied"),
}


@pytest.fixture
async def url() -> AsyncIterator[str]:
    front = Front(dict.fromkeys([name for name in CALLS if name != "stepfunctions"], Echo()))
    server = Server({}, Addresses(tcp=("127.0.0.1", 0)), SystemClock(), KEYS, front=front)
    await server.start()
    assert server.url is not None
    yield server.url
    await server.stop()


async def refusal(
    url: str, service: str, secret: str = KEYS.secret_key, key: str = KEYS.access_key, **more: Any
) -> Any:
    """Status and error of a call."""
    client = boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, **more),
    )
    call, members = CALLS[service]
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(getattr(client, call), **members)
    found = caught.value.response
    assert found["ResponseMetadata"]["RequestId"]
    return found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]


@pytest.mark.parametrize("service", CALLS)
async def test_who_cannot_prove_it_is_refused_in_the_services_own_form(
    url: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = CODES.get(service, JSON)
    status, error = await refusal(url, service, secret="wrong")
    assert (status, error["Code"]) == (403, codes[BAD])
    status, error = await refusal(url, service, key="AKIAOTHER")
    assert (status, error["Code"]) == (403, codes[UNKNOWN])
    status, error = await refusal(url, service, signature_version=UNSIGNED)
    assert (status, error["Code"]) == (403, codes[MISSING])
    assert "flowd env" in error["Message"]
    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now() - datetime.timedelta(hours=1))
    status, error = await refusal(url, service)
    assert (status, error["Code"]) == (403, codes[EXPIRED])
    assert "Signature expired" in error["Message"]


async def test_old_clients_of_sqs_are_refused_in_xml(url: str) -> None:
    form = {"Action": "ListQueues", "Version": "2012-11-05"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(url, data=form)
    assert answer.status_code == 403
    assert "<Code>MissingAuthenticationToken</Code>" in answer.text
