"""A worker's activities: takes activity tasks, runs the functions, beats for them, answers, whatever the line does."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowd.sdk.activities import Activity
from flowd.sdk.attempt import Attempt, running
from flowd.sdk.errors import DataError
from flowd.sdk.options import AUTOMATIC_HEARTBEAT_S
from flowd.sdk.registry import Registry
from flowd.sdk.replay import failure
from flowd.sdk.wire import Caller, Fault, Unreachable

log = logging.getLogger("flowd.activities")
_BEAT_S = AUTOMATIC_HEARTBEAT_S / 3
_PATIENCE_S = 900.0  # how long an answer is tried to be delivered: a restart, an upgrade


@dataclass(eq=False)
class _Open:
    """An attempt that runs here, and how to tell it to stop."""

    token: str
    attempt: Attempt
    automatic: bool
    stop: Callable[[], None] = lambda: None


class Activities:
    """Runs activity tasks of one file's activities."""

    def __init__(self, swf: Caller, registry: Registry, domain: str, task_list: str) -> None:
        self._swf = swf
        self._registry = registry
        self._polled = {"domain": domain, "taskList": {"name": task_list}}
        self._open: set[_Open] = set()
        self._lock = threading.Lock()

    @property
    def busy(self) -> int:
        return len(self._open)

    def poll(self, identity: str) -> dict[str, Any] | None:
        """The next task, or None after a minute without one."""
        task = self._swf("PollForActivityTask", **self._polled, identity=identity)
        return task if task.get("taskToken") else None

    def work(self, task: dict[str, Any]) -> None:
        """Run one task to its end and answer it."""
        token, name = task["taskToken"], task["activityType"]["name"]
        activity = self._registry.activities.get(name)
        if activity is None:
            reason = {"reason": "NoSuchActivity", "details": f"this worker has no activity {name}"}
            self._answer("RespondActivityTaskFailed", taskToken=token, **reason)
            return
        execution = task["workflowExecution"]
        attempt = Attempt(task["activityId"], execution["workflowId"], execution["runId"], self._beating(token))
        entry = _Open(token, attempt, activity.options.heartbeat is None)
        with self._lock:
            self._open.add(entry)
        try:
            operation, members = self._run(activity, task.get("input"), entry)
        finally:
            with self._lock:
                self._open.discard(entry)
        self._answer(operation, taskToken=token, **members)

    def _run(self, activity: Activity[Any, Any], input: str | None, entry: _Open) -> tuple[str, dict[str, Any]]:
        """Which answer its end is."""
        try:
            bound = activity.signature.decode(input)
            with running(entry.attempt):
                result: Any = activity.function(*bound.args, **bound.kwargs)
                if inspect.iscoroutine(result):
                    result = asyncio.run(_stoppable(result, entry))
            return "RespondActivityTaskCompleted", {"result": activity.signature.encode_result(result)}
        except asyncio.CancelledError:
            return "RespondActivityTaskCanceled", {}
        except DataError as error:
            log.error("%s: %s", activity.name, error)
            return "RespondActivityTaskFailed", failure(error)
        except (Exception, SystemExit) as error:  # sys.exit() ends the attempt, never the thread that polls
            log.warning("%s failed: %s: %s", activity.name, type(error).__name__, error)
            return "RespondActivityTaskFailed", failure(error)

    def _answer(self, operation: str, **members: Any) -> None:
        """Until it is delivered, or nobody waits for it: what was done must not be done again for a restart."""
        pause, began = 0.1, time.monotonic()
        while True:
            try:
                self._swf(operation, **members)
                return
            except Fault as fault:
                log.warning("an answer came too late or was refused: %s", fault)
                return
            except Unreachable as error:
                if time.monotonic() - began > _PATIENCE_S:
                    log.error("an answer could not be delivered: %s", error)
                    return
                time.sleep(pause)
                pause = min(2.0, pause * 2)

    def _beating(self, token: str) -> Callable[[str], bool]:
        def beat(details: str) -> bool:
            try:
                answer = self._swf("RecordActivityTaskHeartbeat", taskToken=token, details=details)
            except Unreachable:
                return False
            except Fault as fault:
                # The task is over for SWF (timed out, or its execution has closed): nobody waits for this work.
                log.warning("a heartbeat was refused: %s", fault)
                return fault.code.startswith("UnknownResource")
            return bool(answer.get("cancelRequested"))

        return beat

    def beat_all(self) -> None:
        """A heartbeat for each attempt that does not send its own."""
        with self._lock:
            entries = [entry for entry in self._open if entry.automatic]
        for entry in entries:
            if entry.attempt.beat("") and not entry.attempt.cancel_requested:
                entry.attempt.cancel_requested = True
                entry.stop()

    def beat_until(self, stopping: threading.Event) -> None:
        while not stopping.wait(_BEAT_S):
            self.beat_all()


async def _stoppable(coroutine: Any, entry: _Open) -> Any:
    """An activity of a coroutine function is cancelled as asyncio does it."""
    task = asyncio.ensure_future(coroutine)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.call_soon_threadsafe(task.cancel)

    entry.stop = stop
    if entry.attempt.cancel_requested:  # a heartbeat was faster
        task.cancel()
    return await task
