"""Folders with a template."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from flowd.engine.dropfolder import projects
from flowd.engine.dropfolder.scan import Scanner
from flowd.sam.project import Project
from flowd.sam.template import read_template
from tests.engine.test_dropfolder_scan import HANDLER, MACHINE, put, said, scan

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Do:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.handler, Runtime: python3.12}
  Order:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: EXPRESS
      DefinitionUri: machines/order.asl.json
      DefinitionSubstitutions: {Fn: !GetAtt Do.Arn, Stack: !Ref AWS::StackName}
      Events: {Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}}
"""
DEFINITION = '{"StartAt": "${Stack}", "Resource": "${Fn}", "Left": "${Left}"}'


def project(folder: Path, template: str = TEMPLATE) -> Path:
    return put(
        folder,
        {
            "shop/template.yaml": template,
            "shop/machines/order.asl.json": DEFINITION,
            "shop/src/app.py": HANDLER,
            "shop/functions/never.py": HANDLER,
            "shop/sub/never.asl.json": MACHINE,
        },
    )


def test_a_folder_with_a_template_is_read_only_through_it(tmp_path: Path) -> None:
    project(tmp_path)
    put(tmp_path, {"shop/template.yml": "Resources: {}"})
    found = scan(tmp_path)
    (order,) = found.machines
    assert (order.name, order.type, order.owner, order.source) == ("Order", "EXPRESS", "template", "shop/template.yaml")
    assert order.path == "shop/machines/order.asl.json"
    arn = "arn:aws:lambda:us-east-1:000000000000:function:Do"
    assert order.text == DEFINITION.replace("${Stack}", "shop").replace("${Fn}", arn)
    (function,) = found.functions
    assert (function.name, function.path, function.handler) == ("Do", str(tmp_path / "shop/src"), "app.handler")
    assert [schedule.name for schedule in found.schedules] == ["OrderDaily"]
    assert said(found, "shop/template.yaml") == (
        "loaded",
        "6:3 ${Left} stands in machines/order.asl.json, but DefinitionSubstitutions has no Left",
    )
    assert said(found, "shop/template.yml")[0] == "ignored"
    assert len(found.files) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("machines/order", "machines/none", "6:3 the definition machines/none.asl.json: there is no such file"),
        ("machines/order.asl.json", "../../up.json", "the definition ../../up.json leads out of the drop folder"),
        ("CodeUri: src", "CodeUri: lost", "CodeUri lost: there is no such folder beside the template"),
        ("CodeUri: src", "CodeUri: /etc", "CodeUri /etc leads out of the drop folder"),
        ("app.handler", "other.handler", "CodeUri src has no file other.py"),
        ("python3.12", "provided", "CodeUri src: it cannot be reached"),
        ("Resources:", "Resources", "3:5 not YAML"),
    ],
)
def test_a_project_that_is_wrong_says_so_and_keeps_its_machine(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    project(tmp_path, TEMPLATE.replace(old, new))
    (tmp_path.parent / "up.json").write_text("{}")
    found = scan(tmp_path)
    assert found.machines == ()
    status, text = said(found, "shop/template.yaml")
    assert status == "rejected"
    assert message in text
    assert "Order" in found.names or found.keeps("shop/template.yaml")


def test_a_machine_whose_definition_file_is_missing_is_listed_as_refused_with_the_reason(tmp_path: Path) -> None:
    project(tmp_path, TEMPLATE.replace("machines/order", "machines/none"))
    listed = {each.resource: each for each in scan(tmp_path).projects["shop/template.yaml"]}
    machine = next(each for each in listed.values() if each.type == "AWS::Serverless::StateMachine")
    assert (machine.verdict, machine.note) == (
        "refused",
        "the definition machines/none.asl.json: there is no such file",
    )
    assert {each.verdict for each in listed.values() if each is not machine} == {"loaded"}


def test_a_project_is_read_again_when_a_file_that_it_needs_changes(tmp_path: Path) -> None:
    project(tmp_path, TEMPLATE.replace("app.handler", "late.handler"))
    scanner = Scanner(str(tmp_path))
    assert scanner.scan().machines == ()
    put(tmp_path, {"shop/src/late.py": HANDLER})
    first = scanner.scan().machines[0].text
    put(tmp_path, {"shop/machines/order.asl.json": DEFINITION + " "})
    assert scanner.scan().machines[0].text == first + " "


def test_an_inline_definition_knows_its_lines_in_the_template(tmp_path: Path) -> None:
    text = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  M:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: A
        States: {A: {Type: Pass, End: true}}
"""
    put(tmp_path, {"template.yaml": text})
    (machine,) = scan(tmp_path).machines
    assert (machine.path, machine.yaml) == ("template.yaml", False)
    assert machine.sam is not None
    assert machine.sam.locate("/States/A/Type") == (8, 22)


SHOP = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Site:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: site
      Events:
        Get: {Type: HttpApi, Properties: {Path: "/items/{id}", Method: GET, ApiId: !Ref Front}}
        Job: {Type: Api, Properties: {Path: /job, Method: post, RestApiId: !Ref Front}}
      Environment: {Variables: {JOB: !Ref Resize, CLUSTER: !GetAtt Cluster.Arn}}
  Front: {Type: AWS::Serverless::HttpApi}
  Cluster: {Type: AWS::ECS::Cluster}
  Resize:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions: [{Name: main, Image: local/resize, Command: [./resize], Memory: 64}]
  Engine:
    Type: AWS::ECS::TaskDefinition
    Properties: {ContainerDefinitions: [{Name: main, Image: team/x, Memory: 64}]}
"""


def test_a_template_gives_routes_and_task_definitions(tmp_path: Path) -> None:
    put(tmp_path, {"shop/template.yaml": SHOP, "shop/site/app.py": HANDLER})
    found = scan(tmp_path)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:Site"
    assert [(each.method, each.path, each.format, each.target) for each in found.routes] == [
        ("GET", "/items/{id}", "2.0", arn),
        ("POST", "/job", "1.0", arn),
    ]
    [resize] = found.task_definitions
    assert (resize.name, resize.folder, resize.source) == ("Resize", str(tmp_path / "shop"), "shop/template.yaml")
    [site] = found.functions
    assert site.environment["JOB"] == "arn:aws:ecs:us-east-1:000000000000:task-definition/Resize"
    assert site.environment["CLUSTER"] == "arn:aws:ecs:us-east-1:000000000000:cluster/Cluster"
    status, words = said(found, "shop/template.yaml")
    assert status == "rejected"
    assert words.startswith("19:3 Engine: the image team/x needs podman or docker")


def test_a_template_that_nobody_can_read_leaves_the_rest_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(text: str, *, source: str, **_: Any) -> Project:
        if source.startswith("bad"):
            raise KeyError("nobody thought of this")
        return read_template(text, source=source)

    monkeypatch.setattr(projects, "read_template", fails)
    project(tmp_path)
    put(tmp_path, {"bad/template.yaml": TEMPLATE, "plain.asl.json": MACHINE})
    found = scan(tmp_path)
    assert {machine.name for machine in found.machines} == {"Order", "plain"}
    assert said(found, "bad/template.yaml")[0] == "rejected"
    assert "a fault of flowd (KeyError" in said(found, "bad/template.yaml")[1]
    assert "the template bad/template.yaml cannot be read" in caplog.text


def test_code_in_a_zip_file_says_what_to_do(tmp_path: Path) -> None:
    project(tmp_path, TEMPLATE.replace("CodeUri: src", "CodeUri: build/app.zip"))
    (tmp_path / "shop" / "build").mkdir()
    with zipfile.ZipFile(tmp_path / "shop" / "build" / "app.zip", "w") as packed:
        packed.writestr("app.py", HANDLER)
    assert "unzip it into build/app and say build/app instead" in str(said(scan(tmp_path), "shop/template.yaml"))


def test_samconfig_beside_a_template_gives_its_parameters_values(tmp_path: Path) -> None:
    """As sam deploy does: before the Defaults, after flowd.toml; names that are no Parameters name nothing."""
    parameters = "Parameters: {Stage: {Type: String, Default: dev}, Who: {Type: String}}\n"
    template = parameters + TEMPLATE.replace("CodeUri: src", "FunctionName: !Sub '${Stage}-${Who}', CodeUri: src")
    project(tmp_path, template)
    asked = 'parameter_overrides = "Stage=prod Who=ann Do=other"'
    put(tmp_path, {"shop/samconfig.toml": f"[default.deploy.parameters]\nstack_name = 'x'\n{asked}\n"})
    scanner = Scanner(str(tmp_path))
    assert [each.name for each in scanner.scan().functions] == ["prod-ann"]
    put(tmp_path, {"shop/samconfig.toml": "[default.deploy.parameters"})
    told = said(scanner.scan(), "shop/template.yaml")
    assert "samconfig.toml beside the template gives its parameters no values" in str(told)
    put(tmp_path, {"shop/samconfig.toml": "[default.global.parameters]\nparameter_overrides = ['Who=bob']\n"})
    assert [each.name for each in scanner.scan().functions] == ["dev-bob"]
    settings = {"shop": {"Who": "eve"}}
    assert [each.name for each in Scanner(str(tmp_path), parameters=settings).scan().functions] == ["dev-eve"]
