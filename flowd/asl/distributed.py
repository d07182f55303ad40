"""Distributed Map, as its own execution sees it: a Map Run begins, and one piece of news says how it ended.

All fields are worked out here, once, and handed over as a plan; who reads items and runs children is the engine's
business. The frame holds its input and, unless a reader finds them, the items as one payload: no child is in it.
"""

from __future__ import annotations

import hashlib
import io
import uuid
from itertools import islice
from typing import Any, Final

from flowd.asl import dataflow, fanout
from flowd.asl.context import Env
from flowd.asl.datasets import file_items
from flowd.asl.draft import Draft, error_details
from flowd.asl.faults import READER_FAILED, Failure, Fault, runtime
from flowd.asl.model import DistributedMap, ItemBatcher, ItemReader, Quantity, ResultWriter
from flowd.asl.templates import Expression, Selector, Template
from flowd.asl.transitions import fail, leave
from flowd.decisions import Batching, EndMapRun, MapRunLeft, MapRunPlan, Reading, RedriveMapRun, StartMapRun, Writing
from flowd.frames import Frame, Phase
from flowd.history import Event
from flowd.payload import Payload, dumps

#: More than this many items are cut off (developer guide, "ItemReader"; recorded: 100,000,001 is accepted).
MOST_ITEMS: Final = 100_000_000
#: Bytes a child's input may have, whatever MaxInputBytesPerBatch says.
MOST_BATCH_BYTES: Final = 262_144

_NO_ITEMS: Final = Payload.of([])
_NEGATIVE_MAX_ITEMS: Final = "field MaxItems must be positive"  # recorded


def enter_map(draft: Draft, frame: Frame, state: DistributedMap) -> None:
    """Begin a Map Run. With an ItemReader neither ItemsPath nor the input is looked at for items (recorded)."""
    selected, items, limit, keyed = fanout.plan(draft, frame, state, None if state.reader is None else _NO_ITEMS)
    length = len(items.value)
    started = draft.log(frame, "MapStateStarted", frame.previous, {"length": length})
    draft.before = None
    frame = draft.put(frame.with_(previous=started))
    arn, machine_arn = _arns(draft, frame, state)
    negative = _negative_max_items(draft, frame, state, selected)
    plan = _plan(draft, frame, state, selected, limit)
    run_started = draft.log(frame, "MapRunStarted", started, {"mapRunArn": arn})
    waiting = frame.with_(
        phase=Phase.WAITING,
        waiting_for=fanout.MAP_RUN,
        attempt=frame.attempt + 1,
        previous=run_started,
        items=None if state.reader is not None else items,
        result=None if selected is frame.input else selected,
        limit=limit,
        keyed=keyed,
        total=1,
    )
    draft.put(waiting)
    if negative:
        _failed(draft, waiting, state, Failure(READER_FAILED, _NEGATIVE_MAX_ITEMS))
        return
    draft.decisions.append(
        StartMapRun(
            frame=frame.id,
            attempt=waiting.attempt,
            arn=arn,
            machine_arn=machine_arn,
            child_type=state.child_type,
            plan=plan,
        )
    )


def redrive(draft: Draft, frame: Frame, run: MapRunLeft) -> None:
    """Go on with a Map Run that failed or was aborted: only what did not succeed runs again."""
    details = {"mapRunArn": run.arn, "redriveCount": run.redrive_count + 1}
    number = draft.log(frame, "MapRunRedriven", frame.previous, details)
    waiting = frame.with_(phase=Phase.WAITING, waiting_for=fanout.MAP_RUN, attempt=frame.attempt + 1, previous=number)
    draft.put(waiting)
    draft.decisions.append(RedriveMapRun(frame=waiting.id, attempt=waiting.attempt, run=run.id))


def on_ended(draft: Draft, frame: Frame, state: DistributedMap, event: Event) -> None:
    """The Map Run is over: go on with its result, or fail with its error."""
    failed = "output" not in event.details
    draft.decisions.append(EndMapRun(frame=frame.id, attempt=frame.attempt, status="FAILED" if failed else "SUCCEEDED"))
    if failed:
        _failed(draft, frame, state, Failure(event.details.get("error"), event.details.get("cause")))
        return
    run_started = frame.previous
    result: Payload = event.details["output"]
    succeeded = draft.log(frame, "MapRunSucceeded", run_started)
    frame = draft.put(frame.with_(previous=draft.log(frame, "MapStateSucceeded", succeeded)))
    env = draft.env(frame, state)
    env.result = result
    outcome = dataflow.outcome(state.language, state.flow, env, result)
    # Recordings since 2024-11 point back to MapRunStarted here, those before to MapRunSucceeded.
    leave(draft, frame, state, outcome, state.next, previous=run_started)


def _failed(draft: Draft, frame: Frame, state: DistributedMap, failure: Failure) -> None:
    number = draft.log(frame, "MapRunFailed", frame.previous, error_details(failure.error, failure.cause))
    fail(draft, draft.put(frame.with_(previous=number)), state, failure)


def _arns(draft: Draft, frame: Frame, state: DistributedMap) -> tuple[str, str]:
    """The ARN of a new Map Run and that of its children's machine.

    Without a Label one is made that is the same for every run of this state, so that the ARN of the children's machine
    is. Children of children stand under the machine that has a definition, as labels are unique in all of it.
    """
    machine = draft.execution.machine_arn.partition("/")[0]
    label = state.label
    if not label:
        place = "/".join(str(part) for part in (machine, *frame.scope, state.name))
        label = str(uuid.UUID(bytes=hashlib.sha256(place.encode()).digest()[:16], version=4))
    run = machine.replace(":stateMachine:", ":mapRun:", 1)
    return f"{run}/{label}:{draft.entropy.uuid4()}", f"{machine}/{label}"


# -- the plan -----------------------------------------------------------------


def _plan(draft: Draft, frame: Frame, state: DistributedMap, selected: Payload, limit: int) -> MapRunPlan:
    env = draft.env(frame, state)
    count, percentage = _thresholds(state, env, selected)
    return MapRunPlan(
        concurrency=limit,
        tolerated_count=count,
        tolerated_percentage=percentage,
        reading=None if state.reader is None else _reading(state.reader, env, selected, state.objects),
        batching=None if state.batcher is None else _batching(state.batcher, env, selected),
        writing=None if state.writer is None else _writing(state.writer, env, selected),
    )


def _thresholds(state: DistributedMap, env: Env, selected: Payload) -> tuple[int | None, float | None]:
    """ToleratedFailureCount and -Percentage; without either none may fail. The texts of percentages are recorded."""
    count = percentage = None
    if state.tolerated_count is not None:
        count = whole(state.tolerated_count, env, selected)
        if count < 0:
            raise dataflow.out_of_range(state.tolerated_count, "ToleratedFailureCount cannot be negative.")
    if state.tolerated_percentage is not None:
        percentage = _fraction(state.tolerated_percentage, env, selected)
        if not 0 <= percentage <= 100:
            detail = "ToleratedFailurePercentage must be between 0 and 100."
            raise dataflow.out_of_range(state.tolerated_percentage, detail)
    return (0, None) if count is None and percentage is None else (count, percentage)


def whole(quantity: Quantity, env: Env, selected: Payload) -> int:
    """A whole number; one found by a path may also be written as a text (recorded for MaxItemsPerBatchPath)."""
    if isinstance(quantity.source, Selector):
        found = quantity.source.evaluate(env, selected.value)
        if isinstance(found, str) and found.removeprefix("-").isdecimal():
            return int(found)
    return dataflow.whole_number(quantity, env, selected.value)


def _fraction(quantity: Quantity, env: Env, selected: Payload) -> float:
    source = quantity.source
    found = source.evaluate(env, selected.value)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return float(found)
    if isinstance(source, Expression):
        raise source.unexpected("number", found)
    try:
        if isinstance(found, str):
            return float(found)
    except ValueError:
        pass
    shown = found if isinstance(found, str) else dumps(found)
    where = f": {source.text}" if isinstance(source, Selector) else ""
    raise runtime(f'The {quantity.field} field refers to value "{shown}" which is not a valid float{where}')


def _negative_max_items(draft: Draft, frame: Frame, state: DistributedMap, selected: Payload) -> bool:
    """True if MaxItems is below 0: the Map Run begins and fails (recorded), unlike with any other bad field."""
    quantity = None if state.reader is None else state.reader.max_items
    return quantity is not None and whole(quantity, draft.env(frame, state), selected) < 0


def _reading(reader: ItemReader, env: Env, selected: Payload, objects: bool) -> Reading:
    given = _object(reader.arguments, env, selected, "ItemReader")
    most = 0 if reader.max_items is None else whole(reader.max_items, env, selected)
    config = _object(reader.config, env, selected, "ReaderConfig")
    return Reading(
        action=reader.action,
        bucket=_text(given, "Bucket", "ItemReader"),
        key=_text(given, "Key", "ItemReader") if reader.action == "getObject" else "",
        prefix=_text(given, "Prefix", "ItemReader", default=""),
        config=config,
        max_items=min(max(most, 0), MOST_ITEMS),
        objects=objects,
    )


def items_in(reader: ItemReader, text: str, env: Env, selected: Payload, objects: bool) -> tuple[list[Any], bool]:
    """The items of a `reader` whose file, or listing, is `text`, and whether an ItemsPointer chose them: for TestState.

    Raises Fault, and BadDataset if the text is not what the ReaderConfig promises or cannot be given as text.
    """
    config = _object(reader.config, env, selected, "ReaderConfig")
    most = 0 if reader.max_items is None else whole(reader.max_items, env, selected)
    if most < 0:
        raise Fault(READER_FAILED, _NEGATIVE_MAX_ITEMS, whole=True)
    if reader.action == "listObjectsV2" and config.get("Transformation") != "LOAD_AND_FLATTEN":
        config = {"InputType": "JSON"}
    items = file_items(io.StringIO(text, newline=""), {"InputType": "JSON", **config}, objects)
    return list(islice(items, most or None)), "ItemsPointer" in config


def _batching(batcher: ItemBatcher, env: Env, selected: Payload) -> Batching:
    given = batcher.batch_input
    return Batching(
        max_items=_positive(batcher.max_items, env, selected),
        max_bytes=min(_positive(batcher.max_bytes, env, selected), MOST_BATCH_BYTES),
        batch_input=None if given is None else given.evaluate(env, selected.value),
        has_input=given is not None,
    )


def _positive(quantity: Quantity | None, env: Env, selected: Payload) -> int:
    """A whole number above 0, or 0 if there is no such field."""
    if quantity is None:
        return 0
    found = whole(quantity, env, selected)
    if found < 1:
        raise dataflow.out_of_range(quantity, f"The {quantity.field} field must be positive but was: {found}")
    return found


def _writing(writer: ResultWriter, env: Env, selected: Payload) -> Writing:
    config = _object(writer.config, env, selected, "WriterConfig")
    given: dict[str, Any] = {}
    if writer.arguments is not None:
        given = _object(writer.arguments, env, selected, "ResultWriter")
    return Writing(
        bucket="" if writer.arguments is None else _text(given, "Bucket", "ResultWriter"),
        prefix=_text(given, "Prefix", "ResultWriter", default=""),
        output_type=str(config.get("OutputType", "JSON")),
        transformation=str(config.get("Transformation", "")),
    )


def _object(template: Template, env: Env, selected: Payload, field: str) -> dict[str, Any]:
    found = template.evaluate(env, selected.value)
    if not isinstance(found, dict):
        raise runtime(f"The {field} field must be an object but was: {dumps(found)}")
    return found


def _text(given: dict[str, Any], name: str, field: str, default: str | None = None) -> str:
    found = given.get(name, default)
    if not isinstance(found, str):
        what = "is required but was missing" if name not in given else f"must be a string but was: {dumps(found)}"
        raise runtime(f"The field '{name}' of {field} {what}")
    return found
