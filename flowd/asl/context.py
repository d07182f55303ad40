"""What an expression of one state may see: its data, the Context object, the variables, the clock and chance.

Everything is worked out when first asked for: most states look at none of it.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from flowd.asl.inspection import Inspection
from flowd.clock import iso8601
from flowd.entropy import Entropy
from flowd.frames import Execution, Frame, lineage
from flowd.payload import Payload

#: Where an inline Map's items come from, as `$$.Map.Item.Source` says it.
STATE_DATA: Final = "STATE_DATA"


class Frames(Protocol):
    """Frames by id."""

    def frame(self, frame_id: str) -> Frame: ...


class Env:
    """One state of one frame, seen by its expressions.

    `result` is what the work gave (`$states.result`), `error_output` what a catcher gets (`$states.errorOutput`),
    `item` the index a Map is choosing for. Only Task, Parallel and Map have a RetryCount, only some Tasks a token.
    """

    __slots__ = (
        "_context",
        "_variables",
        "entropy",
        "error_output",
        "execution",
        "frame",
        "frames",
        "inspection",
        "item",
        "now_ms",
        "result",
        "retried",
        "token",
    )

    def __init__(
        self,
        execution: Execution,
        frames: Frames,
        frame: Frame,
        now_ms: int,
        entropy: Entropy,
        *,
        retried: bool = False,
        token: str = "",
        item: int = -1,
        inspection: Inspection | None = None,
    ) -> None:
        self.execution = execution
        self.frames = frames
        self.frame = frame
        self.now_ms = now_ms
        self.entropy = entropy
        self.retried = retried
        self.token = token
        self.item = item
        self.inspection = inspection
        self.result: Payload | None = None
        self.error_output: dict[str, Any] | None = None
        self._context: dict[str, Any] | None = None
        self._variables: dict[str, Any] | None = None

    def context(self) -> dict[str, Any]:
        """The Context object, in the order of members in which AWS writes it."""
        if self._context is None:
            given = None if self.inspection is None else self.inspection.context
            self._context = _context_object(self) if given is None else _with_item(given, self)
        return self._context

    def note(self, stage: str, payload: Payload) -> Payload:
        """Show the payload to whoever looks into the state; it is handed back."""
        if self.inspection is not None:
            self.inspection.note(stage, payload)
        return payload

    def variables(self) -> dict[str, Any]:
        """The variables in force: those of this frame's scope and of every scope around it."""
        if self._variables is None:
            merged: dict[str, Any] = {}
            for frame_id in lineage(self.frame.id):
                held = self.frame if frame_id == self.frame.id else self.frames.frame(frame_id)
                if held.variables is not None:
                    merged.update(held.variables.value)
            self._variables = merged
        return self._variables


def _context_object(env: Env) -> dict[str, Any]:
    frame, execution = env.frame, env.execution
    context: dict[str, Any] = {
        "Execution": _execution(execution),
        "StateMachine": {"Id": execution.machine_arn, "Name": execution.machine_name},
        "State": {"Name": frame.state, "EnteredTime": iso8601(frame.entered_ms)},
    }
    if env.retried:
        context["State"]["RetryCount"] = frame.retry_count
    if env.token:
        context["Task"] = {"Token": env.token}
    if env.item >= 0:
        context["Map"] = _map_item(frame, env.item)
    else:
        for frame_id in reversed(lineage(frame.id)):
            held = frame if frame_id == frame.id else env.frames.frame(frame_id)
            if held.item >= 0 and held.parent is not None:
                context["Map"] = _map_item(env.frames.frame(held.parent), held.item)
                break
    return context


def _with_item(given: dict[str, Any], env: Env) -> dict[str, Any]:
    """A Context object that stands in for the real one has no Map: ItemSelector sees the real item."""
    return given if env.item < 0 else {**given, "Map": _map_item(env.frame, env.item)}


def _execution(execution: Execution) -> dict[str, Any]:
    members: dict[str, Any] = {
        "Id": execution.arn,
        "Input": execution.input.value,
        "StartTime": iso8601(execution.started_ms),
        "Name": execution.name,
        "RoleArn": execution.role_arn,
    }
    if execution.type == "STANDARD":
        members["RedriveCount"] = execution.redrive_count
        if execution.redrive_count:
            members["RedriveTime"] = iso8601(execution.redriven_ms)
    return members


def _map_item(parent: Frame, index: int) -> dict[str, Any]:
    items = parent.items.value if parent.items is not None else []
    return {"Item": map_item(index, items[index], keyed=parent.keyed, source=STATE_DATA)}


def map_item(index: int, item: Any, *, keyed: bool, source: str) -> dict[str, Any]:
    """`$$.Map.Item`; `keyed`: the item is a pair of an object, of which Key and Value are told."""
    held = {"Key": item["Key"], "Value": item["Value"]} if keyed else {"Value": item}
    return {"Index": index, **held, "Source": source}
