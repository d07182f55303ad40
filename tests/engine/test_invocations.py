"""Asynchronous invocations: taken at once, run later, tried again as Lambda does, and told of when they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowd.clock import ManualClock
from flowd.engine.deliveries.invocations import FunctionFailed, Invocations
from flowd.engine.deliveries.outcomes import Attempt, NotNow, Refused
from flowd.functions import AsyncSettings, FunctionResult
from flowd.services.ports import Delivery

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"


class Host:
    started_ms = 0

    def __init__(self) -> None:
        self.result = FunctionResult(output_text='{"n": 1}')
        self.calls: list[tuple[str, str, str, str]] = []
        self.acknowledged: list[str] = []

    async def knows(self, function: str) -> bool:
        return function == "f"

    async def invoke(self, key: str, function: str, payload_text: str, *_: Any, arn: str = "", **__: Any) -> Any:
        self.calls.append((key, function, payload_text, arn))
        return self.result

    async def attach(self, key: str) -> Any:
        raise AssertionError

    async def cancel(self, key: str) -> None:
        raise AssertionError

    async def acknowledge(self, key: str) -> None:
        self.acknowledged.append(key)


class Desk(Invocations):
    def __init__(self, **settings: Any) -> None:
        self.host = Host()
        super().__init__(self.host, ManualClock(), lambda name, qualifier: AsyncSettings(**settings))


async def test_what_others_send_is_taken_and_becomes_an_invocation_of_lambdas_own() -> None:
    desk = Desk(retries=1, age_s=60, dead_letter=QUEUE)
    [taken] = await desk.carry(Delivery(ARN, "{}", source="arn:aws:sns:::topic"), Attempt("k"))
    assert desk.host.calls == []
    assert (taken.target, taken.body, taken.source, taken.dead_letter) == (ARN, "{}", "lambda", QUEUE)
    assert (taken.tries, taken.age_s, bool(taken.name)) == (2, 60, True)


async def test_each_try_is_a_run_of_its_own_that_is_forgotten_once_its_end_is_on_disk() -> None:
    desk = Desk()
    for number in range(2):
        assert await desk.carry(desk.delivery(ARN, "[1]"), Attempt("k", number)) == []
    assert desk.host.calls == [(f"delivery:k:{number}", "f", "[1]", ARN) for number in range(2)]
    assert desk.host.acknowledged == []
    await desk.settle(Attempt("k", 1))
    assert desk.host.acknowledged == ["delivery:k:1"]


async def test_a_success_is_told_to_its_destination_with_lambda_s_record() -> None:
    desk = Desk(on_success=QUEUE)
    [told] = await desk.carry(desk.delivery(ARN, '{"a": 1}'), Attempt("k", 1))
    assert (told.target, told.source) == (QUEUE, ARN.removesuffix(":live"))
    record = json.loads(told.body)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": "k",
            "functionArn": ARN,
            "condition": "Success",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"n": 1},
    }


async def test_a_failure_that_is_given_up_goes_to_the_bus_and_to_the_dead_letter_queue() -> None:
    desk = Desk(on_failure=BUS, dead_letter=QUEUE)
    desk.host.result = FunctionResult(error="ValueError", cause='{"errorMessage": "no", "errorType": "ValueError"}')
    invocation = desk.delivery(ARN, '{"a": 1}')
    with pytest.raises(FunctionFailed, match="ValueError") as caught:
        await desk.carry(invocation, Attempt("k", 2))
    event, letter = desk.last_will(invocation, Attempt("k", 2), caught.value) or []
    body = json.loads(event.body)
    assert (body["source"], body["detail-type"]) == ("lambda", "Lambda Function Invocation Result - Failure")
    assert body["resources"] == [BUS, ARN]
    detail = body["detail"]
    assert detail["requestContext"]["condition"] == "RetriesExhausted"
    assert detail["responseContext"]["functionError"] == "Unhandled"
    assert detail["responsePayload"] == {"errorMessage": "no", "errorType": "ValueError"}
    assert (letter.target, letter.body) == (QUEUE, '{"a": 1}')
    attributes = letter.options["MessageAttributes"]
    assert {name: value["StringValue"] for name, value in attributes.items()} == {
        "RequestID": "k",
        "ErrorCode": "200",
        "ErrorMessage": '{"errorMessage": "no", "errorType": "ValueError"}',
    }


async def test_one_that_became_too_old_says_so_and_one_of_others_has_no_last_will() -> None:
    desk = Desk(on_failure=QUEUE)
    failed = FunctionFailed(FunctionResult(error="E", cause="no"))
    [told] = desk.last_will(desk.delivery(ARN, "1"), Attempt("k", 0), failed) or []
    record = json.loads(told.body)
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["responsePayload"] == {"errorType": "E", "errorMessage": "no"}
    assert desk.last_will(Delivery(ARN, "1", source="arn:aws:sns:::t"), Attempt("k"), failed) is None


async def test_a_throttle_is_no_try_and_a_function_that_is_gone_ends_it() -> None:
    desk = Desk(on_failure=QUEUE)
    desk.host.result = FunctionResult(error="Lambda.TooManyRequestsException", cause="Rate exceeded")
    with pytest.raises(NotNow, match="Rate exceeded"):
        await desk.carry(desk.delivery(ARN, "1"), Attempt("k"))
    gone = desk.delivery(ARN.replace(":f:", ":g:"), "1")
    with pytest.raises(Refused, match="there is no function g") as caught:
        await desk.carry(gone, Attempt("k"))
    [told] = desk.last_will(gone, Attempt("k"), caught.value) or []
    record = json.loads(told.body)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["functionError"] == "there is no function g"
