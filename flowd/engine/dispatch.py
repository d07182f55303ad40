"""Dispatch: what a commit scheduled is handed to its integration, and its outcome comes back as news.

Calls begin only after their commit, and an outcome is acknowledged to the other side only after its own. A commit that
fails for lack of disk is tried again: the outcome of work that was done is never dropped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from flowd.engine.live import OpenTask, Reply
from flowd.history import Event, News
from flowd.integrations.ports import Failed, Integration, Outcome, Succeeded

log = logging.getLogger(__name__)
RETRY_S = 1.0
_FAILURES = {"start": News.TASK_START_FAILED, "submit": News.TASK_SUBMIT_FAILED, "run": News.TASK_FAILED}


class Registry(Protocol):
    """Which integration runs a service's actions."""

    def find(self, service: str) -> Integration | None: ...


class Dispatch:
    """The calls this daemon has in hand."""

    def __init__(self, registry: Registry, post: Callable[[int, Event], Reply]) -> None:
        self._registry = registry
        self._post = post
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._cancels: set[asyncio.Task[None]] = set()
        self._answered: set[str] = set()  # calls whose outcome is on its way to the store: nothing is left to cancel
        self._working: set[str] = set()  # calls that do something; one that waits for a job or a child does not
        self._by_token: set[str] = set()  # attempts that somebody answers by their token just now
        self._stopped = False

    def begin(self, task: OpenTask) -> None:
        """Call the integration; returns at once. Once stopped, the call is left to the next daemon."""
        if self._stopped:
            return
        if task.submitted is None:
            self._working.add(task.call.key)
        call = asyncio.create_task(self._run(task), name=f"call {task.call.key}")
        self._calls[task.call.key] = call
        call.add_done_callback(lambda _: self._end(task.call.key))

    def _end(self, key: str) -> None:
        self._calls.pop(key, None)
        self._working.discard(key)
        self._answered.discard(key)

    def cancel(self, task: OpenTask) -> None:
        """The attempt is over for the engine; does nothing if its own outcome or an answer by token ended it."""
        if task.call.key in self._by_token:
            return
        call = self._calls.get(task.call.key)
        integration = self._registry.find(task.call.service)
        if call is None or integration is None or task.call.key in self._answered:
            return
        call.cancel()
        stopping = asyncio.create_task(self._stop(integration, task))
        self._cancels.add(stopping)
        stopping.add_done_callback(self._cancels.discard)

    @contextmanager
    def answering(self, key: str) -> Iterator[None]:
        """While somebody answers this attempt by its token: the work that handed the token out may go on.

        A function or a child execution that answers for its own Task has not ended by that; its outcome comes too late
        and is forgotten.
        """
        self._by_token.add(key)
        try:
            yield
        finally:
            self._by_token.discard(key)

    async def _stop(self, integration: Integration, task: OpenTask) -> None:
        try:
            await integration.cancel(task.call)
        except Exception:
            log.exception("%s: could not be cancelled", task.call.key)

    async def stop(self) -> None:
        """Let go of all calls without ending the work: whoever does it keeps the outcome for the next daemon.

        None begins any more either: executions that start each other would never come to rest.
        """
        self._stopped = True
        calls = [*self._calls.values(), *self._cancels]
        for call in self._calls.values():
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    @property
    def open(self) -> int:
        return len(self._calls)

    @property
    def working(self) -> int:
        """How many calls do something, from the commit that began them until their outcome is on its way."""
        return len(self._working)

    # -- one call ----------------------------------------------------------------

    async def _run(self, task: OpenTask) -> None:
        integration = self._registry.find(task.call.service)
        if integration is None:
            error = Failed("States.Runtime", f"no integration runs {task.call.resource}", "start")
            await self._bring(task, _news(task, error))
            return
        if task.submitted is None:
            outcome = await self._outcome(integration.call(task.call))
            self._working.discard(task.call.key)
            if isinstance(outcome, Failed) or not task.call.pattern:
                await self._finish(integration, task, outcome)
                return
            submitted = outcome.output
            news = _event(task, News.TASK_SUBMITTED, output=submitted, **_beside(outcome))
            somebody_answers = task.call.pattern == "waitForTaskToken" and not task.mocked
            if not await self._bring(task, news) or somebody_answers:
                await integration.acknowledge(task.call)
                return
        else:
            submitted = task.submitted
        await self._finish(integration, task, await self._outcome(integration.wait(task.call, submitted)))

    async def _outcome(self, call: Any) -> Outcome:
        try:
            outcome: Outcome = await call
            return outcome
        except Exception as error:
            log.exception("an integration raised instead of answering")
            return Failed("States.TaskFailed", f"{type(error).__name__}: {error}")

    async def _finish(self, integration: Integration, task: OpenTask, outcome: Outcome) -> None:
        self._answered.add(task.call.key)
        await self._bring(task, _news(task, outcome))
        await integration.acknowledge(task.call)

    async def _bring(self, task: OpenTask, event: Event) -> bool:
        """Post until the store takes it."""
        execution_id = int(task.call.key.partition(":")[0])
        told = False
        while True:
            try:
                return await self._post(execution_id, event)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                if not told:
                    log.warning("%s: its outcome waits for the store: %s", task.call.key, error)
                told = True
                await asyncio.sleep(RETRY_S)


def _event(task: OpenTask, news: News, **details: Any) -> Event:
    return Event(news, task.frame, task.attempt, details)


def _beside(outcome: Outcome) -> dict[str, Any]:
    """What is kept or sent with an outcome, and is no part of the history."""
    found = {"log": outcome.log, "log_truncated": outcome.log_truncated} if outcome.log else {}
    return {**found, "sends": outcome.sends} if isinstance(outcome, Succeeded) and outcome.sends else found


def _news(task: OpenTask, outcome: Outcome) -> Event:
    if isinstance(outcome, Succeeded):
        return _event(task, News.TASK_SUCCEEDED, output=outcome.output, **_beside(outcome))
    details = {key: value for key, value in (("error", outcome.error), ("cause", outcome.cause)) if value is not None}
    return _event(task, _FAILURES[outcome.stage], **details, **_beside(outcome))
