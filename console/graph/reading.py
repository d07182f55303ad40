"""A definition as a graph: states, what is nested in them, and edges. Pure.

Definitions in the wild are wrong in many ways. Whatever cannot be read is left out, a target that does not exist is
kept as a loose end, and nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from console.graph.conditions import condition

#: Containers deeper than this are one box: nobody can read them in place, and the interpreter's stack is finite.
DEEPEST = 24


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from a state to another. `kind`: next, choice, catch."""

    source: str
    target: str
    kind: str = "next"
    label: str = ""


@dataclass(slots=True)
class State:
    """One state; `parts` are its branches ("0", "1", ...) or the body of a Map ("*")."""

    name: str
    type: str
    parts: list[tuple[str, Part]] = field(default_factory=list)
    hidden: int = 0  # states inside that are too deep to be shown


@dataclass(slots=True)
class Part:
    """A `States` object with its start; `loose` are edges to states that do not exist."""

    start: str = ""
    states: dict[str, State] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    loose: list[Edge] = field(default_factory=list)

    def count(self) -> int:
        """All states, those inside of others too."""
        return len(self.states) + sum(part.count() for state in self.states.values() for _, part in state.parts)


def read(definition: Any, depth: int = 0) -> Part:
    """The graph of a definition, or of a branch of one."""
    part = Part()
    states = definition.get("States") if isinstance(definition, dict) else None
    if not isinstance(states, dict):
        return part
    for name, state in states.items():
        if isinstance(state, dict):
            part.states[name] = _state(name, state, depth)
    start = definition.get("StartAt")
    part.start = start if isinstance(start, str) and start in part.states else next(iter(part.states), "")
    for name, state in states.items():
        if isinstance(state, dict):
            for edge in _edges(name, state):
                (part.edges if edge.target in part.states else part.loose).append(edge)
    return part


def _state(name: str, state: dict[str, Any], depth: int) -> State:
    read_state = State(name, state["Type"] if isinstance(state.get("Type"), str) else "?")
    for key, inner in inner_machines(state):
        if depth + 1 < DEEPEST:
            part = read(inner, depth + 1)
            if part.states:
                read_state.parts.append((key, part))
        else:
            read_state.hidden += 1
    return read_state


def inner_machines(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The branches of a Parallel by number, the body of a Map as "*"."""
    for index, branch in enumerate(_list(state.get("Branches"))):
        yield str(index), branch
    body = state.get("ItemProcessor") or state.get("Iterator")
    if isinstance(body, dict):
        yield "*", body


def _edges(name: str, state: dict[str, Any]) -> Iterator[Edge]:
    for rule in _list(state.get("Choices")):
        if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
            yield Edge(name, rule["Next"], "choice", condition(rule))
    if isinstance(state.get("Default"), str):
        yield Edge(name, state["Default"], "choice", "else")
    if isinstance(state.get("Next"), str):
        yield Edge(name, state["Next"])
    for catcher in _list(state.get("Catch")):
        if isinstance(catcher, dict) and isinstance(catcher.get("Next"), str):
            errors = [str(error).removeprefix("States.") for error in _list(catcher.get("ErrorEquals"))]
            yield Edge(name, catcher["Next"], "catch", ", ".join(errors))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
