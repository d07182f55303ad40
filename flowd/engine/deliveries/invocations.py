"""Asynchronous invocations of functions: how often a function is tried, and who is told how it ended.

An invocation is a delivery of Lambda's own. What is told of its end is written in the transaction that ends it, so
that a destination hears of each invocation once. It runs no function: the host does.

Source: Lambda developer guide, "How Lambda handles errors and retries with asynchronous invocation" and "Capturing
records of Lambda asynchronous invocations".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from flowd import names
from flowd.clock import Clock, iso8601
from flowd.engine.deliveries.deliveries import Deliveries
from flowd.engine.deliveries.outcomes import Attempt, NotNow, Refused
from flowd.errors import FlowdError
from flowd.functions import AsyncSettings, FunctionResult
from flowd.integrations.lambda_ import LATEST
from flowd.services.ports import Delivery

SOURCE: Final = "lambda"  # the kind of target; and who sends an invocation that was taken
LONGEST_CALL_S: Final = 1_000.0  # a function runs for 900 seconds at most
PAUSE_MS: Final = 60_000  # before the second try; twice as long before the third
#: Failures that are not the function's: they count for no try, and are tried again until the event is too old.
_NOT_ITS_OWN: Final = ("Lambda.TooManyRequestsException", "Lambda.SdkClientException", "Lambda.ServiceException")
_LARGEST_SAID: Final = 1_024  # bytes of the error that a dead letter carries
_EVENTS: Final = "Lambda Function Invocation Result - "


class Host(Protocol):
    """Who runs functions. A key is run once; its outcome is held until it is acknowledged."""

    async def knows(self, function: str) -> bool: ...

    async def invoke(
        self, key: str, function: str, payload_text: str, timeout_ms: int = 0, *, arn: str = ""
    ) -> FunctionResult: ...

    async def acknowledge(self, key: str) -> None: ...


class FunctionFailed(FlowdError):
    """The function ran and failed."""

    def __init__(self, result: FunctionResult) -> None:
        super().__init__(f"{result.error}: {(result.cause or '')[:500]}")
        self.result = result


class Invocations:
    """Takes what is sent to functions, and calls them. `settings` are those of a function's name and qualifier."""

    def __init__(
        self,
        host: Host,
        clock: Clock,
        settings: Callable[[str, str], AsyncSettings] = lambda name, qualifier: AsyncSettings(),
    ) -> None:
        self._host = host
        self._clock = clock
        self.settings = settings

    def delivery(self, arn: str, body: str) -> Delivery:
        """The invocation of a function, whose ARN may be qualified, with a JSON text."""
        name, qualifier = _function(arn)
        settings = self.settings(name, qualifier)
        told = {"OnSuccess": settings.on_success, "OnFailure": settings.on_failure}
        return Delivery(
            target=arn,
            body=body,
            source=SOURCE,
            options={key: value for key, value in told.items() if value},
            dead_letter=settings.dead_letter,
            tries=settings.retries + 1,
            age_s=settings.age_s,
            name=str(uuid.uuid4()),
        )

    async def carry(self, delivery: Delivery, attempt: Attempt) -> Sequence[Delivery]:
        """Lambda takes what others send and answers at once: it becomes a delivery of Lambda's own."""
        name, _ = _function(delivery.target)
        if not await self._host.knows(name):
            raise Refused(f"there is no function {name}", "NO_RESOURCE")
        if delivery.source != SOURCE:
            return [self.delivery(delivery.target, delivery.body)]
        result = await self._host.invoke(_key(attempt), name, delivery.body, arn=delivery.target)
        if result.error in _NOT_ITS_OWN:
            raise NotNow(f"{result.error}: {(result.cause or '')[:500]}", str(result.error))
        if result.error is not None:
            raise FunctionFailed(result)
        told = delivery.options.get("OnSuccess")
        return [self._told(str(told), delivery, attempt, "Success", result)] if told else []

    async def settle(self, attempt: Attempt) -> None:
        """How it ended is on disk."""
        await self._host.acknowledge(_key(attempt))

    def last_will(self, delivery: Delivery, attempt: Attempt, error: Exception) -> list[Delivery] | None:
        """What is sent when an invocation is given up; None if this was none of Lambda's own."""
        if delivery.source != SOURCE:
            return None
        result = error.result if isinstance(error, FunctionFailed) else None
        sent: list[Delivery] = []
        if told := delivery.options.get("OnFailure"):
            too_old = attempt.number + 1 < delivery.tries and not isinstance(error, Refused)
            condition = "EventAgeExceeded" if too_old else "RetriesExhausted"
            sent.append(self._told(str(told), delivery, attempt, condition, result, str(error)))
        if delivery.dead_letter:
            sent.append(_dead_letter(delivery, attempt, result, str(error)))
        return sent

    def _told(
        self,
        target: str,
        delivery: Delivery,
        attempt: Attempt,
        condition: str,
        result: FunctionResult | None,
        said: str = "",
    ) -> Delivery:
        """The record of an invocation, as its destination wants it."""
        arn = names.function_arn(*_named(delivery.target))
        record = {
            "version": "1.0",
            "timestamp": iso8601(self._clock.now_ms()),
            "requestContext": {
                "requestId": attempt.key,
                "functionArn": f"{arn}:{_function(delivery.target)[1] or LATEST}",
                "condition": condition,
                "approximateInvokeCount": attempt.number + 1,
            },
            "requestPayload": _parsed(delivery.body),
        }
        if result is not None:
            failed = {} if result.error is None else {"functionError": "Unhandled"}
            record["responseContext"] = {"statusCode": 200, "executedVersion": LATEST, **failed}
            record["responsePayload"] = _response(result)
        elif said:
            record["responseContext"] = {"statusCode": 500, "executedVersion": LATEST, "functionError": said}
        if ":event-bus/" in target:
            return Delivery(target, json.dumps(self._event(target, record, condition, attempt)), source=arn)
        return Delivery(target, json.dumps(record, ensure_ascii=False), source=arn)

    def _event(self, bus: str, record: dict[str, Any], condition: str, attempt: Attempt) -> dict[str, Any]:
        _, _, _, region, account, _ = bus.split(":", 5)
        return {
            "version": "0",
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{attempt.key} {condition}")),
            "detail-type": _EVENTS + ("Success" if condition == "Success" else "Failure"),
            "source": SOURCE,
            "account": account,
            "time": iso8601(self._clock.now_ms())[:19] + "Z",
            "region": region,
            "resources": [bus, record["requestContext"]["functionArn"]],
            "detail": record,
        }


def deliver_to_functions(deliveries: Deliveries, invocations: Invocations) -> None:
    """Let the outbox bring to functions what is sent to them."""
    deliveries.carriers[SOURCE] = invocations.carry
    deliveries.settle[SOURCE] = invocations.settle
    deliveries.last_wills[SOURCE] = invocations.last_will
    deliveries.patience_s[SOURCE] = LONGEST_CALL_S
    deliveries.first_ms[SOURCE] = PAUSE_MS


def _dead_letter(delivery: Delivery, attempt: Attempt, result: FunctionResult | None, said: str) -> Delivery:
    """The event as it was, with three attributes (developer guide, "Adding a dead-letter queue")."""
    error = json.dumps(_response(result)) if result is not None else said
    facts = {
        "RequestID": ("String", attempt.key),
        "ErrorCode": ("Number", "200" if result is not None else "500"),
        "ErrorMessage": ("String", error.encode()[:_LARGEST_SAID].decode("utf-8", "ignore")),
    }
    attributes = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in facts.items()}
    arn = names.function_arn(*_named(delivery.target))
    return Delivery(delivery.dead_letter, delivery.body, arn, {"MessageAttributes": attributes})


def _key(attempt: Attempt) -> str:
    """Each try is a run of its own; a daemon that is killed finds the run of its try again."""
    return f"delivery:{attempt.key}:{attempt.number}"


def _function(arn: str) -> tuple[str, str]:
    """Name and qualifier."""
    parts = names.split_arn(arn)
    name, _, qualifier = ("" if parts is None else parts.rest).partition(":")
    return name, qualifier


def _named(arn: str) -> tuple[str, str, str]:
    parts = names.split_arn(arn)
    assert parts is not None
    return _function(arn)[0], parts.region, parts.account


def _response(result: FunctionResult) -> Any:
    if result.error is None:
        return _parsed(result.output_text or "null")
    cause = _parsed(result.cause or "")
    return cause if isinstance(cause, dict) else {"errorType": result.error, "errorMessage": result.cause or ""}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
