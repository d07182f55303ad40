"""Runs one Python function, call after call, for flowd's runner. Standard library only; imports nothing of flowd.

Started as `python3 -B python.py FD PATH HANDLER LAYER...` with the environment of the function. FD is a socket: each
message is two big-endian 32-bit lengths, then the head (JSON), then the body (JSON text). What user code prints goes to
stdout and stderr, which the runner reads; the socket is closed to children and to nobody else's use.

The shapes of errors are those of Lambda's own Python runtime.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

_LENGTHS = struct.Struct("!II")
_MAX_RESPONSE = 6_291_556  # Lambda's limit of a synchronous response, in bytes
_MAX_WATCHED = 64
_request_id = ""


class Fault(Exception):
    """An error that Lambda's runtime reports in its own name."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class Context:
    """Lambda's context object; names and units are AWS's."""

    def __init__(self, head: dict[str, Any]) -> None:
        self.aws_request_id = head["id"]
        self.invoked_function_arn = head["arn"]
        self._deadline_ms = head["deadline"]
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = _Identity()
        self.tenant_id = None
        self.client_context = _client_context(head.get("client"))

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int(self._deadline_ms - time.time() * 1000))

    def log(self, message: object) -> None:
        """Print without an end of line, as Lambda does."""
        sys.stdout.write(str(message))


class _Identity:
    """Of Amazon Cognito, which is not there; the members are, as on Lambda."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class _Client:
    """What a mobile SDK says of itself: members that it left out are None."""

    def __init__(self, values: dict[str, Any]) -> None:
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, values.get(name))


class _ClientContext:
    def __init__(self, values: dict[str, Any]) -> None:
        self.client = _Client(values.get("client") or {})
        self.custom = values.get("custom")
        self.env = values.get("env")


def _client_context(text: str | None) -> _ClientContext | None:
    return _ClientContext(json.loads(text)) if text else None


class Channel:
    """The socket to the runner, used by the process that was started and by none of its forks."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._socket = socket.socket(fileno=fd)
        self._pid = os.getpid()
        self._pending = b""

    def receive(self) -> tuple[bytes, bytes]:
        """The next message; ends the process when the runner has gone."""
        self.leave_if_forked()
        head_size, body_size = _LENGTHS.unpack(self._exactly(_LENGTHS.size))
        both = self._exactly(head_size + body_size)
        return both[:head_size], both[head_size:]

    def _exactly(self, size: int) -> bytes:
        data = self._pending
        while len(data) < size:
            more = self._socket.recv(max(65_536, size - len(data)))
            if not more:
                os._exit(0)
            data = data + more if data else more
        self._pending = data[size:]
        return data[:size]

    def send(self, head: bytes, body: bytes) -> None:
        self.leave_if_forked()
        self._socket.sendall(_LENGTHS.pack(len(head), len(body)) + head + body)

    def leave_if_forked(self) -> None:
        """A child that user code forked and let return must never answer in its parent's place."""
        if os.getpid() != self._pid:
            os._exit(0)


def load(path: str, handler: str) -> Callable[[Any, Context], Any]:
    """The handler: `handler` of the file `path`, or `module.function` below the folder `path`."""
    if os.path.isdir(path):
        module_name, _, function = handler.rpartition(".")
        if not module_name:
            raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': it is not module.function")
        sys.path.insert(0, path)
    else:
        # Behind the standard library: a function called email.py must not become everybody's `email`.
        sys.path.append(os.path.dirname(path))
        module_name, function = os.path.splitext(os.path.basename(path))[0], handler.rpartition(".")[2]
    module = _import(path, module_name)
    try:
        found = getattr(module, function)
    except AttributeError:
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'") from None
    if not callable(found):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' of module '{module_name}' is not a function")
    return found  # type: ignore[no-any-return]


def _import(path: str, name: str) -> Any:
    try:
        if os.path.isdir(path):
            import importlib

            return importlib.import_module(name.replace("/", "."))
        return _import_file(path, name)
    except (ImportError, FileNotFoundError) as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{name}': {error}") from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{name}': {error}", trace) from error


def _import_file(path: str, name: str) -> Any:
    from importlib.util import module_from_spec, spec_from_file_location

    taken = name in sys.modules or name in getattr(sys, "stdlib_module_names", ())
    key = f"{name}_function" if taken else name
    spec = spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = module_from_spec(spec)
    sys.modules[key] = module
    spec.loader.exec_module(module)
    return module


def _frames(error: BaseException) -> list[str]:
    """The stack as Lambda shows it: without the frames of the runtime itself."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_ours(frame.filename)]
    # Plain tuples: Lambda's stack traces have no lines of carets, which Python 3.11 adds to its own frames.
    return traceback.format_list([(frame.filename, frame.lineno or 0, frame.name, frame.line) for frame in frames])


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib")


def describe(error: BaseException, request_id: str) -> dict[str, Any]:
    """Lambda's error object; the order of its members is that of real answers."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, str(error), error.trace
    else:
        kind, message, trace = type(error).__name__, _text(error), _frames(error)
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as second:  # a __str__ that fails must not take the answer with it
        return f"<{type(error).__name__} whose text cannot be had: {type(second).__name__}>"


def _plain(value: Any) -> Any:
    """What json cannot write by itself: Decimal becomes a number, as in Lambda; anything else is refused."""
    if type(value).__name__ == "Decimal" and type(value).__module__ == "decimal":
        if value.is_finite():
            return int(value) if value.as_tuple().exponent >= 0 else float(value)
        raise ValueError("Out of range float values are not JSON compliant")
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_plain).encode


def marshal(value: Any) -> bytes:
    """The answer's JSON text. Bytes are taken for JSON text as they are: Lambda's runtime does so."""
    if isinstance(value, bytes):
        body = value
    else:
        try:
            body = _encode(value).encode()
        except Exception as error:
            raise Fault(
                "Runtime.MarshalError", f"Unable to marshal response: {str(error) or type(error).__name__}"
            ) from None
    if len(body) > _MAX_RESPONSE:
        limit = f"Response payload size exceeded maximum allowed payload size ({_MAX_RESPONSE} bytes)."
        raise Fault("Function.ResponseSizeTooLarge", limit)
    return body


def _write_error(error: BaseException, request_id: str) -> bytes:
    report = describe(error, request_id)
    trace = "".join(report["stackTrace"])
    sys.stdout.write(f"[ERROR] {report['errorType']}: {report['errorMessage']}\nTraceback (most recent call last):\n")
    sys.stdout.write(trace if trace.endswith("\n") or not trace else trace + "\n")
    return json.dumps(report, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # user code closed or replaced it
            continue


def _watched(roots: list[str]) -> list[str]:
    """Files of the function and its layers that are loaded: a change to any of them asks for a new process."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    below = tuple(root.rstrip("/") + "/" for root in roots)
    return [file for file in files if file and file.startswith(below)][:_MAX_WATCHED]


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = _request_id
        return True


def _prepare_output() -> None:
    """Lines leave at once, and `logging` has the handler that Lambda installs."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    handler = logging.StreamHandler(sys.stdout)
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(_RequestId())
    logging.Formatter.converter = time.gmtime
    logging.getLogger().addHandler(handler)


def serve(channel: Channel, function: Callable[[Any, Context], Any]) -> None:
    """Answer calls until the runner goes."""
    global _request_id
    loads = json.loads
    while True:
        head_text, body = channel.receive()
        head = loads(head_text)
        _request_id = head["id"]
        # SystemExit and KeyboardInterrupt end the process, as they end Lambda's.
        try:
            answer, verdict = marshal(function(loads(body), Context(head))), b"ok"
        except MemoryError:
            channel.leave_if_forked()
            answer, verdict = b"", b"out-of-memory"
        except Exception as error:
            channel.leave_if_forked()
            answer, verdict = _write_error(error, _request_id), b"error"
        _flush()
        channel.send(verdict, answer)


def main(arguments: list[str]) -> None:
    ours = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if entry != ours]
    channel = Channel(int(arguments[0]))
    path, handler = arguments[1], arguments[2]
    _prepare_output()
    try:
        function = load(path, handler)
    except Exception as error:
        body = _write_error(error, "")
        _flush()
        channel.send(b"init-error", body)
        sys.exit(1)
    _flush()
    root = os.environ.get("LAMBDA_TASK_ROOT", os.path.dirname(path))
    channel.send(b"ready", json.dumps(_watched([root, *arguments[3:]])).encode())
    serve(channel, function)


if __name__ == "__main__":
    main(sys.argv[1:])
