"""JSONPath as Step Functions speaks it: paths that read a document and reference paths that write into one.

`$` is the state's data, `$$` the Context object, `$name` a variable. Pure: a path never changes what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowd.errors import FlowdError


class PathSyntaxError(FlowdError):
    """The text is not a path."""


class PathError(FlowdError):
    """A path found nothing, or something of the wrong shape; the message is AWS's detail text."""


class Path:
    """A compiled path. `text` is what was written; `definite` is True if it names at most one node."""

    text: str
    definite: bool

    def evaluate(self, value: Any, context: Any, variables: Mapping[str, Any]) -> Any:
        """What the path names; a list of hits (perhaps empty) if it is indefinite. Raises PathError."""
        raise NotImplementedError


class ReferencePath(Path):
    """A path that names exactly one place."""

    def place(self, target: Any, value: Any) -> Any:
        """`target` with `value` at this place; nothing is changed in place. Raises PathError."""
        raise NotImplementedError


def compile_path(text: str) -> Path:
    """The path written as `text`. Raises PathSyntaxError."""
    raise NotImplementedError


def compile_reference(text: str) -> ReferencePath:
    """The reference path written as `text`. Raises PathSyntaxError."""
    raise NotImplementedError
