"""The daemon's line to the runner. Calls outlive a broken connection, never a runner that died.

After a reconnect to the same runner open requests are simply sent again: a key runs once. A runner that is another one
(it started at another time) knows nothing of them, so they end as `Lambda.Unknown`, and Retry decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from flowd.errors import FlowdError
from flowd.functions import FunctionResult, FunctionSpec, Unknown
from flowd.runner import protocol
from flowd.runner.protocol import AnyAnswer, Framing, Request
from flowd.runner.replies import Counts, Printed, result_of
from flowd.runner.spawn import spawn_runner

log = logging.getLogger(__name__)

_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class RunnerUnreachable(FlowdError):
    """No runner answers on its socket."""


class RunnerClient:
    """One connection to a runner, made again when it breaks. Use it on one event loop."""

    def __init__(
        self, socket_path: Path, *, patience_s: float = 10.0, grace_s: float = 2.0, packages: Path | None = None
    ) -> None:
        """`patience_s`: how long a new call waits for a runner before it fails without having been sent.

        `grace_s`: how long an unknown function may take to appear, beyond the time a dropped file needs to settle.
        `packages`: where a runner that is started from here keeps what functions ask for.
        """
        self.socket_path = socket_path
        self.started_ms = 0
        self.pid = 0
        self._patience_s = patience_s
        self._grace_s = grace_s
        self._packages = packages
        self._instance = str(uuid.uuid4())
        self._spawn = False
        self._number = 0
        self._connection: Framing | None = None
        self._ready = asyncio.Event()
        self._closed = False
        self._open: dict[int, tuple[Request, asyncio.Future[AnyAnswer]]] = {}
        self._registration: tuple[list[FunctionSpec], dict[str, str]] | None = None
        self._news = asyncio.Event()  # of the next registration
        self._names: frozenset[str] = frozenset()
        self._acknowledged: list[str] = []
        self._reconnecting: asyncio.Task[None] | None = None

    # -- life

    async def connect(self, spawn: bool = False) -> None:
        """Connect; with `spawn`, start a runner when none answers, now and whenever it is gone.

        RunnerUnreachable says that there is none now; it is looked for in the background until `close`.
        """
        self._spawn = spawn
        try:
            await self._first_connect()
        except OSError as error:
            self._look_for_it()
            raise RunnerUnreachable(self._nobody(error)) from None
        except RunnerUnreachable:
            self._look_for_it()
            raise

    async def _first_connect(self) -> None:
        try:
            await self._connect()
        except OSError:
            if not self._spawn:
                raise
            await self._start_runner()
            await self._connect()

    def _look_for_it(self) -> None:
        if not self._closed and self._reconnecting is None:
            self._reconnecting = asyncio.get_running_loop().create_task(self._reconnect())

    @property
    def connected(self) -> bool:
        return self._ready.is_set()

    async def close(self, abandon: bool = False) -> None:
        """Leave. A runner that this side may have started is told to end once its work is done and fetched.

        `abandon`: nobody will ask for that work any more, so it ends at once, with what still runs.
        """
        if self._closed:
            return
        if self._spawn and self.connected:
            with contextlib.suppress(TimeoutError, FlowdError):
                async with asyncio.timeout(2.0):
                    await self.ask(protocol.ShutdownWhenIdle(self.next_number(), abandon))
        if self._acknowledged:
            self._send_acknowledged()
        self._closed = True
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.close()  # not abort: acknowledgements may still be queued
        self._fail_open("the daemon is stopping")
        await asyncio.sleep(0)

    # -- what the daemon asks

    async def register(self, specs: Sequence[FunctionSpec], environment: Mapping[str, str]) -> None:
        """Tell it all functions there are and the environment they get; told again to every later runner."""
        self._registration = (list(specs), dict(environment))
        self._names = frozenset(spec.name for spec in specs)
        news, self._news = self._news, asyncio.Event()
        news.set()
        if self.connected:
            await self.ask(protocol.Register(self.next_number(), *self._registration))

    async def knows(self, function: str) -> bool:
        """True if the function is registered.

        A starting daemon has not read its drop folder yet: then this waits. A file that was dropped with the machine
        that calls it takes a moment to settle: for a function that is unknown this waits for `grace_s`.
        """
        if self._registration is None:
            await self._news.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                while function not in self._names:
                    await self._news.wait()
        return function in self._names

    async def invoke(
        self,
        key: str,
        function: str,
        payload_text: str,
        timeout_ms: int = 0,
        *,
        arn: str = "",
        client_context: str = "",
        detached: bool = False,
        fleeting: bool = False,
    ) -> FunctionResult:
        """Run a function once under `key` and wait for its end; never raises for what functions or runners do.

        `timeout_ms` limits it beside the function's own time limit. `detached`: return as soon as it is taken on.
        `fleeting`: if this daemon dies, nobody will ask for the outcome.
        """
        payload = payload_text.encode()
        if not await self.wait_ready():
            cause = f"{self._nobody()}. The function was not run."
            return FunctionResult(error="Lambda.SdkClientException", cause=cause)
        instance = self._instance if fleeting else ""
        request = protocol.Invoke(
            self.next_number(), key, function, payload, timeout_ms, arn, client_context, detached, instance
        )
        return result_of(await self.ask(request))

    async def attach(self, key: str) -> FunctionResult | Unknown:
        """Wait for the end of a run that somebody asked for before; as long as it takes, also for a runner to come."""
        await self.until_ready()
        answer = await self.ask(protocol.Attach(self.next_number(), key))
        return Unknown() if isinstance(answer, protocol.Unheld) else result_of(answer)

    async def cancel(self, key: str) -> None:
        """Stop the run if it still goes on and forget it. Without a runner there is nothing to stop."""
        if await self.wait_ready():
            await self.ask(protocol.Cancel(self.next_number(), key))

    async def acknowledge(self, key: str) -> None:
        """The outcome is on disk. Returns at once; the keys of one turn of the loop travel together."""
        if not self._acknowledged:
            asyncio.get_running_loop().call_soon(self._send_acknowledged)
        self._acknowledged.append(key)

    async def output_so_far(self, key: str) -> Printed | Unknown:
        """What the function has printed, while it runs or until it is acknowledged."""
        await self._need_ready()
        answer = await self.ask(protocol.Output(self.next_number(), key))
        if isinstance(answer, protocol.Printed):
            return Printed(answer.log.decode("utf-8", "replace"), answer.truncated)
        return Unknown()

    async def counts(self) -> Counts:
        """How much is going on there."""
        await self._need_ready()
        answer = await self.ask(protocol.Status(self.next_number()))
        if isinstance(answer, protocol.Counts):
            return Counts(answer.warm, answer.running, answer.held, answer.packages)
        return Counts({}, 0, 0)

    async def shutdown_when_idle(self) -> None:
        """Let it end once nothing runs and every outcome is acknowledged. A daemon that connects takes it back."""
        await self._need_ready()
        await self.ask(protocol.ShutdownWhenIdle(self.next_number()))

    # -- asking

    def next_number(self) -> int:
        """The number of the next request."""
        self._number += 1
        return self._number

    async def ask(self, request: Request) -> AnyAnswer:
        """Send a request and wait for its answer, over broken connections too; a runner that died answers nothing."""
        if not isinstance(request, protocol.Invoke):
            self._send_acknowledged()  # a question about a key comes after its acknowledgement; a call has a new key
        future: asyncio.Future[AnyAnswer] = asyncio.get_running_loop().create_future()
        self._open[request.number] = (request, future)
        try:
            if self._connection is not None:
                self._connection.send(request)
            return await future
        finally:
            self._open.pop(request.number, None)

    def _send_acknowledged(self) -> None:
        if not self._acknowledged:
            return
        keys, self._acknowledged = self._acknowledged, []
        request = protocol.Acknowledge(self.next_number(), keys)
        # Kept open until answered: one that is lost with the connection goes out again with the next.
        self._open[request.number] = (request, asyncio.get_running_loop().create_future())
        if self._connection is not None:
            self._connection.send(request)

    def _on_message(self, message: bytes) -> None:
        try:
            answer = protocol.decode_answer(message)
        except (msgspec.DecodeError, ValueError) as error:
            log.error("the runner on %s does not speak this protocol: %s", self.socket_path, error)
            if self._connection is not None:
                self._connection.abort()
            return
        _, future = self._open.pop(answer.number, (None, None))
        if future is not None and not future.done():
            future.set_result(answer)

    async def wait_ready(self) -> bool:
        """True if there is a runner, within the client's patience."""
        if not self._ready.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await self._ready.wait()
        return self._ready.is_set()

    async def until_ready(self) -> None:
        """As long as it takes."""
        await self._ready.wait()

    async def _need_ready(self) -> None:
        if not await self.wait_ready():
            raise RunnerUnreachable(self._nobody())

    def _nobody(self, error: OSError | None = None) -> str:
        detail = f" ({error.strerror or error})" if error else ""
        return f"no runner answers on {self.socket_path}{detail}; start `flowd-runner --socket {self.socket_path}`"

    # -- the connection

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AnyAnswer] = loop.create_future()

        def lost() -> None:
            if not answer.done():
                answer.set_exception(ConnectionResetError("the connection broke"))
            self._on_lost(connection)

        connection = Framing(self._on_message, lost)
        await loop.create_unix_connection(lambda: connection, str(self.socket_path))
        hello = protocol.Hello(self.next_number(), self._instance)
        self._open[hello.number] = (hello, answer)
        try:
            connection.send(hello)
            async with asyncio.timeout(self._patience_s):
                welcome = await answer
        except BaseException:
            connection.abort()
            raise
        finally:
            self._open.pop(hello.number, None)
        self._welcomed(connection, welcome)

    def _welcomed(self, connection: Framing, answer: AnyAnswer) -> None:
        if not isinstance(answer, protocol.Welcome) or answer.version != protocol.VERSION:
            connection.abort()
            raise RunnerUnreachable(f"the runner on {self.socket_path} is of another version; restart flowd-runner")
        if self.started_ms and self.started_ms != answer.started_ms:
            self._fail_open("the runner ended and was started again while the function ran")
        self.started_ms, self.pid = answer.started_ms, answer.pid
        # In this order: an Invoke that is sent again must find its function.
        if self._registration is not None:
            self._fire(protocol.Register(self.next_number(), *self._registration))
            self._open = dict(sorted(self._open.items(), key=lambda entry: not _is_register(entry[1][0])))
        self._connection = connection
        for request, _ in list(self._open.values()):
            connection.send(request)
        self._ready.set()

    def _fire(self, request: Request) -> None:
        self._open[request.number] = (request, asyncio.get_running_loop().create_future())

    def _on_lost(self, connection: Framing) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        self._ready.clear()
        self._look_for_it()

    async def _reconnect(self) -> None:
        """Until it works. A socket that nobody listens on means that the runner is dead, and with it all it held."""
        attempt = 0
        try:
            while not self._closed:
                try:
                    await self._connect()
                    return
                except (ConnectionRefusedError, FileNotFoundError) as error:
                    self._fail_open("the runner ended while the function ran")
                    await self._respawn(error)
                except (OSError, RunnerUnreachable) as error:
                    log.warning("the runner cannot be reached: %s", error)
                await asyncio.sleep(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
                attempt += 1
        finally:
            self._reconnecting = None

    async def _respawn(self, error: OSError) -> None:
        if not self._spawn:
            log.warning("%s", self._nobody(error))
            return
        try:
            await self._start_runner()
        except RunnerUnreachable as problem:
            log.error("%s", problem)

    def _fail_open(self, why: str) -> None:
        """End what was sent to a runner that is no more: nobody knows how far it came."""
        cause = f"The outcome is lost: {why}. It may have run to its end, in part, or not at all."
        entries, self._open = self._open, {}
        for request, future in entries.values():
            if future.done():
                continue
            number = request.number
            match request:
                case protocol.Invoke() | protocol.Attach() | protocol.RunContainer():
                    future.set_result(protocol.Finished(number, "", None, "Lambda.Unknown", cause))
                case protocol.Output():
                    future.set_result(protocol.Unheld(number))
                case _:
                    future.set_result(protocol.Done(number))

    async def _start_runner(self) -> None:
        problem = await asyncio.to_thread(spawn_runner, self.socket_path, self._packages)
        if problem:
            raise RunnerUnreachable(f"the runner could not be started: {problem}")


def _is_register(request: Request) -> bool:
    return isinstance(request, protocol.Register)
