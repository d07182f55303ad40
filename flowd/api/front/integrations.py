"""Integrations of API Gateway: a request becomes that of a service, an address or nobody, and its answer a reply.

Parameters and templates map both ways; which response is taken is said by patterns. Source: API Gateway developer
guide, "Integrations for REST APIs" and "Set up integration responses".
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from flowd import parametersources as sources
from flowd.api.front import subtypes
from flowd.api.front.aside import aside
from flowd.api.front.mappingtemplates import Exchange
from flowd.api.front.requests import JSON, Problem, Reply, is_header
from flowd.api.front.upstream import FORM, QUERIES, TARGETS, Answer, Upstream
from flowd.api.wire.protocols.models import HttpRequest
from flowd.integrations.webcalls import Outgoing
from flowd.parametersources import text
from flowd.patterns import ANYWAY, Patience, PatternError, compiled
from flowd.payload import InvalidJson, loads
from flowd.routes import Integration, IntegrationResponse

BROKEN: Final = "Internal server error"
#: Of one connection only, or made anew.
_HOP: Final = frozenset(
    {
        *("connection", "content-encoding", "content-length", "host", "keep-alive", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "x-api-key", "accept-encoding"),
    }
)
_STATUS_CODE = re.compile(r"""["']?statusCode["']?\s*:\s*["']?(\d{3})\b""")
_PATH_PARAMETER = re.compile(r"\{([^{}+]+)\+?\}")


async def run(exchange: Exchange, upstream: Upstream, who: str) -> Reply:
    """Call what the route's integration says, and map its answer. Raises Problem."""
    integration = exchange.match.route.integration
    assert integration is not None
    if integration.kind == "operation":
        answer = await subtypes.run(exchange, integration, upstream, who)
    else:
        # Templates run in a thread: bodies are large, loops are many, and others are served meanwhile.
        call = await aside(_Call, exchange, integration, upstream, who)
        answer = await _CALLS[integration.kind](call)
    return _passed(answer) if integration.proxy else await aside(_mapped, exchange, integration, answer)


class _Call:
    """One request to an integration, with all that is mapped for it. The template comes before what it overrides."""

    def __init__(self, exchange: Exchange, integration: Integration, upstream: Upstream, who: str) -> None:
        self.exchange = exchange
        self.integration = integration
        self.upstream = upstream
        self.who = who
        headers, query, path = _parameters(exchange, integration)
        self.body, self.kind = _body(exchange, integration)
        overrides = exchange.context["requestOverride"]
        self.headers = headers | {name.lower(): text(value) for name, value in overrides["header"].items()}
        over = {name: text(value) for name, value in overrides["querystring"].items()}
        self.query = [pair for pair in query if pair[0] not in over] + list(over.items())
        self.path = path | {name: text(value) for name, value in overrides["path"].items()}

    def filled(self, address: str) -> str:
        """An address with path parameters in it."""
        return _PATH_PARAMETER.sub(lambda found: self._part(found[1], found[0]), address)

    def _part(self, name: str, written: str) -> str:
        if {".", ".."} & set(self.path.get(name, "").split("/")):
            # It would lead out of the address that the API shows.
            raise Problem(400, "Bad Request", reason=f"the path parameter {name} has a part . or ..")
        return quote(self.path.get(name, ""), safe="/~" if written.endswith("+}") or name == "proxy" else "~")


# -- the request ---------------------------------------------------------------------


def _parameters(
    exchange: Exchange, integration: Integration
) -> tuple[dict[str, str], list[tuple[str, str]], dict[str, str]]:
    """Headers, query and path of the request to the integration. A proxy gets those of the request as well."""
    headers: dict[str, str] = {}
    query: list[tuple[str, str]] = []
    path: dict[str, str] = {}
    if integration.proxy:
        headers = {name: value for name, value in exchange.request.header.items() if name not in _HOP}
        query = [(name, value) for name, values in exchange.request.query_lists.items() for value in values]
        path = dict(exchange.match.parameters)
    for target, expression in integration.parameters.items():
        found = sources.value(sources.rest(expression, "method.request"), exchange.document)
        if found is None:
            continue
        place, _, name = target.removeprefix("integration.request.").partition(".")
        if place == "header":
            headers[name.lower()] = text(found)
        elif place == "querystring":
            values = found if isinstance(found, list) else [found]
            query = [pair for pair in query if pair[0] != name] + [(name, text(value)) for value in values]
        else:
            path[name] = text(found)
    return headers, query, path


def _body(exchange: Exchange, integration: Integration) -> tuple[bytes, str]:
    """The body for the integration, and its type; by the template for the request's type, where there is one."""
    request = exchange.request
    kind = request.header.get("content-type", JSON).partition(";")[0].strip().lower() or JSON
    if integration.proxy:
        return request.body, request.header.get("content-type", "")
    template = integration.templates.get(kind)
    if template is not None:
        return exchange.render(template, request.body).encode(), kind
    blocked = integration.passthrough == "NEVER" or (
        integration.passthrough == "WHEN_NO_TEMPLATES" and integration.templates
    )
    if blocked:
        raise Problem(415, "Unsupported Media Type")
    return request.body, kind


# -- calls ---------------------------------------------------------------------------


async def _service(call: _Call) -> Answer:
    """An AWS service by an operation's name or by a path, in the protocol that API Gateway speaks with it."""
    integration = call.integration
    name, operation, headers = integration.service, integration.operation, dict(call.headers)
    headers.setdefault("content-type", call.kind)
    path = "/" if operation else call.filled("/" + integration.path.lstrip("/"))
    query, body = urlencode(call.query), call.body
    if operation and name in TARGETS:
        headers |= {"x-amz-target": f"{TARGETS[name]}.{operation}", "content-type": "application/x-amz-json-1.0"}
    elif name in QUERIES and "x-amz-target" not in headers:
        # The Query protocol: what is mapped to the query string and what the template writes are fields of one form.
        form = body.decode("utf-8", "replace") if FORM in headers["content-type"] else ""
        fields = [*call.query, *parse_qsl(form, keep_blank_values=True)]
        body, query = urlencode(_once(fields, operation, path)).encode(), ""
        headers["content-type"] = FORM
    method = "POST" if name in (*TARGETS, *QUERIES) else integration.method
    request = HttpRequest(method, path, query, headers, body)
    return await call.upstream.service(name, request, call.who, call.exchange.request.request_id)


def _once(fields: list[tuple[str, str]], operation: str, path: str) -> dict[str, str]:
    """Of fields with one name the first, so that what a template puts in last, which strangers write, chooses no other
    operation or queue: there is no role here that would refuse it."""
    found: dict[str, str] = {"Action": operation} if operation else {}
    for name, value in fields:
        found.setdefault(name, value)
    if path.strip("/"):
        found.pop("QueueUrl", None)  # the path says which
    return found


async def _http(call: _Call) -> Answer:
    headers = dict(call.headers)
    if call.kind and call.body:
        headers.setdefault("content-type", call.kind)
    method = call.exchange.request.method if call.integration.method == "ANY" else call.integration.method
    outgoing = Outgoing(method, call.filled(call.integration.uri), headers, call.query, call.body or None)
    return await call.upstream.http(outgoing, call.integration.timeout_s)


async def _mock(call: _Call) -> Answer:
    """Nobody is asked: the request's template says the status, in JSON that may lack its quotes as the CDK's does."""
    found = _STATUS_CODE.search(call.body.decode("utf-8", "replace"))
    if found is None:
        raise Problem(500, BROKEN, reason="the template of a MOCK integration says no statusCode, as a number")
    return Answer(int(found[1]))


_CALLS: Final[dict[str, Callable[[_Call], Awaitable[Answer]]]] = {"http": _http, "mock": _mock, "service": _service}


# -- the reply -----------------------------------------------------------------------


def _passed(answer: Answer) -> Reply:
    headers = [(name, value) for name, value in answer.headers if name.lower() not in (*_HOP, "date", "server")]
    return Reply(answer.status, answer.body, headers)


def _mapped(exchange: Exchange, integration: Integration, answer: Answer) -> Reply:
    response = _chosen(integration.responses, answer)
    if response is None:
        reason = f"no integration response fits the status {answer.status}, and there is none for all others"
        raise Problem(500, BROKEN, reason=reason)
    kind = answer.header("content-type").partition(";")[0].strip().lower() or JSON
    kind = JSON if kind.startswith("application/x-amz-json") else kind
    body = answer.body
    if response.templates:
        kind = (
            kind
            if kind in response.templates
            else JSON
            if JSON in response.templates
            else next(iter(response.templates))
        )
        body = exchange.render(response.templates[kind], body).encode()
    document = {
        **exchange.document,
        "header": {name.lower(): value for name, value in answer.headers},
        "multivalueheader": {},
        "body": answer.body.decode("utf-8", "replace"),
    }
    headers = {"content-type": kind}
    for name, expression in response.headers.items():
        found = sources.value(sources.rest(expression, "integration.response"), document)
        if found is not None:
            headers[name.lower()] = text(found)
    override = exchange.context["responseOverride"]
    headers |= {str(name).lower(): text(value) for name, value in override["header"].items()}
    for name, value in headers.items():
        if not is_header(name, value):
            raise Problem(500, BROKEN, reason=f"the header {name[:100]!r} cannot be sent")
    return Reply(_status(override.get("status"), response.status), body, list(headers.items()))


def _status(override: Any, default: int) -> int:
    written = str(override) if override not in (None, "") else str(default)
    return int(written) if written.isdecimal() and 200 <= int(written) <= 599 else 500


def _chosen(responses: tuple[IntegrationResponse, ...], answer: Answer) -> IntegrationResponse | None:
    """By the status, or for a function by its error's message; the one without a pattern is for all others."""
    said = str(answer.status)
    if answer.error is not None:
        try:
            found = loads(answer.body)
        except InvalidJson:
            found = None
        message = found.get("errorMessage") if isinstance(found, dict) else None
        said = message if isinstance(message, str) else ""
    patience = Patience()  # a function may fail with words of the request
    for response in responses:
        try:
            if response.pattern and compiled(response.pattern, ANYWAY).covers(said, patience):
                return response
        except PatternError as error:
            reason = f"the SelectionPattern {response.pattern!r} cannot be matched: {error}"
            raise Problem(500, BROKEN, reason=reason) from None
    return next((response for response in responses if not response.pattern), None)
