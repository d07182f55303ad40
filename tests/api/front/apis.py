"""Templates of APIs, in the shape in which the CDK writes them."""

from __future__ import annotations

import json
from typing import Any

GATEWAY = "arn:aws:apigateway:us-east-1:"
STATES = f"{GATEWAY}states:action/"
PATHS = "#set($params = $input.params())\n"


class Apis:
    """A template that is being written."""

    def __init__(self) -> None:
        self.resources: dict[str, Any] = {"Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "Shop"}}}
        self.add("Deployment", "AWS::ApiGateway::Deployment", RestApiId={"Ref": "Api"})
        stage = {"DeploymentId": {"Ref": "Deployment"}, "RestApiId": {"Ref": "Api"}, "StageName": "prod"}
        self.add("Stage", "AWS::ApiGateway::Stage", **stage, Variables={"colour": "red", "fn": "echo"})

    def add(self, logical_id: str, kind: str, **properties: Any) -> None:
        self.resources[logical_id] = {"Type": kind, "Properties": properties}

    def method(self, method: str, path: str, integration: dict[str, Any], **more: Any) -> str:
        """A method, with the resources that lead to it; its logical id."""
        parent: Any = {"Fn::GetAtt": ["Api", "RootResourceId"]}
        resource = ""
        for part in path.strip("/").split("/") if path != "/" else ():
            resource += "R" + "".join(character for character in part if character.isalnum())
            given = {"RestApiId": {"Ref": "Api"}, "ParentId": parent, "PathPart": part}
            self.add(resource, "AWS::ApiGateway::Resource", **given)
            parent = {"Ref": resource}
        logical_id = f"{resource}{method}"
        given = {"RestApiId": {"Ref": "Api"}, "ResourceId": parent, "HttpMethod": method, "AuthorizationType": "NONE"}
        self.add(logical_id, "AWS::ApiGateway::Method", **given, Integration=integration, **more)
        return logical_id

    @property
    def text(self) -> str:
        return json.dumps({"Resources": self.resources}, indent=1)


def aws(uri: str, template: str | None = None, response: str | None = None, **more: Any) -> dict[str, Any]:
    """An integration of the type AWS, with one response for all."""
    made: dict[str, Any] = {"Type": "AWS", "IntegrationHttpMethod": "POST", "Uri": uri}
    if template is not None:
        made["RequestTemplates"] = {"application/json": template}
    answers = {"ResponseTemplates": {"application/json": response}} if response is not None else {}
    return made | {"IntegrationResponses": [{"StatusCode": "200", **answers}]} | more


def http_api(**routes: dict[str, Any]) -> str:
    """An HTTP API; routes by logical id, each with its Key and the properties of its integration."""
    api = {"Ref": "Api"}
    resources: dict[str, Any] = {
        "Api": {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"Name": "Shop", "ProtocolType": "HTTP"}},
        "Stage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {"ApiId": api, "StageName": "$default", "AutoDeploy": True},
        },
    }
    for name, given in routes.items():
        integration = {key: value for key, value in given.items() if key != "Key"}
        target = {"Fn::Join": ["", ["integrations/", {"Ref": f"{name}Integration"}]]}
        resources[f"{name}Integration"] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {"ApiId": api, **integration},
        }
        resources[name] = {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {"ApiId": api, "RouteKey": given["Key"], "Target": target, "AuthorizationType": "NONE"},
        }
    return json.dumps({"Resources": resources}, indent=1)
