"""Authorizers: functions and signatures say who comes in, and what routes hear of him."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from flowd.functions import FunctionResult
from flowd.routes import Authorizer, Route
from tests.api.box import Box
from tests.api.front.stage import BASE, Stage

TOKEN = Authorizer(kind="token", function="who", sources=("method.request.header.X-Token",), pattern="t-.+")
REQUEST = Authorizer(kind="request", function="who", sources=("method.request.querystring.who",))
SIMPLE = Authorizer(kind="request", function="who", sources=("$request.header.x-token",), format="2.0", simple=True)
ARN = "arn:aws:execute-api:us-east-1:000000000000:shop/prod/GET/orders/7"


def stage_of(box: Box, authorizer: Authorizer, result: Any, form: Any = "1.0") -> Stage:
    route = Route(
        method="ANY", path="/orders/{id}", action="function", target="f", format=form, stage="prod", api="shop",
        authorizer=authorizer, source="t",
    )  # fmt: skip
    stage = Stage(box, route)
    stage.host.handlers["who"] = lambda event: result
    stage.host.handlers["f"] = lambda event: {"statusCode": 200, "body": "in"}
    return stage


def policy(
    effect: str = "Allow", resource: Any = "*", action: Any = "execute-api:Invoke", **more: Any
) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return {"principalId": "ann", "policyDocument": {"Statement": [statement]}, "context": {"n": 1, "who": "Ann"}}


def both(**denied: Any) -> dict[str, Any]:
    """Everything is allowed but what is denied."""
    result = policy()
    result["policyDocument"]["Statement"].append({"Effect": "Deny", "Action": "execute-api:Invoke"} | denied)
    if "NotAction" in denied:
        del result["policyDocument"]["Statement"][1]["Action"]
    return result


async def test_a_token_is_shown_to_the_function_and_what_it_says_to_the_route(box: Box) -> None:
    stage = stage_of(box, TOKEN, policy(resource=ARN))
    assert (await stage.ask("GET", "/orders/7", headers={"X-Token": "t-1"})).text == "in"
    asked, event = stage.host.events
    assert asked == {"type": "TOKEN", "methodArn": ARN, "authorizationToken": "t-1"}
    assert event["requestContext"]["authorizer"] == {"principalId": "ann", "n": "1", "who": "Ann"}


async def test_who_shows_nothing_or_the_wrong_thing_is_not_asked_about(box: Box) -> None:
    stage = stage_of(box, TOKEN, policy())
    for headers in ({}, {"X-Token": "x"}):
        assert await stage.json("GET", "/orders/7", headers=headers) == (401, {"message": "Unauthorized"})
    assert stage.host.events == []


async def test_a_token_made_to_keep_a_pattern_busy_holds_up_nobody(box: Box) -> None:
    slow = Authorizer(kind="token", function="who", sources=TOKEN.sources, pattern="(?:a|aa)+[^a]")
    stage = stage_of(box, slow, policy())
    async with asyncio.timeout(10):
        for token, status in (("a" * 60, 401), ("aab", 200)):
            answer = await stage.ask("GET", "/orders/7", headers={"X-Token": token})
            assert answer.status_code == status


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (policy(resource=["arn:aws:execute-api:*:*:shop/*/GET/*"]), 200),
        (policy(action=["execute-api:*"], resource=ARN.replace("7", "?")), 200),
        (policy("Deny"), 403),
        (policy(action="execute-api:Inv*"), 200),
        (policy(action="execute-api:ManageConnections"), 403),
        (both(Resource=f"{ARN}"), 403),
        (both(Action="execute-api:I*", Resource="*"), 403),
        (both(NotResource=ARN.replace("7", "8")), 403),
        (both(NotResource=ARN), 200),
        (both(NotAction="execute-api:ManageConnections", Resource="*"), 403),
        (both(NotAction="execute-api:*", Resource="*"), 200),
        (policy(resource=ARN.replace("GET", "PUT")), 403),
        (policy(action="s3:*"), 403),
        (policy(Condition={"x": {}}), 403),
        (policy() | {"policyDocument": {"Statement": []}}, 403),
        ({"principalId": "ann"}, 500),
        ("yes", 500),
        (FunctionResult(error="Error", cause=json.dumps({"errorMessage": "Unauthorized"})), 401),
        (FunctionResult(error="Error", cause=json.dumps({"errorMessage": "broken"})), 500),
    ],
)
async def test_a_policy_decides(box: Box, result: Any, status: int) -> None:
    stage = stage_of(box, REQUEST, result)
    answer = await stage.ask("GET", "/orders/7?who=ann")
    assert answer.status_code == status
    asked = stage.host.events[0]
    assert (asked["type"], asked["methodArn"], asked["pathParameters"]) == ("REQUEST", ARN, {"id": "7"})
    assert "body" not in asked


@pytest.mark.parametrize(("result", "status"), [({"isAuthorized": True, "context": {"a": [1]}}, 200), ({}, 403)])
async def test_an_http_apis_function_says_yes_or_no(box: Box, result: Any, status: int) -> None:
    stage = stage_of(box, SIMPLE, result, "2.0")
    answer = await stage.ask("GET", "/orders/7", headers={"X-Token": "t"})
    assert answer.status_code == status
    assert stage.host.events[0]["identitySource"] == ["t"]
    assert stage.host.events[0]["routeArn"] == ARN
    if status == 200:
        assert stage.host.events[1]["requestContext"]["authorizer"] == {"lambda": {"a": [1]}}


@pytest.mark.parametrize(
    ("secret", "status", "message"),
    [("secret", 200, ""), ("another", 403, "signature"), (None, 403, "Missing Authentication Token")],
)
async def test_a_signature_of_the_daemons_key_opens(box: Box, secret: str | None, status: int, message: str) -> None:
    stage = stage_of(box, Authorizer(kind="iam"), None)
    request = AWSRequest("PUT", f"{BASE}/orders/a%20b?x=1", data=b'{"n": 1}')
    if secret is not None:
        SigV4Auth(Credentials("AKIA", secret), "execute-api", "us-east-1").add_auth(request)
    answer: httpx.Response = await stage.ask(
        "PUT", "/orders/a%20b?x=1", content=b'{"n": 1}', headers=dict(request.headers.items())
    )
    assert answer.status_code == status
    assert message in answer.text
