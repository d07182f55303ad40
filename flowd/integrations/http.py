"""`arn:aws:states:::http:invoke`: a call of any API over HTTP, with the credentials of a connection.

Developer guide, "Call HTTPS APIs in Step Functions workflows". Unlike AWS it also takes plain http and calls without a
connection (docs/integrations/http.md).
"""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import urlsplit

import httpx

from flowd.clock import Clock
from flowd.decisions import Pattern
from flowd.integrations import answers, webcalls
from flowd.integrations.answers import Refusal
from flowd.integrations.connections import Authorizer, Connections
from flowd.integrations.ports import Failed, Outcome, Succeeded, TaskCall
from flowd.integrations.webcalls import NoAnswer, Outgoing
from flowd.payload import Payload

_PARAMETERS: Final = frozenset(
    {
        *("ApiEndpoint", "Method", "Authentication", "InvocationConfig", "Headers", "QueryParameters"),
        *("RequestBody", "Transform"),
    }
)
AGENT: Final = "Amazon|StepFunctions|HttpInvoke"
#: Headers that a Task may not set (developer guide).
_RESERVED: Final = frozenset(
    {"host", "user-agent", "content-length", "transfer-encoding", "connection", "expect", "te"}
)
Exchange = tuple[Outgoing, httpx.Response | None]


class Http:
    """HTTP Tasks. `transport` is another network, for tests."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(
        self, connections: Connections, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._authorizer = Authorizer(connections, clock, transport)
        self._transport = transport
        self._exchanges: dict[str, Exchange] = {}  # of calls under way, for those who inspect them

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        if action != "invoke":
            return f"http:{action} is not an action of this integration; use http:invoke"
        return f"http:invoke has no .{pattern}" if pattern else None

    async def call(self, task: TaskCall) -> Outcome:
        """Send the request. One that may have had its effect is not sent again after a crash."""
        try:
            outgoing, connection = _request(task)
            if task.recovered and outgoing.method not in webcalls.READS:
                return Failed("States.Http.Socket", answers.LOST)
            if connection:
                await self._authorizer.add(connection, outgoing)
            self._exchanges[task.key] = (outgoing, None)
            response = await webcalls.send(outgoing, self._transport, webcalls.TIMEOUT_S)
            self._exchanges[task.key] = (outgoing, response)
            if connection and response.status_code in (401, 407):
                self._authorizer.doubt(connection)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        except NoAnswer as error:
            return Failed("States.Http.Socket", str(error))
        return _outcome(response)

    def inspect(self, task: TaskCall, *, reveal: bool) -> dict[str, Any]:
        """What TestState shows: a request that was sent, and its answer if there was one."""
        outgoing, response = self._exchanges.get(task.key, (None, None))
        found = {} if outgoing is None else {"request": webcalls.shown_request(outgoing, reveal=reveal)}
        return found if response is None else {**found, "response": webcalls.shown_response(response)}

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", "http:invoke has no .sync")

    async def cancel(self, task: TaskCall) -> None:
        await self.acknowledge(task)

    async def acknowledge(self, task: TaskCall) -> None:
        self._exchanges.pop(task.key, None)


def _outcome(response: httpx.Response) -> Outcome:
    if len(response.content) > webcalls.LARGEST:
        said = f"The answer has more than the {webcalls.LARGEST} bytes that the result of a Task may have."
        return Failed("States.DataLimitExceeded", said)
    if not response.is_success:
        said = response.content.decode("utf-8", "replace") or webcalls.reason(response)
        return Failed(f"States.Http.StatusCode.{response.status_code}", said)
    try:
        return Succeeded(Payload.of(webcalls.output(response)))
    except Refusal as refusal:
        return Failed("States.Runtime", f"The response cannot be used: {refusal}")


def _request(task: TaskCall) -> tuple[Outgoing, str]:
    """The request of a Task, and the connection that it names ("" for none). Raises Refusal."""
    given = webcalls.arguments(task.parameters.value, _PARAMETERS)
    parts = urlsplit(given["ApiEndpoint"])
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
        raise Refusal("ApiEndpoint must be a URL as https://HOST/PATH")
    outgoing = Outgoing(given["Method"], given["ApiEndpoint"])
    _add_headers(outgoing, given.get("Headers") or {})
    outgoing.query = _query(given.get("QueryParameters") or {})
    outgoing.body = webcalls.encoded(given.get("RequestBody"), outgoing, given.get("Transform") or {})
    region = task.execution_arn.split(":")[3] if task.execution_arn.count(":") >= 4 else ""
    outgoing.set("User-Agent", f"{AGENT}|{region}")
    outgoing.set("Range", f"bytes=0-{webcalls.LARGEST}")
    return outgoing, _connection(given)


def _add_headers(outgoing: Outgoing, headers: Any) -> None:
    if not isinstance(headers, dict):
        raise Refusal("The value of the field 'Headers' has an invalid format")
    for name, value in headers.items():
        if name.lower() in _RESERVED or name.lower().startswith(("x-amz-", "x-forwarded-")):
            raise Refusal(f"Headers: {name} is set by Step Functions and cannot be given")
        values = value if isinstance(value, list) else [value]
        outgoing.set(name, ", ".join(webcalls.text(each, name) for each in values))


def _query(parameters: Any) -> list[tuple[str, str]]:
    if not isinstance(parameters, dict):
        raise Refusal("The value of the field 'QueryParameters' has an invalid format")
    return [
        (name, webcalls.text(each, name))
        for name, value in parameters.items()
        for each in (value if isinstance(value, list) else [value])
    ]


def _connection(given: dict[str, Any]) -> str:
    for name in ("Authentication", "InvocationConfig"):
        part: Any = given.get(name)
        if part is not None:
            if not isinstance(part, dict) or not isinstance(part.get("ConnectionArn"), str):
                raise Refusal(f"{name} must have a ConnectionArn")
            return str(part["ConnectionArn"])
    return ""
