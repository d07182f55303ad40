"""Lambda functions: a Resource that is a function's ARN, and `arn:aws:states:::lambda:invoke`.

It turns a Task into a call of the function host and the host's result into AWS's shapes. It starts no process and
knows no runner: whoever is a `FunctionHost` runs the code, and keeps outcomes by key while the daemon restarts.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final, Literal

import msgspec

from flowd import names
from flowd.clock import Clock
from flowd.decisions import Pattern
from flowd.functions import FunctionHost, FunctionResult, log_tail
from flowd.integrations.ports import Failed, Outcome, Succeeded, TaskCall
from flowd.payload import InvalidJson, Payload, dumps
from flowd.services.ports import Delivery

LATEST: Final = "$LATEST"
_STATUS: Final = {"RequestResponse": 200, "Event": 202, "DryRun": 204}
#: What `lambda:invoke` takes (API reference, Invoke); anything else is refused, as on AWS.
_PARAMETERS: Final = frozenset(
    {
        "FunctionName",
        "Payload",
        "InvocationType",
        "LogType",
        "Qualifier",
        "ClientContext",
        "TenantId",
        "DurableExecutionName",
    }
)
_NOT_BUILT: Final = frozenset({"TenantId", "DurableExecutionName"})
_BIG = 65_536  # characters from which a result is parsed off the loop
#: A result beyond this is refused by the interpreter for its size, whatever it is.
_PAYLOAD_LIMIT = 262_144
_LOST = (
    "The runner was restarted while the function ran, so its outcome is lost. "
    "The function may have run to its end, in part, or not at all."
)


#: The delivery of an asynchronous invocation, of an ARN and a JSON text.
Later = Callable[[str, str], Delivery]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be invoked. `arn` is complete, `qualifier` may be empty."""

    function: str
    arn: str
    qualifier: str
    payload_text: str
    invocation: Literal["RequestResponse", "Event", "DryRun"] = "RequestResponse"
    client_context: str = ""
    tail: bool = False


class Refusal(Exception):
    """The parameters cannot be used; the text is the reason within AWS's sentence."""


class Lambda:
    """Functions of this box."""

    on_restart: Literal["reattach", "fail", "again"] = "reattach"

    def __init__(self, host: FunctionHost, clock: Clock, later: Later | None = None) -> None:
        """`later` makes the delivery of an asynchronous invocation; without it the host is told directly."""
        self._host = host
        self._clock = clock
        self._later = later

    def refuse(self, service: str, action: str, pattern: Pattern) -> str | None:
        if action != "invoke":
            return f"lambda:{action} is not an action of Step Functions' Lambda integration; use lambda:invoke"
        if pattern not in ("", "waitForTaskToken"):
            return f"lambda:invoke has no .{pattern}; a request-response call already waits for the function"
        return None

    async def call(self, task: TaskCall) -> Outcome:
        """Run the function. A call that a restarted daemon repeats is run only if it never was."""
        direct = _is_direct(task)
        try:
            call = _direct(task) if direct else _invocation(task)
        except Refusal as refusal:
            said = f"The Parameters '{task.parameters.text}' could not be used to start the Task: [{refusal}]"
            return Failed("States.Runtime", said)
        if call.invocation == "Event" and self._later is not None:
            return await self._sent(call, self._later)
        result = await self._reattached(task)
        if result is None:
            if problem := await self._problem(call, direct):
                return problem
            if call.invocation == "DryRun":
                result = FunctionResult(request_id=str(uuid.uuid4()))
            else:
                result = await self._host.invoke(
                    task.key,
                    call.function,
                    call.payload_text,
                    arn=f"{call.arn}:{call.qualifier}" if call.qualifier else call.arn,
                    client_context=call.client_context,
                    detached=call.invocation == "Event",
                )
        if result.error is not None:
            # Recorded: a function's ARN gives the cause as the function's runtime wrote it, lambda:invoke compactly.
            cause = result.cause if direct else _compact(result.cause or "")
            return Failed(result.error, cause, "run", result.log, result.truncated)
        if direct:
            return await _succeeded(result.output_text or "null", result)
        if len(result.output_text or "") < _BIG:
            return await _succeeded(self._answer(call, result), result)
        return await _succeeded(await asyncio.to_thread(self._answer, call, result), result)

    async def _problem(self, call: Call, direct: bool) -> Failed | None:
        """Why Lambda would not take this call."""
        if not direct and (problem := _unreadable(call)):
            return problem
        return None if await self._host.knows(call.function) else _not_found(call)

    async def _sent(self, call: Call, later: Later) -> Outcome:
        """Nobody waits for it: it is delivered once the Task's own success is on disk, and tried as Lambda does."""
        if problem := await self._problem(call, direct=False):
            return problem
        delivery = later(f"{call.arn}:{call.qualifier}" if call.qualifier else call.arn, call.payload_text)
        answer = self._answer(call, FunctionResult(request_id=delivery.name))
        return Succeeded(Payload.parse(answer), sends=(delivery,))

    async def _reattached(self, task: TaskCall) -> FunctionResult | None:
        """The result of a call that an earlier daemon made; None if it is to be made now."""
        if not task.recovered:
            return None
        found = await self._host.attach(task.key)
        if isinstance(found, FunctionResult):
            return found
        if self._host.started_ms < task.scheduled_ms:
            return None  # this host was there before the task was: it was never asked
        return FunctionResult(error="Lambda.Unknown", cause=_LOST)

    async def wait(self, task: TaskCall, submitted: Payload) -> Outcome:
        return Failed("States.Runtime", "lambda:invoke has no .sync")

    async def cancel(self, task: TaskCall) -> None:
        await self._host.cancel(task.key)

    async def acknowledge(self, task: TaskCall) -> None:
        await self._host.acknowledge(task.key)

    def _answer(self, call: Call, result: FunctionResult) -> str:
        """The response of Invoke as Step Functions shows it: the Payload parsed, its length that of the function's text
        (recorded cases)."""
        status = _STATUS[call.invocation]
        said = result.output_text or "null" if call.invocation == "RequestResponse" else ""
        payload = _compact(said) if said else '""'
        length = len(said.encode())
        version = {"ExecutedVersion": LATEST} if call.invocation == "RequestResponse" else {}
        rest: dict[str, Any] = {}
        if call.tail:
            rest["LogResult"] = base64.b64encode(log_tail(result)).decode()
        rest |= {
            "SdkHttpMetadata": _http_metadata(status, length, result.request_id, self._clock.now_ms(), bool(version)),
            "SdkResponseMetadata": {"RequestId": result.request_id},
            "StatusCode": status,
        }
        before = dumps(version)[1:-1] + "," if version else ""
        return f'{{{before}"Payload":{payload},{dumps(rest)[1:]}'


def _compact(text: str) -> str:
    """JSON without white space; what is no JSON as it is."""
    try:
        return dumps(Payload.parse(text).value)
    except InvalidJson:
        return text


def _http_metadata(status: int, length: int, request_id: str, now_ms: int, executed: bool) -> dict[str, Any]:
    headers = {"X-Amz-Executed-Version": LATEST} if executed else {}
    headers |= {
        "x-amzn-Remapped-Content-Length": "0",
        "Connection": "keep-alive",
        "x-amzn-RequestId": request_id,
        "Content-Length": str(length),
        "Date": formatdate(now_ms / 1000, usegmt=True),
        "X-Amzn-Trace-Id": f"Root=1-{now_ms // 1000:08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        "Content-Type": "application/json",
    }
    every = {name: [value] for name, value in headers.items()}
    return {"AllHttpHeaders": every, "HttpHeaders": headers, "HttpStatusCode": status}


async def _succeeded(text: str, result: FunctionResult) -> Outcome:
    """The text must be JSON; what is too large anyway is left to the interpreter, which says so in AWS's words."""
    try:
        output = Payload.parse(text) if len(text) < _BIG else await asyncio.to_thread(Payload.parse, text)
    except InvalidJson as error:
        if len(text) > _PAYLOAD_LIMIT:
            return Succeeded(Payload(text=text), result.log, result.truncated)
        shown = (result.output_text or "")[:200]
        said = f"The function's result is not JSON ({error}): {shown}"
        return Failed("Lambda.Unknown", said, "run", result.log, result.truncated)
    return Succeeded(output, result.log, result.truncated)


def _is_direct(task: TaskCall) -> bool:
    arn = names.split_arn(task.resource)
    return arn is not None and arn.service == "lambda"


def _direct(task: TaskCall) -> Call:
    function, arn, qualifier = resolve(task.resource, task.execution_arn)
    return Call(function=function, arn=arn, qualifier=qualifier, payload_text=task.parameters.text)


def _invocation(task: TaskCall) -> Call:
    parameters = task.parameters.value
    if not isinstance(parameters, dict):
        raise Refusal("The parameters are not an object")
    for name in parameters:
        if name not in _PARAMETERS:
            raise Refusal(f'The field "{name}" is not supported by Step Functions')
        if name in _NOT_BUILT:
            raise Refusal(f'The field "{name}" is not built in flowd')
    for name, check in _CHECKS.items():
        if name in parameters and not check(parameters[name]):
            raise Refusal(f"The value of the field '{name}' has an invalid format")
    if "FunctionName" not in parameters:
        raise Refusal("The field 'FunctionName' is required but was missing")
    function, arn, qualifier = resolve(parameters["FunctionName"], task.execution_arn)
    return Call(
        function=function,
        arn=arn,
        qualifier=parameters.get("Qualifier") or qualifier,
        payload_text=_payload(parameters.get("Payload")),
        invocation=parameters.get("InvocationType", "RequestResponse"),
        client_context=_client_context(parameters.get("ClientContext")),
        tail=parameters.get("LogType") == "Tail",
    )


def _payload(value: Any) -> str:
    """The body of Invoke. A text is the body as it stands, so `"0"` is the number; null is no body (recorded cases:
    services/test_lambda_task_service). Without a body Lambda hands `{}` to the function. Numbers and booleans are
    refused on AWS, in these words.
    """
    if value is None:
        return "{}"
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return dumps(value)
    raise Refusal("The value for the field 'Payload' must be a STRING")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


_CHECKS: Final[dict[str, Callable[[Any], bool]]] = {
    "FunctionName": _is_text,
    "Qualifier": _is_text,
    "InvocationType": lambda value: isinstance(value, str) and value in _STATUS,
    "LogType": lambda value: isinstance(value, str) and value in ("None", "Tail"),
    "ClientContext": lambda value: isinstance(value, str),
}


def _client_context(text: str | None) -> str:
    """Base64 of JSON, as the API has it."""
    if not text:
        return ""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
        Payload.parse(decoded)
    except (binascii.Error, UnicodeError, InvalidJson):
        raise Refusal("The value of the field 'ClientContext' has an invalid format") from None
    return decoded


def resolve(name: str, execution_arn: str) -> tuple[str, str, str]:
    """Name, ARN without qualifier, and qualifier of a function named in any of Lambda's ways.

    `NAME`, `NAME:QUALIFIER`, `ACCOUNT:function:NAME[:QUALIFIER]` or an ARN of any region and account. A bare name is
    of the region and account of the execution.
    """
    arn = names.split_arn(name)
    home = names.split_arn(execution_arn)
    region, account = (home.region, home.account) if home else (names.REGION, names.ACCOUNT)
    if arn is not None:
        region, account, rest = arn.region, arn.account, arn.rest
    elif ":function:" in name:
        account, _, rest = name.partition(":function:")
    else:
        rest = name
    function, _, qualifier = rest.partition(":")
    return function, names.function_arn(function, region, account), qualifier


def _not_found(call: Call) -> Failed:
    """Recorded: services/test_task_service_lambda, test_no_such_function."""
    said = f"Function not found: {call.arn}:{call.qualifier or LATEST}"
    return _service_error("ResourceNotFoundException", 404, said)


def _unreadable(call: Call) -> Failed | None:
    """Lambda's answer to a body that is no JSON."""
    try:
        Payload.parse(call.payload_text)
    except InvalidJson as error:
        said = f"Could not parse request body into json: Could not parse payload into json: {error}"
        return _service_error("InvalidRequestContentException", 400, said)
    return None


def _service_error(code: str, status: int, said: str) -> Failed:
    request = f"Status Code: {status}; Error Code: {code}; Request ID: {uuid.uuid4()}; Proxy: null"
    return Failed(f"Lambda.{code}", f"{said} (Service: AWSLambda; {request})")
