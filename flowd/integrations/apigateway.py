"""`arn:aws:states:::apigateway:invoke`: a call of an API behind a gateway, on this box or elsewhere.

Developer guide, "Call API Gateway with Step Functions". An endpoint on this machine is called over http, any other over
https. Calls that IAM would have to sign are refused: there is no IAM here.
"""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import quote

import httpx

from flowd.decisions import Pattern
from flowd.integrations import answers, webcalls
from flowd.integrations.answers import Refusal
from flowd.integrations.ports import Failed, Outcome, Succeeded, TaskCall
from flowd.integrations.webcalls import NoAnswer, Outgoing
from flowd.payload import Payload

_PARAMETERS: Final = frozenset(
    {
        *("ApiEndpoint", "Method", "Headers", "Stage", "Path", "QueryParameters", "RequestBody", "AllowNullValues"),
        "AuthType",
    }
)
_HERE: Final = ("localhost", "127.0.0.1", "[::1]")
TIMEOUT_S: Final = 30.0
_RESERVED: Final = frozenset(
    {
        *(
            "authorization",
            "connection",
            "content-md5",
            "expect",
            "host",
            "max-forwards",
            "proxy-authenticate",
            "server",
        ),
        *("te", "transfer-encoding", "trailer", "upgrade", "via", "www-authenticate"),
    }
)


class ApiGateway:
    """APIs by endpoint, stage and path. `transport` is another network, for tests."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        if action != "invoke":
            return f"apigateway:{action} is not an action of this integration; use apigateway:invoke"
        return None if pattern in ("", "waitForTaskToken") else f"apigateway:invoke has no .{pattern}"

    async def call(self, task: TaskCall) -> Outcome:
        """Send the request. One that may have had its effect is not sent again after a crash."""
        stage = answers.stage_of(task)
        try:
            outgoing = _request(task)
            if task.recovered and outgoing.method not in webcalls.READS:
                return Failed("ApiGateway.SdkClientException", answers.LOST, stage)
            response = await webcalls.send(outgoing, self._transport, TIMEOUT_S)
            shown = webcalls.output(response)
        except Refusal as refusal:
            return answers.refused(task, refusal)
        except NoAnswer as error:
            return Failed("ApiGateway.SdkClientException", f"Unable to execute HTTP request: {error}", stage)
        if not response.is_success:
            said = response.content.decode("utf-8", "replace") or webcalls.reason(response)
            return Failed(f"ApiGateway.{response.status_code}", said, stage)
        return Succeeded(Payload.of(shown))

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", "apigateway:invoke has no .sync")

    async def cancel(self, task: TaskCall) -> None:
        return None

    async def acknowledge(self, task: TaskCall) -> None:
        return None


def _request(task: TaskCall) -> Outgoing:
    given = webcalls.arguments(task.parameters.value, _PARAMETERS)
    if given.get("AuthType", "NO_AUTH") == "IAM_ROLE":
        raise Refusal("AuthType IAM_ROLE is not built in flowd, which has no IAM; use NO_AUTH or RESOURCE_POLICY")
    outgoing = Outgoing(given["Method"], _url(given))
    for name, values in _lists(given, "Headers"):
        if name.lower() in _RESERVED or name.lower().startswith(("x-amz-", "x-amzn-", "x-forwarded")):
            raise Refusal(f"Headers: {name} cannot be given")
        outgoing.set(name, ",".join(values))
    outgoing.query = [(name, value) for name, values in _lists(given, "QueryParameters") for value in values]
    body = given.get("RequestBody")
    if isinstance(body, dict) and not given.get("AllowNullValues"):
        body = {name: value for name, value in body.items() if value is not None}
    outgoing.body = webcalls.encoded(body, outgoing, {})
    return outgoing


def _url(given: dict[str, Any]) -> str:
    host = given["ApiEndpoint"]
    if "/" in host or "@" in host or not host:
        raise Refusal("ApiEndpoint is a host name, as api-id.execute-api.region.amazonaws.com, without https://")
    scheme = "http" if host.rpartition(":")[0] in _HERE or host in _HERE else "https"
    parts = [str(given[name]).strip("/") for name in ("Stage", "Path") if given.get(name)]
    return f"{scheme}://{host}/" + quote("/".join(part for part in parts if part), safe="/-_.~:@!$&'()*+,;=%")


def _lists(given: dict[str, Any], member: str) -> list[tuple[str, list[str]]]:
    """Headers and QueryParameters: lists of texts, by name."""
    found = given.get(member) or {}
    if not isinstance(found, dict):
        raise Refusal(f"The value of the field '{member}' has an invalid format")
    return [
        (name, [webcalls.text(each, name) for each in (value if isinstance(value, list) else [value])])
        for name, value in found.items()
    ]
