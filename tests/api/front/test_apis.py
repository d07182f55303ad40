"""APIs of API Gateway beside integrations: plans, checks, HTTP APIs, origins, and the words of their templates."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from flowd import parametersources as sources
from flowd.api.front.guard import Guard
from flowd.api.front.mappingtemplates import UTIL, Exchange
from flowd.api.front.matching import Match
from flowd.api.front.requests import Problem, Request
from flowd.functions import FunctionResult
from flowd.httpsettings import HttpSettings
from flowd.routes import Checks, Cors, GatewayResponse, Plan, Route
from tests.api.box import WAIT, Box
from tests.api.front.apis import http_api
from tests.api.front.stage import Stage
from tests.api.front.test_machines import ECHO, input_of, made

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:"


def hello(method: str = "GET", path: str = "/hello", **more: Any) -> Route:
    return Route(method=method, path=path, action="function", target="hello", source="t", **more)


def asked(key: str = "") -> Request:
    return Request("GET", "/", "", (("x-api-key", key),), b"", "1.2.3.4", "r", 0)


def test_a_key_of_a_plan_opens_the_routes_of_its_api_at_the_plans_rate() -> None:
    now = [0.0]
    guard = Guard(HttpSettings(keys={"box": "b" * 20, "named": "n" * 20}), lambda: now[0])
    plan = Plan(name="Easy", keys={"partner": "p" * 20, "named": ""}, rate=1, burst=2)
    route, other = hello(key=True, plans=(plan,)), hello(key=True)
    assert guard.admit(asked("p" * 20), route) == "http key partner"
    assert guard.admit(asked("p" * 20), route) == "http key partner"
    with pytest.raises(Problem) as raised:
        guard.admit(asked("p" * 20), route)
    assert raised.value.status == 429
    now[0] += 1
    guard.admit(asked("p" * 20), route)
    guard.admit(asked("n" * 20), route)  # its secret stands in the settings
    guard.admit(asked("b" * 20), route)  # the settings' own keys open all
    for key, asked_of in (("p" * 20, other), ("", route), ("x", route)):
        with pytest.raises(Problem) as raised:
            guard.admit(asked(key), asked_of)
        assert raised.value.status == 403


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/o?page=1", b'{"size": 2}', 200),
        ("/o", b'{"size": 2}', "Missing required request parameters: [page]"),
        ("/o?page=1", b"{", "Invalid request body"),
        ("/o?page=1", b'{"size": "2"}', "Invalid request body"),
    ],
)
async def test_a_request_that_does_not_fit_is_not_passed_on(box: Box, path: str, body: bytes, answer: Any) -> None:
    schema = {"type": "object", "properties": {"size": {"type": "integer"}}}
    checks = Checks(bodies={"application/json": schema}, parameters=("querystring.page",))
    stage = Stage(box, hello("POST", "/o", checks=checks))
    stage.host.handlers["hello"] = lambda event: {}
    status, said = await stage.json("POST", path, content=body)
    assert (status, said.get("message")) == ((200, None) if answer == 200 else (400, answer))
    assert len(stage.host.events) == (answer == 200)


async def test_refusals_look_as_the_api_of_the_route_says(box: Box) -> None:
    said = '{"why": $context.error.messageString, "type": "$context.error.responseType", "no": "$context.none.x"}'
    forbidden = GatewayResponse(status=401, templates={"application/json": said}, headers={"X-Stage": "context.stage"})
    every = GatewayResponse(headers={"Access-Control-Allow-Origin": "'*'"})
    route = hello("POST", key=True, gateway={"INVALID_API_KEY": forbidden, "DEFAULT_5XX": every}, stage="prod")
    stage = Stage(box, route, hello("GET"), keys={"shop": "k" * 20})
    answer = await stage.ask("POST", "/hello")
    assert (answer.status_code, answer.headers["x-stage"]) == (401, "prod")
    assert answer.json() == {"why": "Forbidden", "type": "INVALID_API_KEY", "no": ""}
    stage.host.handlers["hello"] = lambda event: FunctionResult(error="Oops")
    answer = await stage.ask("POST", "/hello", headers={"x-api-key": "k" * 20})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (502, "*")
    assert answer.json()["reason"] == "the function failed: Oops"
    assert (await stage.ask("GET", "/hello")).json()["message"] == "Forbidden"


async def test_an_http_api_starts_and_runs_machines(box: Box) -> None:
    await made(box, "wait", WAIT)
    await made(box, "echo", ECHO, "EXPRESS")
    start = {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "StepFunctions-StartExecution"}
    parameters = {"StateMachineArn": f"{MACHINE}wait", "Input": "$request.body", "Name": "${request.path.name}-x"}
    run = {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "StepFunctions-StartSyncExecution"}
    said = {"StateMachineArn": f"{MACHINE}echo", "Input": '{"q": "${request.querystring.q}", "n": ${request.body.n}}'}
    text = http_api(
        Start={"Key": "POST /start/{name}", "RequestParameters": parameters} | start,
        Run={"Key": "POST /run", "RequestParameters": said} | run,
    )
    stage = Stage.of_template(box, text)
    status, body = await stage.json("POST", "/start/first", json={"a": 1})
    assert (status, body["executionArn"].rpartition(":")[2]) == (200, "first-x")
    assert await input_of(box, body["executionArn"]) == {"a": 1}
    status, body = await stage.json("POST", "/run?q=x", json={"n": 7})
    assert (status, body["status"], json.loads(body["output"])) == (200, "SUCCEEDED", {"q": "x", "n": 7})
    status, body = await stage.json("POST", "/start/first", json={"a": 2})
    assert (status, body["__type"].rpartition("#")[2]) == (400, "ExecutionAlreadyExists")


async def test_an_http_api_sends_and_publishes(box: Box) -> None:
    url = (await asyncio.to_thread(lambda: box.aws("sqs").create_queue(QueueName="jobs")))["QueueUrl"]
    send = {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-SendMessage"}
    put = {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "EventBridge-PutEvents"}
    event = {"Source": "shop", "DetailType": "made", "Detail": "$request.body", "Resources": "a, b"}
    text = http_api(
        Send={"Key": "POST /s", "RequestParameters": {"QueueUrl": url, "MessageBody": "$request.body.m"}} | send,
        Put={"Key": "POST /e", "RequestParameters": event} | put,
    )
    stage = Stage.of_template(box, text)
    assert (await stage.json("POST", "/s", json={"m": {"n": 1}}))[0] == 200
    found = await asyncio.to_thread(lambda: box.aws("sqs").receive_message(QueueUrl=url))
    assert found["Messages"][0]["Body"] == '{"n":1}'
    status, body = await stage.json("POST", "/e", json={"n": 1})
    assert (status, body["FailedEntryCount"]) == (200, 0)


async def test_the_origins_of_an_api_may_ask_and_read_its_routes_only(box: Box) -> None:
    cors = Cors(origins=("https://shop.test",), methods=("POST",), headers=("x-more",), exposed=("x-made",), max_age=5)
    stage = Stage(box, hello("POST", cors=cors), hello("POST", "/other"))
    stage.host.handlers["hello"] = lambda event: {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "own"}}
    wish = {"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"}
    answer = await stage.ask("OPTIONS", "/hello", headers=wish)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "https://shop.test")
    assert answer.headers["access-control-allow-methods"] == "POST"
    assert answer.headers["access-control-allow-headers"] == "x-more"
    assert answer.headers["access-control-max-age"] == "5"
    assert (await stage.ask("OPTIONS", "/other", headers=wish)).status_code == 403
    answer = await stage.ask("POST", "/hello", headers={"Origin": "https://shop.test"})
    assert answer.headers["access-control-expose-headers"] == "x-made"
    assert answer.headers.get_list("access-control-allow-origin") == ["own"]


async def test_a_rest_apis_own_route_answers_browsers(box: Box) -> None:
    stage = Stage(box, hello("ANY", "/{proxy+}", format="1.0"))
    stage.host.handlers["hello"] = lambda event: {"statusCode": 204, "headers": {"Access-Control-Allow-Origin": "*"}}
    wish = {"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"}
    answer = await stage.ask("OPTIONS", "/x", headers=wish)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "*")
    assert stage.host.events[0]["httpMethod"] == "OPTIONS"


# -- the words of templates ------------------------------------------------------------


def written(template: str, body: bytes = b"", **request: Any) -> str:
    route = hello("POST", "/o/{id}", format="1.0", variables={"colour": "red"})
    headers = (("x-more", "a"), ("content-type", "application/json"))
    given = Request("POST", "/o/7", "q=1&q=2", headers, body, "1.2.3.4", "r-1", 0)
    context = {"httpMethod": "POST", "identity": {"sourceIp": "1.2.3.4"}}
    return Exchange(given, Match(route, {"id": "7"}), context).render(template, body)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$input.body|$input.json('$')|$input.path('$')", "{}|{}|{}"),
        ("$input.json('$.none')|$input.path('$.none')|$input.path('$').none.more", '""||'),
        ("$input.params('id') $input.params('q') $input.params('X-MORE') [$input.params('none')]", "7 2 a []"),
        ("$input.params().header.get('x-more') $input.params().path.id $input.params().keySet()",
         "a 7 [path, querystring, header]"),
        ("#foreach($h in $input.params().header.keySet())$h #end", "X-More Content-Type "),
        ("$context.httpMethod $context.identity.sourceIp [$context.authorizer.claims.sub]", "POST 1.2.3.4 []"),
        ("$stageVariables.colour [$stageVariables.none] $stageVariables.keySet()", "red [] [colour]"),
        ("$util.urlEncode('a b&c') $util.urlDecode('a+b%26c') $util.base64Encode('é') $util.base64Decode('w6k=')",
         "a+b%26c a b&c w6k= é"),
        ("$util.parseJson('{\"a\": [1, {\"b\": null}]}').a[0] $util.escapeJavaScript(\"it's\")", "1 it\\'s"),
    ],
)  # fmt: skip
def test_templates_have_api_gateways_words(template: str, expected: str) -> None:
    assert written(template) == expected


def test_a_body_is_read_by_paths() -> None:
    body = b'{"items": [{"id": 1, "name": "a"}, {"id": 2}], "at": 1.50}'
    each = "#foreach($i in $input.path('$.items'))$i.id:$i.name;#end"
    assert written(each, body) == "1:a;2:;"
    assert written("$input.json('$.items[0]') $input.json('items[1].id') $input.json('$.items[*].id')", body) == (
        '{"id":1,"name":"a"} 2 [1,2]'
    )
    with pytest.raises(Problem) as raised:
        written("$input.json('$')", b"{oops")
    assert (raised.value.status, str(raised.value)) == (400, "Could not parse request body into json")


def test_texts_are_escaped_as_java_does() -> None:
    escape = UTIL.methods["escapeJavaScript"]
    assert escape("\"'/\\\n\té\U0001f600\x01") == "\\\"\\'\\/\\\\\\n\\t\\u00E9\\uD83D\\uDE00\\u0001"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'literal'", "literal"),
        ("method.request.header.X-More", "a"),
        ("method.request.multivaluequerystring.q", ["1", "2"]),
        ("method.request.body.items[1].id", 2),
        ("method.request.body.items[9].id", None),
        ("method.request.path.id", "7"),
        ("context.identity.sourceIp", "1.2.3.4"),
        ("stageVariables.colour", "red"),
    ],
)
def test_parameters_come_from_where_expressions_say(expression: str, expected: Any) -> None:
    document = {
        "header": {"x-more": "a"},
        "multivaluequerystring": {"q": ["1", "2"]},
        "path": {"id": "7"},
        "body": '{"items": [{"id": 1}, {"id": 2}]}',
        "context": {"identity": {"sourceIp": "1.2.3.4"}},
        "stageVariables": {"colour": "red"},
    }
    assert sources.value(sources.rest(expression, "method.request"), document) == expected
