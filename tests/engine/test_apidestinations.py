"""API destinations: made, told of events with their connection's credentials, no faster than they want."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowd.engine.connections import StoredConnections
from flowd.engine.deliveries.apidestinations import ApiDestinations
from flowd.services.ports import ServiceError
from tests.engine.world import World
from tests.integrations.test_http import streamed

QUEUE = "arn:aws:sqs:us-east-1:000000000000:dead"


class Desk(World):
    """A world with an endpoint at https://crm that answers as a test says."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[httpx.Request] = []
        self.answer: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(200)

    async def wire(self) -> None:
        transport = httpx.MockTransport(self._handle)
        carrier = ApiDestinations(self.core.db, StoredConnections(self.core.db), self.clock, transport)
        self.core.deliveries.carriers["api-destination"] = carrier.carry
        self.core.deliveries.jitter = lambda: 1.0

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return streamed(self.answer(request))

    async def ask(self, operation: str, service: str = "events", **members: Any) -> dict[str, Any]:
        answer = await self.core.embedded.invoke(service, operation, members)
        await self.settle()
        return answer

    async def rule(self, target: dict[str, Any] | None = None, **members: Any) -> str:
        """A destination with a connection, and a rule that tells it of everything of the shop."""
        parameters = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"}}
        made = await self.ask("CreateConnection", Name="crm", AuthorizationType="API_KEY", AuthParameters=parameters)
        facts = {
            "ConnectionArn": made["ConnectionArn"],
            "InvocationEndpoint": "https://crm/orders",
            "HttpMethod": "POST",
        }
        arn = (await self.ask("CreateApiDestination", Name="crm", **{**facts, **members}))["ApiDestinationArn"]
        await self.ask("PutRule", Name="r", EventPattern='{"source": ["shop"]}')
        await self.ask("CreateQueue", "sqs", QueueName="dead")
        dead = {"DeadLetterConfig": {"Arn": QUEUE}}
        await self.ask("PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": arn, **dead, **(target or {})}])
        return str(arn)

    async def put(self, **detail: Any) -> None:
        entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps(detail)}
        await self.ask("PutEvents", Entries=[entry])

    async def dead(self) -> list[str]:
        url = "http://flowd/000000000000/dead"
        found = await self.ask("ReceiveMessage", "sqs", QueueUrl=url, MessageAttributeNames=["All"])
        return [each["MessageAttributes"]["ERROR_CODE"]["StringValue"] for each in found.get("Messages", [])]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(tmp_path) as made:
        yield made


async def test_an_endpoint_gets_the_event_with_the_connection_s_key_and_the_target_s_parameters(desk: Desk) -> None:
    http = {
        "PathParameterValues": ["$.detail.id"],
        "HeaderParameters": {"X-Shop": "1"},
        "QueryStringParameters": {"n": "$.detail.n", "gone": "$.detail.no"},
    }
    endpoint = {"InvocationEndpoint": "https://crm/orders/*/lines"}
    await desk.rule({"HttpParameters": http, "InputPath": "$.detail"}, **endpoint)
    await desk.put(id="a/b", n=[1])
    [request] = desk.asked
    assert str(request.url) == "https://crm/orders/a%2Fb/lines?n=%5B1%5D&gone="
    assert (request.headers["x-key"], request.headers["x-shop"]) == ("k", "1")
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(request.content) == {"id": "a/b", "n": [1]}


async def test_more_than_its_rate_waits_for_the_next_second(desk: Desk) -> None:
    await desk.rule(InvocationRateLimitPerSecond=2)
    for number in range(5):
        await desk.put(n=number)
    heard = [len(desk.asked)]
    for _ in range(3):
        await desk.pass_time(1)
        heard.append(len(desk.asked))
    assert heard == [2, 4, 5, 5]


async def test_429_is_heard_with_its_retry_after_and_a_server_s_fault_is_tried_again(desk: Desk) -> None:
    answers = [httpx.Response(429, headers={"retry-after": "30"}), httpx.Response(500), httpx.Response(204)]
    desk.answer = lambda request: answers.pop(0)
    await desk.rule()
    await desk.put()
    heard = []
    for seconds in (29, 1, 1, 600):
        await desk.pass_time(seconds)
        heard.append(len(desk.asked))
    assert heard == [1, 2, 3, 3]


@pytest.mark.parametrize(("status", "code"), [(404, "404"), (302, "302")])
async def test_what_no_try_can_help_goes_to_the_dead_letter_queue_at_once(desk: Desk, status: int, code: str) -> None:
    desk.answer = lambda request: httpx.Response(status, headers={"location": "https://crm/orders"})
    await desk.rule()
    await desk.put()
    assert (len(desk.asked), await desk.dead()) == (1, [code])


async def test_a_destination_or_connection_that_vanishes_is_told_to_the_dead_letter_queue(desk: Desk) -> None:
    await desk.rule()
    await desk.ask("DeleteConnection", Name="crm")
    assert (await desk.ask("DescribeApiDestination", Name="crm"))["ApiDestinationState"] == "INACTIVE"
    await desk.put()
    assert await desk.dead() == ["INVALID_PARAMETER"]
    await desk.ask("DeleteApiDestination", Name="crm")
    await desk.put()
    assert await desk.dead() == ["NO_RESOURCE"]
    assert desk.asked == []


async def test_destinations_are_listed_changed_and_refused_where_they_cannot_be(desk: Desk) -> None:
    await desk.rule(Description="orders")
    await desk.ask("UpdateApiDestination", Name="crm", HttpMethod="PUT")
    found = await desk.ask("DescribeApiDestination", Name="crm")
    assert (found["HttpMethod"], found["Description"], found["ApiDestinationState"]) == ("PUT", "orders", "ACTIVE")
    [listed] = (await desk.ask("ListApiDestinations", NamePrefix="c"))["ApiDestinations"]
    assert listed["InvocationEndpoint"] == "https://crm/orders"
    assert (await desk.ask("ListApiDestinations", ConnectionArn="other"))["ApiDestinations"] == []
    facts = {"ConnectionArn": found["ConnectionArn"], "InvocationEndpoint": "https://x", "HttpMethod": "POST"}
    for members, said in (
        ({"Name": "crm"}, "already exists"),
        ({"Name": "a", "ConnectionArn": "arn:aws:events:::connection/no/1"}, "Connection 'no' does not exist"),
        ({"Name": "a", "InvocationEndpoint": "ftp://x"}, "must begin with https://"),
        ({"Name": "a b"}, "failed to satisfy constraint"),
    ):
        with pytest.raises(ServiceError, match=said):
            await desk.ask("CreateApiDestination", **{**facts, **members})
    with pytest.raises(ServiceError, match="no event bus and no API destination"):
        await desk.ask("PutTargets", Rule="r", Targets=[{"Id": "2", "Arn": "arn:aws:events:us-east-1:0:rule/r"}])
