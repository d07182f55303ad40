"""Integrations of API Gateway -> what a route calls. What is not built, or cannot be read, is refused with its place.

Names are those of CloudFormation; `openapi` gives the same ones to what stands in `x-amazon-apigateway-integration`.
Source: CloudFormation reference, AWS::ApiGateway::Method Integration and AWS::ApiGatewayV2::Integration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote

from flowd import parametersources as sources
from flowd.patterns import PatternError, compiled
from flowd.routes import TEMPLATE_MEMBERS, Action, Format, Integration, IntegrationResponse, Passthrough
from flowd.services.offered import OFFERED
from flowd.velocity import Invalid, compile_template

#: Step Functions' operations; all of them can be asked through an API.
STATES: Final = frozenset(
    {
        *("CreateActivity", "CreateStateMachine", "CreateStateMachineAlias", "DeleteActivity", "DeleteStateMachine"),
        *("DeleteStateMachineAlias", "DeleteStateMachineVersion", "DescribeActivity", "DescribeExecution"),
        *("DescribeMapRun", "DescribeStateMachine", "DescribeStateMachineAlias"),
        *("DescribeStateMachineForExecution", "GetActivityTask", "GetExecutionHistory", "ListActivities"),
        *("ListExecutions", "ListMapRuns", "ListStateMachineAliases", "ListStateMachineVersions"),
        *("ListStateMachines", "ListTagsForResource", "PublishStateMachineVersion", "RedriveExecution"),
        *("SendTaskFailure", "SendTaskHeartbeat", "SendTaskSuccess", "StartExecution", "StartSyncExecution"),
        *("StopExecution", "TagResource", "TestState", "UntagResource", "UpdateMapRun", "UpdateStateMachine"),
        *("UpdateStateMachineAlias", "ValidateStateMachineDefinition"),
    }
)
_SUBTYPES: Final = {
    "EventBridge-PutEvents": ("events", "PutEvents"),
    **{f"SQS-{name}": ("sqs", name) for name in ("SendMessage", "ReceiveMessage", "DeleteMessage", "PurgeQueue")},
    **{f"StepFunctions-{name}": ("states", name) for name in ("StartExecution", "StartSyncExecution", "StopExecution")},
}
_BY_PATH: Final = ("dynamodb", "events", "lambda", "s3", "sns", "sqs")
_URI = re.compile(r"arn:[a-z-]+:apigateway:[^:]*:(?:([A-Za-z0-9-]+)\.)?([a-z0-9-]+):(action|path)/(.+)", re.DOTALL)
_FUNCTION = re.compile(r"\d{4}-\d\d-\d\d/functions/(.+)/invocations/?")
_VARIABLE = re.compile(r"\$\{stageVariables\.([A-Za-z0-9_]+)\}")
_TARGET = re.compile(r"integration\.request\.(?:header|querystring|path)\.[^\s]+")
_PASSTHROUGH: Final = ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER")
_LONGEST_MS: Final = 300_000


class Unfit(Exception):
    """The integration cannot be built, because of one of its properties."""

    def __init__(self, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.path = path


class Called(NamedTuple):
    """What a route does, as `Route` has it."""

    action: Action
    target: str
    integration: Integration | None = None
    format: Format = "1.0"


def rest(given: Mapping[str, Any], variables: Mapping[str, str]) -> Called:
    """An integration of a REST API, resolved; `variables` are the stage's. Raises Unfit."""
    kind = str(given.get("Type", ""))
    if given.get("ConnectionType") == "VPC_LINK":
        raise Unfit("VPC links are not built in flowd", "ConnectionType")
    if given.get("ContentHandling") == "CONVERT_TO_BINARY":
        raise Unfit("ContentHandling CONVERT_TO_BINARY is not built in flowd", "ContentHandling")
    uri = _with_variables(str(given.get("Uri", "")), variables)
    if kind == "AWS_PROXY":
        return Called("function", function_of(uri))
    if kind == "AWS":
        made, target = _service(uri), uri.partition("apigateway:")[2].partition(":")[2]
    elif kind in ("HTTP", "HTTP_PROXY"):
        made, target = {"kind": "http", "uri": _address(uri, "Uri")}, uri
    elif kind == "MOCK":
        made, target = {"kind": "mock"}, "nobody (MOCK)"
    else:
        raise Unfit(f"Type is {kind or 'missing'}; allowed: AWS, AWS_PROXY, HTTP, HTTP_PROXY, MOCK", "Type")
    integration = Integration(
        **made,
        method=str(given.get("IntegrationHttpMethod", "POST")),
        proxy=kind == "HTTP_PROXY",
        parameters=_parameters(given),
        templates=_templates(given.get("RequestTemplates"), "RequestTemplates"),
        passthrough=_passthrough(given),
        responses=_responses(given),
        timeout_s=_timeout(given, 29_000),
    )
    return Called("integration", target, integration)


def http(given: Mapping[str, Any], variables: Mapping[str, str]) -> Called:
    """An integration of an HTTP API, resolved. Raises Unfit."""
    kind = str(given.get("IntegrationType", ""))
    if given.get("ConnectionType") == "VPC_LINK":
        raise Unfit("VPC links are not built in flowd", "ConnectionType")
    if given.get("ResponseParameters"):
        raise Unfit("ResponseParameters of an HTTP API are not built in flowd", "ResponseParameters")
    uri = _with_variables(str(given.get("IntegrationUri", "")), variables)
    subtype = None if given.get("IntegrationSubtype") is None else str(given["IntegrationSubtype"])
    if kind == "AWS_PROXY" and subtype is None:
        version = str(given.get("PayloadFormatVersion", "1.0"))
        if version not in ("1.0", "2.0"):
            raise Unfit(f"PayloadFormatVersion is {version}; allowed: 1.0, 2.0", "PayloadFormatVersion")
        return Called("function", function_of(uri), format=cast(Format, version))
    if kind == "HTTP_PROXY":
        if given.get("RequestParameters"):
            raise Unfit("RequestParameters of an HTTP_PROXY are not built in flowd", "RequestParameters")
        method = str(given.get("IntegrationMethod", "ANY"))
        made = Integration(
            kind="http",
            uri=_address(uri, "IntegrationUri"),
            method=method,
            proxy=True,
            timeout_s=_timeout(given, 30_000),
        )
        return Called("integration", uri, made, "2.0")
    if kind != "AWS_PROXY":
        said = f"IntegrationType is {kind or 'missing'}; an HTTP API has AWS_PROXY and HTTP_PROXY"
        raise Unfit(said, "IntegrationType")
    if subtype not in _SUBTYPES:
        raise Unfit(f"{subtype} is not built in flowd; there are {', '.join(sorted(_SUBTYPES))}", "IntegrationSubtype")
    service, operation = _SUBTYPES[subtype]
    parameters = _texts(given.get("RequestParameters"), "RequestParameters")
    for name, expression in parameters.items():
        try:
            sources.http(expression)
        except sources.NoSource as error:
            raise Unfit(error.message, "RequestParameters", name) from None
    made = Integration(
        kind="operation",
        service=service,
        operation=operation,
        proxy=True,
        parameters=parameters,
        timeout_s=_timeout(given, 30_000),
    )
    return Called("integration", subtype, made, "2.0")


def function_of(uri: str) -> str:
    """The ARN of a function, from its URI or as it is. Raises Unfit."""
    found = _URI.fullmatch(uri)
    within = _FUNCTION.fullmatch(found[4]) if found is not None and found[2] == "lambda" else None
    if within is not None:
        return within[1]
    if ":function:" in uri and found is None:
        return uri
    raise Unfit(f"the URI {uri or '(none)'} leads to no function", "Uri")


def _service(uri: str) -> dict[str, Any]:
    found = _URI.fullmatch(uri)
    if found is None:
        raise Unfit(
            f"the URI {uri or '(none)'} is none of arn:aws:apigateway:REGION:SERVICE:action/NAME or path/…", "Uri"
        )
    subdomain, service, form, rest_of_it = found.groups()
    if service == "s3" and subdomain:
        rest_of_it, subdomain = f"{subdomain}/{rest_of_it}", None
    known = STATES if service == "states" else OFFERED.get(service, frozenset())
    if subdomain or (service not in _BY_PATH and service != "states") or (form == "path" and service == "states"):
        name = f"{subdomain}.{service}" if subdomain else service
        raise Unfit(f"{name}:{form} cannot be called by an API here; states, {', '.join(_BY_PATH)} can", "Uri")
    if form == "path":
        function = _FUNCTION.fullmatch(rest_of_it) if service == "lambda" else None
        if function is not None:
            rest_of_it = f"2015-03-31/functions/{quote(function[1], safe='')}/invocations"
        return {"kind": "service", "service": service, "path": rest_of_it}
    if rest_of_it not in known:
        raise Unfit(f"{rest_of_it} is no operation of {service} that is built in flowd", "Uri")
    return {"kind": "service", "service": service, "operation": rest_of_it}


def _address(uri: str, name: str) -> str:
    if not uri.startswith(("http://", "https://")):
        raise Unfit(f"the URI {uri or '(none)'} is no address that begins with http:// or https://", name)
    return uri


def _with_variables(uri: str, variables: Mapping[str, str]) -> str:
    def one(found: re.Match[str]) -> str:
        if found[1] not in variables:
            raise Unfit(f"the stage has no variable {found[1]}", "Uri")
        return variables[found[1]]

    return _VARIABLE.sub(one, uri)


# -- its parts -----------------------------------------------------------------------


def _texts(given: Any, name: str) -> dict[str, str]:
    """A mapping of texts; numbers and truth values become texts as in CloudFormation."""
    if given is None:
        return {}
    if not isinstance(given, dict) or any(isinstance(value, dict | list) for value in given.values()):
        raise Unfit(f"{name} is a mapping of texts", name)
    shown = {True: "true", False: "false"}
    return {
        str(key): shown[value] if isinstance(value, bool) else str(value)
        for key, value in given.items()
        if value is not None
    }


def _templates(given: Any, *path: str | int) -> dict[str, str]:
    found = {kind.partition(";")[0].strip().lower(): text for kind, text in _texts(given, str(path[-1])).items()}
    for kind, text in found.items():
        try:
            compile_template(text, TEMPLATE_MEMBERS)
        except Invalid as error:
            raise Unfit(f"the mapping template for {kind} is refused, {error.message}", *path) from None
    return found


def _parameters(given: Mapping[str, Any]) -> dict[str, str]:
    found = _texts(given.get("RequestParameters"), "RequestParameters")
    for target, expression in found.items():
        if _TARGET.fullmatch(target) is None:
            said = f"{target} is none of integration.request.header.X, .querystring.X, .path.X"
            raise Unfit(said, "RequestParameters", target)
        try:
            sources.rest(expression, "method.request")
        except sources.NoSource as error:
            raise Unfit(error.message, "RequestParameters", target) from None
    return found


def _passthrough(given: Mapping[str, Any]) -> Passthrough:
    text = str(given.get("PassthroughBehavior", "WHEN_NO_MATCH")).upper()
    if text not in _PASSTHROUGH:
        raise Unfit(f"PassthroughBehavior is {text}; allowed: {', '.join(_PASSTHROUGH)}", "PassthroughBehavior")
    return cast(Passthrough, text)


def _timeout(given: Mapping[str, Any], otherwise: int) -> float:
    text = str(given.get("TimeoutInMillis", otherwise))
    if not text.isdecimal() or not 50 <= int(text) <= _LONGEST_MS:
        said = f"TimeoutInMillis is {text}; it must be a whole number from 50 to {_LONGEST_MS:,}"
        raise Unfit(said, "TimeoutInMillis")
    return int(text) / 1000


def _responses(given: Mapping[str, Any]) -> tuple[IntegrationResponse, ...]:
    listed = given.get("IntegrationResponses") or []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Unfit("IntegrationResponses is a list of mappings", "IntegrationResponses")
    return tuple(_response(each, number) for number, each in enumerate(listed))


def _response(given: Mapping[str, Any], number: int) -> IntegrationResponse:
    place = ("IntegrationResponses", number)
    status = str(given.get("StatusCode", ""))
    if not status.isdecimal() or not 100 <= int(status) <= 599:
        raise Unfit(f"StatusCode is {status or 'missing'}; it must be a number from 100 to 599", *place, "StatusCode")
    if given.get("ContentHandling") == "CONVERT_TO_BINARY":
        raise Unfit("ContentHandling CONVERT_TO_BINARY is not built in flowd", *place, "ContentHandling")
    pattern = str(given.get("SelectionPattern") or "")
    try:
        compiled(pattern)
    except PatternError as error:
        said = f"the SelectionPattern {pattern!r} is no regular expression: {error}"
        raise Unfit(said, *place, "SelectionPattern") from None
    headers = {}
    for target, expression in _texts(given.get("ResponseParameters"), "ResponseParameters").items():
        name = target.removeprefix("method.response.header.")
        try:
            sources.rest(expression, "integration.response")
        except sources.NoSource as error:
            raise Unfit(error.message, *place, "ResponseParameters", target) from None
        if name == target or not name:
            raise Unfit(f"{target} is no method.response.header.X", *place, "ResponseParameters", target)
        headers[name] = expression
    templates = _templates(given.get("ResponseTemplates"), *place, "ResponseTemplates")
    return IntegrationResponse(status=int(status), pattern=pattern, templates=templates, headers=headers)
