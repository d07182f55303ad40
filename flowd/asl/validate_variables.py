"""Variables across scopes: an inner scope may not assign a name that can already exist around it.

Recorded: a branch may assign the name that the catcher of its own Parallel assigns, since that happens afterwards. So
what counts for a Parallel or Map is not what its scope assigns somewhere, but what can be assigned before its entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowd.asl.diagnostics import Report, at
from flowd.asl.validate_flow import transitions

NO_VARIABLES: frozenset[str] = frozenset()
_NESTING = ("Parallel", "Map")


def assignments(state: Any, location: str) -> Iterator[tuple[str, str]]:
    """Every variable that a state assigns, with the place: its own Assign, those of Choice rules and of catchers."""
    if not isinstance(state, dict):
        return
    holders = [(state, location)]
    for name in ("Choices", "Catch"):
        members = state.get(name)
        for index, member in enumerate(members if isinstance(members, list) else ()):
            if isinstance(member, dict):
                holders.append((member, at(location, name, index)))
    for holder, place in holders:
        assign = holder.get("Assign")
        for key in assign if isinstance(assign, dict) else ():
            yield key.removesuffix(".$"), at(place, "Assign", key)


def check_variables(report: Report, states: dict[str, Any], base: str, outer: frozenset[str]) -> None:
    """Report each name that this scope assigns although it can exist outside."""
    if not outer:
        return
    for name, state in states.items():
        for variable, place in assignments(state, at(base, name)):
            if variable in outer:
                report.error(
                    f"The variable '{variable}' is assigned in an enclosing scope and cannot be assigned here", place
                )


def visible(states: dict[str, Any], outer: frozenset[str]) -> dict[str, frozenset[str]]:
    """For each Parallel and Map of a scope: the variables that can exist when it is entered."""
    nesting = [n for n, s in states.items() if isinstance(s, dict) and s.get("Type") in _NESTING]
    own = {name: {variable for variable, _ in assignments(state, "")} for name, state in states.items()}
    if not nesting or not any(own.values()):
        return dict.fromkeys(nesting, outer)
    before: dict[str, set[str]] = {name: set(outer) for name in states}
    todo = [name for name in states if own[name]]
    while todo:
        name = todo.pop()
        after = before[name] | own[name]
        for target, _ in transitions(states[name], "") if isinstance(states[name], dict) else ():
            if target in before and not after <= before[target]:
                before[target] |= after
                todo.append(target)
    return {name: frozenset(before[name]) for name in nesting}
