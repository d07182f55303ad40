"""HTTP APIs of plain CloudFormation, and APIs that describe themselves in OpenAPI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.routes import Authorizer, Checks, Cors
from flowd.sam.project import Project
from flowd.sam.template import read_template
from tests.api.front.apis import GATEWAY, STATES, http_api
from tests.sam.test_template import said

ARN = "arn:aws:lambda:us-east-1:000000000000:function:F"
LAMBDA = {"IntegrationType": "AWS_PROXY", "IntegrationUri": ARN, "PayloadFormatVersion": "2.0"}
START = {
    "IntegrationType": "AWS_PROXY",
    "IntegrationSubtype": "StepFunctions-StartExecution",
    "RequestParameters": {"StateMachineArn": "arn", "Input": "$request.body"},
}


def read(text: str, **changes: dict[str, Any]) -> Project:
    """The template, with properties of some resources changed."""
    template = json.loads(text)
    for logical_id, properties in changes.items():
        template["Resources"][logical_id]["Properties"] |= properties
    return read_template(json.dumps(template, indent=1), source="t")


def verdict(project: Project, logical_id: str) -> str:
    return next(each.verdict for each in project.listing if each.resource == logical_id)


def test_routes_have_what_their_integration_says() -> None:
    away = {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "https://x.test/{id}", "IntegrationMethod": "GET"}
    text = http_api(A={"Key": "GET /a/{id}"} | LAMBDA, B={"Key": "$default"} | away, C={"Key": "POST /c"} | START)
    origins = {"AllowOrigins": ["https://shop.test"], "AllowMethods": ["*"], "MaxAge": 10, "AllowCredentials": True}
    project = read(text, Api={"CorsConfiguration": origins}, Stage={"StageName": "v1", "StageVariables": {"a": "b"}})
    assert said(project) == ""
    a, b, c = project.routes
    assert (a.method, a.path, a.action, a.target, a.format) == ("GET", "/a/{id}", "function", ARN, "2.0")
    assert (a.stage, a.variables) == ("v1", {"a": "b"})
    assert a.cors == Cors(origins=("https://shop.test",), max_age=10, credentials=True)
    assert b.integration is not None
    assert (b.method, b.path, b.integration.uri, b.integration.proxy) == (
        "ANY",
        "$default",
        "https://x.test/{id}",
        True,
    )
    assert c.integration is not None
    assert (c.integration.kind, c.integration.service, c.integration.operation) == (
        "operation",
        "states",
        "StartExecution",
    )


def test_an_api_with_one_target_of_its_own_is_one_route() -> None:
    project = read(http_api(), Api={"Target": ARN})
    assert [(each.method, each.path, each.target) for each in project.routes] == [("ANY", "$default", ARN)]


@pytest.mark.parametrize(
    ("change", "message", "refused"),
    [
        ({"Api": {"ProtocolType": "WEBSOCKET"}}, "WEBSOCKET APIs are not built", "Api"),
        ({"A": {"RouteKey": "GET"}}, "RouteKey is 'GET'", "A"),
        ({"A": {"AuthorizationType": "JWT"}}, "the authorization JWT is not built", "A"),
        ({"A": {"Target": "integrations/None"}}, "there is no integration None", "A"),
        ({"A": {"ApiId": "Other"}}, "there is no HTTP API Other here", "A"),
        ({"AIntegration": {"IntegrationType": "MOCK"}}, "an HTTP API has AWS_PROXY and HTTP_PROXY", "AIntegration"),
        (
            {"AIntegration": {"IntegrationSubtype": "Kinesis-PutRecord"}},
            "Kinesis-PutRecord is not built",
            "AIntegration",
        ),
        ({"AIntegration": {"PayloadFormatVersion": "3"}}, "PayloadFormatVersion is 3", "AIntegration"),
        ({"AIntegration": {"ConnectionType": "VPC_LINK"}}, "VPC links are not built", "AIntegration"),
        ({"AIntegration": {"ResponseParameters": {"200": {}}}}, "ResponseParameters of an HTTP API", "AIntegration"),
        (
            {"AIntegration": START | {"RequestParameters": {"Input": "$request.cookie.x"}}},
            "'$request.cookie.x' names no header",
            "AIntegration",
        ),
        ({"AIntegration": START | {"RequestParameters": {"Input": "$body"}}}, "'$body' is none of", "AIntegration"),
    ],
)
def test_what_is_not_built_is_refused(change: dict[str, Any], message: str, refused: str) -> None:
    project = read(http_api(A={"Key": "GET /a"} | LAMBDA), **change)
    assert message in said(project)
    assert verdict(project, refused) == "refused"
    assert project.routes == ()


def test_a_function_may_say_who_comes_in() -> None:
    template = json.loads(http_api(A={"Key": "GET /a"} | LAMBDA))
    template["Resources"]["A"]["Properties"] |= {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Who"}}
    given = {"ApiId": {"Ref": "Api"}, "AuthorizerType": "REQUEST", "AuthorizerUri": ARN, "EnableSimpleResponses": True}
    given |= {"AuthorizerPayloadFormatVersion": "2.0", "IdentitySource": ["$request.header.X-Token"]}
    template["Resources"]["Who"] = {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": given}
    project = read(json.dumps(template, indent=1))
    assert said(project) == ""
    sources = ("$request.header.X-Token",)
    wanted = Authorizer(kind="request", function=ARN, sources=sources, format="2.0", simple=True, timeout_s=10)
    assert project.routes[0].authorizer == wanted
    given["AuthorizerType"] = "JWT"
    assert "the authorization JWT is not built" in said(read(json.dumps(template, indent=1)))


def rest(document: dict[str, Any], kind: str = "AWS::ApiGateway::RestApi", name: str = "Body") -> Project:
    head = {"Transform": "AWS::Serverless-2016-10-31"} if "Serverless" in kind else {}
    properties = {"StageName": "v1", name: document} if head else {name: document}
    resources = {"Api": {"Type": kind, "Properties": properties}}
    return read_template(json.dumps({**head, "Resources": resources}, indent=1), source="t")


PROXY = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": f"{GATEWAY}lambda:path/2015-03-31/functions/{ARN}/invocations",
}


def document(**more: Any) -> dict[str, Any]:
    start = {
        "type": "aws",
        "uri": f"{STATES}StartExecution",
        "requestTemplates": {"application/json": "$input.body"},
        "responses": {
            "default": {"statusCode": "202", "responseParameters": {"method.response.header.X": "'y'"}},
            "4\\d{2}": {"statusCode": 400},
        },
    }
    return {
        "openapi": "3.0.1",
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}},
        "paths": {
            "/orders/{id}": {
                "x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": PROXY, "security": [{"key": []}]},
                "post": {"x-amazon-apigateway-integration": start} | more,
                "get": {"summary": "nobody answers"},
            }
        },
    }


@pytest.mark.parametrize(
    ("kind", "name", "stage"),
    [("AWS::ApiGateway::RestApi", "Body", "Prod"), ("AWS::Serverless::Api", "DefinitionBody", "v1")],
)
def test_an_api_in_openapi_is_its_routes(kind: str, name: str, stage: str) -> None:
    project = rest(document(), kind, name)
    assert said(project) == ""
    any_, post = project.routes
    assert (any_.method, any_.path, any_.target, any_.key, any_.stage) == ("ANY", "/orders/{id}", ARN, True, stage)
    assert post.integration is not None
    default, refusal = post.integration.responses
    assert (default.status, default.pattern, default.headers) == (202, "", {"X": "'y'"})
    assert (refusal.status, refusal.pattern) == (400, "4\\d{2}")


def test_an_operation_is_checked_by_its_schema() -> None:
    schema = {"$ref": "#/components/schemas/Order"}
    given = document(
        **{
            "x-amazon-apigateway-request-validator": "all",
            "parameters": [{"name": "page", "in": "query", "required": True}, {"name": "x", "in": "header"}],
            "requestBody": {"content": {"application/json": {"schema": schema}}},
        }
    )
    all_ = {"validateRequestBody": True, "validateRequestParameters": True}
    given["x-amazon-apigateway-request-validators"] = {"all": all_}
    given["components"]["schemas"] = {"Order": {"type": "object"}}
    checks = rest(given).routes[1].checks
    body = {"allOf": [schema], "components": given["components"]}
    assert checks == Checks(bodies={"application/json": body}, parameters=("querystring.page",))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"security": [{"pool": []}]}, "POST /orders/{id}: the security pool is not built"),
        ({"x-amazon-apigateway-auth": {"type": "JWT"}}, "x-amazon-apigateway-auth JWT is not built"),
        ({"x-amazon-apigateway-request-validator": "none"}, "there is no request validator none"),
        ({"x-amazon-apigateway-integration": {"type": "soap"}}, "Type is SOAP"),
    ],
)
def test_an_operation_that_cannot_be_is_refused_and_the_others_stay(more: dict[str, Any], message: str) -> None:
    project = rest(document(**more))
    assert message in said(project)
    assert said(project).startswith("ERROR")
    assert [each.method for each in project.routes] == ["ANY"]


@pytest.mark.parametrize(
    ("more", "scheme", "authorizer"),
    [
        ({"x-amazon-apigateway-auth": {"type": "AWS_IAM"}}, {}, Authorizer(kind="iam")),
        ({"security": [{"own": []}]}, {"x-amazon-apigateway-authtype": "awsSigv4"}, Authorizer(kind="iam")),
        (
            {"security": [{"own": []}]},
            {"name": "X-Token", "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": PROXY["uri"]}},
            Authorizer(kind="token", function=ARN, sources=("method.request.header.X-Token",)),
        ),
    ],
)
def test_an_operation_is_guarded_as_it_says(more: dict[str, Any], scheme: Any, authorizer: Authorizer) -> None:
    given = document(**more)
    given["components"]["securitySchemes"]["own"] = {"type": "apiKey", "name": "Authorization", "in": "header"} | scheme
    project = rest(given)
    assert said(project) == ""
    assert [each.authorizer for each in project.routes] == [None, authorizer]


def test_what_events_have_routed_is_not_routed_again() -> None:
    body = document()
    body["paths"]["/orders/{id}"].pop("post")
    event = {"Type": "Api", "Properties": {"Path": "/orders/{id}", "Method": "any"}}
    function = {"Runtime": "python3.12", "Handler": "a.b", "CodeUri": "x", "Events": {"E": event}}
    resources = {
        "Api": {"Type": "AWS::Serverless::Api", "Properties": {"StageName": "v1", "DefinitionBody": body}},
        "F": {"Type": "AWS::Serverless::Function", "Properties": function},
    }
    given = {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}
    assert [each.path for each in read_template(json.dumps(given), source="t").routes] == ["/orders/{id}"]


def test_an_http_api_in_openapi_has_its_own_integrations_and_origins() -> None:
    start = {
        "type": "aws_proxy",
        "integrationSubtype": "StepFunctions-StartSyncExecution",
        "requestParameters": {"StateMachineArn": "a"},
    }
    body = {
        "paths": {"/s": {"post": {"x-amazon-apigateway-integration": start}}},
        "x-amazon-apigateway-cors": {"allowOrigins": ["*"], "allowMethods": ["GET"]},
    }
    [route] = read(http_api(), Api={"Body": body}).routes
    assert route.integration is not None
    assert (route.method, route.path, route.integration.operation) == ("POST", "/s", "StartSyncExecution")
    assert route.cors == Cors(origins=("*",), methods=("GET",))


@pytest.mark.parametrize("property_name", ["DefinitionUri", "BodyS3Location"])
def test_a_definition_that_is_elsewhere_is_said(property_name: str) -> None:
    kind = "AWS::Serverless::Api" if property_name == "DefinitionUri" else "AWS::ApiGateway::RestApi"
    project = rest({"Bucket": "b"}, kind, property_name)
    assert f"{property_name} is not read" in said(project)
