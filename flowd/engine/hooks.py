"""Hooks: a command or a webhook fires on a new prompt, a failure, a close, so that nobody has to watch a screen.

A notice is a row written in the transaction of its cause and deleted when it is delivered, so none is lost; one that
cannot be delivered is tried again with growing pauses for a day, then dropped with a line in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Sequence
from functools import partial

import httpx

from flowd.clock import Clock
from flowd.store import hooks
from flowd.store.database import Database

log = logging.getLogger(__name__)
AT_ONCE = 50
TIMEOUT_S = 30.0
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

    async def start(self) -> None:
        if self._worker is None and (self._command or self._webhook):
            self._due.set()
            self._worker = asyncio.create_task(self._work(), name="hooks")

    async def stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)
            self._worker = None

    def notice(self) -> None:
        """A notice is on disk."""
        self._due.set()

    async def _work(self) -> None:
        while True:
            self._due.clear()
            try:
                pause_s = await self._deliver_all()
            except Exception:
                log.exception("notices could not be read or written")
                pause_s = 10.0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._due.wait()

    async def _deliver_all(self) -> float:
        while rows := await self._db.read(partial(hooks.due, now_ms=self._clock.now_ms(), limit=AT_ONCE)):
            for row in rows:
                problem = await self._deliver(row.kind, row.body)
                if problem is None or row.attempts + 1 >= TRIES:
                    if problem is not None:
                        log.error("notice dropped after %d tries: %s: %s", TRIES, row.body, problem)
                    await self._db.write(partial(hooks.delivered, hook_id=row.id or 0))
                    continue
                log.warning("notice %s not delivered, will be tried again: %s", row.kind, problem)
                later_ms = self._clock.now_ms() + 1000 * 2 ** (row.attempts + 2)
                await self._db.write(partial(hooks.postpone, hook_id=row.id or 0, due_ms=later_ms))
        return 30.0

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
            *self._command, kind, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await process.communicate(body.encode())
        finally:
            if process.returncode is None:
                process.kill()
        return None if process.returncode == 0 else f"{self._command[0]} exited with {process.returncode}"

    async def _post(self, body: str) -> str | None:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.post(self._webhook or "", json=json.loads(body))
        return None if answer.is_success else f"{self._webhook} answered {answer.status_code}"
