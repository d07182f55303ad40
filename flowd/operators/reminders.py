"""Prompts that nobody answers are brought up again: a notice to the hooks, news to the consoles, and at last somebody
else is named. When is in the Prompt object's `Reminder` (`flowd.questions`); how often it happened is on disk.
"""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import Any

from flowd import background
from flowd.core import Core
from flowd.errors import ServiceUnavailable
from flowd.operators.audit import Audit
from flowd.payload import loads
from flowd.questions import Reminder, reminder_of
from flowd.store import holds, prompts, schema
from flowd.store.changes import Change
from flowd.store.schema_operators import PromptHold

log = logging.getLogger(__name__)
AGAIN_S = 10.0


class Reminders:
    """One background duty; it looks when an alarm rings and when a prompt opens."""

    def __init__(self, core: Core, audit: Audit, notices: bool) -> None:
        """`notices`: whether hooks are told of prompts."""
        self._core = core
        self._audit = audit
        self._notices = notices
        self._look = asyncio.Event()
        self._work: list[asyncio.Task[None]] = []
        self.busy = False

    async def start(self) -> None:
        if not self._work:
            self._core.rang.append(self._look.set)
            await self._core.db.write(holds.forget_closed)
            self._look.set()
            self._work = [
                asyncio.create_task(self._run(), name="reminders"),
                asyncio.create_task(self._watch(), name="new prompts"),
            ]

    async def stop(self) -> None:
        await background.end(*self._work)
        self._work = []

    @property
    def idle(self) -> bool:
        return not (self.busy or self._look.is_set())

    async def _watch(self) -> None:
        """A prompt that opens may want to be brought up again earlier than all others."""
        changes = self._core.db.changes
        cursor = changes.cursor
        while True:
            found = await changes.wait(cursor, 60.0)
            cursor = changes.cursor
            if found is None or any(each.kind == "prompt" and each.status == "OPEN" for each in found):
                self._look.set()

    async def _run(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            self.busy = True
            try:
                earliest = await self._bring_up()
                if earliest is not None:
                    self._core.alarms.arm(earliest)
            except ServiceUnavailable as error:
                log.warning("reminders wait for the store: %s", error)
                self._core.alarms.arm(self._core.clock.now_ms() + round(AGAIN_S * 1000))
            finally:
                self.busy = False

    async def _bring_up(self) -> int | None:
        """Bring up what is due; when the next one is."""
        earliest: int | None = None
        now_ms = self._core.clock.now_ms()
        for task, hold in await self._core.db.read(holds.reminders):
            wanted = reminder_of(loads(task.prompt or "{}"))
            if wanted is None:
                continue
            due_ms = self._due(task, hold, wanted)
            if due_ms <= now_ms:
                await self._remind(task, hold, wanted, now_ms)
                due_ms = now_ms + round(wanted.seconds * 1000)
            earliest = due_ms if earliest is None else min(earliest, due_ms)
        return earliest

    def _due(self, task: schema.Task, hold: PromptHold | None, wanted: Reminder) -> int:
        if hold is not None and hold.remind_ms:
            return hold.remind_ms
        return task.scheduled_ms + round(wanted.seconds * 1000)

    async def _remind(self, task: schema.Task, hold: PromptHold | None, wanted: Reminder, now_ms: int) -> None:
        """Down-time counts as one reminder, however long it was."""
        short, times = task.short or "", (hold.reminded if hold else 0) + 1
        values: dict[str, Any] = {
            "reminded": times,
            "remind_ms": now_ms + round(wanted.seconds * 1000),
        }
        escalates = wanted.escalate_to is not None and times == wanted.times
        if escalates:
            values |= {"assigned_to": wanted.escalate_to, "assigned_by": "flowd"}
        found = await self._core.db.read(partial(prompts.open_task, short=short))
        if found is None:
            return
        facts = {"event": "reminder", "executionArn": found.execution.arn, "prompt": short, "times": times}
        facts |= {"stateMachineName": found.execution.machine_name, "state": task.state}
        if escalates:
            facts["escalatedTo"] = wanted.escalate_to
        hooks = [schema.Hook(kind="prompt", body=json.dumps(facts))] if self._notices else []
        await self._core.db.write(partial(holds.remind, task=task, values=values, hooks=hooks))
        if hooks:
            self._core.hooks.notice()
        if escalates:
            await self._audit.note("flowd", "EscalatePrompt", short, f"to {wanted.escalate_to}")
        changes = self._core.db.changes
        status = "ESCALATED" if escalates else "REMINDED"
        changes.append([Change(changes.next_cursor(), "prompt", short, found.execution.arn, status, task.state)])
