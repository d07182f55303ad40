"""Which route a request is for: fixed parts before parameters, parameters before what takes the rest. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
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
    segments: tuple[str | None, ...]  # None: a parameter
    greedy: bool  # the last one takes all that follows
    names: tuple[str, ...]
    rank: tuple[int, ...]


class Router:
    """The routes in force."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._fixed: dict[str, list[_Compiled]] = {}  # by the first part of the path
        self._others: list[_Compiled] = []
        for each in sorted((_compile(route) for route in self.routes), key=lambda each: each.rank):
            first = each.segments[0] if each.segments else None
            (self._others if first is None else self._fixed.setdefault(first, [])).append(each)

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
        asked = segments if segments and not before else []
        for each in chain(self._fixed.get(asked[0], ()) if asked else (), self._others):
            values = _values(each, asked)
            if values is not None:
                yield each, values


def _values(each: _Compiled, asked: list[str]) -> list[str] | None:
    """What stands for the parameters, or None if the path is another."""
    if each.route.path == _DEFAULT:
        return []
    wanted = each.segments
    if len(asked) < len(wanted) or (len(asked) > len(wanted) and not each.greedy):
        return None
    values = []
    for segment, found in zip(wanted, asked, strict=False):
        if segment is None:
            values.append(found)
        elif segment != found:
            return None
    if each.greedy:
        values[-1] = "/".join(asked[len(wanted) - 1 :])
    return values if all(values) else None


def _compile(route: Route) -> _Compiled:
    if route.path == _DEFAULT:
        return _Compiled(route, (), False, (), (9,))
    names: list[str] = []
    segments: list[str | None] = []
    rank = []
    greedy = False
    for segment in (route.path.rstrip("/") or "/").split("/")[1:]:
        found = _PARAMETER.fullmatch(segment)
        if found is None:
            segments.append(segment)
            rank.append(0)
        else:
            names.append(found[1])
            segments.append(None)
            greedy = bool(found[2])
            rank.append(2 if greedy else 1)
    # A route for one method goes before one for all; the end of a path before anything that goes on.
    return _Compiled(route, tuple(segments), greedy, tuple(names), (*rank, -1, route.method == "ANY"))
