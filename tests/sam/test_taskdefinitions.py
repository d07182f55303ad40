"""AWS::ECS::TaskDefinition in the spelling of the API."""

from __future__ import annotations

from flowd.sam.document import read_document
from flowd.sam.resources import HERE, Template
from flowd.sam.taskdefinitions import read_task_definition
from flowd.services.ecs.definitions import Site, check


def template(properties: str) -> Template:
    text = f"""
Parameters: {{Size: {{Type: Number, Default: 256}}}}
Resources:
  Job:
    Type: AWS::ECS::TaskDefinition
    Properties: {properties}
"""
    return Template(read_document(text), {}, HERE)


def test_names_numbers_and_truth_are_the_apis() -> None:
    found = read_task_definition(
        template(
            """{
          Cpu: 256, Memory: "512", RequiresCompatibilities: [FARGATE], Tags: [{Key: a, Value: b}],
          Volumes: [{Name: v, Host: {SourcePath: /srv}}],
          ContainerDefinitions: [{
            Name: main, Image: !Sub "local/${AWS::StackName}", Command: [./job], Memory: !Ref Size, Essential: "true",
            Environment: [{Name: COUNT, Value: 7}], StopTimeout: "5",
            LogConfiguration: {LogDriver: awslogs, Options: {awslogs-group: g, Mode: x}}}]}"""
        ),
        "Job",
    )
    assert found is not None
    assert (found.name, found.resource, found.line) == ("Job", "Job", 4)
    [container] = found.members["containerDefinitions"]
    assert container == {
        "name": "main",
        "image": "local/flowd",
        "command": ["./job"],
        "memory": 256,
        "essential": True,
        "environment": [{"name": "COUNT", "value": "7"}],
        "stopTimeout": 5,
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g", "Mode": "x"}},
    }
    assert (found.members["cpu"], found.members["memory"], found.members["family"]) == ("256", "512", "Job")
    assert "tags" not in found.members
    check(found.members, Site(region="r", account="a"))


def test_what_needs_something_that_is_not_there_is_refused() -> None:
    made = template("{ContainerDefinitions: [{Name: m, Image: !GetAtt Repo.Uri}]}")
    assert read_task_definition(made, "Job") is None
    assert "Repo is neither a resource nor a parameter" in made.problems[0].message
