"""What is sent to functions: taken at once, run later, and failed when the function fails."""

from __future__ import annotations

from typing import Any

import pytest

from flowd.engine.carriers import FunctionFailed, asynchronous, to_functions
from flowd.engine.deliveries import Refused
from flowd.functions import FunctionResult
from flowd.services.ports import Delivery

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:live"


class Host:
    started_ms = 0

    def __init__(self) -> None:
        self.result = FunctionResult(output_text="1")
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


class Outbox:
    def __init__(self) -> None:
        self.posted: list[Delivery] = []

    async def post(self, delivery: Delivery) -> None:
        self.posted.append(delivery)


async def test_what_others_send_is_taken_and_becomes_an_invocation_of_lambdas_own() -> None:
    host, outbox = Host(), Outbox()
    await to_functions(host, outbox.post)(Delivery(ARN, "{}", source="arn:aws:sns:::topic"), "k")
    assert host.calls == []
    assert outbox.posted == [asynchronous(ARN, "{}")]
    assert (outbox.posted[0].tries, outbox.posted[0].age_s) == (3, 21_600)


async def test_an_invocation_runs_under_the_deliverys_key() -> None:
    host, outbox = Host(), Outbox()
    await to_functions(host, outbox.post)(asynchronous(ARN, "[1]"), "k")
    assert host.calls == [("delivery:k", "f", "[1]", ARN)]
    assert host.acknowledged == ["delivery:k"]
    assert outbox.posted == []


async def test_a_function_that_fails_fails_the_delivery_and_may_run_again() -> None:
    host = Host()
    host.result = FunctionResult(error="ValueError", cause="no")
    with pytest.raises(FunctionFailed, match="ValueError: no"):
        await to_functions(host, Outbox().post)(asynchronous(ARN, "[1]"), "k")
    assert host.acknowledged == ["delivery:k"]  # forgotten, so that the next try runs it


async def test_a_function_that_is_not_there_is_refused_for_good() -> None:
    with pytest.raises(Refused, match="there is no function g"):
        await to_functions(Host(), Outbox().post)(asynchronous(ARN.replace(":f:", ":g:"), "[1]"), "k")
