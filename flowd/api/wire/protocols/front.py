"""The front of all services but Step Functions: finds service and operation, reads, asks, writes.

It is handed a request whose sender is known and answers in the protocol of the service that was meant, also when it
refuses. What an operation does, it does not know: services come in as backends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs

from botocore.model import ServiceModel

from flowd.api.wire.caller import Caller
from flowd.api.wire.presigned import is_old
from flowd.api.wire.protocols import hosts, json, query, rest, routes
from flowd.api.wire.protocols.models import HttpAnswer, HttpRequest, Members, operation_model, service_model
from flowd.api.wire.sigv4 import signed_for
from flowd.errors import ApiError, NotYetBuilt

#: What anybody may ask of SNS: who knows the token or the id of a subscription has been told it by SNS.
_UNSIGNED: Final = frozenset({"ConfirmSubscription", "Unsubscribe"})


class Backend(Protocol):
    """Who answers for one or more services."""

    def offers(self, service: str, operation: str) -> bool: ...

    async def invoke(self, service: str, operation: str, members: Members, caller: Caller) -> dict[str, Any]:
        """Answer with members as boto3 shows them; raises ApiError."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """The service that a request is for, and the protocol it speaks (`json`, `query`, `rest-json`, `rest-xml`)."""

    model: ServiceModel
    protocol: str

    @property
    def service(self) -> str:
        return str(self.model.service_name)

    def error(self, error: ApiError, request_id: str) -> HttpAnswer:
        """An error as clients of this service expect it."""
        return _ERRORS[self.protocol](self.model, error, request_id)


class Front:
    """Services by botocore's names; what they are asked is looked up when it is asked."""

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        self._backends = dict(backends)
        models = [service_model(name) for name in self._backends]
        self._by_target = {str(m.metadata["targetPrefix"]): m for m in models if "targetPrefix" in m.metadata}
        #: Streams of tables are signed as DynamoDB is; without a target, DynamoDB is meant.
        self._by_scope = {str(m.signing_name): m for m in models if m.service_name != "dynamodbstreams"}

    def target(self, request: HttpRequest) -> Target | None:
        """Whose request it is, judged by its head alone; None if no service here is meant."""
        prefix = request.headers.get("x-amz-target", "").rpartition(".")[0]
        if prefix:
            model = self._by_target.get(prefix)
            return None if model is None else Target(model, "json")
        return self.named("sns" if is_unsigned(request) else _scope(request))

    def named(self, scope: str) -> Target | None:
        """The service that signs as `scope`, for a request that has no target."""
        model = self._by_scope.get(scope)
        if model is None:
            return None
        protocol = str(model.metadata["protocol"])
        return Target(model, "query" if protocol == "json" else protocol)

    def guess(self, request: HttpRequest) -> Target | None:
        """The service that somebody means who did not sign, for the form of the refusal; None for Step Functions'."""
        if routes.find("lambda", request) is not None:
            name = "lambda"
        elif request.method != "POST" or request.path != "/":
            name = "s3"
        else:
            return None
        model = service_model(name)
        protocol = str(model.metadata["protocol"])
        return Target(model, protocol)

    async def answer(self, target: Target, request: HttpRequest, caller: Caller, request_id: str) -> HttpAnswer:
        """Read, ask, write. Raises ApiError, which `Target.error` writes."""
        name, answer = await self.ask(target, request, caller)
        return _WRITERS[target.protocol](operation_model(target.service, name), answer, request_id)

    async def ask(self, target: Target, request: HttpRequest, caller: Caller) -> tuple[str, Members]:
        """The operation that is asked for, and its answer's members. Raises ApiError."""
        name, members = _read(target, request)
        backend = self._backends[target.service]
        if not backend.offers(target.service, name):
            raise NotYetBuilt(f"{name} is an operation of {target.model.service_id} that is not built in flowd")
        return name, await backend.invoke(target.service, name, members, caller)


def is_unsigned(request: HttpRequest) -> bool:
    """True for a link that SNS puts into its messages (`SubscribeURL`, `UnsubscribeURL`)."""
    if request.method != "GET" or request.path != "/" or "authorization" in request.headers:
        return False
    return query.fields(request).get("Action") in _UNSIGNED


def _scope(request: HttpRequest) -> str:
    """The service that the request was signed for, in its header or in its URL."""
    if signed := signed_for(request.headers.get("authorization", "")):
        return signed
    if "X-Amz-Credential=" in request.query:
        parts = parse_qs(request.query).get("X-Amz-Credential", [""])[0].split("/")
        return parts[3] if len(parts) == 5 else ""
    return "s3" if is_old(request.query) else ""


def _read(target: Target, request: HttpRequest) -> tuple[str, Members]:
    """Operation and members."""
    if target.protocol == "json":
        name = request.headers["x-amz-target"].rpartition(".")[2]
        _check_known(target, name)
        return name, json.read(operation_model(target.service, name), request)
    if target.protocol == "query":
        name = query.fields(request).get("Action", "")
        _check_known(target, name)
        return name, query.read(operation_model(target.service, name), request)
    request = hosts.path_style(request) if target.service == "s3" else request
    found = routes.find(target.service, request)
    if found is None:
        raise NotYetBuilt(f"{request.method} {request.path} is no operation of {target.model.service_id}")
    return found[0], rest.read(operation_model(target.service, found[0]), request, found[1])


def _check_known(target: Target, operation: str) -> None:
    if operation not in target.model.operation_names:
        raise NotYetBuilt(f"{target.model.service_id} has no operation named '{operation[:100]}'")


_WRITERS: Final = {"json": json.write, "query": query.write, "rest-json": rest.write, "rest-xml": rest.write}
_ERRORS: Final = {
    "json": json.write_error,
    "query": query.write_error,
    "rest-json": rest.write_error,
    "rest-xml": rest.write_error,
}
