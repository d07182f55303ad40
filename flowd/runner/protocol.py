"""What the daemon and the runner say to each other: length-prefixed msgpack over a unix socket.

A request carries a number that its answer repeats; answers come in any order. Nothing here knows how functions are
run. The socket belongs to one user: whoever may write to it may have anything run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from flowd.containers import ContainerSpec
from flowd.errors import FlowdError
from flowd.functions import FunctionSpec, Report

#: Raised when a message changes its meaning: a runner of another version is given no work (see `succession`). What
#: ends its work, LASTING and the answers to it, keeps its shape for ever: new fields go behind, with a default.
VERSION = 6
#: Lambda's payloads end at 6 MiB; anything far beyond that is not a message but a mistake.
MAX_FRAME = 64 << 20
_PREFIX = 4


class ProtocolError(FlowdError):
    """The other side of the socket does not speak the runner's protocol."""


class Request(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """What a daemon asks. `number` is chosen by the asking side."""

    number: int


class Hello(Request, frozen=True):
    """First message of a connection: a daemon is there (again), so the runner stays. `instance` tells one life of a
    daemon from another."""

    instance: str = ""


class Register(Request, frozen=True):
    """The functions there are (all of them: what is missing is gone) and the environment they all get."""

    specs: list[FunctionSpec]
    environment: dict[str, str]


class Invoke(Request, frozen=True):
    """Run `function` once under `key`; a key that is known joins the run that is there."""

    key: str
    function: str
    payload: bytes
    timeout_ms: int = 0  # an upper limit beside the function's own; 0 = none
    arn: str = ""
    client_context: str = ""  # JSON text, "" = none
    detached: bool = False  # InvocationType Event: the answer says "accepted", not how it ended
    fleeting: str = ""  # the daemon's instance, if no later one will ask for the outcome


class RunContainer(Request, frozen=True):
    """Run a container once under `key`; a key that is known joins the run that is there."""

    key: str
    spec: ContainerSpec


class StopContainer(Request, frozen=True):
    """SIGTERM to the container, SIGKILL when its time to stop is over; its outcome comes as always."""

    key: str


class Attach(Request, frozen=True):
    """The outcome of a run that an earlier connection asked for."""

    key: str


class Cancel(Request, frozen=True):
    """Stop the run if it still runs, and forget it."""

    key: str


class Acknowledge(Request, frozen=True):
    """The outcome is on disk at the daemon: forget it. Several keys share one message."""

    keys: list[str]


class Output(Request, frozen=True):
    """What the function has printed so far."""

    key: str


class Status(Request, frozen=True):
    """Warm workers and open work."""


class ShutdownWhenIdle(Request, frozen=True):
    """End once nothing runs and nothing is held; a later Hello takes it back. `now`: with all that runs and is held."""

    now: bool = False


class Answer(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """What the runner answers; `number` is the request's."""

    number: int


class Welcome(Answer, frozen=True):
    """Who answers. `started_ms` is since when keys are kept: a runner that was stopped in good order hands on what it
    held, and since when."""

    version: int
    pid: int
    started_ms: int


class Done(Answer, frozen=True):
    """It is done; there is nothing to say."""


class Refused(Answer, frozen=True):
    """The request could not be understood."""

    message: str


class Unheld(Answer, frozen=True):
    """This runner holds no such key."""


class Finished(Answer, frozen=True):
    """How a run ended: `output` (JSON text), or `error` and `cause`."""

    request_id: str
    output: bytes | None = None
    error: str | None = None
    cause: str | None = None
    log: bytes = b""
    truncated: bool = False
    report: Report = Report()


class Leaving(Answer, frozen=True):
    """Said unasked (`number` is 0) by a runner that was told to stop: it begins nothing more, and what it holds when it
    ends is held by the next one. What is asked of it from now on is left open for that one."""


class Accepted(Answer, frozen=True):
    """A detached run has been taken on."""

    request_id: str


class Printed(Answer, frozen=True):
    """The output of a run that is going on or held."""

    log: bytes
    truncated: bool


class Counts(Answer, frozen=True):
    """Processes per function that wait for work, and keys that run or are held."""

    warm: dict[str, int]
    running: int
    held: int
    packages: dict[str, str] = {}  # functions whose packages are being installed, or cannot be had: what is to be said


AnyRequest = (
    Hello
    | Register
    | Invoke
    | RunContainer
    | StopContainer
    | Attach
    | Cancel
    | Acknowledge
    | Output
    | Status
    | ShutdownWhenIdle
)
AnyAnswer = Welcome | Done | Refused | Unheld | Finished | Leaving | Accepted | Printed | Counts
#: What a daemon may ask of a runner of any version, beside Hello.
LASTING = (Attach, Acknowledge, Cancel, Output, StopContainer, Status, ShutdownWhenIdle)

_encode = msgspec.msgpack.Encoder().encode
decode_request: Callable[[bytes], AnyRequest] = msgspec.msgpack.Decoder(AnyRequest).decode
decode_answer: Callable[[bytes], AnyAnswer] = msgspec.msgpack.Decoder(AnyAnswer).decode


def pack(message: Request | Answer) -> bytes:
    """The message with its length in front, ready to be written."""
    body = _encode(message)
    return len(body).to_bytes(_PREFIX, "big") + body


class Framing(asyncio.Protocol):
    """One connection: cuts the stream into messages and hands each to `on_message`."""

    def __init__(self, on_message: Callable[[bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._buffer = bytearray()
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an isinstance check: uvloop's transports have the methods without the base class.
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        position = 0
        while len(buffer) - position >= _PREFIX:
            size = int.from_bytes(buffer[position : position + _PREFIX], "big")
            if size > MAX_FRAME:
                self.abort()
                return
            end = position + _PREFIX + size
            if len(buffer) < end:
                break
            message = bytes(buffer[position + _PREFIX : end])
            position = end
            self._on_message(message)
        if position:
            del buffer[:position]

    def send(self, message: Request | Answer) -> bool:
        """Queue a message; False if the connection is gone."""
        if self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(pack(message))
        return True

    def abort(self) -> None:
        """Drop the connection without waiting for what is queued."""
        if self.transport is not None:
            self.transport.abort()
