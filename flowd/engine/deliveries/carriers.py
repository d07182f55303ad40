"""How a delivery reaches what is outside of the database: a state machine, a URL. Functions have a file of their own.

At least once: whoever is told must bear to be told twice. A machine starts one execution per delivery, which is named
by it.
"""

from __future__ import annotations

from typing import Final

import httpx

from flowd.engine.deliveries.outcomes import Attempt, Carrier, Refused
from flowd.errors import ApiError
from flowd.integrations import webcalls
from flowd.integrations.ports import Operations
from flowd.integrations.webcalls import Outgoing
from flowd.services.ports import Delivery

TIMEOUT_S: Final = 30.0
_STARTED: Final = "ExecutionAlreadyExists"


class NotTaken(Exception):
    """A URL did not take what it was sent; it is tried again."""


def to_machines(operations: Operations) -> Carrier:
    """StartExecution under the delivery's own name."""

    async def carry(delivery: Delivery, attempt: Attempt) -> None:
        members = {"stateMachineArn": delivery.target, "name": attempt.key, "input": delivery.body}
        try:
            await operations.invoke("StartExecution", members, f"delivery:{attempt.key}")
        except ApiError as error:
            if error.code != _STARTED:
                if error.status < 500:
                    raise Refused(error.message, error.code) from None
                raise

    return carry


def to_urls(transport: httpx.AsyncBaseTransport | None = None) -> Carrier:
    """A POST, or `options.method`, with `options.headers`. An answer other than 2xx is a failure; most of 4xx will not
    be another one next time."""

    async def carry(delivery: Delivery, attempt: Attempt) -> None:
        headers = {str(name): str(value) for name, value in dict(delivery.options.get("headers", {})).items()}
        method = str(delivery.options.get("method", "POST"))
        outgoing = Outgoing(method, delivery.target, headers, body=delivery.body.encode())
        answer = await webcalls.send(outgoing, transport, TIMEOUT_S)
        said = f"{delivery.target} answered {answer.status_code}"
        if 400 <= answer.status_code < 500 and answer.status_code not in (401, 407, 409, 429):
            raise Refused(said, str(answer.status_code))
        if not answer.is_success:
            raise NotTaken(said)

    return carry
