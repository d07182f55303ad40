"""SAM templates: what is taken, what is listed as not supported, and what is refused for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.functions import Kind
from flowd.sam.document import Mark, read_document
from flowd.sam.project import Project
from flowd.sam.template import Place, read_template

HEAD = "Transform: AWS::Serverless-2016-10-31\n"
PASS = "{StartAt: A, States: {A: {Type: Pass, End: true}}}"


def read(text: str, **options: Any) -> Project:
    return read_template(HEAD + text, source="shop/template.yaml", **options)


def said(project: Project) -> str:
    return "\n".join(f"{p.severity} {p.line}:{p.column} {p.resource}: {p.message}" for p in project.problems)


ORDERS = """\
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Wait: {Type: Number, Default: 7}
Globals:
  Function:
    Runtime: python3.12
    Timeout: 30
    Environment: {Variables: {STAGE: !Ref Stage, LEVEL: info}}
Resources:
  Charge:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/charge/
      Handler: app.handler
      MemorySize: 256
      ReservedConcurrentExecutions: 0
      Environment: {Variables: {LEVEL: debug, SELF: !Sub "${AWS::StackName}/${Stage}"}}
  Ship:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: !Sub "ship-${Stage}", CodeUri: ship, Handler: index.handler, Runtime: nodejs20.x}
  Order:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: !Join ["-", [order, !Ref Stage]]
      DefinitionUri: ./machines/order.asl.json
      DefinitionSubstitutions:
        ChargeArn: !GetAtt Charge.Arn
        ShipName: !Ref Ship
        Team: !GetAtt Approvals.Arn
        Seconds: !Ref Wait
        Fast: true
      Role: !GetAtt OrderRole.Arn
      Policies: [{DynamoDBCrudPolicy: {TableName: !Ref Nowhere}}]
  Approvals: {Type: AWS::StepFunctions::Activity, Properties: {Name: approvals}}
Outputs:
  Arn: {Value: !GetAtt Nothing.Arn}
"""


def test_machines_functions_and_activities_are_taken_with_their_references_resolved() -> None:
    project = read(ORDERS, place=Place(stack="shop"))
    assert project.problems == ()
    (order,) = project.machines
    assert (order.name, order.type, order.definition_path) == ("order-dev", "STANDARD", "machines/order.asl.json")
    assert order.substitutions == {
        "ChargeArn": "arn:aws:lambda:us-east-1:000000000000:function:Charge",
        "ShipName": "ship-dev",
        "Team": "arn:aws:states:us-east-1:000000000000:activity:approvals",
        "Seconds": "7",
        "Fast": "true",
    }
    charge, ship = project.functions
    assert (charge.reserved, ship.reserved) == (0, None)
    assert (charge.name, charge.kind, charge.path, charge.handler) == (
        "Charge",
        "python",
        "functions/charge",
        "app.handler",
    )
    assert (charge.timeout_s, charge.memory_mb) == (30, 256)
    assert charge.environment == {"STAGE": "dev", "LEVEL": "debug", "SELF": "shop/dev"}
    assert (ship.name, ship.kind, ship.handler, ship.memory_mb) == ("ship-dev", "node", "index.handler", 128)
    assert ship.source == "shop/template.yaml"
    assert project.activities == ("approvals",)


def test_parameters_that_are_configured_override_the_defaults() -> None:
    assert read(ORDERS, parameters={"Stage": "prod"}).machines[0].name == "order-prod"
    refused = read(ORDERS, parameters={"Stage": "test"})
    assert refused.machines == ()
    assert "the parameter Stage is 'test', which is not one of its AllowedValues" in said(refused)


def test_what_is_not_supported_is_listed_and_only_a_machine_that_needs_it_is_refused() -> None:
    project = read(f"""\
Resources:
  Table: {{Type: AWS::Kinesis::Stream}}
  Log: {{Type: AWS::Logs::LogGroup}}
  Save:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: save
      Handler: app.handler
      Runtime: python3.12
      Environment: {{Variables: {{TABLE: !Ref Table}}}}
  Fine: {{Type: AWS::Serverless::StateMachine, Properties: {{Definition: {PASS}, Logging: {{Level: !Ref Log}}}}}}
  Direct:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: x.asl.json
      DefinitionSubstitutions:
        TableName: !Ref Table
  Through:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition: {{StartAt: A, States: {{A: {{Type: Task, Resource: !GetAtt Save.Arn, End: true}}}}}}
""")
    assert [machine.name for machine in project.machines] == ["Fine"]
    assert project.refused == ("Direct", "Through")
    assert project.functions == ()
    lines = said(project).splitlines()
    elsewhere = 'if there is one elsewhere, write Table = "..." into [parameters.flowd] of flowd.toml'
    needs = f"it needs Table (AWS::Kinesis::Stream, line 3), which is not supported; {elsewhere}"
    through = f"it needs Save (line 5), which cannot be had: {needs}"
    assert lines == [
        f"ERROR 7:5 Save: {needs}",
        "WARNING 3:11 Table: AWS::Kinesis::Stream is not supported",
        f"ERROR 18:9 Direct: the machine is refused for its substitution TableName: {needs}",
        f"ERROR 22:7 Through: the machine is refused for its Definition: {through}",
    ]


def test_an_inline_definition_becomes_json_and_its_lines_are_known() -> None:
    project = read("""\
Resources:
  M:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: EXPRESS
      DefinitionSubstitutions: {Who: 'a "quoted" name'}
      Definition:
        StartAt: Pick
        States:
          Pick:
            Type: Choice
            Choices:
              - {Variable: $.x, IsPresent: yes, Next: Say}
          Say: {Type: Pass, Result: {Who: "${Who}", Region: !Ref AWS::Region, Day: 2024-01-01}, End: true}
""")
    (machine,) = project.machines
    assert machine.type == "EXPRESS"
    assert machine.definition_text is not None
    definition = json.loads(machine.definition_text)
    assert definition["States"]["Pick"]["Choices"] == [{"Variable": "$.x", "IsPresent": True, "Next": "Say"}]
    assert definition["States"]["Say"]["Result"] == {
        "Who": 'a "quoted" name',
        "Region": "us-east-1",
        "Day": "2024-01-01",
    }
    assert machine.locate("/States/Pick/Choices[0]/Next") == Mark(14, 49)
    assert machine.locate("/States/Say/Nowhere[3]/Deep") == Mark(15, 11)
    assert machine.locate(None) == Mark(3, 3)


def test_a_plain_state_machine_of_cloudformation_is_taken_too() -> None:
    project = read("""\
Resources:
  M:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: plain
      StateMachineType: EXPRESS
      DefinitionString: !Sub |
        {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "${AWS::AccountId} ${!Kept}", "End": true}}}
""")
    (machine,) = project.machines
    assert (machine.name, machine.type) == ("plain", "EXPRESS")
    assert machine.definition_text is not None
    assert json.loads(machine.definition_text)["States"]["A"]["Result"] == "000000000000 ${Kept}"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("{}", "exactly one of DefinitionUri, Definition must be given"),
        (f"{{DefinitionUri: a, Definition: {PASS}}}", "exactly one of"),
        ("{DefinitionUri: {Bucket: b, Key: k}}", "a definition in S3 is not supported"),
        ("{DefinitionUri: 's3://b/k'}", "a definition in S3 is not supported"),
        (f"{{Type: FAST, Definition: {PASS}}}", "Type is 'FAST'; allowed: STANDARD, EXPRESS"),
        (f"{{Name: 'a b', Definition: {PASS}}}", "'a b' is no name of a machine"),
        (f"{{Name: {'x' * 81}, Definition: {PASS}}}", "1 to 80 characters"),
        ("{Definition: {A: !Ref Nowhere}}", "Nowhere is neither a resource nor a parameter of this template"),
        ("{Definition: {A: !ImportValue other}}", "Fn::ImportValue is not supported"),
        ("{Definition: {A: !GetAtt M.Colour}}", "M.Colour is not supported (attributes of its type here: Arn, Name)"),
        ("{Name: !Ref M, DefinitionUri: a}", "the name of M refers to itself"),
        ("{Definition: {A: !Sub '{{resolve:ssm:/a}}'}}", "a dynamic reference ({{resolve:...}}) is not supported"),
        ("{Definition: {A: .inf}}", "a number that JSON does not have"),
        ("{DefinitionUri: a, DefinitionSubstitutions: {A: {B: c}}}", "a text is wanted here"),
    ],
)
def test_a_machine_that_cannot_be_is_refused_with_the_reason(properties: str, message: str) -> None:
    project = read(f"Resources:\n  M: {{Type: AWS::Serverless::StateMachine, Properties: {properties}}}\n")
    assert project.machines == ()
    assert len(project.refused) == 1
    assert message in said(project)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("Runtime: java17", "the runtime java17 is not run here; python, nodejs and provided are"),
        ("Handler: a.b", "the runtime (none) is not run here"),
        ("{Runtime: python3.12}", "the handler '' must be module.function"),
        (
            "{Runtime: python3.12, Handler: a.b, Timeout: 901}",
            "Timeout is 901; it must be a whole number from 1 to 900",
        ),
        ("{Runtime: python3.12, Handler: a.b, MemorySize: lots}", "MemorySize is lots"),
        (
            "{Runtime: python3.12, Handler: a.b, ReservedConcurrentExecutions: -1}",
            "ReservedConcurrentExecutions is -1; it must be a whole number from 0 to 1000",
        ),
        ("{Runtime: python3.12, Handler: a.b, InlineCode: 'x'}", "'a.b' must be index.function"),
        ("{Runtime: provided.al2, InlineCode: 'x'}", "code in a template is Python or Node"),
        ("{PackageType: Image, ImageUri: x}", "container images are not run as functions here"),
        (
            "{Runtime: python3.12, Handler: a.b, CodeUri: {Bucket: b, Key: k}}",
            "code in S3 (s3://b/k) is not fetched; unpack it",
        ),
        ("{Runtime: python3.12, Handler: a.b, FunctionName: a.b}", "'a.b' is no name of a function"),
        ("{Runtime: python3.12, Handler: a.b, CodeUri: gone}", "there is no folder gone"),
    ],
)
def test_a_function_that_cannot_be_run_is_refused_with_the_reason(properties: str, message: str) -> None:
    def find(path: str, kind: Kind, handler: str) -> tuple[str, str | None]:
        return "/abs", f"there is no folder {path}" if path == "gone" else None

    text = properties if properties.startswith("{") else f"{{{properties}}}"
    project = read(f"Resources:\n  F: {{Type: AWS::Serverless::Function, Properties: {text}}}\n", find_code=find)
    assert project.functions == ()
    assert message in said(project)


def test_a_provided_runtime_needs_no_handler_and_events_and_layers_are_listed() -> None:
    project = read("""\
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: provided.al2023
      CodeUri: build
      Layers: [x]
      Tracing: Active
      Events: {Hook: {Type: Kinesis}}
""")
    assert [(f.kind, f.path) for f in project.functions] == [("bootstrap", "build")]
    assert said(project).splitlines() == [
        "WARNING 8:16 F: the layer x is none of this template: name what it holds in requirements.txt or package.json",
        "WARNING 10:16 F: the event Hook of type Kinesis is not supported: there is no Kinesis in flowd",
    ]


def test_conditions_mappings_and_the_other_functions_are_worked_out() -> None:
    project = read("""\
Parameters:
  Stage: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
Mappings: {Sizes: {dev: {Count: 3}}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  NotProd: !Not [!Condition IsProd]
  Both: !And [!Condition NotProd, !Or [!Condition IsProd, !Equals [1, "1"]]]
Resources:
  Gone: {Type: AWS::Serverless::Function, Condition: IsProd, Properties: {Runtime: python3.12, Handler: a.b}}
  M:
    Type: AWS::Serverless::StateMachine
    Condition: Both
    Properties:
      Definition:
        Count: !FindInMap [Sizes, !Ref Stage, Count]
        Second: !Select [1, !Ref Zones]
        Split: !Split ["|", "x|y"]
        If: !If [IsProd, 1, 2]
        Left: !If [IsProd, 1, !Ref AWS::NoValue]
        Base: {"Fn::Base64": hi}
        Text: !ToJsonString {a: 1}
        Sub: !Sub ["${x}-${Stage}", {x: !Ref AWS::Partition}]
  Wants: {Type: AWS::Serverless::StateMachine, Properties: {Definition: {F: !Ref Gone}}}
""")
    assert project.functions == ()
    assert project.refused == ("Wants",)
    assert "Gone (line 11), which cannot be had: its condition IsProd is false" in said(project)
    assert project.machines[0].definition_text is not None
    assert json.loads(project.machines[0].definition_text) == {
        "Count": 3,
        "Second": "b",
        "Split": ["x", "y"],
        "If": 2,
        "Base": "aGk=",
        "Text": '{"a": 1}',
        "Sub": "aws-dev",
    }


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "1:1", "the template is empty"),
        ("- a", "1:1", "a template is a mapping with Resources"),
        ("Description: none", "1:1", "a template is a mapping with Resources"),
        ("Resources:\n  A: [1\n  B: 2", "3:4", "not YAML"),
        ("Resources:\n\tA: 1", "2:1", "not YAML"),
        ("a: \x07", "1:1", "not YAML"),
        ("{" * 3000, "1:1", "nested too deeply"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(9)),
            "",
            "too large",
        ),
    ],
)
def test_a_template_that_cannot_be_read_says_where(text: str, place: str, message: str) -> None:
    project = read_template(text, source="t")
    (problem,) = project.problems
    assert not project.complete
    assert message in problem.message
    assert place in ("", f"{problem.line}:{problem.column}")


def test_merges_and_json_templates_are_read() -> None:
    merged = read(f"""\
Resources:
  A: {{Type: AWS::Serverless::StateMachine, Properties: &p {{Type: EXPRESS, Definition: {PASS}}}}}
  B: {{Type: AWS::Serverless::StateMachine, Properties: {{<<: *p, Type: STANDARD}}}}
""")
    assert [(m.name, m.type) for m in merged.machines] == [("A", "EXPRESS"), ("B", "STANDARD")]
    body = {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"Definition": {"StartAt": "A"}}}
    assert [m.name for m in read_template(json.dumps({"Resources": {"J": body}}), source="t").machines] == ["J"]


def test_two_machines_of_one_name_and_malformed_resources_are_refused() -> None:
    project = read(f"""\
Resources:
  A: {{Type: AWS::Serverless::StateMachine, Properties: {{Name: same, Definition: {PASS}}}}}
  B: {{Type: AWS::Serverless::StateMachine, Properties: {{Name: same, Definition: {PASS}}}}}
  C: what
Hooks: {{}}
""")
    assert [machine.resource for machine in project.machines] == ["A"]
    assert project.refused == ("C",)
    assert "ERROR 4:3 B: the name same is taken by A" in said(project)
    assert "ERROR 5:3 C: a resource is a mapping with a Type" in said(project)
    assert "WARNING 6:1 : the section Hooks is not supported" in said(project)


def test_a_missing_transform_is_pointed_out() -> None:
    text = f"Resources: {{M: {{Type: AWS::Serverless::StateMachine, Properties: {{Definition: {PASS}}}}}}}"
    project = read_template(text, source="t")
    assert len(project.machines) == 1
    assert "AWS would refuse the template" in said(project)


@pytest.mark.parametrize("kind", ["N", "n", "Y", "y"])
def test_a_single_letter_is_a_word_as_cloudformation_has_it(kind: str) -> None:
    assert read_document(f"{{AttributeName: {kind}, Sure: yes, Off: off}}").value == {
        "AttributeName": kind,
        "Sure": True,
        "Off": False,
    }
