"""APIs in OpenAPI 3 or Swagger 2 with API Gateway's extensions -> operations, in CloudFormation's words. Pure.

Source: API Gateway developer guide, "OpenAPI extensions for API Gateway".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd.routes import Authorizer, Checks
from flowd.sam.apiplans import closed, mapping
from flowd.sam.authorizers import rest_authorizer
from flowd.sam.integrations import Unfit

INTEGRATION: Final = "x-amazon-apigateway-integration"
_ANY: Final = "x-amazon-apigateway-any-method"
_METHODS: Final = ("delete", "get", "head", "options", "patch", "post", "put", _ANY)
_VALIDATOR: Final = "x-amazon-apigateway-request-validator"
JSON: Final = "application/json"
_AUTH: Final = "x-amazon-apigateway-auth"
#: Names of an integration that are not those of CloudFormation with a small letter.
_NAMES: Final = {"httpMethod": "IntegrationHttpMethod"}
_HTTP_NAMES: Final = {"type": "IntegrationType", "uri": "IntegrationUri", "httpMethod": "IntegrationMethod"}
_PLACES: Final = {"query": "querystring", "header": "header", "path": "path"}


class Operation:
    """One method of one path. `place` is where it stands in the document."""

    def __init__(self, document: Mapping[str, Any], path: str, member: str) -> None:
        self._document = document
        self._given: Mapping[str, Any] = document["paths"][path][member]
        self._shared = document["paths"][path].get("parameters")
        self.path = path
        self.method = "ANY" if member == _ANY else member.upper()
        self.place = ("paths", path, member)

    @property
    def is_integrated(self) -> bool:
        return INTEGRATION in self._given

    def integration(self, *, http: bool = False) -> dict[str, Any]:
        """The integration in CloudFormation's names; `http`: those of an HTTP API. Raises Unfit."""
        given = self._given.get(INTEGRATION)
        if not isinstance(given, dict):
            raise Unfit(f"{INTEGRATION} is missing or no mapping, so nothing answers")
        names = _HTTP_NAMES if http else _NAMES
        found = {names.get(name, name[:1].upper() + name[1:]): value for name, value in given.items()}
        kind = "IntegrationType" if http else "Type"
        if isinstance(found.get(kind), str):
            found[kind] = found[kind].upper()
        responses = found.pop("Responses", None) or {}
        if not isinstance(responses, dict):
            raise Unfit("responses is a mapping by pattern", INTEGRATION, "responses")
        found["IntegrationResponses"] = [_response(pattern, each) for pattern, each in responses.items()]
        return found

    def guarded(self) -> tuple[bool, Authorizer | None]:
        """Whether a key is asked for, and who says who comes in. Raises Unfit for any other way to guard it."""
        auth = mapping(self._given.get(_AUTH))
        kind = str(auth.get("type", "NONE"))
        if kind not in ("NONE", "AWS_IAM"):
            raise Unfit(f"{_AUTH} {kind} is not built in flowd, and nothing is served without it", _AUTH)
        key, authorizer = False, Authorizer(kind="iam") if kind == "AWS_IAM" else None
        wanted = self._given.get("security", self._document.get("security"))
        for each in wanted if isinstance(wanted, list) else ():
            for name in each if isinstance(each, dict) else ():
                scheme = mapping(self._schemes().get(name))
                key = key or _is_key(scheme)
                authorizer = authorizer if _is_key(scheme) else _authorizer(name, scheme)
        return key, authorizer

    def _schemes(self) -> Mapping[str, Any]:
        inside = mapping(self._document.get("components")).get("securitySchemes")
        return mapping(inside or self._document.get("securityDefinitions"))

    def checks(self) -> Checks | None:
        """What the validator of this operation, or of all, looks at. Raises Unfit."""
        name = self._given.get(_VALIDATOR, self._document.get(_VALIDATOR))
        if name is None:
            return None
        wanted = mapping(self._document.get(f"{_VALIDATOR}s")).get(str(name))
        if not isinstance(wanted, dict):
            raise Unfit(f"there is no request validator {name}", _VALIDATOR)
        parameters = self._parameters()
        needed: tuple[str, ...] = ()
        if wanted.get("validateRequestParameters"):
            asked = [each for each in parameters if each.get("required") and str(each.get("in")) in _PLACES]
            needed = tuple(f"{_PLACES[each['in']]}.{each.get('name')}" for each in asked)
        bodies = self._bodies(parameters) if wanted.get("validateRequestBody") else {}
        return Checks(bodies=bodies, parameters=needed)

    def _parameters(self) -> list[dict[str, Any]]:
        """Those of the path and of the operation."""
        given = (self._shared, self._given.get("parameters"))
        listed = [each for found in given if isinstance(found, list) for each in found]
        return [each for each in listed if isinstance(each, dict)]

    def _bodies(self, parameters: list[dict[str, Any]]) -> dict[str, Any]:
        body = self._given.get("requestBody")
        content = body.get("content") if isinstance(body, dict) else None
        found = {kind: each.get("schema") for kind, each in mapping(content).items() if isinstance(each, dict)}
        for each in parameters:
            if each.get("in") == "body":
                found[JSON] = each.get("schema")
        return {kind.lower(): self._whole(schema) for kind, schema in found.items() if isinstance(schema, dict)}

    def _whole(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A schema with the part of the document that its references lead to."""
        parts = {name: self._document[name] for name in ("components", "definitions") if name in self._document}
        made = {"allOf": [schema], **parts} if "$ref" in schema else {**schema, **parts}
        return dict(closed(made, _refuse_reference))


def operations(document: Any) -> list[Operation]:
    """All that have an integration, or should have one. Raises Unfit."""
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict):
        raise Unfit("the definition has no paths, which is a mapping")
    found = []
    for path, members in paths.items():
        if not isinstance(members, dict):
            raise Unfit(f"{path} is a mapping by method", "paths", path)
        known = [member for member in members if str(member).lower() in _METHODS and isinstance(members[member], dict)]
        found += [Operation(document, path, member) for member in known]
    return [operation for operation in found if operation.is_integrated]


def _response(pattern: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Unfit("a response is a mapping", INTEGRATION, "responses", pattern)
    found = {name[:1].upper() + name[1:]: value for name, value in given.items()}
    return found if pattern == "default" else {**found, "SelectionPattern": pattern}


def _is_key(scheme: Mapping[str, Any]) -> bool:
    """True for API Gateway's own keys, which no authorizer looks at."""
    plain = not any(name.startswith(_AUTH) for name in scheme)
    return plain and scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == "x-api-key"


def _authorizer(name: str, scheme: Mapping[str, Any]) -> Authorizer:
    """A signature, or the function of an authorizer. Raises Unfit."""
    if scheme.get(f"{_AUTH}type") == "awsSigv4":
        return Authorizer(kind="iam")
    given = mapping(scheme.get(f"{_AUTH}orizer"))
    kind = str(given.get("type", "")).upper()
    if kind not in ("TOKEN", "REQUEST"):
        said = f"the security {name} is not built in flowd, and nothing is served without it"
        raise Unfit(f"{said}; an apiKey in the header x-api-key, awsSigv4 and functions are", "security")
    header = f"method.request.header.{scheme.get('name', 'Authorization')}"
    renamed = {member[:1].upper() + member[1:]: value for member, value in given.items()}
    return rest_authorizer({"IdentitySource": header if kind == "TOKEN" else "", **renamed, "Type": kind})


def _refuse_reference(address: str) -> Any:
    raise Unfit(f"a schema refers to {address}, which is not looked up")
