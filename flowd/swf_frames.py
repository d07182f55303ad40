"""Where an SWF execution stands: one frame for the workflow, one for each thing that is open in it.

They are what `Frame` is to a state machine: plain data, written when they change, found by id. "0" is the workflow
itself; `activity/ID` and `timer/ID` carry the name a decider gave them, which is unique while they are open; what has
no such name carries the id of the event that began it. `attempt` is the id of that event for every one of them, so
news for an earlier bearer of the name is stale.
"""

from __future__ import annotations

import msgspec

from flowd.frames import ROOT, Phase
from flowd.payload import Payload


class Parent(msgspec.Struct, frozen=True, omit_defaults=True):
    """The execution whose decision started this one."""

    workflow_id: str
    run_id: str
    initiated: int  # id of StartChildWorkflowExecutionInitiated
    execution_id: int = 0  # its row


class Settings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an execution is started with and keeps for life. Durations are as on the wire: seconds, or NONE."""

    domain: str
    workflow_id: str
    run_id: str
    type_name: str
    type_version: str
    task_list: str
    execution_timeout: str
    task_timeout: str
    child_policy: str
    task_priority: str | None = None
    lambda_role: str | None = None
    tags: tuple[str, ...] = ()
    parent: Parent | None = None
    continued_from: str | None = None  # run id


class WorkflowFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="workflow"):
    """The workflow itself: its decision task, its counts, and what DescribeWorkflowExecution tells beside them."""

    settings: Settings
    id: str = ROOT
    phase: Phase = Phase.WAITING
    scheduled: int = 0  # the open decision task; 0 = none
    started: int = 0  # it is in a decider's hands since this event
    next_scheduled: int = 0  # the one that news made while the other is in a decider's hands; offered after it
    next_list: str = ""
    next_wait: str = "NONE"
    list: str = ""  # where the open decision task is offered
    wait: str = "NONE"  # its schedule-to-start timeout
    previous: int = 0  # DecisionTaskStarted of the last one that was answered
    sticky_list: str = ""
    sticky_wait: str = "NONE"
    activities: int = 0
    timers: int = 0
    children: int = 0
    functions: int = 0
    cancel_requested: bool = False
    context: str | None = None
    latest_activity_ms: int = 0
    applied_policy: str = ""  # the child policy with which it was terminated
    close_status: str = ""  # SWF's own: COMPLETED, CANCELED, CONTINUED_AS_NEW, ...

    @property
    def waiting_for(self) -> str:
        """In one word for people."""
        if self.scheduled:
            return "decision"
        return next((word for word, open_ in (("task", self.activities + self.functions), ("timer", self.timers),
                                              ("child", self.children)) if open_), "signal")  # fmt: skip


class ActivityFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="activity"):
    """An activity task that is not answered."""

    id: str
    attempt: int
    activity_id: str
    type_name: str
    type_version: str
    started: int = 0
    cancel_requested: int = 0  # id of the latest ActivityTaskCancelRequested
    details: Payload | None = None  # of the last heartbeat
    phase: Phase = Phase.WAITING


class TimerFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="timer"):
    """A timer that has not fired."""

    id: str
    attempt: int
    timer_id: str
    phase: Phase = Phase.WAITING


class FunctionFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="function"):
    """A Lambda function that runs."""

    id: str
    attempt: int
    started: int
    phase: Phase = Phase.WAITING


class ChildFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="child"):
    """A child workflow. READY until it is started, or known not to be: whoever starts it is still to do so."""

    id: str
    attempt: int
    completed: int  # the DecisionTaskCompleted that asked for it
    settings: Settings  # without a run id until it is started
    input: Payload | None = None
    control: Payload | None = None
    started: int = 0
    phase: Phase = Phase.READY


class ExternalFrame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="external"):
    """A signal or a cancel request that is on its way to another execution."""

    id: str
    attempt: int
    completed: int
    workflow_id: str
    run_id: str = ""
    signal: str = ""  # its name; "" for a cancel request
    input: Payload | None = None
    control: Payload | None = None
    phase: Phase = Phase.READY


SwfFrame = WorkflowFrame | ActivityFrame | TimerFrame | FunctionFrame | ChildFrame | ExternalFrame
