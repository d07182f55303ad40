"""What a code-first workflow imports: `from flowd.sdk import workflow, activity, ...` (docs/code-first.md)."""

from __future__ import annotations

from flowd.sdk.activities import Activity, activity
from flowd.sdk.attempt import cancel_requested, heartbeat
from flowd.sdk.calls import (
    execute_state_machine,
    info,
    invoke_lambda,
    log,
    now,
    patched,
    random,
    set_status,
    side_effect,
    sleep,
    until,
    uuid4,
    version,
)
from flowd.sdk.errors import (
    ActivityFailed,
    ActivityTimedOut,
    CancelledError,
    ChildFailed,
    ExternalFailed,
    Failure,
    NotAccepted,
    PermanentError,
)
from flowd.sdk.execution import Info
from flowd.sdk.options import Retry
from flowd.sdk.people import Prompt, Queue
from flowd.sdk.scopes import any_of, cancel_scope, deadline, first, gather, shield, start, timeout, wait_until
from flowd.sdk.workflows import Child, Signal, Workflow, cancel_workflow, workflow

__all__ = [
    "Activity",
    "ActivityFailed",
    "ActivityTimedOut",
    "CancelledError",
    "Child",
    "ChildFailed",
    "ExternalFailed",
    "Failure",
    "Info",
    "NotAccepted",
    "PermanentError",
    "Prompt",
    "Queue",
    "Retry",
    "Signal",
    "Workflow",
    "activity",
    "any_of",
    "cancel_requested",
    "cancel_scope",
    "cancel_workflow",
    "deadline",
    "execute_state_machine",
    "first",
    "gather",
    "heartbeat",
    "info",
    "invoke_lambda",
    "log",
    "now",
    "patched",
    "random",
    "set_status",
    "shield",
    "side_effect",
    "sleep",
    "start",
    "timeout",
    "until",
    "uuid4",
    "version",
    "wait_until",
    "workflow",
]
