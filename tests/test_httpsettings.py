"""The section [http]: what it may say, and that what it may not is told with its name."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from flowd.errors import ConfigError
from flowd.httpsettings import HttpSettings, is_path, read

TEXT = """
keys = { shop = "a-secret-of-this-shop" }
rate = 20
cors = ["https://shop.test"]
callbacks = true

[[routes]]
route = "POST /orders"
machine = "order"
input = { "id.$" = "$.body.id" }
execution_name = "$.headers.idempotency-key"

[[routes]]
route = "get /orders/{name}"
machine = "order"
action = "status"

[[routes]]
route = "ANY /{proxy+}"
function = "site"
format = "1.0"
key = false
"""


def from_text(text: str) -> HttpSettings:
    return read(tomllib.loads(text), ("127.0.0.1", 8090), "flowd.toml")


def test_a_short_setting_is_enough() -> None:
    http = from_text(TEXT)
    assert (http.require_key, http.rate, http.burst, http.callbacks, http.approvals) == (True, 20, 40, True, False)
    assert http.base_url == "http://127.0.0.1:8090"
    order, status, site = http.routes
    assert (order.method, order.path, order.action, order.target, order.status) == (
        *("POST", "/orders", "start", "order"),
        202,
    )
    assert (order.input, order.has_input, order.execution_name) == (
        {"id.$": "$.body.id"},
        True,
        "$.headers.idempotency-key",
    )
    assert (status.method, status.action, status.status) == ("GET", "status", 200)
    assert (site.path, site.action, site.format, site.key) == ("/{proxy+}", "function", "1.0", False)


def test_links_point_to_where_others_reach_it() -> None:
    assert from_text('url = "https://api.example/"').base_url == "https://api.example"
    assert read({}, ("::1", 80), "f").base_url == "http://[::1]:80"
    assert read({}, None, "f") == HttpSettings(burst=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('keys = { a = "short" }', "[http] keys.a must be a secret of 16 characters or more"),
        ('rate = "fast"', "[http] rate must be a number, 0 or above"),
        ("cors = 1", "[http] cors must be a list of texts"),
        ("routes = 1", "[http] routes must be tables: [[http.routes]]"),
        ('[[routes]]\nroute = "POST"\nmachine = "m"', "[[http.routes]] 1: route must be a method and a path"),
        ('[[routes]]\nroute = "FETCH /x"\nmachine = "m"', "methods are ANY, DELETE"),
        ('[[routes]]\nroute = "GET /x"', "1: machine or function must be there, and only one of them"),
        ('[[routes]]\nroute = "GET /x"\nmachine = "m"\naction = "stop"', "action must be start or startSync or status"),
        ('[[routes]]\nroute = "GET /x"\nmachine = "m"\naction = "status"', "a path with {name}"),
        ('[[routes]]\nroute = "GET /x"\nmachine = "m"\nstatus = 99', "status must be a number from 200 to 599"),
        ('[[routes]]\nroute = "GET /x"\nmachine = "m"\ncolour = "red"', "colour must be left out: there are"),
        ('[[routes]]\nroute = "GET /x"\nfunction = "f"\nformat = "3"', 'format must be "1.0" or "2.0"'),
        ('[[routes]]\nroute = "GET /x"\nmachine = "m"\nerrors = { E = "x" }', "errors must be a table of statuses"),
    ],
)
def test_what_cannot_be_is_told_with_its_name(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        from_text(text)
    assert message in raised.value.message
    assert raised.value.message.startswith("flowd.toml: ")


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("/", True),
        ("/a/{b}/c", True),
        ("/a/{b+}", True),
        ("$default", True),
        ("a", False),
        ("/{a+}/b", False),
        ("/a b", False),
    ],
)
def test_paths_are_those_of_api_gateway(path: str, good: Any) -> None:
    assert is_path(path) is good
