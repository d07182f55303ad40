"""What the polls, descriptions and histories of SWF read. Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from flowd.frames import ROOT
from flowd.history import HistoryEvent
from flowd.payload import Payload
from flowd.store import history, schema
from flowd.store.codec import Decoder
from flowd.store.database import raw
from flowd.store.executions import payload_texts
from flowd.store.reads import within
from flowd.store.schema_swf import SwfExecution
from flowd.swf_frames import SwfFrame, WorkflowFrame


@dataclass(frozen=True)
class Described:
    """An execution as it stands."""

    row: SwfExecution
    execution: schema.Execution
    root: WorkflowFrame


def frame(session: Session, execution_id: int, name: str) -> SwfFrame | None:
    """One frame as it is on disk."""
    query = "SELECT body FROM frame WHERE execution_id=? AND frame=?"
    found = raw(session).execute(query, (execution_id, name)).fetchone()
    if found is None:
        return None
    decoder = Decoder(execution_id)
    decoded = decoder.swf_frame(found[0])
    decoder.fill(payload_texts(session, [payload.ref for payload in decoder.missing]))
    return decoded


def execution(session: Session, execution_id: int) -> schema.Execution | None:
    """The row that all executions have."""
    return session.get(schema.Execution, execution_id)


def described(session: Session, execution_id: int) -> Described | None:
    """Both rows of an execution and the workflow's own frame."""
    row, execution = session.get(SwfExecution, execution_id), session.get(schema.Execution, execution_id)
    root = frame(session, execution_id, ROOT)
    if row is None or execution is None or not isinstance(root, WorkflowFrame):
        return None
    return Described(row, execution, root)


def polled(session: Session, execution_id: int, name: str) -> tuple[Described, SwfFrame] | None:
    """What a poll answers beside the task itself."""
    found, asked = described(session, execution_id), frame(session, execution_id, name)
    return (found, asked) if found is not None and asked is not None else None


def events(
    session: Session, execution_id: int, after: int, limit: int, reverse: bool, first: int = 0, last: int = 0
) -> tuple[list[HistoryEvent], bool]:
    """A page and whether more follows. Ascending from behind `after`, or down from below it (0: from the end).

    Only events from `first` to `last` count: a decision task shows none that came after its start.
    """
    if reverse:
        after = after or (last + 1 if last else 0)
    else:
        after = max(after, first - 1)
    found = history.page(session, execution_id, after, limit + 1, reverse)
    found = [event for event in found if event.id >= first and (not last or event.id <= last)]
    shown = within(found[:limit], _size)
    return shown, len(found) > len(shown)


def _size(event: HistoryEvent) -> int:
    return sum(len(value.text) for value in event.details.values() if isinstance(value, Payload))
