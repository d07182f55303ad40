"""Hooks: a command or a webhook fires on a new prompt, a failure, a close, so that nobody has to watch a screen.

A notice is a row written in the transaction of its cause and deleted when it is delivered, so none is lost; one that
cannot be delivered is tried again with growing pauses for a day, then dropped with a line in the log. They go out in
order, but one that hangs does not hold up the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Sequence
from functools import partial

import httpx

from flowd import background
from flowd.clock import Clock
from flowd.store import hooks, schema
from flowd.store.database import Database, Session

log = logging.getLogger(__name__)
AT_ONCE = 50
TIMEOUT_S = 30.0
PATIENCE_S = 1.0  # then the next one goes out beside it
MOST = 16  # side by side
_TROUBLE_S = 10.0
TRIES = 12


class Hooks:
    """Delivers notices. `command` gets the notice as JSON on stdin, `webhook` as the body of a POST."""

    def __init__(self, db: Database, clock: Clock, command: Sequence[str] = (), webhook: str | None = None) -> None:
        self._db = db
        self._clock = clock
        self._command = list(command)
        self._webhook = webhook
        self._due = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._busy: dict[int, asyncio.Task[None]] = {}  # by row

    async def start(self) -> None:
        if self._worker is None and (self._command or self._webhook):
            self._due.set()
            self._worker = asyncio.create_task(self._work(), name="hooks")

    async def stop(self) -> None:
        await background.end(self._worker)
        self._worker = None
        await background.end(*self._busy.values())

    def notice(self) -> None:
        """A notice is on disk."""
        self._due.set()

    async def _work(self) -> None:
        while True:
            self._due.clear()
            try:
                pause_s = await self._deliver_all()
            except Exception:
                log.exception("notices could not be read")
                pause_s = _TROUBLE_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._due.wait()

    async def _deliver_all(self) -> float:
        while rows := [row for row in await self._db.read(self._due_now) if row.id not in self._busy]:
            for row in rows:
                await self._room()
                delivery = asyncio.create_task(self._bring(row), name=f"notice {row.id}")
                self._busy[row.id or 0] = delivery
                await asyncio.wait({delivery}, timeout=PATIENCE_S)
        return 30.0

    def _due_now(self, session: Session) -> list[schema.Hook]:
        # More than are on their way: they stand before the others.
        return hooks.due(session, self._clock.now_ms(), AT_ONCE + len(self._busy))

    async def _room(self) -> None:
        while len(self._busy) >= MOST:
            await asyncio.wait(self._busy.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _bring(self, row: schema.Hook) -> None:
        try:
            await self._note(row, await self._deliver(row.kind, row.body))
        except Exception:
            log.exception("a notice's delivery could not be noted")
            await asyncio.sleep(_TROUBLE_S)
        finally:
            self._busy.pop(row.id or 0, None)

    async def _note(self, row: schema.Hook, problem: str | None) -> None:
        if problem is None or row.attempts + 1 >= TRIES:
            if problem is not None:
                log.error("notice dropped after %d tries: %s: %s", TRIES, row.body, problem)
            await self._db.write(partial(hooks.delivered, hook_id=row.id or 0))
            return
        log.warning("notice %s not delivered, will be tried again: %s", row.kind, problem)
        later_ms = self._clock.now_ms() + 1000 * 2 ** (row.attempts + 2)
        await self._db.write(partial(hooks.postpone, hook_id=row.id or 0, due_ms=later_ms))

    async def _deliver(self, kind: str, body: str) -> str | None:
        """What went wrong, or None."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._run(kind, body) if self._command else await self._post(body)
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:.0f} s"
        except (OSError, httpx.HTTPError) as error:
            return f"{type(error).__name__}: {error}"

    async def _run(self, kind: str, body: str) -> str | None:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            kind,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, so that what it has started can be ended with it
        )
        try:
            await process.communicate(body.encode())
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return None if process.returncode == 0 else f"{self._command[0]} exited with {process.returncode}"

    async def _post(self, body: str) -> str | None:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.post(self._webhook or "", json=json.loads(body))
        return None if answer.is_success else f"{self._webhook} answered {answer.status_code}"
