"""Which operation of a REST service a request is for: by method, path, query and headers, from the service's model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl, unquote

from botocore.model import OperationModel, StructureShape

from flowd.api.wire.protocols.models import HttpRequest, service_model, wire_name

Query = Mapping[str, list[str]]
_LABEL = re.compile(r"\{([^}+]+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation's place. `literals` must stand in the query as they are, `needed` query parts and headers too."""

    operation: str
    method: str
    pattern: re.Pattern[str]
    labels: tuple[str, ...]
    literals: tuple[tuple[str, str], ...]
    query: frozenset[str]
    headers: frozenset[str]

    @property
    def weight(self) -> tuple[int, int]:
        """The more a route demands, the earlier it is tried; then the one with more fixed text in its path."""
        return len(self.literals) + len(self.query) + len(self.headers), len(self.pattern.pattern) - len(self.labels)

    def fits(self, request: HttpRequest, query: Query) -> bool:
        return (
            request.method == self.method
            and all(value in query.get(name, ()) for name, value in self.literals)
            and all(name in query for name in self.query)
            and all(name in request.headers for name in self.headers)
        )


@cache
def routes(service: str) -> tuple[Route, ...]:
    """All routes of a service, the most demanding first; of two in one place, that which is not deprecated."""
    model = service_model(service)
    operations = sorted(map(model.operation_model, model.operation_names), key=lambda each: each.deprecated)
    return tuple(sorted(map(_route, operations), key=lambda route: route.weight, reverse=True))


def find(service: str, request: HttpRequest) -> tuple[str, dict[str, str]] | None:
    """The operation and the labels of its path, decoded; None if no operation is there."""
    query = parse_query(request.query)
    for route in routes(service):
        if route.fits(request, query) and (match := route.pattern.fullmatch(request.path)):
            return route.operation, dict(zip(route.labels, map(unquote, match.groups()), strict=True))
    return None


def parse_query(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return found


def _route(operation: OperationModel) -> Route:
    path, _, query = str(operation.http["requestUri"]).partition("?")
    labels: list[str] = []

    def label(match: re.Match[str]) -> str:
        labels.append(match[1])
        return "(.+)" if match[2] else "([^/]+)"

    pattern = "".join(
        _LABEL.sub(label, part) if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^}]+\})", path)
        if part
    )
    needed = _needed(operation)
    return Route(
        operation=operation.name,
        method=str(operation.http["method"]),
        pattern=re.compile(pattern if path == "/" else pattern.rstrip("/") + "/?"),
        labels=tuple(labels),
        literals=tuple((name, value) for name, value in parse_qsl(query, keep_blank_values=True)),
        query=frozenset(name for name, place in needed if place == "querystring"),
        headers=frozenset(name.lower() for name, place in needed if place == "header"),
    )


def _needed(operation: OperationModel) -> list[tuple[str, str]]:
    shape = operation.input_shape
    if not isinstance(shape, StructureShape):
        return []
    members = [(name, shape.members[name]) for name in shape.required_members]
    return [(wire_name(name, inner), str(inner.serialization.get("location", ""))) for name, inner in members]
