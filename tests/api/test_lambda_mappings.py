"""boto3's event source mappings at the daemon: queues and streams that call functions, as scripts set them up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flowd.api.functions import Functions
from flowd.api.lambda_api import LambdaBackend
from flowd.api.lambda_mappings import MappingOperations
from flowd.engine.sources.mappings import Mappings
from flowd.engine.sources.sources import Sources
from flowd.functions import FunctionResult, FunctionSpec
from flowd.services.ports import ServiceError
from flowd.store import sources as positions
from tests.api.wired import Wired
from tests.engine.projectbox import Box

QUEUE = "arn:aws:sqs:us-east-1:000000000000:jobs"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:work"
TEMPLATE = """\
Resources:
  Jobs: {Type: AWS::SQS::Queue}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: work
      Handler: app.handler
      Runtime: python3.12
      Events: {Batch: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 3}}}
"""


class Stage:
    """A box with boto3's lambda client in front of it."""

    functions: tuple[FunctionSpec, ...] = ()

    def __init__(self, box: Box) -> None:
        self.box = box
        for name in ("work", "other"):
            box.host.specs[name] = FunctionSpec(name=name, kind="python", path="/gone")
            box.host.code[name] = lambda event: None
        functions = Functions(box.host, "us-east-1", "000000000000")
        self.arn_of = lambda name: functions.named(name)[1]
        self.mappings = Mappings(box.core.db, box.sources, self.arn_of)
        operations = MappingOperations(functions, self.mappings, box.core.embedded, box.clock)
        self.create = operations.operations["CreateEventSourceMapping"]
        backend = LambdaBackend(functions, self, _never, _states, box.invocations.delivery, operations)
        self.wired = Wired("lambda", backend)
        self.call, self.refused = self.wired.call, self.wired.refused

    async def again(self) -> None:
        """The next daemon on the same data."""
        await self.box.settle()
        await self.box.sources.stop()
        self.box.sources = Sources(
            self.box.core.db, self.box.core.embedded, self.box.host, self.box.core.deliveries.put, pause_s=0.001
        )
        self.mappings = Mappings(self.box.core.db, self.box.sources, self.arn_of)
        await self.mappings.start()
        await self.box.settle()

    async def table(self) -> str:
        """A table with a stream; the stream's ARN."""
        made = await self.box.ask(
            "dynamodb",
            "CreateTable",
            TableName="notes",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
        )
        return str(made["TableDescription"]["LatestStreamArn"])

    async def put(self, name: str) -> None:
        await self.box.ask("dynamodb", "PutItem", TableName="notes", Item={"id": {"S": name}})
        await self.box.settle()

    @property
    def bodies(self) -> list[list[str]]:
        return [[each["body"] for each in event["Records"]] for _, event in self.box.host.events]

    @property
    def keys(self) -> list[str]:
        records = [each for _, event in self.box.host.events for each in event["Records"]]
        return [each["dynamodb"]["Keys"]["id"]["S"] for each in records]


async def _never(delivery: Any) -> None:
    raise AssertionError


async def _states() -> Mapping[str, str]:
    return {}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with Box(tmp_path) as box:
        made = Stage(box)
        await made.wired.start()
        await box.ask("sqs", "CreateQueue", QueueName="jobs")
        yield made
        await made.wired.stop()


async def test_a_queue_calls_a_function_from_the_answer_on_and_in_the_next_daemon(stage: Stage) -> None:
    made = await stage.call("create_event_source_mapping", EventSourceArn=QUEUE, FunctionName="work")
    assert (made["State"], made["FunctionArn"], made["BatchSize"]) == ("Creating", FUNCTION, 10)
    found = await stage.call("get_event_source_mapping", UUID=made["UUID"])
    assert (found["State"], found["EventSourceArn"]) == ("Enabled", QUEUE)
    assert found["EventSourceMappingArn"].endswith(f":event-source-mapping:{made['UUID']}")
    await stage.box.send("jobs", "one")
    await stage.again()
    await stage.box.send("jobs", "two")
    assert stage.bodies == [["one"], ["two"]]
    assert (await stage.call("get_event_source_mapping", UUID=made["UUID"]))["LastModified"] == found["LastModified"]


async def test_a_mapping_is_switched_off_and_on_changed_and_deleted(stage: Stage) -> None:
    made = await stage.call("create_event_source_mapping", EventSourceArn=QUEUE, FunctionName="work", Enabled=False)
    change = {"UUID": made["UUID"]}
    assert (await stage.call("get_event_source_mapping", **change))["State"] == "Disabled"
    await stage.box.send("jobs", '{"n": 1}')
    assert stage.bodies == []
    pattern = {"Filters": [{"Pattern": '{"body": {"n": [2]}}'}]}
    said = await stage.call(
        "update_event_source_mapping", **change, Enabled=True, FunctionName="other", FilterCriteria=pattern,
        ScalingConfig={"MaximumConcurrency": 2},
    )  # fmt: skip
    assert (said["State"], said["FilterCriteria"], said["ScalingConfig"]) == (
        "Enabling",
        pattern,
        {"MaximumConcurrency": 2},
    )
    await stage.box.send("jobs", '{"n": 2}')
    assert [name for name, _ in stage.box.host.events] == ["other"] and stage.bodies == [['{"n": 2}']]
    assert (await stage.call("delete_event_source_mapping", **change))["State"] == "Deleting"
    await stage.box.send("jobs", '{"n": 2}')
    assert len(stage.bodies) == 1
    for operation in ("get", "update", "delete"):
        code, _ = await stage.refused(f"{operation}_event_source_mapping", **change)
        assert code == "ResourceNotFoundException"
    await stage.again()
    assert (await stage.call("list_event_source_mappings"))["EventSourceMappings"] == []


async def test_a_stream_goes_on_where_it_was_through_changes_and_restarts(stage: Stage) -> None:
    stream = await stage.table()
    await stage.put("old")
    made = await stage.call(
        "create_event_source_mapping", EventSourceArn=stream, FunctionName="work", StartingPosition="LATEST"
    )
    assert (made["BatchSize"], made["StartingPosition"], made["MaximumRetryAttempts"]) == (100, "LATEST", -1)
    await stage.box.settle()
    await stage.put("a")
    await stage.call("update_event_source_mapping", UUID=made["UUID"], BatchSize=1, MaximumRetryAttempts=2)
    await stage.put("b")
    await stage.call("update_event_source_mapping", UUID=made["UUID"], Enabled=False)
    await stage.put("c")
    await stage.again()
    await stage.call("update_event_source_mapping", UUID=made["UUID"], Enabled=True)
    await stage.box.settle()
    assert stage.keys == ["a", "b", "c"]
    places = partial(positions.position, name=f"#{made['UUID']}")
    assert await stage.box.core.db.read(places) is not None
    await stage.call("delete_event_source_mapping", UUID=made["UUID"])
    assert await stage.box.core.db.read(places) is None


async def test_mappings_are_listed_by_source_by_function_and_page_by_page(stage: Stage) -> None:
    await stage.box.ask("sqs", "CreateQueue", QueueName="more")
    for queue, function in ((QUEUE, "work"), (QUEUE, f"{FUNCTION}:live"), (QUEUE.replace("jobs", "more"), "other")):
        if function.endswith("live"):
            code, said = await stage.refused("create_event_source_mapping", EventSourceArn=queue, FunctionName=function)
            assert (code, "already exists. Please update" in said) == ("ResourceConflictException", True)
        else:
            await stage.call("create_event_source_mapping", EventSourceArn=queue, FunctionName=function)
    listed = stage.wired.call

    async def sources(**members: Any) -> list[str]:
        found = await listed("list_event_source_mappings", **members)
        return sorted(each["EventSourceArn"].rpartition(":")[2] for each in found["EventSourceMappings"])

    assert await sources() == ["jobs", "more"]
    assert await sources(EventSourceArn=QUEUE) == ["jobs"]
    assert await sources(FunctionName="other") == ["more"]
    assert await sources(FunctionName=f"{FUNCTION}:live") == []
    first = await listed("list_event_source_mappings", MaxItems=1)
    rest = await listed("list_event_source_mappings", Marker=first["NextMarker"])
    assert len(first["EventSourceMappings"]) == len(rest["EventSourceMappings"]) == 1
    assert "NextMarker" not in rest


async def test_a_source_calls_a_function_once_even_if_it_is_asked_for_twice_in_one_moment(stage: Stage) -> None:
    asked = {"EventSourceArn": QUEUE, "FunctionName": "work"}
    answers = await asyncio.gather(*(stage.create(asked) for _ in range(3)), return_exceptions=True)
    assert [each.code for each in answers if isinstance(each, ServiceError)] == ["ResourceConflictException"] * 2
    [found] = (await stage.call("list_event_source_mappings"))["EventSourceMappings"]
    assert [each["UUID"] for each in answers if isinstance(each, dict)] == [found["UUID"]]


async def test_a_template_s_mapping_is_shown_and_changed_in_the_template_only(stage: Stage) -> None:
    await stage.box.drop(TEMPLATE, "work")
    [found] = (await stage.call("list_event_source_mappings"))["EventSourceMappings"]
    assert (found["BatchSize"], found["FunctionArn"].rpartition(":")[2]) == (3, "Work")
    assert (await stage.call("get_event_source_mapping", UUID=found["UUID"]))["State"] == "Enabled"
    for operation in ("update", "delete"):
        code, said = await stage.refused(f"{operation}_event_source_mapping", UUID=found["UUID"])
        assert (code, "change it there" in said) == ("ResourceConflictException", True)
    source = {"EventSourceArn": found["EventSourceArn"], "FunctionName": "Work"}
    assert (await stage.refused("create_event_source_mapping", **source))[0] == "ResourceConflictException"


async def test_what_a_client_mapped_a_template_does_not_map_again_until_the_client_s_is_gone(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """On AWS Lambda refuses the mapping of the template, whose stack fails; both took of the same messages here."""
    stage.box.host.specs["Work"] = FunctionSpec(name="Work", kind="python", path="/gone")
    queue = (await stage.box.ask("sqs", "CreateQueue", QueueName="shop-Jobs"))["QueueUrl"].rpartition("/")[2]
    arn = QUEUE.replace("jobs", queue)
    made = await stage.call("create_event_source_mapping", EventSourceArn=arn, FunctionName="Work", BatchSize=1)
    await stage.box.drop(TEMPLATE.replace("{Type: AWS::SQS::Queue}", JOBS), "work")
    listed = (await stage.call("list_event_source_mappings"))["EventSourceMappings"]
    assert [each["UUID"] for each in listed] == [made["UUID"]]
    assert [line for line in caplog.messages if f"the mapping {made['UUID']} of a client has {arn} call" in line]
    await stage.call("delete_event_source_mapping", UUID=made["UUID"])
    [found] = (await stage.call("list_event_source_mappings"))["EventSourceMappings"]
    assert (found["BatchSize"], found["EventSourceArn"]) == (3, arn)


JOBS = "{Type: AWS::SQS::Queue, Properties: {QueueName: shop-Jobs}}"
STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026"


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", "Function not found"),
        ({"EventSourceArn": None}, "InvalidParameterValueException", "Unrecognized event source."),
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:0:stream/s"}, "InvalidParameterValueException", "only those"),
        ({"EventSourceArn": f"{QUEUE}x"}, "InvalidParameterValueException", "AWS.SimpleQueueService.NonExistentQueue"),
        ({"EventSourceArn": STREAM}, "InvalidParameterValueException", "Value null at 'startingPosition'"),
        ({"EventSourceArn": STREAM, "StartingPosition": "LATEST"}, "InvalidParameterValueException", "Stream not foun"),
        ({"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP"}, "InvalidParameterValueException", "Unsupport"),
        ({"StartingPosition": "LATEST"}, "InvalidParameterValueException", "not valid for SQS event sources"),
        ({"BisectBatchOnFunctionError": True}, "InvalidParameterValueException", "Unsupported Bisect"),
        ({"BatchSize": 0}, "ValidationException", "Value '0' at 'batchSize'"),
        ({"BatchSize": 10_001}, "ValidationException", "less than or equal to 10000"),
        ({"BatchSize": 11}, "InvalidParameterValueException", "Maximum batch window"),
        ({"ScalingConfig": {"MaximumConcurrency": 1}}, "ValidationException", "'scalingConfig.maximumConcurrency'"),
        ({"FunctionResponseTypes": ["Some"]}, "ValidationException", "[ReportBatchItemFailures]"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "InvalidParameterValueException", "Invalid filter"),
        ({"Topics": ["t"]}, "InvalidParameterValueException", "Topics is not built"),
    ],
)
async def test_what_cannot_be_is_refused_in_lambda_s_words(
    stage: Stage, members: dict[str, Any], code: str, words: str
) -> None:
    asked = {"EventSourceArn": QUEUE, "FunctionName": "work", **members}
    given = {name: value for name, value in asked.items() if value is not None}
    found, said = await stage.refused("create_event_source_mapping", **given)
    assert (found, words in said) == (code, True), (found, said)
    assert (await stage.call("list_event_source_mappings"))["EventSourceMappings"] == []


async def test_what_a_function_names_as_failed_comes_back_when_the_mapping_says_so(stage: Stage) -> None:
    seen: list[list[str]] = []

    def work(event: Any) -> Any:
        seen.append([each["body"] for each in event["Records"]])
        bad = [each["messageId"] for each in event["Records"] if each["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}

    stage.box.host.code["work"] = work
    for text in ("good", "bad"):
        await stage.box.send("jobs", text)
    await stage.call(
        "create_event_source_mapping", EventSourceArn=QUEUE, FunctionName="work",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip
    await stage.box.settle()
    assert seen == [["good", "bad"]]
    asked = {"QueueUrl": "http://h/0/jobs", "AttributeNames": ["ApproximateNumberOfMessagesNotVisible"]}
    found = await stage.box.ask("sqs", "GetQueueAttributes", **asked)
    assert found["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1", json.dumps(found)


async def test_so_many_batches_are_worked_on_at_once_as_scaling_config_says(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, under_way = asyncio.Event(), [0, 0]  # now, at most

    async def invoke(key: str, function: str, payload_text: str, timeout_ms: int = 0, **_: Any) -> FunctionResult:
        under_way[0] += 1
        under_way[1] = max(under_way)
        await gate.wait()
        under_way[0] -= 1
        return FunctionResult(output_text="null")

    monkeypatch.setattr(stage.box.host, "invoke", invoke)
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(6)]
    await stage.box.core.embedded.invoke("sqs", "SendMessageBatch", {"QueueUrl": "http://h/0/jobs", "Entries": entries})
    await stage.call(
        "create_event_source_mapping", EventSourceArn=QUEUE, FunctionName="work", BatchSize=1,
        ScalingConfig={"MaximumConcurrency": 2},
    )  # fmt: skip
    async with asyncio.timeout(5):
        while under_way[0] < 2:
            await asyncio.sleep(0.001)
    asked = {"QueueUrl": "http://h/0/jobs", "AttributeNames": ["All"]}
    found = (await stage.box.core.embedded.invoke("sqs", "GetQueueAttributes", asked))["Attributes"]
    assert found["ApproximateNumberOfMessages"] == "4"  # nothing is taken that nobody works on
    gate.set()
    await stage.box.settle()
    assert under_way == [0, 2]
