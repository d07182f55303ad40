"""`arn:aws:states:::events:putEvents`: events of a Task, which say in their resources who sent them.

An entry that is refused fails the whole Task, as on AWS, though the others have been sent.
"""

from __future__ import annotations

from typing import Any, Final

from botocore.model import OperationModel

from flowd.integrations import models
from flowd.integrations.optimised import Profile
from flowd.integrations.ports import Failed, TaskCall
from flowd.payload import dumps


def _members(operation: OperationModel, task: TaskCall) -> dict[str, Any]:
    """Machine and execution stand behind the resources that an entry has (recorded: test_put_events_base)."""
    members = models.request(operation.input_shape, task.parameters.value)
    for entry in members.get("Entries", ()):
        entry["Resources"] = [*entry.get("Resources", ()), task.machine_arn, task.execution_arn]
    return members


def _failed(task: TaskCall, body: dict[str, Any]) -> Failed | None:
    """Recorded: test_put_events_no_source."""
    return Failed("EventBridge.FailedEntry", dumps(body)) if body.get("FailedEntryCount") else None


PROFILE: Final = Profile(
    service="events",
    prefix="EventBridge",
    api="AmazonEventBridge",
    unmodelled="AmazonEventBridgeException",
    actions={"putEvents": frozenset({"", "waitForTaskToken"})},
    metadata=None,
    request=_members,
    failed=_failed,
)
