"""The runner's side of the socket: one table from message to function. It decides nothing about processes.

When a connection ends, runs go on and outcomes are kept; the next connection asks for them by key. What is held when
a runner ends is handed on to the next one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flowd.runner import inline, outcomes
from flowd.runner.attempts import Attempt, Ledger
from flowd.runner.containers import Containers
from flowd.runner.outcomes import Outcome
from flowd.runner.pool import Pool
from flowd.runner.protocol import (
    VERSION,
    Accepted,
    Acknowledge,
    Answer,
    Attach,
    Cancel,
    Counts,
    Done,
    Finished,
    Framing,
    Hello,
    Invoke,
    Leaving,
    Output,
    Printed,
    Refused,
    Register,
    RunContainer,
    ShutdownWhenIdle,
    Status,
    StopContainer,
    Unheld,
    Welcome,
    decode_request,
)

log = logging.getLogger(__name__)
#: So many times `orphan_s` workers of workflow files may go on without a daemon: what they have in hand may take long,
#: and counts if one comes back.
STANDING_ORPHANED = 6
#: So long an outcome may wait for a daemon that has begun to work and could have asked for it.
UNASKED_S = 600.0


class Server:
    """What daemons can ask of a runner. `idle` is set once a wished-for end has come."""

    def __init__(
        self,
        pool: Pool,
        containers: Containers,
        ledger: Ledger,
        started_ms: int,
        orphan_s: float = 0.0,
        texts: Path = Path("/nowhere"),
    ) -> None:
        """`orphan_s`: without a connection and a run for so long, `idle` is set too; 0 = never. `texts`:
        where the code of functions goes that has no file."""
        self.idle = asyncio.Event()
        self.forsaken = False  # nobody will ask for what it holds
        self._pool = pool
        self._ledger = ledger
        self._containers = containers
        self._texts = texts
        self._started_ms = started_ms
        self._ending: Framing | None = None  # who wished for the end, until a daemon says Hello
        self._stopping = False  # by a signal, for good
        self._connections: set[Framing] = set()
        self._instances: dict[Framing, str] = {}
        self._begun: set[str] = set()  # instances that have registered functions: by then they know what they have open
        self._orphan_s = orphan_s
        self._orphaned: asyncio.TimerHandle | None = None
        self._looked = 0  # how often it was found without a daemon, since there was one
        ledger.on_change = self._check_idle
        self._watch_for_orphanhood()

    def connect(self) -> Framing:
        """A new connection (the protocol factory of the socket)."""
        connection = Framing(lambda message: self._receive(connection, message), lambda: self._lost(connection))
        self._connections.add(connection)
        if self._orphaned is not None:
            self._orphaned.cancel()
            self._orphaned = None
        self._looked = 0
        return connection

    def _end(self) -> None:
        """From now on what is asked for is begun by the next runner; whoever has not wished for the end is told."""
        self.idle.set()
        for connection in self._connections:
            if connection is not self._ending:
                connection.send(Leaving(0))

    @property
    def _begins_nothing(self) -> bool:
        return self._stopping or self.idle.is_set()

    def stop(self) -> None:
        """End when nothing runs any more and what has ended is fetched, or nobody is there to fetch it. For good:
        nothing new is begun, whoever asks is answered by the next runner."""
        self._stopping = True
        for connection in self._connections:
            connection.send(Leaving(0))
        for attempt in self._pool.put_off():
            self._ledger.forget(attempt.key)
        self._containers.stop_standing()
        self._check_idle()

    def close(self) -> None:
        for connection in list(self._connections):
            connection.abort()

    def _lost(self, connection: Framing) -> None:
        self._connections.discard(connection)
        self._instances.pop(connection, None)
        self._watch_for_orphanhood()
        self._check_idle()

    def _watch_for_orphanhood(self) -> None:
        if self._orphan_s and not self._connections and self._orphaned is None:
            self._orphaned = asyncio.get_running_loop().call_later(self._orphan_s, self._on_orphaned)

    def _on_orphaned(self) -> None:
        """The daemon that started this runner was killed and nobody came after it. What has ended is handed on."""
        self._orphaned = None
        self._looked += 1
        if not self._ledger.running:
            self._end()
            return
        if self._looked >= STANDING_ORPHANED:
            self._containers.stop_standing()
        self._watch_for_orphanhood()

    def _check_idle(self) -> None:
        if self.idle.is_set():
            return
        if (self._ending or self._stopping) and not len(self._ledger):
            self._end()
        elif self._stopping and not self._connections and not self._ledger.running:
            self._end()

    def _receive(self, connection: Framing, message: bytes) -> None:
        try:
            request = decode_request(message)
        except (msgspec.DecodeError, ValueError) as error:
            log.warning("a connection sent what is no request and is dropped: %s", error)
            connection.send(Refused(0, f"not a request of version {VERSION}: {error}"))
            connection.abort()
            return
        answer = HANDLERS[type(request)](self, connection, request)
        if answer is not None:
            connection.send(answer)

    # -- one method per message; None means that the answer comes later

    def hello(self, connection: Framing, request: Hello) -> Answer:
        self._ending = None
        self._instances[connection] = request.instance
        self._ledger.drop_fleeting(request.instance)
        welcome = Welcome(request.number, VERSION, os.getpid(), self._started_ms)
        if not self._begins_nothing:
            return welcome
        connection.send(welcome)
        return Leaving(0)

    def register(self, connection: Framing, request: Register) -> Answer:
        self._pool.register(inline.placed(request.specs, self._texts), request.environment)
        instance = self._instances.get(connection, "")
        if instance and instance not in self._begun:
            self._begun.add(instance)
            asyncio.get_running_loop().call_later(UNASKED_S, self._drop_unasked, instance)
        return Done(request.number)

    def invoke(self, connection: Framing, request: Invoke) -> Answer | None:
        attempt = self._ledger.find(request.key)
        if attempt is None:
            if self._begins_nothing:
                return Leaving(0)
            if not self._pool.knows(request.function):
                return _unknown(request)
            if self._pool.is_throttled(request.function):
                return _throttled(request)
            attempt = Attempt(
                request.key,
                request.function,
                request.payload,
                timeout_ms=request.timeout_ms,
                arn=request.arn,
                client_context=request.client_context,
                detached=request.detached,
                fleeting=request.fleeting,
            )
            self._ledger.enter(attempt)
            self._pool.submit(attempt)
        return self._answer_with(connection, request.number, attempt)

    def run_container(self, connection: Framing, request: RunContainer) -> Answer | None:
        attempt = self._ledger.find(request.key)
        if attempt is None:
            if self._begins_nothing:
                return Leaving(0)
            attempt = Attempt(request.key, "", b"")
            self._ledger.enter(attempt)
            self._containers.run(attempt, request.spec)
        return self._answer_with(connection, request.number, attempt)

    def stop_container(self, connection: Framing, request: StopContainer) -> Answer:
        self._containers.stop(request.key)
        return Done(request.number)

    def attach(self, connection: Framing, request: Attach) -> Answer | None:
        attempt = self._ledger.find(request.key)
        if attempt is None:
            return Unheld(request.number)
        return self._answer_with(connection, request.number, attempt)

    def _drop_unasked(self, instance: str) -> None:
        if instance in self._instances.values() and (count := self._ledger.drop_unasked(instance)):
            log.info("%d outcomes are dropped: nobody asks for them any more", count)

    def _answer_with(self, connection: Framing, number: int, attempt: Attempt) -> Answer | None:
        attempt.asked_by = self._instances.get(connection, "")
        if attempt.detached:
            return Accepted(number, attempt.request_id)

        def send(ended: Attempt) -> None:
            connection.send(_finished(number, ended))

        attempt.when_ended(send)
        return None

    def cancel(self, connection: Framing, request: Cancel) -> Answer:
        attempt = self._ledger.find(request.key)
        if attempt is not None:
            attempt.acknowledged = True
            if request.key in self._containers:
                self._containers.stop(request.key)
            elif attempt.outcome is None:
                self._pool.cancel(attempt)
            self._ledger.acknowledge([request.key])
        return Done(request.number)

    def acknowledge(self, connection: Framing, request: Acknowledge) -> Answer:
        self._ledger.acknowledge(request.keys)
        return Done(request.number)

    def output(self, connection: Framing, request: Output) -> Answer:
        attempt = self._ledger.find(request.key)
        if attempt is None:
            return Unheld(request.number)
        return Printed(request.number, attempt.log.tail, attempt.log.truncated)

    def status(self, connection: Framing, request: Status) -> Answer:
        running = self._ledger.running
        return Counts(request.number, self._pool.warm(), running, len(self._ledger) - running, self._pool.packages())

    def shutdown_when_idle(self, connection: Framing, request: ShutdownWhenIdle) -> Answer:
        """With the last acknowledgement the runner ends, unless a daemon says Hello before."""
        if (instance := self._instances.get(connection, "")) in self._begun:
            self._drop_unasked(instance)
        self.forsaken = request.now
        # After the answer has left: an idle runner is gone the next moment.
        self._ending = connection
        asyncio.get_running_loop().call_soon(self._end if request.now else self._check_idle)
        return Done(request.number)


HANDLERS: dict[type, Callable[[Server, Framing, Any], Answer | None]] = {
    Hello: Server.hello,
    Register: Server.register,
    Invoke: Server.invoke,
    RunContainer: Server.run_container,
    StopContainer: Server.stop_container,
    Attach: Server.attach,
    Cancel: Server.cancel,
    Acknowledge: Server.acknowledge,
    Output: Server.output,
    Status: Server.status,
    ShutdownWhenIdle: Server.shutdown_when_idle,
}


def _finished(number: int, attempt: Attempt) -> Finished:
    outcome = attempt.outcome or Outcome()
    log, truncated = attempt.log.tail, attempt.log.truncated
    answer = (outcome.output, outcome.error, outcome.cause)
    return Finished(number, attempt.request_id, *answer, log, truncated, attempt.report)


def _throttled(request: Invoke) -> Finished:
    """Nothing was begun, so nothing is held: the next attempt has a key of its own."""
    request_id = str(uuid.uuid4())
    outcome = outcomes.throttled(request_id)
    return Finished(request.number, request_id, None, outcome.error, outcome.cause)


def _unknown(request: Invoke) -> Finished:
    """Nothing was begun, so nothing is held."""
    cause = f"Function not found: {request.arn or request.function}"
    return Finished(request.number, "", None, "Lambda.ResourceNotFoundException", cause)
