"""How a run ended, in Lambda's words: what the function said, or what happened to its process.

Pure: bytes and numbers in, an `Outcome` out. Causes are JSON text as Lambda writes it, since Catch blocks and people
read them; Python's runtime writes blanks after separators, everything that Lambda itself says is compact.
"""

from __future__ import annotations

import signal

import msgspec

from flowd.payload import InvalidJson, loads

#: Lambda's limit of a synchronous response, in bytes.
MAX_RESPONSE = 6_291_556
_CAUSE_TAIL = 8_192
_SHOWN = 200


class Outcome(msgspec.Struct, frozen=True):
    """`output` is JSON text; a failed run has `error` and `cause` instead."""

    output: bytes | None = None
    error: str | None = None
    cause: str | None = None


class ErrorObject(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What a failed function answers; members beyond these are left alone."""

    error_type: str | None = None
    error_message: str | None = None


_encode = msgspec.json.Encoder().encode
_error_object = msgspec.json.Decoder(ErrorObject)


def platform_error(kind: str, message: str, request_id: str = "") -> Outcome:
    """An error that Lambda itself reports, not the function."""
    text = f"RequestId: {request_id} Error: {message}" if request_id else message
    return Outcome(error=kind, cause=_encode(ErrorObject(error_type=kind, error_message=text)).decode())


def timed_out(request_id: str, limit_ms: int) -> Outcome:
    """The function was stopped at its time limit."""
    return platform_error("Sandbox.Timedout", f"Task timed out after {limit_ms / 1000:.2f} seconds", request_id)


def exited(request_id: str, code: int) -> Outcome:
    """The process ended without an answer; `code` is negative for a signal, as in `subprocess`."""
    if code == 0:
        what = "Runtime exited without providing a reason"
    else:
        what = f"Runtime exited with error: {_go_words(code)}"
    return platform_error("Runtime.ExitError", what, request_id)


def _go_words(code: int) -> str:
    """`exit status 1`, `signal: killed`: the words of the Go runtime that Lambda is written in."""
    if code > 0:
        return f"exit status {code}"
    return f"signal: {(signal.strsignal(-code) or str(-code)).lower()}"


def out_of_memory(request_id: str) -> Outcome:
    """The kernel killed it at the memory limit of its cgroup."""
    return platform_error("Runtime.OutOfMemory", "Runtime exited with error: signal: killed", request_id)


def not_startable(request_id: str, why: str) -> Outcome:
    """There is no process to begin with."""
    return platform_error("Runtime.InvalidEntrypoint", why, request_id)


def without_packages(request_id: str, why: str) -> Outcome:
    """What the function imports could not be installed."""
    return platform_error("Runtime.ImportModuleError", why, request_id)


def throttled(request_id: str) -> Outcome:
    """All of the function's reserved concurrency is in use, in the words of AWS's SDK."""
    request = f"Status Code: 429; Error Code: TooManyRequestsException; Request ID: {request_id}; Proxy: null"
    return Outcome(error="Lambda.TooManyRequestsException", cause=f"Rate Exceeded. (Service: AWSLambda; {request})")


def too_large(request_id: str) -> Outcome:
    """The response is beyond Lambda's limit."""
    limit = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    return platform_error("Function.ResponseSizeTooLarge", limit)


def vanished(request_id: str) -> Outcome:
    """The process is gone and nobody knows why."""
    return exited(request_id, 0)


def stopped(why: str) -> Outcome:
    """The attempt ended because of the runner, not of the function: nobody knows how far it came."""
    return Outcome(error="Lambda.Unknown", cause=why)


def failed(body: bytes, header: str = "") -> Outcome:
    """The function's own error object becomes error and cause; one without a type gets Step Functions' words for it."""
    text = body.decode("utf-8", "replace")
    try:
        kind = _error_object.decode(body).error_type
    except (msgspec.DecodeError, UnicodeError):
        kind = None
    if kind or header:
        return Outcome(error=kind or header, cause=text)
    said = f"The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
    return Outcome(error="Lambda.Unknown", cause=said)


def of_executable(request_id: str, code: int, stdout: bytes, log: str) -> Outcome:
    """A plain program: exit status 0 and JSON on stdout is success, silence is null, any other status is `Exit.N`."""
    if code != 0:
        number = code if code > 0 else 128 - code
        words = log[-_CAUSE_TAIL:] if log.strip() else _go_words(code)
        return Outcome(error=f"Exit.{number}", cause=words)
    if len(stdout) > MAX_RESPONSE:
        return too_large(request_id)
    text = stdout.strip()
    if not text:
        return Outcome(output=b"null")
    try:
        loads(text)
    except InvalidJson as error:
        shown = text[:_SHOWN].decode("utf-8", "replace")
        said = f"The program's standard output is not JSON ({error}): {shown}"
        return platform_error("Runtime.MarshalError", said, request_id)
    return Outcome(output=text)
