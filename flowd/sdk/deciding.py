"""A worker's decider: takes decision tasks, replays, answers. What cannot be decided is logged and left to time out."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any

from flowd.sdk.errors import NonDeterminismError, SdkError
from flowd.sdk.execution import Info
from flowd.sdk.registry import Registry
from flowd.sdk.replay import Decided, Replay
from flowd.sdk.watch import LONGEST_S, Endless, Watch
from flowd.sdk.wire import Caller, Fault

log = logging.getLogger("flowd.decider")
_KEPT = 200  # replays kept between tasks: a history is read once, not at every task
_ENDLESS = (
    f"its code computed for {LONGEST_S:.0f} s without waiting for anything, at %s: a loop without a sleep()? "
    "Deciding takes milliseconds; long work belongs in activities. The task is not answered and will be offered again."
)


class Decider:
    """Answers decision tasks of one file's workflows."""

    def __init__(self, swf: Caller, registry: Registry, domain: str, task_list: str) -> None:
        self._swf = swf
        self._registry = registry
        self._polled = {"domain": domain, "taskList": {"name": task_list}}
        self._task_list = task_list
        self._kept: OrderedDict[str, Replay] = OrderedDict()
        self._lock = threading.Lock()
        self.watch = Watch()

    def poll(self, identity: str) -> dict[str, Any] | None:
        """The next task with its whole history, or None after a minute without one."""
        task = self._swf("PollForDecisionTask", **self._polled, identity=identity)
        if not task.get("taskToken"):
            return None
        events = list(task["events"])
        page = task
        while page.get("nextPageToken"):
            page = self._swf(
                "PollForDecisionTask", **self._polled, identity=identity, nextPageToken=page["nextPageToken"]
            )
            events += page["events"]
        return {**task, "events": events}

    def work(self, task: dict[str, Any]) -> None:
        """Decide one task and answer it."""
        execution = task["workflowExecution"]
        named = f"{task['workflowType']['name']} {execution['workflowId']} ({execution['runId']})"
        replay = self._take(task)
        if replay is None:
            log.error("%s: this file has no workflow of that name; the task is left to time out", named)
            return
        try:
            with self.watch.deciding():
                decided = replay.advance(task["events"])
        except Endless:
            log.error("%s: %s", named, _ENDLESS % (self.watch.place() or "a place that is not known"))
            replay.dispose()
            return
        except NonDeterminismError as error:
            log.error("%s: %s\nThe task is not answered and will be offered again.", named, error)
            replay.dispose()
            return
        except Exception as error:
            log.exception("%s: it cannot be decided (%s); the task will be offered again", named, error)
            replay.dispose()
            return
        for dropped in decided.dropped_signals:
            log.warning("%s: passed over what cannot be read: %s", named, dropped)
        self._answer(task, named, replay, decided)

    def _answer(self, task: dict[str, Any], named: str, replay: Replay, decided: Decided) -> None:
        context = {} if decided.context is None else {"executionContext": decided.context}
        try:
            self._swf(
                "RespondDecisionTaskCompleted", taskToken=task["taskToken"], decisions=decided.decisions, **context
            )
        except Fault as fault:
            level = logging.WARNING if fault.code.startswith("UnknownResource") else logging.ERROR
            log.log(level, "%s: the answer was refused: %s", named, fault)
            replay.dispose()
        except SdkError:
            replay.dispose()
            raise
        else:
            self._keep(task["workflowExecution"]["runId"], replay)

    def _take(self, task: dict[str, Any]) -> Replay | None:
        """The replay of this run so far, or a new one. One that met a task it does not know begins anew."""
        run_id = task["workflowExecution"]["runId"]
        with self._lock:
            kept = self._kept.pop(run_id, None)
        if kept is not None:
            if kept.fits(task["events"]):
                return kept
            kept.dispose()
        workflow = self._registry.workflows.get(task["workflowType"]["name"])
        if workflow is None:
            return None
        named = task["workflowType"]
        workflow_id = task["workflowExecution"]["workflowId"]
        return Replay(workflow, Info(workflow_id, run_id, named["name"], named["version"], self._task_list))

    def _keep(self, run_id: str, replay: Replay) -> None:
        if replay.closed:
            replay.dispose()
            return
        with self._lock:
            self._kept[run_id] = replay
            gone = self._kept.popitem(last=False)[1] if len(self._kept) > _KEPT else None
        if gone is not None:
            gone.dispose()
