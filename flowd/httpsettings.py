"""The section [http] of the settings: a front of HTTP routes, off unless it says where to listen. Pure; opens nothing.

[http]
listen = "127.0.0.1:8090"

[[http.routes]]
route = "POST /orders"
machine = "order"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from flowd.errors import ConfigError
from flowd.routes import Action, Format, Route

KEYS: Final = (
    *("listen", "url", "keys", "require_key", "rate", "burst", "cors", "largest_body", "callbacks", "approvals"),
    *("openapi", "routes"),
)
METHODS: Final = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
LARGEST_BODY: Final = 6 * 1024 * 1024  # what a function takes; AWS's front takes 10 MB
_ROUTE: Final = {
    *("route", "machine", "function", "action", "input", "execution_name", "status", "errors", "key", "format"),
}
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*,;=:@%-]+|\{[A-Za-z0-9_.-]+\}))*(/\{[A-Za-z0-9_.-]+\+\})?/?")
_LEAST_KEY = 16


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How the front is set up. `keys` are names and their secrets; `rate` is requests a second per caller, 0 = any."""

    listen: tuple[str, int] | None = None
    url: str = ""  # as others reach it; "" = as it listens
    keys: Mapping[str, str] = field(default_factory=dict)
    require_key: bool = False
    rate: float = 0.0
    burst: int = 0
    cors: tuple[str, ...] = ()
    largest_body: int = LARGEST_BODY
    callbacks: bool = False
    approvals: bool = False
    openapi: bool = True
    routes: tuple[Route, ...] = ()

    @property
    def base_url(self) -> str:
        """Where links point to."""
        if self.url or self.listen is None:
            return self.url.rstrip("/")
        host, port = self.listen
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def read(values: Mapping[str, Any], listen: tuple[str, int] | None, where: str) -> HttpSettings:
    """From the members of the section; `where` names the file. Raises ConfigError, which names the setting."""
    reader = _Reader(values, f"{where}: [http]")
    keys = reader.texts("keys")
    for name, secret in keys.items():
        if len(secret) < _LEAST_KEY:
            raise reader.fail(f"keys.{name}", f"a secret of {_LEAST_KEY} characters or more")
    rate = reader.number("rate", 0)
    return HttpSettings(
        listen=listen,
        url=reader.text("url", ""),
        keys=keys,
        require_key=reader.flag("require_key", bool(keys)),
        rate=rate,
        burst=int(reader.number("burst", max(1, int(rate * 2)))),
        cors=reader.listed("cors"),
        largest_body=int(reader.number("largest_body", LARGEST_BODY)),
        callbacks=reader.flag("callbacks", False),
        approvals=reader.flag("approvals", False),
        openapi=reader.flag("openapi", True),
        routes=tuple(_route(each, number, where) for number, each in enumerate(reader.tables("routes"), 1)),
    )


class _Reader:
    """Members of one table, checked for their kind."""

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self._values = values
        self._place = place

    def fail(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"{self._place} {key} must be {wanted}")

    def text(self, key: str, default: str | None = None) -> str:
        value = self._values.get(key, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.fail(key, "text in quotes")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def number(self, key: str, default: float) -> float:
        value = self._values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self.fail(key, "a number, 0 or above")
        return value

    def listed(self, key: str) -> tuple[str, ...]:
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.fail(key, 'a list of texts: ["...", "..."]')
        return tuple(value)

    def texts(self, key: str) -> dict[str, str]:
        value = self._values.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise self.fail(key, 'a table of texts: { name = "..." }')
        return value

    def statuses(self, key: str) -> dict[str, int]:
        value = self._values.get(key, {})
        if not isinstance(value, dict) or not all(_is_status(each) for each in value.values()):
            raise self.fail(key, 'a table of statuses: { "Order.NotFound" = 404 }')
        return value

    def tables(self, key: str) -> list[dict[str, Any]]:
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.fail(key, f"tables: [[http.{key}]]")
        return value


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599


def _route(values: dict[str, Any], number: int, where: str) -> Route:
    reader = _Reader(values, f"{where}: [[http.routes]] {number}:")
    unknown = sorted(set(values) - _ROUTE)
    if unknown:
        raise reader.fail(unknown[0], f"left out: there are {', '.join(sorted(_ROUTE))}")
    method, _, path = reader.text("route").partition(" ")
    method, path = method.upper(), path.strip()
    if method not in METHODS or not is_path(path):
        raise reader.fail("route", f"a method and a path, as `POST /orders/{{id}}`; methods are {', '.join(METHODS)}")
    if ("machine" in values) == ("function" in values):
        raise reader.fail("machine or function", "there, and only one of them")
    action = reader.text("action", "function" if "function" in values else "start")
    allowed = ("function",) if "function" in values else ("start", "startSync", "status")
    if action not in allowed:
        raise reader.fail("action", " or ".join(allowed))
    if action == "status" and "{name}" not in path:
        raise reader.fail("route", "a path with {name}, which names the execution")
    status = values.get("status", 202 if action == "start" else 200)
    if not _is_status(status):
        raise reader.fail("status", "a number from 200 to 599")
    form = reader.text("format", "2.0")
    if form not in ("1.0", "2.0"):
        raise reader.fail("format", '"1.0" or "2.0"')
    return Route(
        method=method,
        path=path,
        action=cast(Action, action),
        target=reader.text("machine" if "machine" in values else "function"),
        format=cast(Format, form),
        input=values.get("input"),
        has_input="input" in values,
        execution_name=reader.text("execution_name", ""),
        status=status,
        errors=reader.statuses("errors"),
        key=reader.flag("key", True) if "key" in values else None,
        source=where,
    )


def is_path(path: str) -> bool:
    """True for a path with parameters as API Gateway writes them."""
    return path == "$default" or (path.startswith("/") and _PATH.fullmatch(path) is not None)
