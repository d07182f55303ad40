"""Requests that mean harm, over the wire: none ends in our own mistake, each refusal has a name, the daemon goes on."""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import urlencode

import botocore.session
import httpx
import pytest
from botocore.model import Shape

from tests.api.box import Box

TARGETS: Final = {
    "dynamodb": "DynamoDB_20120810",
    "dynamodbstreams": "DynamoDBStreams_20120810",
    "events": "AWSEvents",
    "sqs": "AmazonSQS",
}
JUNK: Final[tuple[Any, ...]] = (
    *(None, True, 0, -1, 2**31, 2**63, -(2**70), 1.5, 1e308, "", "\x00", "x" * 300, "é" * 50, "../..", "９", "NaN"),
    *([], [[]], {}, {"a": {}}, [None], {"S": "x"}, {"N": 1}, {"N": "9" * 39}, {"N": "1e99999999999"}, {"SS": []}),
)
TEXTS: Final = (
    *("tbl", "id", "a", "", "1", "-1", "9" * 40, "\x07", "é", "a = :v", "SET a = :v", "default", "{}", "[]", "{"),
    *('{"a":["b"]}', "http://h/0/q", "arn:aws:dynamodb:us-east-1:000000000000:table/tbl/stream/latest"),
    *("arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:sns:us-east-1:000000000000:top"),
)
KNOWN: Final = {
    "TableName": "tbl",
    "QueueUrl": "http://h/0/q",
    "TopicArn": "arn:aws:sns:us-east-1:000000000000:top",
    "StreamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/tbl/stream/latest",
    "WaitTimeSeconds": 0,
}
MODELS: Final = botocore.session.get_session()
HEAVY: Final = ("DeleteTable", "DeleteQueue", "DeleteTopic")


class Attacker:
    """Sends what it likes; what came back is a status and the name of the error."""

    def __init__(self, box: Box, seed: int) -> None:
        self.url = box.server.url or ""
        self.random = random.Random(seed)
        self.client = httpx.AsyncClient(timeout=30)

    def value(self, shape: Shape, depth: int = 0) -> Any:
        pick = self.random.choice
        if depth > 6 or self.random.random() < 0.06:
            return pick(JUNK)
        match shape.type_name:
            case "structure":
                members: Any = shape.members
                required: Any = shape.required_members
                chosen = [name for name in members if name in required or self.random.random() < 0.5]
                return {name: self.member(name, members[name], depth) for name in chosen}
            case "list":
                member: Any = shape.member
                return [self.value(member, depth + 1) for _ in range(self.random.randint(0, 3))]
            case "map":
                value: Any = shape.value
                names = self.random.sample(("a", "id", ":v", "#n", "", "tbl"), self.random.randint(0, 3))
                return {name: self.value(value, depth + 1) for name in names}
            case "string":
                allowed = getattr(shape, "enum", None)
                return pick(allowed) if allowed and self.random.random() < 0.8 else pick(TEXTS)
            case "integer" | "long":
                return pick((0, 1, -1, 10, 100, 2**31, 2**63))
            case "boolean":
                return pick((True, False))
            case "blob":
                return pick(("AA==", "!", "x" * 9))
            case "timestamp":
                return pick((0, 1.7e9, -1, 1e20, "x"))
        return pick(JUNK)

    def member(self, name: str, shape: Shape, depth: int) -> Any:
        known = name in KNOWN and (name == "WaitTimeSeconds" or self.random.random() < 0.8)
        return KNOWN[name] if known else self.value(shape, depth + 1)

    async def json(self, service: str, operation: str, members: Any) -> tuple[int, str]:
        body = members if isinstance(members, bytes) else json.dumps(members).encode()
        headers = {"X-Amz-Target": f"{TARGETS[service]}.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        found = await self._post(body, headers)
        name = found.json().get("__type", "").rpartition("#")[2] if found.content else ""
        return found.status_code, name

    async def query(self, service: str, fields: dict[str, Any]) -> tuple[int, str]:
        scope = f"a/20260101/us-east-1/{service}/aws4_request"
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
        }
        found = await self._post(urlencode(fields).encode(), headers)
        return found.status_code, found.text.partition("<Code>")[2].partition("</Code>")[0]

    async def _post(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post(self.url, content=body, headers=headers)


@pytest.fixture
async def attacker(box: Box) -> AsyncIterator[Attacker]:
    table = {
        "TableName": "tbl",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    }
    made = Attacker(box, 1)
    assert await made.json("dynamodb", "CreateTable", table) == (200, "")
    assert await made.json("sqs", "CreateQueue", {"QueueName": "q"}) == (200, "")
    assert await made.query("sns", {"Action": "CreateTopic", "Name": "top"}) == (200, "")
    yield made
    await made.client.aclose()


def fine(status: int, name: str) -> bool:
    return status == 200 or (400 <= status < 500 and name not in ("", "InternalFailure"))


@pytest.mark.parametrize("service", TARGETS)
async def test_random_requests_are_answered_or_refused_by_name(attacker: Attacker, service: str) -> None:
    model = MODELS.get_service_model(service)
    operations = [name for name in model.operation_names if name not in HEAVY]
    answered = 0
    for _ in range(120):
        operation = attacker.random.choice(operations)
        shape = model.operation_model(operation).input_shape
        members = {} if shape is None else attacker.value(shape)
        status, name = await attacker.json(service, operation, members)
        assert fine(status, name), (operation, members, status, name)
        answered += status == 200
    assert answered > 0 or service == "dynamodbstreams"


async def test_random_requests_of_the_query_protocol_are_answered_or_refused_by_name(attacker: Attacker) -> None:
    model = MODELS.get_service_model("sns")
    operations = [name for name in model.operation_names if name not in HEAVY]
    for _ in range(150):
        operation = attacker.random.choice(operations)
        fields: dict[str, Any] = {"Action": operation}
        shape: Any = model.operation_model(operation).input_shape
        for name in shape.members if shape else ():
            form = attacker.random.choice(("{}", "{}", "{}.member.1", "{}.member.x", "{}.entry.1.key"))
            known = name in KNOWN and attacker.random.random() < 0.8
            fields[form.format(name)] = KNOWN[name] if known else attacker.random.choice(TEXTS)
        status, code = await attacker.query("sns", fields)
        assert fine(status, code), (fields, status, code)


def deep(levels: int, kind: str) -> bytes:
    opening, closing = ('{"L":[', "]}") if kind == "L" else ('{"M":{"a":', "}}")
    value = opening * levels + '{"S":"x"}' + closing * levels
    return f'{{"TableName":"tbl","Item":{{"id":{{"S":"a"}},"v":{value}}}}}'.encode()


def expressions() -> Iterator[tuple[str, int]]:
    """A filter, and what it is answered with."""
    yield "a = :v AND " * 100 + "a = :v", 200
    yield "(" * 20_000 + "a = :v" + ")" * 20_000, 400
    yield "NOT " * 900 + "a = :v", 400
    yield "a IN (" + ",".join([":v"] * 101) + ")", 400
    yield "a[99999999999999999999] = :v", 200
    yield "a \x00 = :v", 400
    yield "name = :v", 400
    yield "size(" * 500 + "a" + ")" * 500 + " > :v", 400


async def test_values_may_be_nested_to_a_limit(attacker: Attacker) -> None:
    for kind in "LM":
        for levels, status in ((31, 200), (32, 400), (20_000, 400)):
            found = await attacker.json("dynamodb", "PutItem", deep(levels, kind))
            assert found[0] == status and fine(*found), (kind, levels, found)


async def test_expressions_that_are_bombs_are_refused(attacker: Attacker) -> None:
    for expression, status in expressions():
        values = {":v": {"S": "x"}}
        members = {"TableName": "tbl", "FilterExpression": expression, "ExpressionAttributeValues": values}
        answer = (status, "ValidationException" if status == 400 else "")
        assert await attacker.json("dynamodb", "Scan", members) == answer, expression[:100]


BODIES: Final = (b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a":"\\ud800"}', b" " * 999)


async def test_bodies_that_are_no_request_are_refused(attacker: Attacker) -> None:
    for body in BODIES:
        for service, operation in (("dynamodb", "GetItem"), ("sqs", "SendMessage"), ("dynamodbstreams", "GetRecords")):
            status, name = await attacker.json(service, operation, body)
            assert status == 400 and fine(status, name), (service, body[:20], name)


def handle(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode()


UUID: Final = "00000000-0000-4000-8000-000000000000"
ITERATOR: Final = "arn:aws:dynamodb:us-east-1:000000000000:table/tbl/stream/latest|1|" + handle("9" * 19 + ":1")


BEYOND: Final[tuple[tuple[str, str, dict[str, Any], str], ...]] = (
    ("sqs", "DeleteMessage", {"ReceiptHandle": handle(f"1/{'9' * 30}/1/{UUID}")}, "ReceiptHandleIsInvalid"),
    ("sqs", "SendMessage", {"MessageBody": "x" * (1024 * 1024 + 1)}, "InvalidParameterValue"),
    ("sqs", "SendMessage", {"MessageBody": "\x00"}, "InvalidMessageContents"),
    ("dynamodbstreams", "GetRecords", {"ShardIterator": ITERATOR}, "ValidationException"),
    ("dynamodb", "PutItem", {"Item": {"id": {"S": "a"}, "v": {"S": "x" * 409_600}}}, "ValidationException"),
    ("dynamodb", "PutItem", {"Item": {"id": {"S": "a"}, "v": {"N": "9" * 39}}}, "ValidationException"),
)


async def test_numbers_and_texts_beyond_their_limits_are_refused(attacker: Attacker) -> None:
    of: dict[str, dict[str, Any]] = {"sqs": {"QueueUrl": "http://h/0/q"}, "dynamodb": {"TableName": "tbl"}}
    for service, operation, members, code in BEYOND:
        answer = await attacker.json(service, operation, {**of.get(service, {}), **members})
        assert answer == (400, code), (service, operation)


async def test_tokens_that_are_none_of_ours_are_refused(attacker: Attacker) -> None:
    for token in ("9" * 40, "x", "-1"):
        answer = await attacker.query("sns", {"Action": "ListSubscriptions", "NextToken": token})
        assert answer == (400, "InvalidParameter")
