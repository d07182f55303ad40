"""A worker runs one call of one function at a time. One class per kind of function; the pool sees only `Worker`.

Python and Node: a warm process with a socket (`SocketWorker`). A plain program: a process per call
(`ProgramWorker`). A `bootstrap` that speaks Lambda's Runtime API is in `runtime_api`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import struct
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from flowd.functions import FunctionSpec
from flowd.runner import launch, outcomes, packages
from flowd.runner.attempts import Attempt, Log
from flowd.runner.outcomes import Outcome
from flowd.runner.process import Hosting, Process

_LENGTHS = struct.Struct("!II")
_MAX_HEAD = 1 << 16
# The function measures its own response; this only bounds what a broken or hostile process can make the runner hold.
_MAX_BODY = outcomes.MAX_RESPONSE + (2 << 20)
_SMALL = 65_536

#: What a worker's end means, given the request id of the call.
Verdict = Callable[[str], Outcome]

_decode_files = msgspec.json.Decoder(list[str]).decode
_encode_head = msgspec.json.Encoder().encode


class Head(msgspec.Struct, frozen=True):
    """What a bootstrap of ours is told about a call beside the event."""

    id: str
    arn: str
    deadline: int  # ms since the epoch
    client: str = ""


class Owner(Protocol):
    """What a worker tells the pool. All of it happens on the loop."""

    def worker_ready(self, worker: Worker) -> None:
        """It can take a call."""
        ...

    def worker_answered(self, worker: Worker, outcome: Outcome) -> None:
        """The call it had is over, and it can take another."""
        ...

    def worker_ended(self, worker: Worker) -> None:
        """It is gone; `verdict` says what that means for the call it had, or for one that waited for its start."""
        ...


class Worker:
    """The common part: a process, its log, the call it has."""

    def __init__(self, hosting: Hosting, spec: FunctionSpec, owner: Owner) -> None:
        self.spec = spec
        self.attempt: Attempt | None = None
        self.ready = False
        self.gone = False
        self.leaving = False  # it said that it ends after this answer
        self.calls = 0
        self.init_ms = 0.0  # from its start until it was ready for its first call
        self._began_s = time.monotonic()
        self.generation = 0
        self.watched: list[str] = [launch.entry_file(spec), *packages.watched(spec)]
        self.packages: list[str] = []  # the folders where they are
        self._hosting = hosting
        self._owner = owner
        self._early = Log()  # what it prints before its first call belongs to that call
        self._verdict: Verdict | None = None
        self._process: Process | None = None

    async def start(self) -> None:
        """Begin; `worker_ready` or `worker_ended` follows. Never raises."""
        raise NotImplementedError

    def fail(self, verdict: Verdict) -> None:
        """It cannot even be begun; `worker_ended` follows."""
        self._end(verdict)

    def run(self, attempt: Attempt, limit_ms: int) -> None:
        """Take a call; `worker_answered` or `worker_ended` follows."""
        self.attempt = attempt
        self.calls += 1
        attempt.begin(self.spec.memory_mb, self.init_ms if self.calls == 1 else 0.0)
        self.give_early_log(attempt)
        self._hand_over(attempt, self._hosting.clock.now_ms() + limit_ms)

    def stop(self, verdict: Verdict) -> None:
        """Kill it with all its children; `verdict` is what its call, if it has one, ends with."""
        self._verdict = self._verdict or verdict
        if self._process is not None and not self._process.ended:
            self._process.kill()
        elif self.ready:
            self._end(verdict)

    def verdict(self, request_id: str) -> Outcome:
        """What its end means for a call."""
        return (self._verdict or outcomes.vanished)(request_id)

    def give_early_log(self, attempt: Attempt) -> None:
        """What it printed while it had no call."""
        early = self._early.tail
        if early:
            attempt.log.add(early)
            self._early = Log()

    @property
    def warm(self) -> bool:
        """True if a process waits."""
        return self.ready and self._process is not None and not self._process.ended

    def _hand_over(self, attempt: Attempt, deadline_ms: int) -> None:
        raise NotImplementedError

    def _command(self, channel: int = -1) -> launch.Command:
        hosting = self._hosting
        stream = secrets.token_hex(16)
        return launch.command(self.spec, hosting.environment, hosting.clock.now_ms(), stream, channel, self.packages)

    def _new_process(self) -> Process:
        self._process = Process(self._hosting, self._on_log, self._on_exit)
        if self._verdict is not None:
            self._process.kill()
        return self._process

    def _on_log(self, data: bytes) -> None:
        (self.attempt.log if self.attempt else self._early).add(data)

    def _on_exit(self, code: int) -> None:
        out_of_memory = self._process is not None and self._process.out_of_memory
        self._end(outcomes.out_of_memory if out_of_memory else partial(outcomes.exited, code=code))

    def _end(self, verdict: Verdict) -> None:
        if not self.gone:
            self.gone, self.ready = True, False
            self._verdict = self._verdict or verdict
            self._owner.worker_ended(self)

    def _answer(self, outcome: Outcome) -> None:
        if self.attempt is None or self.gone or self._verdict is not None:
            return  # its time was over, or nobody asked
        if self._process is not None:
            self._process.drain()
            self.attempt.peak_mb = self._process.peak_mb
        self._owner.worker_answered(self, outcome)


class _Channel(asyncio.Protocol):
    """The runner's end of a worker's socket."""

    def __init__(self, worker: SocketWorker) -> None:
        self._worker = worker
        self._buffer = bytearray()
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is a WriteTransport only by behaviour

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _LENGTHS.size:
            head_size, body_size = _LENGTHS.unpack_from(buffer)
            if head_size > _MAX_HEAD or body_size > _MAX_BODY:
                self._worker.on_nonsense()
                return
            start, end = _LENGTHS.size + head_size, _LENGTHS.size + head_size + body_size
            if len(buffer) < end:
                return
            verdict, body = bytes(buffer[_LENGTHS.size : start]), bytes(buffer[start:end])
            del buffer[:end]
            self._worker.on_message(verdict, body)

    def send(self, head: bytes, body: bytes) -> None:
        if self.transport is not None:
            self.transport.write(_LENGTHS.pack(len(head), len(body)) + head + body)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class SocketWorker(Worker):
    """A warm Python or Node process."""

    _channel: _Channel | None = None

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            command = self._command(theirs.fileno())
            if command.why_not:
                ours.close()
                self._end(partial(outcomes.not_startable, why=command.why_not))
                return
            ours.setblocking(False)
            self._channel = _Channel(self)
            channel = self._channel
            await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=ours)
            await self._new_process().start(command, self.spec.memory_mb, inherit=theirs.fileno())
        except (OSError, ValueError) as error:
            self._close_channel()
            self._end(partial(outcomes.not_startable, why=f"the process cannot be started: {error}"))
        finally:
            theirs.close()

    def _hand_over(self, attempt: Attempt, deadline_ms: int) -> None:
        assert self._channel is not None
        head = Head(attempt.request_id, attempt.arn, deadline_ms, attempt.client_context)
        self._channel.send(_encode_head(head), attempt.payload)

    def on_message(self, verdict: bytes, body: bytes) -> None:
        """The process says something. What it says out of turn is ignored."""
        if verdict == b"ok":
            self._answer(Outcome(output=body))
        elif verdict in (b"error", b"last-error"):
            self.leaving = self.leaving or verdict == b"last-error"
            self._answer(outcomes.failed(body))
        elif verdict == b"out-of-memory":
            # The limit of a process without a cgroup; in one the kernel kills. On Lambda both are the process's end.
            self.stop(outcomes.out_of_memory)
        elif verdict == b"ready" and not self.ready:
            self.ready = True
            self.init_ms = (time.monotonic() - self._began_s) * 1000
            with contextlib.suppress(msgspec.DecodeError):
                self.watched = list(dict.fromkeys([*self.watched, *_decode_files(body)]))
            self._owner.worker_ready(self)
        elif verdict == b"init-error" and not self.ready:
            failure = outcomes.failed(body)
            self._verdict = self._verdict or (lambda request_id: failure)

    def on_nonsense(self) -> None:
        """User code wrote into the socket, or the response is beyond every limit."""
        self.stop(outcomes.too_large)

    def _on_exit(self, code: int) -> None:
        self._close_channel()
        super()._on_exit(code)

    def _close_channel(self) -> None:
        if self._channel is not None:
            self._channel.close()


class ProgramWorker(Worker):
    """A plain executable: the event on stdin, the result on stdout, a process per call."""

    def __init__(self, hosting: Hosting, spec: FunctionSpec, owner: Owner) -> None:
        super().__init__(hosting, spec, owner)
        self._stdout = bytearray()

    async def start(self) -> None:
        self.ready = True
        self._owner.worker_ready(self)

    def _hand_over(self, attempt: Attempt, deadline_ms: int) -> None:
        self._task = asyncio.ensure_future(self._execute(attempt))

    async def _execute(self, attempt: Attempt) -> None:
        command = self._command()
        if self.gone:
            return
        if command.why_not:
            self._answer(outcomes.not_startable(attempt.request_id, command.why_not))
            return
        self._stdout = bytearray()
        # The event stands in an anonymous file: no pipe that the program may never read, nothing on disk.
        event = os.memfd_create("event")
        try:
            os.write(event, attempt.payload)
            os.lseek(event, 0, os.SEEK_SET)
            process = self._new_process()
            await process.start(command, self.spec.memory_mb, stdin=event, on_stdout=self._on_stdout)
        except (OSError, ValueError) as error:
            self._answer(outcomes.not_startable(attempt.request_id, f"the process cannot be started: {error}"))
        finally:
            os.close(event)

    def _on_stdout(self, data: bytes) -> None:
        if len(self._stdout) <= outcomes.MAX_RESPONSE:
            self._stdout += data

    def _on_exit(self, code: int) -> None:
        if self.attempt is None or self._verdict is not None or (self._process and self._process.out_of_memory):
            super()._on_exit(code)
            return
        request_id, log = self.attempt.request_id, self.attempt.log.tail.decode("utf-8", "replace")
        if len(self._stdout) < _SMALL:
            self._answer(outcomes.of_executable(request_id, code, bytes(self._stdout), log))
        else:
            self._task = asyncio.ensure_future(self._judge(request_id, code, log))

    async def _judge(self, request_id: str, code: int, log: str) -> None:
        """A big result is looked at off the loop."""
        stdout = bytes(self._stdout)
        self._answer(await asyncio.to_thread(outcomes.of_executable, request_id, code, stdout, log))
