"""What SAM's APIs and Globals say for the routes of events: authorizers, keys, origins, stages."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.routes import Authorizer, Cors, GatewayResponse, Route
from flowd.sam.project import Project
from tests.sam.test_template import read, said

WHO = "arn:aws:lambda:us-east-1:000000000000:function:Who"


def project_of(api: str, event: str = "", kind: str = "Api", globals: str = "") -> Project:
    name = "RestApiId" if kind == "Api" else "ApiId"
    return read(f"""\
Globals: {{{globals}}}
Resources:
  Gate: {{Type: AWS::Serverless::{kind}, Properties: {{StageName: v1{api}}}}}
  Who: {{Type: AWS::Serverless::Function, Properties: {{Runtime: python3.12, Handler: a.b}}}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: a.b
      Events:
        E: {{Type: {kind}, Properties: {{{name}: !Ref Gate, Path: /x, Method: get{event}}}}}
""")


def route_of(*given: str, **more: Any) -> Route:
    project = project_of(*given, **more)
    assert said(project) == ""
    return project.routes[0]


TOKEN = ", Auth: {DefaultAuthorizer: W, Authorizers: {W: {FunctionArn: !GetAtt Who.Arn, Identity: {Header: X-Token}}}}"


def test_the_route_of_an_event_is_guarded_as_its_api_or_the_event_says() -> None:
    route = route_of(TOKEN)
    assert route.authorizer == Authorizer(kind="token", function=WHO, sources=("method.request.header.X-Token",))
    assert route.stage == "v1"
    assert route_of(TOKEN, ", Auth: {Authorizer: NONE, ApiKeyRequired: true}").authorizer is None
    assert route_of(TOKEN, ", Auth: {ApiKeyRequired: true}").key is True
    assert route_of("", ", Auth: {Authorizer: AWS_IAM}").authorizer == Authorizer(kind="iam")


def test_an_authorizer_that_gets_the_request_needs_what_it_names() -> None:
    identity = "{Headers: [X-Token], QueryStrings: [who], Context: [stage], StageVariables: [a]}"
    own = f"{{FunctionPayloadType: REQUEST, FunctionArn: !GetAtt Who.Arn, Identity: {identity}}}"
    route = route_of(f", Auth: {{DefaultAuthorizer: W, Authorizers: {{W: {own}}}}}")
    places = ("method.request.header.X-Token", "method.request.querystring.who", "context.stage", "stageVariables.a")
    assert route.authorizer == Authorizer(kind="request", function=WHO, sources=places)


def test_an_http_api_has_authorizers_of_either_format() -> None:
    own = "{FunctionArn: !GetAtt Who.Arn, AuthorizerPayloadFormatVersion: '2.0', EnableSimpleResponses: true}"
    route = route_of(f", Auth: {{DefaultAuthorizer: W, Authorizers: {{W: {own}}}}}", kind="HttpApi")
    header = ("$request.header.Authorization",)
    assert route.authorizer == Authorizer(
        kind="request", function=WHO, sources=header, format="2.0", simple=True, timeout_s=10
    )


@pytest.mark.parametrize(
    "auth",
    [
        "{DefaultAuthorizer: Pool, Authorizers: {Pool: {UserPoolArn: arn}}}",
        "{DefaultAuthorizer: Pool}",
    ],
)
def test_a_route_that_aws_would_guard_is_not_open_here(auth: str) -> None:
    project = project_of(f", Auth: {auth}")
    assert project.routes == ()
    assert "the event E: the authorization Pool is not built in flowd" in said(project)


def test_pages_of_other_origins_may_ask_as_the_api_says() -> None:
    route = route_of(", Cors: {AllowOrigin: \"'https://a.test'\", AllowMethods: \"'GET, POST'\", MaxAge: \"'60'\"}")
    assert route.cors == Cors(origins=("https://a.test",), methods=("GET", "POST"), max_age=60, answers=False)
    assert route_of(", Cors: \"'*'\"").cors == Cors(origins=("*",), answers=False)
    assert route_of(", CorsConfiguration: true", kind="HttpApi").cors == Cors(origins=("*",))
    globals = "HttpApi: {CorsConfiguration: {AllowOrigins: ['https://a.test']}}"
    assert route_of("", kind="HttpApi", globals=globals).cors == Cors(origins=("https://a.test",))


def test_what_would_change_an_answer_and_is_not_built_is_said() -> None:
    assert "the property Models of AWS::Serverless::Api is left out" in said(project_of(", Models: {}"))


def test_refusals_look_as_the_api_says() -> None:
    headers = "{Headers: {Access-Control-Allow-Origin: \"'*'\"}}"
    route = route_of(f", GatewayResponses: {{DEFAULT_4XX: {{StatusCode: 418, ResponseParameters: {headers}}}}}")
    assert route.gateway == {"DEFAULT_4XX": GatewayResponse(status=418, headers={"Access-Control-Allow-Origin": "'*'"})}
    project = project_of(", GatewayResponses: {TEAPOT: {}}")
    assert "there is no type TEAPOT of gateway responses" in said(project)


def test_a_definition_in_openapi_is_guarded_as_its_api_says() -> None:
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{WHO}/invocations"
    integration = f"{{x-amazon-apigateway-integration: {{type: aws_proxy, uri: '{uri}'}}}}"
    body = f", DefinitionBody: {{paths: {{/y: {{get: {integration}}}}}}}"
    project = project_of(TOKEN + ", Cors: \"'*'\"" + body)
    assert said(project) == ""
    event, defined = project.routes
    assert (defined.path, defined.authorizer, defined.cors) == ("/y", event.authorizer, event.cors)
    assert event.authorizer is not None
    project = project_of(", Auth: {DefaultAuthorizer: Pool}" + body)
    assert "GET /y: the authorization Pool is not built" in said(project)
    assert project.routes == ()
    assert "the property DefinitionBody of AWS::Serverless::HttpApi is left out" in said(
        project_of(body, kind="HttpApi")
    )
