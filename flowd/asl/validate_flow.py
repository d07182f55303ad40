"""How the states of one scope hang together: targets exist, everything is reachable, something ends.

One scope at a time; knows only names, Type, Next, End, Default, Choices and Catch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowd.asl.diagnostics import MISSING_END, MISSING_TARGET, Report, at


def transitions(state: dict[str, Any], location: str) -> Iterator[tuple[str, str]]:
    """Each target that a state names, with the place where it stands."""
    for holder, place in _holders(state, location):
        if isinstance(holder.get("Next"), str):
            yield holder["Next"], at(place, "Next")
    if state.get("Type") == "Choice" and isinstance(state.get("Default"), str):
        yield state["Default"], at(location, "Default")


def _holders(state: dict[str, Any], location: str) -> Iterator[tuple[dict[str, Any], str]]:
    kind = state.get("Type")
    if kind not in ("Choice", "Succeed", "Fail"):
        yield state, location
    name = {"Choice": "Choices", "Task": "Catch", "Parallel": "Catch", "Map": "Catch"}.get(str(kind))
    members = state.get(name) if name else None
    for index, member in enumerate(members if isinstance(members, list) else ()):
        if isinstance(member, dict):
            yield member, at(location, name or "", index)


def check_flow(report: Report, scope: dict[str, Any], location: str) -> None:
    """Targets, the terminal state and reachability, in the service's own order: a scope that cannot end is not walked.

    Every transition is named `Next` in the text, whatever field it stands in, StartAt included (observed).
    """
    states: dict[str, dict[str, Any]] = {n: s for n, s in scope["States"].items() if isinstance(s, dict)}
    base = at(location, "States")
    arrows = {name: list(transitions(state, at(base, name))) for name, state in states.items()}
    start = scope.get("StartAt")
    if isinstance(start, str) and start not in scope["States"]:
        report.error(f"Missing 'Next' target: {start}", at(location, "StartAt"), MISSING_TARGET)
    for found in arrows.values():
        for target, place in found:
            if target not in scope["States"]:
                report.error(f"Missing 'Next' target: {target}", place, MISSING_TARGET)
    if not any(is_terminal(state) for state in states.values()):
        # The service gives no location for the machine itself.
        report.error("Workflow has no terminal state", None if location == "/" else location, MISSING_END)
        return
    reached = _reachable(start, arrows)
    for name in states:
        if name not in reached:
            report.error(f'State "{name}" is not reachable.', at(base, name), MISSING_TARGET)


def is_terminal(state: dict[str, Any]) -> bool:
    """True if its scope can end here. One that is reported already (no Type, no Next) gets the benefit of the doubt."""
    kind = state.get("Type")
    if kind in ("Succeed", "Fail") or not isinstance(kind, str):
        return True
    return state.get("End") is True or (kind != "Choice" and "Next" not in state)


def _reachable(start: Any, arrows: dict[str, list[tuple[str, str]]]) -> set[str]:
    reached: set[str] = set()
    todo = [start] if isinstance(start, str) else []
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo.extend(target for target, _ in arrows.get(name, ()))
    return reached
