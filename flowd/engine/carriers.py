"""How a delivery reaches what is outside of the database: a function, a state machine, a URL.

At least once: whoever is told must bear to be told twice. A machine starts one execution per delivery, which is named
by it; a function's host runs a key once as long as it remembers it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from flowd import names
from flowd.engine.deliveries import Carrier, Refused
from flowd.errors import ApiError, FlowdError
from flowd.integrations.lambda_ import FunctionHost
from flowd.integrations.ports import Operations
from flowd.services.ports import Delivery

TIMEOUT_S: Final = 30.0
LAMBDA: Final = "lambda"  # who sends an invocation that was taken
LONGEST_CALL_S: Final = 1_000.0  # a function runs for 900 seconds at most
_STARTED: Final = "ExecutionAlreadyExists"


def to_functions(host: FunctionHost, post: Callable[[Delivery], Awaitable[None]]) -> Carrier:
    """An asynchronous invocation. Lambda takes what others send and answers at once: what is taken becomes a delivery
    of Lambda's own, which fails when the function does and is tried twice more."""

    async def carry(delivery: Delivery, key: str) -> None:
        parts = names.split_arn(delivery.target)
        name = "" if parts is None else parts.rest.partition(":")[0]
        if not await host.knows(name):
            raise Refused(f"there is no function {name}", "NO_RESOURCE")
        if delivery.source != LAMBDA:
            await post(asynchronous(delivery.target, delivery.body))
            return
        result = await host.invoke(f"delivery:{key}", name, delivery.body, arn=delivery.target)
        await host.acknowledge(f"delivery:{key}")
        if result.error is not None:
            raise FunctionFailed(f"{result.error}: {(result.cause or '')[:500]}")

    return carry


def asynchronous(arn: str, body: str, dead_letter: str = "") -> Delivery:
    """An invocation that nobody waits for (developer guide, "Asynchronous invocation"): two retries, six hours."""
    return Delivery(arn, body, source=LAMBDA, dead_letter=dead_letter, tries=3, age_s=21_600)


class FunctionFailed(FlowdError):
    """The function ran and failed."""


def to_machines(operations: Operations) -> Carrier:
    """StartExecution under the delivery's own name."""

    async def carry(delivery: Delivery, key: str) -> None:
        members = {"stateMachineArn": delivery.target, "name": key, "input": delivery.body}
        try:
            await operations.invoke("StartExecution", members, f"delivery:{key}")
        except ApiError as error:
            if error.code != _STARTED:
                if error.status < 500:
                    raise Refused(error.message, error.code) from None
                raise

    return carry


def to_urls(transport: httpx.AsyncBaseTransport | None = None) -> Carrier:
    """A POST, or `options.method`, with `options.headers`. An answer other than 2xx is a failure; most of 4xx will not
    be another one next time."""

    async def carry(delivery: Delivery, key: str) -> None:
        headers = {str(name): str(value) for name, value in dict(delivery.options.get("headers", {})).items()}
        method = str(delivery.options.get("method", "POST"))
        async with httpx.AsyncClient(timeout=TIMEOUT_S, transport=transport) as http:
            answer = await http.request(method, delivery.target, content=delivery.body.encode(), headers=headers)
        if 400 <= answer.status_code < 500 and answer.status_code not in (401, 407, 409, 429):
            raise Refused(f"{delivery.target} answered {answer.status_code}", str(answer.status_code))
        answer.raise_for_status()

    return carry
