"""HTTP APIs of plain CloudFormation (`AWS::ApiGatewayV2::*`), as the CDK writes them -> routes. Values only.

An API has routes, each with a target that is an integration; or one target of its own (quick create); or a Body in
OpenAPI. WebSocket APIs are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from flowd.httpsettings import METHODS, is_path
from flowd.routes import Cors, Route
from flowd.sam import openapi
from flowd.sam.apiplans import mapping
from flowd.sam.authorizers import Authorizers
from flowd.sam.integrations import Called, Unfit, http
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import HTTP_API, HTTP_AUTHORIZER, HTTP_INTEGRATION, HTTP_ROUTE, HTTP_STAGE, Template

#: All types that this module reads.
TYPES: Final = (
    *(HTTP_API, HTTP_AUTHORIZER, HTTP_INTEGRATION, HTTP_ROUTE, HTTP_STAGE),
    "AWS::ApiGatewayV2::Deployment",
)
_API: Final = frozenset(
    {
        *("Body", "CorsConfiguration", "CredentialsArn", "Description", "DisableExecuteApiEndpoint", "IpAddressType"),
        *("FailOnWarnings", "Name", "ProtocolType", "RouteKey", "Tags", "Target", "Version"),
    }
)
_ROUTE: Final = frozenset(
    {"ApiId", "ApiKeyRequired", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "OperationName"}
    | {"RouteKey", "Target"}
)
_CORS: Final = "x-amazon-apigateway-cors"


class _Api(NamedTuple):
    """What the routes of one API share."""

    name: str
    stage: str
    variables: dict[str, str]
    cors: Cors | None


def read_http_apis(template: Template, source: str) -> list[Route]:
    """The routes of all HTTP APIs."""
    reader = _Reader(template, source)
    found: list[Route] = []
    for type_name, read in ((HTTP_API, reader.api), (HTTP_ROUTE, reader.route)):
        for logical_id in list(template.resources):
            if template.type_of(logical_id) != type_name or logical_id in template.refused:
                continue
            place = ("Resources", logical_id, "Properties")
            try:
                found += read(logical_id, place)
            except Unfit as unfit:
                template.refuse(logical_id, str(unfit), *place, *unfit.path, code=UNSUPPORTED)
            except Unresolvable as problem:
                template.refuse(logical_id, problem.message, *place, code=UNSUPPORTED)
    return found


class _Reader:
    """Reads one template's HTTP APIs."""

    def __init__(self, template: Template, source: str) -> None:
        self._template = template
        self._source = source
        self._apis: dict[str, _Api] = {}
        self._authorizers = Authorizers(template)

    def api(self, logical_id: str, place: tuple[str | int, ...]) -> list[Route]:
        """AWS::ApiGatewayV2::Api, with the routes that it has by itself."""
        template = self._template
        given = template.resolved(logical_id)
        if given.get("ProtocolType", "HTTP") != "HTTP":
            raise Unfit(f"{given['ProtocolType']} APIs are not built in flowd; HTTP is", "ProtocolType")
        body = given.get("Body")
        said_of_origins = given.get("CorsConfiguration")
        if said_of_origins is None and isinstance(body, dict):
            said_of_origins = _capitalised(body.get(_CORS))
        stage, variables = self._stage(template.name_of(logical_id))
        api = _Api(template.name_of(logical_id), stage, variables, cors_of(said_of_origins))
        self._apis[api.name] = api
        for name in given:
            if name not in _API:
                said = f"the property {name} of {HTTP_API} is left out"
                template.unsupported(logical_id, said, *place, name)
        if body is not None:
            return [
                route
                for each in openapi.operations(body)
                for route in self._operation(logical_id, (*place, "Body"), each, api)
            ]
        if "Target" not in given:
            return []
        target = str(given["Target"])
        address = target.startswith(("http://", "https://"))
        made = {"IntegrationType": "HTTP_PROXY" if address else "AWS_PROXY", "IntegrationUri": target}
        called = http({**made, "PayloadFormatVersion": "2.0"}, variables)
        return [self._route(str(given.get("RouteKey", "$default")), api, called, None, place)]

    def _stage(self, api: str) -> tuple[str, dict[str, str]]:
        template = self._template
        for logical_id in template.resources:
            given = template.properties(logical_id)
            if template.type_of(logical_id) != HTTP_STAGE or template.resolver.text(given.get("ApiId", "")) != api:
                continue
            if "DefaultRouteSettings" in given or "RouteSettings" in given:
                said = "the settings of its routes are left out; [http] rate in flowd.toml limits callers"
                template.unsupported(logical_id, said, "Resources", logical_id, "Properties")
            values = mapping(template.resolver.value(given.get("StageVariables")))
            variables = {str(name): str(value) for name, value in values.items()}
            return template.resolver.text(given.get("StageName", "$default")), variables
        return "$default", {}

    def route(self, logical_id: str, place: tuple[str | int, ...]) -> list[Route]:
        """AWS::ApiGatewayV2::Route."""
        template = self._template
        given = template.resolved(logical_id)
        try:
            authorizer = self._authorizers.of(given)
        except Unfit as unfit:
            raise Unfit(str(unfit), "AuthorizationType") from None
        name = str(given.get("ApiId", ""))
        if name not in self._apis:
            raise Unfit(f"there is no HTTP API {name or '(none)'} here", "ApiId")
        api = self._apis[name]
        integration = str(given.get("Target", "")).removeprefix("integrations/")
        if integration not in template.resources or template.type_of(integration) != HTTP_INTEGRATION:
            raise Unfit(f"there is no integration {integration or '(none)'}", "Target")
        called = self._integration(integration, api.variables)
        key = True if str(given.get("ApiKeyRequired", "false")).lower() == "true" else None
        for member in given:
            if member not in _ROUTE:
                said = f"the property {member} of {HTTP_ROUTE} is left out"
                template.unsupported(logical_id, said, *place, member)
        route = self._route(str(given.get("RouteKey", "")), api, called, key, place)
        return [msgspec.structs.replace(route, authorizer=authorizer)]

    def _integration(self, logical_id: str, variables: Mapping[str, str]) -> Called:
        """The integration, whose own properties are where its problems stand."""
        template = self._template
        if logical_id in template.refused:
            raise Unfit(f"it needs {logical_id}, which cannot be had: {template.refused[logical_id]}", "Target")
        place = ("Resources", logical_id, "Properties")
        try:
            return http(template.resolved(logical_id), variables)
        except Unfit as unfit:
            template.refuse(logical_id, str(unfit), *place, *unfit.path, code=UNSUPPORTED)
            raise Unfit(f"it needs {logical_id}, which cannot be had: {unfit}", "Target") from None
        except Unresolvable as problem:
            template.refuse(logical_id, problem.message, *place, code=UNSUPPORTED)
            raise Unfit(f"it needs {logical_id}, which cannot be had: {problem.message}", "Target") from None

    def _operation(
        self, logical_id: str, place: tuple[str | int, ...], operation: openapi.Operation, api: _Api
    ) -> list[Route]:
        where = (*place, *operation.place)
        try:
            asked, authorizer = operation.guarded()
            if asked:
                raise Unfit("keys are not asked for by HTTP APIs", "security")
            called = http(operation.integration(http=True), api.variables)
            key = operation.path if operation.path == "$default" else f"{operation.method} {operation.path}"
            route = self._route(key, api, called, None, where)
            return [msgspec.structs.replace(route, authorizer=authorizer)]
        except Unfit as unfit:
            said = f"{operation.method} {operation.path}: {unfit}"
            self._template.problem("ERROR", logical_id, said, *where, *unfit.path, code=UNSUPPORTED)
            return []

    def _route(
        self, route_key: str, api: _Api, called: Called, key: bool | None, place: tuple[str | int, ...]
    ) -> Route:
        method, _, path = ("ANY", " ", route_key) if route_key == "$default" else route_key.partition(" ")
        if method not in METHODS or not is_path(path):
            raise Unfit(f"RouteKey is {route_key!r}; it is $default, or a method and a path as GET /orders/{{id}}")
        return Route(
            method=method,
            path=path,
            action=called.action,
            target=called.target,
            format=called.format,
            key=key,
            stage=api.stage,
            api=api.name,
            variables=api.variables,
            integration=called.integration,
            cors=api.cors,
            source=self._source,
            line=self._template.document.where(*place).line,
        )


def cors_of(given: Any) -> Cors | None:
    """A CorsConfiguration, resolved; None if it is none."""
    if not isinstance(given, dict):
        return None

    def texts(name: str) -> tuple[str, ...]:
        found = given.get(name) or []
        return tuple(str(each) for each in found) if isinstance(found, list) else (str(found),)

    age = str(given.get("MaxAge", 0))
    methods = texts("AllowMethods")
    headers = texts("AllowHeaders")
    return Cors(
        origins=texts("AllowOrigins"),
        methods=() if "*" in methods else methods,
        headers=() if "*" in headers else headers,
        exposed=texts("ExposeHeaders"),
        max_age=int(age) if age.isdecimal() else 0,
        credentials=str(given.get("AllowCredentials", "false")).lower() == "true",
    )


def _capitalised(given: Any) -> Any:
    return {name[:1].upper() + name[1:]: value for name, value in given.items()} if isinstance(given, dict) else None
