"""One request to the front as values, and answers to it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from flowd.payload import InvalidJson, dumps, loads

JSON = "application/json"
LARGEST_FORM = 64 * 1024  # a choice and a comment
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Headers of an answer that the front makes itself, whatever else is said.
OWN = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})


def is_header(name: str, value: str) -> bool:
    """Whether HTTP can carry it (RFC 9110, 5.1 and 5.5); what is not Latin-1 in a value becomes `?`."""
    return _NAME.fullmatch(name) is not None and not any(mark in value for mark in "\r\n\0")


@dataclass(frozen=True)
class Request:
    """Header names in lower case; `path` and `query` as they stand in the request line."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source_ip: str
    request_id: str
    at_ms: int
    authorizer: dict[str, Any] = field(default_factory=dict)  # what an authorizer said of the caller

    @property
    def size(self) -> int:
        """About how much there is to look at: characters, of which a header's name and value cost many."""
        return len(self.body) + len(self.query) + 100 * len(self.headers)

    @cached_property
    def header(self) -> dict[str, str]:
        """Values of a repeated header are joined."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    @cached_property
    def query_lists(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found

    @cached_property
    def cookies(self) -> list[str]:
        """`name=value`, each by itself and as it was sent. Not by http.cookies, which undoes quotes that
        nobody asked it to, and needs half a minute for those of one request that was made for it."""
        sent = ";".join(value for name, value in self.headers if name == "cookie")
        return [part for each in sent.split(";") if "=" in (part := each.strip(" \t"))]

    def json(self) -> Any:
        """The body's value; an empty one is an empty object. Raises BadRequest."""
        if not self.body.strip():
            return {}
        try:
            return loads(self.body)
        except InvalidJson as error:
            raise Problem(400, f"The body is not JSON: {error}") from None

    def form(self) -> dict[str, str]:
        """The body of a page's form. Raises Problem for one that no page of ours sends."""
        if len(self.body) > LARGEST_FORM:
            raise Problem(413, "Request Entity Too Large", limit=LARGEST_FORM)
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    def document(self, parameters: dict[str, str]) -> dict[str, Any]:
        """The request as the templates of routes see it."""
        return {
            "method": self.method,
            "path": parameters,
            "query": {name: values[-1] for name, values in self.query_lists.items()},
            "headers": self.header,
            "body": self.json(),
            "sourceIp": self.source_ip,
        }


@dataclass(frozen=True)
class Reply:
    """What goes out."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


class Problem(Exception):
    """The request gets an error: a status and words. `kind`: its type among gateway responses, if these do not tell."""

    kind = ""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.more = more

    def reply(self) -> Reply:
        return json_reply(self.status, {"message": str(self), **self.more})


def json_reply(status: int, value: Any, headers: list[tuple[str, str]] | None = None) -> Reply:
    return Reply(status, dumps(value).encode(), [("content-type", JSON), *(headers or [])])
