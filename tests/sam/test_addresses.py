"""Addresses of APIs: those that SAM makes by itself can be named, and all of them are the front's."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.sam.document import read_document
from flowd.sam.intrinsics import Unresolvable
from flowd.sam.resources import Place, Template

FRONT = "https://api.example"
RESOURCES = """\
Resources:
  Decide:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Link: {Type: Api, Properties: {Path: /decision, Method: get}}
        Own: {Type: HttpApi, Properties: {Path: /own, Method: get, ApiId: !Ref Http}}
  Rest: {Type: AWS::Serverless::Api, Properties: {Name: shop api, StageName: dev}}
  Http: {Type: AWS::Serverless::HttpApi, Properties: {StageName: live}}
"""
AWS = "execute-api.us-east-1.amazonaws.com"
PARTS = ["https://", {"Ref": "Rest"}, f".{AWS}/", {"Ref": "ServerlessRestApiProdStage"}]


def text(value: Any, front: str = FRONT) -> str:
    template = Template(read_document(RESOURCES), {}, Place(front=front))
    return template.resolver.text(value)


def sub(text_: str) -> dict[str, str]:
    return {"Fn::Sub": text_}


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (sub("https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod/decision"), "/decision"),
        (sub("https://${ServerlessRestApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/Prod"), ""),
        (sub("https://${Rest}.execute-api.us-east-1.amazonaws.com/dev/a?b=1"), "/a?b=1"),
        (sub("https://${Http}.execute-api.us-east-1.amazonaws.com/own"), "/own"),
        (sub("https://${Http}.execute-api.us-east-1.amazonaws.com/live/own"), "/own"),
        (
            {"Fn::Join": ["", [*PARTS, "/x"]]},
            "/x",
        ),
    ],
)
def test_an_address_of_the_template_s_apis_is_the_front_s_without_the_stage(value: Any, address: str) -> None:
    assert text(value) == FRONT + address


def test_without_a_front_and_for_other_apis_an_address_stays() -> None:
    assert text(sub("https://${Rest}." + AWS + "/dev"), front="") == f"https://Rest.{AWS}/dev"
    assert text(sub(f"https://abc.{AWS}/${{AWS::StackName}}")) == f"https://abc.{AWS}/flowd"


def test_what_sam_would_not_make_cannot_be_named() -> None:
    assert text({"Ref": "ServerlessRestApi"}) == "ServerlessRestApi"
    for name in ("ServerlessHttpApi", "ServerlessHttpApiApiGatewayDefaultStage"):
        with pytest.raises(Unresolvable, match=name):
            text({"Ref": name})
