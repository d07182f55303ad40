"""Deliveries: what a service or a rule sends is a row of the outbox until its target has taken it or it is given up.

A queue, a topic or an event bus of this daemon takes it in the transaction that deletes the row: exactly once.
Functions, machines and URLs are told from outside of a transaction, at least once; an execution is named by the
delivery, so that telling it twice starts it once. What fails is tried again with growing pauses, then goes to the
dead-letter queue.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from flowd import background
from flowd.clock import Clock
from flowd.engine.alarms import Alarms
from flowd.engine.deliveries.outcomes import Attempt, Carrier, LastWill, NotNow, Refused
from flowd.engine.embedded import Embedded
from flowd.errors import ApiError, ServiceUnavailable
from flowd.services.ports import Call, Delivery
from flowd.store import embedded as rows
from flowd.store.database import Database, Session
from flowd.store.schema_embedded import DeliveryRow

log = logging.getLogger(__name__)
AT_ONCE = 100
IN_HAND = 32  # deliveries to the outside that are under way at the same time
TIMEOUT_S = 60.0
FIRST_MS, LONGEST_MS = 1_000, 600_000
AGAIN_MS = 1_000
LONGEST_NOT_NOW_MS = 300_000


class Deliveries:
    """The outbox at work. `carriers` by kind of target: the service of its ARN, or `http`."""

    def __init__(self, db: Database, clock: Clock, alarms: Alarms, embedded: Embedded) -> None:
        self._db = db
        self._clock = clock
        self._alarms = alarms
        self._embedded = embedded
        self.carriers: dict[str, Carrier] = {}
        self.last_wills: dict[str, LastWill] = {}
        self.settle: dict[str, Callable[[Attempt], Awaitable[None]]] = {}  # told once the end of a try is on disk
        self.first_ms: dict[str, int] = {}  # the first pause of what this source sends, where it is not FIRST_MS
        self.jitter: Callable[[], float] = random.random  # from 0 to 1: how much of a pause's second half is waited
        self.patience_s: dict[str, float] = {}  # how long a carrier may take, where it is not TIMEOUT_S
        self._due = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._outside: dict[int, asyncio.Task[None]] = {}
        self._looking = False
        embedded.sent = self.look

    async def start(self) -> None:
        self._worker = asyncio.create_task(self._work(), name="deliveries")
        self._due.set()

    async def stop(self) -> None:
        """What is under way is let go; its row is still there and is delivered again."""
        await background.end(*self._outside.values(), self._worker)
        self._worker = None

    async def put(self, delivery: Delivery, name: str) -> None:
        """Bring this to its target; a second one of the same name is the first."""
        await self._db.write(partial(rows.put, delivery=delivery, name=name, now_ms=self._clock.now_ms()))
        self.look()

    def look(self) -> None:
        """There may be something to deliver."""
        self._due.set()

    @property
    def busy(self) -> bool:
        return self._due.is_set() or self._looking or bool(self._outside)

    async def _work(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            self._looking = True
            try:
                await self._deliver_all()
            except ServiceUnavailable as error:
                log.warning("deliveries wait for the store: %s", error)
                self._alarms.arm(self._clock.now_ms() + AGAIN_MS)
            except Exception:
                log.exception("deliveries could not be read or written")
                self._alarms.arm(self._clock.now_ms() + AGAIN_MS)
            finally:
                self._looking = False

    async def _deliver_all(self) -> None:
        """What stays in the database first: nobody outside, however slow, holds it up."""
        while found := await self._due_rows(AT_ONCE, inside=True):
            await asyncio.gather(*(self._hand_over(row) for row in found))
            if len(found) < AT_ONCE:
                break
        for row in await self._due_rows(IN_HAND - len(self._outside), inside=False):
            self._send_out(row)
        earliest = await self._db.read(partial(rows.earliest, now_ms=self._clock.now_ms()))
        if earliest is not None:
            self._alarms.arm(earliest)

    async def _due_rows(self, limit: int, *, inside: bool) -> list[DeliveryRow]:
        """What is due and not in hand, for services of this database or for all else."""
        if limit <= 0:
            return []
        services, in_hand = self._embedded.services, tuple(self._outside)
        now_ms = self._clock.now_ms()
        read = partial(rows.due, now_ms=now_ms, limit=limit, services=services, inside=inside, beside=in_hand)
        return await self._db.read(read)

    # -- inside of the database ----------------------------------------------------

    async def _hand_over(self, row: DeliveryRow) -> None:
        """One transaction: the target has it, the outbox has it no longer."""
        delivery = rows.delivery(row)
        try:
            call = await self._db.write(partial(self._accept, delivery=delivery, row_id=row.id or 0))
        except ServiceUnavailable:
            raise
        except ApiError as error:
            await self._failed(row, delivery, error, error.code, for_good=error.status < 500)
        except Exception as error:
            log.exception("%s could not take a delivery", row.target)
            await self._failed(row, delivery, error, "INTERNAL_ERROR")
        else:
            if call is not None:
                self._embedded.follow(_kind(row.target), call)

    def _accept(self, session: Session, delivery: Delivery, row_id: int) -> Call | None:
        if not rows.end(session, row_id):
            return None
        return self._embedded.accept(session, _kind(delivery.target), delivery)

    # -- outside -------------------------------------------------------------------

    def _send_out(self, row: DeliveryRow) -> None:
        number = row.id or 0
        task = asyncio.create_task(self._carry(row), name=f"delivery {number}")
        self._outside[number] = task
        task.add_done_callback(lambda _: self._back(number))

    def _back(self, number: int) -> None:
        waited = len(self._outside) >= IN_HAND
        self._outside.pop(number, None)
        if waited:
            self._due.set()

    async def _carry(self, row: DeliveryRow) -> None:
        delivery, kind = rows.delivery(row), _kind(row.target)
        carrier, attempt = self.carriers.get(kind), Attempt(row.uuid, row.attempts)
        try:
            if carrier is None:
                raise Refused(f"nothing in flowd takes what is sent to {row.target}", "NO_RESOURCE")
            async with asyncio.timeout(self.patience_s.get(kind, TIMEOUT_S)):
                follows = await carrier(delivery, attempt)
        except Refused as error:
            await self._failed(row, delivery, error, error.code, for_good=True)
        except NotNow as error:
            await self._not_now(row, delivery, error)
        except Exception as error:
            await self._failed(row, delivery, error, type(error).__name__)
        else:
            await self._keep_trying(partial(self._taken, row_id=row.id or 0, follows=follows or ()))
            if follows:
                self.look()
        if kind in self.settle:
            await self.settle[kind](attempt)

    def _taken(self, session: Session, row_id: int, follows: Sequence[Delivery]) -> None:
        if rows.end(session, row_id):
            self._embedded.send(session, follows)

    async def _keep_trying(self, write: Callable[[Any], Any]) -> None:
        """It was taken, and must not be sent again because the disk is full just now."""
        while True:
            try:
                await self._db.write(write)
                return
            except ServiceUnavailable:
                await asyncio.sleep(AGAIN_MS / 1000)

    # -- failures ------------------------------------------------------------------

    async def _not_now(self, row: DeliveryRow, delivery: Delivery, error: NotNow) -> None:
        """It waits as long again as it has waited, up to five minutes, if the target did not say how long."""
        now_ms = self._clock.now_ms()
        waited_ms = now_ms - row.created_ms
        if waited_ms >= delivery.age_s * 1000:
            await self._failed(row, delivery, error, error.code, for_good=True)
            return
        pause_ms = min(max(waited_ms, FIRST_MS), LONGEST_NOT_NOW_MS) if error.after_ms is None else error.after_ms
        await self._postpone(row, now_ms + pause_ms, error.code, error.message, counts=False)

    async def _failed(
        self, row: DeliveryRow, delivery: Delivery, error: Exception, code: str, *, for_good: bool = False
    ) -> None:
        now_ms, said = self._clock.now_ms(), str(error)
        over = row.attempts + 1 >= delivery.tries or now_ms - row.created_ms >= delivery.age_s * 1000
        if not (for_good or over):
            await self._postpone(row, now_ms + self._pause_ms(row), code, said)
            return
        log.error("a delivery to %s is given up after %d tries: %s: %s", row.target, row.attempts + 1, code, said)
        try:
            call = await self._db.write(
                partial(self._give_up, row=row, delivery=delivery, error=error, code=code, said=said)
            )
        except ApiError as error:
            log.error("nor does its dead-letter queue %s take it: %s", delivery.dead_letter, error.message)
            await self._db.write(partial(rows.end, delivery_id=row.id or 0))
        else:
            if call is not None:
                self._embedded.follow("sqs", call)

    def _pause_ms(self, row: DeliveryRow) -> int:
        """Twice as long each time; of EventBridge and SNS with jitter, so that those who failed together do not come
        together (user guide, "How EventBridge retries delivering events")."""
        first_ms = self.first_ms.get(row.source)
        if first_ms is not None:
            return int(first_ms * 2**row.attempts)
        longest: int = min(FIRST_MS * 2 ** min(row.attempts, 30), LONGEST_MS)
        return round(longest * (1 + self.jitter()) / 2)

    async def _postpone(self, row: DeliveryRow, due_ms: int, code: str, said: str, *, counts: bool = True) -> None:
        log.info("%s did not take a delivery, will be tried again: %s: %s", row.target, code, said)
        await self._db.write(partial(rows.postpone, delivery_id=row.id or 0, due_ms=due_ms, counts=counts))
        self._alarms.arm(due_ms)

    def _give_up(
        self, session: Session, row: DeliveryRow, delivery: Delivery, error: Exception, code: str, said: str
    ) -> Call | None:
        rows.end(session, row.id or 0)
        will = self.last_wills.get(_kind(row.target))
        left = None if will is None else will(delivery, Attempt(row.uuid, row.attempts), error)
        if left is not None:
            self._embedded.send(session, left)
            self.look()
            return None
        if not delivery.dead_letter or "sqs" not in self._embedded.services:
            return None
        facts = {
            "ERROR_CODE": code,
            "ERROR_MESSAGE": said[:1000] or code,
            "RULE_ARN": delivery.source,
            "TARGET_ARN": delivery.target,
        }
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in facts.items() if value}
        last = Delivery(delivery.dead_letter, delivery.body, delivery.source, {"MessageAttributes": attributes})
        return self._embedded.accept(session, "sqs", last)


def _kind(target: str) -> str:
    """`sqs`, `lambda`, `states`, ..., or `http`, or `api-destination`."""
    if ":api-destination/" in target and target.startswith("arn:"):
        return "api-destination"
    if target.startswith(("http://", "https://")):
        return "http"
    parts = target.split(":", 3)
    return parts[2] if len(parts) > 3 else ""
