"""What a connection adds to a request: a name and password, a key, a token of OAuth, further parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote_plus

import httpx

from flowd.clock import Clock
from flowd.errors import FlowdError
from flowd.integrations import webcalls
from flowd.integrations.answers import Refusal
from flowd.integrations.webcalls import NoAnswer, Outgoing

EARLY_S = 60  # before its end a token is no longer used


class Connections(Protocol):
    """Where connections are kept."""

    async def find(self, arn: str) -> Mapping[str, Any] | None:
        """AuthorizationType and AuthParameters of EventBridge's API, with the secrets; None if there is none."""
        ...


class Authorizer:
    """Adds connections to requests; tokens are kept until shortly before their end."""

    def __init__(self, connections: Connections, clock: Clock, transport: httpx.AsyncBaseTransport | None) -> None:
        self._connections = connections
        self._clock = clock
        self._transport = transport
        self._tokens: dict[tuple[str, str], tuple[str, int]] = {}  # by connection and its parameters: token, good until

    async def add(self, arn: str, outgoing: Outgoing) -> None:
        """Raises Refusal, NoAnswer."""
        try:
            found = await self._connections.find(arn)
        except FlowdError as error:
            raise NoAnswer(f"Connection {arn}: {error}") from None
        if found is None:
            raise Refusal(f"Connection {arn} does not exist, or is not authorized")
        parameters = found["AuthParameters"]
        match found["AuthorizationType"]:
            case "BASIC":
                part = parameters["BasicAuthParameters"]
                value = webcalls.basic(part["Username"], part["Password"])
                outgoing.set("Authorization", value)
                outgoing.secrets += [value, part["Password"]]
            case "API_KEY":
                part = parameters["ApiKeyAuthParameters"]
                outgoing.set(part["ApiKeyName"], part["ApiKeyValue"])
                outgoing.secrets.append(part["ApiKeyValue"])
            case _:
                token = await self._token(arn, parameters["OAuthParameters"])
                outgoing.set("Authorization", f"Bearer {token}")
                outgoing.secrets.append(token)
        further = parameters.get("InvocationHttpParameters") or {}
        _add_parameters(outgoing, further)
        _add_to_body(outgoing, further.get("BodyParameters") or ())

    def doubt(self, arn: str) -> None:
        """A call was answered that it is not authorized: the next one gets a token of its own (developer guide)."""
        for key in [key for key in self._tokens if key[0] == arn]:
            del self._tokens[key]

    async def _token(self, arn: str, part: Mapping[str, Any]) -> str:
        key, now_ms = (arn, str(sorted(part.items(), key=str))), self._clock.now_ms()
        known = self._tokens.get(key)
        if known is not None and known[1] > now_ms:
            return known[0]
        client = part["ClientParameters"]
        outgoing = Outgoing(part["HttpMethod"], part["AuthorizationEndpoint"])
        fields: dict[str, Any] = {"grant_type": "client_credentials"}
        further = part.get("OAuthHttpParameters") or {}
        fields |= {each["Key"]: each["Value"] for each in further.get("BodyParameters") or ()}
        _add_parameters(outgoing, further)
        credentials = webcalls.basic(client["ClientID"], client["ClientSecret"])
        outgoing.set("Authorization", credentials)
        outgoing.secrets += [credentials, client["ClientSecret"]]
        outgoing.body = webcalls.encoded(fields, outgoing, {"RequestBodyEncoding": "URL_ENCODED"})
        response = await webcalls.send(outgoing, self._transport, webcalls.TIMEOUT_S)
        answer = webcalls.parsed(response) if response.is_success else None
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise NoAnswer(f"{part['AuthorizationEndpoint']} gave no token (status {response.status_code})")
        lives_s = max(_seconds(answer.get("expires_in")) - EARLY_S, 0)
        self._tokens[key] = (answer["access_token"], now_ms + lives_s * 1000)
        return str(answer["access_token"])


def _seconds(value: Any) -> int:
    """`expires_in`, which some write as text and some leave out."""
    try:
        return int(value or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


def _add_to_body(outgoing: Outgoing, parameters: Sequence[Mapping[str, Any]]) -> None:
    """They are merged into a body that is a JSON object or a form, and are the body where there is none."""
    if not parameters:
        return
    kind = outgoing.get("content-type").lower()
    if kind.startswith(webcalls.FORM):
        pairs = "&".join(f"{quote_plus(each['Key'])}={quote_plus(each['Value'])}" for each in parameters)
        outgoing.body = b"&".join(part for part in (outgoing.body, pairs.encode()) if part)
    else:
        try:
            body = json.loads(outgoing.body or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Refusal("RequestBody must be an object, since the connection adds parameters to it")
        outgoing.body = webcalls.encoded(body | {each["Key"]: each["Value"] for each in parameters}, outgoing, {})
    outgoing.secrets += [each["Value"] for each in parameters if each.get("IsValueSecret")]


def _add_parameters(outgoing: Outgoing, further: Mapping[str, Any]) -> None:
    """Those of the connection win over those of the Task (EventBridge, API destinations)."""
    for each in further.get("HeaderParameters") or ():
        outgoing.set(each["Key"], each["Value"])
        outgoing.secrets += [each["Value"]] if each.get("IsValueSecret") else []
    for each in further.get("QueryStringParameters") or ():
        outgoing.query = [pair for pair in outgoing.query if pair[0] != each["Key"]]
        outgoing.query.append((each["Key"], each["Value"]))
        outgoing.secrets += [each["Value"]] if each.get("IsValueSecret") else []
