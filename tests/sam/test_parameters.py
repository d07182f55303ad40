"""What a template does not say itself: values of its parameters, and what resources are called that are elsewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.sam.project import Project
from flowd.sam.resources import HERE
from flowd.sam.template import read_template

ELSEWHERE = """\
Resources:
  Secret: {Type: AWS::SecretsManager::Secret}
  Cluster: {Type: AWS::RDS::DBCluster}
  M:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      Definition: {Secret: !Ref Secret, Host: !GetAtt Cluster.Endpoint.Address, Both: !Sub "${Secret}/${Cluster.Port}"}
"""
VALUES = {"Secret": "arn:s", "Cluster.Endpoint.Address": "db.example.org", "Cluster.Port": "5432"}


def read(text: str, **parameters: str) -> Project:
    return read_template(text, source="t", place=HERE._replace(stack="my shop"), parameters=parameters)


def definition(project: Project) -> Any:
    (machine,) = project.machines
    assert machine.definition_text is not None
    return json.loads(machine.definition_text)


def test_what_is_elsewhere_is_called_as_the_settings_say() -> None:
    found = definition(read(ELSEWHERE, **VALUES))
    assert found == {"Secret": "arn:s", "Host": "db.example.org", "Both": "arn:s/5432"}


@pytest.mark.parametrize(
    ("missing", "way"),
    [
        ("Secret", 'write Secret = "..." into [parameters."my shop"] of flowd.toml'),
        ("Cluster.Port", 'write "Cluster.Port" = "..." into [parameters."my shop"] of flowd.toml'),
    ],
)
def test_a_machine_that_needs_something_elsewhere_says_where_to_name_it(missing: str, way: str) -> None:
    project = read(ELSEWHERE, **{name: value for name, value in VALUES.items() if name != missing})
    assert project.machines == ()
    assert way in next(each.message for each in project.problems if each.resource == "M")


def test_settings_do_not_rename_what_is_made_here() -> None:
    text = """\
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: q}}
  M: {Type: AWS::StepFunctions::StateMachine, Properties: {Definition: {Name: !GetAtt Q.QueueName}}}
"""
    assert definition(read(text, **{"Q": "other", "Q.QueueName": "other"})) == {"Name": "q"}


@pytest.mark.parametrize("declared", ["{Type: String}", "{Type: 'AWS::SSM::Parameter::Value<String>', Default: /a/b}"])
def test_a_parameter_that_has_no_value_says_where_to_give_one(declared: str) -> None:
    text = f"""\
Parameters: {{P: {declared}}}
Resources: {{M: {{Type: AWS::StepFunctions::StateMachine, Properties: {{Definition: {{P: !Ref P}}}}}}}}
"""
    assert 'write P = "..." into [parameters."my shop"] of flowd.toml' in read(text).problems[0].message
    assert definition(read(text, P="given")) == {"P": "given"}


def test_of_a_key_that_stands_twice_the_last_one_counts_and_a_warning_says_so() -> None:
    project = read("""\
Resources:
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: first, Colour: red}}
  A:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: old
      QueueName: new
Description: one
Description: two
Description: three
""")
    assert [each.name for each in project.resources] == ["new"]
    assert [(each.severity, each.line, each.resource, each.message) for each in project.problems] == [
        ("WARNING", 3, "A", "the key 'A' stands here twice; the last one counts"),
        ("WARNING", 7, "A", "the key 'QueueName' stands here twice; the last one counts"),
        ("WARNING", 10, "", "the key 'Description' stands here twice; the last one counts"),
    ]
