"""Requests that were made to keep the front busy: each ends, and others are answered meanwhile."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowd import patterns
from flowd.api.front import app, mappingtemplates, openapi, requests, work
from flowd.api.front.matching import Router
from flowd.functions import FunctionResult
from flowd.payload import dumps, loads
from flowd.routes import Authorizer, GatewayResponse, Route
from tests.api.box import Box
from tests.api.front.apis import GATEWAY, Apis, aws
from tests.api.front.stage import Stage

BUSY = "(?:a|aa)+[^a]"
FUNCTION = f"{GATEWAY}lambda:path/2015-03-31/functions/echo/invocations"


async def test_words_of_a_failure_that_keep_a_selection_pattern_busy_end_in_an_error(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    integration = aws(FUNCTION, '{"n": 1}')
    integration["IntegrationResponses"].append({"StatusCode": "404", "SelectionPattern": BUSY})
    apis = Apis()
    apis.method("POST", "/", integration)
    stage = Stage.of_template(box, apis.text)
    said = json.dumps({"errorMessage": "a" * 60})
    stage.host.handlers["echo"] = lambda event: FunctionResult(error="Oops", cause=said)
    status, body = await stage.json("POST", "/", json={})
    assert (status, body["reason"]) == (
        500,
        f"the SelectionPattern '{BUSY}' cannot be matched: it takes too long with this text",
    )


def modelled(box: Box, schema: Any) -> Stage:
    apis = Apis()
    apis.add("Order", "AWS::ApiGateway::Model", RestApiId={"Ref": "Api"}, Name="Order", Schema=schema)
    apis.add("Checks", "AWS::ApiGateway::RequestValidator", RestApiId={"Ref": "Api"}, ValidateRequestBody=True)
    checked = {"RequestValidatorId": {"Ref": "Checks"}, "RequestModels": {"application/json": "Order"}}
    mock = {"Type": "MOCK", "RequestTemplates": {"application/json": '{"statusCode": 200}'}}
    apis.method("POST", "/", mock | {"IntegrationResponses": [{"StatusCode": "200"}]}, **checked)
    return Stage.of_template(box, apis.text)


async def test_a_body_that_keeps_its_model_busy_is_refused(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    stage = modelled(box, {"items": {"pattern": BUSY}})
    assert await stage.json("POST", "/", json=["aab"]) == (200, None)
    status, body = await stage.json("POST", "/", json=["a" * 60] * 1_000)
    assert (status, body["message"]) == (400, "Invalid request body")
    assert "cannot be matched" in body["reason"]


@pytest.mark.parametrize("schema", [{"pattern": "("}, {"type": "wish"}])
async def test_a_model_that_is_none_is_told(box: Box, schema: Any) -> None:
    status, body = await modelled(box, schema).json("POST", "/", json="x")
    assert status == 500
    assert "the model of the body cannot be used" in body["reason"]


def guarded(box: Box, authorizer: Authorizer, result: Any, **more: Any) -> Stage:
    route = Route(
        method="GET", path="/{proxy+}", action="function", target="f", format="1.0", stage="prod", api="shop",
        authorizer=authorizer, source="t", **more,
    )  # fmt: skip
    stage = Stage(box, route)
    stage.host.handlers["who"] = result
    stage.host.handlers["f"] = lambda event: {"statusCode": 200, "body": "in"}
    return stage


async def test_a_path_of_many_parts_does_not_keep_the_wildcards_of_a_policy_busy(box: Box) -> None:
    resource = "arn:aws:execute-api:*:*:*/*/*/*/*/*/*x"
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    policy = {"principalId": "ann", "policyDocument": {"Statement": [statement]}}
    authorizer = Authorizer(kind="request", function="who", sources=("method.request.querystring.who",))
    stage = guarded(box, authorizer, lambda event: policy)
    begun = time.monotonic()
    async with asyncio.timeout(20):
        assert (await stage.ask("GET", "/a" * 700 + "?who=ann")).status_code == 403
        assert (await stage.ask("GET", "/a" * 600 + "x?who=ann")).status_code == 200
    assert time.monotonic() - begun < 5


async def test_a_path_too_long_for_an_authorizers_arn_is_refused(box: Box) -> None:
    authorizer = Authorizer(kind="request", function="who", sources=("method.request.querystring.who",))
    stage = guarded(box, authorizer, lambda event: {})
    assert await stage.json("GET", "/" + "a" * 1_600 + "?who=ann") == (414, {"message": "Request URI too long"})
    assert stage.host.events == []


async def test_a_template_that_holds_a_value_over_and_over_is_told_so(box: Box) -> None:
    doubled = f"#set($a = ['{'x' * 1_000}'])#foreach($i in [1..60])#set($a = [$a, $a])#end$util.escapeJavaScript($a)"
    apis = Apis()
    apis.method("POST", "/", aws(FUNCTION, doubled))
    status, body = await Stage.of_template(box, apis.text).json("POST", "/", json={})
    assert (status, body["message"]) == (500, "Internal server error")
    assert "its JSON has more than" in body["reason"]


async def test_an_authorizer_that_does_not_answer_is_given_up_and_stopped(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever time the integration has; AWS answers 500 then, and the API may show it otherwise."""
    authorizer = Authorizer(kind="request", function="who", sources=("method.request.querystring.who",), timeout_s=0.05)
    told = {"application/json": '{"type": "$context.error.responseType"}'}
    for shown, expected in (
        ({}, {"message": "Internal server error", "reason": "the authorizer did not answer in 0.05 seconds"}),
        ({"AUTHORIZER_FAILURE": GatewayResponse(templates=told)}, {"type": "AUTHORIZER_FAILURE"}),
    ):
        stage = guarded(box, authorizer, lambda event: {}, gateway=shown)

        async def never(key: str, *_: Any, **more: Any) -> FunctionResult:
            await asyncio.Event().wait()
            raise AssertionError

        monkeypatch.setattr(stage.host, "invoke", never)
        async with asyncio.timeout(20):
            assert await stage.json("GET", "/a?who=ann") == (500, expected)
        assert len(stage.host.cancelled) == 1


async def test_what_an_authorizer_says_wrongly_is_the_apis_fault(box: Box) -> None:
    authorizer = Authorizer(kind="request", function="who", sources=("method.request.querystring.who",))
    told = {"application/json": '{"type": "$context.error.responseType"}'}
    stage = guarded(
        box, authorizer, lambda event: 7, gateway={"AUTHORIZER_CONFIGURATION_ERROR": GatewayResponse(templates=told)}
    )
    assert await stage.json("GET", "/a?who=ann") == (500, {"type": "AUTHORIZER_CONFIGURATION_ERROR"})


@pytest.mark.parametrize("path", ["/f", "/m"])
async def test_a_long_request_is_worked_on_in_a_thread(box: Box, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a function's event and of a machine's input; a short one stays on the loop, which is quicker."""
    stage = Stage(
        box,
        Route(method="POST", path="/f", action="function", target="f", source="t"),
        Route(method="POST", path="/m", action="start", target="m", source="t"),
    )
    stage.host.handlers["f"] = lambda event: {"statusCode": 200, "body": event["body"]}
    where: list[str] = []

    def dumped(value: Any) -> str:
        where.append(threading.current_thread().name.partition("_")[0])
        return dumps(value)

    monkeypatch.setattr(work, "dumps", dumped)
    monkeypatch.setattr(requests, "loads", lambda text: (dumped(0), loads(text))[1])
    for size, count, thread in ((10, 1, "MainThread"), (100_000, 1, "front"), (10, 1_000, "front")):
        where.clear()
        await stage.ask("POST", path, json={"text": "x" * size}, headers={f"x-{n}": "y" for n in range(count)})
        assert set(where) == {thread}


def test_a_path_is_looked_for_among_ten_thousand_routes_in_no_time() -> None:
    """As often as there are parts in the path, whether it is there or not."""
    routes = [
        Route(method=method, path=f"/{first}/r{number}{rest}", action="start", target="m", source="t")
        for number in range(2_500)
        for first, rest, method in (
            ("api", "/x", "GET"),
            ("{a}/{b}", "", "ANY"),
            ("api", "/{id}", "GET"),
            ("q", "", "GET"),
        )
    ]
    router = Router(routes)
    begun = time.process_time()
    for _ in range(200):
        found = router.find("GET", "/api/r2499/y")
        assert found is not None and (found.route.path, found.parameters) == ("/api/r2499/{id}", {"id": "y"})
        assert router.find("GET", "/api/none/x") is None and router.methods("/api/none/x") == []
    assert time.process_time() - begun < 1


async def test_bodies_that_are_begun_and_not_ended_fill_a_bounded_room(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anybody has shown a key. What is held is free again when a request ends, however it ends."""
    monkeypatch.setattr(app, "HELD", 250_000)
    stage = Stage(box, Route(method="POST", path="/f", action="function", target="f", source="t"))
    stage.host.handlers["f"] = lambda event: {"statusCode": 200}
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        begun.release()
        await go_on.wait()
        yield b"x"

    waiting = [asyncio.create_task(stage.ask("POST", "/f", content=slow())) for _ in range(2)]
    async with asyncio.timeout(20):
        for _ in waiting:
            await begun.acquire()
        refused = await stage.json("POST", "/f", content=b"x" * 100_000)
        assert refused == (
            503,
            {"message": "Service Unavailable", "reason": "too many large requests at once; try again"},
        )
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        assert (await stage.ask("POST", "/f", content=b"x" * 100_000)).status_code == 200
        go_on.set()
        assert (await waiting[1]).status_code == 200
    assert (await stage.ask("POST", "/f", content=b"x" * 240_000)).status_code == 200


async def test_the_description_of_all_routes_is_written_once_for_them(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[int] = []
    describe = openapi.describe

    def counted(settings: Any, routes: Any) -> Any:
        described.append(len(routes))
        return describe(settings, routes)

    monkeypatch.setattr(openapi, "describe", counted)
    first = Route(method="GET", path="/a", action="start", target="m", source="t")
    stage = Stage(box, first)
    for _ in range(3):
        assert list((await stage.json("GET", "/openapi.json"))[1]["paths"]) == ["/a"]
    stage.front.set_routes([first, Route(method="GET", path="/b", action="start", target="m", source="t")])
    assert list((await stage.json("GET", "/openapi.json"))[1]["paths"]) == ["/a", "/b"]
    assert described == [1, 2]


async def test_a_cookie_made_for_those_who_undo_quotes_is_passed_on_at_once(box: Box) -> None:
    stage = Stage(box, Route(method="GET", path="/f", action="function", target="f", format="2.0", source="t"))
    stage.host.handlers["f"] = lambda event: {"statusCode": 200}
    quoted = 'q="' + "\\\\" * 15_000 + '"'
    begun = time.process_time()
    await stage.ask("GET", "/f", headers=[("Cookie", f"a=1; {quoted};odd; b = 2 ; c=d=e"), ("Cookie", "z=")])
    assert time.process_time() - begun < 2
    assert stage.host.events[0]["cookies"] == ["a=1", quoted, "b = 2", "c=d=e", "z="]


def test_a_form_of_a_million_fields_is_not_read() -> None:
    form = requests.Request("POST", "/", "", (), b"a=b&" * 100_000, "", "", 0)
    with pytest.raises(requests.Problem, match="Too Large"):
        form.form()


def test_a_long_text_is_escaped_at_once() -> None:
    assert mappingtemplates.escape("a'\"/\\\n\x00\x7fé😀") == "a\\'\\\"\\/\\\\\\n\\u0000\\u007F\\u00E9\\uD83D\\uDE00"
    begun = time.process_time()
    assert len(mappingtemplates.escape("é'" * 1_000_000)) == 8_000_000
    assert time.process_time() - begun < 2
