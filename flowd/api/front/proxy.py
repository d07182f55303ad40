"""Lambda proxy integration: a request as the event that a function gets, and its result as the answer. Pure.

Format 1.0 is that of REST APIs, 2.0 that of HTTP APIs (developer guides, "Lambda proxy integrations").
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any, Final

from flowd.api.front.matching import Match
from flowd.api.front.requests import JSON, Problem, Reply, Request, is_header
from flowd.payload import dumps

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: AWS's words for an answer that is none.
BROKEN: Final = "Internal server error"


def event(request: Request, match: Match, account: str) -> dict[str, Any]:
    """The function's event."""
    return event_in(match.route.format, request, match, account)


def event_in(form: str, request: Request, match: Match, account: str) -> dict[str, Any]:
    """The request in one of the two formats."""
    return (_event_1 if form == "1.0" else _event_2)(request, match, account)


def _event_1(request: Request, match: Match, account: str) -> dict[str, Any]:
    body, encoded = _body(request)
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        headers.setdefault(name, []).append(value)
    route = match.route
    return {
        "resource": route.path,
        "path": request.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in request.query_lists.items()} or None,
        "multiValueQueryStringParameters": request.query_lists or None,
        "pathParameters": match.parameters or None,
        "stageVariables": route.variables or None,
        "requestContext": context(request, match, account),
        "body": body,
        "isBase64Encoded": encoded,
    }


def context(request: Request, match: Match, account: str) -> dict[str, Any]:
    """What REST APIs tell of a request: a function's requestContext, the `$context` of mapping templates."""
    route = match.route
    return {
        "accountId": account,
        "apiId": route.api,
        "domainName": request.header.get("host", ""),
        "domainPrefix": route.api,
        "extendedRequestId": request.request_id,
        "httpMethod": request.method,
        "identity": {
            "apiKey": request.header.get("x-api-key"),
            "sourceIp": request.source_ip,
            "userAgent": request.header.get("user-agent"),
        },
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": request.request_id,
        "requestTime": _clf(request.at_ms),
        "requestTimeEpoch": request.at_ms,
        "resourceId": f"{route.method} {route.path}",
        "resourcePath": route.path,
        "stage": route.stage,
        **({"authorizer": request.authorizer} if request.authorizer else {}),
    }


def _event_2(request: Request, match: Match, account: str) -> dict[str, Any]:
    body, encoded = _body(request)
    route = match.route
    key = route.path if route.path == "$default" else f"{route.method} {route.path}"
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "cookies": request.cookies,
        "headers": {name: value for name, value in request.header.items() if name != "cookie"},
        "queryStringParameters": {name: ",".join(values) for name, values in request.query_lists.items()},
        "requestContext": {
            "accountId": account,
            "apiId": route.api,
            "domainName": request.header.get("host", ""),
            "domainPrefix": route.api,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": request.header.get("user-agent", ""),
            },
            "requestId": request.request_id,
            "routeKey": key,
            "stage": route.stage,
            "time": _clf(request.at_ms),
            "timeEpoch": request.at_ms,
            **({"authorizer": {"lambda": request.authorizer}} if request.authorizer else {}),
        },
        "pathParameters": match.parameters,
        "stageVariables": route.variables,
        "body": body,
        "isBase64Encoded": encoded,
    }
    absent = ("cookies", "queryStringParameters", "pathParameters", "stageVariables", "body")
    return {name: value for name, value in made.items() if value or name not in absent}


def _body(request: Request) -> tuple[str | None, bool]:
    """Text as it is, anything else in Base64."""
    if not request.body:
        return None, False
    try:
        return request.body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(request.body).decode(), True


def _clf(at_ms: int) -> str:
    """`04/May/2026:03:02:01 +0000`, in English whatever the locale."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at.day:02d}/{_MONTHS[at.month - 1]}/{at.year}:{at:%H:%M:%S} +0000"


def reply(result: Any, form: str) -> Reply:
    """The function's result as an answer. Raises Problem (502) for what API Gateway cannot use."""
    if form == "2.0" and not (isinstance(result, dict) and "statusCode" in result):
        # A result without a status is the body itself; a text stands as it is, and is called JSON all the same.
        body = result if isinstance(result, str) else dumps(result)
        return Reply(200, body.encode(), [("content-type", JSON)])
    if not isinstance(result, dict):
        raise Problem(502, BROKEN, reason="the function's result is no object with statusCode")
    headers = _headers(result)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", JSON if form == "1.0" else "text/plain;charset=utf-8"))
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or () if form == "2.0"]
    return Reply(_status(result.get("statusCode")), _bytes(result), headers)


def _status(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not 100 <= int(text) <= 599:
        raise Problem(502, BROKEN, reason=f"the function's statusCode is {dumps(value)[:100]}")
    return int(text)


def _headers(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Those with several values win over those of the same name with one."""
    many = result.get("multiValueHeaders") or {}
    one = result.get("headers") or {}
    if not isinstance(many, dict) or not isinstance(one, dict):
        raise Problem(502, BROKEN, reason="the function's headers are no object")
    taken = {name.lower() for name in many}
    found = [(name, value) for name, values in many.items() for value in (values if isinstance(values, list) else ())]
    found += [(name, value) for name, value in one.items() if name.lower() not in taken]
    shown = [(name, _scalar(value)) for name, value in found]
    for name, value in shown:
        if not is_header(name, value):
            raise Problem(502, BROKEN, reason=f"the function's header {name[:100]!r} cannot be sent")
    return shown


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value)


def _bytes(result: dict[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    text = body if isinstance(body, str) else dumps(body)
    if not result.get("isBase64Encoded"):
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(502, BROKEN, reason="the function's body is not Base64") from None
