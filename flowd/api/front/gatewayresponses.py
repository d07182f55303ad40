"""Gateway responses of REST APIs: how the front's own refusals look on the routes of an API. Pure.

Source: developer guide, "Gateway responses". Their templates know `$context.NAME` only and are no Velocity.
"""

from __future__ import annotations

import re
from typing import Any, Final

from flowd import parametersources as sources
from flowd.api.front import proxy
from flowd.api.front.matching import Match
from flowd.api.front.requests import JSON, Problem, Reply, Request, is_header
from flowd.parametersources import Source, text
from flowd.payload import dumps

#: Types by status, and by how the message begins where a status has several.
_TYPES: Final = (
    (400, "Missing required request parameters", "BAD_REQUEST_PARAMETERS"),
    (400, "", "BAD_REQUEST_BODY"),
    (401, "", "UNAUTHORIZED"),
    (403, "Forbidden", "INVALID_API_KEY"),
    (403, "User is not authorized", "ACCESS_DENIED"),
    (403, "Missing Authentication Token", "MISSING_AUTHENTICATION_TOKEN"),
    (403, "", "INVALID_SIGNATURE"),
    (413, "", "REQUEST_TOO_LARGE"),
    (415, "", "UNSUPPORTED_MEDIA_TYPE"),
    (429, "", "THROTTLED"),
    (504, "", "INTEGRATION_TIMEOUT"),
    (500, "", "API_CONFIGURATION_ERROR"),
)
_VARIABLE: Final = re.compile(r"\$(context|stageVariables)\.([A-Za-z0-9_.]*[A-Za-z0-9_])")


def reply(problem: Problem, request: Request, match: Match, account: str) -> Reply:
    """The refusal as the API of the route has it; as the front has it where the API says nothing."""
    route = match.route
    kind = problem.kind or next(
        (name for status, begin, name in _TYPES if status == problem.status and str(problem).startswith(begin)), ""
    )
    default = "DEFAULT_5XX" if problem.status >= 500 else "DEFAULT_4XX"
    response = route.gateway.get(kind) or route.gateway.get(default)
    made = problem.reply()
    if response is None:
        return made
    said = {"message": str(problem), "messageString": dumps(str(problem)), "responseType": kind or default}
    said["validationErrorString"] = str(problem.more.get("reason", ""))
    document: dict[str, Any] = {
        "context": {**proxy.context(request, match, account), "error": said},
        "header": request.header,
        "querystring": {name: values[-1] for name, values in request.query_lists.items()},
        "path": match.parameters,
        "body": "",
        "stageVariables": route.variables,
    }
    headers = dict(made.headers)
    body = made.body
    if response.templates:
        wanted = JSON if JSON in response.templates else next(iter(response.templates))
        headers["content-type"] = wanted
        body = _VARIABLE.sub(lambda found: _shown(document, found), response.templates[wanted]).encode()
    for name, expression in response.headers.items():
        found = sources.value(sources.rest(expression, "method.request"), document)
        if found is not None and is_header(name, text(found)):
            headers[name.lower()] = text(found)
    return Reply(response.status or problem.status, body, list(headers.items()))


def _shown(document: dict[str, Any], found: re.Match[str]) -> str:
    value = sources.value(Source(found[1], found[2]), document)
    return "" if value is None else text(value)
