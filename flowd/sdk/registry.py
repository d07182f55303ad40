"""Which workflows, activities and queues a module has: what a worker registers and the simulator finds types by."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from flowd.sdk.activities import Activity
from flowd.sdk.errors import SdkError
from flowd.sdk.people import Queue
from flowd.sdk.workflows import Workflow


@dataclass(frozen=True, slots=True)
class Registry:
    """Types by name; those of remote workers apart."""

    workflows: dict[str, Workflow[Any, Any]] = field(default_factory=dict)
    activities: dict[str, Activity[Any, Any]] = field(default_factory=dict)
    queues: dict[str, Queue[Any]] = field(default_factory=dict)

    def add(self, values: Iterable[object]) -> None:
        """Take in what is one of ours. Two of one name are refused."""
        for value in values:
            if isinstance(value, Queue):
                self.queues[value.name] = value
            elif isinstance(value, Workflow) and not value.remote:
                _enter(self.workflows, value, "workflows")
            elif isinstance(value, Activity) and not value.remote:
                _enter(self.activities, value, "activities")


def _enter(known: dict[str, Any], value: Any, what: str) -> None:
    before = known.setdefault(value.name, value)
    if before is not value and before.function is not value.function:
        raise SdkError(f"there are two {what} named {value.name}: give one of them another name=")


def registry_of(namespace: dict[str, Any], *workflows: Workflow[Any, Any]) -> Registry:
    """What a module's globals hold, the modules beside it that it imports, and what these workflows close over."""
    registry = Registry()
    folder = os.path.dirname(namespace.get("__file__") or "")
    _walk(namespace, folder, registry, set())
    for workflow in workflows:
        registry.add([workflow])
        _close_over(workflow.function, registry, set())
    return registry


def _close_over(function: Any, registry: Registry, seen: set[int]) -> None:
    """Types that stand in a function's scope, as tests like to have them."""
    if id(function) in seen:
        return
    seen.add(id(function))
    for cell in getattr(function, "__closure__", None) or ():
        try:
            value = cell.cell_contents
        except ValueError:  # not bound yet
            continue
        registry.add([value])
        _close_over(getattr(value, "function", value), registry, seen)


def _walk(namespace: dict[str, Any], folder: str, registry: Registry, seen: set[int]) -> None:
    if id(namespace) in seen:
        return
    seen.add(id(namespace))
    registry.add(list(namespace.values()))
    for value in list(namespace.values()):
        if isinstance(value, ModuleType) and folder and _is_below(getattr(value, "__file__", None), folder):
            _walk(vars(value), folder, registry, seen)


def _is_below(file: str | None, folder: str) -> bool:
    return file is not None and os.path.realpath(file).startswith(os.path.realpath(folder) + os.sep)
