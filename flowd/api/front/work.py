"""What routes do: start executions, wait for EXPRESS ones, tell of them, call functions. It knows no HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from flowd import names
from flowd.api.front import integrations, proxy
from flowd.api.front.aside import LONG, aside, if_long
from flowd.api.front.authorizers import Authorizers
from flowd.api.front.checks import check
from flowd.api.front.mapping import Mapping as Template
from flowd.api.front.mappingtemplates import Exchange
from flowd.api.front.matching import Match
from flowd.api.front.requests import JSON, Problem, Reply, Request, json_reply
from flowd.api.front.upstream import Upstream
from flowd.api.functions import Functions
from flowd.asl.faults import Fault
from flowd.errors import ApiError
from flowd.payload import dumps, loads
from flowd.routes import Route

#: One of the daemon's own operations: its full target, its members, who asks.
Operate = Callable[[str, Mapping[str, Any], str], Awaitable[dict[str, Any]]]
#: API Gateway waits for so long (quotas, "Integration timeout").
LONGEST_S: Final = 29.0
STATES: Final = "AWSStepFunctions"
_TOLD: Final = ("name", "status", "startDate", "stopDate", "error", "cause")
_TIMED_OUT: Final = "Endpoint request timed out"
#: Statuses of the operations' errors where AWS's own, 400, would say too little.
STATUSES: Final = {
    "ExecutionAlreadyExists": 409,
    "ExecutionDoesNotExist": 404,
    "StateMachineDoesNotExist": 404,
    "InvalidToken": 404,
    "ResourceNotFound": 404,
    "ResourceNotFoundException": 404,
    "TaskTimedOut": 410,
    "ConflictException": 409,
    "StateMachineDeleting": 409,
}


class Work:
    """The routes' actions."""

    def __init__(
        self,
        operate: Operate,
        functions: Functions,
        upstream: Upstream,
        authorizers: Authorizers,
        region: str,
        account: str,
    ) -> None:
        self._operate = operate
        self._authorizers = authorizers
        self._upstream = upstream
        self._functions = functions
        self._region = region
        self.account = account
        self._templates: dict[int, Template] = {}

    def prepare(self, routes: tuple[Route, ...]) -> None:
        """Compile what the routes say. Raises ConfigError."""
        self._templates = {id(route): Template(route) for route in routes}

    async def do(self, request: Request, match: Match, who: str) -> Reply:
        """The answer to a request; raises Problem, ApiError."""
        integration, checks = match.route.integration, match.route.checks
        template = self._templates[id(match.route)]  # other routes may be in force by the time it is filled
        request = await self._authorizers.admit(request, match)
        if checks is not None:
            await aside(check, checks, request, match.parameters)
        try:
            async with asyncio.timeout(LONGEST_S if integration is None else integration.timeout_s):
                return await _ACTIONS[match.route.action](self, request, match, who, template)
        except TimeoutError:
            raise Problem(504, _TIMED_OUT) from None

    def machine_arn(self, target: str) -> str:
        """The ARN of a machine that a route names."""
        return target if names.split_arn(target) else names.machine_arn(target, self._region, self.account)

    async def _start(self, request: Request, match: Match, who: str, template: Template) -> Reply:
        members = await self._members(request, match, template)
        body = await self._operate(f"{STATES}.StartExecution", members, who)
        name = str(body["executionArn"]).rpartition(":")[2]
        return json_reply(match.route.status, {**body, "name": name})

    async def _start_sync(self, request: Request, match: Match, who: str, template: Template) -> Reply:
        members = await self._members(request, match, template)
        body = await self._operate(f"{STATES}.StartSyncExecution", members, who)
        if body["status"] == "SUCCEEDED":
            return Reply(match.route.status, str(body.get("output") or "null").encode(), [("content-type", JSON)])
        error = body.get("error") or body["status"]
        default = 504 if body["status"] == "TIMED_OUT" else 500
        said = {"message": body.get("cause") or error, "error": error, "executionArn": body["executionArn"]}
        return json_reply(match.route.errors.get(error, default), said)

    async def _members(self, request: Request, match: Match, template: Template) -> dict[str, Any]:
        """Of a start. What a route looks for in a request may be anywhere in it."""
        searching = match.route.has_input or match.route.execution_name
        return await if_long(LONG + 1 if searching else request.size, self._mapped, request, match, template)

    def _mapped(self, request: Request, match: Match, template: Template) -> dict[str, Any]:
        document = request.document(match.parameters)
        try:
            text = template.input(document, request.at_ms)
        except Fault as fault:
            raise Problem(400, "The request does not have what this route needs", reason=fault.detail) from None
        members: dict[str, Any] = {"stateMachineArn": self.machine_arn(match.route.target), "input": text}
        name = template.name(document, request.at_ms)
        if name is not None:
            members["name"] = name
        return members

    async def _status(self, request: Request, match: Match, who: str, _: Template) -> Reply:
        """What has become of an execution: its output when it has one, an error mapped as the route says."""
        arn = self.machine_arn(match.route.target)
        parts = names.split_arn(arn)
        assert parts is not None
        execution = names.execution_arn(
            parts.rest.partition(":")[0], match.parameters["name"], parts.region, parts.account
        )
        body = await self._operate(f"{STATES}.DescribeExecution", {"executionArn": execution}, who)
        shown: dict[str, Any] = {key: body[key] for key in _TOLD if key in body}
        if "output" in body:
            shown["output"] = loads(body["output"])
        return json_reply(match.route.status, shown)

    async def _function(self, request: Request, match: Match, who: str, _: Template) -> Reply:
        event = await if_long(request.size, self._event, request, match)
        result = await self._functions.call(match.route.target, event)
        if result.error is not None:
            raise Problem(502, proxy.BROKEN, reason=f"the function failed: {result.error}")
        text = result.output_text or "null"
        return await if_long(len(text), lambda: proxy.reply(loads(text), match.route.format))

    def _event(self, request: Request, match: Match) -> str:
        return dumps(proxy.event(request, match, self.account))

    async def _integration(self, request: Request, match: Match, who: str, _: Template) -> Reply:
        exchange = await if_long(
            request.size, lambda: Exchange(request, match, proxy.context(request, match, self.account))
        )
        return await integrations.run(exchange, self._upstream, who)


_ACTIONS: Final[dict[str, Callable[[Work, Request, Match, str, Template], Awaitable[Reply]]]] = {
    "start": Work._start,
    "startSync": Work._start_sync,
    "status": Work._status,
    "function": Work._function,
    "integration": Work._integration,
}


def told(error: ApiError) -> Reply:
    """An operation's refusal as the front tells it."""
    return json_reply(STATUSES.get(error.code, error.status), {"message": error.message, "code": error.code})
