"""Lambda proxy integration in both formats: the event a function gets, and what becomes of its result."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowd.functions import FunctionResult
from flowd.routes import Route
from tests.api.box import Box
from tests.api.front.stage import Stage


def stage_of(box: Box, result: Any, form: Any = "2.0", path: str = "/items/{id}") -> Stage:
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:api"
    stage = Stage(box, Route(method="ANY", path=path, action="function", target=arn, format=form, source="t"))
    stage.host.handlers["api"] = lambda event: result
    return stage


async def test_the_event_of_format_2_has_aws_members(box: Box) -> None:
    stage = stage_of(box, {"statusCode": 204})
    answer = await stage.ask(
        "POST", "/items/7?a=1&a=2&b=", content=b"text", headers={"Cookie": "x=1; y=2", "X-Two": "z", "Host": "api.test"}
    )
    assert answer.status_code == 204
    [event] = stage.host.events
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "ANY /items/{id}", "/items/7")
    assert (event["rawQueryString"], event["queryStringParameters"]) == ("a=1&a=2&b=", {"a": "1,2", "b": ""})
    assert event["cookies"] == ["x=1", "y=2"]
    assert (event["headers"]["x-two"], "cookie" in event["headers"]) == ("z", False)
    assert (event["pathParameters"], event["body"], event["isBase64Encoded"]) == ({"id": "7"}, "text", False)
    context = event["requestContext"]
    assert context["http"]["method"] == "POST"
    assert context["http"]["path"] == "/items/7"
    assert context["requestId"] == answer.headers["x-amzn-requestid"]
    assert context["time"] == "14/Nov/2023:22:13:20 +0000"
    assert context["timeEpoch"] == 1_700_000_000_000


async def test_the_event_of_format_1_has_aws_members(box: Box) -> None:
    stage = stage_of(box, {"statusCode": 200, "body": "ok"}, "1.0")
    await stage.ask("GET", "/items/a%20b?q=1&q=2", headers=[("x-many", "1"), ("x-many", "2")])
    [event] = stage.host.events
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/items/{id}", "/items/a%20b", "GET")
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"q": "2"}
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}
    assert (event["headers"]["x-many"], event["multiValueHeaders"]["x-many"]) == ("2", ["1", "2"])
    assert (event["body"], event["isBase64Encoded"], event["stageVariables"]) == (None, False, None)
    assert event["requestContext"]["resourcePath"] == "/items/{id}"


async def test_bytes_travel_in_base64_both_ways(box: Box) -> None:
    result = {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(b"\xff\x00").decode()}
    stage = stage_of(box, result)
    answer = await stage.ask("POST", "/items/1", content=b"\x00\xff")
    assert answer.content == b"\xff\x00"
    assert stage.host.events[0]["isBase64Encoded"] is True
    assert base64.b64decode(stage.host.events[0]["body"]) == b"\x00\xff"


@pytest.mark.parametrize(
    ("form", "result", "status", "body", "headers"),
    [
        ("2.0", {"hello": 1}, 200, b'{"hello":1}', {"content-type": "application/json"}),
        ("2.0", "plain", 200, b"plain", {"content-type": "application/json"}),
        ("2.0", {"statusCode": 201, "body": {"a": 1}}, 201, b'{"a":1}', {"content-type": "text/plain;charset=utf-8"}),
        ("2.0", {"statusCode": 200, "cookies": ["a=1"]}, 200, b"", {"set-cookie": "a=1"}),
        ("1.0", {"statusCode": "404", "body": "no"}, 404, b"no", {"content-type": "application/json"}),
        (
            "1.0",
            {"statusCode": 200, "headers": {"X-A": "1", "X-B": 2}, "multiValueHeaders": {"x-a": ["3"]}},
            200,
            b"",
            {"x-a": "3", "x-b": "2"},
        ),
    ],
)
async def test_a_result_becomes_the_answer(
    box: Box, form: str, result: Any, status: int, body: bytes, headers: dict[str, str]
) -> None:
    answer = await stage_of(box, result, form).ask("GET", "/items/1")
    assert (answer.status_code, answer.content) == (status, body)
    assert {name: answer.headers[name] for name in headers} == headers


@pytest.mark.parametrize(
    ("form", "result", "reason"),
    [
        ("1.0", {"hello": 1}, "the function's statusCode is null"),
        ("1.0", "text", "the function's result is no object with statusCode"),
        ("2.0", {"statusCode": True}, "the function's statusCode is true"),
        ("2.0", {"statusCode": 700}, "the function's statusCode is 700"),
        (
            "2.0",
            {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
            "the function's header 'x' cannot be sent",
        ),
        ("2.0", {"statusCode": 200, "headers": 7}, "the function's headers are no object"),
        ("2.0", {"statusCode": 200, "isBase64Encoded": True, "body": "%"}, "the function's body is not Base64"),
        ("2.0", FunctionResult(error="ValueError", cause="{}"), "the function failed: ValueError"),
    ],
)
async def test_a_result_that_is_none_is_a_bad_gateway(box: Box, form: str, result: Any, reason: str) -> None:
    status, body = await stage_of(box, result, form).json("GET", "/items/1")
    assert (status, body) == (502, {"message": "Internal server error", "reason": reason})


async def test_a_throttled_function_says_so(box: Box) -> None:
    error = FunctionResult(error="Lambda.TooManyRequestsException", cause="Rate Exceeded.")
    status, body = await stage_of(box, error).json("GET", "/items/1")
    assert (status, body["code"]) == (429, "TooManyRequestsException")


async def test_a_function_that_is_not_there_is_not_found(box: Box) -> None:
    stage = stage_of(box, {})
    stage.host.handlers.clear()
    status, body = await stage.json("GET", "/items/1")
    assert (status, body["code"]) == (404, "ResourceNotFoundException")


async def test_the_outcome_of_a_call_is_not_kept(box: Box) -> None:
    stage = stage_of(box, {"statusCode": 200})
    await stage.ask("GET", "/items/1")
    assert len(stage.host.acknowledged) == 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", "GET /a"),
        ("/a/", "GET /a"),
        ("/a/b", "GET /a/b"),
        ("/a/c", "GET /a/{x}"),
        ("/a/c/d", "GET /a/{rest+}"),
        ("/a//d", "GET /a/{rest+}"),
        ("/elsewhere", "GET /{y}"),
        ("/b/c", "$default"),
        ("//", "$default"),
    ],
)
async def test_fixed_parts_go_before_parameters_and_these_before_the_rest(box: Box, path: str, expected: str) -> None:
    paths = ("$default", "/{y}", "/a/{rest+}", "/a/{x}", "/a/b", "/a")
    routes = [
        Route(method="ANY" if each == "$default" else "GET", path=each, action="function", target="api", source="t")
        for each in paths
    ]
    stage = Stage(box, *routes)
    stage.host.handlers["api"] = lambda event: event["routeKey"]
    assert (await stage.ask("GET", path)).text == expected
