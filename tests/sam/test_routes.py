"""`Api` and `HttpApi` events as routes."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.routes import Route
from flowd.sam.document import read_document
from flowd.sam.resources import HERE, Template
from flowd.sam.routes import read_routes

ARN = "arn:aws:lambda:us-east-1:000000000000:function:F"


def read(events: str, action: Any = "function") -> tuple[list[Route], list[str]]:
    text = f"""
Parameters:
  Base: {{Type: String, Default: /shop}}
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Events:
{events}
"""
    template = Template(read_document(text), {}, HERE)
    routes = read_routes(template, "F", action, ARN, "template.yaml")
    return routes, [f"{each.severity} {each.line} {each.message}" for each in template.problems]


def test_both_kinds_are_routes_with_their_formats() -> None:
    routes, problems = read(
        """
        Get: {Type: Api, Properties: {Path: !Sub "${Base}/{id}", Method: get, Auth: {ApiKeyRequired: true}}}
        Put: {Type: HttpApi, Properties: {Path: /items, Method: PUT, ApiId: !Ref Api}}
        Old: {Type: HttpApi, Properties: {Path: /old, Method: any, PayloadFormatVersion: "1.0"}}
        All: {Type: HttpApi}
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
"""
    )
    assert problems == []
    assert [(each.method, each.path, each.format, each.stage, each.key) for each in routes] == [
        ("GET", "/shop/{id}", "1.0", "Prod", True),
        ("PUT", "/items", "2.0", "$default", None),
        ("ANY", "/old", "1.0", "$default", None),
        ("ANY", "$default", "2.0", "$default", None),
    ]
    assert {(each.action, each.target, each.source) for each in routes} == {("function", ARN, "template.yaml")}
    assert routes[0].line == 10


def test_a_machine_is_started_and_answers_as_api_gateway_does() -> None:
    [route], _ = read("        Post: {Type: Api, Properties: {Path: /orders, Method: post}}", "start")
    assert (route.action, route.status, route.has_input) == ("start", 200, False)


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ("{Type: Api, Properties: {Path: /x}}", "ERROR 9 the event E: Path and Method must be given"),
        ("{Type: Api, Properties: {Path: x, Method: get}}", "is no method and path, as GET /orders/{id}"),
        ("{Type: Api, Properties: {Path: /x, Method: fetch}}", "FETCH /x is no method and path"),
        ("{Type: Api, Properties: {Path: !Ref None, Method: get}}", "None is neither a resource nor a parameter"),
        (
            '{Type: HttpApi, Properties: {Path: /x, Method: get, PayloadFormatVersion: "3"}}',
            "PayloadFormatVersion is 3; allowed: 1.0, 2.0",
        ),
    ],
)
def test_what_cannot_be_a_route_is_told_with_its_line(event: str, problem: str) -> None:
    routes, problems = read(f"        E: {event}")
    assert routes == []
    assert len(problems) == 1
    assert problem in problems[0]


def test_what_is_left_out_is_told() -> None:
    routes, problems = read("        E: {Type: Api, Properties: {Path: /x, Method: get, Colour: red}}")
    assert len(routes) == 1
    assert problems == ["WARNING 9 the event E: Colour is not supported and left out"]
