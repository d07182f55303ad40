"""What is handed to Textual's workers. No widgets."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any


def job(work: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **named: Any) -> Any:
    """Work for `run_worker`, called when the worker begins: a coroutine that is made before is never awaited if the
    worker is cancelled first, and Python complains of that on the terminal."""
    return partial(work, *args, **named)
