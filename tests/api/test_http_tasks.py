"""An HTTP Task in a machine and in TestState, with a connection that was made over the API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from flowd.engine.connections import StoredConnections
from flowd.integrations.http import Http
from flowd.integrations.webcalls import HIDDEN
from tests.api.box import ROLE, Box
from tests.integrations.test_http import streamed

STATE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::http:invoke",
    "Parameters": {
        "ApiEndpoint": "https://api/orders",
        "Method": "POST",
        "Authentication": {"ConnectionArn.$": "$.connection"},
        "RequestBody.$": "$.order",
    },
    "ResultSelector": {"id.$": "$.ResponseBody.id"},
    "End": True,
}


async def connected(box: Box, answer: httpx.Response) -> str:
    """An HTTP integration in front of one answer; the ARN of a connection for it."""
    transport = httpx.MockTransport(lambda request: streamed(answer))
    http = Http(StoredConnections(box.world.core.db), box.world.clock, transport)
    box.world.registry.rows["http"] = http
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "secret"}}
    events = box.aws("events")
    made = await asyncio.to_thread(
        events.create_connection, Name="shop", AuthorizationType="API_KEY", AuthParameters=key
    )
    return str(made["ConnectionArn"])


async def tried(box: Box, **members: Any) -> Any:
    answer = await box.call("test_state", definition=json.dumps(STATE), roleArn=ROLE, **members)
    return answer


async def test_a_machine_calls_with_a_connection(box: Box) -> None:
    connection = await connected(box, httpx.Response(200, json={"id": 7}))
    machine = await box.machine(json.dumps({"StartAt": "H", "States": {"H": STATE}}))
    run = await box.run(machine, input=json.dumps({"connection": connection, "order": {"n": 1}}))
    assert json.loads((await box.call("describe_execution", executionArn=run))["output"]) == {"id": 7}
    types = [event["type"] for event in (await box.call("get_execution_history", executionArn=run))["events"]]
    assert types[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]


async def test_teststate_shows_the_exchange_when_it_traces_and_secrets_only_when_asked(box: Box) -> None:
    connection = await connected(box, httpx.Response(200, json={"id": 7}, headers={"X-A": "b"}))
    given = {"input": json.dumps({"connection": connection, "order": {"n": 1}})}
    found = (await tried(box, **given, inspectionLevel="TRACE"))["inspectionData"]
    assert (found["request"]["method"], found["request"]["url"]) == ("POST", "https://api/orders")
    assert found["request"]["body"] == '{"n":1}'
    assert f"X-Key: {HIDDEN}" in found["request"]["headers"]
    assert (found["response"]["statusCode"], found["response"]["body"]) == ("200", '{"id":7}')
    found = (await tried(box, **given, inspectionLevel="TRACE", revealSecrets=True))["inspectionData"]
    assert "X-Key: secret" in found["request"]["headers"]
    found = (await tried(box, **given, inspectionLevel="DEBUG"))["inspectionData"]
    assert "request" not in found


async def test_teststate_shows_what_was_refused(box: Box) -> None:
    connection = await connected(box, httpx.Response(402, text="pay first"))
    given = {"input": json.dumps({"connection": connection, "order": {}}), "inspectionLevel": "TRACE"}
    found = await tried(box, **given)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "States.Http.StatusCode.402", "pay first")
    assert found["inspectionData"]["response"]["statusMessage"] == "Payment Required"
