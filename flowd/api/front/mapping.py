"""What a request becomes: a route's payload template over the request, in either query language of the States Language.

In JSONPath `$` is the request, in JSONata `$states.input`; its members are method, path, query, headers, body and
sourceIp. Templates are compiled when routes are loaded; nothing here does I/O.
"""

from __future__ import annotations

import os
from typing import Any

from flowd.asl import templates
from flowd.asl.context import Env
from flowd.asl.faults import Fault
from flowd.asl.intrinsics import IntrinsicSyntaxError
from flowd.asl.paths import PathSyntaxError
from flowd.asl.templates import JSONATA, JSONPATH
from flowd.entropy import Entropy
from flowd.errors import ConfigError
from flowd.frames import ROOT, Execution, Frame
from flowd.payload import Payload
from flowd.routes import Route


class Mapping:
    """How one route makes the input, and the name, of an execution."""

    def __init__(self, route: Route) -> None:
        """Raises ConfigError if a template or a path of the route cannot be used."""
        self._has_input = route.has_input
        language = JSONATA if _has_expression(route.input) else JSONPATH
        try:
            self._input = templates.compile_template(route.input, language, "input")
            self._name = templates.selector(route.execution_name) if route.execution_name else None
        except (PathSyntaxError, IntrinsicSyntaxError) as error:
            raise ConfigError(f"{route.source}: {route.method} {route.path}: {error}") from None

    def input(self, document: dict[str, Any], now_ms: int) -> str:
        """The input's JSON text; without a template the body. Raises Fault."""
        if not self._has_input:
            return Payload.of(document["body"]).text
        env, template = _env(document, now_ms), self._input
        return templates.payload_of(template, env, document).text

    def name(self, document: dict[str, Any], now_ms: int) -> str | None:
        """The execution's name, if the request gives one."""
        if self._name is None:
            return None
        try:
            found = self._name.evaluate(_env(document, now_ms), document)
        except Fault:
            return None
        return found if isinstance(found, str) and found else None


def _has_expression(value: Any) -> bool:
    if isinstance(value, str):
        return templates.expression_text(value) is not None
    if isinstance(value, dict):
        return any(_has_expression(member) for member in value.values())
    return isinstance(value, list) and any(_has_expression(entry) for entry in value)


class _NoFrames:
    def frame(self, frame_id: str) -> Frame:
        raise KeyError(frame_id)


def _env(document: dict[str, Any], now_ms: int) -> Env:
    """A state that is in no execution: its input is the request."""
    given = Payload.of(document)
    execution = Execution(arn="", name="", machine_arn="", machine_name="", role_arn="", input=given, started_ms=now_ms)
    frame = Frame(id=ROOT, state="HTTP", input=given, entered_ms=now_ms)
    return Env(execution, _NoFrames(), frame, now_ms, Entropy(os.urandom(32)))
