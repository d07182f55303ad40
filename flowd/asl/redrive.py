"""RedriveExecution: what failed or was aborted goes on where it stood, with the same input; what succeeded is kept."""

from __future__ import annotations

from collections import Counter

from flowd.asl.draft import Draft
from flowd.asl.fanout import join
from flowd.asl.faults import DATA_LIMIT
from flowd.asl.model import Map, Parallel
from flowd.decisions import DropBranches
from flowd.frames import ROOT, Frame, Phase


def redrive(draft: Draft, frames: list[Frame]) -> None:
    """Append ExecutionRedriven and set the frames going. `frames` are all that are not DONE, in any order.

    Retry counts start at 0; a Task is scheduled again without a StateEntered; a Parallel or inline Map goes on with
    its unfinished branches, or with all of them if its own result was too large (developer guide, "Redriving").
    """
    execution = draft.execution
    last = execution.next_event - 1
    number = draft.log(draft.frame(ROOT), "ExecutionRedriven", last, {"redriveCount": execution.redrive_count})
    left = Counter(frame.parent for frame in frames)
    for frame in sorted(frames, key=lambda frame: _position(frame.id)):
        _revive(draft, frame, left[frame.id], number)


def _position(frame_id: str) -> tuple[tuple[int, ...], ...]:
    """Outer frames first, branches in order."""
    return tuple(tuple(int(part) for part in piece.split(".")) for piece in frame_id.split("/"))


def _revive(draft: Draft, frame: Frame, unfinished: int, previous: int) -> None:
    fresh = frame.with_(
        phase=Phase.READY,
        waiting_for="",
        stage="",
        token="",
        retries=(),
        retry_count=0,
        error=None,
        cause=None,
        previous=previous if frame.entered else frame.previous,
    )
    if not (isinstance(draft.state(frame), Parallel | Map) and frame.started):
        draft.put(fresh)
        draft.ready.append(frame.id)
    elif unfinished and frame.error != DATA_LIMIT:
        draft.put(fresh.with_(phase=Phase.JOINING, open=unfinished))
    elif frame.started == frame.total and frame.error != DATA_LIMIT:
        join(draft, fresh)
    else:
        draft.decisions.append(DropBranches(prefix=frame.branches))
        draft.put(fresh.with_(total=0, started=0, open=0, items=None, result=None))
        draft.ready.append(frame.id)
