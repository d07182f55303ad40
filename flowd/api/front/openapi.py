"""The front described as OpenAPI 3.0, for people and generators. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from flowd.httpsettings import HttpSettings
from flowd.routes import Route

_PARAMETER: Final = re.compile(r"\{([^}+]+)\+?\}")
_ANY: Final = ("delete", "get", "patch", "post", "put")
_DOES: Final = {
    "start": "Starts an execution of {target}",
    "startSync": "Runs {target} and answers with its output",
    "status": "What has become of an execution of {target}",
    "function": "Calls the function {target}",
    "integration": "Calls {target}",
}


def describe(settings: HttpSettings, routes: Iterable[Route]) -> dict[str, Any]:
    """The document at /openapi.json."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        if route.path == "$default":
            continue
        methods = _ANY if route.method == "ANY" else (route.method.lower(),)
        for method in methods:
            paths.setdefault(route.path.replace("+}", "}"), {})[method] = _operation(route, settings)
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {"title": "flowd", "version": "1"},
        "servers": [{"url": settings.base_url}],
        "paths": dict(sorted(paths.items())),
    }
    if settings.keys:
        scheme = {"type": "apiKey", "in": "header", "name": "x-api-key"}
        document["components"] = {"securitySchemes": {"key": scheme}}
    return document


def _operation(route: Route, settings: HttpSettings) -> dict[str, Any]:
    summary = _DOES[route.action].format(target=route.target.rpartition(":")[2])
    made: dict[str, Any] = {"summary": summary, "responses": _responses(route)}
    names = _PARAMETER.findall(route.path)
    if names:
        made["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if route.method in ("POST", "PUT", "PATCH", "ANY"):
        made["requestBody"] = {"content": {"application/json": {"schema": {}}}}
    if settings.require_key if route.key is None else route.key:
        made["security"] = [{"key": []}]
    return made


def _responses(route: Route) -> dict[str, Any]:
    if route.action == "function":
        return {"default": {"description": "what the function answers"}}
    if route.integration is not None:
        given = {str(each.status): {"description": each.pattern or "done"} for each in route.integration.responses}
        return given or {"default": {"description": "what the integration answers"}}
    found = {str(route.status): {"description": "done"}}
    for error, status in route.errors.items():
        known = found.get(str(status))
        found[str(status)] = {"description": f"{known['description']}, {error}" if known else error}
    return found
