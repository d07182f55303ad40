"""Schedules fire: at an alarm, what is due by EventBridge's grammar and our two policies is started.

A run's execution is named after its schedule and fire time, so a crash between the start and the note of it starts
nothing twice. Times are computed by `sam.schedules` on APScheduler's triggers; this module only acts on them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from flowd import background
from flowd.clock import Clock, iso8601
from flowd.engine.alarms import Alarms
from flowd.engine.executions import Executions
from flowd.errors import ApiError, ExecutionAlreadyExists, ResourceNotFound
from flowd.payload import Payload
from flowd.sam.schedules import SamSchedule, admit, due_runs, run_input, schedule_arn
from flowd.services.ports import Delivery
from flowd.services.scheduler.expressions import SET_BACK_MS
from flowd.store import schedules, schema
from flowd.store.database import Database

log = logging.getLogger(__name__)


class Schedules:
    """All schedules of this daemon."""

    def __init__(self, db: Database, clock: Clock, alarms: Alarms, executions: Executions) -> None:
        self._db = db
        self._clock = clock
        self._alarms = alarms
        self._executions = executions
        self.deliver: Callable[[Delivery, str], Awaitable[None]] | None = None  # to what is no machine
        self._look = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._starting = False

    async def start(self) -> None:
        if self._worker is None:
            self._look.set()
            self._worker = asyncio.create_task(self._work(), name="schedules")

    async def stop(self) -> None:
        await background.end(self._worker)
        self._worker = None

    def look(self) -> None:
        """Something may be due: an alarm rang, or an execution closed for which a run may wait."""
        self._look.set()

    @property
    def busy(self) -> bool:
        """True while it starts something, or has something to look at."""
        return self._starting or self._look.is_set()

    async def set_schedules(
        self, wanted: Sequence[SamSchedule], keeps: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Exactly these exist, beside those whose source `keeps` says; what is new is not due for the past."""
        now_ms = self._clock.now_ms()
        known = {row.name: row for row in await self._db.read(schedules.every)}
        rows = [_row(schedule, known.get(schedule.name), now_ms) for schedule in wanted]
        named = {row.name for row in rows}
        rows += [row for row in known.values() if keeps(row.source) and row.name not in named]
        await self._db.write(partial(schedules.replace, wanted=rows))
        self._look.set()

    async def pause(self, name: str, who: str) -> schema.Schedule:
        """No run starts until it is resumed; fire times that pass meanwhile count as missed."""
        return await self._change(name, {"paused_by": who, "next_ms": None, "queued_ms": None})

    async def resume(self, name: str) -> schema.Schedule:
        """Runs start again; what was missed in the pause is left out, as on AWS."""
        row = await self._named(name)
        now_ms = self._clock.now_ms()
        next_ms = schedule_of(row).next_fire(now_ms) if row.state == "ENABLED" else None
        changed = await self._change(name, {"paused_by": None, "last_ms": now_ms, "next_ms": next_ms})
        self._look.set()
        return changed

    async def run_now(self, name: str) -> str:
        """Start one run at once, whatever the policies say; returns the execution's ARN."""
        row = await self._named(name)
        now_ms = self._clock.now_ms()
        arn = await self._start(row, now_ms, f"{_safe(name)}-now-{uuid.uuid4().hex[:8]}")
        await self._change(name, {"last_run_ms": now_ms, "last_arn": arn, "last_note": "run by hand"})
        return arn

    async def backfill(self, name: str, fires: Sequence[int]) -> list[str]:
        """Start the runs of these fire times, whatever the policies say; one that has run already is left alone."""
        row = await self._named(name)
        started = []
        for fire_ms in fires:
            with suppress(ExecutionAlreadyExists):
                started.append(await self._start(row, fire_ms, f"{_safe(name)}-{_stamp(fire_ms)}"))
        return started

    async def _named(self, name: str) -> schema.Schedule:
        row = await self._db.read(partial(schedules.named, name=name))
        if row is None:
            raise ResourceNotFound(f"there is no schedule named '{name}'")
        return row

    async def _change(self, name: str, values: dict[str, Any]) -> schema.Schedule:
        await self._named(name)
        await self._db.write(partial(schedules.change, name=name, values=values))
        return await self._named(name)

    # -- firing ------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            self._starting = True
            try:
                await self._plan_anew()
                for row in await self._db.read(partial(schedules.due, now_ms=self._clock.now_ms())):
                    await self._fire(row)
                earliest = await self._db.read(schedules.earliest)
                if earliest is not None:
                    self._alarms.arm(earliest)
            except Exception:
                log.exception("schedules could not be fired; they are looked at again within 30 s")
            finally:
                self._starting = False

    async def _plan_anew(self) -> None:
        """Schedules that ran by a clock that was far ahead would wait until it is that late."""
        now_ms = self._clock.now_ms()
        for row in await self._db.read(partial(schedules.ahead, of_ms=now_ms + SET_BACK_MS)):
            next_ms = schedule_of(row).next_fire(now_ms)
            note = f"the clock was set back from {iso8601(row.last_ms)} or later; planned anew from {iso8601(now_ms)}"
            log.warning("schedule %s: %s", row.name, note)
            values = {"last_ms": now_ms, "next_ms": next_ms, "last_note": note}
            await self._db.write(partial(schedules.change, name=row.name, values=values))

    async def _fire(self, row: schema.Schedule) -> None:
        now_ms = self._clock.now_ms()
        if row.paused_by is not None:
            return
        schedule = schedule_of(row)
        due = due_runs(schedule, row.last_ms, now_ms)
        runs = [*([row.queued_ms] if row.queued_ms is not None else []), *due.runs]
        values: dict[str, Any] = {"last_ms": now_ms, "next_ms": schedule.next_fire(now_ms), "queued_ms": None}
        if due.left_out:
            values["last_note"] = f"runs were missed before {iso8601(now_ms)}; policy: {row.missed}"
            log.warning("schedule %s: %s", row.name, values["last_note"])
        for fire_ms in runs:
            values.update(await self._run(row, fire_ms))
        await self._db.write(partial(schedules.change, name=row.name, values=values))

    async def _run(self, row: schema.Schedule, fire_ms: int) -> dict[str, Any]:
        """Start one run, or say why not; returns what to note."""
        verdict = admit(schedule_of(row).overlap, await self._running(row))
        if verdict == "queue":
            return {"queued_ms": fire_ms, "last_note": "a run waits for the one before"}
        if verdict == "skip":
            log.info("schedule %s: run of %s skipped, the one before still goes", row.name, iso8601(fire_ms))
            return {"last_note": f"run of {iso8601(fire_ms)} skipped: the one before still goes"}
        try:
            arn = await self._start(row, fire_ms, f"{_safe(row.name)}-{_stamp(fire_ms)}")
        except ExecutionAlreadyExists:
            return {"last_run_ms": fire_ms}
        except ApiError as error:
            log.error("schedule %s: run of %s could not start: %s", row.name, iso8601(fire_ms), error)
            return {"last_note": f"run of {iso8601(fire_ms)} could not start: {error}"}
        return {"last_run_ms": fire_ms, "last_arn": arn, "last_note": None}

    async def _running(self, row: schema.Schedule) -> int:
        machine = await self._db.read(partial(schedules.machine, name=row.machine_name))
        if machine is None:
            return 0
        trigger = f"schedule:{row.name}"
        return await self._db.read(partial(schedules.running, trigger=trigger, machine_id=machine.id or 0))

    async def _start(self, row: schema.Schedule, fire_ms: int, name: str) -> str:
        run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        text = run_input(schedule_of(row), fire_ms, run_id)
        if row.machine_name.startswith("arn:") and self.deliver is not None:
            await self.deliver(Delivery(row.machine_name, text, source=schedule_arn(schedule_of(row))), run_id)
            return row.machine_name
        machine = await self._db.read(partial(schedules.machine, name=row.machine_name))
        if machine is None:
            raise ResourceNotFound(f"its state machine '{row.machine_name}' does not exist")
        started = await self._executions.start(machine, name, Payload.parse(text), trigger=f"schedule:{row.name}")
        return started.arn


def schedule_of(row: schema.Schedule) -> SamSchedule:
    """The schedule that a row keeps."""
    return msgspec.convert({"machine": row.machine_name, **row.model_dump()}, SamSchedule)


def _row(schedule: SamSchedule, known: schema.Schedule | None, now_ms: int) -> schema.Schedule:
    """A new or changed expression counts from now; an unchanged one goes on where it was."""
    same = known is not None and (known.expression, known.timezone) == (schedule.expression, schedule.timezone)
    last_ms = known.last_ms if same and known is not None else now_ms
    paused = known is not None and known.paused_by is not None
    going = schedule.state == "ENABLED" and not paused
    return schema.Schedule(
        name=schedule.name,
        machine_name=schedule.machine,
        expression=schedule.expression,
        timezone=schedule.timezone,
        service=schedule.service,
        input=schedule.input,
        state=schedule.state,
        missed=schedule.missed,
        overlap=schedule.overlap,
        start_ms=schedule.start_ms,
        end_ms=schedule.end_ms,
        max_age_ms=schedule.max_age_ms,
        source=schedule.source,
        line=schedule.line,
        next_ms=schedule.next_fire(last_ms) if going else None,
        last_ms=last_ms,
    )


def _safe(name: str) -> str:
    """A schedule's name as the beginning of an execution's name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:50]


def _stamp(ms: int) -> str:
    return re.sub("[-:]", "", iso8601(ms)[:19])
