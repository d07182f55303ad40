"""Keys, rates, browsers of other origins, and the description of it all."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.api.front.guard import Guard
from flowd.api.front.requests import Problem, Request
from flowd.httpsettings import HttpSettings
from flowd.routes import Route
from tests.api.box import Box
from tests.api.front.stage import Stage

KEY = "a-secret-of-this-shop"


def hello(method: str = "GET", path: str = "/hello", **more: Any) -> Route:
    return Route(method=method, path=path, action="function", target="hello", source="t", **more)


def stage_of(box: Box, *routes: Route, **settings: Any) -> Stage:
    stage = Stage(box, *(routes or (hello(),)), **settings)
    stage.host.handlers["hello"] = lambda event: {"hi": 1}
    return stage


async def test_a_key_is_asked_for_where_there_are_keys(box: Box) -> None:
    stage = stage_of(box, keys={"shop": KEY})
    status, body = await stage.json("GET", "/hello")
    assert (status, body["message"]) == (403, "Forbidden")
    assert "x-api-key" in body["reason"]
    assert (await stage.json("GET", "/hello", headers={"x-api-key": "another"}))[0] == 403
    assert await stage.json("GET", "/hello", headers={"X-Api-Key": KEY}) == (200, {"hi": 1})


async def test_a_route_may_ask_otherwise_than_all(box: Box) -> None:
    open_, closed = hello(path="/open", key=False), hello(path="/closed", key=True)
    stage = stage_of(box, open_, closed, keys={"shop": KEY})
    assert (await stage.ask("GET", "/open")).status_code == 200
    assert (await stage.ask("GET", "/closed")).status_code == 403


def asked(ip: str = "1.2.3.4", key: str = "") -> Request:
    return Request("GET", "/", "", (("x-api-key", key),), b"", ip, "r", 0)


def test_a_caller_that_asks_too_often_has_to_wait() -> None:
    now = [0.0]
    guard = Guard(HttpSettings(keys={"shop": KEY}, rate=2, burst=3), lambda: now[0])
    for _ in range(3):
        guard.admit(asked(), None)
    with pytest.raises(Problem) as raised:
        guard.admit(asked(), None)
    assert raised.value.status == 429
    guard.admit(asked(ip="4.3.2.1"), None)  # others are not held up
    guard.admit(asked(key=KEY), None)  # a key has a rate of its own, wherever it comes from
    now[0] += 0.5
    guard.admit(asked(), None)
    with pytest.raises(Problem):
        guard.admit(asked(), None)


async def test_a_browser_of_an_allowed_origin_may_ask_and_read(box: Box) -> None:
    stage = stage_of(box, hello("POST"), cors=["https://shop.test"])
    wish = {"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"}
    answer = await stage.ask("OPTIONS", "/hello", headers=wish)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.test"
    assert answer.headers["access-control-allow-methods"] == "POST,OPTIONS"
    answer = await stage.ask("POST", "/hello", headers={"Origin": "https://shop.test"})
    assert answer.headers["access-control-allow-origin"] == "https://shop.test"
    wish["Origin"] = "https://evil.test"
    answer = await stage.ask("OPTIONS", "/hello", headers=wish)
    assert answer.status_code == 403
    answer = await stage.ask("POST", "/hello", headers={"Origin": "https://evil.test"})
    assert "access-control-allow-origin" not in answer.headers


async def test_the_description_names_routes_parameters_and_keys(box: Box) -> None:
    routes = (
        hello("POST", "/orders/{id}", key=False),
        Route(method="POST", path="/sum", action="startSync", target="sum", errors={"Bad": 422}, source="t"),
    )
    _, shown = await stage_of(box, *routes, keys={"shop": KEY}).json("GET", "/openapi.json")
    assert (shown["openapi"], shown["servers"]) == ("3.0.3", [{"url": "https://api.test"}])
    order = shown["paths"]["/orders/{id}"]["post"]
    assert order["parameters"] == [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    assert "security" not in order
    sum_ = shown["paths"]["/sum"]["post"]
    assert sum_["security"] == [{"key": []}]
    assert sum_["responses"] == {"200": {"description": "done"}, "422": {"description": "Bad"}}
    assert KEY not in str(shown)


async def test_what_is_off_is_not_there(box: Box) -> None:
    stage = stage_of(box, callbacks=False, approvals=False, openapi=False)
    for path in ("/openapi.json", "/callback/x", "/decide/x.y", "/links"):
        assert (await stage.ask("POST", path)).status_code == 404, path
