"""What the CDK and plain CloudFormation write: code in the template, assets, long ids, networks, notifications."""

from __future__ import annotations

import json

import pytest

from flowd.sam.project import Project
from tests.sam.test_template import PASS, read, said


def test_code_that_stands_in_a_template_is_the_functions_code() -> None:
    project = read("""\
Resources:
  Own:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: index.run, InlineCode: "def run(event, context): return 1"}
  Plain:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: nodejs20.x
      Handler: index.handler
      Code: {ZipFile: !Sub "exports.handler = async () => '${AWS::Region}'"}
""")
    found = {each.name: (each.path, each.code, each.handler) for each in project.functions}
    assert found == {
        "Own": ("", "def run(event, context): return 1", "index.run"),
        "Plain": ("", "exports.handler = async () => 'us-east-1'", "index.handler"),
    }


def test_an_asset_of_the_cdk_is_found_by_its_key_where_no_metadata_say_it() -> None:
    key = "0123456789abcdef" * 4
    project = read(f"""\
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties: {{Runtime: python3.12, Handler: index.run, Code: {{S3Bucket: cdk, S3Key: {key}.zip}}}}
""")
    assert [each.path for each in project.functions] == [f"asset.{key}"]


def named(project: Project) -> list[str]:
    return [each.name for each in project.functions] + [each.name for each in project.machines]


@pytest.mark.parametrize(("kind", "longest"), [("AWS::Lambda::Function", 64), ("AWS::StepFunctions::StateMachine", 80)])
def test_a_logical_id_that_is_too_long_for_a_name_is_cut(kind: str, longest: int) -> None:
    long = "Construct" * 20
    properties = f"{{Runtime: python3.12, Handler: a.b, CodeUri: x, DefinitionString: '{PASS}'}}"
    text = "Resources:\n" + "".join(f"  {long}{n}: {{Type: {kind}, Properties: {properties}}}\n" for n in (1, 2))
    project = read(text)
    names = named(project)
    assert [len(name) for name in names] == [longest, longest]
    assert names[0] != names[1]
    assert names == named(read(text))


def test_networks_have_no_meaning_here_and_what_refers_to_them_is_made() -> None:
    project = read("""\
Resources:
  Net: {Type: AWS::EC2::VPC}
  Part: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Net}}
  Wall: {Type: AWS::EC2::SecurityGroup}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: a.b
      VpcConfig: {SubnetIds: [!Ref Part], SecurityGroupIds: [!GetAtt Wall.GroupId]}
      Environment: {Variables: {VPC: !Ref Net}}
""")
    verdicts = {each.resource: each.verdict for each in project.listing}
    assert verdicts == {"Net": "ignored", "Part": "ignored", "Wall": "ignored", "F": "loaded"}
    assert said(project) == ""


PLAIN = """\
  Files:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration:
        EventBridgeConfiguration: {EventBridgeEnabled: true}
        QueueConfigurations:
          - Event: s3:ObjectCreated:*
            Filter: {S3Key: {Rules: [{Name: suffix, Value: .csv}]}}
            Queue: !GetAtt Jobs.Arn
"""
CUSTOM = """\
  Files: {Type: AWS::S3::Bucket}
  Told:
    Type: Custom::S3BucketNotifications
    Properties:
      BucketName: !Ref Files
      NotificationConfiguration:
        QueueConfigurations:
          - Events: [s3:ObjectCreated:*]
            Filter: {Key: {FilterRules: [{Name: suffix, Value: .csv}]}}
            QueueArn: !GetAtt Jobs.Arn
"""


@pytest.mark.parametrize("bucket", [PLAIN, CUSTOM], ids=["CloudFormation", "CDK"])
def test_a_bucket_tells_those_whom_it_names(bucket: str) -> None:
    project = read(f"Resources:\n  Jobs: {{Type: AWS::SQS::Queue}}\n{bucket}")
    assert said(project) == ""
    assert all(each.verdict == "made" for each in project.listing)
    put, targets = next(each for each in project.resources if each.type == "S3").steps
    assert json.loads(put.members["EventPattern"]) == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["flowd-files"]}, "object": {"key": [{"wildcard": "*.csv"}]}},
    }
    assert targets.members["Targets"][0]["Arn"] == "arn:aws:sqs:us-east-1:000000000000:flowd-Jobs"


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ("{QueueConfigurations: [{Event: 's3:Replication:*', Queue: x}]}", "s3:Replication:* is not told here"),
        ("{QueueConfigurations: [{Event: 's3:ObjectCreated:*'}]}", "Queue must be given"),
        ("{MailConfigurations: []}", "MailConfigurations is not told here"),
        ("[]", "must be a mapping"),
        ("{LambdaConfigurations: [{Event: 's3:ObjectCreated:*', Function: !GetAtt Gone.Arn}]}", "Gone is neither"),
    ],
)
def test_what_a_bucket_cannot_tell_is_named(configuration: str, message: str) -> None:
    properties = f"{{NotificationConfiguration: {configuration}}}"
    project = read(f"Resources:\n  Files: {{Type: AWS::S3::Bucket, Properties: {properties}}}\n")
    assert message in said(project)


def test_what_only_measures_and_shows_is_passed_over_and_can_be_referred_to() -> None:
    project = read("""\
Resources:
  Loud: {Type: AWS::CloudWatch::Alarm}
  Both: {Type: AWS::CloudWatch::CompositeAlarm, Properties: {AlarmRule: !Sub "ALARM(${Loud})"}}
  Board: {Type: AWS::CloudWatch::Dashboard, Properties: {DashboardName: d, DashboardBody: "{}"}}
  Lines: {Type: AWS::Logs::LogGroup}
  Errors: {Type: AWS::Logs::MetricFilter, Properties: {LogGroupName: !Ref Lines, FilterPattern: ERROR}}
  May: {Type: AWS::Lambda::Permission, Properties: {FunctionName: F, Action: "lambda:InvokeFunction"}}
  F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: a.b
      Environment: {Variables: {ALARM: !GetAtt Loud.Arn, LINES: !GetAtt Lines.Arn}}
""")
    verdicts = {each.resource: each.verdict for each in project.listing}
    assert verdicts == {"F": "loaded"} | dict.fromkeys(("Loud", "Both", "Board", "Lines", "Errors", "May"), "ignored")
    assert said(project) == ""
    assert project.functions[0].environment["ALARM"] == "arn:aws:cloudwatch:us-east-1:000000000000:alarm:Loud"


def test_an_archive_keeps_the_events_of_a_bus() -> None:
    project = read("""\
Resources:
  Orders: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
  Kept:
    Type: AWS::Events::Archive
    Properties:
      SourceArn: !GetAtt Orders.Arn
      RetentionDays: 7
      EventPattern: {source: [shop]}
  Wrong: {Type: AWS::Events::Archive, Properties: {SourceArn: !GetAtt Orders.Arn, RetentionDays: long}}
""")
    create, update = next(each for each in project.resources if each.resource == "Kept").steps
    facts = {"EventPattern": '{"source": ["shop"]}', "RetentionDays": 7}
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/orders"
    assert create.members == {"ArchiveName": "flowd-Kept", "EventSourceArn": bus, **facts}
    assert (update.operation, update.members) == ("UpdateArchive", {"ArchiveName": "flowd-Kept", **facts})
    assert "RetentionDays is long; it must be a whole number" in said(project)


@pytest.mark.parametrize(
    ("kind", "way_out"),
    [
        ("AWS::Lambda::Url", "a function answers HTTP through a route: an HttpApi event"),
        ("AWS::ApiGateway::DomainName", "all APIs share the address of [http] in flowd.toml"),
    ],
)
def test_what_is_not_supported_says_what_is(kind: str, way_out: str) -> None:
    project = read(f"Resources:\n  X: {{Type: {kind}}}\n")
    assert said(project) == f"WARNING 3:7 X: {project.listing[0].note}"
    assert way_out in project.listing[0].note
