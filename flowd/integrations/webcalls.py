"""One HTTP exchange of a Task: what is sent, how bodies are encoded, what comes back. Shared by http and apigateway.

It follows no redirect and repeats nothing; a Task's Retry does.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, quote_plus

import httpx

from flowd.integrations.answers import Refusal
from flowd.payload import dumps

TIMEOUT_S: Final = 60.0  # of one HTTP Task (developer guide, "Call HTTPS APIs")
LARGEST: Final = 262_144
METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")
READS: Final = ("GET", "OPTIONS", "HEAD")
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
_BINARY: Final = ("application/octet-stream", "image/", "video/", "audio/")
HIDDEN: Final = "[REDACTED]"


@dataclass
class Outgoing:
    """A request as it goes out; `secrets` are texts that are not shown."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    query: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = None
    secrets: list[str] = field(default_factory=list)

    @property
    def whole_url(self) -> str:
        if not self.query:
            return self.url
        pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in self.query)
        return f"{self.url}{'&' if '?' in self.url else '?'}{pairs}"

    def set(self, name: str, value: str) -> None:
        """A header, in place of one of the same name in other letters."""
        for known in [known for known in self.headers if known.lower() == name.lower()]:
            del self.headers[known]
        self.headers[name] = value

    def get(self, name: str) -> str:
        return next((value for known, value in self.headers.items() if known.lower() == name.lower()), "")


def arguments(given: Any, known: frozenset[str]) -> dict[str, Any]:
    """The arguments of a Task that calls an endpoint: only known fields, an endpoint and a method. Raises Refusal."""
    if not isinstance(given, dict):
        raise Refusal("The parameters are not an object")
    for name in given:
        if name not in known:
            raise Refusal(f'The field "{name}" is not supported by Step Functions')
    for name in ("ApiEndpoint", "Method"):
        if not isinstance(given.get(name), str):
            raise Refusal(f"The field '{name}' is required but was missing")
    if given["Method"] not in METHODS:
        raise Refusal(f"Method is one of {', '.join(METHODS)}, not {given['Method']}")
    return given


class NoAnswer(Exception):
    """Nobody answered in time, or nothing that is an answer."""


async def send(
    outgoing: Outgoing, transport: httpx.AsyncBaseTransport | None, timeout_s: float, largest: int = LARGEST
) -> httpx.Response:
    """The answer with its body, of which no more is read than tells that it is larger than `largest`. Raises NoAnswer.

    The time is that of the whole exchange: who sends a byte now and then is as late as who sends none.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchanged(outgoing, transport, timeout_s, largest)
    except (httpx.TimeoutException, TimeoutError):
        raise NoAnswer(f"HTTP task timeout after {timeout_s:g}s") from None
    except httpx.LocalProtocolError:
        raise NoAnswer("the request has a header that HTTP cannot carry") from None  # the library's words show it
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NoAnswer(str(_hidden(f"{type(error).__name__}: {error}", outgoing.secrets))) from None


async def _exchanged(
    outgoing: Outgoing, transport: httpx.AsyncBaseTransport | None, timeout_s: float, largest: int
) -> httpx.Response:
    offered = {"Accept-Encoding": "gzip, deflate"}  # what is unpacked below, up to a size
    certificates = await asyncio.to_thread(trusted)
    settings: dict[str, Any] = {"timeout": timeout_s, "trust_env": True, "headers": offered, "verify": certificates}
    async with httpx.AsyncClient(transport=transport, **settings) as client:
        request = client.build_request(
            outgoing.method, outgoing.whole_url, headers=outgoing.headers, content=outgoing.body
        )
        response = await client.send(request, stream=True)
        try:
            parts, size = [], 0
            async for part in response.aiter_raw():
                parts.append(part)
                size += len(part)
                if size > largest:
                    break
        finally:
            await response.aclose()
    response._content = _unpacked(b"".join(parts), response.headers.get("content-encoding", "").lower(), largest)
    return response


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that servers are checked by, read once: it takes a tenth of a second. Blocks on the disk."""
    return httpx.create_ssl_context()


def _unpacked(content: bytes, encoding: str, largest: int) -> bytes:
    """No more of it than tells that it is too large: a small answer may hold a thousand times as much."""
    if encoding not in ("gzip", "x-gzip", "deflate") or not content:
        return content
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):  # with a header of either kind; without one, as some servers do
        try:
            return zlib.decompressobj(bits).decompress(content, largest + 1)
        except zlib.error:
            continue
    raise NoAnswer("the answer cannot be unpacked")


def output(response: httpx.Response) -> dict[str, Any]:
    """What a Task shows of an answer. Raises Refusal for a body that is no text."""
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.multi_items():
        headers.setdefault(name.lower(), []).append(value)
    found = {"Headers": headers, "StatusCode": response.status_code, "StatusText": reason(response)}
    body = parsed(response)
    return found if body is None else {"Headers": headers, "ResponseBody": body, **found}


def reason(response: httpx.Response) -> str:
    """The words beside the status; HTTP/2 and some servers leave them out."""
    if response.reason_phrase:
        return response.reason_phrase
    try:
        return HTTPStatus(response.status_code).phrase
    except ValueError:
        return ""


def parsed(response: httpx.Response) -> Any:
    """The body as JSON where it is JSON, else as text; None if there is none."""
    kind = response.headers.get("content-type", "").lower()
    content = response.content
    if not content:
        return None
    if kind.startswith(_BINARY):
        raise Refusal(f"the answer is of the type {kind}, which no Task can hold")
    try:
        text = content.decode(response.encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        raise Refusal("the answer is no text") from None
    if "json" not in kind:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


# -- requests ------------------------------------------------------------------------


def text(value: Any, place: str) -> str:
    """A header or query value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Refusal(f"The value of the field '{place}' must be a text, a number or a boolean")


def encoded(body: Any, outgoing: Outgoing, transform: Mapping[str, Any]) -> bytes | None:
    """A body as JSON, as a form where the Transform says so, or as the text that it is for another type."""
    if body is None:
        return None
    kind = outgoing.get("content-type").lower()
    if transform.get("RequestBodyEncoding") == "URL_ENCODED":
        if not isinstance(body, dict):
            raise Refusal("RequestBody must be an object where RequestBodyEncoding is URL_ENCODED")
        if not kind.startswith(FORM):
            outgoing.set("Content-Type", FORM)
        form = (transform.get("RequestEncodingOptions") or {}).get("ArrayFormat", "INDICES")
        return "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in _pairs(body, "", form)).encode()
    if not kind:
        outgoing.set("Content-Type", f"{JSON}; charset=UTF-8")
    elif "json" not in kind and isinstance(body, str):
        return body.encode()
    return dumps(body).encode()


def _pairs(value: Any, name: str, form: str) -> list[tuple[str, str]]:
    """A nested value as fields of a form: objects as `a[b]`, arrays as the ArrayFormat says."""
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _pairs(inner, f"{name}[{key}]" if name else key, form)]
    if not isinstance(value, list):
        return [(name, "" if value is None else text(value, name))]
    if form == "NONE":
        return [(name, dumps(value))]
    if form == "COMMAS":
        return [(name, ",".join(text(inner, name) for inner in value))]
    ends = {"INDICES": "[{}]", "BRACKETS": "[]", "REPEAT": ""}
    if form not in ends:
        raise Refusal(f"ArrayFormat is one of INDICES, REPEAT, COMMAS, BRACKETS, NONE, not {form}")
    return [pair for index, inner in enumerate(value) for pair in _pairs(inner, name + ends[form].format(index), form)]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


# -- what TestState shows --------------------------------------------------------------


def shown_request(outgoing: Outgoing, *, reveal: bool) -> dict[str, Any]:
    found = {
        "protocol": "https" if outgoing.url.startswith("https:") else "http",
        "method": outgoing.method,
        "url": outgoing.whole_url,
        "headers": _headers(outgoing.headers.items()),
        "body": None if outgoing.body is None else outgoing.body.decode("utf-8", "replace"),
    }
    if not reveal:
        found = {name: _hidden(value, outgoing.secrets) for name, value in found.items()}
    return {name: value for name, value in found.items() if value is not None}


def shown_response(response: httpx.Response) -> dict[str, Any]:
    return {
        "protocol": "https" if response.request.url.scheme == "https" else "http",
        "statusCode": str(response.status_code),
        "statusMessage": reason(response),
        "headers": _headers(response.headers.multi_items()),
        "body": response.content.decode("utf-8", "replace"),
    }


def _headers(pairs: Any) -> str:
    return "[" + ", ".join(f"{name}: {value}" for name, value in pairs) + "]"


def _hidden(value: Any, secrets: list[str]) -> Any:
    for secret in secrets:
        if isinstance(value, str) and secret:
            value = value.replace(secret, HIDDEN).replace(quote(secret, safe=""), HIDDEN)
    return value
