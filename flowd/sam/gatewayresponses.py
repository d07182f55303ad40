"""Gateway responses, plain and SAM's: how the refusals of an API look, by their types.

Source: CloudFormation reference, AWS::ApiGateway::GatewayResponse; SAM specification, ApiGatewayResponses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowd import parametersources as sources
from flowd.routes import GatewayResponse
from flowd.sam.apiplans import each, mapping
from flowd.sam.integrations import Unfit
from flowd.sam.project import UNSUPPORTED
from flowd.sam.resources import GATEWAY_RESPONSE, Template

_TYPES: Final = frozenset(
    {
        *("ACCESS_DENIED", "API_CONFIGURATION_ERROR", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE"),
        *("BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS", "DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN"),
        *("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_API_KEY", "INVALID_SIGNATURE"),
        *("MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED"),
        *("UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED"),
    }
)
_HEADER: Final = "gatewayresponse.header."


class GatewayResponses:
    """Those of a template, by API."""

    def __init__(self, template: Template) -> None:
        self._by_api: dict[str, dict[str, GatewayResponse]] = {}
        for logical_id, given in each(template, GATEWAY_RESPONSE).items():
            kind = str(given.get("ResponseType", ""))
            parameters = mapping(given.get("ResponseParameters"))
            headers = {
                name.removeprefix(_HEADER): value for name, value in parameters.items() if name.startswith(_HEADER)
            }
            try:
                found = _read(kind, given, headers)
            except Unfit as unfit:
                place = ("Resources", logical_id, "Properties", *unfit.path)
                template.refuse(logical_id, str(unfit), *place, code=UNSUPPORTED)
                continue
            self._by_api.setdefault(str(given.get("RestApiId", "")), {})[kind] = found

    def of(self, api: str) -> dict[str, GatewayResponse]:
        return self._by_api.get(api, {})


def of_serverless(kind: str, given: Mapping[str, Any]) -> GatewayResponse:
    """One of a SAM API, resolved. Raises Unfit."""
    return _read(kind, given, mapping(mapping(given.get("ResponseParameters")).get("Headers")))


def _read(kind: str, given: Mapping[str, Any], headers: Mapping[str, Any]) -> GatewayResponse:
    if kind not in _TYPES:
        raise Unfit(f"there is no type {kind or '(none)'} of gateway responses", "ResponseType")
    status = str(given.get("StatusCode", "0"))
    if status != "0" and (not status.isdecimal() or not 200 <= int(status) <= 599):
        raise Unfit(f"StatusCode is {status}; it must be a number from 200 to 599", "StatusCode")
    for expression in headers.values():
        try:
            sources.rest(str(expression), "method.request")
        except sources.NoSource as error:
            raise Unfit(error.message, "ResponseParameters") from None
    templates = {str(name).lower(): str(text) for name, text in mapping(given.get("ResponseTemplates")).items()}
    return GatewayResponse(
        status=int(status), templates=templates, headers={str(name): str(value) for name, value in headers.items()}
    )
