"""The states of one machine in the order in which code would have them: a Choice reads like `if` and `else`, and what
all of its ways come to stands below it, once. Pure; nothing here raises, whatever a definition holds.

Where the ways of a Choice meet again is its immediate post-dominator, found as Cooper, Harvey and Kennedy do it ("A
Simple, Fast Dominance Algorithm") on the turned graph. A way that ends in a Fail does not count: checks that fail would
otherwise push all that follows to the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from console.graph.conditions import condition
from console.text import clean, clip

#: Guides take no more cells than this; what is deeper stands at the same place.
DEEPEST = 20
ELSE = "else"
_EXIT = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A state (`name`), or the title of one way of a Choice, or of the handlers of errors (`title`)."""

    name: str
    title: str
    guides: str
    leads: str = ""  # where it goes, if that is not what follows


@dataclass(frozen=True, slots=True)
class _Way:
    """One way of a Choice that is still to be told."""

    told: str
    target: str
    join: str
    title: str
    guides: str


_Task = tuple[str, str, str]  # a state, where to stop, its guides


def steps(states: Mapping[str, Any], start: Any = None) -> list[Step]:
    """Every state exactly once, with titles between them; `start` comes first if there is one."""
    walk = _Walk({name: state for name, state in states.items() if isinstance(state, dict)})
    return list(walk.all(start))


class _Walk:
    """What was told already, and what is still to be told, the next at the end."""

    def __init__(self, states: dict[str, dict[str, Any]]) -> None:
        self.states = states
        self.joins = joins(states)
        self.done: set[str] = set()
        self.todo: list[_Task | _Way] = []

    def all(self, start: Any) -> Iterator[Step]:
        """What runs when all goes well, then what handles errors, then what nothing leads to."""
        if self.states:
            yield from self._from(start if start in self.states else next(iter(self.states)), "")
        handlers = dict.fromkeys(name for state in self.states.values() for name in caught(state))
        left = [name for name in handlers if name in self.states and name not in self.done]
        if left:
            yield Step("", "↯ handlers", "")
        for name in left:
            yield from self._from(name, "  ")
        for name in self.states:
            yield from self._from(name, "")

    def _from(self, name: str, guides: str) -> Iterator[Step]:
        self.todo = [(name, _EXIT, guides)]
        while self.todo:
            task = self.todo.pop()
            if isinstance(task, _Way):
                yield self._way(task)
            elif task[0] not in self.done:
                yield self._state(*task)

    def _state(self, name: str, stop: str, guides: str) -> Step:
        self.done.add(name)
        state = self.states[name]
        if state.get("Type") == "Choice":
            self._choice(name, stop, guides)
            return Step(name, "", guides)
        after = state.get("Next")
        if not isinstance(after, str) or after == stop:
            return Step(name, "", guides)
        if after not in self.states or after in self.done:
            return Step(name, "", guides, f"→ {clean(after)}")
        self.todo.append((after, stop, guides))
        return Step(name, "", guides)

    def _choice(self, name: str, stop: str, guides: str) -> None:
        join = self.joins.get(name, stop)
        if join in self.done:  # further up: whoever goes there says so
            join = stop
        if join != stop:
            self.todo.append((join, stop, guides))
        ways = list(_ways(self.states[name]))
        if len(ways) > 1 and ways[-1] == (ELSE, join):
            ways.pop()  # an `if` without `else`: what follows stands below
        deep = len(guides) + 2 > DEEPEST
        for place, (told, target) in reversed(list(enumerate(ways))):
            last = place == len(ways) - 1
            title = guides if deep else guides + ("└ " if last else "├ ")
            self.todo.append(_Way(told, target, join, title, guides if deep else guides + ("  " if last else "│ ")))

    def _way(self, way: _Way) -> Step:
        """The title of a way; one that leads to what is told elsewhere is only this title."""
        if way.target == way.join or way.target in self.done or way.target not in self.states:
            return Step("", f"{way.told} → {clean(way.target)}", way.title)
        self.todo.append((way.target, way.join, way.guides))
        return Step("", way.told, way.title)


def _ways(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """`if total>1000` and where that leads; at last `else`."""
    rules = state.get("Choices")
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict) and isinstance(rule.get("Next"), str):
            yield f"if {clip(clean(condition(rule)) or '?', 60)}", rule["Next"]
    if isinstance(state.get("Default"), str):
        yield ELSE, state["Default"]


def caught(state: dict[str, Any]) -> list[str]:
    """Where the errors of a state lead."""
    rules = state.get("Catch")
    found = [rule.get("Next") for rule in (rules if isinstance(rules, list) else ()) if isinstance(rule, dict)]
    return [name for name in found if isinstance(name, str)]


def joins(states: dict[str, dict[str, Any]]) -> dict[str, str]:
    """For each Choice the state at which its ways meet again; those that never meet are left out."""
    after = {name: list(_after(state, states)) for name, state in states.items()}
    before: dict[str, list[str]] = {}
    for name, targets in after.items():
        for target in targets:
            before.setdefault(target, []).append(name)
    order = _postorder(before)
    place = {name: index for index, name in enumerate(order)}
    found = {_EXIT: _EXIT}
    changed = True
    while changed:
        changed = False
        for name in reversed(order[:-1]):  # from the exit backwards
            known = [target for target in after[name] if target in found]
            best = known[0]
            for target in known[1:]:
                best = _meet(best, target, found, place)
            if found.get(name) != best:
                found[name], changed = best, True
    return {n: found[n] for n, state in states.items() if state.get("Type") == "Choice" and found.get(n, _EXIT)}


def _after(state: dict[str, Any], states: Mapping[str, Any]) -> Iterable[str]:
    """What follows a state when all goes well; the exit if that is nothing."""
    if state.get("Type") == "Fail":
        return []
    if state.get("Type") == "Choice":
        return dict.fromkeys(target for _, target in _ways(state) if target in states)
    following = state.get("Next")
    return [following] if isinstance(following, str) and following in states else [_EXIT]


def _postorder(before: Mapping[str, list[str]]) -> list[str]:
    """The states from which the exit can be reached, each after those that lead to it; the exit last."""
    order: list[str] = []
    seen = {_EXIT}
    stack = [(_EXIT, iter(before.get(_EXIT, ())))]
    while stack:
        name, rest = stack[-1]
        following = next((each for each in rest if each not in seen), None)
        if following is None:
            order.append(name)
            stack.pop()
        else:
            seen.add(following)
            stack.append((following, iter(before.get(following, ()))))
    return order


def _meet(one: str, other: str, found: Mapping[str, str], place: Mapping[str, int]) -> str:
    """The nearest state that both come to."""
    while one != other:
        while place[one] < place[other]:
            one = found[one]
        while place[other] < place[one]:
            other = found[other]
    return one
