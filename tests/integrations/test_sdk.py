"""`aws-sdk:SERVICE:ACTION` by the service's model: names, dates, blobs, errors as version 2 of the SDK shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from flowd.errors import ServiceUnavailable
from flowd.integrations import models
from flowd.integrations.ports import Failed, Succeeded, TaskCall
from flowd.integrations.sdk import Sdk
from flowd.payload import Payload
from flowd.services.ports import ServiceError


class Answers:
    """A cloud that answers what it is told to."""

    def __init__(self, answer: dict[str, Any] | Exception | None = None, *, once: bool = True) -> None:
        self.answer: dict[str, Any] | Exception = {} if answer is None else answer
        self.asked: list[tuple[str, str, dict[str, Any], str]] = []
        self.forgotten: list[tuple[str, str]] = []
        self._once = once

    def refuse(self, service: str, operation: str) -> str | None:
        return f"{operation} of {service} is off" if operation == "ListTables" else None

    def once(self, service: str) -> bool:
        return self._once

    async def invoke(self, service: str, operation: str, members: Mapping[str, Any], task: str) -> dict[str, Any]:
        self.asked.append((service, operation, dict(members), task))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def forget(self, service: str, task: str) -> None:
        self.forgotten.append((service, task))


def call(service: str, action: str, parameters: Any, **facts: Any) -> TaskCall:
    return TaskCall(
        key="1:0:1",
        execution_arn="arn:e",
        machine_arn="arn:m",
        state="T",
        resource=f"arn:aws:states:::{service}:{action}",
        service=service,
        action=action,
        pattern="",
        parameters=Payload.of(parameters),
        token="t",
        **facts,
    )


async def output(cloud: Answers, service: str, action: str, parameters: Any) -> Any:
    outcome = await Sdk(cloud).call(call(f"aws-sdk:{service}", action, parameters))
    assert isinstance(outcome, Succeeded), outcome
    return outcome.output.value


async def failure(cloud: Answers, service: str, action: str, parameters: Any, **facts: Any) -> Failed:
    outcome = await Sdk(cloud).call(call(f"aws-sdk:{service}", action, parameters, **facts))
    assert isinstance(outcome, Failed), outcome
    return outcome


async def test_parameters_and_results_are_spelled_as_the_java_sdk_does() -> None:
    cloud = Answers({"VersionId": "v", "SSEKMSKeyId": "k", "ETag": '"e"'})
    found = await output(cloud, "s3", "putObject", {"Bucket": "b", "Key": "k", "SsekmsKeyId": "k", "Body": {"a": 1}})
    [(service, operation, members, key)] = cloud.asked
    assert (service, operation, key) == ("s3", "PutObject", "1:0:1")
    assert members.pop("ChecksumAlgorithm") == "CRC32"  # which the SDK adds, and
    assert members.pop("ContentType") == "text/plain; charset=UTF-8"
    assert members == {"Bucket": "b", "Key": "k", "SSEKMSKeyId": "k", "Body": b'{"a":1}'}
    assert found == {"VersionId": "v", "SsekmsKeyId": "k", "ETag": '"e"'}


async def test_a_text_as_body_is_json_too() -> None:
    cloud = Answers()
    await output(cloud, "s3", "putObject", {"Bucket": "b", "Key": "k", "Body": "text data"})
    assert cloud.asked[0][2]["Body"] == b'"text data"'


async def test_dynamodb_has_nul_and_bool_and_blobs_are_base64() -> None:
    item = {"a": {"BOOL": True}, "b": {"NULL": True}, "c": {"B": b"\x00"}, "d": {"SS": ["x"]}}
    said = {"a": {"Bool": True}, "b": {"Nul": True}, "c": {"B": "AA=="}, "d": {"Ss": ["x"]}}
    cloud = Answers({"Item": item})
    assert await output(cloud, "dynamodb", "putItem", {"TableName": "t", "Item": said}) == {}
    assert cloud.asked[0][2]["Item"] == item
    assert await output(cloud, "dynamodb", "getItem", {"TableName": "t", "Key": {}}) == {"Item": said}


async def test_dates_are_text_and_bodies_are_text() -> None:
    cloud = Answers({"Body": "ä".encode(), "LastModified": 1_700_000_000, "ContentLength": 2})
    found = await output(cloud, "s3", "getObject", {"Bucket": "b", "Key": "k"})
    assert found == {"Body": "ä", "LastModified": "2023-11-14T22:13:20Z", "ContentLength": 2}
    since = {"Entries": [{"Time": "2023-11-14T22:13:20Z", "Detail": {"x": 1}}]}
    await output(cloud, "eventbridge", "putEvents", since)
    assert cloud.asked[-1][:2] == ("events", "PutEvents")
    assert cloud.asked[-1][2] == {"Entries": [{"Time": 1_700_000_000.0, "Detail": '{"x":1}'}]}


async def test_errors_go_by_the_class_of_the_model_or_by_the_service() -> None:
    error = ServiceError("ResourceNotFoundException", "Requested resource not found")
    failed = await failure(Answers(error), "dynamodb", "getItem", {"TableName": "t", "Key": {}})
    assert failed.error == "DynamoDb.ResourceNotFoundException"
    assert (failed.cause or "").startswith(
        "Requested resource not found (Service: DynamoDb, Status Code: 400, Request ID: "
    )
    cloud = Answers(ServiceError("ValidationException", "Invalid name."))
    failed = await failure(cloud, "secretsmanager", "getSecretValue", {"SecretId": "x"})
    assert failed.error == "SecretsManager.SecretsManagerException"
    cloud = Answers(ServiceError("NoSuchKey", "gone", status=404))
    failed = await failure(cloud, "s3", "getObject", {"Bucket": "b", "Key": "k"})
    assert failed.error == "S3.NoSuchKeyException"
    assert "Status Code: 404, Request ID: " in (failed.cause or "")
    assert "Extended Request ID: " in (failed.cause or "")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"TableName": "t"}, "The field 'Key' is required but was missing"),
        ({"TableName": "t", "Key": {}, "Colour": 1}, 'The field "Colour" is not supported by Step Functions'),
        ({"TableName": "t", "Key": {"a": {"B": "%"}}}, "The value of the field 'B' has an invalid format"),
        ({"TableName": "t", "Key": []}, "The value of the field 'Key' has an invalid format"),
        ({"TableName": True, "Key": {}}, "The value for the field 'TableName' must be a STRING"),
        ([], "The parameters are not an object"),
    ],
)
async def test_parameters_that_do_not_fit_the_model_are_refused(parameters: Any, reason: str) -> None:
    cloud = Answers()
    failed = await failure(cloud, "dynamodb", "getItem", parameters)
    assert failed.error == "States.Runtime"
    assert (failed.cause or "").endswith(f"could not be used to start the Task: [{reason}]")
    assert cloud.asked == []


async def test_a_lost_call_is_repeated_where_that_has_its_effect_once_or_none() -> None:
    for once, action, member in ((True, "putItem", "Item"), (False, "getItem", "Key")):
        cloud = Answers(once=once)
        recovered = call("aws-sdk:dynamodb", action, {"TableName": "t", member: {}}, recovered=True)
        assert isinstance(await Sdk(cloud).call(recovered), Succeeded)
    cloud = Answers(once=False)
    failed = await failure(cloud, "dynamodb", "putItem", {"TableName": "t", "Item": {}}, recovered=True)
    assert failed.error == "DynamoDb.SdkClientException"
    assert cloud.asked == []


async def test_tokens_of_idempotency_are_the_attempts_own() -> None:
    cloud = Answers(ServiceUnavailable("full"))
    first = await failure(cloud, "dynamodb", "transactWriteItems", {"TransactItems": []})
    await failure(cloud, "dynamodb", "transactWriteItems", {"TransactItems": []})
    assert first.error == "DynamoDb.DynamoDbException"
    assert cloud.asked[0][2]["ClientRequestToken"] == cloud.asked[1][2]["ClientRequestToken"]


async def test_what_is_acknowledged_is_forgotten() -> None:
    cloud = Answers()
    await Sdk(cloud).acknowledge(call("aws-sdk:eventbridge", "putEvents", {}))
    assert cloud.forgotten == [("events", "1:0:1")]


@pytest.mark.parametrize(
    ("service", "action", "reason"),
    [
        ("nosuch", "doIt", "aws-sdk:nosuch is no service that AWS's SDK knows"),
        ("dynamodb", "frob", "DynamoDB has no operation frob; the name is an operation's in camelCase"),
        ("dynamodb", "PutItem", "DynamoDB has no operation PutItem; the name is an operation's in camelCase"),
        ("dynamodb", "listTables", "ListTables of dynamodb is off"),
        ("dynamodb", "putItem", None),
        ("cloudwatchlogs", "putLogEvents", None),
    ],
)
def test_operations_are_checked_when_a_machine_is_loaded(service: str, action: str, reason: str | None) -> None:
    assert Sdk(Answers()).refuse(f"aws-sdk:{service}", action, "") == reason
    if reason is None:
        assert "have no .sync" in (Sdk(Answers()).refuse(f"aws-sdk:{service}", action, "sync") or "")


@pytest.mark.parametrize(
    ("service_id", "name"),
    [
        ("DynamoDB", "DynamoDb"),
        ("SQS", "Sqs"),
        ("S3", "S3"),
        ("EventBridge", "EventBridge"),
        ("API Gateway", "ApiGateway"),
    ],
)
def test_services_are_called_as_in_the_java_sdk(service_id: str, name: str) -> None:
    assert models.sdk_name(service_id) == name
