"""Which route a request is for: fixed parts before parameters, parameters before what takes the rest. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

from flowd.routes import Route

_PARAMETER = re.compile(r"\{([^}+]+)(\+?)\}")
_DEFAULT = "$default"


class Match(NamedTuple):
    """A route and what its path's parameters are in this request, decoded."""

    route: Route
    parameters: dict[str, str]


class _Compiled(NamedTuple):
    route: Route
    names: tuple[str, ...]


@dataclass(slots=True)
class _Place:
    """A place in the tree of all paths: where the parts so far have led to."""

    fixed: dict[str, _Place] = field(default_factory=dict)
    parameter: _Place | None = None
    ends: list[_Compiled] = field(default_factory=list)
    rest: list[_Compiled] = field(default_factory=list)  # those that take all that follows


class Router:
    """The routes in force. A request costs as much as its path is long, however many there are."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Place()
        self._default: list[_Compiled] = []
        # A route for one method goes before one for all.
        for route in sorted(self.routes, key=lambda route: route.method == "ANY"):
            self._add(route)

    def find(self, method: str, path: str) -> Match | None:
        """The best route; `path` as it stands in the request line."""
        for each, values in self._on(path):
            if each.route.method in (method, "ANY"):
                parameters = zip(each.names, values, strict=True)
                return Match(each.route, {name: unquote(text) for name, text in parameters})
        return None

    def methods(self, path: str) -> list[str]:
        """What can be done with a path; empty if nothing is there."""
        found = {each.route.method for each, _ in self._on(path) if each.route.path != _DEFAULT}
        return sorted(found)

    def _on(self, path: str) -> Iterator[tuple[_Compiled, list[str]]]:
        """The routes that a path fits, best first, with the values of their parameters."""
        before, *segments = (path.rstrip("/") or "/").split("/")
        if segments and not before:
            yield from _below(self._root, segments, 0, [])
        yield from ((each, []) for each in self._default)

    def _add(self, route: Route) -> None:
        if route.path == _DEFAULT:
            self._default.append(_Compiled(route, ()))
            return
        place, names = self._root, []
        for segment in (route.path.rstrip("/") or "/").split("/")[1:]:
            found = _PARAMETER.fullmatch(segment)
            if found is None:
                place = place.fixed.setdefault(segment, _Place())
                continue
            names.append(found[1])
            if found[2]:
                place.rest.append(_Compiled(route, tuple(names)))
                return
            if place.parameter is None:
                place.parameter = _Place()
            place = place.parameter
        place.ends.append(_Compiled(route, tuple(names)))


def _below(place: _Place, asked: list[str], at: int, values: list[str]) -> Iterator[tuple[_Compiled, list[str]]]:
    """What fits from part `at` on: fixed parts before parameters, these before what takes the rest. No parameter is
    empty."""
    if at == len(asked):
        yield from ((each, values) for each in place.ends)
        return
    segment = asked[at]
    if (fixed := place.fixed.get(segment)) is not None:
        yield from _below(fixed, asked, at + 1, values)
    if segment and place.parameter is not None:
        yield from _below(place.parameter, asked, at + 1, [*values, segment])
    if place.rest and (rest := "/".join(asked[at:])):
        yield from ((each, [*values, rest]) for each in place.rest)
