"""REST APIs of plain CloudFormation (`AWS::ApiGateway::*`), as the CDK writes them -> routes. Values only.

Resources make paths, methods make routes; the first stage gives its name and variables. Paths carry no stage. What a
method has that is not built refuses its route, so that nothing is open that AWS would guard.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from flowd.httpsettings import METHODS, is_path
from flowd.routes import Authorizer, Checks, GatewayResponse, Plan, Route
from flowd.sam import openapi
from flowd.sam.apiplans import KEY, MODEL, PLAN, PLAN_KEY, VALIDATOR, Plans, Validators, mapping
from flowd.sam.authorizers import Authorizers
from flowd.sam.gatewayresponses import GatewayResponses
from flowd.sam.integrations import Called, Unfit, rest
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import GATEWAY_RESPONSE, METHOD, REST_API, REST_AUTHORIZER, REST_RESOURCE, REST_STAGE, Template
from flowd.sam.serverlessapis import Shared

#: All types that this module reads.
TYPES: Final = (
    *(REST_API, REST_RESOURCE, METHOD, REST_STAGE, "AWS::ApiGateway::Deployment"),
    *(KEY, MODEL, PLAN, PLAN_KEY, VALIDATOR, REST_AUTHORIZER, GATEWAY_RESPONSE),
)
_METHOD: Final = frozenset(
    {
        *("ApiKeyRequired", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "HttpMethod", "Integration"),
        *("MethodResponses", "OperationName", "RequestModels", "RequestParameters", "RequestValidatorId"),
        *("ResourceId", "RestApiId"),
    }
)
_API: Final = frozenset(
    {
        *("BinaryMediaTypes", "Body", "Description", "DisableExecuteApiEndpoint", "EndpointConfiguration", "Mode"),
        *("FailOnWarnings", "MinimumCompressionSize", "Name", "Parameters", "Policy", "Tags"),
    }
)
_THROTTLE: Final = ("ThrottlingBurstLimit", "ThrottlingRateLimit", "CachingEnabled")
#: Of SAM's APIs, which have one stage, named in the API itself.
SERVERLESS: Final = "AWS::Serverless::Api"


class Api(NamedTuple):
    """What the routes of one API share."""

    name: str  # its id
    stage: str
    variables: dict[str, str]
    plans: tuple[Plan, ...]
    gateway: dict[str, GatewayResponse]


class Guarded(NamedTuple):
    """How one method is guarded."""

    key: bool | None
    checks: Checks | None
    authorizer: Authorizer | None = None


def read_rest_apis(template: Template, source: str, taken: Iterable[Route]) -> list[Route]:
    """The routes of all REST APIs. `taken`: those that events have made already, which an API's Body repeats."""
    reader = _Reader(template, source)
    routes = []
    for logical_id in list(template.resources):
        if logical_id in template.refused or template.type_of(logical_id) != METHOD:
            continue
        routes += reader.method(logical_id)
    events = {(route.method, route.path) for route in taken}
    for logical_id in list(template.resources):
        if logical_id not in template.refused and template.type_of(logical_id) in (REST_API, SERVERLESS):
            routes += [route for route in reader.api(logical_id) if (route.method, route.path) not in events]
    return routes


class _Reader:
    """Reads one template's REST APIs."""

    def __init__(self, template: Template, source: str) -> None:
        self._template = template
        self._source = source
        self._plans = Plans(template)
        self._validators = Validators(template)
        self._authorizers = Authorizers(template)
        self._refusals = GatewayResponses(template)
        self._apis: dict[str, Api] = {}

    # -- what APIs share ---------------------------------------------------------------

    def _api(self, name: str) -> Api:
        if name not in self._apis:
            stage, variables = self._stage(name)
            self._apis[name] = Api(name, stage, variables, self._plans.of(name), self._refusals.of(name))
        return self._apis[name]

    def _stage(self, api: str) -> tuple[str, dict[str, str]]:
        """The name and the variables of the API's first stage."""
        template = self._template
        found: list[tuple[str, dict[str, str]]] = []
        for logical_id in template.resources:
            kind = template.type_of(logical_id)
            given = template.properties(logical_id)
            if kind == SERVERLESS and template.name_of(logical_id) == api:
                return str(template.resolver.text(given.get("StageName", "Prod"))), self._variables(given)
            if kind not in (REST_STAGE, "AWS::ApiGateway::Deployment") or logical_id in template.refused:
                continue
            if template.resolver.text(given.get("RestApiId", "")) != api or "StageName" not in given:
                continue
            place = ("Resources", logical_id, "Properties")
            if found:
                said = f"it is left out: the paths of {api} are those of its stage {found[0][0]}"
                template.unsupported(logical_id, said, *place)
            self._said_of_stage(logical_id, given)
            found.append((template.resolver.text(given["StageName"]), self._variables(given)))
        return found[0] if found else ("Prod", {})

    def _variables(self, given: Mapping[str, Any]) -> dict[str, str]:
        values = mapping(self._template.resolver.value(given.get("Variables")))
        return {str(name): str(value) for name, value in values.items()}

    def _said_of_stage(self, logical_id: str, given: Mapping[str, Any]) -> None:
        settings = given.get("MethodSettings")
        for each in settings if isinstance(settings, list) else ():
            for name in _THROTTLE if isinstance(each, dict) else ():
                if name in each:
                    said = (
                        f"{name} of MethodSettings is not built and left out; [http] rate in flowd.toml limits callers"
                    )
                    place = ("Resources", logical_id, "Properties", "MethodSettings")
                    self._template.unsupported(logical_id, said, *place)

    # -- methods -----------------------------------------------------------------------

    def method(self, logical_id: str) -> list[Route]:
        """AWS::ApiGateway::Method."""
        template = self._template
        place = ("Resources", logical_id, "Properties")
        try:
            given = template.resolved(logical_id)
            api = self._api(str(given.get("RestApiId", "")))
            path = self._path(str(given.get("ResourceId", "")), ())
            integration = given.get("Integration") or {"Type": "MOCK"}
            called = self._called(integration, api, "Integration")
            guarded = self._guarded(given)
            route = self._route(str(given.get("HttpMethod", "")), path, api, called, guarded, place)
        except Unfit as unfit:
            template.refuse(logical_id, str(unfit), *place, *unfit.path, code=UNSUPPORTED)
            return []
        except Unresolvable as problem:
            template.refuse(logical_id, problem.message, *place, code=UNSUPPORTED)
            return []
        for name in given:
            if name not in _METHOD:
                said = f"the property {name} of {METHOD} is left out"
                template.unsupported(logical_id, said, *place, name)
        return [route]

    def _called(self, integration: Any, api: Api, *place: str | int) -> Called:
        if not isinstance(integration, dict):
            raise Unfit("Integration must be a mapping", *place)
        try:
            return rest(integration, api.variables)
        except Unfit as unfit:
            raise Unfit(str(unfit), *place, *unfit.path) from None

    def _guarded(self, given: Mapping[str, Any]) -> Guarded:
        try:
            authorizer = self._authorizers.of(given)
        except Unfit as unfit:
            raise Unfit(str(unfit), "AuthorizationType") from None
        key = str(given.get("ApiKeyRequired", "false")).lower() == "true"
        return Guarded(key or None, self._validators.checks(given), authorizer)

    def _route(
        self, method: str, path: str, api: Api, called: Called, guarded: Guarded, place: tuple[str | int, ...]
    ) -> Route:
        if not is_path(path) or method not in METHODS:
            raise Unfit(f"{method} {path} is no method and path, as GET /orders/{{id}}", "HttpMethod")
        # Browsers send no key when they ask whether they may.
        mock = called.integration is not None and called.integration.kind == "mock"
        return Route(
            method=method,
            path=path,
            action=called.action,
            target=called.target,
            format=called.format,
            key=False if guarded.key is None and mock else guarded.key,
            stage=api.stage,
            api=api.name,
            variables=api.variables,
            integration=called.integration,
            plans=api.plans if guarded.key else (),
            authorizer=guarded.authorizer,
            checks=guarded.checks,
            gateway=api.gateway,
            source=self._source,
            line=self._template.document.where(*place).line,
        )

    def _path(self, resource: str, below: tuple[str, ...]) -> str:
        """From the root to a resource; `below` are the resources that were gone through."""
        template = self._template
        if resource.endswith("/"):
            return "/"
        if resource not in template.resources or template.type_of(resource) != REST_RESOURCE or resource in below:
            raise Unfit(f"ResourceId: there is no resource {resource or '(none)'} that leads to the root", "ResourceId")
        given = template.properties(resource)
        parent = template.resolver.text(given.get("ParentId", ""))
        part = template.resolver.text(given.get("PathPart", ""))
        return f"{self._path(parent, (*below, resource)).rstrip('/')}/{part}"

    # -- OpenAPI -----------------------------------------------------------------------

    def api(self, logical_id: str) -> list[Route]:
        """What an API says of itself in OpenAPI."""
        template = self._template
        serverless = template.type_of(logical_id) == SERVERLESS
        given = template.properties(logical_id)
        name = "DefinitionBody" if serverless else "Body"
        place = ("Resources", logical_id, "Properties")
        for elsewhere in ("DefinitionUri", "BodyS3Location", "CloneFrom"):
            if elsewhere in given:
                said = f"{elsewhere} is not read: write the definition into {name}, or say what is called by events"
                template.unsupported(logical_id, said, *place, elsewhere)
        for property_name in () if serverless else given:
            if property_name not in (*_API, "BodyS3Location", "CloneFrom"):
                said = f"the property {property_name} of {REST_API} is left out"
                template.unsupported(logical_id, said, *place, property_name)
        if name not in given:
            return []
        try:
            document = template.resolver.value(given[name])
            api = self._api(template.name_of(logical_id))
            operations = openapi.operations(document)
        except Unfit as unfit:
            template.unsupported(logical_id, str(unfit), *place, name, *unfit.path)
            return []
        except Unresolvable as problem:
            template.unsupported(logical_id, f"{name} is not read: {problem.message}", *place, name)
            return []
        shared = Shared(template, "Api", {"RestApiId": {"Ref": logical_id}}) if serverless else None
        return [route for each in operations for route in self._operation((*place, name), each, api, shared)]

    def _operation(
        self, place: tuple[str | int, ...], operation: openapi.Operation, api: Api, shared: Shared | None
    ) -> list[Route]:
        """`shared` is what a SAM API says for all of its operations."""
        where = (*place, *operation.place)
        try:
            called = self._called(operation.integration(), api, openapi.INTEGRATION)
            key, authorizer = operation.guarded()
            guarded = Guarded(key or None, operation.checks(), authorizer)
            if shared is None:
                return [self._route(operation.method, operation.path, api, called, guarded, where)]
            guarded = Guarded(guarded.key or shared.key(), guarded.checks, authorizer or shared.authorizer())
            route = self._route(operation.method, operation.path, api, called, guarded, where)
            return [msgspec.structs.replace(route, cors=shared.cors(), gateway=shared.gateway())]
        except (Unfit, Unresolvable) as problem:
            said = f"{operation.method} {operation.path}: {problem}"
            path = problem.path if isinstance(problem, Unfit) else ()
            self._template.problem("ERROR", str(place[1]), said, *where, *path, code=UNSUPPORTED)
            return []
