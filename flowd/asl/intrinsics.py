"""The intrinsic functions `States.*` of JSONPath templates. Pure: chance comes in as Entropy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowd.entropy import Entropy
from flowd.errors import FlowdError


class IntrinsicSyntaxError(FlowdError):
    """The text is not a call of an intrinsic function."""


class IntrinsicFailure(FlowdError):
    """An intrinsic function failed at run time: States.IntrinsicFailure with this message as its cause."""


class Intrinsic:
    """A compiled call."""

    text: str

    def evaluate(self, value: Any, context: Any, variables: Mapping[str, Any], entropy: Entropy) -> Any:
        """The call's result. Raises IntrinsicFailure, and PathError if an argument's path finds nothing."""
        raise NotImplementedError


def is_intrinsic(text: str) -> bool:
    """True if the text is meant as a call (it begins like one); whether it is a good one compile_intrinsic tells."""
    return text.startswith("States.")


def compile_intrinsic(text: str) -> Intrinsic:
    """The call written as `text`. Raises IntrinsicSyntaxError."""
    raise NotImplementedError
