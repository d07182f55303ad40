"""`Api` and `HttpApi` events of functions and machines -> routes of the HTTP front. Values only.

Source: SAM specification, event source types of functions and state machines. The paths of a REST API carry no stage
here, as with `sam local`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd.httpsettings import METHODS, is_path
from flowd.routes import Action, Format, Route
from flowd.sam.integrations import Unfit
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import Template
from flowd.sam.serverlessapis import Shared

KINDS: Final = ("Api", "HttpApi")
_READ: Final = frozenset({"Path", "Method", "Auth", "PayloadFormatVersion"})
#: What only says to which API it belongs, or how AWS documents and limits it.
_IGNORED: Final = frozenset(
    {
        *("ApiId", "RestApiId", "RequestModel", "RequestParameters", "RouteSettings", "ResponseTransferMode"),
        *("TimeoutInMillis", "UnescapeMappingTemplate"),
    }
)


def read_routes(template: Template, logical_id: str, action: Action, target: str, source: str) -> list[Route]:
    """The routes of a function (`action` function) or a machine (start); `target` is its ARN.

    What cannot be a route is in the template's problems.
    """
    events = template.properties(logical_id).get("Events")
    routes = []
    for event_id, event in events.items() if isinstance(events, dict) else ():
        kind = event.get("Type") if isinstance(event, dict) else None
        if kind not in KINDS or (kind == "HttpApi" and action != "function"):
            continue
        path = ("Resources", logical_id, "Properties", "Events", event_id)
        given = event.get("Properties")
        try:
            made = _route(template, kind, given if isinstance(given, dict) else {}, action, target)
        except Unfit as unfit:
            message = f"the event {event_id}: {unfit}"
            template.problem("ERROR", logical_id, message, *path, "Properties", *unfit.path, code=UNSUPPORTED)
            continue
        except Unresolvable as problem:
            message = f"the event {event_id}: {problem.message}"
            template.problem("ERROR", logical_id, message, *path, code=UNSUPPORTED)
            continue
        if isinstance(made, str):
            template.problem("ERROR", logical_id, f"the event {event_id}: {made}", *path, "Properties")
            continue
        routes.append(Route(**made, source=source, line=template.document.where(*path).line))
        for name in given if isinstance(given, dict) else ():
            if name not in _READ | _IGNORED:
                said = f"the event {event_id}: {name} is not supported and left out"
                template.unsupported(logical_id, said, *path, "Properties", name)
    return routes


def _route(
    template: Template, kind: str, given: Mapping[str, Any], action: Action, target: str
) -> dict[str, Any] | str:
    """The members of a route, or what is wrong. A HttpApi event without a path takes what no other route does."""
    resolve = template.resolver.text
    if kind == "Api" and not ("Path" in given and "Method" in given):
        return "Path and Method must be given"
    path = resolve(given["Path"]) if "Path" in given else "$default"
    method = resolve(given.get("Method", "ANY")).upper()
    method = "ANY" if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" else method
    if not is_path(path) or method not in METHODS:
        return f"{method} {path} is no method and path, as GET /orders/{{id}}"
    form: Format = "1.0"
    if kind == "HttpApi":
        version = resolve(given.get("PayloadFormatVersion", "2.0"))
        if version not in ("1.0", "2.0"):
            return f"PayloadFormatVersion is {version}; allowed: 1.0, 2.0"
        form = "1.0" if version == "1.0" else "2.0"
    shared = Shared(template, kind, given)
    return {
        "method": method,
        "path": path,
        "action": action,
        "target": target,
        "format": form,
        "stage": shared.stage,
        "key": shared.key(),
        "authorizer": shared.authorizer(),
        "cors": shared.cors(),
        "gateway": shared.gateway(),
    }
