"""The switch between embedded services, AWS and off; and a Task at an embedded service while the daemon is killed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from flowd.engine.catalog import SERVICES
from flowd.engine.cloud import Cloud
from flowd.engine.passthrough import PassThrough
from flowd.errors import NotYetBuilt
from flowd.integrations.ports import Outcome, TaskCall
from flowd.integrations.sdk import Sdk
from flowd.names import ENDPOINTS
from flowd.payload import Payload
from flowd.services.ports import Call, Members, Service, ServiceError
from tests.engine.ledger import QUEUES, Rows
from tests.engine.test_embedded import Box


class Remote:
    once = False

    def offers(self, service: str, operation: str) -> bool:
        return True

    async def invoke(self, service: str, operation: str, members: Mapping[str, Any], task: str) -> dict[str, Any]:
        return {"from": "afar"}


def put(rows: Rows, members: Members, call: Call) -> dict[str, Any]:
    rows.put("puts", str(int(rows.get("puts") or 0) + 1))
    return {"Attributes": {"n": {"N": rows.get("puts")}}}


TABLES: Service[Rows] = Service("dynamodb", {"PutItem": put})


class Hanging(Sdk):
    """Its call has been answered, and the daemon ends before anybody hears of it."""

    async def call(self, task: TaskCall) -> Outcome:
        await super().call(task)
        self.answered.set()
        await asyncio.Event().wait()
        raise AssertionError

    answered = asyncio.Event()


async def test_a_task_at_an_embedded_service_has_its_effect_once_though_the_daemon_is_killed(tmp_path: Path) -> None:
    class Killed(Box):
        hang = True

        async def wire(self) -> None:
            self.cloud = Cloud(self.core.embedded, {})
            self.core.embedded.register(TABLES, Rows)
            self.rows["aws-sdk:dynamodb"] = (Hanging if self.hang else Sdk)(self.cloud)
            self.registry.rows.update(self.rows)

    box = Killed(tmp_path)
    await box.boot()
    state = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem", "End": True}
    machine = await box.machine(
        {"StartAt": "T", "States": {"T": {**state, "Parameters": {"TableName": "t", "Item": {}}}}}
    )
    Hanging.answered = asyncio.Event()
    started = await box.core.executions.start(machine, None, Payload.of({}))
    await Hanging.answered.wait()
    box.hang = False
    await box.core.stop()
    await box.boot()
    row = await box.execution(started.arn)
    assert row.status == "SUCCEEDED"
    assert await box.output(started.arn) == {"Attributes": {"n": {"N": "1"}}}
    await box.core.stop()


async def test_services_are_here_off_or_passed_on(tmp_path: Path) -> None:
    async with Box(tmp_path) as box:
        box.core.embedded.register(QUEUES, Rows)
        cloud = Cloud(box.core.embedded, {"glue": "aws", "sqs": "here", "sns": "off"}, Remote())
        assert cloud.refuse("sqs", "SendMessage") is None
        assert cloud.refuse("glue", "StartJobRun") is None
        assert "CreateQueue of sqs is not built in flowd; to call AWS's own" in (
            cloud.refuse("sqs", "CreateQueue") or ""
        )
        assert "[services] sns in flowd.toml" in (cloud.refuse("sns", "Publish") or "")
        assert 'write batch = "aws" into [services]' in (cloud.refuse("batch", "SubmitJob") or "")
        assert (cloud.once("sqs"), cloud.once("glue")) == (True, False)
        assert await cloud.invoke("glue", "StartJobRun", {}, "k") == {"from": "afar"}
        with pytest.raises(NotYetBuilt):
            await cloud.invoke("sns", "Publish", {}, "k")


class Far(BaseHTTPRequestHandler):
    """A stand-in for AWS that speaks JSON."""

    signed: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.signed.append(self.headers["Authorization"].split("/")[2])
        self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["X-Amz-Target"].endswith("DescribeEventBus")
        body = {"Name": "b", "CreationTime": 5} if known else {"__type": "LimitExceededException", "message": "enough"}
        text = json.dumps(body).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        return None


async def test_calls_are_passed_through_by_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with ThreadingHTTPServer(("127.0.0.1", 0), Far) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        remote = PassThrough({"events": f"http://127.0.0.1:{server.server_port}"}, region="eu-west-1")
        try:
            assert await remote.invoke("events", "DescribeEventBus", {}, "k") == {"Name": "b", "CreationTime": 5.0}
            with pytest.raises(ServiceError, match="enough") as caught:
                await remote.invoke("events", "CreateEventBus", {"Name": "b"}, "k")
            assert caught.value.code == "LimitExceededException"
        finally:
            remote.stop()
            server.shutdown()
            thread.join()
    with pytest.raises(ServiceError) as caught:
        closed = PassThrough({"events": "http://127.0.0.1:9"}, profile="no-such-profile")
        await closed.invoke("events", "DescribeEventBus", {}, "k")
    assert caught.value.code == "SdkClientException"


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment in which boto3 finds nothing but keys."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    return monkeypatch


async def _asked(place: str) -> str:
    """What is said of one call; "" if it was answered."""
    remote = PassThrough({"events": place}, own_region="eu-north-1")
    try:
        await remote.invoke("events", "DescribeEventBus", {}, "k")
    except ServiceError as error:
        assert error.code == "SdkClientException"
        return error.message
    finally:
        remote.stop()
    return ""


async def test_without_a_region_aws_is_not_asked_and_the_way_out_is_told(unset: pytest.MonkeyPatch) -> None:
    said = await _asked("aws")
    assert "no region" in said and "region into [aws] of flowd.toml" in said and "AWS_DEFAULT_REGION" in said
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        unset.delenv(name)
    unset.setenv("AWS_EC2_METADATA_DISABLED", "true")
    unset.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert "no credentials" in await _asked("aws")


async def test_who_is_behind_a_url_is_asked_in_boto3_s_region_else_in_the_daemon_s(unset: pytest.MonkeyPatch) -> None:
    Far.signed.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Far) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            assert await _asked(f"http://127.0.0.1:{server.server_port}") == ""
            unset.setenv("AWS_DEFAULT_REGION", "eu-west-2")
            assert await _asked(f"http://127.0.0.1:{server.server_port}") == ""
        finally:
            server.shutdown()
            thread.join()
    assert Far.signed == ["eu-north-1", "eu-west-2"]


async def test_sdks_are_told_of_every_service_that_is_here(tmp_path: Path) -> None:
    async with Box(tmp_path) as box:
        served = {service.name for service, _ in SERVICES} | {"s3"}
        assert served <= set(ENDPOINTS)
        assert set(box.core.embedded.services) >= served - {"s3"}
