"""Authorizers of APIs, plain and SAM's -> who is asked. One that is not built refuses the route it would guard.

Source: CloudFormation reference, AWS::ApiGateway::Authorizer and AWS::ApiGatewayV2::Authorizer; SAM specification,
ApiAuth and HttpApiAuth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn, cast

from flowd import parametersources as sources
from flowd.patterns import PatternError, compiled
from flowd.routes import Authorizer, Format
from flowd.sam.apiplans import each, mapping
from flowd.sam.integrations import Unfit, function_of
from flowd.sam.resources import HTTP_AUTHORIZER, REST_AUTHORIZER, Template

_TOKEN: Final = "method.request.header.Authorization"
_HTTP_HEADER: Final = "$request.header.Authorization"
#: "Quotas for configuring and running an HTTP API": Timeout for Lambda authorizer response.
HTTP_SECONDS: Final = 10.0


def refuse(kind: str) -> NoReturn:
    raise Unfit(
        f"the authorization {kind} is not built in flowd, and a route that AWS would guard is not served without it; "
        "take AWS_IAM, an authorizer that is a function, or NONE with ApiKeyRequired"
    )


class Authorizers:
    """The authorizers that are resources of their own."""

    def __init__(self, template: Template) -> None:
        self._rest = each(template, REST_AUTHORIZER)
        self._http = each(template, HTTP_AUTHORIZER)

    def of(self, given: Mapping[str, Any]) -> Authorizer | None:
        """Whom a method or route asks, by its AuthorizationType and AuthorizerId. Raises Unfit."""
        kind = str(given.get("AuthorizationType", "NONE")).upper()
        if kind == "NONE":
            return None
        if kind == "AWS_IAM":
            return Authorizer(kind="iam")
        if kind != "CUSTOM":
            refuse(kind)
        name = str(given.get("AuthorizerId", ""))
        if name in self._rest:
            return rest_authorizer(self._rest[name])
        if name in self._http:
            return _http(self._http[name])
        raise Unfit(f"there is no authorizer {name or '(none)'}", "AuthorizerId")


def rest_authorizer(given: Mapping[str, Any]) -> Authorizer:
    """An authorizer of a REST API, by its properties. Raises Unfit."""
    kind = str(given.get("Type", ""))
    if kind not in ("TOKEN", "REQUEST"):
        refuse(kind)
    asked = str(given.get("IdentitySource") or (_TOKEN if kind == "TOKEN" else ""))
    found = tuple(part.strip() for part in asked.split(",") if part.strip())
    pattern = str(given.get("IdentityValidationExpression") or "") if kind == "TOKEN" else ""
    function = function_of(str(given.get("AuthorizerUri", "")))
    return _checked(
        Authorizer(kind="token" if kind == "TOKEN" else "request", function=function, sources=found, pattern=pattern)
    )


def _http(given: Mapping[str, Any]) -> Authorizer:
    if given.get("AuthorizerType") != "REQUEST":
        refuse(str(given.get("AuthorizerType")))
    asked = given.get("IdentitySource")
    version = str(given.get("AuthorizerPayloadFormatVersion", "2.0"))
    return _checked(
        Authorizer(
            kind="request",
            function=function_of(str(given.get("AuthorizerUri", ""))),
            sources=tuple(str(part) for part in asked) if isinstance(asked, list) else (),
            format="1.0" if version == "1.0" else "2.0",
            simple=_true(given.get("EnableSimpleResponses")) and version != "1.0",
            timeout_s=HTTP_SECONDS,
        )
    )


def _checked(authorizer: Authorizer) -> Authorizer:
    for source in authorizer.sources:
        try:
            found = sources.http(source) if "$" in source else (sources.rest(source, "method.request"),)
        except sources.NoSource as error:
            raise Unfit(f"IdentitySource: {error.message}") from None
        if len(found) != 1:
            raise Unfit(f"IdentitySource: {source!r} is not one place of the request")
    try:
        compiled(authorizer.pattern)
    except PatternError as error:
        raise Unfit(f"IdentityValidationExpression is no regular expression: {error}") from None
    return authorizer


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


# -- SAM's ---------------------------------------------------------------------------


def serverless(auth: Mapping[str, Any], event: Mapping[str, Any], *, http: bool) -> Authorizer | None:
    """Whom the route of an event asks: by the API's `auth` and the event's own, both resolved. Raises Unfit."""
    name = str(event.get("Authorizer", auth.get("DefaultAuthorizer", "NONE")))
    if name == "NONE":
        return None
    if name == "AWS_IAM":
        return Authorizer(kind="iam")
    given = mapping(mapping(auth.get("Authorizers")).get(name))
    if "FunctionArn" not in given:
        refuse(name)
    function = function_of(str(given["FunctionArn"]))
    identity = mapping(given.get("Identity"))
    if http:
        version = str(given.get("AuthorizerPayloadFormatVersion", ""))
        if version not in ("1.0", "2.0"):
            raise Unfit(f"AuthorizerPayloadFormatVersion of {name} is {version or 'missing'}; allowed: 1.0, 2.0")
        return _checked(
            Authorizer(
                kind="request",
                function=function,
                sources=_listed(identity, "$request.") or (_HTTP_HEADER,),
                format=cast(Format, version),
                simple=_true(given.get("EnableSimpleResponses")) and version == "2.0",
                timeout_s=HTTP_SECONDS,
            )
        )
    if str(given.get("FunctionPayloadType", "TOKEN")) == "REQUEST":
        return _checked(Authorizer(kind="request", function=function, sources=_listed(identity, "method.request.")))
    header = f"method.request.header.{identity.get('Header', 'Authorization')}"
    pattern = str(identity.get("ValidationExpression") or "")
    return _checked(Authorizer(kind="token", function=function, sources=(header,), pattern=pattern))


def _listed(identity: Mapping[str, Any], prefix: str) -> tuple[str, ...]:
    """What an authorizer needs: Headers, QueryStrings, Context and StageVariables, as expressions."""
    own = "" if prefix.startswith("method") else "$"
    found = []
    for member, place in (("Headers", f"{prefix}header."), ("QueryStrings", f"{prefix}querystring."),
                          ("Context", f"{own}context."), ("StageVariables", f"{own}stageVariables.")):  # fmt: skip
        names = identity.get(member)
        found += [f"{place}{name}" for name in names] if isinstance(names, list) else []
    return tuple(found)
