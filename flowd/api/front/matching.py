"""Which route a request is for: fixed parts before parameters, parameters before what takes the rest. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
    pattern: re.Pattern[str]
    names: tuple[str, ...]
    rank: tuple[int, ...]


class Router:
    """The routes in force."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._compiled = sorted((_compile(route) for route in self.routes), key=lambda each: each.rank)

    def find(self, method: str, path: str) -> Match | None:
        """The best route; `path` as it stands in the request line."""
        for each in self._on(path):
            if each.route.method in (method, "ANY"):
                return _match(each, path)
        return None

    def methods(self, path: str) -> list[str]:
        """What can be done with a path; empty if nothing is there."""
        found = {each.route.method for each in self._on(path) if each.route.path != _DEFAULT}
        return sorted(found)

    def _on(self, path: str) -> Iterable[_Compiled]:
        bare = path.rstrip("/") or "/"
        return (each for each in self._compiled if each.pattern.fullmatch(bare))


def _match(each: _Compiled, path: str) -> Match:
    found = each.pattern.fullmatch(path.rstrip("/") or "/")
    assert found is not None
    return Match(each.route, {name: unquote(text) for name, text in zip(each.names, found.groups(), strict=True)})


def _compile(route: Route) -> _Compiled:
    if route.path == _DEFAULT:
        return _Compiled(route, re.compile(r".*"), (), (9,))
    names: list[str] = []
    parts, rank = [], []
    for segment in (route.path.rstrip("/") or "/").split("/")[1:]:
        found = _PARAMETER.fullmatch(segment)
        if found is None:
            parts.append(re.escape(segment))
            rank.append(0)
        else:
            names.append(found[1])
            parts.append("(.+)" if found[2] else "([^/]+)")
            rank.append(2 if found[2] else 1)
    # A route for one method goes before one for all; the end of a path before anything that goes on.
    return _Compiled(route, re.compile("/" + "/".join(parts)), tuple(names), (*rank, -1, route.method == "ANY"))
