"""Batches: one verb for many executions, done by the daemon while whoever asked may go home.

Which executions it is for is settled on disk first; then they are taken in small groups, each group's outcomes in one
transaction with its entries in the audit. A restart goes on with what is pending: every verb may be done twice. A batch
takes turns with all other work, since a group waits for its commits like everybody else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from flowd import background
from flowd.core import Core
from flowd.errors import ApiError, ResourceNotFound, ServiceUnavailable, ValidationException
from flowd.operators import filters
from flowd.operators.audit import Audit
from flowd.operators.verbs import VERBS, Call, Verb, verb
from flowd.store import batches, matching, reads, schema
from flowd.store.batches import Outcome
from flowd.store.database import Session
from flowd.store.matching import Filter
from flowd.store.schema_operators import Batch

log = logging.getLogger(__name__)
AT_ONCE = 50
COLLECTED = 5000  # in one transaction
NAMED = 1000  # executions that one request may name
AGAIN_S = 10.0
REASON = 500


@dataclass(frozen=True)
class Wanted:
    """What a batch shall do: by a filter, or to executions named by id."""

    verb: str
    filter: str | None
    ids: tuple[int, ...]
    reason: str = ""
    members: dict[str, Any] | None = None


@dataclass(frozen=True)
class Preview:
    """A dry run: how many match by status, and to how many of them the verb applies."""

    counts: dict[str, int]
    applies: int


Read = Callable[[Filter, Callable[[Any], Any]], Any]


class Batches:
    """One worker for all batches of a daemon. `read` answers filters, `tell` says to consoles what is different."""

    def __init__(self, core: Core, audit: Audit, read: Read, tell: Callable[[str, str], None]) -> None:
        self._core = core
        self._audit = audit
        self._read = read
        self._tell = tell
        self._look = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self.busy = False

    async def start(self) -> None:
        if self._work is None:
            self._look.set()
            self._work = asyncio.create_task(self._run(), name="batches")

    async def stop(self) -> None:
        await background.end(self._work)
        self._work = None

    @property
    def idle(self) -> bool:
        return not (self.busy or self._look.is_set())

    # -- what people ask for

    async def preview(self, wanted: Wanted) -> Preview:
        """How many executions it would be for; nothing happens."""
        does = verb(wanted.verb)
        if wanted.filter is None:
            rows = await self._core.db.read(partial(reads.by_ids, ids=_some(wanted.ids)))
            counts: dict[str, int] = {}
            for row in rows:
                counts[row.status] = counts.get(row.status, 0) + 1
            return Preview(counts, sum(_applies(does, row) for row in rows))
        every = self._parse(wanted.filter)
        found = await self._read(every, partial(matching.count, wanted=every))
        narrow = _narrowed(every, does)
        return Preview(found.counts, (await self._read(narrow, partial(matching.count, wanted=narrow))).total)

    async def begin(self, wanted: Wanted, who: str) -> Batch:
        """A new batch; returns when it is on disk, its items are collected later."""
        does = verb(wanted.verb)
        reason = wanted.reason.strip()
        if not reason:
            raise ValidationException("a batch needs a reason: it stands in the audit of every execution it touches")
        members = wanted.members or {}
        if unknown := members.keys() - set(does.members):
            raise ValidationException(f"'{wanted.verb}' takes no {', '.join(sorted(unknown))}")
        if wanted.filter is not None:
            self._parse(wanted.filter)
        batch = Batch(
            verb=wanted.verb,
            filter=wanted.filter,
            reason=reason[:REASON],
            members=json.dumps(members),
            who=who,
            created_ms=self._core.clock.now_ms(),
        )
        ids = _some(wanted.ids) if wanted.filter is None else ()
        batch_id = await self._core.db.write(partial(_begin, batch=batch, ids=ids))
        which = f"filter {wanted.filter!r}" if wanted.filter is not None else f"{len(ids)} named"
        await self._audit.note(who, "StartBatch", f"batch {batch_id}", f"{wanted.verb}, {which}: {reason}")
        self._look.set()
        self._tell("batch", str(batch_id))
        return await self.find(batch_id)

    async def cancel(self, batch_id: int, who: str) -> Batch:
        """Nothing more is begun; what is done stays done."""
        await self.find(batch_id)
        now_ms = self._core.clock.now_ms()
        if await self._core.db.write(partial(batches.cancel, batch_id=batch_id, who=who, now_ms=now_ms)):
            await self._audit.note(who, "CancelBatch", f"batch {batch_id}")
            self._tell("batch", str(batch_id))
        return await self.find(batch_id)

    async def find(self, batch_id: int) -> Batch:
        found = await self._core.db.read(partial(batches.find, batch_id=batch_id))
        if found is None:
            raise ResourceNotFound(f"there is no batch {batch_id}")
        return found

    def _parse(self, text: str, at_ms: int | None = None) -> Filter:
        return filters.parse(text, self._core.clock.now_ms() if at_ms is None else at_ms)

    # -- the work

    async def _run(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            self.busy = True
            try:
                while open_ones := await self._core.db.read(batches.unfinished):
                    for batch in open_ones:
                        await self._turn(batch)
            except ServiceUnavailable as error:
                log.warning("batches wait for the store: %s", error)
                self._look.set()
                await asyncio.sleep(AGAIN_S)
            except Exception:
                log.exception("a batch could not go on; it is looked at again")
                self._look.set()
                await asyncio.sleep(AGAIN_S)
            finally:
                self.busy = False

    async def _turn(self, batch: Batch) -> None:
        """A piece of one batch, so that a short one need not wait for the end of a long one."""
        await (self._collect(batch) if batch.status == "COLLECTING" else self._group(batch))
        self._tell("batch", str(batch.id))

    async def _collect(self, batch: Batch) -> None:
        batch_id = batch.id or 0
        if batch.filter is not None:
            wanted = _narrowed(self._parse(batch.filter, batch.created_ms), VERBS[batch.verb])
            before = await self._core.db.read(partial(batches.lowest, batch_id=batch_id))
            ids = await self._read(
                wanted, partial(matching.matching_ids, wanted=wanted, before=before, limit=COLLECTED)
            )
            if ids:
                await self._core.db.write(partial(batches.collect, batch_id=batch_id, ids=ids))
            if len(ids) == COLLECTED:
                return
        await self._core.db.write(partial(batches.run, batch_id=batch_id))

    async def _group(self, batch: Batch) -> None:
        batch_id = batch.id or 0
        group = await self._core.db.read(partial(batches.pending, batch_id=batch_id, limit=AT_ONCE))
        outcomes = await asyncio.gather(*(self._one(batch, item.id or 0, row) for item, row in group))
        settle = partial(batches.settle, batch_id=batch_id, outcomes=outcomes, ended_ms=self._core.clock.now_ms())
        await self._core.db.write(settle)

    async def _one(self, batch: Batch, item_id: int, row: schema.Execution | None) -> Outcome:
        if row is None:
            return Outcome(item_id, "the execution is no longer there")
        does = VERBS[batch.verb]
        try:
            await does.do(Call(self._core, row, batch.id or 0, batch.reason, json.loads(batch.members)))
        except ServiceUnavailable:
            raise
        except ApiError as error:
            return Outcome(item_id, f"{error.code}: {error.message}" if error.message else error.code)
        detail = f"batch {batch.id}: {batch.reason}"
        now_ms = self._core.clock.now_ms()
        return Outcome(
            item_id, None, schema.Audit(at_ms=now_ms, who=batch.who, verb=does.audit, target=row.arn, detail=detail)
        )


def _begin(session: Session, batch: Batch, ids: tuple[int, ...]) -> int:
    batch_id = batches.add(session, batch)
    batches.collect(session, batch_id, ids)
    return batch_id


def _some(ids: tuple[int, ...]) -> tuple[int, ...]:
    if not ids or len(ids) > NAMED:
        raise ValidationException(f"{len(ids)} executions are named; it must be 1 to {NAMED}, or a filter")
    return tuple(dict.fromkeys(ids))


def _narrowed(wanted: Filter, does: Verb) -> Filter:
    """The executions of a filter that the verb applies to."""
    return replace(
        wanted,
        statuses=_both(wanted.statuses, does.statuses),
        waiting=_both(wanted.waiting, does.waiting),
        types=_both(wanted.types, does.types),
    )


def _both(asked: tuple[str, ...], needed: tuple[str, ...]) -> tuple[str, ...]:
    """What fits both conditions, where none is no condition; if they exclude each other, a value that nothing has."""
    if not asked or not needed:
        return asked or needed
    return tuple(value for value in asked if value in needed) or ("-",)


def _applies(does: Verb, row: schema.Execution) -> bool:
    fits = (not does.waiting or row.waiting in does.waiting) and (not does.types or row.type in does.types)
    return fits and row.status in does.statuses
