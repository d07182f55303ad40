"""Lambda's REST API as far as functions of files have one: invoke them, and tell what they are. It creates nothing.

Members have the names and shapes of AWS's model. Every version or alias that is named is the one code there is.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from botocore.model import StructureShape

from flowd import names
from flowd.api.functions import Functions
from flowd.api.wire.caller import Caller
from flowd.api.wire.protocols.models import operation_model
from flowd.clock import iso8601
from flowd.constraints import broken
from flowd.functions import FunctionResult, FunctionSpec, log_tail
from flowd.integrations.lambda_ import Later
from flowd.payload import InvalidJson, dumps, loads
from flowd.services.ports import Delivery, ServiceError

LATEST: Final = "$LATEST"
_LARGEST_EVENT: Final = 1_048_576  # of an asynchronous invocation (quotas)
_PAGE: Final = 50
_CONCURRENT: Final = 1_000  # of an account, unless raised
_RUNTIMES: Final = {
    "python": f"python{sys.version_info.major}.{sys.version_info.minor}",
    "node": "nodejs20.x",
    "bootstrap": "provided.al2023",
    "executable": "provided.al2023",
}
#: Errors of the runner, not of the function: Lambda answers them as its own.
_OURS: Final = ("Lambda.Unknown", "Lambda.SdkClientException", "Lambda.ServiceException")
_NOT_BUILT: Final = ("TenantId", "DurableExecutionName")

Post = Callable[[Delivery], Awaitable[None]]
Operation = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Specs(Protocol):
    """Who knows which functions there are."""

    @property
    def functions(self) -> tuple[FunctionSpec, ...]: ...


class Further(Protocol):
    """Operations about something beside the functions themselves."""

    @property
    def operations(self) -> Mapping[str, Operation]: ...


class LambdaBackend:
    """Answers for Lambda."""

    def __init__(
        self,
        functions: Functions,
        specs: Specs,
        post: Post,
        states: Callable[[], Awaitable[Mapping[str, str]]],
        later: Later,
        *further: Further,
    ) -> None:
        """`later` makes the delivery of an asynchronous invocation, `post` makes it durable; `states` tells of
        functions whose packages are not there; `further` has more operations."""
        self._functions = functions
        self._specs = specs
        self._post = post
        self._states = states
        self._later = later
        self._others = {name: each for group in further for name, each in group.operations.items()}

    def offers(self, service: str, operation: str) -> bool:
        return operation in _OPERATIONS or operation in self._others

    async def invoke(self, service: str, operation: str, members: dict[str, Any], caller: Caller) -> dict[str, Any]:
        shape = operation_model("lambda", operation).input_shape
        said = broken(shape, members) if isinstance(shape, StructureShape) else ""
        if said:
            raise ServiceError("ValidationException", said)
        if operation in self._others:
            return await self._others[operation](members)
        return await _OPERATIONS[operation](self, members)

    # -- calls -------------------------------------------------------------------

    async def _invoke(self, members: dict[str, Any]) -> dict[str, Any]:
        for name in _NOT_BUILT:
            if members.get(name):
                raise ServiceError("InvalidParameterValueException", f"{name} is not built in flowd", Type="User")
        kind = members.get("InvocationType") or "RequestResponse"
        name, qualifier = members["FunctionName"], members.get("Qualifier") or ""
        _, arn = await self._functions.known(name, qualifier)
        if kind == "DryRun":
            return {"StatusCode": 204}
        text = _event(members.get("Payload"))
        if kind == "Event":
            if len(text.encode()) > _LARGEST_EVENT:
                said = f"{len(text.encode())} byte payload is too large for the Event invocation type"
                raise ServiceError(
                    "RequestTooLargeException", f"{said} (limit {_LARGEST_EVENT} bytes)", status=413, Type="User"
                )
            await self._post(self._later(arn, text))
            return {"StatusCode": 202}
        context = _client_context(members.get("ClientContext"))
        result = await self._functions.call(name, text, qualifier=qualifier, client_context=context)
        return _answer(result, members.get("LogType") == "Tail")

    # -- what functions are ---------------------------------------------------------

    async def _spec(self, members: dict[str, Any]) -> tuple[FunctionSpec, str]:
        function, arn = await self._functions.known(members["FunctionName"], members.get("Qualifier") or "")
        found = next((each for each in self._specs.functions if each.name == function), None)
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Function not found: {arn}", status=404, Type="User")
        return found, arn

    async def _configuration(self, members: dict[str, Any]) -> dict[str, Any]:
        spec, arn = await self._spec(members)
        return await self._described(spec, arn, await self._states())

    async def _described(self, spec: FunctionSpec, arn: str, states: Mapping[str, str]) -> dict[str, Any]:
        size, digest, modified_ms = await asyncio.to_thread(_code, spec)
        said = states.get(spec.name)
        state = "Active" if said is None else "Pending" if said.startswith("installing") else "Failed"
        code = "Creating" if state == "Pending" else "FunctionError"
        told = {} if said is None else {"StateReason": said, "StateReasonCode": code}
        return {
            "FunctionName": spec.name,
            "FunctionArn": arn,
            "Runtime": _RUNTIMES[spec.kind],
            "Role": names.role_arn(arn.split(":")[4]),
            "Handler": spec.handler,
            "CodeSize": size,
            "Description": spec.source,
            "Timeout": int(spec.timeout_s),
            "MemorySize": spec.memory_mb,
            "LastModified": iso8601(modified_ms).replace("Z", "+0000"),
            "CodeSha256": digest,
            "Version": LATEST,
            "Environment": {"Variables": dict(spec.environment)},
            **(
                {"DeadLetterConfig": {"TargetArn": dead_letter}}
                if (dead_letter := spec.asynchronous.dead_letter)
                else {}
            ),
            "TracingConfig": {"Mode": "PassThrough"},
            "RevisionId": digest[:36],
            "State": state,
            **told,
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Architectures": ["x86_64"],
        }

    async def _function(self, members: dict[str, Any]) -> dict[str, Any]:
        spec, _ = await self._spec(members)
        shown: dict[str, Any] = {
            "Configuration": await self._configuration(members),
            "Code": {"RepositoryType": "file", "Location": spec.path},
            "Tags": {},
        }
        if spec.reserved is not None:
            shown["Concurrency"] = {"ReservedConcurrentExecutions": spec.reserved}
        return shown

    async def _concurrency(self, members: dict[str, Any]) -> dict[str, Any]:
        spec, _ = await self._spec(members)
        return {} if spec.reserved is None else {"ReservedConcurrentExecutions": spec.reserved}

    async def _versions(self, members: dict[str, Any]) -> dict[str, Any]:
        return {"Versions": [await self._configuration(members)]}

    async def _list(self, members: dict[str, Any]) -> dict[str, Any]:
        specs = sorted(self._specs.functions, key=lambda each: each.name)
        marker, most = members.get("Marker") or "", min(members.get("MaxItems") or _PAGE, _PAGE)
        rest = [each for each in specs if each.name > marker]
        states = await self._states()
        shown = [await self._described(each, self._functions.named(each.name)[1], states) for each in rest[:most]]
        return {"Functions": shown, **({"NextMarker": rest[most - 1].name} if len(rest) > most else {})}

    async def _account(self, members: dict[str, Any]) -> dict[str, Any]:
        reserved = sum(each.reserved or 0 for each in self._specs.functions)
        limits = {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": _CONCURRENT,
            "UnreservedConcurrentExecutions": max(0, _CONCURRENT - reserved),
        }
        sizes = await asyncio.to_thread(lambda: [_code(each)[0] for each in self._specs.functions])
        return {"AccountLimit": limits, "AccountUsage": {"TotalCodeSize": sum(sizes), "FunctionCount": len(sizes)}}


_OPERATIONS: Final[dict[str, Callable[[LambdaBackend, dict[str, Any]], Awaitable[dict[str, Any]]]]] = {
    "GetAccountSettings": LambdaBackend._account,
    "GetFunction": LambdaBackend._function,
    "GetFunctionConcurrency": LambdaBackend._concurrency,
    "GetFunctionConfiguration": LambdaBackend._configuration,
    "Invoke": LambdaBackend._invoke,
    "ListFunctions": LambdaBackend._list,
    "ListVersionsByFunction": LambdaBackend._versions,
}


def _event(payload: bytes | None) -> str:
    """The event's JSON text; nothing is `{}`, as on Lambda."""
    if not payload:
        return "{}"
    try:
        text = payload.decode()
        loads(text)
    except (UnicodeDecodeError, InvalidJson) as error:
        said = f"Could not parse request body into json: Could not parse payload into json: {error}"
        raise ServiceError("InvalidRequestContentException", said, Type="User") from None
    return text


def _client_context(text: str | None) -> str:
    if not text:
        return ""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
        loads(decoded)
    except (ValueError, InvalidJson):
        said = "Client context must be a valid Base64-encoded JSON object."
        raise ServiceError("InvalidRequestContentException", said, Type="User") from None
    return decoded


def _answer(result: FunctionResult, tail: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"StatusCode": 200, "ExecutedVersion": LATEST}
    if tail:
        shown["LogResult"] = base64.b64encode(log_tail(result)).decode()
    if result.error in _OURS:
        raise ServiceError("ServiceException", result.cause or result.error or "", status=500, Type="Service")
    if result.error is None:
        return {**shown, "Payload": (result.output_text or "null").encode()}
    return {**shown, "FunctionError": "Unhandled", "Payload": _error_object(result).encode()}


def _error_object(result: FunctionResult) -> str:
    """What the function's runtime said; a plain program's words become an error object."""
    cause = result.cause or ""
    try:
        if isinstance(loads(cause), dict):
            return cause
    except InvalidJson:
        pass
    return dumps({"errorType": result.error, "errorMessage": cause})


def _code(spec: FunctionSpec) -> tuple[int, str, int]:
    """Size, digest and age of the code that a call would load first. Blocks on the disk."""
    if spec.code:
        data = spec.code.encode()
        return len(data), base64.b64encode(hashlib.sha256(data).digest()).decode(), 0
    path = Path(spec.path)
    if path.is_dir():
        module = spec.handler.rpartition(".")[0]
        endings = ("bootstrap",) if spec.kind == "bootstrap" else (f"{module}.py", f"{module}.js", f"{module}.mjs")
        path = next((path / each for each in endings if (path / each).is_file()), path)
    try:
        data, modified_ms = path.read_bytes() if path.is_file() else b"", int(path.stat().st_mtime * 1000)
    except OSError:
        return 0, "", 0
    return len(data), base64.b64encode(hashlib.sha256(data).digest()).decode(), modified_ms
