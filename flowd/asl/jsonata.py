"""JSONata as Step Functions speaks it: the only module that knows the engine. Usable from any thread."""

from __future__ import annotations

from typing import Any, Final

from flowd.entropy import Entropy
from flowd.errors import FlowdError


class Undefined:
    """The type of UNDEFINED."""

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = Undefined()


class JsonataError(FlowdError):
    """An expression failed; `str()` is "CODE: text", as AWS words it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def evaluate(expression: str, bindings: dict[str, Any], now_ms: int, entropy: Entropy) -> Any:
    """The expression's value as JSON, or UNDEFINED. `bindings` has names without `$`. Raises JsonataError; its code is
    UNSUPPORTED_RESULT if the value is a function or not a number."""
    raise NotImplementedError


def check(expression: str) -> str | None:
    """What is wrong with the expression's syntax, None if nothing is."""
    raise NotImplementedError


def variables(expression: str) -> set[str]:
    """Names (without `$`) of the variables and functions the expression refers to."""
    raise NotImplementedError
