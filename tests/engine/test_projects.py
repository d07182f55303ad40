"""Projects in the shape of public samples, dropped and changed on a whole engine; functions are Python callables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from flowd.engine.carriers import to_functions, to_machines
from flowd.engine.cloud import Cloud
from flowd.engine.dropfolder.apply import Applier
from flowd.engine.dropfolder.scan import Scanner
from flowd.engine.machines import Machines
from flowd.engine.projects import Projects
from flowd.engine.registrar import Registrar
from flowd.engine.sources import Sources
from flowd.functions import FunctionResult, FunctionSpec
from flowd.integrations.sns import Sns
from flowd.integrations.sqs import Sqs
from flowd.payload import Payload
from flowd.services.ports import Delivery
from flowd.store import machines
from tests.engine.world import World

HEAD = "Transform: AWS::Serverless-2016-10-31\n"


class Host:
    """Who runs functions: by name, Python callables; a raised exception is the function's error."""

    def __init__(self) -> None:
        self.code: dict[str, Callable[[Any], Any]] = {}
        self.specs: dict[str, FunctionSpec] = {}
        self.events: list[tuple[str, Any]] = []
        self.started_ms = 0

    async def register(self, specs: Sequence[FunctionSpec], environment: Any) -> None:
        self.specs = {spec.name: spec for spec in specs}

    async def knows(self, function: str) -> bool:
        return function in self.specs

    async def invoke(self, key: str, function: str, payload_text: str, timeout_ms: int = 0, **_: Any) -> FunctionResult:
        event = json.loads(payload_text)
        self.events.append((function, event))
        try:
            return FunctionResult(output_text=json.dumps(self.code[function](event)))
        except Exception as error:
            return FunctionResult(error=type(error).__name__, cause=str(error))

    async def attach(self, key: str) -> Any:
        raise AssertionError

    async def cancel(self, key: str) -> None:
        return None

    async def acknowledge(self, key: str) -> None:
        return None


class Operations:
    """StartExecution, as a rule's target asks for it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def offers(self, operation: str, service: str = "stepfunctions") -> bool:
        return operation == "StartExecution"

    async def invoke(
        self,
        operation: str,
        members: Any,
        task: str,
        *,
        follows: bool = False,
        service: str = "stepfunctions",
    ) -> dict[str, Any]:
        machine = await self.world.core.db.read(
            lambda s: machines.by_name(s, members["stateMachineArn"].split(":")[-1])
        )
        assert machine is not None
        started = await self.world.core.executions.start(machine, members["name"], Payload.parse(members["input"]))
        return {"executionArn": started.arn}

    async def closed(self, execution_arn: str) -> None:
        return None


class Box(World):
    """A world with a drop folder: `drop` writes a template and puts it in force."""

    host: Host

    async def wire(self) -> None:
        self.host = Host()
        cloud = Cloud(self.core.embedded, {})
        self.core.registry.rows.update(  # type: ignore[attr-defined]
            {"sqs": Sqs(cloud, self.clock), "sns": Sns(cloud, self.clock)}
        )
        self.core.deliveries.carriers.update(
            {"lambda": to_functions(self.host, self.core.embedded.post), "states": to_machines(Operations(self))}
        )
        self.folder = self.path.parent / "workflows"
        self.folder.mkdir(exist_ok=True)
        self.sources = Sources(self.core.embedded, self.host)
        self.projects = Projects(self.core.db, self.core.embedded, self.clock)
        made = Machines(self.core.db, self.clock, lambda service, action, pattern: None)
        registrar = Registrar(
            self.core.db, made, self.core.schedules, self.host, {}, None, None, self.projects, self.sources
        )
        self.scanner, self.applier = Scanner(str(self.folder)), Applier(registrar, self.clock)

    async def drop(self, text: str, *functions: str, project: str = "shop") -> dict[str, str]:
        """What the resources of all templates are by now: logical id -> status, and the note behind it."""
        folder = self.folder / project
        for name in functions:
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "app.py").write_text("def handler(event, context): ...")
        folder.mkdir(exist_ok=True)
        (folder / "template.yaml").write_text(HEAD + text)
        return await self.look()

    async def look(self) -> dict[str, str]:
        await self.applier.apply(self.scanner.scan())
        await self.settle()
        rows = await self.projects.every()
        return {row.resource: f"{row.status} {row.note}".strip() for row in rows}

    async def __aexit__(self, *error: object) -> None:
        await self.sources.stop()
        await super().__aexit__(*error)

    async def settle(self) -> None:
        await super().settle()
        while self.sources.busy:
            await asyncio.sleep(0.001)
        await super().settle()

    async def ask(self, service: str, operation: str, **members: Any) -> dict[str, Any]:
        answer = await self.core.embedded.invoke(service, operation, members)
        await self.settle()
        return answer

    async def send(self, queue: str, text: str) -> None:
        await self.ask("sqs", "SendMessage", QueueUrl=f"http://h/0/{queue}", MessageBody=text)

    async def received(self, queue: str) -> list[str]:
        found = await self.ask("sqs", "ReceiveMessage", QueueUrl=f"http://h/0/{queue}", MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", ())]


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    async with Box(tmp_path) as made:
        yield made


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
