"""AWS service integrations of HTTP APIs (`IntegrationSubtype`): parameters become an operation's members. No template.

Source: developer guide, "AWS service integrations for HTTP APIs" and the reference of its subtypes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flowd import parametersources as sources
from flowd.api.front.aside import aside
from flowd.api.front.mappingtemplates import Exchange
from flowd.api.front.upstream import PREFIXES, Answer, Upstream
from flowd.api.wire.protocols.models import HttpRequest
from flowd.parametersources import text
from flowd.payload import InvalidJson, dumps, loads
from flowd.routes import Integration


async def run(exchange: Exchange, integration: Integration, upstream: Upstream, who: str) -> Answer:
    """An operation as HTTP APIs call them: its members by parameters, its answer as it comes."""
    # Parameters look into the body, which is large, each by itself.
    body = await aside(_body, exchange, integration)
    headers = {
        "x-amz-target": f"{PREFIXES[integration.service]}.{integration.operation}",
        "content-type": "application/x-amz-json-1.0",
    }
    request = HttpRequest("POST", "/", "", headers, body)
    return await upstream.service(integration.service, request, who, exchange.request.request_id)


def _body(exchange: Exchange, integration: Integration) -> bytes:
    members: dict[str, Any] = {}
    for name, expression in integration.parameters.items():
        parts = [sources.value(source, exchange.document) for source in sources.http(expression)]
        found = parts[0] if len(parts) == 1 else "".join(text(part) for part in parts if part is not None)
        if found is not None:
            members[name] = found
    return dumps(_MEMBERS[integration.service](members)).encode()


def _lower(members: dict[str, Any]) -> dict[str, Any]:
    """Step Functions' own names begin in lower case."""
    made = {name[:1].lower() + name[1:]: value for name, value in members.items() if name != "Region"}
    if "input" in made:
        made["input"] = text(made["input"]) or "{}"
    return made


def _event(members: dict[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in members.items() if name != "Region"}
    if "Detail" in made:
        made["Detail"] = text(made["Detail"])
    if isinstance(made.get("Resources"), str):
        made["Resources"] = _listed(made["Resources"])
    return {"Entries": [made]}


def _message(members: dict[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in members.items() if name != "Region"}
    if "MessageBody" in made:
        made["MessageBody"] = text(made["MessageBody"])
    for name in ("DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds"):
        if str(made.get(name, "")).isdecimal():
            made[name] = int(made[name])
    for name in ("AttributeNames", "MessageAttributeNames"):
        if isinstance(made.get(name), str):
            made[name] = _listed(made[name])
    return made


def _listed(written: str) -> list[Any]:
    try:
        found = loads(written)
    except InvalidJson:
        found = [part.strip() for part in written.split(",")]
    return found if isinstance(found, list) else [found]


_MEMBERS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "events": _event,
    "sqs": _message,
    "states": _lower,
}
