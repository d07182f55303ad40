"""What integrations call: AWS's services as this daemon has them, and addresses over HTTP. It maps nothing.

A service is asked in its own protocol, as API Gateway asks it, with the rights of the daemon itself. Services of the
Query protocol answer in JSON, as they do to whoever accepts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from flowd.api.front.requests import JSON, Problem
from flowd.api.wire.answers import encode, error_body
from flowd.api.wire.app import Operation
from flowd.api.wire.caller import Caller
from flowd.api.wire.protocols.front import Front, Target
from flowd.api.wire.protocols.models import HttpAnswer, HttpRequest, error_codes
from flowd.errors import ApiError
from flowd.integrations import webcalls
from flowd.integrations.webcalls import NoAnswer, Outgoing
from flowd.payload import dumps
from flowd.velocity import LONGEST

STATES: Final = "AWSStepFunctions"
#: What stands before an operation's name in X-Amz-Target, by service.
PREFIXES: Final = {"dynamodb": "DynamoDB_20120810", "events": "AWSEvents", "sqs": "AmazonSQS", "states": STATES}
#: API Gateway asks these by X-Amz-Target, and those in the Query protocol.
TARGETS: Final = {name: prefix for name, prefix in PREFIXES.items() if name != "sqs"}
QUERIES: Final = ("sns", "sqs")
FORM: Final = "application/x-www-form-urlencoded"
#: Names that SQS has in the JSON of its Query protocol only.
_QUERY_NAMES: Final = {"Messages": "messages"}


@dataclass(frozen=True)
class Answer:
    """What came back. `error` is a function's own."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known.lower() == name), "")


class Upstream:
    """Services and addresses. `services` None: there are no others than Step Functions. `transport`: for tests."""

    def __init__(
        self,
        table: Mapping[str, Operation],
        services: Front | None,
        draining: asyncio.Event,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._table = table
        self._services = services
        self._draining = draining
        self._transport = transport

    async def service(self, name: str, request: HttpRequest, who: str, request_id: str) -> Answer:
        """Ask one of AWS's services by the name in its endpoint. Raises Problem for one that is not here."""
        caller = Caller(who, lambda: True, self._draining, "http")
        if name == "states":
            return await self._states(request, caller)
        target = self._target(name, request)
        if target is None:
            raise Problem(500, "Internal server error", reason=f"the service {name} is not served by this daemon")
        assert self._services is not None
        try:
            if target.protocol == "query" and "xml" not in request.headers.get("accept", ""):
                operation, members = await self._services.ask(target, request, caller)
                return _query_answer(operation, members, request_id)
            answer = await self._services.answer(target, request, caller, request_id)
        except ApiError as error:
            if target.protocol == "query":
                return _query_error(target, error, request_id)
            answer = target.error(error, request_id)
        return await _read(answer)

    def _target(self, name: str, request: HttpRequest) -> Target | None:
        if self._services is None:
            return None
        return self._services.target(request) if "x-amz-target" in request.headers else self._services.named(name)

    async def _states(self, request: HttpRequest, caller: Caller) -> Answer:
        operation = self._table.get(request.headers.get("x-amz-target", ""))
        if operation is None:
            raise Problem(500, "Internal server error", reason="Step Functions is asked by action/OPERATION")
        try:
            body = await operation.handle(operation.reader.read(request.body), caller)
        except ApiError as error:
            return Answer(error.status, error_body(error), [("content-type", JSON)])
        return Answer(200, encode(body or {}), [("content-type", JSON)])

    async def http(self, outgoing: Outgoing, timeout_s: float) -> Answer:
        """Ask an address. Raises Problem where nobody answers."""
        try:
            response = await webcalls.send(outgoing, self._transport, timeout_s, LONGEST)
        except NoAnswer as error:
            timed_out = "timeout" in str(error)
            said = "Endpoint request timed out" if timed_out else "Internal server error"
            raise Problem(504 if timed_out else 500, said, reason=str(error)) from None
        if len(response.content) > LONGEST:
            raise Problem(500, "Internal server error", reason=f"the answer has more than {LONGEST:,} bytes")
        return Answer(response.status_code, response.content, response.headers.multi_items())


async def _read(answer: HttpAnswer) -> Answer:
    """Also an answer that lies in a file, as an object of S3."""
    body = answer.body
    if answer.file is not None:
        part = answer.file
        if part.length > LONGEST:
            raise Problem(500, "Internal server error", reason=f"the answer has more than {LONGEST:,} bytes")

        def read() -> bytes:
            with part.path.open("rb") as file:
                file.seek(part.start)
                return file.read(part.length)

        body = await asyncio.to_thread(read)
    failed = next((value for name, value in answer.headers if name.lower() == "x-amz-function-error"), None)
    return Answer(answer.status, body, answer.headers, failed)


def _query_answer(operation: str, members: Mapping[str, Any], request_id: str) -> Answer:
    shown = {_QUERY_NAMES.get(name, name): value for name, value in members.items()}
    result = {f"{operation}Result": shown} if shown else {}
    meta = {"ResponseMetadata": {"RequestId": request_id}}
    return Answer(200, dumps({f"{operation}Response": {**meta, **result}}).encode(), [("content-type", JSON)])


def _query_error(target: Target, error: ApiError, request_id: str) -> Answer:
    codes = error_codes(target.service, error)
    fault = "Sender" if codes.status < 500 else "Receiver"
    said = {"Error": {"Code": codes.query, "Message": error.message, "Type": fault}, "RequestId": request_id}
    return Answer(codes.status, dumps(said).encode(), [("content-type", JSON)])
