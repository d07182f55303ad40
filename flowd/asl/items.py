"""From items to the inputs of children: ItemSelector for each, ItemBatcher over them. Pure, and one item at a time.

The order is read, select, batch (developer guide, "ItemBatcher"). Nothing here knows where items come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from flowd.asl.context import STATE_DATA, Env, map_item
from flowd.asl.faults import DATA_LIMIT_BYTES, too_large
from flowd.asl.model import DistributedMap
from flowd.asl.templates import payload_of
from flowd.decisions import Batching, MapRunPlan
from flowd.entropy import Entropy
from flowd.frames import Execution, Frame
from flowd.payload import Payload, dumps


class ChildInput(NamedTuple):
    """What one child gets: so many `items` from number `first` on."""

    first: int
    items: int
    input: Payload


@dataclass(frozen=True)
class Place:
    """The Distributed Map whose items these are: its execution, the lineage of its frame, the state."""

    execution: Execution
    frames: Mapping[str, Frame]
    frame: Frame
    state: DistributedMap


class _Lineage:
    def __init__(self, frames: Mapping[str, Frame]) -> None:
        self._frames = frames

    def frame(self, frame_id: str) -> Frame:
        return self._frames[frame_id]


class _ItemEnv(Env):
    """What ItemSelector sees: the state's own Env, and in its Context object the item that is being chosen."""

    __slots__ = ("chosen",)
    chosen: dict[str, Any]

    def context(self) -> dict[str, Any]:
        return {**super().context(), "Map": {"Item": self.chosen}}


def child_inputs(
    place: Place, plan: MapRunPlan, items: Iterable[Payload], keyed: bool, first: int, now_ms: int, entropy: Entropy
) -> Iterator[ChildInput]:
    """The inputs of children for `items`, of which the first has number `first`; `keyed`: they are pairs of an object.
    Raises Fault."""
    selected = _selected(place, plan, items, keyed, first, now_ms, entropy)
    if plan.batching is None:
        for index, each in enumerate(selected, first):
            yield _checked(place, ChildInput(index, 1, each))
    else:
        for each_batch in _batches(plan.batching, selected, first):
            yield _checked(place, each_batch)


def _checked(place: Place, child: ChildInput) -> ChildInput:
    text = child.input.text
    if len(text) * 4 > DATA_LIMIT_BYTES and child.input.size > DATA_LIMIT_BYTES:
        raise too_large(place.state.name)
    return child


def _selected(
    place: Place, plan: MapRunPlan, items: Iterable[Payload], keyed: bool, first: int, now_ms: int, entropy: Entropy
) -> Iterator[Payload]:
    selector = place.state.item_selector
    if selector is None:
        yield from items
        return
    frame = place.frame
    env = _ItemEnv(place.execution, _Lineage(place.frames), frame, now_ms, entropy, retried=True)
    whole_input = (frame.input if frame.result is None else frame.result).value
    source = STATE_DATA
    if plan.reading is not None:
        source = f"s3://{plan.reading.bucket}/{plan.reading.key or plan.reading.prefix}"
    for index, item in enumerate(items, first):
        env.chosen = map_item(index, item.value, keyed=keyed, source=source)
        yield payload_of(selector, env, whole_input)


def _batches(batching: Batching, items: Iterable[Payload], first: int) -> Iterator[ChildInput]:
    """Groups of items within both limits; an item that is too large for any group is one by itself."""
    head = f'{{"BatchInput":{dumps(batching.batch_input)},"Items":[' if batching.has_input else '{"Items":['
    empty = len(head.encode()) + 2
    group: list[str] = []
    size = empty
    for item in items:
        added = item.size + (1 if group else 0)
        full = batching.max_items and len(group) == batching.max_items
        heavy = batching.max_bytes and size + added > batching.max_bytes
        if group and (full or heavy):
            yield ChildInput(first, len(group), Payload(text=f"{head}{','.join(group)}]}}"))
            first += len(group)
            group, size, added = [], empty, item.size
        group.append(item.text)
        size += added
    if group:
        yield ChildInput(first, len(group), Payload(text=f"{head}{','.join(group)}]}}"))
