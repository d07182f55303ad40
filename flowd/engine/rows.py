"""Rows of executions and Map Runs as values, for whoever writes them: the commit, and the ledger of EXPRESS ones.

Column order is that of the statements in `store.steps`. Nothing here writes.
"""

from __future__ import annotations

import msgspec

from flowd.decisions import StartMapRun
from flowd.engine.live import Live
from flowd.frames import ROOT
from flowd.store.changes import Change
from flowd.store.steps import Row
from flowd.swf_frames import WorkflowFrame


def inserted(live: Live, archived: bool = False) -> Row:
    """The row of an execution that is new."""
    facts = live.execution
    return (
        *(live.id, facts.arn, facts.name, live.machine_id, facts.machine_name, facts.machine_arn),
        *(live.definition_id, facts.role_arn, facts.type, live.status, live.version, live.alias),
        *(live.trigger, live.trace_header, facts.input.ref, *_standing(live), facts.started_ms, live.stopped_ms),
        *(facts.redrive_count, facts.redriven_ms, facts.next_event, int(archived)),
        *live.child,
    )


def updated(live: Live, archived: bool = False) -> Row:
    """What changes in the row of an execution."""
    facts = live.execution
    redrive = (facts.redrive_count, facts.redriven_ms, facts.next_event)
    return (live.status, *_standing(live), live.stopped_ms, *redrive, int(archived), live.id)


def beside(live: Live) -> tuple[str, Row] | None:
    """What stands beside the row of an SWF execution: a statement's name and its values; None for all others."""
    root = live.frames.get(ROOT)
    if not isinstance(root, WorkflowFrame):
        return None
    chosen, parent = root.settings, root.settings.parent
    if not live.new:
        policy = root.applied_policy or chosen.child_policy
        return "update", (root.close_status, int(root.cancel_requested), live.stopped_ms, policy, live.id)
    return "insert", (
        *(live.id, -live.machine_id, chosen.workflow_id, chosen.run_id, chosen.type_name, chosen.type_version),
        *(root.close_status, int(root.cancel_requested), live.execution.started_ms, live.stopped_ms),
        *(parent.execution_id if parent else 0, parent.initiated if parent else 0),
        *(msgspec.json.encode(chosen.tags).decode(), chosen.child_policy),
    )


def _standing(live: Live) -> Row:
    return (live.output_id, live.error, live.cause, live.state, live.waiting)


def shown(live: Live) -> tuple[str, str, str, str, str]:
    """What a console is told of an execution."""
    return ("execution", str(live.id), live.execution.arn, live.status, live.execution.machine_name)


def map_run(run_id: int, live: Live, decision: StartMapRun, now_ms: int) -> Row:
    """The row of a Map Run that begins. Items of the state's own are counted; those of a dataset are not known yet."""
    plan, items = decision.plan, -1
    if plan.reading is None:
        held = live.frames[decision.frame].items
        items = len(held.value) if held is not None else 0
    return (
        *(run_id, decision.arn, live.id, decision.frame, decision.attempt, decision.machine_arn, decision.child_type),
        *(items, msgspec.json.encode(plan).decode(), plan.concurrency, plan.tolerated_count),
        *(plan.tolerated_percentage, now_ms),
    )


def change(cursor: int, facts: tuple[str, str, str, str, str]) -> Change:
    """A Change from what an effect says."""
    kind, name, arn, status, title = facts
    return Change(cursor, kind, name, arn, status, title)
