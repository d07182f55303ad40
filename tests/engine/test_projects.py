"""Projects in the shape of public samples, dropped and changed on a whole engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from flowd.connectionsettings import ConnectionSettings, Secret
from flowd.engine.connections import StoredConnections
from flowd.services.events import connections
from flowd.services.ports import Delivery
from flowd.store.events import EventsTables
from tests.engine.projectbox import Box


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with Box(tmp_path) as made:
        yield made


SAGA = """\
Resources:
  Orders: {Type: AWS::Serverless::SimpleTable, Properties: {PrimaryKey: {Name: order, Type: String}}}
  Told: {Type: AWS::SNS::Topic}
  Mailbox: {Type: AWS::SQS::Queue}
  Hear: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Told, Protocol: sqs, Endpoint: !GetAtt Mailbox.Arn}}
  Saga:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: Reserve
        States:
          Reserve:
            Type: Task
            Resource: arn:aws:states:::dynamodb:putItem
            Parameters:
              TableName: ${Orders}
              Item: {order: {"S.$": $.order}, state: {S: reserved}}
              ConditionExpression: attribute_not_exists(#o)
              ExpressionAttributeNames: {"#o": order}
            ResultPath: null
            Catch: [{ErrorEquals: [DynamoDB.ConditionalCheckFailedException], ResultPath: null, Next: TellTwice}]
            Next: Tell
          Tell:
            Type: Task
            Resource: arn:aws:states:::sns:publish
            Parameters: {TopicArn: "${Told}", "Message.$": "States.Format('{} is reserved', $.order)"}
            End: true
          TellTwice:
            Type: Task
            Resource: arn:aws:states:::sns:publish
            Parameters: {TopicArn: "${Told}", "Message.$": "States.Format('{} was there', $.order)"}
            End: true
      DefinitionSubstitutions: {Orders: !Ref Orders, Told: !Ref Told}
"""


async def test_an_order_saga_keeps_its_state_in_a_table_and_tells_what_happened(box: Box) -> None:
    found = await box.drop(SAGA)
    assert set(found.values()) == {"made", "loaded"}
    for _ in range(2):
        assert await box.start_named("Saga", {"order": "A-7"}) == "SUCCEEDED"
    heard = [json.loads(body)["Message"] for body in await box.received("shop-Mailbox")]
    assert sorted(heard) == ["A-7 is reserved", "A-7 was there"]
    key = {"order": {"S": "A-7"}}
    item = (await box.ask("dynamodb", "GetItem", TableName="shop-Orders", Key=key))["Item"]
    assert item == {**key, "state": {"S": "reserved"}}


KEEPS = """\
Resources:
  Shop: {Type: AWS::Events::EventBus, Properties: {Name: shop}}
  Kept:
    Type: AWS::Events::Archive
    Properties: {ArchiveName: kept, SourceArn: !GetAtt Shop.Arn, RetentionDays: 7, EventPattern: {source: [shop]}}
"""


async def test_an_archive_of_a_template_keeps_events_and_stays_when_its_line_goes(box: Box) -> None:
    assert await box.drop(KEEPS) == {"Shop": "made", "Kept": "made"}
    entries = [{"Source": name, "DetailType": "t", "Detail": "{}", "EventBusName": "shop"} for name in ("shop", "x")]
    await box.ask("events", "PutEvents", Entries=entries)
    await box.drop(KEEPS.replace("RetentionDays: 7", "RetentionDays: 9"))
    found = await box.ask("events", "DescribeArchive", ArchiveName="kept")
    assert (found["RetentionDays"], found["EventCount"]) == (9, 1)
    await box.drop("".join(KEEPS.splitlines(keepends=True)[:2]))
    assert (await box.ask("events", "DescribeArchive", ArchiveName="kept"))["EventCount"] == 1


FAN_OUT = """\
Resources:
  News: {Type: AWS::SNS::Topic, Properties: {DisplayName: News}}
  Dead: {Type: AWS::SQS::Queue}
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 30
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  JobsHear:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref News
      Protocol: sqs
      Endpoint: !GetAtt Jobs.Arn
      RawMessageDelivery: true
      FilterPolicy: {kind: [job]}
  JobsPolicy: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [!Ref Jobs]}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: work
      Handler: app.handler
      Runtime: python3.12
      Environment: {Variables: {QUEUE: !Ref Jobs, TOPIC: !Ref News}}
      Events:
        Batch:
          Type: SQS
          Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 5, FunctionResponseTypes: [ReportBatchItemFailures]}
  Audit:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: audit
      Handler: app.handler
      Runtime: python3.12
      Events: {All: {Type: SNS, Properties: {Topic: !Ref News}}}
"""


async def test_a_fan_out_with_a_queue_a_filter_and_a_dead_letter_queue(box: Box) -> None:
    box.host.code["Audit"] = lambda event: None

    def work(event: Any) -> Any:
        failed = [each["messageId"] for each in event["Records"] if each["body"] == "poison"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    box.host.code["Work"] = work
    found = await box.drop(FAN_OUT, "work", "audit")
    assert {name: text.partition(" ")[0] for name, text in found.items()} == {
        "News": "made", "Dead": "made", "Jobs": "made", "JobsHear": "made", "JobsPolicy": "ignored",
        "Work": "loaded", "Audit": "loaded", "Audit/All": "made",
    }  # fmt: skip
    assert box.host.specs["Work"].environment["TOPIC"] == "arn:aws:sns:us-east-1:000000000000:shop-News"
    assert box.host.specs["Work"].environment["QUEUE"].endswith("/shop-Jobs")
    job = {"kind": {"DataType": "String", "StringValue": "job"}}
    for text, attributes in (("good", job), ("poison", job), ("gossip", {})):
        topic = "arn:aws:sns:us-east-1:000000000000:shop-News"
        await box.ask("sns", "Publish", TopicArn=topic, Message=text, MessageAttributes=attributes)
    heard = [event["Records"][0]["Sns"]["Message"] for name, event in box.host.events if name == "Audit"]
    assert sorted(heard) == ["good", "gossip", "poison"]
    for _ in range(2):
        await box.pass_time(31)
    bodies = [each["body"] for name, event in box.host.events if name == "Work" for each in event["Records"]]
    assert sorted(bodies) == ["good", "poison", "poison"]
    assert await box.received("shop-Dead") == ["poison"]
    (record,) = next(event["Records"] for name, event in box.host.events if name == "Work")[:1]
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:shop-Jobs"
    assert record["messageAttributes"]["kind"]["stringValue"] == "job"


async def test_what_changes_in_a_template_changes_and_what_holds_data_stays(box: Box) -> None:
    await box.drop("Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 5}}\n")
    await box.send("shop-Q", "kept")
    found = await box.drop("Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 0}}\n")
    assert found == {"Q": "made"}
    url = "http://h/0/shop-Q"
    shown = await box.ask("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["DelaySeconds"])
    assert shown["Attributes"] == {"DelaySeconds": "0"}
    found = await box.drop("Resources:\n  Other: {Type: AWS::SQS::Queue}\n")
    assert found["Other"] == "made" and found["Q"].startswith("retired its line is gone")
    await box.pass_time(6)
    assert await box.received("shop-Q") == ["kept"]
    found = await box.drop("Resources:\n  Q: {Type: AWS::SQS::Queue}\n")
    assert found["Q"] == "made" and found["Other"].startswith("retired")


RULE = """\
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders}}
  Seen: {Type: AWS::SQS::Queue}
  ToQueue:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {source: [shop]}
      Targets: [{Id: q, Arn: !GetAtt Seen.Arn}]
  Saga:
    Type: AWS::Serverless::StateMachine
    Properties:
      Definition:
        StartAt: Tell
        States:
          Tell:
            Type: Task
            Resource: arn:aws:states:::sqs:sendMessage
            Parameters: {QueueUrl: "${Queue}", "MessageBody.$": $.detail.order}
            End: true
      DefinitionSubstitutions: {Queue: !Ref Seen}
      Events:
        Placed:
          Type: EventBridgeRule
          Properties: {EventBusName: !Ref Bus, Pattern: {source: [shop], detail-type: [placed]}}
"""


async def test_events_start_machines_and_fill_queues_until_their_rule_is_gone(box: Box) -> None:
    found = await box.drop(RULE)
    assert {text.partition(" ")[0] for text in found.values()} == {"made", "loaded"} and "Saga/Placed" in found
    entry = {"Source": "shop", "DetailType": "placed", "Detail": '{"order":"A-7"}', "EventBusName": "orders"}
    await box.ask("events", "PutEvents", Entries=[entry])
    bodies = await box.received("shop-Seen")
    assert len(bodies) == 2 and "A-7" in bodies
    await box.drop(RULE.split("  ToQueue:")[0])
    await box.ask("events", "PutEvents", Entries=[entry])
    assert await box.received("shop-Seen") == []
    assert (await box.ask("events", "ListRules", EventBusName="orders"))["Rules"] == []


ENDPOINT = """\
Resources:
  Crm:
    Type: AWS::Events::Connection
    Properties:
      Name: crm
      AuthorizationType: API_KEY
      AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: X-Key, ApiKeyValue: "k"}}
  Orders:
    Type: AWS::Events::ApiDestination
    Properties:
      {ConnectionArn: !GetAtt Crm.Arn, HttpMethod: POST, InvocationEndpoint: "https://crm/"}
  Tell:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [shop]}
      Targets: [{Id: a, Arn: !GetAtt Orders.Arn, RoleArn: "arn:aws:iam::0:role/r"}]
"""


async def test_an_endpoint_and_its_credentials_come_from_a_template_or_from_the_settings(box: Box) -> None:
    assert {text.partition(" ")[0] for text in (await box.drop(ENDPOINT)).values()} == {"made"}
    name = (await box.ask("events", "ListApiDestinations"))["ApiDestinations"][0]["Name"]
    await box.drop(ENDPOINT.replace('"k"', '"other"').replace("POST", "PUT"))
    assert (await box.ask("events", "DescribeApiDestination", Name=name))["HttpMethod"] == "PUT"
    kept = await StoredConnections(box.core.db).find("crm")
    assert kept is not None and kept["AuthParameters"]["ApiKeyAuthParameters"]["ApiKeyValue"] == "other"
    elsewhere = ENDPOINT.replace('"k"', '"{{resolve:secretsmanager:crm}}"').replace("Name: crm", "Name: bank")
    found = await box.drop(elsewhere)
    assert found["Crm"] == (
        "made its secret is kept by AWS: give flowd.toml a section [connections.NAME] with the connection's name"
    )
    assert found["Orders"] == "failed ResourceNotFoundException: Connection 'bank' does not exist."
    secret = ConnectionSettings("bank", "flowd.toml", {"AuthorizationType": "API_KEY", "AuthParameters": {}}, Secret())
    await box.core.db.write(
        lambda session: connections.configure(EventsTables(session), {"bank": secret.public}, box.clock.now_ms())
    )
    assert (await box.drop(elsewhere.replace("POST", "GET")))["Orders"] == "made"


async def test_a_nightly_function_is_called_once_a_night(box: Box) -> None:
    box.host.code["Report"] = lambda event: None
    await box.drop(
        """\
Resources:
  Report:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: report
      Handler: app.handler
      Runtime: python3.12
      Events:
        Nightly: {Type: ScheduleV2, Properties: {ScheduleExpression: "cron(0 3 * * ? *)", Input: '{"day":"today"}'}}
  Sweep:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(1 day)
      FlexibleTimeWindow: {Mode: "OFF"}
      Target: {Arn: !GetAtt Todo.Arn, RoleArn: x, Input: sweep}
  Todo: {Type: AWS::SQS::Queue}
""",
        "report",
    )
    for _ in range(2):
        for _ in range(24):
            box.clock.set(box.clock.now_ms() + 3_600_000)
            await box.ring()
    assert box.host.events == [("Report", {"day": "today"})] * 2


async def test_a_file_that_is_put_into_a_bucket_calls_a_function_with_s3_s_own_event(box: Box) -> None:
    box.host.code["Import"] = lambda event: None
    event = "{Type: S3, Properties: {Bucket: files, Events: 's3:ObjectCreated:*', Filter: {S3Key: {Rules: RULES}}}}"
    rules = "[{Name: prefix, Value: in/}, {Name: suffix, Value: .csv}]"
    await box.drop(
        f"""\
Resources:
  Import:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: import
      Handler: app.handler
      Runtime: python3.12
      Events: {{New: {event.replace("RULES", rules)}}}
""",
        "import",
    )
    for key in ("in/a.csv", "in/a.txt", "out/a.csv"):
        detail = {"bucket": {"name": "files"}, "object": {"key": key, "size": 3, "etag": "e"}, "reason": "PutObject"}
        facts: dict[str, Any] = {
            "version": "0",
            "id": key,
            "account": "000000000000",
            "region": "us-east-1",
            "resources": [],
        }
        kind = {"source": "aws.s3", "detail-type": "Object Created", "time": "2026-01-02T03:04:05Z"}
        body = json.dumps({**facts, **kind, "detail": detail})
        bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
        await box.core.embedded.post(Delivery(bus, body, "arn:aws:s3:::files"))
        await box.settle()
    ((name, told),) = box.host.events
    (record,) = told["Records"]
    assert (name, record["eventName"], record["s3"]["object"]["key"]) == ("Import", "ObjectCreated:Put", "in/a.csv")
    assert record["s3"]["bucket"] == {"name": "files", "arn": "arn:aws:s3:::files"}
    assert record["s3"]["object"]["size"] == 3


async def test_what_cannot_be_made_is_listed_with_its_reason_and_line(box: Box) -> None:
    found = await box.drop(
        """\
Resources:
  Stream: {Type: AWS::Kinesis::Stream}
  Slow: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 5000}}
  Off: {Type: AWS::SQS::Queue, Condition: Never}
  Loud: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Stream, Protocol: sqs, Endpoint: x}}
Conditions: {Never: !Equals [a, b]}
"""
    )
    assert found["Stream"] == "unsupported AWS::Kinesis::Stream is not supported"
    assert found["Slow"].startswith("failed InvalidAttributeValue: Invalid value for the parameter DelaySeconds")
    assert found["Off"] == "absent its condition Never is false"
    assert found["Loud"].startswith("refused it needs Stream (AWS::Kinesis::Stream, line 3)")
    rows = await box.projects.every()
    assert {row.resource: row.line for row in rows} == {"Stream": 3, "Slow": 4, "Off": 5, "Loud": 6}


async def test_a_project_of_the_cdk_is_read_from_what_it_synthesised(box: Box) -> None:
    out = box.folder / "app" / "cdk.out"
    (out / "asset.1").mkdir(parents=True)
    (out / "asset.1" / "index.py").write_text("def main(event, context): ...")
    join = [
        "",
        ['{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"', {"Fn::GetAtt": ["Fn1", "Arn"]}, '","End":true}}}'],
    ]
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"S3Bucket": {"Fn::Sub": "cdk-${AWS::AccountId}"}, "S3Key": "1.zip"},
            "Handler": "index.main",
            "Runtime": "python3.12",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
        "Metadata": {"aws:asset:path": "asset.1"},
    }
    template = {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role"},
            "Fn1": function,
            "Machine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"DefinitionString": {"Fn::Join": join}, "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}},
            },
            "Meta": {"Type": "AWS::CDK::Metadata", "Condition": "CDKMetadataAvailable"},
        },
        "Conditions": {"CDKMetadataAvailable": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}},
        "Parameters": {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk/version"}},
        "Rules": {"CheckBootstrapVersion": {"Assertions": []}},
    }
    (out / "Shop.template.json").write_text(json.dumps(template))
    found = await box.look()
    assert {name: text.partition(" ")[0] for name, text in found.items()} == {
        "Role": "ignored", "Fn1": "loaded", "Machine": "loaded", "Meta": "ignored",
    }  # fmt: skip
    assert box.host.specs["Fn1"].path.endswith("asset.1") and box.host.specs["Fn1"].handler == "index.main"
