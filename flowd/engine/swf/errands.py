"""What one execution does to another: start it as a child, signal it, ask it to cancel, tell it how a child ended.

It is carried out after the commit that wrote it down, and again by the next daemon if this one ends in between; the
frames and rows on disk say what is still to be done, and a look at the other's history whether it was done already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

import msgspec

from flowd import background
from flowd.decisions import ApplyChildPolicy, RunErrand, Tell
from flowd.engine.live import Live, Reply
from flowd.engine.swf.registry import Registry
from flowd.engine.swf.workflows import Workflows, new_run_id
from flowd.frames import ROOT
from flowd.history import Event, HistoryEvent, News
from flowd.store import history, swf
from flowd.store.database import Database
from flowd.swf import faults
from flowd.swf.closing import CLOSINGS
from flowd.swf.externals import child_frame
from flowd.swf_frames import ChildFrame, ExternalFrame, Parent, WorkflowFrame

log = logging.getLogger(__name__)
RETRY_S = 1.0
POLICY = "CHILD_POLICY_APPLIED"
Order = tuple[int, RunErrand | Tell | ApplyChildPolicy]


class Errands:
    """Everything that is on its way between executions."""

    def __init__(
        self,
        db: Database,
        registry: Registry,
        workflows: Workflows,
        alive: Callable[[int], Awaitable[Live | None]],
        post: Callable[[int, Event], Reply],
    ) -> None:
        self._db = db
        self._registry = registry
        self._workflows = workflows
        self._alive = alive
        self._post = post
        self._under_way: set[asyncio.Task[object]] = set()

    @property
    def idle(self) -> bool:
        return not self._under_way

    def run(self, orders: Iterable[Order]) -> None:
        """Begin what a commit ordered; returns at once."""
        for source, order in orders:
            if isinstance(order, Tell):
                self._begin(self._bring(order.execution_id, order.event))
            elif isinstance(order, ApplyChildPolicy):
                self._begin(self._apply(source, order.policy))
            else:
                self._begin(self._errand(source, order))

    async def recover(self) -> None:
        """What the daemon before wrote down and may not have carried out, beside errands that are frames."""
        for closed in await self._db.read(swf.untold_closings):
            self._begin(self._tell_parent(closed))
        for parent_id, policy in await self._db.read(swf.unapplied_policies):
            self._begin(self._apply(parent_id, policy))

    async def stop(self) -> None:
        """Let go; the next daemon finds what is left."""
        await background.end(*self._under_way)

    def _begin(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[object]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("an errand between executions failed", exc_info=task.exception())

    # -- one errand ------------------------------------------------------------------

    async def _errand(self, source: int, order: RunErrand) -> None:
        live = await self._alive(source)
        frame = live.frames.get(order.frame) if live is not None else None
        if live is None or frame is None or frame.attempt != order.attempt:
            return
        root = live.frames[ROOT]
        if isinstance(frame, ChildFrame):
            outcome = await self._until_stored(partial(self._start_child, source, root, frame, order.again))
        else:
            outcome = await self._until_stored(partial(self._send, root, frame, order.again))
        news, details = outcome
        if not await self._bring(source, Event(news, frame.id, frame.attempt, details)) and "runId" in details:
            await self._orphan(source)

    async def _until_stored(
        self, work: Callable[[], Awaitable[tuple[News, dict[str, Any]]]]
    ) -> tuple[News, dict[str, Any]]:
        """Carry it out; while the store takes nothing, try again."""
        while True:
            try:
                return await work()
            except faults.SwfFault:
                raise
            except Exception as error:
                log.warning("an errand between executions waits for the store: %s", error)
                await asyncio.sleep(RETRY_S)

    async def _start_child(
        self, source: int, root: WorkflowFrame, frame: ChildFrame, again: bool
    ) -> tuple[News, dict[str, Any]]:
        if again:
            known = await self._db.read(partial(swf.child_of, parent_id=source, parent_event=frame.attempt))
            if known is not None:
                return News.ERRAND_DONE, {"runId": known.run_id}
        mine = root.settings
        parent = Parent(mine.workflow_id, mine.run_id, frame.attempt, source)
        chosen = msgspec.structs.replace(frame.settings, run_id=new_run_id(), parent=parent)
        try:
            await self._workflows.begin(self._registry.domain(mine.domain), chosen, frame.input, f"child:{source}")
        except faults.WorkflowExecutionAlreadyStartedFault:
            return News.ERRAND_FAILED, {"cause": "WORKFLOW_ALREADY_RUNNING"}
        except faults.LimitExceededFault:
            return News.ERRAND_FAILED, {"cause": "OPEN_WORKFLOWS_LIMIT_EXCEEDED"}
        return News.ERRAND_DONE, {"runId": chosen.run_id}

    async def _send(self, root: WorkflowFrame, frame: ExternalFrame, again: bool) -> tuple[News, dict[str, Any]]:
        """A signal or cancel request to the open run of that workflowId in the same domain."""
        mine = root.settings
        domain = self._registry.domain(mine.domain)
        from_here = {"workflowId": mine.workflow_id, "runId": mine.run_id, "initiatedEventId": frame.attempt}
        if again and (got := await self._got_already(domain.id, frame, from_here)):
            return News.ERRAND_DONE, {"runId": got}
        target = await self._workflows.open_run(domain, frame.workflow_id, frame.run_id)
        event = Event(News.CANCEL_REQUESTED, ROOT, 0, from_here)
        if frame.signal:
            event = Event(News.SIGNALED, ROOT, 0, {**from_here, "signalName": frame.signal, "input": _own(frame)})
        if target is None or not await self._post(target.execution_id, event):
            return News.ERRAND_FAILED, {"cause": "UNKNOWN_EXTERNAL_WORKFLOW_EXECUTION"}
        return News.ERRAND_DONE, {"runId": target.run_id}

    async def _got_already(self, domain_id: int, frame: ExternalFrame, sent: dict[str, Any]) -> str | None:
        """The run that has got this signal or request before the daemon ended."""
        runs = await self._db.read(partial(swf.latest_runs, domain_id=domain_id, workflow_id=frame.workflow_id))
        for execution_id, run in runs:
            if (not frame.run_id or run == frame.run_id) and await self._has(execution_id, sent):
                return run
        return None

    async def _has(self, execution_id: int, sent: dict[str, Any]) -> bool:
        source = {"workflowId": sent["workflowId"], "runId": sent["runId"]}
        async for event in self._history(execution_id):
            if event.details.get("externalWorkflowExecution") == source and (
                event.details.get("externalInitiatedEventId") == sent["initiatedEventId"]
            ):
                return True
        return False

    async def _history(self, execution_id: int) -> Any:
        after = 0
        while events := await self._db.read(partial(history.page, execution_id=execution_id, after=after)):
            for event in events:
                yield event
            after = events[-1].id

    # -- ends ------------------------------------------------------------------------

    async def _bring(self, target: int, event: Event) -> bool:
        """Post until the store takes it; False if the other is over."""
        while True:
            try:
                return await self._post(target, event)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("news for execution %d waits for the store: %s", target, error)
                await asyncio.sleep(RETRY_S)

    async def _apply(self, parent_id: int, policy: str) -> None:
        """The child policy of an execution that was terminated or timed out."""
        if policy == "ABANDON":
            return
        parent = await self._db.read(partial(swf.by_id, execution_id=parent_id))
        if parent is None:
            return
        source = {"workflowId": parent.workflow_id, "runId": parent.run_id}
        for child_id in await self._db.read(partial(swf.open_children, parent_id=parent_id)):
            if policy == "TERMINATE":
                await self._bring(child_id, Event(News.TERMINATED, ROOT, 0, {"cause": POLICY}))
            elif not await self._asked_already(child_id):
                await self._bring(child_id, Event(News.CANCEL_REQUESTED, ROOT, 0, {"cause": POLICY, **source}))

    async def _asked_already(self, child_id: int) -> bool:
        async for event in self._history(child_id):
            if event.type == "WorkflowExecutionCancelRequested" and event.details.get("cause") == POLICY:
                return True
        return False

    async def _orphan(self, parent_id: int) -> None:
        """A child began as its parent ended: the parent's policy holds for it too."""
        for found, policy in await self._db.read(partial(swf.unapplied_policies, parent_id=parent_id)):
            await self._apply(found, policy)

    async def _tell_parent(self, closed: swf.Closed) -> None:
        """A child that closed as the daemon before ended: its last event says how."""
        events = await self._db.read(partial(history.page, execution_id=closed.execution_id, limit=1, reverse=True))
        if not events:
            return
        details = {"runId": closed.run_id, **told(events[0], closed.close_status)}
        await self._bring(
            closed.parent_id,
            Event(News.CHILD_CLOSED, child_frame(closed.parent_event), closed.parent_event, details),
        )


def _own(frame: ExternalFrame) -> Any:
    return frame.input.twin() if frame.input is not None else None


def told(last: HistoryEvent, close_status: str) -> dict[str, Any]:
    """What a parent's event says of a child that ended with this event."""
    shown = ("result", "reason", "details", "timeoutType") if close_status != "TERMINATED" else ()
    attributes = {name: last.details[name] for name in shown if name in last.details}
    return {"type": CLOSINGS[close_status][1], "attributes": attributes}
