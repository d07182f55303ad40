"""The HTTP front of a real daemon: an order that comes in by HTTP and waits for a decision by link, through kill -9."""

from __future__ import annotations

import json
import re
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.crash.real_box import Box

pytestmark = pytest.mark.slow

SETTINGS = """
[http]
listen = "127.0.0.1:{port}"
keys = {{ shop = "a-secret-of-this-shop" }}
callbacks = true
approvals = true

[[http.routes]]
route = "POST /orders"
machine = "order"
execution_name = "$.headers.idempotency-key"

[[http.routes]]
route = "GET /orders/{{name}}"
machine = "order"
action = "status"

[[http.routes]]
route = "GET /hello/{{who}}"
function = "hello"
key = false
"""
HELLO = """
def handler(event, context):
    return {"statusCode": 200, "body": f"hello {event['pathParameters']['who']}"}
"""
KEY = {"x-api-key": "a-secret-of-this-shop"}
ORDER: dict[str, Any] = {
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:us-east-1:000000000000:activity:desk",
            "Parameters": {"Prompt": {"Title": "Ship it?"}, "order.$": "$.order"},
            "End": True,
        }
    },
}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("http"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (box.home / "flowd.toml").write_text(SETTINGS.format(port=port))
    (box.functions / "hello.py").write_text(HELLO)
    box.drop("order", ORDER)
    box.start()
    box.machine("order")
    yield box
    box.close()


@pytest.fixture
def http(box: Box) -> Iterator[httpx.Client]:
    listen = re.search(r'listen = "(.+)"', (box.home / "flowd.toml").read_text())
    assert listen is not None
    with httpx.Client(base_url=f"http://{listen[1]}") as client:
        yield client


def test_a_function_answers_a_route(http: httpx.Client) -> None:
    answer = http.get("/hello/world")
    assert (answer.status_code, answer.text) == (200, "hello world")


def test_an_order_is_started_once_and_decided_by_a_link_after_kills(box: Box, http: httpx.Client) -> None:
    headers = {**KEY, "idempotency-key": "o-1"}
    begun = http.post("/orders", json={"order": 7}, headers=headers)
    assert begun.status_code == 202
    box.again()
    again = http.post("/orders", json={"order": 7}, headers=headers)
    assert again.json()["executionArn"] == begun.json()["executionArn"]
    [prompt] = box.until("it asks", lambda: box.prompts(begun.json()["executionArn"]))
    assert http.get("/orders/o-1", headers=KEY).json()["status"] == "RUNNING"
    with httpx.Client(transport=httpx.HTTPTransport(uds=box.environ["FLOWD_SOCKET"])) as own:
        made = own.post(
            "http://flowd/",
            content=json.dumps({"promptId": prompt["id"]}),
            headers={"x-amz-target": "Flowd.CreateLink", "content-type": "application/x-amz-json-1.0"},
        )
    path = urllib.parse.urlsplit(made.json()["url"]).path
    assert "Ship it?" in http.get(path).text
    box.again()
    assert http.post(path, data={"choice": "0"}).status_code == 200
    assert json.loads(box.ended(begun.json()["executionArn"])["output"]) == {"decision": "approve"}
    box.again()
    assert http.post(path, data={"choice": "1"}).status_code == 410
    assert http.get("/orders/o-1", headers=KEY).json()["output"] == {"decision": "approve"}
    assert http.get("/orders/o-1").status_code == 403
