"""How an event reaches an API destination: an HTTP call with the credentials of a connection, not too many a second.

User guide, "API destinations as targets": an answer must come within five seconds; 401, 407, 409, 429 and 5xx are tried
again, after as long as `Retry-After` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import httpx

from flowd.clock import Clock
from flowd.engine.deliveries.outcomes import Attempt, NotNow, Refused
from flowd.integrations import webcalls
from flowd.integrations.answers import Refusal
from flowd.integrations.connections import Authorizer, Connections
from flowd.integrations.webcalls import NoAnswer, Outgoing
from flowd.services.events import destinations
from flowd.services.ports import Delivery
from flowd.store.database import Database, Session
from flowd.store.events import EventsTables

KIND: Final = destinations.KIND
TIMEOUT_S: Final = 5.0
AGENT: Final = "Amazon/EventBridge/ApiDestinations"
LONGEST_MS: Final = 86_400_000
AGAIN: Final = (401, 407, 409, 429)


class NotTaken(Exception):
    """The endpoint did not take the event; it is tried again."""


class ApiDestinations:
    """A carrier. `transport` is another network, for tests."""

    def __init__(
        self, db: Database, connections: Connections, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._transport = transport
        self._authorizer = Authorizer(connections, clock, transport)
        self._calls: dict[str, tuple[int, int]] = {}  # by name: the second, and how many calls were made in it

    async def carry(self, delivery: Delivery, attempt: Attempt) -> None:
        """Call the endpoint once."""
        name = destinations.name_of(delivery.target)
        found = await self._db.read(partial(_read, name=name))
        if found is None:
            raise Refused(f"there is no API destination {name}", "NO_RESOURCE")
        self._admit(name, int(found["InvocationRateLimitPerSecond"]))
        try:
            outgoing = _request(found, delivery)
            await self._authorizer.add(found["ConnectionArn"], outgoing)
            response = await webcalls.send(outgoing, self._transport, TIMEOUT_S)
        except Refusal as refusal:
            raise Refused(str(refusal), "INVALID_PARAMETER") from None
        except NoAnswer as error:
            raise NotTaken(str(error)) from None
        if not response.is_success:
            self._refused(found, response)

    def _admit(self, name: str, rate: int) -> None:
        now_ms = self._clock.now_ms()
        second, calls = self._calls.get(name, (0, 0))
        if second != now_ms // 1000:
            second, calls = now_ms // 1000, 0
        if calls >= rate:
            raise NotNow(f"{name} takes {rate} calls a second", "RATE_LIMIT", 1000 - now_ms % 1000)
        self._calls[name] = (second, calls + 1)

    def _refused(self, found: Mapping[str, Any], response: httpx.Response) -> None:
        status = response.status_code
        said = f"{found['InvocationEndpoint']} answered {status} {webcalls.reason(response)}".rstrip()
        if status in (401, 407):
            self._authorizer.doubt(found["ConnectionArn"])
        if status < 500 and status not in AGAIN:
            raise Refused(said, str(status))
        after_ms = _after_ms(response.headers.get("retry-after"), self._clock.now_ms())
        if after_ms is not None and status in (429, 503):
            raise NotNow(said, str(status), after_ms)
        raise NotTaken(said)


def _read(session: Session, name: str) -> dict[str, Any] | None:
    return destinations.find(EventsTables(session), name)


def _request(found: Mapping[str, Any], delivery: Delivery) -> Outgoing:
    """The target's own parameters: what stands for `*` in the path, headers, query. Raises Refusal."""
    given: Mapping[str, Any] = delivery.options.get("http") or {}
    parts = str(found["InvocationEndpoint"]).split("*")
    values = [str(value) for value in given.get("PathParameterValues") or ()]
    if len(values) != len(parts) - 1:
        raise Refusal(f"the endpoint has {len(parts) - 1} places for path parameters, the target gives {len(values)}")
    url = parts[0] + "".join(quote(value, safe="") + part for value, part in zip(values, parts[1:], strict=True))
    outgoing = Outgoing(found["HttpMethod"], url)
    outgoing.set("Content-Type", "application/json; charset=utf-8")
    outgoing.set("User-Agent", AGENT)
    for name, value in (given.get("HeaderParameters") or {}).items():
        outgoing.set(str(name), str(value))
    outgoing.query = [(str(name), str(value)) for name, value in (given.get("QueryStringParameters") or {}).items()]
    outgoing.body = delivery.body.encode()
    return outgoing


def _after_ms(text: str | None, now_ms: int) -> int | None:
    """`Retry-After`: seconds or a date; None for anything else, and no longer than a day."""
    if not text:
        return None
    try:
        wait_ms = float(text) * 1000
    except ValueError:
        try:
            wait_ms = parsedate_to_datetime(text).timestamp() * 1000 - now_ms
        except (ValueError, OverflowError):
            return None
    return int(min(max(wait_ms, 0), LONGEST_MS)) if math.isfinite(wait_ms) else None
