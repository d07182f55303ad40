"""The shell around the embedded services: an operation runs whole in one transaction, what follows comes after it.

A Task's answer is kept in the transaction of its effect and found again by the Task's key, so that a call that is
repeated after a crash has its effect once. The shell knows no service: they are registered with the tables they need.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import msgspec

from flowd import background
from flowd.clock import Clock
from flowd.engine.alarms import Alarms
from flowd.errors import NotYetBuilt, ServiceUnavailable
from flowd.services.ports import Call, Delivery, Members, Service, ServiceError
from flowd.store import embedded as rows
from flowd.store.database import Database, Session

log = logging.getLogger(__name__)
T = TypeVar("T")
AGAIN_MS = 1_000
NAMES_KEPT = 10_000
_pack, _unpack = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode


class Connected(Protocol):
    def __call__(self) -> bool: ...


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Here:
    """A registered service."""

    service: Service[Any]
    tables: Callable[[Session], Any]


class Embedded:
    """All embedded services of one daemon. `sent` is called when a commit holds deliveries."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        alarms: Alarms,
        region: str,
        account: str,
        endpoint: str = "",
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self._db = db
        self._clock = clock
        self._alarms = alarms
        self._region = region
        self._account = account
        self._endpoint = endpoint
        self._new_id = new_id
        self._services: dict[str, _Here] = {}
        self._pollers: dict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._wakes = 0  # counts wakings, so that one between a look and the wait for it is noticed
        self._woken: dict[str, int] = {}
        self._ticks: dict[str, int] = {}
        self._looked_ms = 0
        self._rung = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._ticking = False
        self._stopping = False
        self.sent: Callable[[], None] = lambda: None
        self._listeners: dict[str, list[Callable[[], None]]] = defaultdict(list)

    def register(self, service: Service[T], tables: Callable[[Session], T]) -> None:
        """Serve it from now on; `tables` makes its port to the rows of one transaction."""
        self._services[service.name] = _Here(service, tables)

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted(self._services))

    def offers(self, service: str, operation: str) -> bool:
        here = self._services.get(service)
        return here is not None and operation in here.service.operations

    # -- calls -------------------------------------------------------------------

    async def invoke(
        self,
        service: str,
        operation: str,
        members: Members,
        *,
        task_key: str | None = None,
        who: str = "",
        connected: Connected = _always,
    ) -> dict[str, Any]:
        """The answer to one call, on disk; raises what the operation refuses with.

        A call with a `task_key` has its effect once, however often it is made, until `forget`. An operation that found
        nothing and said for how long it would wait is asked again when there is news for it.
        """
        here = self._services.get(service)
        if here is None or operation not in here.service.operations:
            raise NotYetBuilt(f"{service}:{operation} is not built in flowd")
        until_ms = 0
        while True:
            seen = self._wakes
            answer, call = await self._once(here, operation, members, task_key, who)
            if call is None or call.wait is None:
                return answer
            name, most_ms = call.wait
            until_ms = until_ms or self.now_ms + most_ms
            if not await self.wait(name, (until_ms - self.now_ms) / 1000, seen) or not connected():
                return answer

    async def _once(
        self, here: _Here, operation: str, members: Members, task_key: str | None, who: str
    ) -> tuple[dict[str, Any], Call | None]:
        run = partial(self._apply, here=here, operation=operation, members=members, who=who)
        if operation in here.service.reads:
            return await self._db.read(run)
        answer, call = await self._db.write(partial(self._of_task, run=run, key=task_key) if task_key else run)
        if call is not None:
            self.follow(here.service.name, call)
        return answer, call

    def _of_task(
        self, session: Session, run: Callable[[Session], tuple[dict[str, Any], Call]], key: str
    ) -> tuple[dict[str, Any], Call | None]:
        """Write: the answer of an attempt of a Task, which may have been given before."""
        known = rows.outcome(session, key)
        if known is not None:
            return _unpack(known), None
        answer, call = run(session)
        if call.wait is None:
            rows.keep_outcome(session, key, _pack(answer))
        return answer, call

    def _apply(
        self, session: Session, here: _Here, operation: str, members: Members, who: str
    ) -> tuple[dict[str, Any], Call]:
        """In a transaction: run one operation, and write down what it wants to have delivered."""
        call = self._call(who)
        answer = here.service.operations[operation](here.tables(session), members, call)
        rows.send(session, call)
        return answer, call

    def accept(self, session: Session, service: str, delivery: Delivery) -> Call:
        """In a transaction: one of our own resources takes a delivery. Raises ServiceError."""
        here = self._services[service]
        call = self._call(delivery.source)
        if here.service.accept is not None:
            here.service.accept(here.tables(session), delivery, call)
        else:
            operation, members = _request(service, delivery)
            here.service.operations[operation](here.tables(session), members, call)
        rows.send(session, call)
        return call

    async def post(self, *deliveries: Delivery) -> None:
        """Have these brought to their targets; they are on disk when this returns."""
        await self._db.write(partial(self.send, deliveries=deliveries))
        self.sent()

    def send(self, session: Session, deliveries: Iterable[Delivery]) -> None:
        """In a transaction: have these brought to their targets; whoever commits says `sent` afterwards."""
        call = self._call("")
        call.deliveries.extend(deliveries)
        rows.send(session, call)

    async def forget(self, task_key: str) -> None:
        """The Task's outcome is on disk: the answer is not asked for again."""
        await self._db.write(partial(rows.forget_outcome, key=task_key))

    def follow(self, service: str, call: Call) -> None:
        """After the commit: wake who waits, arm the alarm, send what is to be sent."""
        self.wake(*call.wake)
        if call.due_ms:
            self._tick_at(service, min(call.due_ms))
        if call.deliveries:
            self.sent()

    def _call(self, who: str) -> Call:
        return Call(
            now_ms=self.now_ms,
            region=self._region,
            account=self._account,
            new_id=self._new_id,
            who=who,
            endpoint=self._endpoint,
        )

    @property
    def now_ms(self) -> int:
        return self._clock.now_ms()

    # -- pollers -----------------------------------------------------------------

    def wake(self, *names: str) -> None:
        """There is news for whoever waits for these names."""
        for name in names:
            self._wakes += 1
            self._woken[name] = self._wakes
            for listener in self._listeners.get(name, ()):
                listener()
            for poller in self._pollers.pop(name, ()):
                if not poller.done():
                    poller.set_result(None)
        if len(self._woken) > NAMES_KEPT:
            self._woken = {name: at for name, at in self._woken.items() if name in self._pollers}

    @property
    def moment(self) -> int:
        """Now, for `wait`: what is woken from here on counts."""
        return self._wakes

    def woken(self, name: str, seen: int) -> bool:
        """True if there was news for the name since that moment."""
        return self._woken.get(name, 0) > seen

    def on_wake(self, name: str, listener: Callable[[], None]) -> None:
        """Call this, before anybody is answered, whenever there is news for the name."""
        self._listeners[name].append(listener)

    async def wait(self, name: str, timeout_s: float, seen: int | None = None) -> bool:
        """Wait for news; False when the time is over or the daemon stops. `seen`: news since then counts as well."""
        if self._stopping or timeout_s <= 0:
            return False
        if seen is not None and self.woken(name, seen):
            return True
        poller: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pollers[name].add(poller)
        try:
            async with asyncio.timeout(timeout_s):
                await poller
        except TimeoutError:
            return False
        finally:
            waiting = self._pollers.get(name)
            if waiting is not None:
                waiting.discard(poller)
                if not waiting:
                    del self._pollers[name]
        return not self._stopping

    # -- what time brings ----------------------------------------------------------

    async def start(self) -> None:
        """Clear up after the daemon before, and let each service look at what time has brought meanwhile."""
        await self._db.write(rows.forget_orphans)
        self._ticks = dict.fromkeys(self._ticking_services(), 0)
        self._worker = asyncio.create_task(self._work(), name="embedded services")
        self._rung.set()

    @property
    def draining(self) -> bool:
        """True once nobody waits here any more."""
        return self._stopping

    def drain(self) -> None:
        """Pollers are answered now; later ones at once."""
        self._stopping = True
        self.wake(*self._pollers)

    async def stop(self) -> None:
        self.drain()
        await background.end(self._worker)
        self._worker = None

    def look(self) -> None:
        """An alarm has rung. Where the clock was set back, what is planned may be planned too late."""
        now_ms = self.now_ms
        if now_ms < self._looked_ms:
            self._ticks = dict.fromkeys(self._ticking_services(), 0)
        self._looked_ms = now_ms
        self._rung.set()

    def _ticking_services(self) -> list[str]:
        return [name for name, here in self._services.items() if here.service.tick is not None]

    @property
    def busy(self) -> bool:
        """True while something is done for the time that has passed, or is about to be."""
        now_ms = self.now_ms
        return self._rung.is_set() or self._ticking or any(due <= now_ms for due in self._ticks.values())

    def _tick_at(self, service: str, due_ms: int) -> None:
        if service in self._ticks and due_ms >= self._ticks[service]:
            return
        self._ticks[service] = due_ms
        if due_ms <= self.now_ms:
            self._rung.set()
        else:
            self._alarms.arm(due_ms)

    async def _work(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            for name in [name for name, due_ms in self._ticks.items() if due_ms <= self.now_ms]:
                del self._ticks[name]  # before it looks: what is wanted while it looks counts again
                self._ticking = True
                try:
                    await self._tick(name)
                finally:
                    self._ticking = False

    async def _tick(self, name: str) -> None:
        try:
            due_ms, call = await self._db.write(partial(self._let_time_pass, here=self._services[name]))
        except ServiceUnavailable as error:
            log.warning("%s waits for the store: %s", name, error)
            due_ms, call = self.now_ms + AGAIN_MS, None
        except Exception:
            log.exception("%s could not do what time brings", name)
            due_ms, call = self.now_ms + AGAIN_MS, None
        if due_ms is not None:
            self._tick_at(name, max(due_ms, self.now_ms + 1))
        if call is not None:
            self.follow(name, call)

    def _let_time_pass(self, session: Session, here: _Here) -> tuple[int | None, Call]:
        call = self._call("")
        assert here.service.tick is not None
        due_ms = here.service.tick(here.tables(session), call)
        rows.send(session, call)
        return due_ms, call


def _request(service: str, delivery: Delivery) -> tuple[str, dict[str, Any]]:
    """A delivery to a queue or topic as the call that a client would make."""
    _, _, _, region, account, name = delivery.target.split(":", 5)
    if service == "sqs":
        url = f"https://sqs.{region}.amazonaws.com/{account}/{name}"
        return "SendMessage", {"QueueUrl": url, "MessageBody": delivery.body, **delivery.options}
    if service == "sns":
        return "Publish", {"TopicArn": delivery.target, "Message": delivery.body, **delivery.options}
    raise ServiceError("UnsupportedOperation", f"{service} takes no deliveries")
