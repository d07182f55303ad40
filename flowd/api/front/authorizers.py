"""Authorizers: a function, or a signature, says whether a request may come in, and who it is.

Source: API Gateway developer guide, "Use API Gateway Lambda authorizers" and "Control access to HTTP APIs with Lambda
authorizers". What a function said is not kept: it is asked for every request.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from flowd import parametersources as sources
from flowd.api.front import proxy
from flowd.api.front.aside import aside, if_long
from flowd.api.front.matching import Match
from flowd.api.front.requests import Problem, Request
from flowd.api.functions import Functions
from flowd.api.wire.sigv4 import Verifier
from flowd.errors import ApiError
from flowd.parametersources import Source
from flowd.patterns import Patience, PatternError, Wild, Wildcard, compiled
from flowd.payload import InvalidJson, dumps, loads
from flowd.routes import Authorizer

_INVOKE: Final = "execute-api:invoke"
_LONGEST_ARN: Final = 1_600  # quotas, "Important notes"
_WILD: Final = {"*": Wild.ANY, "?": Wild.ONE}
_DENIED: Final = "User is not authorized to access this resource"


class Failed(Problem):
    """The authorizer itself failed, or did not answer."""

    kind = "AUTHORIZER_FAILURE"

    def __init__(self, reason: str) -> None:
        super().__init__(500, proxy.BROKEN, reason=reason)


class Misled(Failed):
    """What the authorizer said is nothing that authorizers say."""

    kind = "AUTHORIZER_CONFIGURATION_ERROR"


class Authorizers:
    """Those of one daemon. `now_ms` is the clock that signatures are dated by."""

    def __init__(
        self, functions: Functions, verifier: Verifier, now_ms: Callable[[], int], region: str, account: str
    ) -> None:
        self._functions = functions
        self._verifier = verifier
        self._now_ms = now_ms
        self._region = region
        self._account = account

    async def admit(self, request: Request, match: Match) -> Request:
        """The request, with what its authorizer said of the caller. Raises Problem: 401, 403, or 500 for a function
        that says nothing."""
        authorizer = match.route.authorizer
        if authorizer is None:
            return request
        if authorizer.kind == "iam":
            self._check_signature(request)
            return request
        arn = self._arn(request, match)
        if len(arn) > _LONGEST_ARN:
            raise Problem(414, "Request URI too long")
        found = [_value(each, request, match) for each in authorizer.sources]
        if not all(found) or (authorizer.pattern and not await _is_of(authorizer.pattern, str(found[0]))):
            raise Problem(401, "Unauthorized")
        event = dumps(self._event(authorizer, request, match, found, arn))
        try:
            async with asyncio.timeout(authorizer.timeout_s):
                result = await self._functions.call(authorizer.function, event)
        except TimeoutError:
            raise Failed(f"the authorizer did not answer in {authorizer.timeout_s:g} seconds") from None
        if result.error is not None:
            if _message(result.cause) == "Unauthorized":
                raise Problem(401, "Unauthorized")
            raise Failed(f"the authorizer failed: {result.error}")
        text = result.output_text or "null"
        said = await if_long(len(text), lambda: _said(authorizer, loads(text), arn))
        return replace(request, authorizer=said)

    def _check_signature(self, request: Request) -> None:
        try:
            self._verifier.check(
                request.method, request.path, request.query, request.header, request.body, self._now_ms()
            )
        except ApiError as error:
            raise Problem(403, error.message, code=error.code) from None

    def _arn(self, request: Request, match: Match) -> str:
        route = match.route
        path = request.path.strip("/")  # a slash at the end leads to the same route
        return f"arn:aws:execute-api:{self._region}:{self._account}:{route.api}/{route.stage}/{request.method}/{path}"

    def _event(
        self, authorizer: Authorizer, request: Request, match: Match, found: list[Any], arn: str
    ) -> dict[str, Any]:
        if authorizer.kind == "token":
            return {"type": "TOKEN", "methodArn": arn, "authorizationToken": found[0]}
        event = proxy.event_in(authorizer.format, request, match, self._account)
        for name in ("body", "isBase64Encoded"):
            event.pop(name, None)
        if authorizer.format == "2.0":
            return {**event, "type": "REQUEST", "routeArn": arn, "identitySource": found}
        return {**event, "type": "REQUEST", "methodArn": arn}


def _value(expression: str, request: Request, match: Match) -> Any:
    document = {
        "header": request.header,
        "querystring": {name: values[-1] for name, values in request.query_lists.items()},
        "path": match.parameters,
        "body": "",
        "context": proxy.context(request, match, ""),
        "stageVariables": match.route.variables,
    }
    source: Source = sources.http(expression)[0] if "$" in expression else sources.rest(expression, "method.request")
    return sources.value(source, document)


def _message(cause: str | None) -> str:
    """What a function's error says."""
    try:
        found = loads(cause or "")
    except InvalidJson:
        return cause or ""
    return str(found.get("errorMessage")) if isinstance(found, dict) else ""


def _said(authorizer: Authorizer, result: Any, arn: str) -> dict[str, Any]:
    """What the function says of the caller. Raises Problem if it does not let him in, or says nothing."""
    if not isinstance(result, dict):
        raise Misled("the authorizer's result is no object")
    context = result.get("context")
    context = context if isinstance(context, dict) else {}
    if authorizer.simple:
        if result.get("isAuthorized") is not True:
            raise Problem(403, "Forbidden")
        return context
    policy = result.get("policyDocument")
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if not isinstance(statements, list):
        raise Misled("the authorizer's result has no policyDocument with Statements")
    effects = {str(each.get("Effect")) for each in statements if isinstance(each, dict) and _concerns(each, arn)}
    if effects != {"Allow"}:
        raise Problem(403, _DENIED)
    shown = {name: value if isinstance(value, str) else dumps(value) for name, value in context.items()}
    return {"principalId": str(result.get("principalId", "")), **shown}


def _concerns(statement: dict[str, Any], arn: str) -> bool:
    """A Condition is not worked out: an Allow with one allows nothing, a Deny denies."""
    if statement.get("Condition") and statement.get("Effect") != "Deny":
        return False
    return _names(statement, "Action", _INVOKE, str.lower) and _names(statement, "Resource", arn, str)


def _names(statement: dict[str, Any], what: str, name: str, written: Callable[[str], str]) -> bool:
    """Whether `name` is among its Action or Resource, or not among its NotAction or NotResource."""
    without = f"Not{what}"
    listed = _listed(statement.get(without if without in statement else what))
    return any(_fits(written(str(each)), name) for each in listed) == (without not in statement)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


async def _is_of(pattern: str, token: str) -> bool:
    """True if a token is of the wanted form. In a thread and in bounded time: the token is a stranger's, and patterns
    may take for ever with a text that was made for them."""
    try:
        return await aside(compiled(pattern).covers, token, Patience())
    except PatternError as error:
        raise Problem(401, "Unauthorized", reason=f"the token cannot be matched: {error}") from None


def _fits(pattern: str, arn: str) -> bool:
    return _wildcard(pattern).covers(arn)


@lru_cache(maxsize=1_000)
def _wildcard(pattern: str) -> Wildcard:
    return Wildcard([_WILD.get(part, part) for part in re.split(r"([*?])", pattern)])
