"""Where a template's APIs are reached: what AWS would call `https://ID.execute-api...` is the HTTP front here. Pure.

Also the APIs that SAM makes without being told, for events that name none. Source: SAM developer guide, "Generated
CloudFormation resources"; API Gateway developer guide, "Invoke REST APIs".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_ADDRESS: Final = re.compile(
    r"https://([A-Za-z0-9-]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?(/[^/?#\s\"']*)?"
)
#: What SAM calls them, and the event and its member that would name another one.
_MADE: Final = {"ServerlessRestApi": ("Api", "RestApiId"), "ServerlessHttpApi": ("HttpApi", "ApiId")}
_STAGE: Final = {"ServerlessRestApiProdStage": "Prod", "ServerlessHttpApiApiGatewayDefaultStage": "$default"}
_REST: Final = ("AWS::Serverless::Api", "AWS::ApiGateway::RestApi")
_HTTP: Final = ("AWS::Serverless::HttpApi", "AWS::ApiGatewayV2::Api")


def made_by_sam(name: str, resources: Mapping[str, Any]) -> str | None:
    """What `Ref` gives of an API or a stage that SAM makes for this template; None for anything else."""
    if name in resources:
        return None
    if name in _STAGE:
        return _STAGE[name] if made_by_sam(name.partition("Api")[0] + "Api", resources) else None
    kind, member = _MADE.get(name, ("", ""))
    if any(
        event.get("Type") == kind and member not in _mapping(event.get("Properties")) for event in _events(resources)
    ):
        return name
    return None


def at_the_front(text: str, front: str, resources: Mapping[str, Any]) -> str:
    """A text in which addresses of this template's APIs are those of the front; "" = there is none.

    The front's paths carry no stage, so that of an address is left out.
    """
    if not front or "execute-api" not in text:
        return text
    types = {name: str(_mapping(resource).get("Type")) for name, resource in resources.items()}
    stages = {"$default"} | {
        str(_mapping(_mapping(resource).get("Properties")).get("StageName")) for resource in resources.values()
    }

    def one(match: re.Match[str]) -> str:
        name, first = match[1], match[2] or ""
        rest = types.get(name) in _REST or made_by_sam(name, resources) == "ServerlessRestApi"
        if not rest and types.get(name) not in _HTTP and made_by_sam(name, resources) is None:
            return match[0]
        return front if rest or first[1:] in stages else front + first

    return _ADDRESS.sub(one, text)


def _events(resources: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in resources.values():
        events = _mapping(_mapping(resource).get("Properties")).get("Events")
        yield from (_mapping(event) for event in _mapping(events).values())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
