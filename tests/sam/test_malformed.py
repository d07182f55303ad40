"""What a template that is half written, or refers to itself, is told: its place, while the rest of it goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.sam.project import Project
from flowd.sam.template import read_template
from tests.api.front.apis import GATEWAY, Apis, http_api
from tests.sam.test_template import said

ARN = "arn:aws:lambda:us-east-1:000000000000:function:F"
URI = f"{GATEWAY}lambda:path/2015-03-31/functions/{ARN}/invocations"
NOTHING: dict[str, Any] = {"Ref": "AWS::NoValue"}
OPERATION = {"x-amazon-apigateway-integration": {"type": "mock"}}


def read(resources: dict[str, Any], **sections: Any) -> Project:
    return read_template(json.dumps({"Resources": resources, **sections}), source="t")


def rest(**more: Any) -> dict[str, Any]:
    apis = Apis()
    apis.method("GET", "/good", {"Type": "MOCK"})
    return apis.resources | more


def http(**members: Any) -> dict[str, Any]:
    """An HTTP API with a good route, and one whose integration has these members."""
    proxy = {"IntegrationType": "AWS_PROXY", "IntegrationUri": URI, "PayloadFormatVersion": "2.0"}
    found: dict[str, Any] = json.loads(http_api(Good={"Key": "GET /good", **proxy}, R={"Key": "GET /x", **members}))
    return dict(found["Resources"])


def resource(kind: str, properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def body(operation: dict[str, Any], **document: Any) -> dict[str, Any]:
    definition = {"paths": {"/p": {"get": {**OPERATION, **operation}}}, **document}
    return resource("AWS::ApiGateway::RestApi", {"Body": definition})


VALIDATED = {"x-amazon-apigateway-request-validator": "v"}
VALIDATORS = {
    "x-amazon-apigateway-request-validators": {"v": {"validateRequestBody": True, "validateRequestParameters": True}}
}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (rest(P=resource("AWS::ApiGateway::UsagePlan", NOTHING)), "P: Properties must be a mapping"),
        (rest(Q=resource("AWS::SQS::Queue", NOTHING)), "Q: Properties must be a mapping"),
        (http(IntegrationType="AWS_PROXY", IntegrationSubtype={"a": 1}), "{'a': 1} is not built in flowd"),
        (rest(B=body({"x-amazon-apigateway-request-validator": ["v"]})), "there is no request validator ['v']"),
        (rest(B=body({**VALIDATED, "requestBody": {"content": "x"}}, **VALIDATORS)), ""),
        (rest(B=body({**VALIDATED, "parameters": [{"in": [], "required": True}]}, **VALIDATORS)), ""),
        (rest(B=body({**VALIDATED, "parameters": 7}, **VALIDATORS)), ""),
        (rest(K=resource("AWS::ApiGateway::UsagePlanKey", {"KeyId": {"a": 1}, "UsagePlanId": "P"})), ""),
    ],
)
def test_what_has_the_wrong_shape_leaves_the_other_routes(resources: dict[str, Any], message: str) -> None:
    project = read(resources)
    assert message in said(project)
    assert "/good" in {route.path for route in project.routes}


def test_a_function_that_cannot_be_had_refuses_the_operations_that_it_guards() -> None:
    auth = {"DefaultAuthorizer": "A", "Authorizers": {"A": {"FunctionArn": {"Fn::GetAtt": ["F", "Arn"]}}}}
    definition = {"paths": {"/p": {"get": OPERATION}}}
    function = resource("AWS::Serverless::Function", {"Runtime": "cobol", "Handler": "a.b", "CodeUri": "f"})
    api = resource("AWS::Serverless::Api", {"StageName": "s", "DefinitionBody": definition, "Auth": auth})
    project = read(rest(F=function, A=api), Transform="AWS::Serverless-2016-10-31")
    assert "A: GET /p: it needs F (line 1), which cannot be had: the runtime cobol" in said(project)
    assert {route.path for route in project.routes} == {"/good"}


def test_a_parameter_that_refers_to_itself_is_said() -> None:
    parameters = {"P": {"Type": "String", "Default": {"Fn::Sub": "${P}"}}}
    queue = resource("AWS::SQS::Queue", {"QueueName": {"Ref": "P"}})
    assert "Q: the parameter P refers to itself" in said(read(rest(Q=queue), Parameters=parameters))


def test_an_event_whose_type_is_no_text_is_no_schedule() -> None:
    events = {"E": {"Type": ["Schedule"]}, "S": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 day)"}}}
    given = {"Runtime": "python3.12", "Handler": "a.b", "CodeUri": "f", "Events": events}
    project = read({"F": resource("AWS::Serverless::Function", given)}, Transform="AWS::Serverless-2016-10-31")
    assert [schedule.name for schedule in project.schedules] == ["FS"]
