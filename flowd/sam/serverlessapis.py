"""What SAM's APIs say for the routes of events: who is asked, which pages of other origins may ask, the stage.

An event names its API, or belongs to the one that SAM makes by itself, which has what stands in Globals. Source: SAM
specification, AWS::Serverless::Api, AWS::Serverless::HttpApi and "Globals section".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd.routes import Authorizer, Cors, GatewayResponse
from flowd.sam.apiplans import mapping
from flowd.sam.authorizers import serverless
from flowd.sam.functions import merged
from flowd.sam.gatewayresponses import of_serverless
from flowd.sam.httpapis import cors_of
from flowd.sam.resources import Template

_GLOBALS: Final = {"Api": "Api", "HttpApi": "HttpApi"}
_NAMES: Final = {"Api": "RestApiId", "HttpApi": "ApiId"}
#: What is said to be left out, of all the properties that an API may have; others change nothing for a caller.
_LEFT_OUT: Final = ("Models", "Domain", "MethodSettings", "DefaultRouteSettings", "RouteSettings")


class Shared:
    """What one API says, for the events of one `kind`. Raises Unresolvable, Unfit."""

    def __init__(self, template: Template, kind: str, event: Mapping[str, Any]) -> None:
        reference = event.get(_NAMES[kind])
        logical_id = reference.get("Ref") if isinstance(reference, dict) else reference
        own = template.properties(logical_id) if logical_id in template.resources else {}
        shared = mapping(template.section("Globals").get(_GLOBALS[kind]))
        self._given: dict[str, Any] = merged(shared, own)
        self._template = template
        self._http = kind == "HttpApi"
        self._event: dict[str, Any] = mapping(template.resolver.value(mapping(event.get("Auth"))))
        default = "$default" if self._http else "Prod"
        self.stage = template.resolver.text(self._given.get("StageName", default))

    def authorizer(self) -> Authorizer | None:
        auth = mapping(self._template.resolver.value(mapping(self._given.get("Auth"))))
        return serverless(auth, self._event, http=self._http)

    def key(self) -> bool | None:
        """`ApiKeyRequired` of the event, or of the API; without either as the front's settings say."""
        wanted = self._event.get("ApiKeyRequired", mapping(self._given.get("Auth")).get("ApiKeyRequired"))
        return None if wanted is None else self._template.resolver.text(wanted) == "true"

    def gateway(self) -> dict[str, GatewayResponse]:
        """How refusals look (GatewayResponses), by their types."""
        given = mapping(self._template.resolver.value(mapping(self._given.get("GatewayResponses"))))
        return {str(kind): of_serverless(str(kind), mapping(each)) for kind, each in given.items()}

    def cors(self) -> Cors | None:
        """Of a REST API only what is answered to a browser that asks: its functions say themselves who may read."""
        if self._http:
            given = self._template.resolver.value(self._given.get("CorsConfiguration"))
            return Cors(origins=("*",)) if given in (True, "true") else cors_of(given)
        given = self._template.resolver.value(self._given.get("Cors"))
        if isinstance(given, str):
            given = {"AllowOrigin": given}
        if not isinstance(given, dict) or "AllowOrigin" not in given:
            return None
        plain = {name: str(value).strip("'") for name, value in given.items()}
        age = plain.get("MaxAge", "0")
        return Cors(
            origins=(plain["AllowOrigin"],),
            methods=_split(plain.get("AllowMethods", "")),
            headers=_split(plain.get("AllowHeaders", "")),
            max_age=int(age) if age.isdecimal() else 0,
            credentials=plain.get("AllowCredentials", "").lower() == "true",
            answers=False,
        )


def say_what_is_left_out(template: Template, logical_id: str) -> None:
    """The properties of an API that would change what a caller gets, and are not built."""
    not_read = ("DefinitionBody", "DefinitionUri") if template.type_of(logical_id) == "AWS::Serverless::HttpApi" else ()
    for name in (*_LEFT_OUT, *not_read):
        if name in template.properties(logical_id):
            said = f"the property {name} of {template.type_of(logical_id)} is left out"
            template.unsupported(logical_id, said, "Resources", logical_id, "Properties", name)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
