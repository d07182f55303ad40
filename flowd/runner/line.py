"""One connection to a runner, made again when it breaks, and what was asked over it.

Requests outlive a broken connection, never a runner that died: to the same runner open requests are sent again, and to
the one that a runner which was stopped in good order has handed on to. One that started at another time knows nothing
of them, so they end as `Lambda.Unknown`, and Retry decides. A runner of another version is asked for what it holds and
gets no new work. What the requests mean is `client`'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from pathlib import Path

import msgspec

from flowd import background
from flowd.errors import FlowdError
from flowd.functions import FunctionSpec
from flowd.runner import protocol, succession
from flowd.runner.protocol import AnyAnswer, Framing, Request
from flowd.runner.spawn import spawn_runner

log = logging.getLogger(__name__)

_PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class RunnerUnreachable(FlowdError):
    """No runner answers on its socket."""


class Line:
    """The connection and what was asked over it. Use it on one event loop."""

    def __init__(self, socket_path: Path, *, patience_s: float = 10.0, packages: Path | None = None) -> None:
        """`patience_s`: how long a new call waits for a runner before it fails without having been sent.

        `packages`: where a runner that is started from here keeps what functions ask for.
        """
        self.socket_path = socket_path
        self.started_ms = 0
        self.pid = 0
        self._patience_s = patience_s
        self._packages = packages
        self._instance = str(uuid.uuid4())
        self._spawn = False
        self._number = 0
        self._connection: Framing | None = None
        self._there = asyncio.Event()  # a runner answers
        self._ready = asyncio.Event()  # one of this version does: it can be given work
        self._leaving = asyncio.Event()  # it was told to stop, or has done so; until the next one is there
        self._gone = asyncio.Event()
        self._problem = ""
        self._closed = False
        self._open: dict[int, tuple[Request, asyncio.Future[AnyAnswer]]] = {}
        self._registration: tuple[list[FunctionSpec], dict[str, str]] | None = None
        self._news = asyncio.Event()  # of the next registration
        self._acknowledged: list[str] = []
        self._reconnecting: asyncio.Task[None] | None = None
        self._seeing_off: asyncio.Task[None] | None = None

    # -- life

    async def connect(self, spawn: bool = False) -> None:
        """Connect; with `spawn`, start a runner when none answers, now and whenever it is gone.

        RunnerUnreachable says that there is none now; it is looked for in the background until `close`.
        """
        self._spawn = spawn
        try:
            await self._first_connect()
        except OSError as error:
            self._problem = self._nobody(error)
            self._look_for_it()
            raise RunnerUnreachable(self._problem) from None
        except RunnerUnreachable as error:
            self._problem = str(error)
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
        """True if there is a runner that takes work."""
        return self._ready.is_set()

    @property
    def retiring(self) -> bool:
        """True if the runner that answers takes no new work: it is told to stop, or of another version and seen off."""
        return self._there.is_set() and not self._ready.is_set()

    @property
    def problem(self) -> str:
        """Why calls wait, and what to do; "" if they do not."""
        return "" if self.connected else self._problem or self._nobody()

    async def close(self, abandon: bool = False) -> None:
        """Leave. A runner that this side may have started is told to end once its work is done and fetched.

        `abandon`: nobody will ask for that work any more, so it ends at once, with what still runs.
        """
        if self._closed:
            return
        if self._seeing_off is not None:
            self._seeing_off.cancel()
        if self._spawn and self._there.is_set():
            with contextlib.suppress(TimeoutError, FlowdError):
                async with asyncio.timeout(2.0):
                    await self.ask(protocol.ShutdownWhenIdle(self.next_number(), abandon))
        if self._acknowledged:
            self._send_acknowledged()
        self._closed = True
        await background.end(self._reconnecting)
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.close()  # not abort: acknowledgements may still be queued
        self._fail_open("the daemon is stopping")
        await asyncio.sleep(0)

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
            self._send(request)
            return await future
        finally:
            self._open.pop(request.number, None)

    def _send_acknowledged(self) -> None:
        if not self._acknowledged:
            return
        keys, self._acknowledged = self._acknowledged, []
        request = protocol.Acknowledge(self.next_number(), keys)
        # Kept open until answered: one that is lost with the connection goes out again with the next.
        self._fire(request)
        self._send(request)

    def _send(self, request: Request) -> None:
        if self._connection is not None and (not self.retiring or isinstance(request, protocol.LASTING)):
            self._connection.send(request)

    def _on_message(self, message: bytes) -> None:
        try:
            answer = protocol.decode_answer(message)
        except (msgspec.DecodeError, ValueError) as error:
            log.error("the runner on %s does not speak this protocol: %s", self.socket_path, error)
            if self._connection is not None:
                self._connection.abort()
            return
        if isinstance(answer, protocol.Leaving):
            self._on_leaving()
            return
        _, future = self._open.pop(answer.number, (None, None))
        if future is not None and not future.done():
            future.set_result(answer)

    async def wait_ready(self) -> bool:
        """True if there is a runner that takes work, within the client's patience. One that retires is waited for, and
        after one that was stopped for its successor, as long as it takes."""
        retiring = True
        while not self._ready.is_set() and retiring:
            retiring = self._goes()  # or just before: the patience counts anew for its successor, which has to start
            await self._within_patience(self._ready)
            retiring = retiring or self._goes()
        return self._ready.is_set()

    def _goes(self) -> bool:
        return self.retiring or self._leaving.is_set()

    async def let_it_leave(self, notice_s: float, most_s: float) -> None:
        """If the runner is told to stop within `notice_s`, be there until it has, for `most_s` at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(notice_s):
                await self._leaving.wait()
            log.info("the runner stops as well; it is waited for")
            async with asyncio.timeout(most_s):
                await self._gone.wait()

    async def wait_there(self) -> bool:
        """True if there is a runner of any version, within the client's patience."""
        return await self._within_patience(self._there)

    async def _within_patience(self, event: asyncio.Event) -> bool:
        if not event.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await event.wait()
        return event.is_set()

    async def until_ready(self) -> None:
        """Until there is one that takes work, as long as it takes."""
        await self._ready.wait()

    async def until_there(self) -> None:
        """Until there is one of any version, as long as it takes."""
        await self._there.wait()

    async def _need_there(self) -> None:
        if not await self.wait_there():
            raise RunnerUnreachable(self._nobody())

    def _nobody(self, error: OSError | None = None) -> str:
        said = (error.strerror or str(error)) if error else ""
        detail = f" ({said})" if said else ""
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
        if not isinstance(answer, protocol.Welcome):
            connection.abort()
            raise RunnerUnreachable(f"what answers on {self.socket_path} is no runner of flowd: look at who listens")
        other = answer.version != protocol.VERSION
        if other and not self._spawn:
            connection.abort()
            raise RunnerUnreachable(succession.refusal(self.socket_path, answer))
        if self.started_ms and self.started_ms != answer.started_ms:
            self._fail_open("the runner ended and was started again while the function ran")
        self.started_ms, self.pid = answer.started_ms, answer.pid
        self._connection = connection
        self._leaving.clear()
        self._gone.clear()
        self._there.set()
        if other:
            self._seeing_off = asyncio.get_running_loop().create_task(self._see_off(connection))
        else:
            self._ready.set()
            self._problem = ""
            # In this order: an Invoke that is sent again must find its function.
            if self._registration is not None:
                self._fire(protocol.Register(self.next_number(), *self._registration))
                self._open = dict(sorted(self._open.items(), key=lambda entry: not _is_register(entry[1][0])))
        for request, _ in list(self._open.values()):
            self._send(request)

    async def _see_off(self, connection: Framing) -> None:
        """Not before the functions are known: by then recovery has asked for what is held there."""
        while self._registration is None:
            await self._news.wait()
        await succession.see_off(self, self._say_retiring, lambda: self._connection is connection)

    def _say_retiring(self, running: int) -> None:
        self._say(succession.waiting_for(self.socket_path, self.pid, running))

    def _say(self, problem: str) -> None:
        """Once, not at every attempt."""
        if problem != self._problem:
            log.warning("%s", problem)
        self._problem = problem

    def _fire(self, request: Request) -> None:
        self._open[request.number] = (request, asyncio.get_running_loop().create_future())

    def _on_leaving(self) -> None:
        self._leaving.set()
        self._ready.clear()
        self._say(f"the runner on {self.socket_path} was stopped: functions wait until one is started there")

    def _on_lost(self, connection: Framing) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        self._gone.set()
        self._there.clear()
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
                    if not self._leaving.is_set():
                        self._fail_open("the runner ended while the function ran")
                    await self._respawn(error)
                except RunnerUnreachable as error:
                    self._say(str(error))
                except OSError as error:
                    self._say(self._nobody(error))
                await asyncio.sleep(_PAUSES_S[min(attempt, len(_PAUSES_S) - 1)])
                attempt += 1
        finally:
            self._reconnecting = None

    async def _respawn(self, error: OSError) -> None:
        if not self._spawn:
            if not self._leaving.is_set():
                self._say(self._nobody(error))
            return
        try:
            await self._start_runner()
        except RunnerUnreachable as problem:
            self._say(str(problem))

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
