"""REST APIs of plain CloudFormation: which routes they make, and what is refused, with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.routes import Authorizer, Checks, GatewayResponse, Plan
from flowd.sam.project import Project
from flowd.sam.template import read_template
from tests.api.front.apis import GATEWAY, STATES, Apis, aws
from tests.sam.test_template import said

MOCK: dict[str, Any] = {"Type": "MOCK"}
ARN = "arn:aws:lambda:us-east-1:000000000000:function:F"
PROXY = {"Type": "AWS_PROXY", "Uri": f"{GATEWAY}lambda:path/2015-03-31/functions/{ARN}/invocations"}


def read(apis: Apis) -> Project:
    return read_template(apis.text, source="cdk.out/Shop.template.json")


def verdicts(project: Project) -> dict[str, str]:
    return {each.resource: each.verdict for each in project.listing}


def test_resources_are_paths_and_methods_are_routes() -> None:
    apis = Apis()
    apis.method("GET", "/", PROXY)
    apis.method("ANY", "/orders/{id}/{rest+}", PROXY, ApiKeyRequired=True)
    project = read(apis)
    assert said(project) == ""
    found = [(each.method, each.path, each.action, each.target, each.key, each.stage) for each in project.routes]
    assert found == [
        ("GET", "/", "function", ARN, None, "prod"),
        ("ANY", "/orders/{id}/{rest+}", "function", ARN, True, "prod"),
    ]
    assert {each.format for each in project.routes} == {"1.0"}
    assert project.routes[0].variables == {"colour": "red", "fn": "echo"}
    assert set(verdicts(project).values()) == {"loaded"}


def test_a_function_that_is_refused_takes_its_methods_with_it() -> None:
    apis = Apis()
    apis.add("F", "AWS::Lambda::Function", Runtime="cobol", Handler="a.b", Code={"ZipFile": "x"})
    uri = {"Fn::Sub": f"{GATEWAY}lambda:path/2015-03-31/functions/${{F.Arn}}/invocations"}
    apis.method("GET", "/", {"Type": "AWS_PROXY", "Uri": uri})
    project = read(apis)
    assert verdicts(project)["GET"] == "refused"
    assert "it needs F (line" in said(project)
    assert project.routes == ()


@pytest.mark.parametrize(
    ("integration", "message"),
    [
        ({"Type": "SOAP"}, "Type is SOAP; allowed: AWS, AWS_PROXY, HTTP, HTTP_PROXY, MOCK"),
        ({"Type": "AWS_PROXY", "Uri": "arn:aws:s3:::x"}, "the URI arn:aws:s3:::x leads to no function"),
        (
            {"Type": "AWS", "Uri": f"{GATEWAY}kinesis:action/PutRecord"},
            "kinesis:action cannot be called by an API here",
        ),
        ({"Type": "AWS", "Uri": f"{GATEWAY}runtime.sagemaker:path/x"}, "runtime.sagemaker:path cannot be called"),
        ({"Type": "AWS", "Uri": f"{STATES}FlyExecution"}, "FlyExecution is no operation of states"),
        ({"Type": "AWS", "Uri": f"{GATEWAY}dynamodb:action/Fly"}, "Fly is no operation of dynamodb"),
        ({"Type": "AWS", "Uri": "x"}, "the URI x is none of arn:aws:apigateway"),
        ({"Type": "HTTP", "Uri": "ftp://x"}, "no address that begins with http://"),
        ({"Type": "HTTP", "Uri": "http://${stageVariables.none}"}, "the stage has no variable none"),
        ({"Type": "HTTP_PROXY", "Uri": "http://x", "ConnectionType": "VPC_LINK"}, "VPC links are not built"),
        (MOCK | {"ContentHandling": "CONVERT_TO_BINARY"}, "CONVERT_TO_BINARY is not built"),
        (MOCK | {"PassthroughBehavior": "SOMETIMES"}, "PassthroughBehavior is SOMETIMES"),
        (MOCK | {"TimeoutInMillis": 5}, "TimeoutInMillis is 5; it must be a whole number from 50"),
        (MOCK | {"RequestParameters": {"integration.request.body": "x"}}, "is none of integration.request.header.X"),
        (
            MOCK | {"RequestParameters": {"integration.request.header.X": "method.request.cookie.x"}},
            "'method.request.cookie.x' names no header, path, querystring or body",
        ),
        (MOCK | {"IntegrationResponses": [{}]}, "StatusCode is missing"),
        (MOCK | {"IntegrationResponses": [{"StatusCode": 200, "SelectionPattern": "("}]}, "no regular expression"),
        (
            MOCK
            | {"IntegrationResponses": [{"StatusCode": 200, "ResponseParameters": {"method.response.header.X": "y"}}]},
            "'y' is none of 'text', integration.response.header.X",
        ),
    ],
)
def test_what_an_integration_cannot_be_is_refused(integration: dict[str, Any], message: str) -> None:
    apis = Apis()
    apis.method("GET", "/", integration)
    project = read(apis)
    assert message in said(project)
    assert project.routes == ()
    assert verdicts(project)["GET"] == "refused"


def test_a_template_that_cannot_be_read_is_named_with_both_places() -> None:
    apis = Apis()
    apis.method("POST", "/", aws(f"{STATES}StartExecution", '{\n  "input": $util.toJson($input.body)\n}'))
    project = read(apis)
    line = apis.text.split("\n").index('     "RequestTemplates": {') + 1
    assert said(project).startswith(f"ERROR {line}:")
    assert "the mapping template for application/json is refused, line 2, column 17: $util has no toJson" in said(
        project
    )


@pytest.mark.parametrize("kind", ["CUSTOM", "COGNITO_USER_POOLS"])
def test_a_method_that_aws_would_guard_is_not_open_here(kind: str) -> None:
    apis = Apis()
    name = apis.method("GET", "/", PROXY)
    apis.resources[name]["Properties"]["AuthorizationType"] = kind
    project = read(apis)
    assert project.routes == ()
    assert f"authorization {kind} is not built" in said(project) or "there is no authorizer (none)" in said(project)


TOKEN = {"Type": "TOKEN", "IdentitySource": "method.request.header.X-Token", "IdentityValidationExpression": "t-.*"}
REQUEST = {"Type": "REQUEST", "IdentitySource": "method.request.querystring.who, context.identity.sourceIp"}


@pytest.mark.parametrize(
    ("given", "authorizer"),
    [
        (TOKEN, Authorizer(kind="token", function=ARN, sources=("method.request.header.X-Token",), pattern="t-.*")),
        ({"Type": "TOKEN"}, Authorizer(kind="token", function=ARN, sources=("method.request.header.Authorization",))),
        (
            REQUEST,
            Authorizer(
                kind="request",
                function=ARN,
                sources=("method.request.querystring.who", "context.identity.sourceIp"),
            ),
        ),
        ({"Type": "COGNITO_USER_POOLS"}, "the authorization COGNITO_USER_POOLS is not built in flowd"),
        ({"Type": "TOKEN", "AuthorizerUri": "x"}, "the URI x leads to no function"),
        ({"Type": "TOKEN", "IdentitySource": "header.X"}, "IdentitySource: 'header.X' is none of"),
        ({"Type": "TOKEN", "IdentityValidationExpression": "("}, "is no regular expression"),
    ],
)
def test_a_function_may_say_who_comes_in(given: dict[str, Any], authorizer: Authorizer | str) -> None:
    apis = Apis()
    name = apis.method("GET", "/", PROXY, AuthorizerId={"Ref": "Who"})
    apis.resources[name]["Properties"]["AuthorizationType"] = "CUSTOM"
    apis.add("Who", "AWS::ApiGateway::Authorizer", **({"AuthorizerUri": PROXY["Uri"]} | given))
    project = read(apis)
    if isinstance(authorizer, str):
        assert authorizer in said(project)
        assert project.routes == ()
    else:
        assert said(project) == ""
        assert project.routes[0].authorizer == authorizer


def test_a_signature_may_say_it() -> None:
    apis = Apis()
    name = apis.method("GET", "/", PROXY)
    apis.resources[name]["Properties"]["AuthorizationType"] = "AWS_IAM"
    assert read(apis).routes[0].authorizer == Authorizer(kind="iam")


def test_usage_plans_bring_their_keys_and_rates() -> None:
    apis = Apis()
    apis.method("GET", "/", PROXY, ApiKeyRequired=True)
    apis.method("GET", "/open", PROXY)
    stage = {"ApiId": {"Ref": "Api"}, "Stage": {"Ref": "Stage"}}
    throttle = {"RateLimit": 5, "BurstLimit": "10"}
    apis.add("Plan", "AWS::ApiGateway::UsagePlan", UsagePlanName="Easy", ApiStages=[stage], Throttle=throttle, Quota={})
    for name, more in (
        ("A", {"Value": "a" * 20}),
        ("B", {"Name": "bee"}),
        ("C", {"Value": "c" * 20, "Enabled": False}),
    ):
        apis.add(name, "AWS::ApiGateway::ApiKey", **more)
        member = {"KeyId": {"Ref": name}, "KeyType": "API_KEY", "UsagePlanId": {"Ref": "Plan"}}
        apis.add(f"In{name}", "AWS::ApiGateway::UsagePlanKey", **member)
    project = read(apis)
    plan = Plan(name="Easy", keys={"A": "a" * 20, "bee": ""}, rate=5.0, burst=10)
    assert [(each.key, each.plans) for each in project.routes] == [(True, (plan,)), (None, ())]
    assert "Quota is not built and left out" in said(project)


def test_validators_check_bodies_by_models_and_parameters_that_must_be_there() -> None:
    apis = Apis()
    size = {"type": "integer", "minimum": 1}
    apis.add("Size", "AWS::ApiGateway::Model", RestApiId={"Ref": "Api"}, Name="Size", Schema=size)
    address = "https://apigateway.amazonaws.com/restapis/Api/models/Size"
    order = {"type": "object", "required": ["size"], "properties": {"size": {"$ref": address}}}
    apis.add("Order", "AWS::ApiGateway::Model", RestApiId={"Ref": "Api"}, Schema=json.dumps(order))
    wanted = {"ValidateRequestBody": True, "ValidateRequestParameters": True}
    apis.add("Checks", "AWS::ApiGateway::RequestValidator", RestApiId={"Ref": "Api"}, **wanted)
    parameters = {"method.request.querystring.page": True, "method.request.header.x": False}
    models = {"application/json": {"Ref": "Order"}, "text/plain": "Empty"}
    more = {"RequestModels": models, "RequestParameters": parameters, "RequestValidatorId": {"Ref": "Checks"}}
    apis.method("POST", "/", PROXY, **more)
    project = read(apis)
    assert said(project) == ""
    schema = {"type": "object", "required": ["size"], "properties": {"size": size}}
    assert project.routes[0].checks == Checks(bodies={"application/json": schema}, parameters=("querystring.page",))


def test_a_model_that_leads_elsewhere_or_to_itself_is_refused() -> None:
    apis = Apis()
    apis.add("Checks", "AWS::ApiGateway::RequestValidator", RestApiId={"Ref": "Api"}, ValidateRequestBody="true")
    itself = {"$ref": "https://apigateway.amazonaws.com/restapis/Api/models/Loop"}
    apis.add("Loop", "AWS::ApiGateway::Model", RestApiId={"Ref": "Api"}, Schema=itself)
    apis.add("Away", "AWS::ApiGateway::Model", RestApiId={"Ref": "Api"}, Schema={"$ref": "http://x/y"})
    for name in ("Loop", "Away", "None"):
        models = {"application/json": name}
        apis.method("POST", f"/{name}", PROXY, RequestModels=models, RequestValidatorId={"Ref": "Checks"})
    project = read(apis)
    for message in ("the model Loop refers to itself", "the model Away refers to http://x/y", "there is no model None"):
        assert message in said(project)
    assert project.routes == ()


def test_a_second_stage_and_what_a_stage_limits_are_said() -> None:
    apis = Apis()
    apis.method("GET", "/", PROXY)
    limits = [{"ResourcePath": "/*", "HttpMethod": "*", "ThrottlingRateLimit": 10, "LoggingLevel": "INFO"}]
    apis.add("Test", "AWS::ApiGateway::Stage", RestApiId={"Ref": "Api"}, StageName="test", MethodSettings=limits)
    project = read(apis)
    assert project.routes[0].stage == "prod"
    assert "Test: it is left out: the paths of Api are those of its stage prod" in said(project)
    assert "ThrottlingRateLimit of MethodSettings is not built and left out" in said(project)


def test_a_path_that_leads_to_no_root_is_refused() -> None:
    apis = Apis()
    apis.method("GET", "/a", PROXY)
    apis.resources["Ra"]["Properties"]["ParentId"] = {"Ref": "Ra"}
    assert "there is no resource Ra that leads to the root" in said(read(apis))


def test_refusals_look_as_the_api_says() -> None:
    apis = Apis()
    apis.method("GET", "/", PROXY)
    of = {"RestApiId": {"Ref": "Api"}}
    headers = {"gatewayresponse.header.X": "method.request.header.Origin"}
    templates = {"application/json": '{"why": $context.error.messageString}'}
    more = {"ResponseParameters": headers, "ResponseTemplates": templates, "StatusCode": "429"}
    apis.add("Slow", "AWS::ApiGateway::GatewayResponse", **of, ResponseType="THROTTLED", **more)
    slow = GatewayResponse(status=429, templates=templates, headers={"X": "method.request.header.Origin"})
    assert read(apis).routes[0].gateway == {"THROTTLED": slow}
    assert said(read(apis)) == ""
    apis.add("A", "AWS::ApiGateway::GatewayResponse", **of, ResponseType="TEAPOT")
    apis.add("B", "AWS::ApiGateway::GatewayResponse", **of, ResponseType="THROTTLED", StatusCode="many")
    wrong = {"gatewayresponse.header.X": "y"}
    apis.add("C", "AWS::ApiGateway::GatewayResponse", **of, ResponseType="THROTTLED", ResponseParameters=wrong)
    project = read(apis)
    for message in ("there is no type TEAPOT", "StatusCode is many", "'y' is none of 'text'"):
        assert message in said(project)
    assert project.routes[0].gateway == {"THROTTLED": slow}
