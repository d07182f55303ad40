"""Where an execution stands: one Frame per line of control, as plain, versioned data.

A frame holds a position and references to write-once payloads, never a copy of the definition and never a list of its
children: a Map of 10,000 items costs its parent two counters. A step reads one lineage, the frame and its ancestors.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from flowd.payload import Payload

ROOT = "0"
FRAME_VERSION = 1


class Phase(StrEnum):
    READY = "ready"  # to be entered or continued in the next step
    WAITING = "waiting"  # for a task, a timer or a retry's back-off: accepts one Event of its attempt
    JOINING = "joining"  # its branches are going
    DONE = "done"  # a branch that reached its end; `output` is set
    FAILED = "failed"  # kept until the execution is archived, so that a redrive can begin here


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of control.

    `id` is a path: "0" is the execution, "0/3.7" is branch 7 of what frame "0" started in its attempt 3. `attempt`
    grows by one with every wait the frame enters during its whole life, so that late news can be told from fresh news.
    """

    id: str = ROOT
    scope: tuple[str | int, ...] = ()  # path into the definition: ("States", "Fan", "Branches", 0)
    state: str
    input: Payload  # the state's raw input
    phase: Phase = Phase.READY
    attempt: int = 0
    previous: int = 0  # id of the event that the next one of this frame points back to
    entered: int = 0  # id of the StateEntered event, 0 before it
    entered_ms: int = 0
    retries: tuple[int, ...] = ()  # uses of each retrier in this visit
    retry_count: int = 0  # $$.State.RetryCount
    waiting_for: str = ""  # what a WAITING frame accepts: "task", "timer", "retry", "joined", "failed", "map run"
    stage: str = ""  # its task: "scheduled" (activity not taken), "submitting" (.sync, callback), "running"
    token: str = ""  # of the task in flight
    result: Payload | None = None  # something the state computed before it began to wait (its effective input)
    total: int = 0  # branches or items of this attempt; of a Distributed Map 1 once its Map Run has begun
    started: int = 0  # how many of them have been started
    open: int = 0  # how many of them are going
    weight: int = 0  # characters in the outputs of the branches that have ended
    limit: int = 0  # MaxConcurrency in force
    items: Payload | None = None  # what a Map iterates over
    keyed: bool = False  # these are the pairs of an object: {"Key": ..., "Value": ...}
    item: int = -1  # the index of this frame's item, if it is an iteration
    variables: Payload | None = None  # the variables of this frame's scope
    error: str | None = None
    cause: str | None = None
    output: Payload | None = None
    version: int = FRAME_VERSION

    def with_(self, **changes: Any) -> Frame:
        """This frame with some fields changed."""
        return msgspec.structs.replace(self, **changes)

    @property
    def parent(self) -> str | None:
        return self.id.rpartition("/")[0] or None

    @property
    def branches(self) -> str:
        """Id prefix of the branches this frame started in its present attempt."""
        return f"{self.id}/{self.attempt}."

    @property
    def index(self) -> int:
        """The number of this branch among its siblings."""
        return int(self.id.rpartition(".")[2])


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """What a step may know of the execution it belongs to, beside its frames."""

    arn: str
    name: str
    machine_arn: str
    machine_name: str
    role_arn: str
    input: Payload
    started_ms: int
    type: str = "STANDARD"
    region: str = "us-east-1"
    version_arn: str | None = None
    alias_arn: str | None = None
    redrive_count: int = 0
    redriven_ms: int = 0
    next_event: int = 1  # id of the next history event
    event_limit: int = 25_000  # the id of the event that closes a history for its length (quota of Step Functions)
    missing_activities: tuple[str, ...] = ()  # activity ARNs of the definition that have been deleted


def lineage(frame_id: str) -> list[str]:
    """The ids of the execution's frame, then each ancestor, then the frame itself: all that one step needs to read."""
    parts = frame_id.split("/")
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def prefix_range(branches: str) -> tuple[str, str]:
    """The half-open range of ids below a `Frame.branches` prefix ('.' sorts directly before '/')."""
    return branches, branches[:-1] + "/"
