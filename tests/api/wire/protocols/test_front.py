"""Every protocol against unmodified boto3: what a client sends arrives as given, answers and errors come back."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError

from flowd.api.server import Addresses, Server
from flowd.api.wire.caller import Caller
from flowd.api.wire.credentials import Credentials
from flowd.api.wire.protocols import json, routes
from flowd.api.wire.protocols.front import Front
from flowd.api.wire.protocols.models import HttpRequest, operation_model
from flowd.clock import SystemClock
from flowd.errors import SerializationException
from flowd.services.ports import ServiceError

KEYS = Credentials("AKIAFLOWDEXAMPLE", "a secret")
AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SERVICES = ("dynamodb", "sqs", "sns", "events", "s3", "lambda")


class Echo:
    """Keeps what it was asked, answers what it was told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.who = ""
        self.answer: dict[str, Any] | Exception = {}

    def offers(self, service: str, operation: str) -> bool:
        return operation != "ListTables"

    async def invoke(self, service: str, operation: str, members: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self.asked.append((service, operation, members))
        self.who = caller.who
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Wire:
    def __init__(self) -> None:
        self.echo = Echo()
        self.server = Server(
            {},
            Addresses(tcp=("127.0.0.1", 0)),
            SystemClock(),
            KEYS,
            front=Front(dict.fromkeys(SERVICES, self.echo)),
        )

    def client(self, service: str, **settings: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=settings.pop("url", self.server.url),
            region_name="eu-central-1",
            aws_access_key_id=KEYS.access_key,
            aws_secret_access_key=KEYS.secret_key,
            config=Config(retries={"total_max_attempts": 1}, **settings),
        )

    async def call(self, service: str, operation: str, answer: Any = None, **members: Any) -> Any:
        """A boto3 call; its answer without metadata."""
        self.echo.answer = {} if answer is None else answer
        found = await asyncio.to_thread(getattr(self.client(service), operation), **members)
        found.pop("ResponseMetadata")
        return found

    @property
    def asked(self) -> tuple[str, str, dict[str, Any]]:
        return self.echo.asked[-1]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    made = Wire()
    await made.server.start()
    yield made
    await made.server.stop()


async def test_json_carries_blobs_maps_and_answers(wire: Wire) -> None:
    item = {"id": {"S": "1"}, "raw": {"B": b"\x00\xff"}, "many": {"L": [{"N": "1.50"}, {"NULL": True}]}}
    answer = {"Attributes": item, "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 0.5}}
    found = await wire.call("dynamodb", "put_item", answer, TableName="t", Item=item)
    assert wire.asked == ("dynamodb", "PutItem", {"TableName": "t", "Item": item})
    assert wire.echo.who == KEYS.access_key
    assert found == answer


async def test_time_stamps_are_seconds_for_services_and_dates_for_clients(wire: Wire) -> None:
    entry = {"Source": "s", "DetailType": "d", "Detail": "{}", "Time": AT}
    await wire.call("events", "put_events", {"FailedEntryCount": 0, "Entries": []}, Entries=[entry])
    assert wire.asked[2]["Entries"][0]["Time"] == AT.timestamp()
    answer = {"ArchiveName": "a", "CreationTime": AT.timestamp()}
    found = await wire.call("events", "describe_archive", answer, ArchiveName="a")
    assert found["CreationTime"] == AT


async def test_an_error_of_a_json_service_is_raised_as_its_own_class(wire: Wire) -> None:
    error = ServiceError("ConditionalCheckFailedException", "The conditional request failed", Item={"id": {"S": "1"}})
    client = wire.client("dynamodb")
    wire.echo.answer = error
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        await asyncio.to_thread(client.put_item, TableName="t", Item={})
    assert caught.value.response["Item"] == {"id": {"S": "1"}}
    assert caught.value.response["Error"]["Message"] == "The conditional request failed"


async def test_sqs_errors_also_carry_the_code_of_the_query_protocol(wire: Wire) -> None:
    client = wire.client("sqs")
    wire.echo.answer = ServiceError("QueueDoesNotExist", "The specified queue does not exist.")
    with pytest.raises(client.exceptions.QueueDoesNotExist) as caught:
        await asyncio.to_thread(client.purge_queue, QueueUrl="http://q/0/q")
    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"


async def test_the_query_protocol_has_lists_maps_and_structures(wire: Wire) -> None:
    attributes = {
        "kind": {"DataType": "String", "StringValue": "ä & b"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x01"},
    }
    entries = [{"Id": "1", "Message": "<m>", "MessageAttributes": attributes}, {"Id": "2", "Message": ""}]
    answer = {"Successful": [{"Id": "1", "MessageId": "a<b"}, {"Id": "2", "MessageId": "c"}], "Failed": []}
    found = await wire.call("sns", "publish_batch", answer, TopicArn="arn:t", PublishBatchRequestEntries=entries)
    assert wire.asked == ("sns", "PublishBatch", {"TopicArn": "arn:t", "PublishBatchRequestEntries": entries})
    assert found == answer


async def test_query_answers_have_maps_and_errors_have_codes(wire: Wire) -> None:
    answer = {"Attributes": {"TopicArn": "arn:t", "Policy": '{"a": 1}'}}
    assert await wire.call("sns", "get_topic_attributes", answer, TopicArn="arn:t") == answer
    client = wire.client("sns")
    wire.echo.answer = ServiceError("NotFoundException", "Topic does not exist", status=404)
    with pytest.raises(client.exceptions.NotFoundException) as caught:
        await asyncio.to_thread(client.get_topic_attributes, TopicArn="arn:t")
    assert caught.value.response["Error"] == {
        "Type": "Sender",
        "Code": "NotFound",
        "Message": "Topic does not exist",
        "Detail": None,
    }


async def signed(wire: Wire, service: str, body: bytes, path: str = "/") -> httpx.Response:
    """A form as a client of the Query protocol signs and sends it."""
    url = f"{wire.server.url}{path}"
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": kind})
    SigV4Auth(Keys(KEYS.access_key, KEYS.secret_key), service, "us-east-1").add_auth(request)
    async with httpx.AsyncClient() as client:
        return await client.post(url, content=body, headers=dict(request.headers.items()))


async def test_sqs_still_takes_the_query_protocol(wire: Wire) -> None:
    wire.echo.answer = {"MessageId": "1", "MD5OfMessageBody": "x"}
    body = (
        b"Action=SendMessage&Version=2012-11-05&MessageBody=hello&MessageAttribute.1.Name=a"
        b"&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v"
    )
    answer = await signed(wire, "sqs", body, "/000000000000/jobs")
    members = {
        "QueueUrl": "jobs",
        "MessageBody": "hello",
        "MessageAttributes": {"a": {"DataType": "String", "StringValue": "v"}},
    }
    assert wire.asked == ("sqs", "SendMessage", members)
    assert "<SendMessageResult><MD5OfMessageBody>x</MD5OfMessageBody>" in answer.text.replace(
        "<MessageId>1</MessageId>", ""
    )
    wire.echo.answer = {"Messages": [{"MessageId": "1", "Body": "b", "Attributes": {"SentTimestamp": "5"}}]}
    answer = await signed(wire, "sqs", b"Action=ReceiveMessage&QueueUrl=q&AttributeName.1=All&MaxNumberOfMessages=3")
    assert wire.asked[2] == {"QueueUrl": "q", "AttributeNames": ["All"], "MaxNumberOfMessages": 3}
    assert "<Message><MessageId>1</MessageId><Body>b</Body><Attribute><Name>SentTimestamp</Name>" in answer.text
    wire.echo.answer = ServiceError("QueueDoesNotExist", "gone")
    answer = await signed(wire, "sqs", b"Action=PurgeQueue&QueueUrl=q")
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in answer.text


async def test_rest_with_json_has_path_query_headers_and_a_raw_body(wire: Wire) -> None:
    answer = {"StatusCode": 200, "Payload": b'{"ok": true}', "FunctionError": "Unhandled", "ExecutedVersion": "$LATEST"}
    found = await wire.call(
        "lambda", "invoke", answer, FunctionName="a b", InvocationType="Event", Qualifier="7", Payload=b"[1]"
    )
    members = {"FunctionName": "a b", "InvocationType": "Event", "Qualifier": "7", "Payload": b"[1]"}
    assert wire.asked == ("lambda", "Invoke", members)
    assert found.pop("Payload").read() == b'{"ok": true}'
    assert found == {"StatusCode": 200, "FunctionError": "Unhandled", "ExecutedVersion": "$LATEST"}


async def test_rest_json_answers_have_lists(wire: Wire) -> None:
    found = await wire.call("lambda", "list_functions", {"Functions": [{"FunctionName": "f"}]}, MaxItems=5)
    assert wire.asked[1] == "ListFunctions"
    assert wire.asked[2] == {"MaxItems": 5}
    assert found == {"Functions": [{"FunctionName": "f"}]}


async def test_rest_json_errors_are_raised_as_their_class(wire: Wire) -> None:
    client = wire.client("lambda")
    wire.echo.answer = ServiceError("ResourceNotFoundException", "Function not found: f", status=404)
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Function not found: f"):
        await asyncio.to_thread(client.get_function, FunctionName="f")


KEY = "a folder/ä+b=c.txt"


async def test_s3_has_a_signature_of_its_own_and_buckets_in_the_path(wire: Wire) -> None:
    answer = {"ETag": '"e"'}
    await wire.call("s3", "put_object", answer, Bucket="docs", Key=KEY, Body=b"\x00\x01", Metadata={"who": "me"})
    service, operation, members = wire.asked
    assert (service, operation) == ("s3", "PutObject")
    assert (members["Bucket"], members["Key"], members["Body"]) == ("docs", KEY, b"\x00\x01")
    assert members["Metadata"] == {"who": "me"}


async def test_s3_buckets_may_stand_in_the_hosts_name(wire: Wire) -> None:
    port = (wire.server.url or "").rpartition(":")[2]
    for host in ("docs.localhost", "docs.s3.localhost"):
        request = AWSRequest("PUT", f"http://{host}:{port}/{quote(KEY)}", data=b"x")
        S3SigV4Auth(Keys(KEYS.access_key, KEYS.secret_key), "s3", "us-east-1").add_auth(request)
        headers = {**request.headers, "Host": f"{host}:{port}"}
        async with httpx.AsyncClient() as client:
            found = await client.put(f"{wire.server.url}/{quote(KEY)}", content=b"x", headers=headers)
        assert found.status_code == 200
        assert (wire.asked[2]["Bucket"], wire.asked[2]["Key"]) == ("docs", KEY)


async def test_s3_chunks_are_unwrapped_and_must_be_complete(wire: Wire) -> None:
    body = b"3;chunk-signature=0\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
    for announced, status in (("5", 200), ("6", 400)):
        headers = {
            "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "X-Amz-Decoded-Content-Length": announced,
            "Content-Encoding": "aws-chunked,gzip",
        }
        request = AWSRequest("PUT", f"{wire.server.url}/b/k", data=body, headers=headers)
        SigV4Auth(Keys(KEYS.access_key, KEYS.secret_key), "s3", "us-east-1").add_auth(request)
        async with httpx.AsyncClient() as client:
            found = await client.put(f"{wire.server.url}/b/k", content=body, headers=dict(request.headers))
        assert found.status_code == status, (found.text, headers, dict(request.headers))
    members = wire.asked[2]
    assert (members["Body"], members["ContentEncoding"], members["ChecksumCRC32"]) == (b"abcde", "gzip", "AAAA")


async def test_s3_operations_on_one_path_are_told_apart(wire: Wire) -> None:
    await wire.call("s3", "copy_object", {}, Bucket="b", Key="k", CopySource="b/other")
    assert wire.asked[1] == "CopyObject"
    await wire.call("s3", "upload_part", {}, Bucket="b", Key="k", PartNumber=2, UploadId="u", Body=io.BytesIO(b"x"))
    assert (wire.asked[1], wire.asked[2]["PartNumber"], wire.asked[2]["Body"]) == ("UploadPart", 2, b"x")
    found = await wire.call(
        "s3", "list_objects_v2", {"Name": "b", "Contents": [{"Key": "a&b", "LastModified": AT.timestamp()}]}, Bucket="b"
    )
    assert wire.asked[1] == "ListObjectsV2"
    assert found["Contents"] == [{"Key": "a&b", "LastModified": AT}]
    await wire.call("s3", "list_buckets", {"Buckets": []})
    assert wire.asked[1:] == ("ListBuckets", {})
    await wire.call("s3", "delete_objects", {}, Bucket="b", Delete={"Objects": [{"Key": "x"}, {"Key": "y"}]})
    assert wire.asked[2]["Delete"] == {"Objects": [{"Key": "x"}, {"Key": "y"}]}


async def test_s3_answers_with_headers_and_a_stream(wire: Wire) -> None:
    answer = {"Body": b"bytes", "ContentType": "text/plain", "LastModified": AT.timestamp(), "ETag": '"e"'}
    found = await wire.call(
        "s3", "get_object", {**answer, "ContentLength": 5, "Metadata": {"a": "b"}}, Bucket="b", Key="k"
    )
    assert found.pop("Body").read() == b"bytes"
    assert found == {
        "ContentType": "text/plain",
        "LastModified": AT,
        "ETag": '"e"',
        "ContentLength": 5,
        "Metadata": {"a": "b"},
    }
    found = await wire.call("s3", "head_object", {"ContentLength": 7_000_000}, Bucket="b", Key="k")
    assert found["ContentLength"] == 7_000_000


async def test_s3_errors_have_the_code_or_for_head_the_status(wire: Wire) -> None:
    client = wire.client("s3")
    wire.echo.answer = ServiceError("NoSuchKey", "The specified key does not exist.", status=404, Key="k")
    with pytest.raises(client.exceptions.NoSuchKey):
        await asyncio.to_thread(client.get_object, Bucket="b", Key="k")
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(client.head_object, Bucket="b", Key="k")
    assert caught.value.response["Error"]["Code"] == "404"


async def test_what_is_not_built_is_named(wire: Wire) -> None:
    with pytest.raises(ClientError) as caught:
        await wire.call("dynamodb", "list_tables")
    assert "ListTables is an operation of DynamoDB that is not built in flowd" in str(caught.value)


def test_of_two_operations_in_one_place_the_one_that_is_not_deprecated_is_meant() -> None:
    found = routes.find("s3", HttpRequest("GET", "/b", "lifecycle", {}, b""))
    assert found is not None and found[0] == "GetBucketLifecycleConfiguration"


async def test_a_mistake_of_a_service_is_a_500_without_its_words(wire: Wire) -> None:
    wire.echo.answer = RuntimeError("secret")
    with pytest.raises(ClientError) as caught:
        await asyncio.to_thread(wire.client("sns").list_topics)
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert "secret" not in str(caught.value)


def test_a_value_that_holds_itself_too_often_is_refused() -> None:
    value = '{"L":[' * 450 + '{"S":"deep"}' + "]}" * 450
    request = HttpRequest("POST", "/", "", {}, f'{{"TableName":"t","Item":{{"id":{value}}}}}'.encode())
    with pytest.raises(SerializationException, match="nested too deeply"):
        json.read(operation_model("dynamodb", "PutItem"), request)
