"""Where the parameters of an API Gateway integration come from: expressions such as `method.request.header.X`. Pure.

Read once when a template is loaded, to refuse what is none, and again by the front, which looks the values up.
Source: developer guides, "Parameter mapping" of REST APIs and "Transform API requests and responses" of HTTP APIs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flowd.errors import FlowdError
from flowd.payload import InvalidJson, dumps, loads

_PLACES: Final = ("header", "path", "querystring", "multivalueheader", "multivaluequerystring", "body")
_REST = re.compile(r"(?:method\.request|integration\.response)\.([a-z]+)(?:\.(.+))?", re.DOTALL)
_HTTP = re.compile(r"\$(?:request\.([a-z]+)(?:\.([A-Za-z0-9_.\[\]-]+))?|(context|stageVariables)\.([A-Za-z0-9_.-]+))")
_WITHIN = re.compile(r"\$\{((?:request|context|stageVariables)\.[^{}]+)\}")
_OTHER = re.compile(r"(context|stageVariables)\.([A-Za-z0-9_.-]+)")
_STEPS = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_BODY = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[\d+\])*")


class NoSource(FlowdError):
    """The expression names nothing that a parameter can come from."""


@dataclass(frozen=True, slots=True)
class Source:
    """One place of a request or an answer; `literal` is the text itself."""

    place: str
    name: str = ""


def rest(text: str, side: str) -> Source:
    """An expression of a REST API; `side` is what it may look at, as `method.request`. Raises NoSource."""
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return Source("literal", text[1:-1])
    other = _OTHER.fullmatch(text)
    if other is not None:
        return Source(other[1], other[2])
    found = _REST.fullmatch(text)
    if found is None or not text.startswith(side + "."):
        raise NoSource(f"{text!r} is none of 'text', {side}.header.X, {side}.body, context.X, stageVariables.X")
    return _checked(text, found[1], found[2] or "")


def http(text: str) -> tuple[Source, ...]:
    """An expression of an HTTP API: a whole reference, or text with `${request.body.x}` in it. Raises NoSource."""
    found = _HTTP.fullmatch(text)
    if found is not None:
        return (_from_http(text, found),)
    parts: list[Source] = []
    at = 0
    for inner in _WITHIN.finditer(text):
        parts.append(Source("literal", text[at : inner.start()]))
        reference = _HTTP.fullmatch("$" + inner[1])
        if reference is None:
            raise NoSource(f"{inner[0]} is no reference to the request")
        parts.append(_from_http(inner[0], reference))
        at = inner.end()
    if text.startswith("$") and not parts:
        raise NoSource(f"{text!r} is none of $request.body.x, $request.header.x, $request.querystring.x, "
                       "$request.path.x, $context.x, $stageVariables.x")  # fmt: skip
    return tuple(part for part in (*parts, Source("literal", text[at:])) if part != Source("literal", ""))


def _from_http(text: str, found: re.Match[str]) -> Source:
    if found[3]:
        return Source(found[3], found[4])
    return _checked(text, found[1], found[2] or "")


def _checked(text: str, place: str, name: str) -> Source:
    if place not in _PLACES or (not name and place not in ("body", "path")):
        raise NoSource(f"{text!r} names no {', '.join(_PLACES[:3])} or body")
    if place == "body" and name and _BODY.fullmatch(name.removeprefix("$.")) is None:
        raise NoSource(f"{text!r}: of a body, members and entries can be taken, as body.items[0].id")
    return Source(place, name.removeprefix("$.") if place == "body" else name)


def value(source: Source, document: Mapping[str, Any]) -> Any:
    """What stands there, or None. `document`: by place, names and their values; `body` is text."""
    if source.place == "literal":
        return source.name
    if source.place == "body":
        return _of_body(document["body"], source.name)
    if source.place == "path" and not source.name:
        return document["context"].get("path")
    if source.place == "context":
        return _below(document["context"], source.name)
    name = source.name.lower() if source.place.endswith("header") else source.name
    return document[source.place].get(name)


def text(found: Any) -> str:
    """A value as it stands in a header."""
    return found if isinstance(found, str) else dumps(found)


def _of_body(body: str, name: str) -> Any:
    if not name:
        return body
    try:
        return _below(loads(body), name)
    except InvalidJson:
        return None


def _below(found: Any, name: str) -> Any:
    for member, index in _STEPS.findall(name):
        if member:
            found = found.get(member) if isinstance(found, dict) else None
        else:
            found = found[int(index)] if isinstance(found, list) and int(index) < len(found) else None
    return found
