"""Routes of state machines: starting, waiting for EXPRESS ones, asking what became of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.errors import ConfigError
from flowd.routes import Route
from tests.api.box import PASS, WAIT, Box
from tests.api.front.stage import Stage

ECHO = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
FAILS = json.dumps(
    {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "Order.NotFound", "Cause": "no such order"}}}
)
ROLE = "arn:aws:iam::000000000000:role/flowd"


def route(method: str, path: str, action: Any = "start", target: str = "echo", **more: Any) -> Route:
    return Route(method=method, path=path, action=action, target=target, source="template.yaml", **more)


async def made(box: Box, name: str, definition: str, type: str = "STANDARD") -> str:
    found = await box.call("create_state_machine", name=name, definition=definition, roleArn=ROLE, type=type)
    return str(found["stateMachineArn"])


async def input_of(box: Box, arn: str) -> Any:
    return json.loads((await box.call("describe_execution", executionArn=arn))["input"])


async def test_a_request_starts_an_execution_with_its_body(box: Box) -> None:
    await made(box, "echo", ECHO)
    stage = Stage(box, route("POST", "/orders", status=202))
    status, body = await stage.json("POST", "/orders", json={"n": 1})
    assert status == 202
    assert sorted(body) == ["executionArn", "name", "startDate"]
    assert await input_of(box, body["executionArn"]) == {"n": 1}


@pytest.mark.parametrize(
    "template",
    [
        {"id.$": "$.path.id", "q.$": "$.query.q", "n.$": "$.body.n", "via": "http", "h.$": "$.headers.x-more"},
        {
            "id": "{% $states.input.path.id %}",
            "q": "{% $states.input.query.q %}",
            "n": "{% $states.input.body.n %}",
            "via": "http",
            "h": "{% $states.input.headers.`x-more` %}",
        },
    ],
)
async def test_a_template_makes_the_input_in_either_query_language(box: Box, template: Any) -> None:
    await made(box, "echo", ECHO)
    stage = Stage(box, route("PUT", "/orders/{id}", input=template, has_input=True))
    status, body = await stage.json("PUT", "/orders/a%2Fb?q=x%20y", json={"n": 7}, headers={"X-More": "z"})
    assert status == 200
    assert await input_of(box, body["executionArn"]) == {"id": "a/b", "q": "x y", "n": 7, "via": "http", "h": "z"}


async def test_a_request_that_lacks_what_the_template_needs_is_told_so(box: Box) -> None:
    await made(box, "echo", ECHO)
    stage = Stage(box, route("POST", "/orders", input={"n.$": "$.body.n"}, has_input=True))
    status, body = await stage.json("POST", "/orders", json={})
    assert (status, body["message"]) == (400, "The request does not have what this route needs")
    assert "$.body.n" in body["reason"]


async def test_the_request_may_name_the_execution_so_that_it_is_started_once(box: Box) -> None:
    await made(box, "wait", WAIT)
    stage = Stage(box, route("POST", "/x", target="wait", execution_name="$.headers.idempotency-key"))
    first = await stage.json("POST", "/x", json={"n": 1}, headers={"Idempotency-Key": "k1"})
    again = await stage.json("POST", "/x", json={"n": 1}, headers={"Idempotency-Key": "k1"})
    assert first[1]["executionArn"] == again[1]["executionArn"]
    assert first[1]["name"] == "k1"
    other = await stage.json("POST", "/x", json={"n": 2}, headers={"Idempotency-Key": "k1"})
    assert (other[0], other[1]["code"]) == (409, "ExecutionAlreadyExists")


async def test_an_express_machine_answers_with_its_output(box: Box) -> None:
    await made(box, "echo", ECHO, "EXPRESS")
    stage = Stage(box, route("POST", "/sum", "startSync"))
    assert await stage.json("POST", "/sum", json={"a": [1, 2]}) == (200, {"a": [1, 2]})


async def test_errors_become_the_statuses_that_the_route_gives_them(box: Box) -> None:
    await made(box, "fails", FAILS, "EXPRESS")
    plain = Stage(box, route("POST", "/x", "startSync", "fails"))
    status, body = await plain.json("POST", "/x", json={})
    assert (status, body["message"], body["error"]) == (500, "no such order", "Order.NotFound")
    mapped = Stage(box, route("POST", "/x", "startSync", "fails", errors={"Order.NotFound": 404}))
    assert (await mapped.json("POST", "/x", json={}))[0] == 404


async def test_a_standard_machine_cannot_be_waited_for(box: Box) -> None:
    await made(box, "echo", ECHO)
    stage = Stage(box, route("POST", "/x", "startSync"))
    status, body = await stage.json("POST", "/x", json={})
    assert (status, body["code"]) == (400, "StateMachineTypeNotSupported")


async def test_what_became_of_an_execution_can_be_asked(box: Box) -> None:
    await made(box, "pass", PASS)
    stage = Stage(box, route("POST", "/x", target="pass"), route("GET", "/x/{name}", "status", "pass"))
    _, begun = await stage.json("POST", "/x", json={})
    await box.world.settle()
    status, body = await stage.json("GET", f"/x/{begun['name']}")
    assert (status, body["status"], body["output"]) == (200, "SUCCEEDED", {"Arg1": "argument1"})
    status, body = await stage.json("GET", "/x/never")
    assert (status, body["code"]) == (404, "ExecutionDoesNotExist")


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "message"),
    [
        ("POST", "/nowhere", {}, 404, "Not Found"),
        ("GET", "/orders", {}, 405, "Method Not Allowed"),
        ("POST", "/orders", {"content": b"{oops"}, 400, "The body is not JSON"),
        ("POST", "/orders", {"content": b"x" * 2_000}, 413, "Request Entity Too Large"),
        ("POST", "/missing", {}, 404, "State Machine Does Not Exist"),
    ],
)
async def test_what_cannot_be_done_is_said_as_json(
    box: Box, method: str, path: str, more: dict[str, Any], status: int, message: str
) -> None:
    stage = Stage(box, route("POST", "/orders"), route("POST", "/missing", target="missing"), largest_body=1_000)
    found, body = await stage.json(method, path, **more)
    assert found == status
    assert body["message"].startswith(message)


async def test_a_template_that_cannot_be_is_refused_when_it_is_loaded(box: Box) -> None:
    with pytest.raises(ConfigError, match=r"template.yaml: POST /x: "):
        Stage(box, route("POST", "/x", input={"n.$": "$.body["}, has_input=True))


async def test_a_route_belongs_to_who_had_it_first(box: Box) -> None:
    stage = Stage(box)
    problems = stage.front.set_routes([route("POST", "/x"), route("POST", "/x", target="other")])
    assert problems == ["template.yaml: POST /x belongs to template.yaml already"]


async def test_the_front_listens_and_stops(box: Box) -> None:
    await made(box, "echo", ECHO, "EXPRESS")
    stage = Stage(box, route("POST", "/sum", "startSync"))
    await stage.front.start()
    async with stage.http.__class__(base_url=stage.front.url or "") as client:
        assert (await client.post("/sum", json=[1])).json() == [1]
        assert (await client.head("/openapi.json")).content == b""
    await stage.front.stop()
