"""The order in which resources of one type are made: what refers to another comes after it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

_IN_TEXT: Final = re.compile(r"\$\{([A-Za-z0-9]+)")


def in_order(resources: Mapping[str, Any], logical_ids: Sequence[str]) -> list[str]:
    """`logical_ids`, as a queue after the queue of its dead letters. As they stand if they refer to each other in a
    circle, which AWS refuses."""
    among = set(logical_ids)
    graph = {each: [name for name in _referred(resources[each]) if name in among - {each}] for each in logical_ids}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return list(logical_ids)


def _referred(resource: Any) -> Iterator[str]:
    """The logical ids in a resource: Ref, Fn::GetAtt, Fn::Sub and DependsOn."""
    left = [resource]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            for key, member in value.items():
                yield from _named(key, member)
            left += value.values()


def _named(key: str, member: Any) -> Iterator[str]:
    texts = [each for each in (member if isinstance(member, list) else [member]) if isinstance(each, str)]
    if key == "DependsOn":
        yield from texts
    elif key in ("Ref", "Fn::GetAtt"):
        yield from (text.partition(".")[0] for text in texts[:1])
    elif key == "Fn::Sub":
        yield from (name for text in texts[:1] for name in _IN_TEXT.findall(text))
