"""RedriveExecution: what failed or was aborted goes on where it stood, with the same input; what succeeded is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from flowd.asl import distributed
from flowd.asl.draft import Draft
from flowd.asl.fanout import join
from flowd.asl.faults import DATA_LIMIT, RUNTIME
from flowd.asl.model import Map, Parallel
from flowd.decisions import DropBranches, MapRunLeft
from flowd.frames import ROOT, Frame, Phase


def redrive(draft: Draft, frames: list[Frame], map_runs: Mapping[str, MapRunLeft]) -> None:
    """Append ExecutionRedriven and set the frames going. `frames` are all that are not DONE, in any order; `map_runs`
    those of them whose last Map Run can go on, by frame.

    Retry counts start at 0; a Task is scheduled again without a StateEntered; a Parallel or inline Map goes on with
    its unfinished branches, or with all of them if its own result was too large (developer guide, "Redriving"). So
    does a Distributed Map with its Map Run, unless what the run gave was too large or of no use to the state's paths
    (there, "Redriving Map Runs").
    """
    execution = draft.execution
    last = execution.next_event - 1
    number = draft.log(draft.frame(ROOT), "ExecutionRedriven", last, {"redriveCount": execution.redrive_count})
    left = Counter(frame.parent for frame in frames)
    for frame in sorted(frames, key=lambda frame: _position(frame.id)):
        fresh = _fresh(frame, number)
        run = map_runs.get(frame.id)
        if run is not None and frame.total and frame.error not in (DATA_LIMIT, RUNTIME):
            distributed.redrive(draft, fresh, run)
        else:
            _revive(draft, frame, fresh, left[frame.id])


def _position(frame_id: str) -> tuple[tuple[int, ...], ...]:
    """Outer frames first, branches in order."""
    return tuple(tuple(int(part) for part in piece.split(".")) for piece in frame_id.split("/"))


def _fresh(frame: Frame, previous: int) -> Frame:
    return frame.with_(
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


def _revive(draft: Draft, frame: Frame, fresh: Frame, unfinished: int) -> None:
    if not (isinstance(draft.state(frame), Parallel | Map) and frame.started):
        draft.put(fresh)
        draft.ready.append(frame.id)
    elif unfinished and frame.error != DATA_LIMIT:
        draft.put(fresh.with_(phase=Phase.JOINING, open=unfinished))
    elif frame.started == frame.total and frame.error != DATA_LIMIT:
        join(draft, fresh)
    else:
        draft.decisions.append(DropBranches(prefix=frame.branches))
        draft.put(fresh.with_(total=0, started=0, open=0, weight=0, items=None, result=None))
        draft.ready.append(frame.id)
