"""Mapping templates of API Gateway: `$input`, `$context`, `$util`, `$stageVariables` over a request or answer. Pure.

Source: developer guide, "Variables for mapping template transformations". What is not there reads as an empty text, an
empty body as `{}`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from flowd.api.front.matching import Match
from flowd.api.front.requests import Problem, Request
from flowd.asl.paths import Path, PathError, PathSyntaxError, PathTooLong, compile_path
from flowd.payload import InvalidJson, dumps, loads, measure
from flowd.routes import TEMPLATE_MEMBERS
from flowd.velocity import LONGEST, Broken, Template, Thing, compile_template, render
from flowd.velocity.methods import Given, given

_ESCAPES: Final = {
    **{"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"},
    **{"\\": "\\\\", '"': '\\"', "'": "\\'", "/": "\\/"},
}


class Exchange:
    """One request on its way to an integration and back. `context` is what both templates share and may change."""

    def __init__(self, request: Request, match: Match, context: dict[str, Any]) -> None:
        self.request = request
        self.match = match
        headers = {name.lower(): value for name, value in request.headers}
        self.parameters: dict[str, dict[str, str]] = {
            "path": dict(match.parameters),
            "querystring": {name: values[-1] for name, values in request.query_lists.items()},
            "header": {_title(name): value for name, value in headers.items()},
        }
        overrides: dict[str, Any] = {
            "requestOverride": {"header": {}, "path": {}, "querystring": {}},
            "responseOverride": {"header": {}},
        }
        self.context: dict[str, Any] = given(context | overrides)
        self.document = {
            **self.parameters,
            "header": headers,
            "multivalueheader": _lists(request.headers),
            "multivaluequerystring": request.query_lists,
            "body": request.body.decode("utf-8", "replace"),
            "context": context,
            "stageVariables": match.route.variables,
        }

    def render(self, template: str, body: bytes) -> str:
        """The template over a body, that of the request or of an answer. Raises Problem, which says what is wrong."""
        values = {
            "context": self.context,
            "input": _input(body.decode("utf-8", "replace"), self.parameters),
            "stageVariables": Given(self.match.route.variables),
            "util": UTIL,
        }
        try:
            return render(compiled(template), values)
        except Broken as broken:
            raise Problem(500, "Internal server error", reason=f"a mapping template failed: {broken.message}") from None


@lru_cache(maxsize=1_000)
def compiled(text: str) -> Template:
    """Templates of routes are few, and each is used often. Raises Invalid."""
    return compile_template(text, TEMPLATE_MEMBERS)


def _title(name: str) -> str:
    """Headers are in lower case here; templates written for AWS name them as browsers and SDKs send them."""
    return "-".join(part.capitalize() for part in name.split("-"))


class _Headers(Given):
    """Headers, found whatever letters they are asked for in."""

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(_title(str(key)), default)


#: Where `$input.params(name)` looks, in this order.
_KINDS: Final[dict[str, type[Given]]] = {"path": Given, "querystring": Given, "header": _Headers}


def _lists(pairs: tuple[tuple[str, str], ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), []).append(value)
    return found


# -- $input --------------------------------------------------------------------------


def _input(body: str, parameters: dict[str, dict[str, str]]) -> Thing:
    parsed: list[Any] = []

    def document() -> Any:
        if not parsed:
            try:
                parsed.append(loads(body) if body.strip() else {})
            except InvalidJson as error:
                raise Problem(400, "Could not parse request body into json", reason=str(error)) from None
        return parsed[0]

    def find(path: Any) -> Any:
        return _found(document(), path)

    def as_json(path: Any) -> str:
        found = find(path)
        return '""' if found is None else dumps(found)

    def as_value(path: Any) -> Any:
        found = find(path)
        return "" if found is None else given(found)

    def params(name: Any = None) -> Any:
        held = Given((place, _KINDS[place](values)) for place, values in parameters.items())
        if name is None:
            return held
        return next((found for place in _KINDS if (found := held[place].get(str(name))) is not None), "")

    return Thing({"json": as_json, "path": as_value, "params": params}, {"body": body or "{}"}, len(body))


def _found(document: Any, path: Any) -> Any:
    text = path if isinstance(path, str) else ""
    text = text if text.startswith("$") else f"$.{text}"
    try:
        found = _path(text).evaluate(document, {}, {})
    except PathError:
        return None
    except PathSyntaxError as error:
        raise Broken(f"the path {text!r} cannot be read: {error}") from None
    except PathTooLong as error:
        raise Broken(f"the path {text!r} cannot be evaluated: {error}") from None
    return found


@lru_cache(maxsize=1_000)
def _path(text: str) -> Path:
    return compile_path(text)


# -- $util ---------------------------------------------------------------------------


def escape(text: Any) -> str:
    """As Java's escapeEcmaScript does: quotes of both kinds, slashes, and all beyond ASCII."""
    plain = _shown(text)
    # Each character that there is once: bodies of strangers have millions of them.
    special = (each for each in set(plain) if each in _ESCAPES or not " " <= each < "\x7f")
    return plain.translate({ord(each): _escaped(each) for each in special})


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2))


def _shown(value: Any) -> str:
    """A text as it is, anything else as JSON. Raises Broken for what JSON cannot have, as a list within itself."""
    if isinstance(value, str) or value is None:
        return value or ""
    try:
        if measure(value, LONGEST) > LONGEST:  # what a value holds many times is written as often
            raise Broken(f"its JSON has more than {LONGEST:,} characters")
        return dumps(value)
    except InvalidJson as error:
        raise Broken(f"this cannot be written as JSON: {error}") from None


def _parse(text: Any) -> Any:
    try:
        return given(loads(_shown(text)))
    except InvalidJson as error:
        raise Broken(f"parseJson() was given what is not JSON: {error}") from None


def _decoded(text: Any) -> str:
    try:
        return base64.b64decode(_shown(text)).decode("utf-8", "replace")
    except ValueError as error:
        raise Broken(f"base64Decode() was given what is not Base64: {error}") from None


_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "base64Decode": _decoded,
    "base64Encode": lambda text: base64.b64encode(_shown(text).encode()).decode(),
    "escapeJavaScript": escape,
    "parseJson": _parse,
    "urlDecode": lambda text: unquote_plus(_shown(text)),
    "urlEncode": lambda text: quote_plus(_shown(text)),
}
UTIL: Final = Thing(_METHODS)
