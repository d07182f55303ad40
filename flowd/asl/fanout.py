"""Parallel and Map: starting branches, counting them down, joining them, and breaking up when one fails.

A parent only counts. Outputs and open branches are gathered for it by whoever keeps the frames, as news of their own;
so a step's cost does not grow with the number of items.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from flowd.asl import dataflow
from flowd.asl.draft import Draft
from flowd.asl.faults import EvaluationFault, Failure, conflict, runtime, too_large
from flowd.asl.model import Map, Parallel, Working
from flowd.asl.templates import JSONATA, Expression, Selector, payload_of
from flowd.asl.transitions import fail, leave
from flowd.decisions import DropBranches, GatherBranches
from flowd.frames import Frame, Phase
from flowd.history import Event
from flowd.payload import Payload, dumps

#: How many iterations of an inline Map run at once at most (developer guide, "Map state concurrency": about 40).
MOST_AT_ONCE: Final = 40

#: A result with more than this is not even put together: only a ResultSelector could make something of it.
MOST_CHARACTERS: Final = 64 * 1024 * 1024

#: What a frame with an open Map Run waits for.
MAP_RUN: Final = "map run"

_EMPTY: Final = Payload.of([])


def enter_parallel(draft: Draft, frame: Frame, state: Parallel) -> None:
    """Start all branches, each with the same input."""
    branch_input = dataflow.work_input(state.language, state.flow, draft.env(frame, state))
    started = draft.log(frame, "ParallelStateStarted", frame.previous)
    count = len(state.branches)
    parent = frame.with_(
        phase=Phase.JOINING, attempt=frame.attempt + 1, previous=started, total=count, started=count, open=count
    )
    draft.put(parent)
    for index, branch in enumerate(state.branches):
        child = Frame(
            id=f"{parent.branches}{index}",
            scope=branch.path,
            state=branch.start_at,
            input=branch_input,
            previous=started,
        )
        draft.put(child)
        draft.ready.append(child.id)


class Plan(NamedTuple):
    """What a Map is to do: the array `items`, at most `limit` at once (0: no limit), seen from `selected`. The items of
    an object are its pairs: `keyed`."""

    selected: Payload
    items: Payload
    limit: int
    keyed: bool = False


def plan(draft: Draft, frame: Frame, state: Map, items: Payload | None = None) -> Plan:
    """Work a Map's own fields out; `items` if they came from elsewhere than its input. Raises Fault."""
    env = draft.env(frame, state)
    selected = dataflow.selected_input(state.flow, env)
    keyed = False
    if items is None:
        items = env.note("afterItemsPath", _items(draft, frame, state, selected))
        keyed = isinstance(items.value, dict)
        if keyed:
            items = Payload.of([{"Key": key, "Value": value} for key, value in items.value.items()])
    limit = 0
    if state.max_concurrency is not None:
        limit = dataflow.whole_number(state.max_concurrency, env, selected.value)
        if limit < 0:
            detail = f"The {state.max_concurrency.field} field must not be negative but was: {limit}"
            raise dataflow.out_of_range(state.max_concurrency, detail)
    if draft.inspection is not None:
        draft.inspection.note("maxConcurrency", limit)
    return Plan(selected, items, limit, keyed)


def enter_map(draft: Draft, frame: Frame, state: Map) -> None:
    """Find the items and start as many iterations as may run at once."""
    selected, items, limit, keyed = plan(draft, frame, state)
    total = len(items.value)
    started = draft.log(frame, "MapStateStarted", frame.previous, {"length": total})
    if not total:
        draft.before = None
        frame = draft.put(frame.with_(previous=started))
        finish(draft, frame, state, _EMPTY)
        return
    parent = frame.with_(
        phase=Phase.JOINING,
        attempt=frame.attempt + 1,
        previous=started,
        total=total,
        limit=min(limit or MOST_AT_ONCE, MOST_AT_ONCE),
        items=items,
        keyed=keyed,
        result=None if selected is frame.input else selected,
    )
    start_iterations(draft, parent, state, min(parent.limit, total), started)


def _items(draft: Draft, frame: Frame, state: Map, selected: Payload) -> Payload:
    """The array, or object, to iterate over. Raises Fault if it is none (all but the reference path's text are
    recorded)."""
    env = draft.env(frame, state)
    if isinstance(state.items, Selector) and (nowhere := state.items.path.missing(selected.value)) is not None:
        raise conflict(nowhere, selected.text)
    items = selected if state.items is None else payload_of(state.items, env, selected.value)
    found = items.value
    if isinstance(found, list) or (state.objects and isinstance(found, dict)):
        return items
    if state.language != JSONATA:
        text = state.items_text  # of a path into the Context object without its first $ (recorded)
        raise runtime(f'Reference path "{text[1:] if text.startswith("$$") else text}" must point to array.')
    if isinstance(state.items, Expression):
        raise state.items.unexpected("array", found)
    raise EvaluationFault(f"Map state input must be an array but was: {dumps(found)}", None)


def start_iterations(draft: Draft, parent: Frame, state: Map, count: int, previous: int) -> None:
    """Start the next `count` iterations. All MapIterationStarted are written before anything inside of them.

    Raises Fault if ItemSelector fails; the parent then counts what was started before.
    """
    first = parent.started
    draft.before = None
    for index in range(first, first + count):
        if state.item_selector is not None:
            draft.put(parent.with_(started=index, open=parent.open + index - first))
        item_input = item_input_of(draft, parent, state, index)
        iteration = Frame(
            id=f"{parent.branches}{index}",
            scope=state.processor.path,
            state=state.processor.start_at,
            input=item_input,
            item=index,
        )
        started = draft.log(iteration, "MapIterationStarted", previous, {"name": state.name, "index": index})
        draft.put(iteration.with_(previous=started))
        draft.ready.append(iteration.id)
    draft.put(parent.with_(started=first + count, open=parent.open + count))


def item_input_of(draft: Draft, parent: Frame, state: Map, index: int) -> Payload:
    """What iteration `index` gets: the item, or what ItemSelector makes of it. Raises Fault."""
    if state.item_selector is None:
        return Payload.of(parent.items.value[index] if parent.items is not None else None)
    env = draft.env(parent, state)
    env.item = index
    selected = parent.input if parent.result is None else parent.result
    return payload_of(state.item_selector, env, selected.value)


def branch_ended(draft: Draft, parent: Frame, state: Working, child: Frame) -> None:
    """Count a branch down: start the next iteration, or ask for the outputs when it was the last one."""
    previous = child.previous
    if isinstance(state, Map):
        details = {"name": state.name, "index": child.index}
        previous = draft.log(child, "MapIterationSucceeded", child.previous, details)
    assert child.output is not None
    weight = parent.weight + len(child.output.text)
    if state.flow.discards or weight > MOST_CHARACTERS:  # nobody will ask for it, or for any: the history has it
        draft.put(child.with_(output=None))
    parent = draft.put(parent.with_(open=parent.open - 1, previous=previous, weight=weight))
    if isinstance(state, Map) and parent.started < parent.total:
        start_iterations(draft, parent, state, 1, child.previous)
    elif parent.open == 0:
        join(draft, parent)


def join(draft: Draft, parent: Frame) -> None:
    """All branches have ended: ask for their outputs."""
    draft.put(parent.with_(phase=Phase.WAITING, waiting_for="joined"))
    draft.decisions.append(GatherBranches(frame=parent.id, attempt=parent.attempt, why="joined"))


def on_joined(draft: Draft, frame: Frame, state: Working, event: Event) -> None:
    """The outputs are here, in branch order; their texts make the result's text (recorded). Raises Fault."""
    if state.flow.discards:
        finish(draft, frame, state, _EMPTY)
        return
    if frame.weight > MOST_CHARACTERS:
        raise too_large(state.name)
    outputs: list[Payload] = event.details["outputs"]
    finish(draft, frame, state, Payload(text="[" + ",".join(output.text for output in outputs) + "]"))


def finish(draft: Draft, frame: Frame, state: Working, result: Payload) -> None:
    """Leave the Parallel or Map with the result of its branches. Raises Fault."""
    draft.log(frame, f"{state.type}StateSucceeded", frame.previous)  # a side event: nothing points back to it
    env = draft.env(frame, state)
    env.result = result
    outcome = dataflow.outcome(state.language, state.flow, env, result)
    leave(draft, frame, state, outcome, state.next)
    if frame.started:
        draft.decisions.append(DropBranches(prefix=frame.branches))


def on_broken_up(draft: Draft, frame: Frame, state: Working, event: Event) -> None:
    """A branch failed and the others are known: they are aborted, and the state fails with the branch's error."""
    still_open: list[Frame] = event.details["open"]
    for child in still_open:
        _abort(draft, child, frame.previous)
    fail(draft, frame, state, Failure(frame.error, frame.cause))


def _abort(draft: Draft, child: Frame, previous: int) -> None:
    """What the history says of a branch that was going when another one failed."""
    assert child.parent is not None
    around = draft.machine.scopes[child.scope]
    if child.item >= 0:
        name = str(child.scope[-2])
        draft.log(child, "MapIterationAborted", previous, {"name": name, "index": child.item})
    state = around.states[child.state]
    if child.waiting_for == MAP_RUN:
        draft.log(child, "MapRunAborted", previous)
    if child.entered and state.type in _ABORTED:
        draft.log(child, f"{state.type}StateAborted", previous)


#: The other types have no aborted event: nothing of them can be going.
_ABORTED: Final = frozenset({"Task", "Wait", "Parallel", "Map"})
